use splitmap::HashMap;

fn main() {
    let map = HashMap::from([(1, String::new())]);
    let mut view = map.pin_owned();
    let value = view.get(&1);
    view.refresh();
    assert!(value.is_some());
}
