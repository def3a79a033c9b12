use splitmap::{Crossbeam, HashMap};

fn main() {
    let name = String::from("key");
    let map = HashMap::<&str, u64>::builder().reclaimer::<Crossbeam>().build();
    map.pin().insert(name.as_str(), 1);
}
