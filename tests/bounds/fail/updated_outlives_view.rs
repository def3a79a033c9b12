use splitmap::HashMap;

fn main() {
    let map = HashMap::from([(1, 2)]);
    let view = map.pin();
    let updated = view.update(1, |value| value + 1);
    drop(view);
    assert_eq!(updated, Some(&3));
}
