use splitmap::{Crossbeam, HashMap};

fn main() {
    let text = String::from("value");
    let map = HashMap::<u64, &str>::builder().reclaimer::<Crossbeam>().build();
    map.pin().insert(1, text.as_str());
}
