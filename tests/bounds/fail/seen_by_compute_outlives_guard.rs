use splitmap::{HashMap, Operation};

fn main() {
    let map = HashMap::from([(1, String::new())]);
    let guard = map.guard();
    let mut seen = None;
    let look = |entry| {
        seen = entry;
        Operation::Abort(())
    };
    map.compute(1, look, &guard);
    drop(guard);
    assert!(seen.is_some());
}
