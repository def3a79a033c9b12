//! What the scenarios of the map share: a filled map, three pinned threads, and the checks that
//! hold at every end.
//!
//! A scenario's first thread is called `a`, the second `b`, and the main thread is the third. All
//! are pinned before exploration begins, so that pinning orders nothing in it. "Insert" in the
//! name of a scenario means insert if absent; "upsert" replaces.

#![allow(dead_code, reason = "each file of models uses its part")]

use std::sync::Arc;

#[allow(unused_imports, reason = "as above")]
pub use loom_tests::{Model, Seen, explore, stop_exploring};

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
    // Pinned, as the audit reads the newest table.
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

/// A way to resize a map, for scenarios that stop at different steps of it.
pub type Resize = fn(&Map, &Pin);

/// Publishes a growth and carries it to its end.
pub fn grown(map: &Map, pin: &Pin) {
    map.grow(pin);
    carry_on(map, pin);
}

/// Publishes a growth and makes every stride, but settles none.
pub fn grown_unsettled(map: &Map, pin: &Pin) {
    map.grow(pin);
    make_all(map, pin);
}

/// Publishes a shrinking and carries it to its end. False if it was not published.
pub fn shrunk(map: &Map, pin: &Pin) -> bool {
    let shrinks = map.shrink(pin);
    carry_on(map, pin);
    shrinks
}

/// Makes every stride of a resize that no thread has claimed, and settles none.
pub fn make_all(map: &Map, pin: &Pin) {
    while let Some(claim) = map.claim(pin) {
        make(map, claim, pin);
    }
}

/// Makes a claimed stride, and does not settle it.
pub fn make(map: &Map, claim: Claim, pin: &Pin) {
    map.make(claim, pin);
    map.finish(claim, pin);
}

/// Carries a resize that is under way to its end, whatever other threads have left to do.
pub fn carry_on(map: &Map, pin: &Pin) {
    while map.is_busy() {
        if !map.help(pin) {
            loom::thread::yield_now();
        }
    }
}

/// Carries a resize on for as long as this thread can.
pub fn help_out(map: &Map, pin: &Pin) {
    while map.is_busy() && map.help(pin) {}
}

/// Ends the scenario: carries on what is left of a resize, and checks the map as [`settled`] does.
pub fn ended(map: &Map, buckets: usize, expected: &[(u8, u64)]) {
    let pin = map.pin();
    carry_on(map, &pin);
    drop(pin);
    assert_eq!((map.tables(), map.buckets()), (1, buckets));
    settled(map, expected);
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
    assert_eq!(map.buckets(), buckets_after(growths));
    drop(pin);
    map.tick(&map.pin());
    map
}

/// Lets other threads run until the flag is set, which orders nothing.
pub fn wait_for(flag: &std::cell::Cell<bool>) {
    while !flag.get() {
        loom::thread::yield_now();
    }
}

/// How many objects the map has retired in its life, when all threads are gone: now they are freed.
pub fn all_freed(map: &Map) -> usize {
    map.tick(&map.pin());
    map.freed()
}

/// The buckets after one growth.
pub const GROWN: usize = if cfg!(splitmap_doubling) { 2 } else { 4 };

/// The buckets after so many growths.
pub fn buckets_after(growths: usize) -> usize {
    GROWN.pow(growths as u32)
}

/// Whether something was found, as a word.
pub fn found(got: Option<u64>) -> &'static str {
    if got.is_some() { "Some" } else { "None" }
}

/// What two lookups of a key that is inserted meanwhile may find.
pub const FOUND: [&str; 3] = ["None, None", "None, Some", "Some, Some"];

/// What two lookups of a key that is inserted meanwhile have found.
pub fn found_twice((first, second): (Option<u64>, Option<u64>)) -> String {
    assert!(first.is_none() || second.is_some(), "found, then not found");
    format!("{}, {}", found(first), found(second))
}

/// Gets keys that are there throughout.
pub fn get_stable(map: &Map, keys: &[u8], pin: &Pin) {
    for &key in keys {
        assert_eq!(map.get(key, pin), Some(key.into()), "stable key not found");
    }
}

/// Inserts a key that is absent.
pub fn insert(map: &Map, key: u8, pin: &Pin) {
    assert!(map.get_or_insert(key, key.into(), pin).1, "it was absent");
}

/// Inserts a key that is absent, and gets it.
pub fn insert_and_get(map: &Map, key: u8, pin: &Pin) {
    insert(map, key, pin);
    assert_eq!(map.get(key, pin), Some(key.into()), "own insert not found");
}

/// Removes a key that is present.
pub fn remove(map: &Map, key: u8, pin: &Pin) {
    assert_eq!(map.remove(key, pin), Some(key.into()), "it was present");
}

/// Where a resize is, by a look that is no step of the execution: compares with the buckets and
/// the state from before.
pub fn stage(map: &Map, buckets_before: usize) -> &'static str {
    if map.is_busy() {
        "within"
    } else if map.buckets() == buckets_before {
        "before"
    } else {
        "after"
    }
}

/// Where the entries are, and what they are.
pub fn places(entries: &[(Key, u64)]) -> Vec<(u8, u64)> {
    let place = |(key, value): &(Key, u64)| (key.at, *value);
    entries.iter().map(place).collect()
}

/// A growth whose first stride is claimed by the first thread, which goes on in the race.
pub fn claimed(map: &Map, pins: &[Pin; 3]) -> Claim {
    map.grow(&pins[0]);
    claim(map, &pins[0])
}

/// Claims a stride that is left.
pub fn claim(map: &Map, pin: &Pin) -> Claim {
    map.claim(pin).expect("a stride is left to claim")
}

/// A pin for each thread.
pub fn pins(map: &Map) -> [Pin; 3] {
    [map.pin(), map.pin(), map.pin()]
}
