use std::rc::Rc;

use splitmap::HashMap;

fn main() {
    let map = HashMap::<Rc<u64>, u64>::new();
    std::thread::scope(|scope| {
        scope.spawn(|| map.pin().remove(&1).copied());
    });
}
