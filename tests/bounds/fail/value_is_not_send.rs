use std::rc::Rc;

use splitmap::HashMap;

fn main() {
    let map = HashMap::<u64, Rc<u64>>::new();
    let value = Rc::new(7);
    map.pin().insert(1, Rc::clone(&value));
    std::thread::spawn(move || drop(map)).join().unwrap();
}
