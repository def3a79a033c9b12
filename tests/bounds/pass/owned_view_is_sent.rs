use std::sync::atomic::{AtomicU8, Ordering};

use splitmap::HashMap;

fn main() {
    let map = HashMap::from([(1, AtomicU8::new(1))]);
    let view = map.pin_owned();
    std::thread::scope(|scope| {
        scope.spawn(move || assert_eq!(view.get(&1).map(|cell| cell.swap(2, Ordering::Relaxed)), Some(1)));
    });
}
