//! The ways to borrow from a map, each on little data, so that Miri can run it: `docs/TESTING.md`
//! has the command, and says what Miri sees.

use std::thread;

use splitmap::{Compute, Cursor, Entry, HashMap, HashSet, Operation};

/// The table has grown several times with so many.
const ENTRIES: u64 = 150;

fn filled() -> HashMap<u64, Box<u64>> {
    (0..ENTRIES).map(|key| (key, Box::new(key))).collect()
}

#[test]
fn values_that_are_changed_in_place() {
    let mut map = filled();
    let mut changed: Vec<&mut Box<u64>> = map.iter_mut().map(|(_, value)| value).collect();
    changed.iter_mut().for_each(|value| ***value += 1);
    changed.reverse();
    changed.iter_mut().for_each(|value| ***value += 1);
    map.values_mut().for_each(|value| **value += 1);
    for (key, value) in &mut map {
        assert_eq!(**value, key + 3);
    }
    // Some of the way only, then by another.
    assert!(map.iter_mut().nth(70).is_some());
    let value = map.get_mut(&7).expect("there");
    **value = 0;
    assert_eq!(**map.pin().get(&7).expect("there"), 0);
}

#[test]
fn entries_that_are_taken_out() {
    let mut map = filled();
    let mut drained = map.drain();
    let first: Vec<_> = drained.by_ref().take(70).collect();
    drop(drained);
    assert_eq!((first.len(), map.len()), (70, 0));
    first.into_iter().for_each(|(key, value)| {
        assert!(map.pin().insert(key, value).is_none());
    });
    let mut owned = map.into_iter();
    assert!(owned.nth(30).is_some());
    assert_eq!(owned.len(), 39);
}

#[test]
fn what_was_read_outlives_what_is_written() {
    let map = filled();
    let view = map.pin();
    let read: Vec<&Box<u64>> = view.values().collect();
    let seen = view.get(&3).expect("there");
    let Entry::Occupied(entry) = view.entry(4) else {
        panic!("it is there");
    };
    for key in 0..ENTRIES {
        match key % 4 {
            0 => drop(view.remove(&key)),
            1 => drop(view.insert(key, Box::new(0))),
            2 => drop(view.update(key, |value| Box::new(**value + 1))),
            _ => match view.compute(key, |_| Operation::<_, ()>::Remove) {
                Compute::Removed(_, value) => assert_eq!(**value, key),
                other => panic!("{other:?}"),
            },
        }
    }
    view.clear();
    view.shrink_to_fit();
    map.flush();
    assert_eq!((**seen, **entry.get()), (3, 4));

    // A key that is borrowed from the entry that goes.
    let written = view.entry(4).insert_entry(Box::new(5));
    view.insert(4, Box::new(6));
    assert_eq!(**written.get(), 5);
    assert_eq!(view.remove(written.key()).map(|value| **value), Some(6));
    assert!(written.remove().is_none());
    let counted = view.entry(7).and_modify(|value| Box::new(**value + 1));
    let counted = counted.or_insert(Box::new(1));
    view.insert_many((7..9).map(|key| (key, Box::new(key))));
    let many: Vec<_> = view.get_many(&[7, 8, 9]).collect();
    view.retain(|key, _| *key > 7);
    let many = many.iter().map(|entry| entry.map(|value| **value));
    assert!(many.eq([Some(7), Some(8), None]));
    assert_eq!((**counted, view.len()), (1, 1));
    assert_eq!(read.iter().map(|value| ***value).sum::<u64>(), 11_175);
    assert!(entry.remove().is_none());
}

#[test]
fn threads_that_resize_and_read() {
    let map = filled();
    thread::scope(|scope| {
        for thread in 0..2 {
            let map = &map;
            scope.spawn(move || {
                for key in 0..ENTRIES {
                    let view = map.pin();
                    let own = ENTRIES + 2 * key + thread;
                    view.insert(own, Box::new(own));
                    assert_eq!(view.get(&own).map(|value| **value), Some(own));
                    if key % 3 > 0 {
                        view.remove(&own);
                    }
                }
                map.pin().shrink_to_fit();
            });
        }
        let guard = map.owned_guard();
        scope.spawn({
            let map = &map;
            move || {
                let mut met = Vec::new();
                let mut next = Some(Cursor::START);
                while let Some(cursor) = next {
                    let mut scan = map.scan(cursor, 40, &guard);
                    met.extend(scan.by_ref().filter(|(key, _)| **key < ENTRIES));
                    next = scan.cursor();
                }
                assert_eq!(met.len() as u64, ENTRIES);
                let sum = met.iter().map(|(_, value)| ***value).sum::<u64>();
                assert_eq!(sum, 11_175);
            }
        });
    });
    assert_eq!(map.len() as u64, ENTRIES + 2 * ENTRIES / 3);
}

#[test]
fn sets() {
    let (evens, all): (HashSet<String>, HashSet<String>) = (
        (0..40).map(|number| (2 * number).to_string()).collect(),
        (0..80).map(|number| number.to_string()).collect(),
    );
    let (evens, all) = (evens.pin(), all.pin());
    let odd: Vec<&String> = all.difference(&evens).collect();
    assert!(evens.iter().all(|value| all.remove(value)));
    assert_eq!((odd.len(), all.len()), (40, 40));
    assert!(odd.iter().all(|value| all.contains(value.as_str())));
    let mut owned: HashSet<String> = (0..40).map(|number| number.to_string()).collect();
    assert!(owned.drain().nth(20).is_some());
    owned.pin().insert("one".into());
    assert!(owned.into_iter().eq(["one"]));
}

#[cfg(feature = "rayon")]
#[test]
fn parts() {
    use rayon::prelude::*;

    let mut map = filled();
    map.par_iter_mut().for_each(|(_, value)| **value += 1);
    map.par_values_mut().for_each(|value| **value += 1);
    assert_eq!(
        map.pin().par_iter().map(|(_, value)| **value).sum::<u64>(),
        11_475
    );
    let enough = map.into_par_iter().find_any(|(key, _)| *key == 3);
    assert_eq!(enough.map(|(_, value)| *value), Some(5));
}
