use std::cell::Cell;

use splitmap::HashMap;

fn main() {
    let map = HashMap::from([(1, Cell::new(2))]);
    std::thread::scope(|scope| {
        scope.spawn(|| map.pin().get(&1).map(|cell| cell.replace(3)));
    });
}
