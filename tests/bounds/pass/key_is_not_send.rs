use std::rc::Rc;

use splitmap::HashMap;

fn main() {
    let key = Rc::new(1);
    let map = HashMap::<Rc<u64>, u64>::new();
    map.pin().insert(Rc::clone(&key), 7);
    // On the map's own thread.
    assert_eq!(map.pin().remove(&1).copied(), Some(7));
    drop(map);
    assert_eq!(Rc::strong_count(&key), 1);
}
