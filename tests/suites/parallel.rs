//! Parallel iterators meet every entry once, and drop it once (guarantees D and F), on every back
//! end. (Needs the feature `rayon`. That ranges of hashes overlap nowhere, at their ends: the unit
//! tests of `src/raw/ranges.rs`.)

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use splitmap::DefaultHashBuilder;

use super::R;
use super::maps::{HashMap, builder};
use crate::hashers::Quality;

type HashSet<T, S = DefaultHashBuilder> = splitmap::HashSet<T, S, R>;

/// Many threads, as rayon divides by their number at first.
static POOL: LazyLock<ThreadPool> =
    LazyLock::new(|| ThreadPoolBuilder::new().num_threads(32).build().unwrap());

/// Counts by number.
struct Tally(Vec<AtomicU32>);

impl Tally {
    fn new(numbers: usize) -> Tally {
        Tally((0..numbers).map(|_| AtomicU32::new(0)).collect())
    }

    fn count(&self, number: u64) {
        self.0[usize::try_from(number).unwrap()].fetch_add(1, Ordering::Relaxed);
    }

    fn assert_all(&self, times: u32) {
        for (number, count) in self.0.iter().enumerate() {
            let count = count.load(Ordering::Relaxed);
            assert_eq!(count, times, "number {number}: {count} times");
        }
    }
}

/// Maps of 0 to so many keys, inserted one by one, so that the table is left in every state of a
/// growth; and shrunk ones.
fn maps(quality: Quality) -> impl Iterator<Item = HashMap<u64, u64, Quality>> {
    let most = if quality.crowds() { 100 } else { 3_000 };
    let sizes = (0..40).chain((40..most).step_by(97)).chain([most]);
    sizes.flat_map(move |size| {
        let map = builder().hasher(quality).build();
        (0..size).for_each(|key| {
            map.pin().insert(key, !key);
        });
        let shrunk = builder().hasher(quality).build();
        (0..size + 300).for_each(|key| {
            shrunk.pin().insert(key, !key);
        });
        (size..size + 300).for_each(|key| {
            shrunk.pin().remove(&key);
        });
        [map, shrunk]
    })
}

#[test]
fn every_entry_is_met_once() {
    for quality in Quality::ALL {
        for mut map in maps(quality) {
            let len = map.len();
            let (entries, keys, values, by_trait) = (
                Tally::new(len),
                Tally::new(len),
                Tally::new(len),
                Tally::new(len),
            );
            POOL.install(|| {
                let view = map.pin();
                view.par_iter().for_each(|(&key, &value)| {
                    assert_eq!(value, !key);
                    entries.count(key);
                });
                let guard = map.guard();
                map.par_keys(&guard).for_each(|&key| keys.count(key));
                map.par_values(&guard)
                    .for_each(|&value| values.count(!value));
                (&view)
                    .into_par_iter()
                    .for_each(|(&key, _)| by_trait.count(key));
            });
            for tally in [entries, keys, values, by_trait] {
                tally.assert_all(1);
            }

            let (changed, mutable) = (Tally::new(len), Tally::new(len));
            POOL.install(|| {
                map.par_iter_mut().for_each(|(&key, value)| {
                    changed.count(key);
                    *value = key;
                });
                map.par_values_mut().for_each(|value| {
                    mutable.count(*value);
                    *value += 1;
                });
            });
            for tally in [changed, mutable] {
                tally.assert_all(1);
            }
            assert!(map.pin().iter().all(|(key, value)| *value == key + 1));
            assert_eq!(map.pin().iter().count(), len);

            let owned = Tally::new(len);
            POOL.install(|| {
                map.into_par_iter().for_each(|(key, value)| {
                    assert_eq!(value, key + 1);
                    owned.count(key);
                });
            });
            owned.assert_all(1);
        }
    }
}

#[test]
fn every_value_of_a_set_is_met_once() {
    for size in [0, 1, 2, 100, 5_000] {
        let set: HashSet<u64> = (0..size).collect();
        let len = usize::try_from(size).unwrap();
        let (shared, viewed, owned) = (Tally::new(len), Tally::new(len), Tally::new(len));
        POOL.install(|| {
            set.par_iter(&set.guard())
                .for_each(|&value| shared.count(value));
            let view = set.pin();
            assert_eq!(view.par_iter().count(), len);
            (&view)
                .into_par_iter()
                .for_each(|&value| viewed.count(value));
        });
        POOL.install(|| set.into_par_iter().for_each(|value| owned.count(value)));
        for tally in [shared, viewed, owned] {
            tally.assert_all(1);
        }
    }
}

/// Tells writers to stop, also when a check fails: else they would be waited for without end.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// While others make the table grow and shrink, what stays is met once, and nothing twice.
#[test]
fn what_stays_is_met_once_while_the_table_is_resized() {
    const STAY: u64 = 2_000;
    const COME: u64 = 20_000;
    let map: HashMap<u64, u64> = (0..STAY).map(|key| (key, !key)).collect();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        for writer in 0..2 {
            let (map, stop) = (&map, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let keys = || (STAY..COME).filter(move |key| key % 2 == writer);
                    keys().for_each(|key| {
                        map.pin().insert(key, !key);
                    });
                    // Of those that stay the value is replaced.
                    (0..STAY).for_each(|key| {
                        map.pin().insert(key, !key);
                    });
                    keys().for_each(|key| {
                        map.pin().remove(&key);
                    });
                    map.flush();
                }
            });
        }
        let (mut narrow, mut wide) = (usize::MAX, 0);
        let mut rounds = 0;
        // Until the table was seen at different widths.
        while rounds < 60 || narrow >= wide {
            rounds += 1;
            narrow = narrow.min(map.capacity());
            wide = wide.max(map.capacity());
            let met = Tally::new(usize::try_from(COME).unwrap());
            POOL.install(|| {
                map.pin().par_iter().for_each(|(&key, &value)| {
                    assert_eq!(value, !key);
                    met.count(key);
                });
            });
            for (key, count) in met.0.iter().enumerate() {
                let count = count.load(Ordering::Relaxed);
                let stays = key < usize::try_from(STAY).unwrap();
                assert!(
                    count <= 1 && (count == 1 || !stays),
                    "key {key}: {count} times"
                );
            }
        }
    });
}

/// The one guard of the caller protects what other threads met for it.
#[test]
fn what_was_met_is_there_as_long_as_the_guard() {
    const KEYS: u64 = 1_000;
    let map: HashMap<u64, Box<u64>> = (0..KEYS).map(|key| (key, Box::new(key))).collect();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for key in 0..KEYS {
                    map.pin().insert(key, Box::new(key));
                }
                map.flush();
            }
        });
        for _ in 0..50 {
            POOL.install(|| {
                let view = map.pin();
                let met: Vec<(&u64, &Box<u64>)> = view.par_iter().collect();
                assert_eq!(met.len(), 1_000);
                map.flush();
                thread::yield_now();
                assert!(met.iter().all(|(key, value)| **key == ***value));
            });
        }
    });
}

/// A key or value that counts its drops.
struct Counted {
    number: u64,
    drops: Arc<Tally>,
    /// Memory of its own, that a second drop would free twice.
    _memory: Box<u64>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.drops.count(self.number);
    }
}

impl PartialEq for Counted {
    fn eq(&self, other: &Counted) -> bool {
        self.number == other.number
    }
}

impl Eq for Counted {}

impl Hash for Counted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.number);
    }
}

/// A map that was resized, with where the drops of its keys and values are counted together.
fn counted(entries: u64) -> (HashMap<Counted, Counted>, Arc<Tally>) {
    let drops = Arc::new(Tally::new(usize::try_from(entries).unwrap()));
    let counted = |number| Counted {
        number,
        drops: Arc::clone(&drops),
        _memory: Box::new(number),
    };
    let map = HashMap::default();
    for number in 0..entries {
        map.pin().insert(counted(number), counted(number));
    }
    (map, drops)
}

#[test]
fn owned_entries_are_dropped_once() {
    for entries in [0, 1, 2, 50, 5_000] {
        let (map, drops) = counted(entries);
        let kept: Vec<(Counted, Counted)> = POOL.install(|| map.into_par_iter().collect());
        drops.assert_all(0);
        assert_eq!(kept.len(), drops.0.len());
        drop(kept);
        drops.assert_all(2);
    }
}

#[test]
fn owned_entries_that_nobody_asks_for_are_dropped_once() {
    let (map, drops) = counted(1_000);
    drop(map.into_par_iter());
    drops.assert_all(2);
}

#[test]
fn owned_entries_are_dropped_once_when_the_consumer_has_enough() {
    for enough in [0, 1, 10, 4_000] {
        let (map, drops) = counted(5_000);
        let taken: Vec<_> = POOL.install(|| map.into_par_iter().take_any(enough).collect());
        assert_eq!(taken.len(), enough);
        drop(taken);
        drops.assert_all(2);
    }
    let (map, drops) = counted(5_000);
    let found = POOL.install(|| map.into_par_iter().find_any(|(key, _)| key.number == 77));
    assert!(found.is_some());
    drop(found);
    drops.assert_all(2);
}

#[test]
fn owned_entries_are_dropped_once_when_the_consumer_panics() {
    for at in [0, 1, 2_500, 4_999] {
        let (map, drops) = counted(5_000);
        let panic = catch_unwind(AssertUnwindSafe(|| {
            POOL.install(|| {
                map.into_par_iter().for_each(|(key, _)| {
                    assert!(key.number != at, "as planned");
                });
            });
        }));
        assert!(panic.is_err());
        drops.assert_all(2);
    }
}

/// A destructor that panics while the rest is dropped.
#[test]
fn owned_entries_are_dropped_once_when_a_destructor_panics() {
    struct Panics(Arc<Tally>, u64);
    impl Drop for Panics {
        fn drop(&mut self) {
            self.0.count(self.1);
            assert!(self.1 != 100, "as planned");
        }
    }
    let drops = Arc::new(Tally::new(1_000));
    let map: HashMap<u64, Panics> = (0..1_000)
        .map(|key| (key, Panics(Arc::clone(&drops), key)))
        .collect();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        POOL.install(|| map.into_par_iter().take_any(1).for_each(drop));
    }));
    assert!(panic.is_err());
    drops.assert_all(1);
}

#[test]
fn shared_iterations_survive_a_panic() {
    let map: HashMap<u64, u64> = (0..1_000).map(|key| (key, key)).collect();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        POOL.install(|| {
            map.pin()
                .par_keys()
                .for_each(|key| assert!(*key != 77, "as planned"));
        });
    }));
    assert!(panic.is_err());
    assert_eq!(
        POOL.install(|| map.pin().par_values().sum::<u64>()),
        499_500
    );
}

#[test]
fn parallel_iterators_are_collected() {
    let pairs = |n: u64| (n % 1_000, n);
    // Of equal keys the last, as from an iterator that is not parallel.
    let map: HashMap<u64, u64> = POOL.install(|| (0..10_000).into_par_iter().map(pairs).collect());
    let expected: BTreeMap<u64, u64> = (0..10_000).map(pairs).collect();
    assert_eq!(map.into_iter().collect::<BTreeMap<_, _>>(), expected);

    #[derive(Debug)]
    struct Numbered(u64, u64);
    impl PartialEq for Numbered {
        fn eq(&self, other: &Numbered) -> bool {
            self.0 == other.0
        }
    }
    impl Eq for Numbered {}
    impl Hash for Numbered {
        fn hash<H: Hasher>(&self, state: &mut H) {
            state.write_u64(self.0);
        }
    }
    // Of equal values the first.
    let numbered = |n: u64| Numbered(n % 1_000, n);
    let set: HashSet<Numbered> =
        POOL.install(|| (0..10_000).into_par_iter().map(numbered).collect());
    assert_eq!(set.len(), 1_000);
    assert!(set.pin().iter().all(|value| value.0 == value.1));
}

#[test]
fn maps_and_sets_are_extended() {
    let mut map: HashMap<u64, u64> = (0..10).map(|key| (key, 0)).collect();
    map.par_extend((5..5_000_u64).into_par_iter().map(|key| (key, !key)));
    let mut shared = &map;
    shared.par_extend((5_000..9_000_u64).into_par_iter().map(|key| (key, !key)));
    assert_eq!(map.len(), 9_000);
    assert!(
        map.pin()
            .iter()
            .all(|(&key, &value)| value == if key < 5 { 0 } else { !key })
    );

    let mut set: HashSet<u64> = (0..10).collect();
    set.par_extend((5..5_000_u64).into_par_iter());
    let mut shared = &set;
    shared.par_extend((5_000..9_000_u64).into_par_iter());
    assert_eq!(set, (0..9_000).collect());

    // And with copies of what others have.
    let copies = HashMap::<u64, u64>::default();
    let mut shared = &copies;
    shared.par_extend(map.pin().par_iter());
    assert_eq!(copies, map);
    let mut own = HashMap::<u64, u64>::default();
    own.par_extend(map.pin().par_iter());
    assert_eq!(own, map);
    let copies = HashSet::<u64>::default();
    let mut shared = &copies;
    shared.par_extend(set.pin().par_iter());
    assert_eq!(copies, set);
    let mut own = HashSet::<u64>::default();
    own.par_extend(set.pin().par_iter());
    assert_eq!(own, set);
}
