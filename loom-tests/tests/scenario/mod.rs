//! What the scenarios of the map share: a filled map, three pinned threads, and the checks that
//! hold at every end.
//!
//! A scenario's first thread is called `a`, the second `b`, and the main thread is the third. All
//! are pinned before exploration begins, so that pinning orders nothing in it. "Insert" in the
//! name of a scenario means insert if absent; "upsert" replaces.

#![allow(dead_code, reason = "each file of models uses its part")]

use std::sync::Arc;

pub use loom_tests::{Model, explore, stop_exploring};
#[allow(unused_imports, reason = "as above")]
pub use splitmap::model::{Claim, Key, Map, Pin};

/// A map with these keys, each with itself as the value.
pub fn filled(keys: &[u8]) -> Arc<Map> {
    let map = Map::new();
    let pin = map.pin();
    for &key in keys {
        map.insert(key, key.into(), &pin);
    }
    map.audit();
    drop(pin);
    Arc::new(map)
}

/// The key at a place of the hash order that is one of several with the same hash.
pub fn twin(at: u8, twin: u8) -> Key {
    Key { at, twin }
}

/// Runs three threads against each other and returns what they return. Each lets go of its pin at
/// its end, and the list is whole whenever one has ended.
pub fn race<A: 'static, B: 'static, C>(
    map: &Arc<Map>,
    a: impl FnOnce(&Map, Pin) -> A + 'static,
    b: impl FnOnce(&Map, Pin) -> B + 'static,
    main: impl FnOnce(&Map, Pin) -> C,
) -> (A, B, C) {
    let pins = [map.pin(), map.pin(), map.pin()];
    race_pinned(map, pins, a, b, main)
}

/// As [`race`], with pins that the scenario has used before.
pub fn race_pinned<A: 'static, B: 'static, C>(
    map: &Arc<Map>,
    [pin_a, pin_b, pin_main]: [Pin; 3],
    a: impl FnOnce(&Map, Pin) -> A + 'static,
    b: impl FnOnce(&Map, Pin) -> B + 'static,
    main: impl FnOnce(&Map, Pin) -> C,
) -> (A, B, C) {
    let (map_a, map_b) = (Arc::clone(map), Arc::clone(map));
    explore();
    let a = loom::thread::spawn(move || audited(&map_a, pin_a, a));
    let b = loom::thread::spawn(move || audited(&map_b, pin_b, b));
    let main = audited(map, pin_main, main);
    let (a, b) = (a.join().unwrap(), b.join().unwrap());
    stop_exploring();
    (a, b, main)
}

/// As [`race`], but the pins are there until all have ended, and so is the audit: both are fences, by
/// which a thread that ends would tell the others what it knows.
pub fn race_without_fences<A: 'static, B: 'static, C>(
    map: &Arc<Map>,
    a: impl FnOnce(&Map, &Pin) -> A + 'static,
    b: impl FnOnce(&Map, &Pin) -> B + 'static,
    main: impl FnOnce(&Map, &Pin) -> C,
) -> (A, B, C) {
    let [pin_a, pin_b, pin_main] = pins(map);
    let (map_a, map_b) = (Arc::clone(map), Arc::clone(map));
    explore();
    let a = loom::thread::spawn(move || (a(&map_a, &pin_a), pin_a));
    let b = loom::thread::spawn(move || (b(&map_b, &pin_b), pin_b));
    let main = main(map, &pin_main);
    let ((a, _pin_a), (b, _pin_b)) = (a.join().unwrap(), b.join().unwrap());
    stop_exploring();
    map.audit();
    (a, b, main)
}

fn audited<T>(map: &Map, pin: Pin, run: impl FnOnce(&Map, Pin) -> T) -> T {
    let result = run(map, pin);
    // Pinned, as the audit reads the newest directory.
    let _pin = map.pin();
    map.audit();
    result
}

/// Checks the map when all threads are gone: these keys with these values and no others, every one
/// found, nothing marked left, and the length right.
pub fn settled(map: &Map, expected: &[(u8, u64)]) {
    map.audit();
    let places: Vec<_> = expected.iter().map(|&(key, _)| (key, false)).collect();
    assert_eq!(map.linked(), places, "what is in the list");
    let pin = map.pin();
    for &(key, value) in expected {
        assert_eq!(map.get(key, &pin), Some(value), "get {key}");
    }
    assert_eq!(map.len(&pin), expected.len());
    let walked: Vec<_> = map.entries_from(0, &pin);
    let walked: Vec<_> = walked.iter().map(|(key, value)| (key.at, *value)).collect();
    assert_eq!(walked, expected);
}

/// Publishes a growth and makes all of it.
pub fn grown(map: &Map, pin: &Pin) {
    map.grow(pin);
    while map.is_growing() {
        map.help(pin);
    }
}

/// A map that has grown so many times, with these keys, each with itself as the value. They came
/// after the growths, so the heads have no presence bits but theirs. What was retired is freed.
pub fn filled_wide(growths: usize, keys: &[u8]) -> Arc<Map> {
    let map = filled(&[0]);
    let pin = map.pin();
    for _ in 0..growths {
        grown(&map, &pin);
    }
    map.remove(0, &pin);
    for &key in keys {
        map.insert(key, key.into(), &pin);
    }
    map.audit();
    assert_eq!(map.buckets(), GROWN.pow(growths as u32));
    drop(pin);
    map.tick(&map.pin());
    map
}

/// Publishes a shrinking and carries it to its end.
pub fn shrunk(map: &Map, pin: &Pin) {
    map.shrink(pin);
    help_shrinking(map, pin);
}

/// Carries a shrinking that is under way to its end.
pub fn help_shrinking(map: &Map, pin: &Pin) {
    while map.is_shrinking() {
        map.help(pin);
    }
}

/// How many objects the map has retired in its life, when all threads are gone: now they are freed.
pub fn all_freed(map: &Map) -> usize {
    map.tick(&map.pin());
    map.freed()
}

/// The buckets after one growth.
pub const GROWN: usize = if cfg!(splitmap_doubling) { 2 } else { 4 };

/// Whether something was found, as a word.
pub fn found(got: Option<u64>) -> &'static str {
    if got.is_some() { "Some" } else { "None" }
}

/// A growth whose one stride is claimed by the first thread, which goes on in the race.
pub fn claimed(map: &Map, pins: &[Pin; 3]) -> Claim {
    map.grow(&pins[0]);
    map.claim(&pins[0])
}

/// A pin for each thread.
pub fn pins(map: &Map) -> [Pin; 3] {
    [map.pin(), map.pin(), map.pin()]
}
