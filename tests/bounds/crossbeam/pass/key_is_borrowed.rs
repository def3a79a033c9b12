use splitmap::{Crossbeam, HashMap};

fn main() {
    let name = String::from("key");
    let map = HashMap::<String, u64>::builder().reclaimer::<Crossbeam>().build();
    map.pin().insert(name.clone(), 1);
    // A lookup may borrow.
    assert_eq!(map.pin().get(name.as_str()), Some(&1));
}
