use splitmap::{Crossbeam, HashMap};

fn main() {
    let text = String::from("value");
    let map = HashMap::<u64, String>::builder().reclaimer::<Crossbeam>().build();
    map.pin().insert(1, text.clone());
    let own = HashMap::<u64, &'static str>::builder().reclaimer::<Crossbeam>().build();
    own.pin().insert(1, "for ever");
}
