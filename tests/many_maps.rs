//! Guarantee F with many maps that are written rarely: what waits in all of them together is bounded
//! by what a thread retires in a few epochs, and not by what it takes in each map alone.
//!
//! The epoch belongs to the process: each test has one of its own.

#![cfg(not(any(loom, shuttle)))]

mod own_process;

use std::sync::atomic::{AtomicUsize, Ordering};

use splitmap::HashMap;

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
