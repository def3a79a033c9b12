//! Guarantee F with many maps that are written rarely: what waits in all of them together is bounded
//! by what a thread retires in a few epochs, and not by what it takes in each map alone. And one call
//! frees what waits in all that are enrolled, on any thread, and also while they are dropped.
//!
//! The epoch belongs to the process: each test has one of its own.

mod own_process;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use splitmap::{HashMap, HashSet, flush_all};

static LIVE: AtomicUsize = AtomicUsize::new(0);

/// A value that is counted while it lives.
struct Counted;

impl Counted {
    fn new() -> Self {
        LIVE.fetch_add(1, Ordering::Relaxed);
        Counted
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

type Map = HashMap<u32, Counted>;

fn maps(count: usize) -> Vec<Map> {
    (0..count).map(|_| Map::new()).collect()
}

/// Replaces the one value of each map, all maps in turn.
fn in_turn(maps: &[Map], times: usize) {
    for _ in 0..times {
        for map in maps {
            map.pin().insert(1, Counted::new());
        }
    }
}

/// The old values that wait.
fn waiting(maps: &[Map]) -> usize {
    let entries: usize = maps.iter().map(Map::len).sum();
    LIVE.load(Ordering::Relaxed) - entries
}

#[test]
fn twenty_maps_in_turn() {
    if !own_process::is_for("twenty_maps_in_turn") {
        return;
    }
    let maps = maps(20);
    in_turn(&maps, 100);
    let early = waiting(&maps);
    in_turn(&maps, 1_000);
    let late = waiting(&maps);
    println!("{early} of 1,980 wait, and then {late} of 21,980");
    assert!(early < 800, "{early} of 1,980 wait");
    assert!(late < 800, "{late} of 21,980 wait");
}

/// More maps than a thread retires in an epoch: at each write the garbage before it is ripe.
#[test]
fn a_thousand_maps_in_turn() {
    if !own_process::is_for("a_thousand_maps_in_turn") {
        return;
    }
    let maps = maps(1_000);
    in_turn(&maps, 5);
    let waiting = waiting(&maps);
    assert!(waiting <= 1_000, "{waiting} of 4,000 wait");
}

/// Each map is left for good with all its garbage: what no later write frees, one call does.
#[test]
fn one_call_frees_what_was_left_in_all_maps() {
    if !own_process::is_for("one_call_frees_what_was_left_in_all_maps") {
        return;
    }
    let maps = maps(20);
    thread::scope(|scope| {
        for half in maps.chunks(10) {
            // The threads end: nobody holds what they have retired.
            let write = || {
                half.iter()
                    .for_each(|map| in_turn(std::slice::from_ref(map), 100))
            };
            scope.spawn(write).join().expect("no panic");
        }
    });
    assert!(waiting(&maps) > 1_500);
    flush_all();
    assert!(waiting(&maps) > 1_500, "no map is enrolled");
    maps.iter().for_each(Map::enroll);
    flush_all();
    assert_eq!(waiting(&maps), 0);
    assert!(maps.iter().all(|map| map.stats().pending == Some(0)));

    // Once is enough, and twice is no harm. A set, too.
    maps[0].enroll();
    let set = HashSet::from([1, 2]);
    set.enroll();
    set.pin().remove(&1);
    in_turn(&maps, 3);
    flush_all();
    assert_eq!((waiting(&maps), set.stats().pending), (0, Some(0)));
}

/// What a guard may see stays, whichever thread flushes.
#[test]
fn a_guard_keeps_what_it_sees() {
    if !own_process::is_for("a_guard_keeps_what_it_sees") {
        return;
    }
    let map = HashMap::from([(1, vec![1, 2, 3])]);
    map.enroll();
    let guard = map.owned_guard();
    let old = map.get(&1, &guard).expect("it is there");
    map.pin().insert(1, Vec::new());
    thread::scope(|scope| scope.spawn(flush_all).join()).expect("no panic");
    assert_eq!(
        (old.as_slice(), map.stats().pending),
        (&[1, 2, 3][..], Some(1))
    );
    drop(guard);
    flush_all();
    assert_eq!(map.stats().pending, Some(0));
}

/// Maps come, are written, and go, while others flush them.
#[test]
fn maps_that_are_dropped_meanwhile() {
    const ROUNDS: usize = 500;
    if !own_process::is_for("maps_that_are_dropped_meanwhile") {
        return;
    }
    let over = AtomicBool::new(false);
    let start = Barrier::new(4);
    thread::scope(|scope| {
        let flush = || {
            start.wait();
            while !over.load(Ordering::Relaxed) {
                flush_all();
                thread::yield_now();
            }
        };
        let flushers = [scope.spawn(flush), scope.spawn(flush)];
        let write = || {
            start.wait();
            for round in 0..ROUNDS {
                let maps = maps(3);
                maps.iter().for_each(Map::enroll);
                in_turn(&maps, round % 40);
            }
        };
        let writers = [scope.spawn(write), scope.spawn(write)];
        for writer in writers {
            writer.join().expect("no panic");
        }
        over.store(true, Ordering::Relaxed);
        for flusher in flushers {
            flusher.join().expect("no panic");
        }
    });
    assert_eq!(LIVE.load(Ordering::Relaxed), 0);
}

/// A value whose destructor flushes all maps, and then panics if it is told to.
struct Flushes(bool);

impl Drop for Flushes {
    fn drop(&mut self) {
        flush_all();
        LIVE.fetch_sub(1, Ordering::Relaxed);
        assert!(!self.0, "as it was told");
    }
}

#[test]
fn destructors_that_flush_and_panic() {
    if !own_process::is_for("destructors_that_flush_and_panic") {
        return;
    }
    const MANY: usize = 50;
    let map = HashMap::new();
    map.enroll();
    for key in 0..MANY {
        LIVE.fetch_add(1, Ordering::Relaxed);
        map.pin().insert(key, Flushes(key == 10));
    }
    let guard = map.guard();
    for key in 0..MANY {
        map.remove(&key, &guard);
    }
    assert_eq!(LIVE.load(Ordering::Relaxed), MANY);
    drop(guard);
    let caught = catch_unwind(AssertUnwindSafe(flush_all));
    assert!(caught.is_err(), "the panic comes out");
    flush_all();
    assert_eq!(LIVE.load(Ordering::Relaxed), 0);
}
