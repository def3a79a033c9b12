//! The bodies of `tests/drops.rs`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, LazyLock, Weak};
use std::thread;

use splitmap::{Compute, Operation, Reclaimer};

use super::R;
use super::maps::{HashMap, builder};

/// Counts drops by number. A test has one of its own, as tests run side by side.
struct Tally<const N: usize> {
    drops: [AtomicU32; N],
}

impl<const N: usize> Tally<N> {
    const fn new() -> Self {
        Tally {
            drops: [const { AtomicU32::new(0) }; N],
        }
    }

    fn of(&self, number: usize) -> u32 {
        self.drops[number].load(Ordering::Acquire)
    }

    fn dropped(&self) -> usize {
        (0..N).filter(|&number| self.of(number) > 0).count()
    }

    /// All that there were went into a map or to an end of their own, and the map is gone.
    fn assert_over(&self) {
        for number in 0..N {
            let drops = self.of(number);
            assert!(drops <= 1, "number {number} was dropped {drops} times");
            if R::DRAINS {
                assert_eq!(drops, 1, "number {number} was not dropped with its map");
            }
        }
    }
}

/// Where drops are counted, whatever its size.
trait Count: Sync {
    fn count(&self, number: usize);
}

impl<const N: usize> Count for Tally<N> {
    fn count(&self, number: usize) {
        self.drops[number].fetch_add(1, Ordering::AcqRel);
    }
}

/// A value, or as a key one that is equal by `id`.
struct Counted {
    id: u64,
    number: usize,
    tally: &'static dyn Count,
    /// Memory of its own, that a second drop would free twice.
    _memory: Box<u64>,
}

impl Counted {
    fn new(id: u64, number: usize, tally: &'static dyn Count) -> Counted {
        Counted {
            id,
            number,
            tally,
            _memory: Box::new(id),
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.tally.count(self.number);
    }
}

impl PartialEq for Counted {
    fn eq(&self, other: &Counted) -> bool {
        self.id == other.id
    }
}

impl Eq for Counted {}

impl Hash for Counted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.id);
    }
}

#[test]
fn dropping_the_map_drops_its_content_once() {
    const ENTRIES: usize = 3_000;
    static KEYS: Tally<ENTRIES> = Tally::new();
    static VALUES: Tally<ENTRIES> = Tally::new();

    let map = HashMap::<Counted, Counted>::default();
    for n in 0..ENTRIES {
        let key = Counted::new(n as u64, n, &KEYS);
        let value = Counted::new(n as u64, n, &VALUES);
        assert!(map.pin().insert(key, value).is_none());
    }
    assert_eq!((KEYS.dropped(), VALUES.dropped()), (0, 0));
    drop(map);
    for n in 0..ENTRIES {
        assert_eq!((KEYS.of(n), VALUES.of(n)), (1, 1), "entry {n}");
    }
}

#[test]
fn after_every_kind_of_removal_the_rest_is_dropped_once() {
    const IDS: usize = 400;
    const ROUNDS: usize = 5;
    const ALL: usize = IDS * ROUNDS;
    static KEYS: Tally<ALL> = Tally::new();
    static VALUES: Tally<ALL> = Tally::new();

    let map = builder::<Counted, Counted>().capacity(8).build();
    let mut number = 0;
    for round in 0..ROUNDS {
        let pinned = map.pin();
        for id in 0..IDS as u64 {
            let key = Counted::new(id, number, &KEYS);
            let value = Counted::new(id, number, &VALUES);
            number += 1;
            pinned.insert(key, value);
        }
        match round {
            0 => pinned.clear(),
            1 => pinned.retain(|key, _| key.id % 2 == 0),
            2 => pinned.keys().for_each(|key| {
                if key.id % 3 == 0 {
                    pinned.remove(key);
                } else if key.id % 3 == 1 {
                    pinned.remove_entry(key);
                }
            }),
            _ => {}
        }
    }
    // The values of the last round are in the map, under keys of that round or of an earlier one.
    let present: Vec<(usize, usize)> = map
        .pin()
        .iter()
        .map(|(key, value)| (key.number, value.number))
        .collect();
    assert_eq!(present.len(), IDS);
    for &(key, value) in &present {
        assert!(value >= ALL - IDS);
        assert_eq!((KEYS.of(key), VALUES.of(value)), (0, 0));
    }
    drop(map);
    for &(key, value) in &present {
        assert_eq!((KEYS.of(key), VALUES.of(value)), (1, 1));
    }
    KEYS.assert_over();
    VALUES.assert_over();
}

#[test]
fn what_is_refused_is_dropped_at_once() {
    static KEYS: Tally<6> = Tally::new();
    static VALUES: Tally<6> = Tally::new();
    let key = |number| Counted::new(1, number, &KEYS);
    let value = |number| Counted::new(1, number, &VALUES);

    let map = HashMap::<Counted, Counted>::default();
    let pinned = map.pin();
    pinned.insert(key(0), value(0));

    let refused = pinned.try_insert(key(1), value(1)).err().unwrap();
    assert_eq!((refused.key.number, refused.not_inserted.number), (1, 1));
    assert_eq!(refused.current.number, 0);
    assert_eq!((KEYS.of(1), VALUES.of(1)), (0, 0), "the error owns them");
    drop(refused);
    assert_eq!((KEYS.of(1), VALUES.of(1)), (1, 1));

    assert_eq!(pinned.get_or_insert(key(2), value(2)).number, 0);
    assert_eq!((KEYS.of(2), VALUES.of(2)), (1, 1));

    let found = pinned.get_or_insert_with(key(3), || unreachable!("the key is there"));
    assert_eq!(found.number, 0);
    assert_eq!(KEYS.of(3), 1);
    drop(value(3));

    // A closure that loses against an insert of its own.
    let found = pinned.get_or_insert_with(Counted::new(2, 4, &KEYS), || {
        pinned.insert(Counted::new(2, 5, &KEYS), value(5));
        value(4)
    });
    assert_eq!(found.number, 5);
    assert_eq!((KEYS.of(4), VALUES.of(4)), (1, 1));

    assert_eq!((KEYS.of(0), VALUES.of(0)), (0, 0));
    assert_eq!((KEYS.of(5), VALUES.of(5)), (0, 0));
    drop(pinned);
    drop(map);
    for number in [0, 5] {
        assert_eq!((KEYS.of(number), VALUES.of(number)), (1, 1));
    }
    KEYS.assert_over();
    VALUES.assert_over();
}

/// Uses the map until the reclaimer has had many occasions to free what was retired before.
fn invite_reclamation(map: &HashMap<Counted, Counted>, id: u64, spare: &'static dyn Count) {
    for _ in 0..2_000 {
        let pinned = map.pin();
        pinned.insert(Counted::new(id, 0, spare), Counted::new(id, 0, spare));
        pinned.remove(&Counted::new(id, 0, spare));
    }
}

/// Drops that nobody looks at.
struct Ignored;

impl Count for Ignored {
    fn count(&self, _: usize) {}
}

#[test]
fn a_guard_keeps_what_it_protects() {
    const IDS: usize = 64;
    static KEYS: Tally<IDS> = Tally::new();
    static VALUES: Tally<IDS> = Tally::new();

    let map = HashMap::<Counted, Counted>::default();
    for n in 0..IDS {
        let key = Counted::new(n as u64, n, &KEYS);
        map.pin().insert(key, Counted::new(n as u64, n, &VALUES));
    }
    let removed = AtomicBool::new(false);
    thread::scope(|scope| {
        let guard = map.guard();
        let protected: Vec<(&Counted, &Counted)> = map.iter(&guard).collect();
        assert_eq!(protected.len(), IDS);
        let remover = scope.spawn(|| {
            // Each way that an entry can go.
            let pinned = map.pin();
            for id in 0..IDS as u64 {
                let key = Counted::new(id, 0, &Ignored);
                match id % 5 {
                    0 => drop(pinned.remove(&key)),
                    1 => drop(pinned.remove_entry(&key)),
                    2 => drop(pinned.insert(key, Counted::new(id, 0, &Ignored))),
                    3 => pinned.retain(|other, _| other.id != id),
                    _ => {}
                }
            }
            pinned.clear();
            drop(pinned);
            removed.store(true, Ordering::Release);
            invite_reclamation(&map, 1 << 20, &Ignored);
        });
        // This thread's own work does not free it either.
        while !removed.load(Ordering::Acquire) && !remover.is_finished() {
            thread::yield_now();
        }
        invite_reclamation(&map, 1 << 21, &Ignored);
        remover.join().unwrap();
        for (key, value) in protected {
            assert_eq!(key.id, value.id);
            assert_eq!((KEYS.of(key.number), VALUES.of(value.number)), (0, 0));
        }
        assert_eq!((KEYS.dropped(), VALUES.dropped()), (0, 0));
    });
    drop(map);
    KEYS.assert_over();
    VALUES.assert_over();
}

#[test]
fn a_pinned_view_keeps_what_it_returned() {
    static VALUES: Tally<2> = Tally::new();
    let map = HashMap::<u64, Counted>::default();
    let pinned = map.pin();
    pinned.insert(7, Counted::new(7, 0, &VALUES));
    let first = pinned.get(&7).unwrap();
    let old = pinned.insert(7, Counted::new(7, 1, &VALUES)).unwrap();
    let second = pinned.remove(&7).unwrap();
    for n in 100..3_000 {
        map.pin().insert(n, Counted::new(n, 0, &Ignored));
        map.pin().remove(&n);
    }
    assert!(std::ptr::eq(first, old));
    assert_eq!((first.number, second.number), (0, 1));
    assert_eq!((VALUES.of(0), VALUES.of(1)), (0, 0));
    drop(pinned);
    drop(map);
    VALUES.assert_over();
}

/// A map that is written for ever must not keep everything that was ever in it.
#[test]
fn removed_entries_are_dropped_while_the_map_lives() {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    struct Freed;
    impl Drop for Freed {
        fn drop(&mut self) {
            DROPS.fetch_add(1, Ordering::Relaxed);
        }
    }

    let map = HashMap::<u64, Freed>::default();
    let mut retired = 0;
    // Far more than any reclaimer holds back. Other tests of this process may hold guards for a
    // while.
    for round in 0..2_000 {
        for key in 0..1_000 {
            let pinned = map.pin();
            retired += usize::from(pinned.insert(key, Freed).is_some());
            if key % 2 == 0 {
                pinned.remove(&key);
                retired += 1;
            }
        }
        if DROPS.load(Ordering::Relaxed) >= 10_000 && round > 20 {
            break;
        }
        thread::yield_now();
    }
    let drops = DROPS.load(Ordering::Relaxed);
    assert!(drops >= 10_000, "{drops} of {retired} were dropped");
    assert!(drops <= retired);
    let present = map.len();
    drop(map);
    let drops = DROPS.load(Ordering::Relaxed);
    assert!(drops <= retired + present);
    if R::DRAINS {
        assert_eq!(drops, retired + present);
    }
}

#[test]
fn threads_together_drop_nothing_twice() {
    const THREADS: usize = 4;
    const EACH: usize = 10_000;
    const ALL: usize = THREADS * EACH;
    const IDS: u64 = 300;
    static KEYS: Tally<ALL> = Tally::new();
    static VALUES: Tally<ALL> = Tally::new();

    let map = HashMap::<Counted, Counted>::default();
    drop(map.pin());
    thread::scope(|scope| {
        let spawn = |thread: usize| {
            let map = &map;
            scope.spawn(move || {
                for n in 0..EACH {
                    let number = thread * EACH + n;
                    let id = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) % IDS;
                    let key = Counted::new(id, number, &KEYS);
                    let value = Counted::new(id, number, &VALUES);
                    let pinned = map.pin();
                    match n % 5 {
                        0 | 1 => {
                            if let Some(old) = pinned.insert(key, value) {
                                assert_eq!((old.id, VALUES.of(old.number)), (id, 0));
                            }
                        }
                        2 => {
                            let found = pinned.get_or_insert(key, value);
                            assert_eq!((found.id, VALUES.of(found.number)), (id, 0));
                        }
                        3 => {
                            if let Some((key, value)) = pinned.remove_entry(&key) {
                                assert_eq!((key.id, KEYS.of(key.number)), (id, 0));
                                assert_eq!((value.id, VALUES.of(value.number)), (id, 0));
                            }
                        }
                        _ => drop(pinned.try_insert(key, value)),
                    }
                    if n % 2_500 == 2_499 {
                        pinned.retain(|key, _| key.id % 4 != thread as u64);
                    }
                }
            })
        };
        let threads: Vec<_> = (0..THREADS).map(spawn).collect();
        for thread in threads {
            thread.join().unwrap();
        }
    });
    let present: Vec<(usize, usize)> = map
        .pin()
        .iter()
        .map(|(key, value)| (key.number, value.number))
        .collect();
    assert_eq!(present.len(), map.len());
    assert!(!present.is_empty());
    drop(map);
    for (key, value) in present {
        assert_eq!((KEYS.of(key), VALUES.of(value)), (1, 1));
    }
    KEYS.assert_over();
    VALUES.assert_over();
}

/// What a closure gave for an entry that is not there any more is dropped at once, but for a value
/// that was made for an absent key: that may be needed again.
#[test]
fn values_that_lost_are_dropped_once() {
    static KEYS: Tally<12> = Tally::new();
    static VALUES: Tally<14> = Tally::new();
    let key = |number| Counted::new(1, number, &KEYS);
    let value = |number| Counted::new(1, number, &VALUES);

    let map = HashMap::<Counted, Counted>::default();
    let pinned = map.pin();
    pinned.insert(key(0), value(0));

    // Lost against a replacement, and asked again.
    let mut asked = 0;
    let updated = pinned.update(key(1), |old| {
        asked += 1;
        assert_eq!(old.number, [0, 2][asked - 1]);
        if asked == 1 {
            pinned.insert(key(2), value(2));
            return value(1);
        }
        assert_eq!(VALUES.of(1), 1, "dropped before it is asked again");
        value(3)
    });
    assert_eq!((updated.unwrap().number, asked), (3, 2));
    assert_eq!(KEYS.of(1), 0, "the key is in the map");

    // Lost against a removal, and not asked.
    let updated = pinned.update(key(3), |_| {
        pinned.remove(&key(4));
        value(4)
    });
    assert!(updated.is_none());
    assert_eq!((KEYS.of(3), KEYS.of(4), VALUES.of(4)), (1, 1, 1));

    // Made, lost against an insertion, whose removal leaves it a place after all.
    let made = pinned.update_or_insert_with(
        key(5),
        |old| {
            assert_eq!((old.number, VALUES.of(5)), (6, 0));
            pinned.remove(&key(7));
            value(7)
        },
        || {
            pinned.insert(key(6), value(6));
            value(5)
        },
    );
    assert_eq!(made.number, 5);
    assert_eq!((VALUES.of(5), VALUES.of(7), KEYS.of(5)), (0, 1, 0));

    // A value that is not needed.
    let updated = pinned.update_or_insert(key(8), |_| value(8), value(9));
    assert_eq!((updated.number, VALUES.of(9)), (8, 1));

    // What compute gave, and then wanted otherwise.
    let mut asked = 0;
    let computed = pinned.compute(key(9), |entry| {
        asked += 1;
        match asked {
            1 => {
                pinned.insert(key(10), value(10));
                Operation::Insert(value(11))
            }
            2 => {
                assert_eq!((entry.unwrap().1.number, VALUES.of(11)), (10, 1));
                Operation::Abort(value(12))
            }
            _ => unreachable!("nobody writes any more"),
        }
    });
    let Compute::Aborted(answer) = computed else {
        panic!("it has left the key as it is");
    };
    assert_eq!((answer.number, VALUES.of(12), KEYS.of(9)), (12, 0, 1));
    drop(answer);
    let removed = pinned.try_remove_if(&key(11), |_, value| value.number == 10);
    assert!(matches!(removed, Ok(Some((key, _))) if key.number == 10));
    drop(value(13));
    drop(pinned);
    drop(map);
    KEYS.assert_over();
    VALUES.assert_over();
}

/// Values that are replaced in place, where the map is borrowed mutably.
#[test]
fn values_that_are_overwritten_are_dropped_once() {
    const IDS: usize = 300;
    static KEYS: Tally<IDS> = Tally::new();
    static VALUES: Tally<{ 3 * IDS }> = Tally::new();

    let mut map = HashMap::<Counted, Counted>::default();
    for n in 0..IDS {
        let key = Counted::new(n as u64, n, &KEYS);
        map.pin().insert(key, Counted::new(n as u64, n, &VALUES));
    }
    let new = |value: &mut Counted| {
        let (id, old) = (value.id, value.number);
        *value = Counted::new(id, old + IDS, &VALUES);
        assert_eq!((VALUES.of(old), VALUES.of(old + IDS)), (1, 0));
    };
    map.values_mut().for_each(new);
    for n in 0..IDS {
        new(map
            .get_mut(&Counted::new(n as u64, n, &Ignored))
            .expect("all are there"));
    }
    assert_eq!((KEYS.dropped(), VALUES.dropped()), (0, 2 * IDS));
    drop(map);
    for n in 0..IDS {
        assert_eq!((KEYS.of(n), VALUES.of(n + 2 * IDS)), (1, 1));
    }
}

#[test]
fn threads_that_compute_drop_nothing_twice() {
    const THREADS: usize = 4;
    const EACH: usize = 6_000;
    const ALL: usize = THREADS * EACH;
    const IDS: u64 = 3;
    static KEYS: Tally<ALL> = Tally::new();
    static MADE: AtomicUsize = AtomicUsize::new(0);
    // A closure that is asked again makes one more.
    static VALUES: Tally<{ 4 * ALL }> = Tally::new();

    let map = HashMap::<Counted, Counted>::default();
    drop(map.pin());
    thread::scope(|scope| {
        let spawn = |thread: usize| {
            let map = &map;
            scope.spawn(move || {
                for n in 0..EACH {
                    let number = thread * EACH + n;
                    let id = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) % IDS;
                    let key = Counted::new(id, number, &KEYS);
                    let make = || {
                        if n % 8 == 0 {
                            // Others come first.
                            thread::yield_now();
                        }
                        let number = MADE.fetch_add(1, Ordering::Relaxed);
                        Counted::new(id, number, &VALUES)
                    };
                    let alive = |value: &Counted| {
                        assert_eq!((value.id, VALUES.of(value.number)), (id, 0));
                    };
                    let update = |value: &Counted| {
                        alive(value);
                        make()
                    };
                    let pinned = map.pin();
                    match n / 3 % 5 {
                        0 => alive(pinned.update_or_insert_with(key, update, make)),
                        1 => pinned.update(key, update).into_iter().for_each(alive),
                        2 => match pinned.compute(key, |entry| match entry {
                            Some((_, old)) if old.number % 2 == 0 => Operation::Remove,
                            Some((_, old)) => Operation::Insert(update(old)),
                            None => Operation::Abort(make()),
                        }) {
                            Compute::Removed(_, value) => alive(value),
                            Compute::Updated { old, new } => {
                                alive(old.1);
                                alive(new.1);
                            }
                            Compute::Aborted(value) => alive(&value),
                            Compute::Inserted(..) | Compute::Absent => {
                                unreachable!("it never wants that")
                            }
                        },
                        3 => alive(pinned.update_or_insert(key, update, make())),
                        _ => match pinned.try_remove_if(&key, |_, value| value.number % 3 > 0) {
                            Ok(Some((key, value))) => {
                                assert_eq!(KEYS.of(key.number), 0);
                                alive(value);
                            }
                            Ok(None) => {}
                            Err((_, value)) => alive(value),
                        },
                    }
                }
            })
        };
        let threads: Vec<_> = (0..THREADS).map(spawn).collect();
        for thread in threads {
            thread.join().unwrap();
        }
    });
    let present: Vec<(usize, usize)> = map
        .pin()
        .iter()
        .map(|(key, value)| (key.number, value.number))
        .collect();
    drop(map);
    for (key, value) in present {
        assert_eq!((KEYS.of(key), VALUES.of(value)), (1, 1));
    }
    for number in MADE.load(Ordering::Relaxed)..4 * ALL {
        drop(Counted::new(0, number, &VALUES));
    }
    KEYS.assert_over();
    VALUES.assert_over();
}

#[test]
fn a_clone_drops_its_own() {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    #[derive(Debug, PartialEq)]
    struct Copied(u64);
    impl Clone for Copied {
        fn clone(&self) -> Copied {
            Copied(self.0)
        }
    }
    impl Drop for Copied {
        fn drop(&mut self) {
            DROPS.fetch_add(1, Ordering::Relaxed);
        }
    }

    let map: HashMap<u64, Copied> = (0..500).map(|n| (n, Copied(n))).collect();
    let copy = map.clone();
    assert_eq!(map, copy);
    drop(map);
    assert_eq!(DROPS.load(Ordering::Relaxed), 500);
    assert_eq!(copy.len(), 500);
    assert!((0..500).all(|n| copy.pin().get(&n).is_some_and(|copied| copied.0 == n)));
    drop(copy);
    assert_eq!(DROPS.load(Ordering::Relaxed), 1_000);
}

#[test]
fn nothing_is_a_fine_key_and_a_fine_value() {
    let map = HashMap::<(), ()>::default();
    let pinned = map.pin();
    assert_eq!(pinned.get(&()), None);
    assert_eq!(pinned.insert((), ()), None);
    assert_eq!(pinned.insert((), ()), Some(&()));
    assert!(pinned.try_insert((), ()).is_err());
    assert_eq!(pinned.iter().count(), 1);
    assert_eq!(pinned.remove_entry(&()), Some((&(), &())));
    assert_eq!(pinned.len(), 0);

    let set = HashMap::<u64, ()>::default();
    for n in 0..2_000 {
        assert_eq!(set.pin().insert(n, ()), None);
    }
    assert!((0..2_000).all(|n| set.pin().contains_key(&n)));
    set.pin().retain(|n, ()| n % 2 == 0);
    assert_eq!(set.len(), 1_000);

    let cell = HashMap::<(), String>::default();
    for n in 0..100 {
        let new = n.to_string();
        let old = cell.pin().insert((), new).cloned();
        assert_eq!(old, (n > 0).then(|| (n - 1).to_string()));
    }
    assert_eq!(cell.pin().get(&()).map(String::as_str), Some("99"));
}

#[test]
fn values_of_no_size_are_dropped_too() {
    static VALUES: AtomicUsize = AtomicUsize::new(0);
    static KEYS: AtomicUsize = AtomicUsize::new(0);
    struct Value;
    impl Drop for Value {
        fn drop(&mut self) {
            VALUES.fetch_add(1, Ordering::Relaxed);
        }
    }
    #[derive(PartialEq, Eq, Hash)]
    struct Key;
    impl Drop for Key {
        fn drop(&mut self) {
            KEYS.fetch_add(1, Ordering::Relaxed);
        }
    }

    let map = HashMap::<u64, Value>::default();
    for n in 0..1_000 {
        map.pin().insert(n, Value);
    }
    assert_eq!(VALUES.load(Ordering::Relaxed), 0);
    drop(map);
    assert_eq!(VALUES.swap(0, Ordering::Relaxed), 1_000);

    let map = HashMap::<Key, Value>::default();
    map.pin().insert(Key, Value);
    assert!(map.pin().try_insert(Key, Value).is_err());
    assert_eq!(KEYS.swap(0, Ordering::Relaxed), 1);
    assert_eq!(VALUES.swap(0, Ordering::Relaxed), 1);
    drop(map);
    assert_eq!(KEYS.swap(0, Ordering::Relaxed), 1);
    assert_eq!(VALUES.swap(0, Ordering::Relaxed), 1);

    let map = HashMap::<Key, Value>::default();
    for round in 0..100 {
        assert_eq!(map.pin().insert(Key, Value).is_some(), round % 4 > 0);
        if round % 4 == 3 {
            assert!(map.pin().remove(&Key).is_some());
        }
    }
    assert!(map.is_empty());
    drop(map);
    // And the keys that were looked up.
    let drops = (KEYS.load(Ordering::Relaxed), VALUES.load(Ordering::Relaxed));
    assert!(drops.0 <= 125 && drops.1 <= 100, "{drops:?}");
    if R::DRAINS {
        assert_eq!(drops, (125, 100));
    }
}

/// Makes a module with a test for keys and values of one alignment.
macro_rules! aligned {
    ($name:ident, $align:literal) => {
        mod $name {
            use super::*;

            #[derive(Clone, PartialEq, Eq, Hash)]
            #[repr(align($align))]
            struct Large(u64);

            #[derive(Clone, PartialEq, Eq, Hash)]
            #[repr(align($align))]
            struct Nothing;

            fn assert_aligned<T>(reference: &T) {
                assert_eq!(align_of::<T>(), $align);
                assert_eq!(std::ptr::from_ref(reference).addr() % $align, 0);
            }

            #[test]
            fn keys_and_values_are_aligned() {
                let keys = HashMap::<Large, u8>::default();
                let values = HashMap::<u8, Large>::default();
                let both = HashMap::<Large, Large>::default();
                for n in 0..=255u8 {
                    let large = Large(u64::from(n) << 40);
                    keys.pin().insert(large.clone(), n);
                    values.pin().insert(n, large.clone());
                    let pinned = both.pin();
                    assert_aligned(pinned.get_or_insert(large.clone(), large));
                }
                for n in 0..=255u8 {
                    let large = Large(u64::from(n) << 40);
                    let pinned = keys.pin();
                    let (key, value) = pinned.get_key_value(&large).unwrap();
                    assert_aligned(key);
                    assert!(*key == large && *value == n);

                    let pinned = values.pin();
                    let value = pinned.insert(n, Large(0)).unwrap();
                    assert_aligned(value);
                    assert!(*value == large);

                    let pinned = both.pin();
                    let (key, value) = pinned.remove_entry(&large).unwrap();
                    assert_aligned(key);
                    assert_aligned(value);
                    assert!(*key == large && *value == large);
                }
                assert!(both.is_empty());
            }

            #[test]
            fn even_nothing_is_aligned() {
                let values = HashMap::<u64, Nothing>::default();
                for n in 0..200 {
                    values.pin().insert(n, Nothing);
                }
                let pinned = values.pin();
                pinned.values().for_each(assert_aligned);
                assert_eq!(pinned.values().count(), 200);

                let key = HashMap::<Nothing, u64>::default();
                let pinned = key.pin();
                pinned.insert(Nothing, 7);
                let (nothing, value) = pinned.get_key_value(&Nothing).unwrap();
                assert_aligned(nothing);
                assert_eq!(*value, 7);
            }
        }
    };
}

aligned!(aligned_to_64, 64);
aligned!(aligned_to_128, 128);
aligned!(aligned_to_4096, 4096);

#[test]
fn large_values_stay_whole() {
    const WORDS: usize = 2_048;
    let map = HashMap::<u64, [u64; WORDS]>::default();
    for n in 0..200 {
        map.pin().insert(n, [n; WORDS]);
    }
    for n in 0..200 {
        let pinned = map.pin();
        let old = pinned.insert(n, [!n; WORDS]).unwrap();
        assert!(old.iter().all(|&word| word == n));
        let new = pinned.get(&n).unwrap();
        assert!(new.iter().all(|&word| word == !n));
    }
}

#[test]
fn memory_of_keys_and_values_is_theirs() {
    let map = HashMap::<String, Box<String>>::default();
    let name = |n: u32| "x".repeat(n as usize % 50) + &n.to_string();
    for n in 0..1_000 {
        map.pin().insert(name(n), Box::new(name(n)));
    }
    for n in 0..1_000 {
        let pinned = map.pin();
        assert_eq!(**pinned.get(name(n).as_str()).unwrap(), name(n));
        if n % 2 == 0 {
            let (key, value) = pinned.remove_entry(name(n).as_str()).unwrap();
            assert_eq!(*key, **value);
        } else {
            let old = pinned.insert(name(n), Box::new(String::new())).unwrap();
            assert_eq!(**old, name(n));
        }
    }
    assert_eq!(map.len(), 500);
}

#[test]
fn shared_owners_are_counted_down_once() {
    let present = Arc::new(0);
    let refused = Arc::new(1);
    let removed = Arc::new(2);
    let map = HashMap::<u64, Arc<u64>>::default();
    for n in 0..100 {
        let pinned = map.pin();
        pinned.insert(n, Arc::clone(&removed));
        pinned.insert(n, Arc::clone(&present));
        pinned.get_or_insert(n, Arc::clone(&refused));
    }
    assert_eq!(Arc::strong_count(&present), 101);
    assert_eq!(Arc::strong_count(&refused), 1);
    drop(map);
    assert_eq!(Arc::strong_count(&present), 1);
    let removed = Arc::strong_count(&removed);
    assert!((1..=101).contains(&removed), "{removed}");
    if R::DRAINS {
        assert_eq!(removed, 1);
    }
}

/// What threads removed that have ended since, or that still run and hold nothing of the map, goes
/// with the map too, whoever drops it.
#[test]
fn what_other_threads_removed_goes_with_the_map() {
    const THREADS: usize = 8;
    const EACH: usize = 60;
    const ALL: usize = THREADS * EACH;
    static KEYS: Tally<ALL> = Tally::new();
    static VALUES: Tally<ALL> = Tally::new();

    let map = Arc::new(HashMap::<Counted, Counted>::default());
    drop(map.pin());
    let (done, all_done) = channel();
    let spawn = |thread: usize| {
        let (map, done) = (Arc::clone(&map), done.clone());
        let (go, stay) = channel::<()>();
        let work = move || {
            for n in thread * EACH..(thread + 1) * EACH {
                let id = n as u64;
                let (key, value) = (Counted::new(id, n, &KEYS), Counted::new(id, n, &VALUES));
                assert!(map.pin().insert(key, value).is_none());
                if n % 4 > 0 {
                    assert!(map.pin().remove(&Counted::new(id, n, &Ignored)).is_some());
                }
            }
            drop(map);
            done.send(()).unwrap();
            // Half of the threads end before the map, the others when `go` is dropped.
            if thread.is_multiple_of(2) {
                assert!(stay.recv().is_err());
            }
        };
        (thread::spawn(work), go)
    };
    let threads: Vec<_> = (0..THREADS).map(spawn).collect();
    drop(done);
    assert_eq!(all_done.iter().take(THREADS).count(), THREADS);
    let (ending, staying): (Vec<_>, Vec<_>) = threads
        .into_iter()
        .enumerate()
        .partition(|(thread, _)| thread % 2 == 1);
    let join = |(_, (thread, go)): (usize, (thread::JoinHandle<()>, Sender<()>))| {
        drop(go);
        thread.join().unwrap();
    };
    ending.into_iter().for_each(join);
    assert_eq!(map.len(), ALL / 4);
    let map = Arc::into_inner(map).expect("nobody else has the map any more");
    thread::spawn(move || drop(map)).join().unwrap();
    KEYS.assert_over();
    VALUES.assert_over();
    staying.into_iter().for_each(join);
}

/// A number from the environment.
fn setting(name: &str, otherwise: usize) -> usize {
    let asked = std::env::var(name).ok();
    asked.map_or(otherwise, |asked| {
        asked
            .parse()
            .unwrap_or_else(|_| panic!("{name}: a number, and not {asked}"))
    })
}

/// Runs on a stack that has no room for a frame an entry.
fn on_a_small_stack<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    let small = thread::Builder::new().stack_size(64 << 10);
    small
        .spawn(act)
        .expect("a thread")
        .join()
        .expect("no panic")
}

#[test]
fn a_crowd_is_dropped_on_a_small_stack() {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    struct Value(u64);
    impl Drop for Value {
        fn drop(&mut self) {
            DROPS.fetch_add(1, Ordering::Relaxed);
        }
    }

    let crowd = setting(
        "SPLITMAP_CROWD",
        if cfg!(debug_assertions) {
            50_000
        } else {
            1_000_000
        },
    );
    let filled = move || -> HashMap<u64, Value> {
        let map: HashMap<u64, Value> = (0..crowd as u64).map(|key| (key, Value(key))).collect();
        assert_eq!(DROPS.swap(0, Ordering::Relaxed), 0);
        map
    };
    let assert_all_dropped = || assert_eq!(DROPS.swap(0, Ordering::Relaxed), crowd);

    let map = filled();
    on_a_small_stack(move || drop(map));
    assert_all_dropped();

    let map = filled();
    on_a_small_stack(move || {
        let mut entries = map.into_iter();
        let first = entries.next().expect("there are many");
        assert_eq!(first.0, first.1.0);
        drop(entries);
    });
    assert_all_dropped();

    let mut map = filled();
    let map = on_a_small_stack(move || {
        let mut drained = map.drain();
        assert!(
            drained
                .by_ref()
                .take(crowd / 2)
                .all(|(key, value)| key == value.0)
        );
        assert_eq!(drained.len(), crowd - crowd / 2);
        drop(drained);
        map
    });
    assert!(map.is_empty());
    assert_all_dropped();

    // Retired by one thread, freed on the small stack. (Each under a guard of its own: a long one would
    // keep what other tests want freed.)
    let map = filled();
    for key in 0..crowd as u64 {
        assert!(map.pin().remove(&key).is_some());
    }
    on_a_small_stack(move || {
        map.flush();
        drop(map);
    });
    let drops = DROPS.load(Ordering::Relaxed);
    assert!(drops <= crowd);
    if R::DRAINS {
        assert_eq!(drops, crowd);
    }
}

/// Counts drops by number, for as many as there are.
#[derive(Clone)]
struct Ledger(Arc<Vec<AtomicU32>>);

impl Ledger {
    fn of(numbers: usize) -> Self {
        Ledger(Arc::new((0..numbers).map(|_| AtomicU32::new(0)).collect()))
    }

    fn drops(&self, number: usize) -> u32 {
        self.0[number].load(Ordering::Acquire)
    }

    fn assert_none_twice(&self) {
        for number in 0..self.0.len() {
            let drops = self.drops(number);
            assert!(drops <= 1, "number {number} was dropped {drops} times");
        }
    }

    /// All numbers went into a map, and the map is gone.
    fn assert_over(&self) {
        self.assert_none_twice();
        let missing = (0..self.0.len()).filter(|&number| self.drops(number) == 0);
        assert!(!R::DRAINS || missing.count() == 0, "some are lost");
    }
}

/// The payload of the panic of a [`Fragile`].
struct Broken;

/// A value whose destructor panics if it says so.
struct Fragile {
    number: usize,
    breaks: bool,
    entered: Entered,
}

/// Noted in the ledger when it is dropped.
struct Entered {
    number: usize,
    ledger: Ledger,
    /// Memory of its own, that a second drop would free twice.
    _memory: Box<usize>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.ledger.0[self.number].fetch_add(1, Ordering::AcqRel);
    }
}

impl Fragile {
    fn new(number: usize, ledger: &Ledger) -> Self {
        Fragile {
            number,
            breaks: false,
            entered: Entered {
                number,
                ledger: ledger.clone(),
                _memory: Box::new(number),
            },
        }
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        assert_eq!(self.number, self.entered.number);
        if self.breaks {
            resume_unwind(Box::new(Broken));
        }
    }
}

/// Runs what must end by the panic of one destructor.
fn breaks(act: impl FnOnce()) {
    match catch_unwind(AssertUnwindSafe(act)) {
        Ok(()) => panic!("the destructor's panic was swallowed"),
        Err(panic) if panic.is::<Broken>() => {}
        Err(panic) => resume_unwind(panic),
    }
}

const PLENTY: usize = 2_000;

/// `PLENTY` entries whose values are their keys' numbers, and behind them what replaced ones and
/// removed ones have left for the reclaimer. The value of `breaking` breaks.
fn with_garbage(ledger: &Ledger, breaking: Option<usize>) -> HashMap<u64, Fragile> {
    let map = HashMap::default();
    let mut garbage = PLENTY..2 * PLENTY;
    let value = |number| {
        let mut value = Fragile::new(number, ledger);
        value.breaks = breaking == Some(number);
        value
    };
    for key in 0..PLENTY {
        if key % 2 == 0 {
            let replaced = value(garbage.next().expect("half of it"));
            assert!(map.pin().insert(key as u64, replaced).is_none());
        }
        map.pin().insert(key as u64, value(key));
    }
    for number in garbage {
        let key = number as u64;
        assert!(map.pin().insert(key, value(number)).is_none());
        assert!(map.pin().remove(&key).is_some());
    }
    map
}

/// Takes entries, and how many are left is known exactly at each step.
fn take_all(
    mut entries: impl ExactSizeIterator<Item = (u64, Fragile)>,
    ledger: &Ledger,
) -> BTreeMap<u64, Fragile> {
    let mut taken = BTreeMap::new();
    for left in (0..PLENTY).rev() {
        let (key, value) = entries.next().expect("there are more");
        assert_eq!(
            (entries.len(), entries.size_hint()),
            (left, (left, Some(left)))
        );
        assert_eq!(key, value.number as u64, "one that was removed or replaced");
        assert_eq!(ledger.drops(value.number), 0);
        assert!(taken.insert(key, value).is_none(), "{key} is given twice");
    }
    for _ in 0..3 {
        assert!(entries.next().is_none());
        assert_eq!(entries.size_hint(), (0, Some(0)));
    }
    taken
}

#[test]
fn into_iter_gives_each_entry_once_and_no_garbage() {
    let ledger = Ledger::of(2 * PLENTY);
    let entries = with_garbage(&ledger, None).into_iter();
    assert_eq!(entries.len(), PLENTY);
    let garbage = (PLENTY..2 * PLENTY).filter(|&number| ledger.drops(number) == 1);
    assert!(!R::DRAINS || garbage.count() == PLENTY, "freed by the call");
    let taken = take_all(entries, &ledger);
    assert_eq!(taken.len(), PLENTY);
    assert!((0..PLENTY).all(|number| ledger.drops(number) == 0));
    drop(taken);
    ledger.assert_over();
}

#[test]
fn drain_gives_each_entry_once_and_no_garbage() {
    let ledger = Ledger::of(2 * PLENTY);
    let mut map = with_garbage(&ledger, None);
    let drained = map.drain();
    assert_eq!(drained.len(), PLENTY);
    let taken = take_all(drained, &ledger);
    assert!((0..PLENTY).all(|number| ledger.drops(number) == 0));
    // The same map, which has nothing to do with what was taken from it.
    assert_eq!(
        (map.len(), map.capacity(), map.pin().iter().count()),
        (0, 0, 0)
    );
    assert!((0..2 * PLENTY as u64).all(|key| map.pin().get(&key).is_none()));
    for (key, value) in taken {
        assert!(map.pin().insert(key, value).is_none());
    }
    assert_eq!(map.len(), PLENTY);
    assert!((0..PLENTY as u64).all(|key| map.pin().get(&key).unwrap().number as u64 == key));
    drop(map);
    ledger.assert_over();
}

/// What is not taken is dropped with the iterator; of a drained map the borrow ends then.
#[test]
fn what_is_not_taken_is_dropped_with_the_iterator() {
    for part in [0, 1, 17, PLENTY / 2, PLENTY - 1, PLENTY] {
        let ledger = Ledger::of(2 * PLENTY);
        let taken: Vec<_> = with_garbage(&ledger, None).into_iter().take(part).collect();
        let dropped = (0..PLENTY).filter(|&number| ledger.drops(number) == 1);
        assert_eq!(dropped.count(), PLENTY - part);
        drop(taken);
        ledger.assert_over();

        let ledger = Ledger::of(2 * PLENTY);
        let mut map = with_garbage(&ledger, None);
        let taken: Vec<_> = map.drain().take(part).collect();
        let dropped = (0..PLENTY).filter(|&number| ledger.drops(number) == 1);
        assert_eq!(dropped.count(), PLENTY - part);
        assert_eq!((taken.len(), map.len()), (part, 0));
        map.pin().insert(1, Fragile::new(0, &Ledger::of(1)));
        assert_eq!(map.len(), 1);
        drop((taken, map));
        ledger.assert_over();
    }
}

/// On any thread, and after the map.
#[test]
fn entries_that_were_taken_go_anywhere() {
    let ledger = Ledger::of(2 * PLENTY);
    let entries = with_garbage(&ledger, None).into_iter();
    let on_another = thread::spawn(move || entries.skip(100).map(|(_, value)| value.number).max());
    assert!(on_another.join().unwrap() >= Some(PLENTY - 101));
    ledger.assert_over();

    let map: HashMap<u64, u64> = (0..100).zip(0..).collect();
    let mut sum = 0;
    for (key, value) in map {
        sum += key + value;
    }
    assert_eq!(sum, 2 * 99 * 50);
}

#[test]
fn a_panic_in_the_drop_of_the_map_loses_nothing() {
    for breaking in [0, 1, PLENTY / 2, PLENTY - 1] {
        let ledger = Ledger::of(2 * PLENTY);
        let map = with_garbage(&ledger, Some(breaking));
        breaks(|| drop(map));
        assert!((0..PLENTY).all(|number| ledger.drops(number) == 1));
        ledger.assert_over();
    }
}

#[test]
fn a_panic_in_a_part_of_into_iter_loses_nothing() {
    for part in [0, 1, 700, PLENTY] {
        for breaking in [0, 1, PLENTY / 2, PLENTY - 1] {
            let ledger = Ledger::of(2 * PLENTY);
            let mut entries = with_garbage(&ledger, Some(breaking)).into_iter();
            let mut taken: Vec<_> = entries.by_ref().take(part).collect();
            let is_taken = |(_, value): &&mut (u64, Fragile)| value.breaks;
            match taken.iter_mut().find(is_taken) {
                // It breaks no more, in nobody's hands but ours.
                Some((_, value)) => {
                    value.breaks = false;
                    drop(entries);
                }
                None => breaks(|| drop(entries)),
            }
            let dropped = (0..PLENTY).filter(|&number| ledger.drops(number) == 1);
            assert_eq!(dropped.count(), PLENTY - part);
            drop(taken);
            ledger.assert_over();
        }
    }
}

#[test]
fn a_panic_in_a_part_of_drain_loses_nothing() {
    for part in [0, 1, 700] {
        for breaking in [0, 1, PLENTY / 2, PLENTY - 1] {
            let ledger = Ledger::of(2 * PLENTY);
            let mut map = with_garbage(&ledger, Some(breaking));
            let mut drained = map.drain();
            let mut taken: Vec<_> = drained.by_ref().take(part).collect();
            let is_taken = |(_, value): &&mut (u64, Fragile)| value.breaks;
            match taken.iter_mut().find(is_taken) {
                Some((_, value)) => {
                    value.breaks = false;
                    drop(drained);
                }
                None => breaks(|| drop(drained)),
            }
            let dropped = (0..PLENTY).filter(|&number| ledger.drops(number) == 1);
            assert_eq!(dropped.count(), PLENTY - part);
            // And the map is an empty one.
            assert_eq!((map.len(), map.pin().iter().count()), (0, 0));
            for (key, value) in taken {
                map.pin().insert(key, value);
            }
            assert_eq!(map.len(), part);
            drop(map);
            ledger.assert_over();
        }
    }
}

/// The rest is lost then, as the words say, and nothing else.
#[test]
fn a_leaked_drain_leaves_an_empty_map() {
    for part in [0, 10] {
        let ledger = Ledger::of(PLENTY);
        let mut map = builder().capacity(100).build();
        for number in 0..PLENTY / 2 {
            map.pin()
                .insert(number as u64, Fragile::new(number, &ledger));
        }
        let mut drained = map.drain();
        drop(drained.by_ref().take(part).collect::<Vec<_>>());
        std::mem::forget(drained);
        assert_eq!((map.len(), map.pin().iter().count()), (0, 0));
        assert!(map.is_empty() && map.capacity() >= 100);
        for number in PLENTY / 2..PLENTY {
            let key = (number - PLENTY / 2) as u64;
            assert!(
                map.pin()
                    .insert(key, Fragile::new(number, &ledger))
                    .is_none()
            );
        }
        assert_eq!(map.len(), PLENTY / 2);
        map.pin().retain(|key, _| key % 2 == 0);
        map.flush();
        assert_eq!(map.drain().count(), PLENTY / 4);
        drop(map);
        ledger.assert_none_twice();
        let lost = (0..PLENTY / 2).filter(|&number| ledger.drops(number) == 0);
        assert_eq!(lost.count(), PLENTY / 2 - part);
        if R::DRAINS {
            assert!((PLENTY / 2..PLENTY).all(|number| ledger.drops(number) == 1));
        }
    }
}

#[test]
fn drain_keeps_the_capacity_that_was_asked_for() {
    for reserved in [false, true] {
        let mut map = if reserved {
            let map = HashMap::<u64, String>::default();
            map.reserve(1_000);
            map
        } else {
            builder().capacity(1_000).build()
        };
        let asked = map.capacity();
        for entries in [0, 10, 5_000] {
            for key in 0..entries {
                map.pin().insert(key, key.to_string());
            }
            let drained: BTreeMap<u64, String> = map.drain().collect();
            assert_eq!(drained.len() as u64, entries);
            assert!(drained.iter().all(|(key, value)| key.to_string() == *value));
            assert_eq!((map.capacity(), map.len()), (asked, 0));
        }
        for key in 0..1_000 {
            map.pin().insert(key, String::new());
        }
        assert_eq!(map.capacity(), asked);
        map.pin().clear();
        map.flush();
        assert_eq!(map.capacity(), asked, "and the wish itself");
    }
}

/// The map is dropped, taken apart or drained while its table grows or shrinks: right where that
/// begins, and some strides later.
#[test]
fn the_middle_of_a_resize_is_no_matter() {
    type Map = HashMap<u64, Fragile>;
    let ends: [fn(Map); 4] = [
        drop,
        |map| drop(map.into_iter().skip(100)),
        |map| {
            assert!(
                map.into_iter()
                    .all(|(key, value)| key == value.number as u64)
            )
        },
        |mut map| assert!(map.drain().all(|(key, value)| key == value.number as u64)),
    ];
    for end in ends {
        for strides in [0, 1, 16] {
            for shrinks in [None, Some(1), Some(2), Some(3)] {
                let ledger = Ledger::of(4_000);
                let map = Map::default();
                let mut numbers = 0..4_000;
                let mut insert = || {
                    let number = numbers.next().expect("enough");
                    map.pin()
                        .insert(number as u64, Fragile::new(number, &ledger));
                };
                (0..1_025).for_each(|_| insert());
                while map.capacity() < 4_096 {
                    insert();
                }
                let mut first = 0..;
                for _ in 0..shrinks.unwrap_or(0) {
                    let capacity = map.capacity();
                    while map.capacity() == capacity {
                        assert!(map.pin().remove(&first.next().expect("endless")).is_some());
                    }
                }
                (0..strides).for_each(|_| insert());
                let ever = numbers.start;
                let present: Vec<u64> = map.pin().keys().copied().collect();
                end(map);
                ledger.assert_none_twice();
                assert!(present.iter().all(|&key| ledger.drops(key as usize) == 1));
                assert!(!R::DRAINS || (0..ever).all(|number| ledger.drops(number) == 1));
            }
        }
    }
}

/// What `flush` promises, where it promises anything.
const FLUSH_FREES_ALL: bool = R::DRAINS && R::WAIT_FREE_PIN;

thread_local! {
    /// How many destructors are running, one within another.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// What destructors did that use maps.
#[derive(Default)]
struct Doings {
    made: AtomicUsize,
    dropped: AtomicUsize,
    used: AtomicUsize,
    deepest: AtomicUsize,
}

/// A value whose destructor uses the map that it was in, if that is still there, and another one.
struct Meddler {
    key: u64,
    /// How many generations are to come.
    heirs: u64,
    own: Weak<HashMap<u64, Meddler>>,
    other: Arc<HashMap<u64, u64>>,
    doings: Arc<Doings>,
}

impl Meddler {
    /// Keys of one generation.
    const SPAN: u64 = 1 << 32;

    fn new(
        key: u64,
        heirs: u64,
        own: &Arc<HashMap<u64, Meddler>>,
        other: &Arc<HashMap<u64, u64>>,
        doings: &Arc<Doings>,
    ) -> Self {
        doings.made.fetch_add(1, Ordering::Relaxed);
        Meddler {
            key,
            heirs,
            own: Arc::downgrade(own),
            other: Arc::clone(other),
            doings: Arc::clone(doings),
        }
    }

    fn meddle(&self) {
        self.other.pin().insert(self.key, self.heirs);
        let Some(own) = self.own.upgrade() else {
            return;
        };
        self.doings.used.fetch_add(1, Ordering::Relaxed);
        let pinned = own.pin();
        if let Some(value) = pinned.get(&(self.key % 1_000)) {
            assert_eq!(value.key, self.key % 1_000);
        }
        if self.heirs > 0 {
            let key = self.key + Self::SPAN;
            let heir = Meddler::new(key, self.heirs - 1, &own, &self.other, &self.doings);
            assert!(pinned.insert(key, heir).is_none());
            // Some are removed at once, by the destructor; the others by whoever empties the map.
            if self.key.is_multiple_of(2) {
                assert!(pinned.remove(&key).is_some());
            }
        }
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        let depth = DEPTH.get() + 1;
        DEPTH.set(depth);
        self.doings.deepest.fetch_max(depth, Ordering::Relaxed);
        self.doings.dropped.fetch_add(1, Ordering::Relaxed);
        self.meddle();
        DEPTH.set(depth - 1);
    }
}

/// While the table shrinks, as it does when all are removed.
#[test]
fn destructors_may_use_the_map_that_shrinks_and_another() {
    // Many with few heirs, and few with many: a chain of destructors, each of which retires the next.
    for (entries, heirs) in [(10_000, 2), (4, 5_000)] {
        let doings = Arc::new(Doings::default());
        let (map, other) = (Arc::new(HashMap::default()), Arc::new(HashMap::default()));
        for key in 0..entries {
            let value = Meddler::new(key, heirs, &map, &other, &doings);
            map.pin().insert(key, value);
        }
        let wide = map.capacity();
        for key in 0..entries {
            assert!(map.pin().remove(&key).is_some());
        }
        // Destructors insert again; each generation once. Where `flush` frees what no guard can see,
        // that of another test may be in its way for a while.
        let all = (entries * (heirs + 1)) as usize;
        let patience = if FLUSH_FREES_ALL { 1_000_000 } else { 20 };
        for _ in 0..patience {
            map.pin().clear();
            map.flush();
            if doings.dropped.load(Ordering::Relaxed) == all {
                break;
            }
        }
        if FLUSH_FREES_ALL {
            assert_eq!(doings.used.load(Ordering::Relaxed), all);
        }
        assert!(map.capacity() <= wide);
        println!(
            "{} made, {} dropped, {} of them used the map, {} deep",
            doings.made.load(Ordering::Relaxed),
            doings.dropped.load(Ordering::Relaxed),
            doings.used.load(Ordering::Relaxed),
            doings.deepest.load(Ordering::Relaxed)
        );
        drop(map);
        let made = doings.made.load(Ordering::Relaxed);
        if R::DRAINS {
            assert_eq!(doings.dropped.load(Ordering::Relaxed), made);
            assert_eq!(other.len(), made, "each key once");
        }
        assert!(doings.dropped.load(Ordering::Relaxed) <= made);
        // Within one that a pin, a write or `flush` frees there may be one that its own write frees;
        // no more of them for more heirs.
        let deepest = doings.deepest.load(Ordering::Relaxed);
        assert!(deepest <= 10, "{deepest} destructors within each other");
    }
}

/// A map that is never dropped, whose values know it by name.
static OWN: LazyLock<HashMap<u64, Namesake>> = LazyLock::new(HashMap::default);

/// How many were dropped.
static NAMESAKES: AtomicUsize = AtomicUsize::new(0);

struct Namesake(u64);

impl Drop for Namesake {
    fn drop(&mut self) {
        NAMESAKES.fetch_add(1, Ordering::Relaxed);
        // A key of its own, which the table has to have room for.
        if self.0 > 0 {
            OWN.pin().insert(1 << 40 | self.0, Namesake(0));
            OWN.pin().remove(&(1 << 40 | (self.0 - 1)));
            assert!(OWN.pin().get(&u64::MAX).is_none());
        }
    }
}

#[test]
fn destructors_may_use_a_static_map_that_shrinks() {
    const ENTRIES: u64 = 5_000;
    for round in 0..4 {
        for key in 1..=ENTRIES {
            OWN.pin().insert(key, Namesake(key));
        }
        match round % 2 {
            0 => (1..=ENTRIES).for_each(|key| assert!(OWN.pin().remove(&key).is_some())),
            _ => OWN.pin().clear(),
        }
        let all = (ENTRIES * (round + 1)) as usize;
        let patience = if FLUSH_FREES_ALL { 1_000_000 } else { 10 };
        for _ in 0..patience {
            OWN.flush();
            if NAMESAKES.load(Ordering::Relaxed) >= all {
                break;
            }
        }
    }
    if FLUSH_FREES_ALL {
        assert!(NAMESAKES.load(Ordering::Relaxed) as u64 >= 4 * ENTRIES);
    }
    OWN.pin().clear();
    OWN.flush();
    assert!(OWN.capacity() <= ENTRIES as usize);
}
