use splitmap::HashMap;

fn main() {
    let map = HashMap::from([(1, String::new())]);
    let mut seen = None;
    let update = |value: &String| {
        seen = Some(value.clone());
        String::new()
    };
    map.pin().update(1, update);
    assert!(seen.is_some());
}
