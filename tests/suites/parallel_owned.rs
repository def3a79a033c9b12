//! Parallel iteration under guards that can be sent.

use rayon::prelude::*;

use super::maps::HashMap;

/// A guard that can be sent will do as well, and one iterator for two threads.
#[test]
fn an_owned_guard_protects_a_parallel_iteration() {
    let map: HashMap<u64, u64> = (0..1_000).map(|key| (key, key)).collect();
    let guard = map.owned_guard();
    let entries = map.par_iter(&guard);
    let (here, there) = rayon::join(|| entries.clone().count(), || entries.clone().count());
    assert_eq!((here, there), (1_000, 1_000));
    assert_eq!(map.pin_owned().par_keys().count(), 1_000);
    assert_eq!(map.with_guard(&guard).par_values().count(), 1_000);
}
