//! Parallel iterators meet every entry once, and drop it once (guarantees D and F), on every back
//! end. (Needs the feature `rayon`. That ranges of hashes overlap nowhere, at their ends: the unit
//! tests of `src/raw/ranges.rs`.)

#![allow(clippy::duplicate_mod, reason = "a suite runs on each back end")]

mod hashers;

#[path = "suites"]
mod epoch {
    type R = splitmap::Epoch;
    mod maps;
    mod parallel;
}

#[cfg(feature = "crossbeam-epoch")]
#[path = "suites"]
mod crossbeam {
    type R = splitmap::Crossbeam;
    mod maps;
    mod parallel;
}

#[cfg(feature = "seize")]
#[path = "suites"]
mod seize {
    type R = splitmap::Seize;
    mod maps;
    mod parallel;
}

/// A guard that can be sent will do as well, and one iterator for two threads.
#[test]
fn an_owned_guard_protects_a_parallel_iteration() {
    use rayon::prelude::*;

    let map: splitmap::HashMap<u64, u64> = (0..1_000).map(|key| (key, key)).collect();
    let guard = map.owned_guard();
    let entries = map.par_iter(&guard);
    let (here, there) = rayon::join(|| entries.clone().count(), || entries.clone().count());
    assert_eq!((here, there), (1_000, 1_000));
    assert_eq!(map.pin_owned().par_keys().count(), 1_000);
    assert_eq!(map.with_guard(&guard).par_values().count(), 1_000);
}
