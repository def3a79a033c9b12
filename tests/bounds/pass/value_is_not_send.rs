use std::rc::Rc;

use splitmap::HashMap;

fn main() {
    let map = HashMap::<u64, Rc<u64>>::new();
    let value = Rc::new(7);
    map.pin().insert(1, Rc::clone(&value));
    drop(map);
    assert_eq!(Rc::strong_count(&value), 1);
}
