//! Code of the user that changes the very key which a call is writing: the call ends, with a panic that
//! says so if it would not end otherwise, and nothing is lost.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Barrier;
use std::thread;

use splitmap::Operation;

use super::R;
use super::maps::HashMap;

type HashSet<T> = splitmap::HashSet<T, splitmap::DefaultHashBuilder, R>;

/// What a call panics with that would never end.
fn complaint(call: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(call)).expect_err("the call cannot end");
    *panic.downcast::<String>().expect("a panic with a message")
}

/// The map after a call whose code replaced the value of key 1 by one more, each time that it ran.
fn assert_refused(name: &str, map: &HashMap<u64, u64>, call: impl FnOnce()) {
    let pinned = map.pin();
    let before = *pinned.get(&1).expect("present");
    let message = complaint(call);
    assert!(
        message.contains(name) && message.contains("Return the new value from the closure"),
        "{name}: {message}"
    );
    let after = *pinned.get(&1).expect("what the nested write did stands");
    assert!(after > before, "{name}");
    assert_eq!(map.len(), 2, "{name}");
    // The map goes on.
    assert_eq!(pinned.insert(1, 0), Some(&after));
    assert_eq!(pinned.get(&2), Some(&2));
}

#[test]
fn a_closure_that_always_writes_its_own_key_ends_with_a_panic() {
    let map: HashMap<u64, u64> = [(1, 0), (2, 2)].into_iter().collect();
    let pinned = map.pin();
    let bump = || {
        let value = *pinned.get(&1).expect("present");
        pinned.insert(1, value + 1);
        value
    };
    assert_refused("update", &map, || {
        pinned.update(1, |_| bump());
    });
    assert_refused("update_or_insert", &map, || {
        pinned.update_or_insert(1, |_| bump(), 7);
    });
    assert_refused("compute", &map, || {
        pinned.compute(1, |_| Operation::<u64, ()>::Insert(bump()));
    });
    assert_refused("compute", &map, || {
        pinned.compute(1, |_| {
            bump();
            Operation::<u64, ()>::Remove
        });
    });
    assert_refused("remove_if", &map, || {
        let _ = pinned.remove_if(&1, |_, _| bump() < u64::MAX);
    });
    assert_refused("and_modify", &map, || {
        map.entry(1, &map.guard())
            .and_modify(|_| bump())
            .or_insert(7);
    });
    let strings: splitmap::HashMap<String, u64, splitmap::DefaultHashBuilder, R> =
        [(String::from("one"), 0)].into_iter().collect();
    let strings = strings.pin();
    for remove in [false, true] {
        let message = complaint(|| {
            strings.compute_ref("one", |_| {
                let value = *strings.get("one").expect("present");
                strings.insert(String::from("one"), value + 1);
                if remove {
                    Operation::<u64, ()>::Remove
                } else {
                    Operation::Insert(7)
                }
            });
        });
        assert!(message.contains("compute_ref"), "{message}");
        assert!(strings.get("one") > Some(&0));
    }
    assert_refused("retain", &map, || {
        pinned.retain(|&key, _| key != 1 || bump() == u64::MAX);
    });
}

#[test]
fn updates_inside_each_other_end_with_a_panic() {
    let map: HashMap<u64, u64> = [(1, 0), (2, 2)].into_iter().collect();
    let pinned = map.pin();
    assert_refused("update", &map, || {
        pinned.update(1, |_| {
            pinned.update(1, |value| value + 1);
            9
        });
    });
    // By two calls, one after the other.
    assert_refused("update", &map, || {
        pinned.update(1, |value| {
            let value = *value;
            pinned.remove(&1);
            pinned.insert(1, value + 1);
            9
        });
    });
}

#[test]
fn a_closure_that_writes_two_maps_ends_too() {
    let maps = [(); 2].map(|()| HashMap::<u64, u64>::from_iter([(1, 0), (2, 2)]));
    let [one, other] = &maps;
    assert_refused("update", one, || {
        one.pin().update(1, |_| {
            // In need of a second turn, and so watched itself while the first map is written.
            let mut turns = 0;
            other.pin().update(1, |value| {
                turns += 1;
                if turns == 1 {
                    other.pin().insert(1, value + 1);
                } else {
                    let value = *one.pin().get(&1).expect("present");
                    one.pin().insert(1, value + 1);
                }
                value + 1
            });
            9
        });
    });
}

#[test]
fn an_eq_that_always_writes_its_own_key_ends_with_a_panic() {
    type Map = HashMap<Key, u64>;
    thread_local! {
        static MAP: RefCell<Option<Rc<Map>>> = const { RefCell::new(None) };
        static NESTED: Cell<bool> = const { Cell::new(false) };
    }
    #[derive(Eq)]
    struct Key(u64);
    impl std::hash::Hash for Key {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }
    impl PartialEq for Key {
        fn eq(&self, other: &Self) -> bool {
            let map = MAP.with_borrow(Option::clone);
            if let Some(map) = map
                && !NESTED.replace(true)
            {
                map.pin().insert(Key(1), 5);
                NESTED.set(false);
            }
            self.0 == other.0
        }
    }
    let map = Rc::new(Map::default());
    map.pin().insert(Key(1), 0);
    MAP.set(Some(Rc::clone(&map)));
    let message = complaint(|| {
        map.pin().insert(Key(1), 9);
    });
    assert!(message.contains("insert"), "{message}");
    MAP.set(None);
    assert_eq!(map.pin().get(&Key(1)), Some(&5));
    assert_eq!(map.len(), 1);
}

#[test]
fn a_closure_that_writes_other_keys_and_maps_is_called_once() {
    let (map, other) = (
        HashMap::<u64, u64>::default(),
        HashMap::<u64, u64>::default(),
    );
    map.pin().insert(1, 0);
    other.pin().insert(1, 0);
    for round in 0..100 {
        let mut called = 0;
        map.pin().update(1, |value| {
            called += 1;
            other.pin().update(1, |value| value + 1);
            map.pin().insert(2 + round, round);
            value + 1
        });
        assert_eq!(called, 1);
    }
    assert_eq!(map.pin().get(&1), Some(&100));
    assert_eq!(other.pin().get(&1), Some(&100));
}

#[test]
fn a_closure_that_stops_writing_its_own_key_is_heard() {
    let map: HashMap<u64, u64> = [(1, 0)].into_iter().collect();
    let pinned = map.pin();
    let mut called = 0;
    pinned.update(1, |&value| {
        called += 1;
        if called < 10 {
            pinned.insert(1, value + 1);
        }
        100 + value
    });
    assert_eq!((called, pinned.get(&1)), (10, Some(&109)));
}

#[test]
fn sets_that_write_their_own_value_end_too() {
    let set: HashSet<u64> = [1, 2].into_iter().collect();
    let pinned = set.pin();
    let message = complaint(|| {
        let _ = pinned.remove_if(&1, |_| {
            pinned.remove(&1);
            pinned.insert(1);
            true
        });
    });
    assert!(message.contains("remove_if"), "{message}");
    assert_eq!(set.len(), 2);
    // Removed, and inserted behind the walk's back: it is not met again.
    let mut called = 0;
    pinned.retain(|&value| {
        called += 1;
        if value == 1 {
            pinned.remove(&1);
            pinned.insert(1);
        }
        false
    });
    assert_eq!(called, 2);
    assert_eq!(pinned.iter().collect::<Vec<_>>(), [&1]);
}

/// However often other threads change the key between a closure and its compare-and-swap.
#[test]
fn other_threads_never_make_a_call_panic() {
    const THREADS: u64 = 4;
    const TURNS: u64 = if cfg!(miri) { 10 } else { 3_000 };
    let map: HashMap<u64, u64> = [(1, 0), (2, 0)].into_iter().collect();
    let barrier = Barrier::new(THREADS as usize);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                barrier.wait();
                for _ in 0..TURNS {
                    map.pin().update(1, |value| {
                        // Others come in between; and this thread writes another key.
                        thread::yield_now();
                        map.pin().update(2, |value| value + 1);
                        value + 1
                    });
                }
            });
        }
    });
    assert_eq!(map.pin().get(&1), Some(&(THREADS * TURNS)));
    assert!(map.pin().get(&2) >= Some(&(THREADS * TURNS)));
}
