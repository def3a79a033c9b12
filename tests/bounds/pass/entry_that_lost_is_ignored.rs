#![deny(unused_must_use)]

use splitmap::{Entry, HashMap};

fn main() {
    let map = HashMap::<u32, u32>::new();
    let map = map.pin();
    if let Entry::Vacant(entry) = map.entry(1) {
        assert!(entry.insert(1).is_ok());
    }
    if let Entry::Vacant(entry) = map.entry(2) {
        assert!(entry.insert_entry(1).is_ok());
    }
    if let Entry::Occupied(entry) = map.entry(1) {
        assert!(entry.insert(1).is_ok());
    }
    if let Entry::Occupied(entry) = map.entry(1) {
        assert!(entry.remove().is_some());
    }
    if let Entry::Occupied(entry) = map.entry(2) {
        assert!(entry.remove_entry().is_some());
    }
}
