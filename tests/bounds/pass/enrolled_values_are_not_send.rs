use std::sync::Arc;

use splitmap::HashMap;

fn main() {
    let map = HashMap::from([(1, Arc::new(1))]);
    map.enroll();
}
