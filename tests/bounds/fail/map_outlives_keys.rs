use splitmap::HashMap;

fn main() {
    let map = HashMap::<&str, u64>::new();
    {
        let name = String::from("key");
        map.pin().insert(name.as_str(), 1);
    }
    assert_eq!(map.len(), 1);
}
