use splitmap::HashMap;

fn main() {
    let mut map = HashMap::from([(1, 2)]);
    let one = map.iter_mut().next();
    assert!(one.is_some());
    let other = map.get_mut(&1);
    assert!(other.is_some());
}
