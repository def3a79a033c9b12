use splitmap::HashMap;

fn main() {
    let value = String::from("one");
    let map = HashMap::new();
    map.pin().insert(1, value.as_str());
    map.enroll();
    assert_eq!(map.get_cloned(&1), Some("one"));
}
