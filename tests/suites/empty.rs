//! The bodies of `tests/empty.rs`.

use std::cell::Cell;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use splitmap::{Compute, Cursor, Entry, Operation, Reclaimer};

use super::maps::{HashMap, builder};
use super::{PINS_ALLOCATE, R};
use crate::{LARGEST, LIVE_BYTES, allocations, complaint, expect_complaints};

/// The reclaimer may keep something for a thread that it sees for the first time; no map is to be
/// blamed for that.
fn introduce_thread() {
    let map = HashMap::<u64, u64>::default();
    map.pin().insert(1, 1);
    map.pin().remove(&1);
}

#[test]
fn an_empty_map_allocates_nothing() {
    introduce_thread();
    assert_eq!(allocations(HashMap::<u64, String>::default), 0);
    assert_eq!(allocations(|| builder::<u64, String>().build()), 0);
    let with_capacity = || builder::<u64, String>().capacity(0).build();
    assert_eq!(allocations(with_capacity), 0);
    let collect = || std::iter::empty().collect::<HashMap<u64, String>>();
    assert_eq!(allocations(collect), 0);
}

#[test]
fn nor_does_any_call_that_leaves_it_empty() {
    introduce_thread();
    let mut map = HashMap::<u64, String>::default();
    let other = HashMap::default();
    for map in [&map, &other] {
        let allocations = allocations(|| map.pin());
        assert_eq!(allocations > 0, PINS_ALLOCATE);
    }
    let nobody = || -> bool { unreachable!("there is no entry") };
    let all_calls = || {
        let guard = map.guard();
        for key in [0, 1, u64::MAX] {
            assert!(map.get(&key, &guard).is_none());
            assert!(map.get_key_value(&key, &guard).is_none());
            assert!(!map.contains_key(&key, &guard));
            assert!(map.remove(&key, &guard).is_none());
            assert!(map.remove_entry(&key, &guard).is_none());
        }
        assert!(map.iter(&guard).next().is_none());
        assert!(map.keys(&guard).next().is_none());
        assert!(map.values(&guard).next().is_none());
        map.retain(|_, _| nobody(), &guard);
        map.clear(&guard);
        assert_eq!(map.len(), 0);
        assert!(map.is_empty());

        let pinned = map.pin();
        assert!(pinned.get(&1).is_none());
        assert!(pinned.get_key_value(&1).is_none());
        assert!(!pinned.contains_key(&1));
        assert!(pinned.remove(&1).is_none());
        assert!(pinned.remove_entry(&1).is_none());
        assert!(matches!(
            pinned.try_remove_if(&1, |_, _| nobody()),
            Ok(None)
        ));
        assert!(pinned.update(1, |_| unreachable!()).is_none());
        let abort = |_: Option<_>| Operation::Abort(7);
        assert!(matches!(pinned.compute(1, abort), Compute::Aborted(7)));
        assert!(matches!(pinned.entry(1), Entry::Vacant(_)));
        assert!(
            pinned
                .entry(1)
                .and_modify(|_| unreachable!())
                .get()
                .is_none()
        );
        assert_eq!(pinned.get_many(&[1, 2]).flatten().count(), 0);
        assert_eq!(pinned.insert_many([]), 0);
        assert!(map.view(&1, |_| ()).is_none());
        assert!(pinned.iter().next().is_none());
        assert!(pinned.keys().next().is_none());
        assert!(pinned.values().next().is_none());
        assert!((&pinned).into_iter().next().is_none());
        pinned.retain(|_, _| nobody());
        pinned.clear();
        assert_eq!(pinned.len(), 0);
        assert!(pinned.is_empty());

        assert_eq!(map.capacity(), 0);
        map.reserve(0);
        pinned.reserve(0);
        map.shrink_to_fit();
        pinned.shrink_to_fit();
        let mut scan = map.scan(Cursor::START, 10, &guard);
        assert!(scan.next().is_none());
        assert_eq!(scan.cursor(), None);
        assert_eq!(pinned.capacity(), 0);
        drop((pinned, guard));
        // crossbeam's has a queue of the process to see to.
        if R::DRAINS {
            map.flush();
        }
        assert_eq!(map.capacity(), 0);

        (&map).extend(std::iter::empty());
        assert!(map == other);
        assert!(map.clone().is_empty());
    };
    assert_eq!(allocations(all_calls), 0);
    assert_eq!(allocations(|| map.extend([])), 0);
    assert_eq!(allocations(|| map.get_mut(&1).is_some()), 0);
    assert_eq!(allocations(|| map.iter_mut().count()), 0);
    assert_eq!(allocations(|| drop(map.drain())), 0);
    assert_eq!(allocations(|| map.drain().next().is_none()), 0);
    assert_eq!(map.capacity(), 0);
    assert_eq!(allocations(|| map.into_iter().next().is_none()), 0);

    // The first entry is what costs.
    assert!(allocations(|| other.pin().insert(1, String::new()).is_none()) > 0);
    assert_eq!(other.len(), 1);
}

#[test]
fn a_capacity_is_memory() {
    introduce_thread();
    let bytes = |capacity| {
        let before = LIVE_BYTES.get();
        let map = builder::<u64, u64>().capacity(capacity).build();
        let bytes = LIVE_BYTES.get() - before;
        assert!(map.is_empty());
        assert_eq!(map.pin().get(&1), None);
        drop(map);
        assert_eq!(LIVE_BYTES.get(), before, "all of it goes back");
        bytes
    };
    assert_eq!(bytes(0), 0);
    assert!(bytes(1) > 0);
    assert!(bytes(1_000_000) > 1_000_000);
}

/// A map on a back end that drains keeps nothing for after its end, not even of what was removed
/// from it.
#[test]
fn all_memory_goes_back_with_the_map() {
    introduce_thread();
    let before = LIVE_BYTES.get();
    let map = HashMap::<u64, String>::default();
    for round in 0..3 {
        for key in 0..2_000 {
            map.pin().insert(key, "value".repeat(10));
            if key % 3 == round {
                map.pin().remove(&key);
            }
        }
        let guard = map.guard();
        map.retain(|key, _| key % 7 > 0, &guard);
    }
    assert!(LIVE_BYTES.get() > before + 1_000 * 50);
    let copy = map.clone();
    drop(map);
    assert!(LIVE_BYTES.get() > before + 1_000 * 50);
    drop(copy);
    if R::DRAINS {
        assert_eq!(LIVE_BYTES.get(), before);
    }
}

/// A map that is dropped, taken apart or drained while the table grows or shrinks gives back all of
/// it, the group that comes or goes too.
#[test]
fn all_memory_goes_back_in_the_middle_of_a_resize() {
    introduce_thread();
    let ends: [fn(HashMap<u64, u64>); 4] = [
        drop,
        |map| drop(map.into_iter()),
        |map| assert!(map.into_iter().count() > 0),
        |mut map| assert!(map.drain().count() > 0),
    ];
    for end in ends {
        for strides in [0, 1, 2, 7, 15, 16, 17, 80] {
            for grow in [true, false] {
                let before = LIVE_BYTES.get();
                let map = HashMap::default();
                let capacity = |map: &HashMap<u64, u64>| map.pin().capacity();
                for key in 0..768 {
                    map.pin().insert(key, key);
                }
                let mut key = 768;
                while grow && capacity(&map) < 3_072 {
                    map.pin().insert(key, key);
                    key += 1;
                }
                while !grow && capacity(&map) > 192 {
                    key -= 1;
                    map.pin().remove(&key);
                }
                for _ in 0..strides {
                    map.pin().insert(0, 0);
                }
                assert_eq!(capacity(&map), if grow { 3_072 } else { 192 });
                end(map);
                if R::DRAINS {
                    assert_eq!(LIVE_BYTES.get(), before, "{strides} strides, {grow}");
                }
            }
        }
    }
}

/// What `reserve` has made goes back by itself where the map is only shrunk.
#[test]
fn what_was_reserved_goes_back() {
    introduce_thread();
    let map = HashMap::<u64, u64>::default();
    map.pin().insert(1, 1);
    let flush = || (0..10).for_each(|_| map.flush());
    flush();
    let before = LIVE_BYTES.get();
    map.reserve(100_000);
    assert!(LIVE_BYTES.get() > before + 100_000 * 8);
    map.shrink_to_fit();
    flush();
    // Others' guards may keep it for a while.
    if R::DRAINS {
        let mut patience = 0;
        while LIVE_BYTES.get() > before + 2_048 {
            patience += 1;
            assert!(patience < 1_000_000, "{}", LIVE_BYTES.get() - before);
            std::thread::yield_now();
            map.flush();
        }
    }
    let live = LIVE_BYTES.get();
    drop(map);
    assert!(LIVE_BYTES.get() < live);
}

fn assert_refused(capacity: usize) {
    let refused = || {
        let message = complaint(|| builder::<u64, u64>().capacity(capacity).build());
        assert!(message.contains(&capacity.to_string()), "{message}");
        assert!(message.contains("capacity"), "{message}");
    };
    expect_complaints();
    // The first panic of a thread may leave something behind that is not the map's.
    refused();
    let before = LIVE_BYTES.get();
    refused();
    assert_eq!(LIVE_BYTES.get(), before, "a refused map left memory behind");
}

#[test]
fn a_capacity_beyond_all_addresses_is_refused() {
    let half = 1usize << (usize::BITS - 1);
    for capacity in [usize::MAX, usize::MAX - 1, half + 1, half, half / 2 + 1] {
        assert_refused(capacity);
    }
}

/// A map that is there loses and gains nothing by a `reserve` that is refused.
#[test]
fn nor_does_reserve_change_anything_by_being_refused() {
    introduce_thread();
    expect_complaints();
    let presized = builder().capacity(100).build();
    let maps: [HashMap<u64, u64>; 3] = [HashMap::default(), presized, (0..700).zip(0..).collect()];
    // Their pins may cost something once.
    maps.iter().for_each(|map| drop(map.pin()));
    complaint(|| maps[2].reserve(usize::MAX));
    for map in maps {
        let (entries, capacity) = (map.len(), map.capacity());
        for more in [usize::MAX, usize::MAX / 2 + 1, 1 << (usize::BITS - 5)] {
            let before = LIVE_BYTES.get();
            let message = complaint(|| map.reserve(more));
            let message_bytes = message.capacity() as isize;
            assert!(
                message.contains("capacity overflow") || message.contains("no memory"),
                "{message}"
            );
            assert_eq!(map.capacity(), capacity);
            assert_eq!(map.len(), entries);
            assert_eq!(
                LIVE_BYTES.get(),
                before + message_bytes,
                "a refused wish left memory behind, {message}"
            );
        }
        assert!((0..entries as u64).all(|key| map.pin().get(&key) == Some(&key)));
    }
}

#[test]
fn a_capacity_beyond_all_memory_is_refused() {
    // Eight bytes a bucket are more than a pointer can span.
    assert_refused(1usize << (usize::BITS - 4));
}

thread_local! {
    static HASHES: Cell<u64> = const { Cell::new(0) };
    static COMPARISONS: Cell<u64> = const { Cell::new(0) };
}

/// A key that counts what is asked of it. `BALLAST` makes it larger than a hash.
#[derive(Clone, Copy)]
struct Key<const BALLAST: usize> {
    id: u64,
    _ballast: [u64; BALLAST],
}

impl<const BALLAST: usize> Key<BALLAST> {
    fn new(id: u64) -> Self {
        Key {
            id,
            _ballast: [0; BALLAST],
        }
    }
}

impl<const BALLAST: usize> Hash for Key<BALLAST> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        HASHES.set(HASHES.get() + 1);
        state.write_u64(self.id);
    }
}

impl<const BALLAST: usize> PartialEq for Key<BALLAST> {
    fn eq(&self, other: &Self) -> bool {
        COMPARISONS.set(COMPARISONS.get() + 1);
        self.id == other.id
    }
}

impl<const BALLAST: usize> Eq for Key<BALLAST> {}

/// The key is its own hash.
#[derive(Default)]
struct Weak(u64);

impl Hasher for Weak {
    fn write(&mut self, _: &[u8]) {
        unreachable!("keys here are single numbers")
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Hashes and comparisons that `act` costs for each of so many calls.
fn work(calls: u64, act: impl FnOnce()) -> (f64, f64) {
    let before = (HASHES.get(), COMPARISONS.get());
    act();
    (
        (HASHES.get() - before.0) as f64 / calls as f64,
        (COMPARISONS.get() - before.1) as f64 / calls as f64,
    )
}

/// Fills a map from nothing with keys whose hashes are `id(0)`, `id(1)`, ..., and reads and empties
/// it.
fn weak_hashes_are_no_more_work<const BALLAST: usize>(keys: u64, id: fn(u64) -> u64) {
    let map = HashMap::<Key<BALLAST>, u64, BuildHasherDefault<Weak>>::default();
    let key = |n| Key::new(id(n));
    let pinned = map.pin();

    let insert = || assert!((0..keys).all(|n| pinned.insert(key(n), n).is_none()));
    let (hashes, comparisons) = work(keys, insert);
    assert_eq!(hashes, 1.0, "an entry is hashed again by nobody");
    assert!(comparisons < 2.0, "{comparisons} comparisons an insert");
    assert_eq!(map.len() as u64, keys);

    let hit = || assert!((0..keys).all(|n| pinned.get(&key(n)) == Some(&n)));
    let (hashes, comparisons) = work(keys, hit);
    assert_eq!(hashes, 1.0);
    assert!(
        (1.0..4.0).contains(&comparisons),
        "{comparisons} comparisons a hit"
    );

    let miss = || assert!((keys..2 * keys).all(|n| pinned.get(&key(n)).is_none()));
    let (hashes, comparisons) = work(keys, miss);
    assert_eq!(hashes, 1.0);
    assert!(comparisons < 2.0, "{comparisons} comparisons a miss");

    let remove = || assert!((0..keys).all(|n| pinned.remove(&key(n)) == Some(&n)));
    let (hashes, comparisons) = work(keys, remove);
    assert_eq!(hashes, 1.0);
    assert!(comparisons < 4.0, "{comparisons} comparisons a removal");
    assert!(map.is_empty());
}

#[test]
fn a_million_keys_that_are_their_own_hash() {
    weak_hashes_are_no_more_work::<0>(1_000_000, |n| n);
}

#[test]
fn keys_that_differ_in_high_bits() {
    weak_hashes_are_no_more_work::<0>(200_000, |n| n << 40);
}

#[test]
fn large_keys_in_steps() {
    weak_hashes_are_no_more_work::<3>(200_000, |n| n * 4_096);
}

#[test]
fn keys_in_reverse() {
    weak_hashes_are_no_more_work::<0>(200_000, |n| (u64::MAX - n).reverse_bits());
}

/// Tables of up to 4,096 buckets are smaller than this, and the next one is larger.
const NO_LARGE_TABLE: usize = (8 << 10) * size_of::<usize>();

#[test]
fn a_table_that_gets_no_memory_stays_as_it_is() {
    introduce_thread();
    let map = HashMap::<u64, u64>::default();
    LARGEST.set(NO_LARGE_TABLE);
    for key in 0..20_000 {
        map.pin().insert(key, key);
    }
    let capacity = map.capacity();
    LARGEST.set(usize::MAX);
    assert_eq!(capacity, 3_072);
    for key in 20_000..21_000 {
        map.pin().insert(key, key);
    }
    assert!(map.capacity() > 3_072, "there is memory again");
    assert!((0..21_000).all(|key| map.pin().get(&key) == Some(&key)));
}

#[test]
fn reserving_in_vain_changes_nothing() {
    introduce_thread();
    expect_complaints();
    let map = HashMap::<u64, u64>::default();
    map.pin().insert(0, 0);
    for capacity in [10_000, 50_000] {
        let refusal = complaint(|| {
            LARGEST.set(NO_LARGE_TABLE);
            map.reserve(capacity);
            // Not refused: what follows needs memory.
            LARGEST.set(usize::MAX);
        });
        LARGEST.set(usize::MAX);
        assert!(refusal.contains("no memory"), "{refusal}");
        assert_eq!(map.capacity(), 3);
    }
}

#[test]
fn reserving_makes_each_table_once() {
    introduce_thread();
    let map = HashMap::<u64, u64>::default();
    map.pin().insert(0, 0);
    let made = allocations(|| map.reserve(10_000));
    // Six tables, one to see that there is memory, and what gathers those that are replaced.
    let most = 32 + usize::from(PINS_ALLOCATE);
    assert!(made <= most, "{made} allocations");
    assert_eq!(map.capacity(), 16_384);
}
