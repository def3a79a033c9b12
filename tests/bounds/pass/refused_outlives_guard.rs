use splitmap::HashMap;

fn main() {
    let map = HashMap::from([(1, String::new())]);
    let guard = map.guard();
    let refused = map.try_insert(1, String::new(), &guard).unwrap_err();
    let given_back = (refused.key, refused.not_inserted);
    drop(guard);
    assert_eq!(given_back, (1, String::new()));
}
