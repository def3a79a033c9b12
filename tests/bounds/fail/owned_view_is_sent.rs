use std::cell::Cell;

use splitmap::HashMap;

fn main() {
    let map = HashMap::from([(1, Cell::new(1))]);
    let view = map.pin_owned();
    std::thread::scope(|scope| {
        scope.spawn(move || assert_eq!(view.get(&1).map(|cell| cell.replace(2)), Some(1)));
    });
}
