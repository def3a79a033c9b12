use splitmap::HashMap;

fn main() {
    let map = HashMap::from([(1, "one")]);
    // Dropped at the end of the scope, and not by name.
    let _guard = map.guard();
    drop(map);
}
