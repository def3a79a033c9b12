use std::rc::Rc;

use splitmap::HashMap;

fn main() {
    let map = HashMap::from([(1, Rc::new(1))]);
    map.enroll();
}
