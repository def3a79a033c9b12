use splitmap::{Compute, HashMap, Operation};

fn main() {
    let map = HashMap::from([(1, String::new())]);
    let guard = map.guard();
    let computed = map.compute(1, |_| Operation::<_, ()>::Remove, &guard);
    drop(guard);
    assert!(matches!(computed, Compute::Removed(1, _)));
}
