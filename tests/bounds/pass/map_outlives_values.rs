use splitmap::HashMap;

struct Last<'a>(&'a String);

impl Drop for Last<'_> {
    fn drop(&mut self) {
        assert_eq!(self.0, "read when the map is dropped");
    }
}

fn main() {
    let text = String::from("read when the map is dropped");
    let map = HashMap::<u64, Last>::new();
    map.pin().insert(1, Last(&text));
}
