use splitmap::HashMap;

fn main() {
    let map = HashMap::from([(1, String::new())]);
    let value = map.view(&1, |value| value.len());
    assert!(value.is_some());
}
