#![deny(unused_must_use)]

use splitmap::{Entry, HashMap};

fn main() {
    let map = HashMap::<u32, u32>::new();
    let map = map.pin();
    if let Entry::Vacant(entry) = map.entry(1) {
        entry.insert(1);
    }
    if let Entry::Vacant(entry) = map.entry(1) {
        entry.insert_entry(1);
    }
    if let Entry::Occupied(entry) = map.entry(1) {
        entry.insert(1);
    }
    if let Entry::Occupied(entry) = map.entry(1) {
        entry.remove();
    }
    if let Entry::Occupied(entry) = map.entry(1) {
        entry.remove_entry();
    }
}
