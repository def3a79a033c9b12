//! The table grows whatever else its writers do (guarantee A: a read's steps are bounded by the
//! entries of its bucket, which are few), and stays wide enough when it shrinks.
//!
//! Keys of equal hash are in no table apart: there the work grows with their number, and no faster.
//!
//! The work of reads is counted in comparisons of keys: keys this small are compared with every
//! node of the bucket that a read passes.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::sync::Barrier;
use std::thread;

use super::maps::{HashMap, builder};
use crate::hashers::Quality;

thread_local! {
    static COMPARISONS: Cell<usize> = const { Cell::new(0) };
}

#[derive(Clone, Copy, Eq)]
struct Counted(u32);

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        COMPARISONS.set(COMPARISONS.get() + 1);
        self.0 == other.0
    }
}

impl Hash for Counted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

const KEYS: u32 = 5_000;

/// Comparisons a read of each of the keys, which are all there.
fn comparisons_per_read(map: &HashMap<Counted, u32>) -> f64 {
    let map = map.pin();
    COMPARISONS.set(0);
    for key in 0..KEYS {
        assert_eq!(map.get(&Counted(key)), Some(&key));
    }
    COMPARISONS.get() as f64 / f64::from(KEYS)
}

/// Inserts all keys, with `other` writes after each of them.
fn filled(other: impl Fn(&HashMap<Counted, u32>, u32)) -> HashMap<Counted, u32> {
    let map = HashMap::default();
    for key in 0..KEYS {
        map.pin().insert(Counted(key), key);
        other(&map, key);
    }
    map
}

fn assert_grown(map: &HashMap<Counted, u32>) {
    let comparisons = comparisons_per_read(map);
    // A table that is full has one entry a bucket; the node that is found is compared twice.
    assert!(comparisons < 4.0, "{comparisons} comparisons a read");
}

/// Each thread has a clock of its own with the default back end, and none of these runs far.
#[test]
fn by_many_threads_that_insert_a_little() {
    const THREADS: u32 = 200;
    let map = HashMap::default();
    let all_have_inserted = Barrier::new(THREADS as usize);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (map, all_have_inserted) = (&map, &all_have_inserted);
            scope.spawn(move || {
                for key in (thread..KEYS).step_by(THREADS as usize) {
                    map.pin().insert(Counted(key), key);
                }
                // Nobody takes over the place of another.
                all_have_inserted.wait();
            });
        }
    });
    assert_grown(&map);
}

#[test]
fn by_insertions_alone() {
    assert_grown(&filled(|_, _| {}));
}

/// The length is looked at every n-th write, which here is always a replacement.
#[test]
fn between_replacements() {
    assert_grown(&filled(|map, _| {
        map.pin().insert(Counted(0), 0);
    }));
}

#[test]
fn between_removals() {
    for removals in 1..4 {
        assert_grown(&filled(|map, key| {
            for n in 0..removals {
                let passing = Counted(1_000_000 + 4 * key + n);
                map.pin().insert(passing, 0);
                map.pin().remove(&passing);
            }
        }));
    }
}

#[test]
fn by_many_threads() {
    let map = HashMap::default();
    std::thread::scope(|scope| {
        let writers = (0..4).map(|thread| {
            let map = &map;
            scope.spawn(move || {
                for key in (thread..KEYS).step_by(4) {
                    map.pin().insert(Counted(key), key);
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.join().unwrap();
        }
    });
    assert_grown(&map);
}

#[test]
fn when_collected_or_presized() {
    assert_grown(&(0..KEYS).map(|key| (Counted(key), key)).collect());
    let map = builder().capacity(KEYS as usize).build();
    for key in 0..KEYS {
        map.pin().insert(Counted(key), key);
    }
    assert_grown(&map);
}

#[test]
fn when_reserved() {
    let map = HashMap::default();
    map.reserve(KEYS as usize);
    let capacity = map.capacity();
    for key in 0..KEYS {
        map.pin().insert(Counted(key), key);
    }
    assert_eq!(map.capacity(), capacity);
    assert_grown(&map);
}

/// What has left the table is made anew.
#[test]
fn again_after_it_has_shrunk() {
    type Map = HashMap<Counted, u32>;
    let empties: [fn(&Map); 3] = [
        |map| map.pin().clear(),
        |map| {
            for key in 0..KEYS {
                assert_eq!(map.pin().remove(&Counted(key)), Some(&key));
            }
        },
        // A few are left, and the table shrinks no further than it has to.
        |map| map.pin().retain(|key, _| key.0 < 100),
    ];
    let map = Map::default();
    for empty in empties.into_iter().cycle().take(9) {
        for key in 0..KEYS {
            map.pin().insert(Counted(key), key);
        }
        assert_grown(&map);
        empty(&map);
        assert!(map.capacity() < KEYS as usize / 4);
    }
}

/// Reads of what is left stay short while the table shrinks: where a shrinking begins, and at the
/// first few strides of it.
#[test]
fn never_too_little_while_it_shrinks() {
    const FEW: u32 = 20;
    let map = filled(|_, _| {});
    let (mut capacity, mut since) = (map.capacity(), u32::MAX);
    for removed in 0..KEYS - FEW {
        map.pin().remove(&Counted(removed));
        since = since.saturating_add(1);
        if map.capacity() < capacity {
            (capacity, since) = (map.capacity(), 0);
        }
        if since > 5 {
            continue;
        }
        let pinned = map.pin();
        COMPARISONS.set(0);
        for key in removed + 1..KEYS {
            assert_eq!(pinned.get(&Counted(key)), Some(&key));
        }
        let reads = KEYS - removed - 1;
        let comparisons = COMPARISONS.get() as f64 / f64::from(reads);
        assert!(
            comparisons < 4.0,
            "{comparisons} comparisons a read of {reads} keys, with room for {capacity}"
        );
    }
    assert!(capacity <= 256);
}

/// An operation on a run of equal hashes passes each of its keys at most once. (A read that finds
/// its key first compares it twice.)
#[test]
fn equal_hashes_are_work_by_their_number() {
    const RUN: u32 = 1_000;
    let map = builder().hasher(Quality::Constant).build();
    let costs = |most: u32, act: &dyn Fn()| {
        COMPARISONS.set(0);
        act();
        let comparisons = COMPARISONS.get();
        assert!(
            comparisons <= most.max(2) as usize,
            "{comparisons} comparisons among {most}"
        );
    };
    for key in 0..RUN {
        costs(key, &|| {
            assert_eq!(map.pin().insert(Counted(key), key), None);
        });
    }
    for key in 0..RUN {
        costs(RUN, &|| {
            assert_eq!(map.pin().get(&Counted(key)), Some(&key));
        });
    }
    costs(RUN, &|| assert_eq!(map.pin().get(&Counted(RUN)), None));
    costs(RUN, &|| assert_eq!(map.pin().remove(&Counted(RUN)), None));
    costs(RUN, &|| {
        assert_eq!(map.pin().insert(Counted(7), 8), Some(&7));
    });
    // Neither from the front nor from the back.
    for n in 0..RUN {
        let key = n * 7 % RUN;
        costs(RUN - n, &|| {
            assert!(map.pin().remove(&Counted(key)).is_some());
        });
    }
    assert!(map.is_empty());
    map.flush();
    assert_eq!(map.capacity(), 3);
}
