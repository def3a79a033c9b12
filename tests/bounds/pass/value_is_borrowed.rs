use splitmap::HashMap;

fn main() {
    let text = String::from("value");
    let map = HashMap::<u64, String>::new();
    map.pin().insert(1, text.clone());
    let own = HashMap::<u64, &'static str>::new();
    own.pin().insert(1, "for ever");
}
