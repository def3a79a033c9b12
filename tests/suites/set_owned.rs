//! Sets under guards that can be sent.

use std::thread;

use super::set::HashSet;

#[test]
fn a_view_with_an_owned_guard_goes_to_another_thread() {
    let set: HashSet<u64> = (0..100).collect();
    let mut view = set.pin_owned();
    let ours = set.guard();
    thread::scope(|scope| {
        scope.spawn(|| {
            assert!(view.contains(&1));
            assert_eq!(view.take(&1), Some(&1));
            assert!(set.with_guard(&set.owned_guard()).contains(&2));
        });
    });
    // The two guards are of different types.
    let other: HashSet<u64> = (50..150).collect();
    let others = other.guard();
    let both = set.intersection(&other, &ours, &others).count();
    assert_eq!(both, 50);
    let owned = other.owned_guard();
    assert_eq!(set.union(&other, &ours, &owned).count(), 149);
    assert_eq!(view.union(&other.pin()).count(), 149);
    view.refresh();
    assert!(!view.contains(&1));
}
