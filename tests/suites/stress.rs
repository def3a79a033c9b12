//! The bodies of `tests/stress.rs`.

use std::collections::{HashMap as Reference, HashSet};
use std::hash::BuildHasher;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};

use splitmap::{Compute, Operation};

use super::maps::{HashMap, builder};
use crate::hashers::Quality;

type Map<V> = HashMap<u64, V, Quality>;

const THREADS: u64 = 4;

/// An empty map without a table, pinned and asked once: what the reclaimer and the hasher set up for
/// their first user is set up before a second thread exists, where ThreadSanitizer sees it.
fn smallest<V: Send + 'static>(quality: Quality) -> Map<V> {
    let map = builder().hasher(quality).build();
    drop(map.pin());
    quality.hash_one(0);
    map
}

/// Waits for the threads one by one and passes the first panic on. The implicit wait at the end of
/// a scope would be enough, but not for ThreadSanitizer, which knows `join` only.
fn join<T>(threads: Vec<ScopedJoinHandle<'_, T>>) -> Vec<T> {
    let results: Vec<_> = threads.into_iter().map(ScopedJoinHandle::join).collect();
    let pass_on =
        |result: thread::Result<T>| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    results.into_iter().map(pass_on).collect()
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
}

/// The content of a map that nobody writes any more, by all the ways to ask for it.
fn content<V: Clone + PartialEq + std::fmt::Debug + Send + 'static>(
    map: &Map<V>,
) -> Reference<u64, V> {
    let pinned = map.pin();
    let mut content = Reference::new();
    for (&key, value) in &pinned {
        assert_eq!(
            content.insert(key, value.clone()),
            None,
            "{key} is met twice"
        );
        assert_eq!(pinned.get(&key), Some(value));
    }
    assert_eq!(map.len(), content.len());
    assert_eq!(map.is_empty(), content.is_empty());
    content
}

/// One thread's part of `disjoint_keys`; returns what it left in the map.
fn live_alone(map: &Map<u64>, thread: u64, ids: u64, rounds: u64) -> Reference<u64, u64> {
    let mut draws = Draws(thread);
    let mut model = Reference::new();
    let (mut hits, mut misses) = (0, 0);
    for round in 0..rounds {
        let key = draws.below(ids) * THREADS + thread;
        let value = (thread << 32) | round;
        let pinned = map.pin();
        let known = model.get(&key).copied();
        match draws.below(8) {
            0 | 1 => {
                assert_eq!(pinned.get(&key).copied(), known);
                assert_eq!(pinned.contains_key(&key), known.is_some());
            }
            2 => assert_eq!(pinned.insert(key, value).copied(), model.insert(key, value)),
            3 | 4 => match pinned.try_insert(key, value) {
                Ok(&inserted) => {
                    assert_eq!(inserted, value);
                    assert_eq!(model.insert(key, value), None);
                }
                Err(occupied) => {
                    assert_eq!((occupied.key, occupied.not_inserted), (key, value));
                    assert_eq!(Some(*occupied.current), known);
                }
            },
            5 => {
                let found = *pinned.get_or_insert_with(key, || value);
                assert_eq!(found, *model.entry(key).or_insert(value));
            }
            6 => assert_eq!(pinned.remove(&key).copied(), model.remove(&key)),
            _ => {
                let removed = pinned.remove_entry(&key).map(|(&key, &value)| (key, value));
                assert_eq!(removed, model.remove_entry(&key));
            }
        }
        if known.is_some() {
            hits += 1;
        } else {
            misses += 1;
        }
        if round % 512 == 0 {
            let own = |&(key, _): &(&u64, &u64)| key % THREADS == thread;
            let mut met = Reference::new();
            for (&key, &value) in pinned.iter().filter(own) {
                assert_eq!(met.insert(key, value), None, "{key} is met twice");
            }
            assert_eq!(met, model);
        }
    }
    assert!(hits > rounds / 8 && misses > rounds / 8);
    model
}

#[test]
fn disjoint_keys() {
    for quality in Quality::ALL {
        let (ids, rounds) = if quality.crowds() {
            (12, 8_000)
        } else {
            (3_000, 24_000)
        };
        let map = smallest(quality);
        let left = thread::scope(|scope| {
            let spawn = |thread| {
                let map = &map;
                scope.spawn(move || live_alone(map, thread, ids, rounds))
            };
            join((0..THREADS).map(spawn).collect())
        });
        let left: Reference<u64, u64> = left.into_iter().flatten().collect();
        assert_eq!(content(&map), left, "{quality:?}");
    }
}

/// A value that names its key, its writer and how many that writer had written there before.
#[derive(Clone, Debug, PartialEq)]
struct Signed {
    key: u64,
    writer: u64,
    counter: u64,
    /// The three above, folded: a value that is read in part, or after its end, breaks it.
    seal: u64,
}

impl Signed {
    fn new(key: u64, writer: u64, counter: u64) -> Signed {
        let seal = Signed::seal(key, writer, counter);
        Signed {
            key,
            writer,
            counter,
            seal,
        }
    }

    fn seal(key: u64, writer: u64, counter: u64) -> u64 {
        Draws(key ^ writer.rotate_left(20) ^ counter.rotate_left(40)).next()
    }

    fn check(&self, key: u64) {
        assert_eq!(self.key, key, "a value of another key");
        assert_eq!(
            self.seal,
            Signed::seal(self.key, self.writer, self.counter),
            "a damaged value: {self:?}"
        );
    }
}

/// The parts that keys play, told apart by `key % 4`.
mod part {
    /// There from the start, never touched.
    pub const STABLE: u64 = 0;
    /// There from the start; its one writer replaces the value again and again.
    pub const REPLACED: u64 = 1;
    /// Its one writer inserts and removes it in turn.
    pub const TOGGLED: u64 = 2;
    /// Inserted and removed by anybody.
    pub const CHURNED: u64 = 3;

    pub fn key(part: u64, number: u64) -> u64 {
        number * 4 + part
    }

    pub fn of(key: u64) -> u64 {
        key % 4
    }
}

const WRITERS: u64 = 2;
const READERS: usize = 2;

/// How far the readers are, and whether anybody is done.
#[derive(Default)]
struct Progress {
    rounds: [AtomicUsize; READERS],
    readers_gone: AtomicBool,
    writers_gone: AtomicUsize,
}

impl Progress {
    /// Returns when each reader has begun and finished a round in the meantime, or when one has
    /// left for good by a panic.
    fn wait_for_readers(&self) {
        for rounds in &self.rounds {
            let seen = rounds.load(Ordering::Acquire);
            while rounds.load(Ordering::Acquire) < seen + 2 {
                if self.readers_gone.load(Ordering::Acquire) {
                    return;
                }
                thread::yield_now();
            }
        }
    }

    fn writers_are_done(&self) -> bool {
        self.writers_gone.load(Ordering::Acquire) == WRITERS as usize
    }
}

/// Says that its thread has left, also if it left by a panic.
struct Leave<F: Fn()>(F);

impl<F: Fn()> Drop for Leave<F> {
    fn drop(&mut self) {
        self.0();
    }
}

/// What one reader knows about the keys that have one writer.
#[derive(Default)]
struct Witness {
    last: Reference<u64, u64>,
    advances: u64,
}

impl Witness {
    fn see(&mut self, key: u64, value: &Signed) {
        value.check(key);
        if part::of(key) == part::CHURNED {
            return;
        }
        let last = self.last.entry(key).or_insert(value.counter);
        assert!(
            *last <= value.counter,
            "{key} went back from {last} to {}",
            value.counter
        );
        self.advances += u64::from(*last < value.counter);
        *last = value.counter;
    }
}

struct Shared {
    map: Map<Signed>,
    /// Keys of each part but the churned ones.
    numbers: u64,
    phases: u64,
    /// What one writer does in a phase.
    rounds: u64,
    start: Barrier,
    progress: Progress,
}

impl Shared {
    fn is_always_there(key: u64) -> bool {
        matches!(part::of(key), part::STABLE | part::REPLACED)
    }

    fn write(&self, writer: u64) -> (u64, u64) {
        let _leave = Leave(|| {
            self.progress.writers_gone.fetch_add(1, Ordering::AcqRel);
        });
        let mut draws = Draws(!writer);
        let mut counter = 0;
        let mut fresh = 0;
        let (mut removed, mut missed) = (0, 0);
        let mut toggled = HashSet::new();
        self.start.wait();
        for phase in 0..self.phases {
            for _ in 0..self.rounds {
                let pinned = self.map.pin();
                let signed = |key, counter| Signed::new(key, writer, counter);
                // Numbers of its own: those that leave `writer` as the rest.
                let number = draws.below(self.numbers / WRITERS) * WRITERS + writer;
                counter += 1;

                let key = part::key(part::REPLACED, number);
                let old = pinned.insert(key, signed(key, counter));
                let old = old.expect("a key that is always there was not");
                old.check(key);
                assert!(old.counter < counter);

                let key = part::key(part::TOGGLED, number);
                if toggled.remove(&key) {
                    let old = pinned.remove(&key).expect("nobody else removes this key");
                    old.check(key);
                    assert_eq!(pinned.get(&key), None);
                } else {
                    toggled.insert(key);
                    let new = signed(key, counter);
                    assert_eq!(pinned.try_insert(key, new.clone()).unwrap(), &new);
                }

                let key = part::key(part::CHURNED, fresh * WRITERS + writer);
                fresh += 1;
                if let Some(old) = pinned.insert(key, signed(key, counter)) {
                    // The other writer has drawn it before.
                    old.check(key);
                }
                let key = part::key(part::CHURNED, draws.below(2 * fresh * WRITERS));
                if draws.below(2) == 0 {
                    pinned
                        .get_or_insert_with(key, || signed(key, counter))
                        .check(key);
                } else if let Some(old) = pinned.remove(&key) {
                    removed += 1;
                    old.check(key);
                } else {
                    missed += 1;
                }
            }
            if writer == phase % WRITERS {
                self.map.pin().retain(|&key, value| {
                    value.check(key);
                    part::of(key) != part::CHURNED || key % 7 != 3
                });
            }
            self.progress.wait_for_readers();
        }
        (removed, missed)
    }

    /// Reads every key that is not churned, one by one, until the writers are done.
    fn look_up(&self, reader: usize) -> Witness {
        let _leave = Leave(|| self.progress.readers_gone.store(true, Ordering::Release));
        let mut witness = Witness::default();
        let (mut hits, mut misses) = (0, 0);
        self.start.wait();
        loop {
            let last_round = self.progress.writers_are_done();
            for number in 0..self.numbers {
                let pinned = self.map.pin();
                for part in [part::STABLE, part::REPLACED] {
                    let key = part::key(part, number);
                    let (found, value) = pinned
                        .get_key_value(&key)
                        .expect("a key that is always there was not");
                    assert_eq!(*found, key);
                    witness.see(key, value);
                }
                let key = part::key(part::TOGGLED, number);
                match pinned.get(&key) {
                    Some(value) => {
                        hits += 1;
                        witness.see(key, value);
                    }
                    None => misses += 1,
                }
            }
            self.progress.rounds[reader].fetch_add(1, Ordering::AcqRel);
            if last_round {
                break;
            }
        }
        assert!(hits > 0 && misses > 0);
        witness
    }

    /// Goes through the whole map, again and again until the writers are done.
    fn iterate(&self, reader: usize) -> Witness {
        let _leave = Leave(|| self.progress.readers_gone.store(true, Ordering::Release));
        let mut witness = Witness::default();
        self.start.wait();
        loop {
            let last_round = self.progress.writers_are_done();
            let pinned = self.map.pin();
            let mut met = HashSet::new();
            for (&key, value) in &pinned {
                assert!(met.insert(key), "{key} is met twice");
                witness.see(key, value);
            }
            let always = met.iter().filter(|&&key| Shared::is_always_there(key));
            assert_eq!(always.count() as u64, 2 * self.numbers);
            self.progress.rounds[reader].fetch_add(1, Ordering::AcqRel);
            if last_round {
                break;
            }
        }
        witness
    }
}

fn shared_keys(quality: Quality, numbers: u64, phases: u64, rounds: u64) {
    let shared = Shared {
        map: smallest(quality),
        numbers,
        phases,
        rounds,
        start: Barrier::new(WRITERS as usize + READERS),
        progress: Progress::default(),
    };
    for number in 0..numbers {
        for part in [part::STABLE, part::REPLACED] {
            let key = part::key(part, number);
            shared.map.pin().insert(key, Signed::new(key, WRITERS, 0));
        }
    }
    thread::scope(|scope| {
        let shared = &shared;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| scope.spawn(move || shared.write(writer)))
            .collect();
        let readers = vec![
            scope.spawn(|| shared.look_up(0)),
            scope.spawn(|| shared.iterate(1)),
        ];
        // All are waited for before any result is judged.
        let writers: Vec<_> = writers.into_iter().map(ScopedJoinHandle::join).collect();
        for witness in join(readers) {
            assert!(witness.advances > 0, "no reader ever saw a replacement");
        }
        for writer in writers {
            let (removed, missed) = writer.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            assert!(removed > 0 && missed > 0);
        }
    });

    let content = content(&shared.map);
    for (&key, value) in &content {
        value.check(key);
    }
    let always = content.keys().filter(|&&key| Shared::is_always_there(key));
    assert_eq!(always.count() as u64, 2 * numbers);
}

#[test]
fn shared_keys_spread() {
    shared_keys(Quality::Default, 100, 32, 800);
}

#[test]
fn shared_keys_in_sequence() {
    shared_keys(Quality::Sequential, 24, 64, 300);
}

#[test]
fn shared_keys_in_one_bucket() {
    shared_keys(Quality::Constant, 8, 12, 8);
}

#[test]
fn shared_keys_in_eight_buckets() {
    shared_keys(Quality::HighBits, 8, 16, 16);
}

/// A table grows from nothing, again and again, under readers who look for keys that are there.
/// There are more threads than processors, so that readers are stopped inside a `get` and wake up in
/// a table that has grown since.
#[test]
fn growth_hides_nothing() {
    const STABLE: u64 = 12;
    const MANY: u64 = 4_000;
    const ROUNDS: u64 = 40;
    for round in 0..ROUNDS {
        let map = smallest::<u64>(Quality::Default);
        for key in 0..STABLE {
            map.pin().insert(key, !key);
        }
        let start = Barrier::new(THREADS as usize + 1);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let (map, start, done) = (&map, &start, &done);
            let read = |thread: u64| {
                scope.spawn(move || {
                    start.wait();
                    let mut key = thread;
                    loop {
                        let last = done.load(Ordering::Acquire);
                        for _ in 0..100 {
                            key = (key + 1) % STABLE;
                            let pinned = map.pin();
                            assert_eq!(pinned.get(&key), Some(&!key), "round {round}");
                            assert!(!pinned.contains_key(&(key + 2 * MANY)));
                        }
                        if last {
                            break;
                        }
                    }
                })
            };
            let mut threads: Vec<_> = (0..THREADS).map(read).collect();
            threads.push(scope.spawn(move || {
                let _leave = Leave(|| done.store(true, Ordering::Release));
                start.wait();
                for key in STABLE..MANY {
                    assert_eq!(map.pin().insert(key, !key), None);
                    if key % 128 == 0 {
                        thread::yield_now();
                    }
                }
            }));
            join(threads)
        });
        assert_eq!(map.len() as u64, MANY);
    }
}

/// What one thread did to the few keys of `contended_keys`.
#[derive(Default)]
struct Ledger {
    entered: Vec<u64>,
    left: Vec<u64>,
    /// Calls of `try_insert`, `insert`, `get_or_insert_with` and `remove` that found the key absent
    /// and present.
    absent: [u64; 4],
    present: [u64; 4],
}

fn contend(map: &Map<u64>, thread: u64, keys: u64, rounds: u64) -> Ledger {
    let mut draws = Draws(thread << 8);
    let mut ledger = Ledger::default();
    for round in 0..rounds {
        let key = draws.below(keys);
        let value = (thread << 32) | round;
        let op = draws.below(6).min(3) as usize;
        let pinned = map.pin();
        let was_present = match op {
            0 => match pinned.try_insert(key, value) {
                Ok(_) => {
                    ledger.entered.push(value);
                    false
                }
                Err(_) => true,
            },
            1 => {
                ledger.entered.push(value);
                let old = pinned.insert(key, value);
                ledger.left.extend(old);
                old.is_some()
            }
            2 => {
                let found = *pinned.get_or_insert_with(key, || value);
                if found == value {
                    ledger.entered.push(value);
                }
                found != value
            }
            _ => {
                let old = match round % 2 {
                    0 => pinned.remove(&key),
                    _ => pinned.remove_entry(&key).map(|(_, value)| value),
                };
                ledger.left.extend(old);
                old.is_some()
            }
        };
        let count = if was_present {
            &mut ledger.present
        } else {
            &mut ledger.absent
        };
        count[op] += 1;
        // Keys that nobody fights for make the table grow meanwhile.
        if round % 4 == 0 && round / 4 < 500 {
            let filler = keys + (round / 4) * THREADS + thread;
            assert_eq!(pinned.insert(filler, u64::MAX), None);
        }
    }
    ledger
}

#[test]
fn contended_keys() {
    for (quality, keys, rounds) in [
        (Quality::Default, 1, 50_000),
        (Quality::Default, 3, 50_000),
        (Quality::Identity, 2, 50_000),
        (Quality::LowBits, 3, 2_000),
        (Quality::Constant, 1, 100),
        (Quality::Constant, 3, 100),
    ] {
        let map = smallest(quality);
        let ledgers = thread::scope(|scope| {
            let map = &map;
            let spawn = |thread| scope.spawn(move || contend(map, thread, keys, rounds));
            join((0..THREADS).map(spawn).collect())
        });

        let mut content = content(&map);
        content.retain(|&key, _| key < keys);
        let mut entered = HashSet::new();
        let mut left = HashSet::new();
        for ledger in &ledgers {
            entered.extend(&ledger.entered);
            for &value in &ledger.left {
                assert!(left.insert(value), "{value:#x} came out twice, {quality:?}");
            }
        }
        for &value in content.values() {
            assert!(left.insert(value), "{value:#x} came out and stayed");
        }
        assert_eq!(
            entered, left,
            "what went in is not what came out, {quality:?}"
        );

        for op in 0..4 {
            let sum = |count: fn(&Ledger) -> u64| ledgers.iter().map(count).sum::<u64>();
            assert!(
                ledgers.iter().any(|ledger| ledger.absent[op] > 0)
                    && ledgers.iter().any(|ledger| ledger.present[op] > 0),
                "operation {op} had one outcome only; {} values went in",
                sum(|ledger| ledger.entered.len() as u64)
            );
        }
    }
}

/// Of many threads that make an entry, one does; all are given that one, at one address.
#[test]
fn one_thread_makes_an_entry() {
    for (quality, keys) in [
        (Quality::Default, 60_000),
        (Quality::Sequential, 20_000),
        (Quality::Constant, 300),
    ] {
        let map = smallest::<u64>(quality);
        let start = Barrier::new(THREADS as usize);
        let given = thread::scope(|scope| {
            let (map, start) = (&map, &start);
            let spawn = |thread| {
                scope.spawn(move || {
                    start.wait();
                    let mut made = 0;
                    let given = |key| {
                        let mut ran = false;
                        let pinned = map.pin();
                        let value = pinned.get_or_insert_with(key, || {
                            ran = true;
                            thread
                        });
                        // Two threads may both run their closure, but only one of the values is
                        // kept.
                        assert!(ran || *value != thread);
                        made += u64::from(*value == thread);
                        (std::ptr::from_ref(value).addr(), *value)
                    };
                    ((0..keys).map(given).collect::<Vec<_>>(), made)
                })
            };
            join((0..THREADS).map(spawn).collect())
        });
        assert_eq!(given.iter().map(|(_, made)| made).sum::<u64>(), keys);
        assert!(given.iter().all(|(entries, _)| *entries == given[0].0));
        assert_eq!(content(&map).len() as u64, keys);
    }
}

/// Lets others go first in one call of a closure of so many: they change the key meanwhile.
fn give_way(draws: &mut Draws) {
    if draws.below(8) == 0 {
        thread::yield_now();
    }
}

/// Few keys at which all threads change values, and how often each does so.
const CONTENDED: [(Quality, u64, u64); 4] = [
    (Quality::Default, 1, 20_000),
    (Quality::Default, 3, 20_000),
    (Quality::LowBits, 3, 10_000),
    (Quality::Constant, 2, 10_000),
];

/// All threads count at the same few keys: each count is there at the end, and no thread is told of
/// a number twice.
#[test]
fn updates_all_count() {
    let mut asked_again = 0;
    for (quality, keys, rounds) in CONTENDED {
        let map = smallest(quality);
        let told = thread::scope(|scope| {
            let map = &map;
            let spawn = |thread| {
                scope.spawn(move || {
                    let mut draws = Draws(thread);
                    let mut told = Vec::new();
                    let mut asked = 0;
                    for round in 0..rounds {
                        let key = draws.below(keys);
                        let update = |count: &u64| {
                            asked += 1;
                            give_way(&mut draws);
                            count + 1
                        };
                        let pinned = map.pin();
                        let count = match round % 3 {
                            0 => *pinned.update_or_insert(key, update, 1),
                            1 => *pinned.update_or_insert_with(key, update, || 1),
                            // The key is there: nobody removes one.
                            _ => match pinned.update(key, update) {
                                Some(count) => *count,
                                None => *pinned.update_or_insert(key, |count| count + 1, 1),
                            },
                        };
                        told.push((key, count));
                    }
                    (told, asked)
                })
            };
            join((0..THREADS).map(spawn).collect())
        });
        let mut counts = Reference::new();
        let mut all = HashSet::new();
        for (told, asked) in told {
            asked_again += asked - told.len().min(asked);
            for (key, count) in told {
                assert!(all.insert((key, count)), "{count} of {key} came twice");
                *counts.entry(key).or_default() += 1;
            }
        }
        assert_eq!(content(&map), counts, "{quality:?}");
        // Each number up to the count is somebody's.
        assert!(
            all.iter()
                .all(|(key, count)| (1..=counts[key]).contains(count))
        );
    }
    assert!(
        asked_again > 0,
        "no update ever met another: nothing is shown"
    );
}

/// Threads add to counters, and remove those that are large: what was removed and what is left are
/// what was added, and only what was large was removed.
#[test]
fn conditional_removals_among_updates() {
    const LARGE: u64 = 5;
    for (quality, keys, rounds) in CONTENDED {
        let map = smallest(quality);
        let sums = thread::scope(|scope| {
            let map = &map;
            let spawn = |thread| {
                scope.spawn(move || {
                    let mut draws = Draws(thread + 31);
                    let (mut removed, mut times) = (0, [0_u64; 3]);
                    for _ in 0..rounds {
                        let key = draws.below(keys);
                        let pinned = map.pin();
                        pinned.update_or_insert(
                            key,
                            |sum| {
                                give_way(&mut draws);
                                sum + 1
                            },
                            1,
                        );
                        let mut last = None;
                        let result = pinned.try_remove_if(&key, |_, &sum| {
                            last = Some(sum);
                            give_way(&mut draws);
                            sum >= LARGE
                        });
                        let outcome = match result {
                            Ok(Some((_, &sum))) => {
                                assert_eq!(Some(sum), last, "it was not asked for");
                                assert!(sum >= LARGE);
                                removed += sum;
                                0
                            }
                            Ok(None) => 1,
                            Err((_, &sum)) => {
                                assert_eq!(Some(sum), last, "it was not asked for");
                                assert!(sum < LARGE);
                                2
                            }
                        };
                        times[outcome] += 1;
                    }
                    (removed, times)
                })
            };
            join((0..THREADS).map(spawn).collect())
        });
        let removed: u64 = sums.iter().map(|(removed, _)| removed).sum();
        let left: u64 = content(&map).values().sum();
        assert_eq!(removed + left, THREADS * rounds, "{quality:?}");
        let happens = |outcome| sums.iter().any(|(_, times)| times[outcome] > 0);
        assert!(happens(0) && happens(2), "one outcome only");
    }
}

/// Threads move tickets from one key to another: none is lost, and none is sold twice. A key without
/// a ticket is absent.
#[test]
fn tickets_move_by_compute() {
    const TICKETS: u64 = 3;
    for (quality, keys, rounds) in CONTENDED {
        let keys = keys + 1;
        let map = smallest(quality);
        for key in 0..keys {
            map.pin().insert(key, TICKETS);
        }
        let counts = thread::scope(|scope| {
            let map = &map;
            let spawn = |thread| {
                scope.spawn(move || {
                    let mut draws = Draws(thread + 5);
                    let mut counts = [0_u64; 4];
                    for _ in 0..rounds {
                        let (from, to) = (draws.below(keys), draws.below(keys));
                        let pinned = map.pin();
                        let taken = pinned.compute(from, |entry| {
                            give_way(&mut draws);
                            match entry {
                                Some((_, 1)) => Operation::Remove,
                                Some((_, tickets)) => Operation::Insert(tickets - 1),
                                None => Operation::Abort("sold out"),
                            }
                        });
                        match taken {
                            Compute::Updated { old, new } => {
                                assert_eq!(*old.1, new.1 + 1);
                                counts[0] += 1;
                            }
                            Compute::Removed(_, &tickets) => {
                                assert_eq!(tickets, 1);
                                counts[1] += 1;
                            }
                            Compute::Aborted(_) => {
                                counts[2] += 1;
                                continue;
                            }
                            Compute::Inserted(..) | Compute::Absent => {
                                unreachable!("there was none")
                            }
                        }
                        let given = pinned.compute(to, |entry| {
                            give_way(&mut draws);
                            let tickets = entry.map_or(0, |(_, tickets)| *tickets);
                            Operation::<_, ()>::Insert(tickets + 1)
                        });
                        match given {
                            Compute::Inserted(_, &tickets) => {
                                assert_eq!(tickets, 1);
                                counts[3] += 1;
                            }
                            Compute::Updated { old, new } => assert_eq!(old.1 + 1, *new.1),
                            _ => unreachable!("a ticket was given back"),
                        }
                    }
                    counts
                })
            };
            join((0..THREADS).map(spawn).collect())
        });
        let content = content(&map);
        assert_eq!(content.values().sum::<u64>(), keys * TICKETS, "{quality:?}");
        assert!(content.values().all(|&tickets| tickets > 0));
        let happens = |what: usize| counts.iter().any(|counts| counts[what] > 0);
        assert!((0..4).all(happens), "not all kinds of a move: {counts:?}");
    }
}

/// A value is made at most once a call, and what is made is used or dropped, whoever comes first.
#[test]
fn values_are_made_at_most_once_a_call() {
    const KEYS: u64 = 4_000;
    let map = smallest(Quality::Default);
    let start = Barrier::new(THREADS as usize);
    let counts = thread::scope(|scope| {
        let (map, start) = (&map, &start);
        let spawn = |thread| {
            scope.spawn(move || {
                start.wait();
                let (mut draws, mut made, mut used) = (Draws(thread), 0, 0);
                for key in 0..KEYS {
                    let mut made_now = 0;
                    let make = || {
                        made_now += 1;
                        give_way(&mut draws);
                        thread
                    };
                    let pinned = map.pin();
                    let maker = if key % 2 == 0 {
                        *pinned.get_or_insert_with(key, make)
                    } else {
                        // An update that changes nothing.
                        *pinned.update_or_insert_with(key, |maker| *maker, make)
                    };
                    assert!(made_now <= 1, "made {made_now} times in one call");
                    assert!(made_now == 1 || maker != thread);
                    made += made_now;
                    used += u64::from(maker == thread);
                }
                (made, used)
            })
        };
        join((0..THREADS).map(spawn).collect())
    });
    let sum = |of: fn(&(u64, u64)) -> u64| counts.iter().map(of).sum::<u64>();
    assert_eq!(sum(|&(_, used)| used), KEYS, "each key has one maker");
    assert!(
        sum(|&(made, _)| made) > KEYS,
        "nobody ever came second: nothing is shown"
    );
    assert_eq!(content(&map).len() as u64, KEYS);
}

/// Numbers that all threads add to are never copied: nothing that was added is lost by growth.
#[test]
fn entries_stay_where_they_are() {
    for (quality, keys, rounds) in [
        (Quality::Default, 20_000, 150_000),
        (Quality::HighBits, 100, 10_000),
    ] {
        let map: Map<AtomicU64> = smallest(quality);
        let added = thread::scope(|scope| {
            let map = &map;
            let spawn = |thread| {
                scope.spawn(move || {
                    let mut draws = Draws(thread + 77);
                    let mut added = Reference::<u64, u64>::new();
                    for _ in 0..rounds {
                        let key = draws.below(keys);
                        let pinned = map.pin();
                        let number = pinned.get_or_insert_with(key, AtomicU64::default);
                        number.fetch_add(thread + 1, Ordering::Relaxed);
                        *added.entry(key).or_default() += thread + 1;
                    }
                    added
                })
            };
            join((0..THREADS).map(spawn).collect())
        });
        let mut sums = Reference::<u64, u64>::new();
        for (key, sum) in added.into_iter().flatten() {
            *sums.entry(key).or_default() += sum;
        }
        let pinned = map.pin();
        let found: Reference<u64, u64> = pinned
            .iter()
            .map(|(&key, number)| (key, number.load(Ordering::Relaxed)))
            .collect();
        assert_eq!(found, sums);
    }
}

/// `clear` while others insert takes entries whole: what is left is found, counted and met alike,
/// and the keys that come after the last `clear` are all there.
#[test]
fn clear_among_inserts() {
    for (quality, keys) in [(Quality::Default, 20_000), (Quality::Constant, 100)] {
        let map = smallest::<u64>(quality);
        let cleared = AtomicUsize::new(0);
        thread::scope(|scope| {
            let (map, cleared) = (&map, &cleared);
            let spawn = |thread| {
                scope.spawn(move || {
                    for key in (0..keys).map(|n| n * THREADS + thread) {
                        let pinned = map.pin();
                        pinned.insert(key, !key);
                        if key % (keys / 2) == 0 {
                            pinned.clear();
                            cleared.fetch_add(1, Ordering::Relaxed);
                        }
                        if let Some(&value) = pinned.get(&key) {
                            assert_eq!(value, !key);
                        }
                    }
                })
            };
            join((0..THREADS).map(spawn).collect())
        });
        assert!(cleared.into_inner() > 0);
        for (key, value) in content(&map) {
            assert!(key < keys * THREADS);
            assert_eq!(value, !key);
        }
        let pinned = map.pin();
        pinned.clear();
        assert!(content(&map).is_empty());
        for key in 0..keys {
            assert_eq!(pinned.insert(key, key), None);
        }
        assert_eq!(content(&map).len() as u64, keys);
    }
}
