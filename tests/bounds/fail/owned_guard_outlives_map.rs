use splitmap::HashMap;

fn main() {
    let map = HashMap::<u64, u64>::new();
    let guard = map.owned_guard();
    drop(map);
    drop(guard);
}
