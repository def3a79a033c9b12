use splitmap::HashMap;

fn main() {
    let text = String::from("value");
    let map = HashMap::<u64, &str>::new();
    map.pin().insert(1, text.as_str());
}
