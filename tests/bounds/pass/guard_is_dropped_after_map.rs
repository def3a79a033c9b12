use splitmap::HashMap;

fn main() {
    let map = HashMap::from([(1, "one")]);
    {
        let _guard = map.guard();
    }
    drop(map);
}
