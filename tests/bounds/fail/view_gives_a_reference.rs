use splitmap::HashMap;

fn main() {
    let map = HashMap::from([(1, String::new())]);
    let value = map.view(&1, |value| value);
    assert!(value.is_some());
}
