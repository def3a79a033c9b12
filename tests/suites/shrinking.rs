//! Guarantee F for the table: it shrinks by itself when entries are removed, as it grows when they
//! come, and what others do with it meanwhile stays right (guarantees C, D and E).
//!
//! - Removals alone bring a large table down; `clear`, `retain` and `flush` end what they have left
//!   half done. What was asked for by `with_capacity` or `reserve` stays, until `shrink_to_fit`.
//! - A number of entries that goes up and down within a factor of two resizes nothing.
//! - A capacity that cannot be is refused, and the map is as it was. (That it leaves no memory behind
//!   is looked at in `tests/empty.rs`.)
//! - Keys that are always there are found by every read, and yielded exactly once by every iteration
//!   of every kind, while the table grows and shrinks under them. References stay valid under their
//!   guard.
//!
//! ```text
//! SPLITMAP_STABLE=100000 SPLITMAP_TRIES=10000 cargo test --release --all-features shrinking
//! ```
//!
//! runs 10,000 iterations of each back end over 100,000 such keys, while two threads resize the
//! table; without the variables there are few of both. Every try draws its own pauses and its own
//! numbers of entries that come and go, from a seed that is its number.
//!
//! Under AddressSanitizer set `ASAN_OPTIONS=allocator_may_return_null=1`: one test asks for more
//! memory than there is.

use std::collections::BTreeSet;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::{self, ScopedJoinHandle};

use splitmap::Cursor;

use super::maps::{HashMap, builder};

/// The buckets of a table that is as small as it gets.
const SMALLEST: usize = 3;

const MANY: u64 = 6_000;

/// Every value is its key's complement.
type Map = HashMap<u64, u64>;

fn insert(map: &Map, keys: Range<u64>) {
    for key in keys {
        assert_eq!(map.pin().insert(key, !key), None);
    }
}

fn remove(map: &Map, keys: Range<u64>) {
    for key in keys {
        assert_eq!(map.pin().remove(&key), Some(&!key));
    }
}

/// A map that has grown by insertions, one by one.
fn grown(entries: u64) -> Map {
    let map = Map::default();
    insert(&map, 0..entries);
    let capacity = map.capacity();
    assert!(capacity * 2 >= entries as usize, "{capacity} for {entries}");
    map
}

/// The map has these keys and no others, by all ways to ask for them.
fn assert_content(map: &Map, keys: impl IntoIterator<Item = u64>) {
    let keys: BTreeSet<u64> = keys.into_iter().collect();
    let pinned = map.pin();
    let mut met = BTreeSet::new();
    for (&key, &value) in &pinned {
        assert_eq!(value, !key);
        assert!(met.insert(key), "{key} is met twice");
    }
    assert!(met == keys, "{} keys instead of {}", met.len(), keys.len());
    assert_eq!(map.len(), keys.len());
    for key in keys {
        assert_eq!(pinned.get(&key), Some(&!key));
        assert_eq!(pinned.get(&(key + (1 << 40))), None);
    }
}

/// The table has room for twice its entries, and for no eleven times as many, unless it is as small
/// as it gets.
fn assert_fits(map: &Map) {
    let (entries, capacity) = (map.len(), map.capacity());
    assert!(
        capacity == SMALLEST || (2 * entries..11 * entries).contains(&capacity),
        "a capacity of {capacity} for {entries} entries"
    );
}

/// Pseudo-random numbers (splitmix64), the same ones in each run.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Once in about so many calls lets others go first, or lingers.
    fn pause(&mut self, every: u64) {
        if self.below(every) == 0 {
            match self.below(4) {
                0 => thread::yield_now(),
                _ => (0..self.below(200)).for_each(|_| std::hint::spin_loop()),
            }
        }
    }

    /// How often a thread pauses that is fast, or slow, or neither.
    fn pace(&mut self) -> u64 {
        [64, 1_024, 16_384, u64::MAX][self.below(4) as usize]
    }
}

/// Waits for the threads one by one and passes the first panic on.
fn join<T>(threads: Vec<ScopedJoinHandle<'_, T>>) -> Vec<T> {
    let results: Vec<_> = threads.into_iter().map(ScopedJoinHandle::join).collect();
    let pass_on =
        |result: thread::Result<T>| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    results.into_iter().map(pass_on).collect()
}

/// A meeting point of some threads, at which nobody waits for one that has panicked.
struct Meeting {
    threads: usize,
    arrived: AtomicUsize,
    is_off: AtomicBool,
}

/// A thread that comes to a meeting.
struct Member<'a> {
    meeting: &'a Meeting,
    rounds: usize,
}

impl Meeting {
    fn of(threads: usize) -> Self {
        Meeting {
            threads,
            arrived: AtomicUsize::new(0),
            is_off: AtomicBool::new(false),
        }
    }

    fn join(&self) -> Member<'_> {
        Member {
            meeting: self,
            rounds: 0,
        }
    }
}

impl Member<'_> {
    /// Waits until all are here once more.
    fn meet(&mut self) {
        self.rounds += 1;
        self.meeting.arrived.fetch_add(1, Ordering::AcqRel);
        while self.meeting.arrived.load(Ordering::Acquire) < self.rounds * self.meeting.threads {
            let is_off = self.meeting.is_off.load(Ordering::Acquire);
            assert!(!is_off, "another thread has panicked");
            thread::yield_now();
        }
    }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.meeting.is_off.store(true, Ordering::Release);
        }
    }
}

#[test]
fn an_empty_map_has_no_capacity() {
    assert_eq!(Map::default().capacity(), 0);
    assert_eq!(builder::<u64, u64>().build().capacity(), 0);
    assert_eq!(builder::<u64, u64>().capacity(0).build().capacity(), 0);
    let map = Map::default();
    map.flush();
    map.shrink_to_fit();
    map.pin().clear();
    map.pin().remove(&1);
    assert_eq!(map.capacity(), 0);
    map.pin().insert(1, !1);
    assert_eq!(map.capacity(), SMALLEST);
    map.pin().remove(&1);
    map.shrink_to_fit();
    assert_eq!(map.capacity(), SMALLEST);
}

#[test]
fn removals_alone_leave_a_small_table() {
    for entries in [1_000, MANY, 20_000, 70_000] {
        let map = grown(entries);
        remove(&map, 0..entries);
        let capacity = map.capacity();
        assert!(capacity <= 256, "{capacity}");
        assert_content(&map, []);
    }
}

/// The length is looked at every n-th write, which here is often another one.
#[test]
fn so_do_removals_among_other_writes() {
    for others in 1..5 {
        let map = grown(MANY);
        map.pin().insert(MANY, !MANY);
        for key in 0..MANY {
            let pinned = map.pin();
            assert_eq!(pinned.remove_entry(&key), Some((&key, &!key)));
            assert_eq!(pinned.remove(&key), None);
            for _ in 0..others {
                assert_eq!(pinned.insert(MANY, !MANY), Some(&!MANY));
            }
        }
        let capacity = map.capacity();
        assert!(capacity <= 256, "{capacity}, {others} others");
        assert_content(&map, [MANY]);
    }
}

#[test]
fn so_do_removals_under_one_guard_and_in_any_order() {
    let map = grown(MANY);
    let guard = map.guard();
    for n in 0..MANY {
        // Coprime to `MANY`.
        let key = n * 7_919 % MANY;
        assert_eq!(map.remove(&key, &guard), Some(&!key));
    }
    let capacity = map.capacity();
    assert!(capacity <= 256, "{capacity}");
    drop(guard);
    assert_content(&map, []);
}

/// Each thread has a clock of its own with the default back end.
#[test]
fn so_do_removals_by_several_threads() {
    const THREADS: u64 = 4;
    let map = grown(MANY);
    thread::scope(|scope| {
        let spawn = |thread| {
            let map = &map;
            scope.spawn(move || {
                for key in (thread..MANY).step_by(THREADS as usize) {
                    assert_eq!(map.pin().remove(&key), Some(&!key));
                }
            })
        };
        join((0..THREADS).map(spawn).collect())
    });
    // The last look of each was before the last removals of the others.
    let capacity = map.capacity();
    assert!(capacity <= 4_096, "{capacity}");
    map.flush();
    assert_eq!(map.capacity(), SMALLEST);
    assert_content(&map, []);
}

#[test]
fn clear_and_retain_leave_a_table_that_fits() {
    let map = grown(MANY);
    map.pin().clear();
    assert_eq!(map.capacity(), SMALLEST);
    assert_content(&map, []);

    let map = grown(MANY);
    map.pin().retain(|_, _| false);
    assert_eq!(map.capacity(), SMALLEST);
    assert_content(&map, []);

    for left in [1, 2, 3, 8, 9, 100, 1_000, 2_048, 2_049, 3_000] {
        let map = grown(MANY);
        map.pin().retain(|&key, _| key < left);
        assert_fits(&map);
        assert_content(&map, 0..left);
    }
}

#[test]
fn a_map_that_was_collected_shrinks_too() {
    for left in [0, 1, 700] {
        let map: Map = (0..MANY).map(|key| (key, !key)).collect();
        assert!(map.capacity() >= MANY as usize);
        remove(&map, left..MANY);
        map.flush();
        assert_fits(&map);
        assert_content(&map, 0..left);
        let copy = map.clone();
        remove(&copy, 0..left);
        copy.flush();
        assert!(copy.capacity() <= SMALLEST);
    }
}

/// Removes keys in order, from `from` on, until the capacity has changed so many times. Returns the
/// first key that is left.
fn remove_until(map: &Map, from: u64, changes: usize) -> u64 {
    let mut key = from;
    for _ in 0..changes {
        let capacity = map.capacity();
        while map.capacity() == capacity {
            remove(map, key..key + 1);
            key += 1;
        }
        assert!(map.capacity() < capacity);
    }
    key
}

/// A shrinking is left where it was begun, or some strides later. Then everything else that a map
/// can do goes on in the half-done table.
#[test]
fn what_is_left_half_done_is_ended() {
    type Ending = (&'static str, fn(&Map, Range<u64>));
    let endings: [Ending; 5] = [
        ("flush", |map, _| map.flush()),
        ("retain", |map, _| map.pin().retain(|_, _| true)),
        ("shrink_to_fit", |map, _| map.shrink_to_fit()),
        ("removals", |map, all| remove(map, all)),
        ("clear", |map, _| map.pin().clear()),
    ];
    for (name, end) in endings {
        for changes in 1..4 {
            for strides in [0, 1, 17] {
                let map = grown(SOME);
                let first = remove_until(&map, 0, changes);
                (0..strides).for_each(|_| assert!(map.pin().insert(first, !first).is_some()));
                let all = first..SOME;
                assert_content(&map, all.clone());
                end(&map, all.clone());
                match name {
                    "clear" | "removals" => assert_content(&map, []),
                    _ => assert_content(&map, all),
                }
                if matches!(name, "flush" | "retain" | "clear") {
                    assert_fits(&map);
                }
                map.pin().clear();
                map.flush();
                assert_eq!(map.capacity(), SMALLEST, "{name}");
            }
        }
    }
}

#[test]
fn flush_brings_an_empty_map_to_the_end() {
    for entries in [17, 65, 300, 1_025, 5_000, MANY] {
        let map = grown(entries);
        remove(&map, 0..entries);
        map.flush();
        assert_eq!(map.capacity(), SMALLEST, "{entries} entries");
    }
}

/// Insertions that come while a shrinking is half done turn the table round.
#[test]
fn a_table_that_shrinks_grows_again() {
    for changes in 1..4 {
        let map = grown(MANY);
        let first = remove_until(&map, 0, changes);
        let small = map.capacity();
        insert(&map, 0..first);
        assert!(map.capacity() > small);
        assert!(map.capacity() >= MANY as usize / 2);
        assert_content(&map, 0..MANY);
    }
}

#[test]
fn it_grows_and_shrinks_again_and_again() {
    let map = Map::default();
    let ways: [fn(&Map); 5] = [
        |map| remove(map, 1..MANY),
        |map| map.pin().retain(|&key, _| key < 1),
        |map| {
            map.pin().clear();
            insert(map, 0..1);
        },
        |map| {
            remove(map, 1..MANY);
            map.shrink_to_fit();
        },
        |map| {
            let guard = map.guard();
            for key in (1..MANY).rev() {
                assert_eq!(map.remove_entry(&key, &guard), Some((&key, &!key)));
            }
        },
    ];
    insert(&map, 0..1);
    for round in 0..2 * ways.len() {
        // Each time to another size.
        let size = MANY >> (round % 3);
        insert(&map, 1..size);
        assert!(map.capacity() >= size as usize / 2);
        assert_content(&map, 0..size);
        insert(&map, size..MANY);
        ways[round % ways.len()](&map);
        assert!(map.capacity() <= 256, "{}", map.capacity());
        assert_content(&map, 0..1);
        if round % 2 == 0 {
            map.flush();
            assert_eq!(map.capacity(), SMALLEST);
        }
    }
}

/// Lets the number of entries swing between `size` and twice that; how often the capacity changed.
fn changes_of_capacity(map: &Map, size: u64, swings: u64) -> u64 {
    let (mut capacity, mut changes) = (map.capacity(), 0);
    let mut look = || {
        let now = map.capacity();
        changes += u64::from(now != capacity);
        capacity = now;
    };
    for _ in 0..swings {
        for key in size..2 * size {
            insert(map, key..key + 1);
            look();
        }
        for key in size..2 * size {
            remove(map, key..key + 1);
            look();
        }
    }
    changes
}

#[test]
fn a_swing_within_a_factor_of_two_resizes_once_at_most() {
    let small = 1..70;
    let around = |size: u64| size - 1..size + 2;
    let edges = [128, 256, 512, 1_024].map(around);
    for size in edges.into_iter().flatten().chain(small) {
        let swings = if size < 1_000 { 6 } else { 3 };
        let map = grown(size);
        let changes = changes_of_capacity(&map, size, swings);
        assert!(changes <= 1, "{changes} times around {size}, from below");

        let map = grown(16 * size);
        remove(&map, size..16 * size);
        map.flush();
        let changes = changes_of_capacity(&map, size, swings);
        assert!(changes <= 1, "{changes} times around {size}, from above");
    }
}

/// Enough that each of these tables grows.
const SOME: u64 = 2_500;

/// What shrinks a table, and its name.
type Shrinker = (&'static str, fn(&mut Map));

/// Everything that does, for a table with so many entries.
const SHRINKERS: [Shrinker; 6] = [
    ("clear", |map| map.pin().clear()),
    ("retain", |map| map.pin().retain(|_, _| false)),
    ("retain a few", |map| map.pin().retain(|&key, _| key < 10)),
    ("removal", |map| {
        remove(map, 0..SOME);
    }),
    ("flush", |map| {
        remove(map, 0..SOME);
        map.flush();
        map.flush();
    }),
    ("drain", |map| {
        assert_eq!(map.drain().count() as u64, SOME);
    }),
];

#[test]
fn what_was_asked_for_stays_whatever_is_removed() {
    let presized = |capacity| builder().capacity(capacity).build();
    let reserved = |capacity| {
        let map = Map::default();
        map.reserve(capacity);
        map
    };
    let reserved_late = |capacity| {
        let map = grown(5);
        map.reserve(capacity - 5);
        map.pin().clear();
        map
    };
    let makes: [(&str, &dyn Fn(usize) -> Map); 3] = [
        ("with_capacity", &presized),
        ("reserve", &reserved),
        ("reserve on a map in use", &reserved_late),
    ];
    for (how, make) in makes {
        for capacity in [100, 1_000] {
            for (shrinker, shrink) in SHRINKERS {
                let mut map = make(capacity);
                let asked = map.capacity();
                assert!((capacity..4 * capacity).contains(&asked));
                for round in 0..2 {
                    insert(&map, 0..SOME);
                    shrink(&mut map);
                    let now = map.capacity();
                    assert!(now >= asked, "{now}, {how}({capacity}), {shrinker} {round}");
                    map.pin().clear();
                    map.flush();
                    assert_eq!(
                        map.capacity(),
                        asked,
                        "{how}({capacity}), {shrinker} {round}"
                    );
                }

                map.shrink_to_fit();
                assert_eq!(map.capacity(), SMALLEST, "{how}({capacity})");
                insert(&map, 0..SOME);
                map.pin().clear();
                assert_eq!(map.capacity(), SMALLEST, "it is given up for good");
            }
        }
    }
}

/// Neither of two wishes is forgotten for the other.
#[test]
fn the_greatest_wish_counts() {
    for wishes in [[100, 1_000], [1_000, 100]] {
        let map = builder().capacity(wishes[0]).build();
        map.reserve(wishes[1]);
        insert(&map, 0..MANY);
        map.pin().clear();
        assert!(map.capacity() >= 1_000);
        assert!(map.capacity() < MANY as usize);
    }
    // A wish that the table meets already is one for later.
    let map = grown(MANY);
    map.reserve(1);
    let asked = map.capacity();
    map.pin().clear();
    map.flush();
    assert!(map.capacity() > MANY as usize && map.capacity() <= asked);
    // None at all.
    let map = grown(MANY);
    map.reserve(0);
    map.pin().clear();
    assert_eq!(map.capacity(), SMALLEST);
}

#[test]
fn drain_gives_up_what_nobody_asked_for() {
    let mut map = grown(MANY);
    assert_eq!(map.drain().count() as u64, MANY);
    assert_eq!(map.capacity(), 0);
    insert(&map, 0..MANY);
    assert_content(&map, 0..MANY);
    map.shrink_to_fit();
    drop(map.drain());
    assert_eq!(map.capacity(), 0);
    assert_content(&map, []);
}

#[test]
fn shrink_to_fit_leaves_a_bucket_for_each_entry() {
    for (capacity, entries, fitting) in [
        (MANY, 0, 3),
        (MANY, 3, 3),
        (MANY, 4, 12),
        (MANY, 12, 12),
        (MANY, 13, 48),
        (MANY, 768, 768),
        (MANY, 769, 3_072),
        (MANY, 3_073, 1 << 14),
        (0, MANY, 1 << 14),
    ] {
        let map = builder().capacity(capacity as usize).build();
        insert(&map, 0..MANY);
        remove(&map, entries..MANY);
        map.shrink_to_fit();
        assert_eq!(map.capacity(), fitting, "{entries} entries");
        assert_content(&map, 0..entries);
    }
}

#[test]
fn reserve_makes_room_for_that_many_more() {
    for entries in [0, 1, 16, 17, 500, 5_000] {
        for more in [1, 15, 16, 17, 100, 1_000, 30_000] {
            let map = grown(entries);
            map.reserve(more);
            let capacity = map.capacity();
            assert!(capacity >= entries as usize + more);
            insert(&map, entries..entries + more as u64);
            assert_eq!(map.capacity(), capacity, "there was room already");
            assert_content(&map, 0..entries + more as u64);
        }
    }
}

/// `reserve` in the middle of a growth or a shrinking.
#[test]
fn reserve_on_a_table_that_resizes() {
    for strides in [0, 1, 2, 5, 16, 17] {
        let map = grown(MANY);
        let first = remove_until(&map, 0, 2);
        (0..strides).for_each(|_| assert!(map.pin().insert(first, !first).is_some()));
        map.reserve(MANY as usize);
        assert!(map.capacity() >= map.len() + MANY as usize);
        assert_content(&map, first..MANY);

        let map = grown(257);
        let capacity = map.capacity();
        let mut key = 257;
        while map.capacity() == capacity {
            insert(&map, key..key + 1);
            key += 1;
        }
        (0..strides).for_each(|_| assert!(map.pin().insert(0, !0).is_some()));
        map.reserve(MANY as usize);
        assert!(map.capacity() >= map.len() + MANY as usize);
        assert_content(&map, 0..key);
    }
}

/// What `act` panics with.
fn complaint(act: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(act));
    let panic = panic.expect_err("such a capacity was not refused");
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast::<&str>().unwrap().to_string(),
    }
}

#[test]
fn a_capacity_that_cannot_be_is_refused_and_changes_nothing() {
    let presized = builder().capacity(100).build();
    // With the capacity that each has when it is empty.
    let maps = [
        (Map::default(), 0),
        (presized, 192),
        (grown(MANY), SMALLEST),
    ];
    for (map, least) in maps {
        let (entries, capacity) = (map.len() as u64, map.capacity());
        for (more, says) in [
            (usize::MAX, "capacity overflow"),
            (usize::MAX - 1, "capacity overflow"),
            (usize::MAX / 2 + 1, "capacity overflow"),
            (1 << (usize::BITS - 5), "no memory"),
        ] {
            let message = complaint(|| map.reserve(more));
            assert!(message.contains(says), "{message}");
            assert_eq!(map.capacity(), capacity, "after {message}");
            assert_content(&map, 0..entries);
        }
        map.pin().clear();
        assert_eq!(map.capacity(), least, "a refused wish is none");
        map.reserve(1_000);
        assert!(map.capacity() >= 1_000);
        insert(&map, 0..1_000);
        assert_content(&map, 0..1_000);
    }
}

/// What nobody ever removes.
const STABLE: u64 = 64;

fn assert_stable(map: &Map, key: u64) {
    assert_eq!(
        map.pin().get(&key),
        Some(&!key),
        "a key that is always there"
    );
}

#[test]
fn reserve_while_others_use_the_map() {
    const ROUNDS: u64 = 60;
    let map = grown(STABLE);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let (map, is_over) = (&map, &is_over);
        let use_it = |thread: u64| {
            scope.spawn(move || {
                let mut draws = Draws(thread);
                let own = (thread << 32)..(thread << 32) + 3_000;
                while !is_over.load(Ordering::Acquire) {
                    for key in own.clone() {
                        insert(map, key..key + 1);
                        assert_stable(map, draws.below(STABLE));
                        draws.pause(256);
                    }
                    for key in own.clone() {
                        remove(map, key..key + 1);
                        assert_stable(map, draws.below(STABLE));
                    }
                }
            })
        };
        let users: Vec<_> = (1..4).map(use_it).collect();
        let reserve = scope.spawn(|| {
            let mut draws = Draws(99);
            for _ in 0..ROUNDS {
                let more = draws.below(40_000) as usize;
                map.reserve(more);
                // A thread that had decided to shrink the table before may be growing it back.
                while map.capacity() < STABLE as usize + more {
                    thread::yield_now();
                }
                for key in 0..STABLE {
                    assert_stable(map, key);
                }
                map.shrink_to_fit();
            }
        });
        let reserved = reserve.join();
        is_over.store(true, Ordering::Release);
        join(users);
        reserved.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    assert_content(&map, 0..STABLE);
    map.shrink_to_fit();
    assert_eq!(map.capacity(), 192);
}

/// In every other round the threads go up and down in step, so that the table goes all the way; in
/// the others they go as they come, and it grows and shrinks under insertions and removals alike.
#[test]
fn threads_make_it_grow_and_shrink_and_lose_nothing() {
    const THREADS: u64 = 4;
    const EACH: u64 = 2_000;
    const ROUNDS: u64 = 12;
    let map = grown(STABLE);
    let meeting = Meeting::of(THREADS as usize);
    let grew = AtomicU64::new(0);
    let shrank = AtomicU64::new(0);
    thread::scope(|scope| {
        let (map, meeting, grew, shrank) = (&map, &meeting, &grew, &shrank);
        let spawn = |thread: u64| {
            scope.spawn(move || {
                let mut member = meeting.join();
                let mut draws = Draws(thread);
                let mut capacity = map.capacity();
                let mut look = || {
                    let now = map.capacity();
                    if now > capacity {
                        grew.fetch_add(1, Ordering::Relaxed);
                    } else if now < capacity {
                        shrank.fetch_add(1, Ordering::Relaxed);
                    }
                    capacity = now;
                };
                let own = STABLE + thread * EACH..STABLE + (thread + 1) * EACH;
                for round in 0..ROUNDS {
                    let in_step = round % 2 == 0;
                    for key in own.clone() {
                        insert(map, key..key + 1);
                        assert_stable(map, draws.below(STABLE));
                        draws.pause(256);
                        look();
                    }
                    if in_step {
                        member.meet();
                        assert_eq!(map.len() as u64, STABLE + THREADS * EACH);
                        assert!(map.capacity() * 2 >= map.len());
                        own.clone().for_each(|key| assert_stable(map, key));
                        member.meet();
                    }
                    for key in own.clone().rev() {
                        remove(map, key..key + 1);
                        assert_eq!(map.pin().get(&key), None);
                        assert_stable(map, draws.below(STABLE));
                        draws.pause(256);
                        look();
                    }
                    member.meet();
                    if in_step {
                        assert_eq!(map.len() as u64, STABLE);
                        assert!(map.capacity() <= 8_192, "{}", map.capacity());
                        (0..STABLE).for_each(|key| assert_stable(map, key));
                        member.meet();
                    }
                }
            })
        };
        join((0..THREADS).map(spawn).collect())
    });
    // Every thread looks after every write, and the table has gone all the way every other round.
    assert!(grew.into_inner() >= ROUNDS);
    assert!(shrank.into_inner() >= ROUNDS);
    assert_content(&map, 0..STABLE);
    map.flush();
    assert_fits(&map);
    map.pin().clear();
    assert_eq!(map.capacity(), SMALLEST);
}

/// A value that is spoilt by its end.
struct Perishable(AtomicU64);

impl Perishable {
    const SPOILT: u64 = 0xdead_dead_dead_dead;

    fn of(key: u64) -> Self {
        Perishable(AtomicU64::new(!key))
    }

    fn assert_good(&self, key: u64) {
        assert_eq!(self.0.load(Ordering::Relaxed), !key, "freed under a guard");
    }
}

impl Drop for Perishable {
    fn drop(&mut self) {
        let was = self.0.swap(Self::SPOILT, Ordering::Relaxed);
        assert_ne!(was, Self::SPOILT, "dropped twice");
    }
}

/// A reader's references, and its iteration that has begun, outlive a table that has grown and
/// shrunk under it, whether another thread resizes it or the reader itself.
#[test]
fn a_guard_outlives_whole_cycles() {
    const KEPT: u64 = 500;
    let cycle = |map: &HashMap<u64, Perishable>, removed: Range<u64>| {
        for round in 0..2 {
            for key in KEPT..MANY {
                map.pin().insert(key, Perishable::of(key));
            }
            if round == 0 {
                removed
                    .clone()
                    .for_each(|key| assert!(map.pin().remove(&key).is_some()));
            }
            for key in KEPT..MANY {
                map.pin().remove(&key);
            }
            map.flush();
            assert!(map.capacity() < 8 * KEPT as usize);
        }
    };
    for by_another in [true, false] {
        let map = HashMap::<u64, Perishable>::default();
        for key in 0..KEPT {
            map.pin().insert(key, Perishable::of(key));
        }
        let guard = map.guard();
        let references: Vec<_> = map.iter(&guard).collect();
        let mut begun = map.iter(&guard);
        let first = begun.next().map(|(&key, _)| key).expect("there are many");
        let removed = KEPT / 2..KEPT;
        if by_another {
            thread::scope(|scope| {
                let (sender, receiver) = sync_channel(0);
                let (map, removed) = (&map, removed.clone());
                let writer = scope.spawn(move || {
                    cycle(map, removed);
                    drop(sender);
                });
                // The reader reads meanwhile.
                while receiver.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) {
                    references
                        .iter()
                        .for_each(|(key, value)| value.assert_good(**key));
                    thread::yield_now();
                }
                join::<()>(vec![writer]);
                let _: Option<()> = receiver.try_recv().ok();
            });
        } else {
            cycle(&map, removed.clone());
        }
        for (&key, value) in references {
            value.assert_good(key);
            let now = map.get(&key, &guard).map(std::ptr::from_ref);
            let there = !removed.contains(&key);
            assert_eq!(now, there.then_some(std::ptr::from_ref(value)), "{key}");
        }
        let mut met = BTreeSet::from([first]);
        for (&key, value) in begun {
            value.assert_good(key);
            assert!(met.insert(key), "{key} is met twice");
        }
        assert!((0..KEPT / 2).all(|key| met.contains(&key)));
        assert!(met.iter().all(|&key| key < KEPT), "those came and went");
    }
}

/// A number from the environment.
fn setting(name: &str, otherwise: u64) -> u64 {
    let asked = std::env::var(name).ok();
    asked.map_or(otherwise, |asked| {
        asked
            .parse()
            .unwrap_or_else(|_| panic!("{name}: a number, and not {asked}"))
    })
}

/// What one iteration has met: by key, the number of the last try that met it.
struct Met {
    stable: u64,
    tries: Vec<u32>,
}

impl Met {
    /// Keys up to `stable` are always there; the others come and go.
    fn new(stable: u64, keys: u64) -> Self {
        Met {
            stable,
            tries: vec![0; keys as usize],
        }
    }

    /// One iteration over the map, as `how` makes it: it tells each key, and where it might pause.
    fn check(&mut self, number: u32, how: &str, iterate: impl FnOnce(&mut dyn FnMut(u64))) {
        let (tries, stable) = (&mut self.tries, self.stable);
        let mut met = 0;
        iterate(&mut |key| {
            let last = std::mem::replace(&mut tries[key as usize], number);
            assert_ne!(last, number, "{key} is met twice, {how}, try {number}");
            met += u64::from(key < stable);
        });
        let missed = || (0..stable).find(|&key| tries[key as usize] != number);
        assert_eq!(
            met,
            stable,
            "{:?} is not met, {how}, try {number}",
            missed()
        );
    }
}

/// One iteration over the map of a kind that `number` chooses, with `between` called at each step.
fn iterate_once(map: &Map, met: &mut Met, number: u32, mut between: impl FnMut()) {
    let mut draws = Draws(u64::from(number));
    let checked = |(&key, &value): (&u64, &u64)| {
        assert_eq!(value, !key, "a value of another key");
        key
    };
    match number % 5 {
        0 => met.check(number, "iter", |meet| {
            for entry in map.iter(&map.guard()) {
                meet(checked(entry));
                between();
            }
        }),
        1 => met.check(number, "keys", |meet| {
            for &key in map.keys(&map.guard()) {
                meet(key);
                between();
            }
        }),
        2 => met.check(number, "values", |meet| {
            for &value in map.values(&map.guard()) {
                meet(!value);
                between();
            }
        }),
        3 => {
            // From within the map's own `Clone` nothing else can be done: the iteration is the
            // clone's, whose entries are then looked at one by one.
            between();
            let copy = map.clone();
            met.check(number, "clone", |meet| {
                assert_eq!(copy.len(), copy.iter(&copy.guard()).count());
                for (key, value) in copy {
                    meet(checked((&key, &value)));
                }
            });
        }
        _ => met.check(number, "scan", |meet| {
            let mut next = Some(Cursor::START);
            while let Some(cursor) = next {
                let budget = 1 + draws.below(third(map)) as usize;
                let guard = map.guard();
                let mut scan = map.scan(cursor, budget, &guard);
                for entry in scan.by_ref() {
                    meet(checked(entry));
                    between();
                }
                next = scan.cursor();
                drop(guard);
                // Without a guard in hand.
                between();
            }
        }),
    }
}

/// A scan's greatest budget, so that it takes a few calls.
fn third(map: &Map) -> u64 {
    (map.len() as u64 / 3).max(1)
}

/// One thread resizes the table between the steps of its own iterations: whatever an iteration
/// stands on, a resize begins, goes on or ends there.
#[test]
fn an_iteration_meets_each_key_once_between_resizes() {
    const KEYS: u64 = 150;
    let tries = setting("SPLITMAP_TRIES", 60) as u32;
    let map = grown(KEYS);
    let mut met = Met::new(KEYS, 64 * KEYS);
    let (mut grew, mut shrank) = (0, 0);
    for number in 1..=tries {
        let mut draws = Draws(u64::from(number) << 32);
        // Where the keys that come and go begin, and where they end now.
        let (first, mut last) = (KEYS, KEYS);
        let every = 1 + draws.below(60);
        iterate_once(&map, &mut met, number, || {
            if draws.below(every) > 0 {
                return;
            }
            let capacity = map.capacity();
            match draws.below(10) {
                0..4 => {
                    let to = (last + draws.below(8 * KEYS)).min(64 * KEYS);
                    insert(&map, last..to);
                    last = to;
                }
                4..7 => {
                    let to = first + draws.below(last - first + 1);
                    remove(&map, to..last);
                    last = to;
                }
                7 => {
                    map.pin().retain(|&key, _| key < KEYS);
                    last = first;
                }
                8 => {
                    map.reserve(draws.below(32 * KEYS) as usize);
                    // One of them stands where the iteration is: it meets the old or the new.
                    for key in 0..KEYS {
                        assert_eq!(map.pin().insert(key, !key), Some(&!key));
                    }
                }
                _ => map.shrink_to_fit(),
            }
            grew += u64::from(map.capacity() > capacity);
            shrank += u64::from(map.capacity() < capacity);
        });
        remove(&map, first..last);
        map.shrink_to_fit();
        assert_content(&map, 0..KEYS);
    }
    assert!(
        grew > u64::from(tries) && shrank > u64::from(tries),
        "{grew} {shrank}"
    );
}

/// Two threads resize the table as fast as they can, by as many keys that come and go as each burst
/// draws, while two others iterate.
#[test]
fn an_iteration_meets_each_key_once_while_others_resize() {
    const READERS: usize = 2;
    const CHURNERS: u64 = 2;
    let stable = setting("SPLITMAP_STABLE", 2_000);
    let tries = setting("SPLITMAP_TRIES", 150);
    let map = grown(stable);
    let next = AtomicU64::new(1);
    let readers_left = AtomicUsize::new(READERS);
    let met_resized = AtomicU64::new(0);

    let read = || {
        let _leave = Leave(&readers_left);
        let mut met = Met::new(stable, stable * (1 + 2 * CHURNERS));
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            // A little longer, should no iteration have met a resize yet.
            let is_enough = number > tries && met_resized.load(Ordering::Relaxed) > 0;
            if is_enough || number > 100 * tries {
                return;
            }
            let mut draws = Draws(number);
            let every = draws.pace();
            let capacity = map.capacity();
            iterate_once(&map, &mut met, number as u32, || draws.pause(every));
            let resized = map.capacity() != capacity;
            met_resized.fetch_add(u64::from(resized), Ordering::Relaxed);
        }
    };
    let churn = |churner: u64| {
        let mut bursts = 0;
        let first = stable + churner * 2 * stable;
        while readers_left.load(Ordering::Acquire) > 0 {
            bursts += 1;
            let mut draws = Draws(churner << 40 | bursts);
            let every = draws.pace();
            let end = first + 1 + draws.below(2 * stable);
            for key in first..end {
                insert(&map, key..key + 1);
                draws.pause(every);
            }
            match draws.below(6) {
                0 => map.reserve(draws.below(4 * stable) as usize),
                1 => map.flush(),
                _ => {}
            }
            for _ in 0..draws.below(64) {
                let key = draws.below(stable);
                assert_eq!(map.pin().insert(key, !key), Some(&!key));
            }
            match draws.below(4) {
                0 => map.pin().retain(|key, _| !(first..end).contains(key)),
                _ => {
                    for key in first..end {
                        remove(&map, key..key + 1);
                        draws.pause(every);
                    }
                }
            }
            if draws.below(2) == 0 {
                map.shrink_to_fit();
            }
        }
        bursts
    };
    thread::scope(|scope| {
        let churners: Vec<_> = (0..CHURNERS)
            .map(|churner| {
                let churn = &churn;
                scope.spawn(move || churn(churner))
            })
            .collect();
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(read)).collect();
        let bursts: Vec<_> = churners.into_iter().map(ScopedJoinHandle::join).collect();
        join(readers);
        for bursts in bursts {
            let bursts = bursts.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            assert!(bursts > 0);
        }
    });
    let met_resized = met_resized.into_inner();
    println!("{met_resized} of {tries} tries met a table of two capacities");
    assert!(met_resized > 0, "nothing is shown");
    map.shrink_to_fit();
    assert_content(&map, 0..stable);
}

/// Says that its thread has left, also if it left by a panic.
struct Leave<'a>(&'a AtomicUsize);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
