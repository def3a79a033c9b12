use splitmap::HashMap;

fn main() {
    let map = HashMap::new();
    map.pin().insert(1, "one");
    map.enroll();
    assert_eq!(map.get_cloned(&1), Some("one"));
}
