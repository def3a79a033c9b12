use splitmap::HashMap;

fn main() {
    let map = HashMap::from([(1, String::new())]);
    let value = map.pin().remove(&1);
    assert!(value.is_some());
}
