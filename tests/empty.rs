//! Guarantee H at its edges: what nothing costs, what too much says, and that a million keys with a
//! weak hash cost no more than with a good one.
//!
//! - A map without entries has no memory, and no call that leaves it empty gives it any.
//! - A capacity that cannot be is refused by a panic that names it, and leaves nothing behind.
//! - A key is hashed once an operation, and never again when the table grows. The work of a search
//!   is counted in comparisons, not in time.
//!
//! The allocator of this process counts. Each thread has its own count, as tests run side by side.
//!
//! Under AddressSanitizer set `ASAN_OPTIONS=allocator_may_return_null=1`: one test asks for more
//! memory than there is.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use splitmap::HashMap;

/// The system's allocator, with a count of what each thread has asked for.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static LIVE_BYTES: Cell<isize> = const { Cell::new(0) };
}

// A thread that is ending has no locals any more: then nobody asks for its count either.
fn count(bytes: isize) {
    if bytes > 0 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
    }
    let _ = LIVE_BYTES.try_with(|live| live.set(live.get() + bytes));
}

// SAFETY: all memory comes from the system's allocator and goes back to it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let memory = unsafe { System.alloc(layout) };
        if !memory.is_null() {
            count(layout.size() as isize);
        }
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise; the memory came from `alloc` above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many allocations `act` makes on this thread.
fn allocations<T>(act: impl FnOnce() -> T) -> usize {
    let before = ALLOCATIONS.get();
    drop(act());
    ALLOCATIONS.get() - before
}

/// The reclaimer may keep something for a thread that it sees for the first time; no map is to be
/// blamed for that.
fn introduce_thread() {
    let map = HashMap::<u64, u64>::new();
    map.pin().insert(1, 1);
    map.pin().remove(&1);
}

#[test]
fn the_count_counts() {
    assert_eq!(allocations(|| Box::new(1)), 1);
    assert_eq!(allocations(|| Vec::<u8>::with_capacity(10)), 1);
    assert_eq!(allocations(|| ()), 0);
}

#[test]
fn an_empty_map_allocates_nothing() {
    introduce_thread();
    assert_eq!(allocations(HashMap::<u64, String>::new), 0);
    assert_eq!(allocations(HashMap::<u64, String>::default), 0);
    assert_eq!(allocations(|| HashMap::<u64, String>::with_capacity(0)), 0);
    assert_eq!(allocations(|| HashMap::<u64, String>::builder().build()), 0);
    let collect = || std::iter::empty().collect::<HashMap<u64, String>>();
    assert_eq!(allocations(collect), 0);
    assert_eq!(allocations(|| HashMap::<u64, String>::from([])), 0);
}

#[test]
fn nor_does_any_call_that_leaves_it_empty() {
    introduce_thread();
    let mut map = HashMap::<u64, String>::new();
    let other = HashMap::new();
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
        assert!(pinned.iter().next().is_none());
        assert!(pinned.keys().next().is_none());
        assert!(pinned.values().next().is_none());
        assert!((&pinned).into_iter().next().is_none());
        pinned.retain(|_, _| nobody());
        pinned.clear();
        assert_eq!(pinned.len(), 0);
        assert!(pinned.is_empty());

        (&map).extend(std::iter::empty());
        assert!(map == other);
        assert!(map.clone().is_empty());
    };
    assert_eq!(allocations(all_calls), 0);
    assert_eq!(allocations(|| map.extend([])), 0);
    assert_eq!(allocations(|| drop(map)), 0);

    // The first entry is what costs.
    assert!(allocations(|| other.pin().insert(1, String::new()).is_none()) > 0);
    assert_eq!(other.len(), 1);
}

#[test]
fn a_capacity_is_memory() {
    introduce_thread();
    let bytes = |capacity| {
        let before = LIVE_BYTES.get();
        let map = HashMap::<u64, u64>::with_capacity(capacity);
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

/// What `act` panics with.
fn complaint<T>(act: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| drop(act())));
    let panic = panic.expect_err("such a capacity was not refused");
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast::<&str>().unwrap().to_string(),
    }
}

/// Keeps refusals off the screen. What is printed would count as memory too: the test harness keeps
/// it until it knows the outcome.
fn expect_complaints() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let message = panic.payload_as_str().unwrap_or_default();
            if !message.starts_with("splitmap: a capacity of") {
                hook(panic);
            }
        }));
    });
}

fn assert_refused(capacity: usize) {
    type Map = HashMap<u64, u64, BuildHasherDefault<Weak>>;
    let refused = || {
        for message in [
            complaint(|| HashMap::<u64, u64>::with_capacity(capacity)),
            complaint(|| Map::with_capacity_and_hasher(capacity, Default::default())),
            complaint(|| HashMap::<u64, u64>::builder().capacity(capacity).build()),
        ] {
            assert!(message.contains(&capacity.to_string()), "{message}");
            assert!(message.contains("capacity"), "{message}");
        }
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
