use splitmap::HashMap;

fn main() {
    let map = HashMap::from([(1, String::new())]);
    let guard = map.guard();
    let mut entries = map.iter(&guard);
    assert!(entries.next().is_some());
    drop(guard);
}
