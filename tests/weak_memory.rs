//! Small programs of threads on the real map and the real `Epoch`, for Miri, which emulates weak memory
//! and reports data races: `ci/test.sh miri` runs them with many seeds. Without Miri they are quick,
//! and show little.

use std::thread;

use splitmap::HashMap;

/// A value in memory of its own: to read it after its end, or before it is there, is undefined.
type Map = HashMap<u8, Box<u64>>;

/// Runs on three threads, which are joined one by one.
fn on_threads(map: &Map, work: impl Fn(&Map, u64) + Sync) {
    thread::scope(|scope| {
        let work = &work;
        let spawn = |number| scope.spawn(move || work(map, number));
        let threads: Vec<_> = (0..3).map(spawn).collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
    });
}

/// The first writes: of the table, and of what the store has for each thread.
#[test]
fn first_writes() {
    let map = Map::new();
    on_threads(&map, |map, number| {
        let view = map.pin();
        let value = view.get_or_insert(0, Box::new(number));
        assert!(**value < 3);
        view.insert(1, Box::new(number));
        assert!(view.get(&1).is_some());
    });
    assert_eq!(map.len(), 2);
}

/// Replaced, removed and flushed under readers.
#[test]
fn freed_behind_readers() {
    let map = Map::new();
    map.pin().insert(0, Box::new(0));
    on_threads(&map, |map, number| {
        for turn in 0..4 {
            if number == 0 {
                map.pin().insert(0, Box::new(turn));
                map.flush();
            } else {
                let view = map.pin();
                assert!(view.get(&0).is_some_and(|value| **value < 4));
            }
        }
    });
    map.flush();
}

/// A table that grows and shrinks under readers.
#[test]
fn resized_under_readers() {
    let map = Map::new();
    map.pin().insert(0, Box::new(0));
    on_threads(&map, |map, number| {
        if number == 0 {
            (1..40).for_each(|key| {
                map.pin().insert(key, Box::new(key.into()));
            });
            map.pin().retain(|&key, _| key == 0);
            map.flush();
        } else {
            for _ in 0..8 {
                assert_eq!(map.get_cloned(&0), Some(Box::new(0)));
            }
        }
    });
    assert_eq!(map.len(), 1);
}
