use std::sync::Arc;

use splitmap::{Crossbeam, HashMap};

// What is removed from such a map may be dropped on any thread.
fn main() {
    let map = HashMap::<u64, Arc<u64>>::builder().reclaimer::<Crossbeam>().build();
    assert!(map.is_empty());
}
