use splitmap::HashMap;

fn main() {
    let name = String::from("key");
    let map = HashMap::<&str, u64>::new();
    {
        map.pin().insert(name.as_str(), 1);
    }
    assert_eq!(map.len(), 1);
}
