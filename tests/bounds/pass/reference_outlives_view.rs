use splitmap::HashMap;

fn main() {
    let map = HashMap::from([(1, String::new())]);
    let view = map.pin();
    let value = view.remove(&1);
    assert!(value.is_some());
}
