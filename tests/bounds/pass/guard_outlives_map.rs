use splitmap::HashMap;

fn main() {
    let map = HashMap::<u64, u64>::new();
    let guard = map.guard();
    drop(guard);
    drop(map);
}
