use splitmap::HashMap;

fn main() {
    let map = HashMap::from([(1, String::new())]);
    let guard = map.owned_guard();
    let value = map.get(&1, &guard);
    drop(guard);
    assert!(value.is_some());
}
