//! The bodies of `tests/many.rs`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::maps::{HashMap, builder};

#[test]
fn each_key_has_its_value_at_its_place() {
    for entries in [0, 1, 7, 1_000] {
        let map: HashMap<u64, u64> = (0..entries).map(|key| (key, !key)).collect();
        let map = map.pin();
        for length in (0..40).chain([100, 2_000]) {
            // Present ones and absent ones, some more than once.
            let keys: Vec<u64> = (0..length).map(|n| n * 7 % (entries + 3)).collect();
            let expected: Vec<_> = keys.iter().map(|key| map.get(key)).collect();
            let mut values = map.get_many(&keys);
            for (at, expected) in expected.iter().enumerate() {
                assert_eq!(values.len(), keys.len() - at);
                assert_eq!(values.next().as_ref(), Some(expected), "{at} of {length}");
            }
            assert_eq!(
                (values.len(), values.next(), values.next()),
                (0, None, None)
            );
        }
    }
}

#[test]
fn keys_are_looked_for_in_another_form() {
    let map: HashMap<String, u32> = [("one".into(), 1), ("two".into(), 2)].into_iter().collect();
    let map = map.pin();
    let values: Vec<_> = map.get_many(["two", "no", "one"]).collect();
    assert_eq!(values, [Some(&2), None, Some(&1)]);
}

#[test]
fn they_are_found_while_the_table_grows_and_shrinks() {
    const STABLE: u64 = 300;
    let map: HashMap<u64, u64> = (0..STABLE).map(|key| (key, !key)).collect();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..20 {
                map.pin()
                    .insert_many((STABLE..40 * STABLE).map(|key| (key, !key)));
                map.pin().retain(|&key, _| key < STABLE);
                map.shrink_to_fit();
            }
            is_over.store(true, Ordering::Relaxed);
        });
        let keys: Vec<u64> = (0..STABLE).collect();
        while !is_over.load(Ordering::Relaxed) {
            let map = map.pin();
            for (key, value) in keys.iter().zip(map.get_many(&keys)) {
                assert_eq!(value, Some(&!key));
            }
        }
    });
}

#[test]
fn the_last_of_equal_keys_stays_and_absent_ones_are_counted() {
    let map: HashMap<u64, u64> = builder().build();
    let map = map.pin();
    assert_eq!(map.insert_many([]), 0);
    assert_eq!(map.insert_many((0..100).map(|n| (n % 40, n))), 40);
    assert_eq!(map.insert_many((0..50).map(|n| (n, 1_000 + n))), 10);
    assert_eq!(map.len(), 50);
    assert!((0..50).all(|n| map.get(&n) == Some(&(1_000 + n))));
    assert_eq!(map.insert_many((0..3).map(|n| (7, n))), 0);
    assert_eq!(map.get(&7), Some(&2));
}

#[test]
fn extending_is_inserting() {
    let mut map: HashMap<u64, u64> = builder().build();
    map.extend((0..100).map(|n| (n, n)));
    (&map).extend([(100, 100), (0, 1)]);
    map.extend([(&101, &101)]);
    assert_eq!((map.len(), map.pin().get(&0)), (102, Some(&1)));
}

#[test]
fn what_an_iterator_gave_before_it_panicked_is_there() {
    for given in [0, 1, 15, 16, 17, 40] {
        let value = Arc::new(());
        let entries = || {
            (0..).map(|n| {
                assert!(n < given, "planned");
                (n, Arc::clone(&value))
            })
        };
        let map: HashMap<u64, Arc<()>> = builder().build();
        let insert = || map.pin().insert_many(entries());
        assert!(catch_unwind(AssertUnwindSafe(insert)).is_err());
        assert_eq!(map.len() as u64, given);
        let extended: HashMap<u64, Arc<()>> = builder().build();
        let extend = || (&extended).extend(entries());
        assert!(catch_unwind(AssertUnwindSafe(extend)).is_err());
        assert_eq!(extended.len() as u64, given);
        assert_eq!(Arc::strong_count(&value) as u64, 1 + 2 * given);
    }
}

#[test]
fn an_iterator_may_use_the_map() {
    let map: HashMap<u64, u64> = builder().build();
    let entries = (0..100).map(|n| (n, map.len() as u64));
    (&map).extend(entries);
    map.pin().insert_many((0..100).map(|n| {
        map.pin().remove(&n);
        (n, n)
    }));
    assert_eq!(
        map.pin().get_many(&[5, 99]).collect::<Vec<_>>(),
        [Some(&5), Some(&99)]
    );
}

#[test]
fn what_comes_after_the_end_is_left_where_it_is() {
    let lines = "a=1\nb=2\n\nbody=3\nmore";
    let entries = |line: &'static str| line.split_once('=');
    let map: HashMap<&str, &str> = builder().build();
    let mut rest = lines.lines();
    assert_eq!(map.pin().insert_many(rest.by_ref().map_while(entries)), 2);
    assert_eq!(rest.next(), Some("body=3"));
    let mut rest = lines.lines();
    (&map).extend(rest.by_ref().map_while(entries));
    assert_eq!((map.len(), rest.next()), (2, Some("body=3")));
    let mut keys = [Some(&"a"), None, Some(&"b")].into_iter();
    let map = map.pin();
    let values = map.get_many(std::iter::from_fn(|| keys.next().flatten()));
    assert_eq!(values.collect::<Vec<_>>(), [Some(&"1")]);
    assert_eq!(keys.next(), Some(Some(&"b")));
}
