use splitmap::HashMap;

struct Last<'a>(&'a String);

impl Drop for Last<'_> {
    fn drop(&mut self) {
        assert_eq!(self.0, "read when the map is dropped");
    }
}

// The map is empty, but may still have what was removed.
fn main() {
    let map = HashMap::<u64, Last>::new();
    let text = String::from("read when the map is dropped");
    let view = map.pin();
    view.insert(1, Last(&text));
    view.remove(&1);
    drop(view);
}
