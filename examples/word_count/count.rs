//! The two ways to count.

use std::collections::HashMap as StdHashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use splitmap::HashMap;

/// Words under one guard. A guard for all of them would keep every replaced entry to the end; one
/// for each would be made a million times.
const BATCH: usize = 256;

pub type Counts<'text> = StdHashMap<&'text str, u64>;

/// What a way to count has given.
pub struct Outcome<'text> {
    pub counts: Counts<'text>,
    pub took: Duration,
    /// Entries that were made, those that were replaced too.
    pub made: u64,
    /// Entries that waited to be freed when all was counted.
    pub waiting: usize,
    /// And how many of those a `flush` has left.
    pub left: usize,
}

type Way = for<'text> fn(&[&'text str], u64, usize) -> Outcome<'text>;

pub const WAYS: [(&str, Way); 2] = [("replaced", replaced), ("atomic", atomic)];

/// A new entry for each word.
fn replaced<'text>(words: &[&'text str], rounds: u64, threads: usize) -> Outcome<'text> {
    let map: HashMap<&str, u64> = HashMap::new();
    let took = share(words, rounds, threads, |batch| {
        let map = map.pin();
        for word in batch {
            map.update_or_insert(word, |count| count + 1, 1);
        }
    });
    let made = words.len() as u64 * rounds;
    finish(map, took, made, |count| count)
}

/// A new entry for each different word, and then an addition in place.
fn atomic<'text>(words: &[&'text str], rounds: u64, threads: usize) -> Outcome<'text> {
    let map: HashMap<&str, AtomicU64> = HashMap::new();
    let took = share(words, rounds, threads, |batch| {
        let map = map.pin();
        for word in batch {
            map.get_or_insert_with(word, AtomicU64::default)
                .fetch_add(1, Relaxed);
        }
    });
    let made = map.len() as u64;
    finish(map, took, made, AtomicU64::into_inner)
}

/// Hands the words out to threads, in batches, all rounds of them.
fn share<'text>(
    words: &[&'text str],
    rounds: u64,
    threads: usize,
    count: impl Fn(&[&'text str]) + Sync,
) -> Duration {
    let batches: Vec<&[&str]> = words.chunks(BATCH).collect();
    let all = batches.len() as u64 * rounds;
    let next = AtomicU64::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(mine) = Some(next.fetch_add(1, Relaxed)).filter(|n| *n < all) {
                    count(batches[mine as usize % batches.len()]);
                }
            });
        }
    });
    start.elapsed()
}

/// Frees what waits, and takes the map apart: nobody shares it any more, so the counts come out as
/// values and not as references.
fn finish<'text, V>(
    map: HashMap<&'text str, V>,
    took: Duration,
    made: u64,
    into_count: impl Fn(V) -> u64,
) -> Outcome<'text> {
    let pending = |map: &HashMap<&str, V>| map.stats().pending.unwrap_or(0);
    let waiting = pending(&map);
    map.flush();
    let left = pending(&map);
    let counts = map
        .into_iter()
        .map(|(word, count)| (word, into_count(count)))
        .collect();
    Outcome {
        counts,
        took,
        made,
        waiting,
        left,
    }
}
