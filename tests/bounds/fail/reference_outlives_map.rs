use splitmap::HashMap;

fn main() {
    let first = HashMap::from([(1, String::new())]);
    let second = HashMap::from([(1, String::new())]);
    let guard = first.guard();
    let value = second.get(&1, &guard);
    drop(second);
    assert!(value.is_some());
}
