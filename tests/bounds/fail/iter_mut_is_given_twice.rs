use splitmap::HashMap;

fn main() {
    let mut map = HashMap::from([(1, 2)]);
    let one = map.iter_mut().next();
    let other = map.get_mut(&1);
    assert!(one.is_some() && other.is_some());
}
