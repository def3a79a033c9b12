use splitmap::HashMap;

fn main() {
    let map = HashMap::from([(1, String::new())]);
    let guard = map.guard();
    let refused = map.try_remove_if(&1, |_, _| false, &guard);
    drop(guard);
    assert!(refused.is_err());
}
