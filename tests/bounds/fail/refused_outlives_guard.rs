use splitmap::HashMap;

fn main() {
    let map = HashMap::from([(1, String::new())]);
    let guard = map.guard();
    let refused = map.try_insert(1, String::new(), &guard).unwrap_err();
    drop(guard);
    assert!(refused.current.is_empty());
}
