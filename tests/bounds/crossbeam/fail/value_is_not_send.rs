use std::rc::Rc;

use splitmap::{Crossbeam, HashMap};

// No such map can be made: what is removed from it would be dropped on any thread.
fn main() {
    let map = HashMap::<u64, Rc<u64>>::builder().reclaimer::<Crossbeam>().build();
    assert!(map.is_empty());
}
