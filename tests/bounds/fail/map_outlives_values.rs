use splitmap::HashMap;

struct Last<'a>(&'a String);

impl Drop for Last<'_> {
    fn drop(&mut self) {
        assert_eq!(self.0, "read when the map is dropped");
    }
}

fn main() {
    let map = HashMap::<u64, Last>::new();
    let text = String::from("read when the map is dropped");
    map.pin().insert(1, Last(&text));
}
