//! The bodies of `tests/drops.rs`.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use splitmap::Reclaimer;

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
    for round in 0..200 {
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
