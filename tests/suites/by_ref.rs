//! Changes by a borrowed key: owned keys are made only for what is written, and no update is lost.

use std::borrow::Borrow;
use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Barrier, LazyLock};
use std::thread;

use splitmap::{Compute, Equivalent, Operation};

use super::R;
use super::maps::HashMap;

type HashSet<T> = splitmap::HashSet<T, splitmap::DefaultHashBuilder, R>;

/// A key that counts how many were made of a borrowed one, and how many were cloned.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key(String);

thread_local! {
    static MADE: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
    static CLONE_PANICS: Cell<bool> = const { Cell::new(false) };
}

impl From<&str> for Key {
    fn from(key: &str) -> Self {
        let (made, cloned) = MADE.get();
        MADE.set((made + 1, cloned));
        Key(key.into())
    }
}

impl Clone for Key {
    fn clone(&self) -> Self {
        assert!(!CLONE_PANICS.get(), "planned");
        let (made, cloned) = MADE.get();
        MADE.set((made, cloned + 1));
        Key(self.0.clone())
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

type Map = HashMap<Key, u64>;

#[test]
fn a_key_is_made_only_for_an_entry_that_is_written() {
    let made = || MADE.replace((0, 0));
    let map = Map::default();
    let map = map.pin();
    assert_eq!(map.update_ref("a", |_| unreachable!()), None);
    let stays = |entry: Option<(&Key, &u64)>| Operation::Abort(entry.map(|(_, value)| *value));
    assert_eq!(map.compute_ref("a", stays), Compute::Aborted(None));
    let removed = map.compute_ref("a", |_| Operation::<_, ()>::Remove);
    assert_eq!(removed, Compute::Absent);
    assert_eq!((made(), map.len()), ((0, 0), 0));

    assert_eq!(map.update_or_insert_ref("a", |value| value + 1, 1), &1);
    assert_eq!(
        map.update_or_insert_with_ref("b", |value| value + 1, || 1),
        &1
    );
    let inserted = map.compute_ref("c", |_| Operation::<_, ()>::Insert(1));
    assert!(matches!(inserted, Compute::Inserted(_, &1)));
    assert_eq!((made(), map.len()), ((3, 0), 3));

    assert_eq!(map.update_ref("a", |value| value + 1), Some(&2));
    assert_eq!(map.update_or_insert_ref("a", |value| value + 1, 1), &3);
    let make = || unreachable!("it is there");
    assert_eq!(
        map.update_or_insert_with_ref("a", |value| value + 1, make),
        &4
    );
    let updated = map.compute_ref("a", |_| Operation::<_, ()>::Insert(5));
    let Compute::Updated { old, new } = updated else {
        panic!("{updated:?}");
    };
    assert_eq!((old.1, new.1, new.0.0.as_str()), (&4, &5, "a"));
    assert_eq!((made(), map.len()), ((0, 4), 3));

    assert_eq!(map.compute_ref("a", stays), Compute::Aborted(Some(5)));
    let removed = map.compute_ref("a", |_| Operation::<_, ()>::Remove);
    assert!(matches!(removed, Compute::Removed(_, &5)));
    assert_eq!((made(), map.len()), ((0, 0), 2));
}

/// Also of the twins that take an owned key.
#[test]
fn to_remove_what_is_absent_changes_nothing() {
    let map = Map::default();
    let remove = |_: Option<(&Key, &u64)>| Operation::<u64, ()>::Remove;
    let guard = map.guard();
    assert_eq!(map.compute_ref("a", remove, &guard), Compute::Absent);
    assert_eq!(map.compute(Key::from("a"), remove, &guard), Compute::Absent);
    assert_eq!((map.len(), map.capacity()), (0, 0));
}

#[test]
fn a_set_makes_a_value_only_if_it_is_absent() {
    let made = || MADE.replace((0, 0));
    let set = HashSet::<Key>::default();
    assert!(set.insert_ref("a", &set.guard()));
    assert_eq!(made(), (1, 0));
    assert!(!set.pin().insert_ref("a"));
    assert_eq!((made(), set.len()), ((0, 0), 1));
}

/// Another thread writes the key while a closure runs: the closure is called again, for what is there
/// then, and a key or value that is made once is kept.
#[test]
fn who_is_overtaken_asks_again() {
    let map = Map::default();
    let by_another = |write: &(dyn Fn() + Sync)| {
        thread::scope(|scope| {
            scope.spawn(write);
        });
    };
    let insert = |value| {
        by_another(&|| {
            map.pin().insert(Key::from("a"), value);
        });
    };
    let remove = || {
        by_another(&|| {
            map.pin().remove("a");
        });
    };
    let view = map.pin();
    insert(1);
    let mut seen = Vec::new();
    let updated = view.update_ref("a", |value| {
        seen.push(*value);
        match seen.len() {
            1 => insert(10),
            2 => insert(20),
            _ => (),
        }
        value + 1
    });
    assert_eq!((updated, &*seen), (Some(&21), [1, 10, 20].as_slice()));
    let gone = view.update_ref("a", |value| {
        remove();
        value + 1
    });
    assert_eq!((gone, view.len()), (None, 0));

    let mut asked = 0;
    let there = view.update_or_insert_with_ref(
        "a",
        |value| {
            asked += 1;
            if asked == 1 {
                remove();
            }
            value + 1
        },
        || {
            insert(5);
            7
        },
    );
    assert_eq!((there, asked), (&7, 1), "what was made once is inserted");

    let mut asked = Vec::new();
    let removed = view.compute_ref("a", |entry| {
        asked.push(entry.map(|(_, value)| *value));
        match asked.len() {
            1 => insert(8),
            2 => remove(),
            _ => (),
        }
        Operation::<_, ()>::Remove
    });
    assert_eq!(removed, Compute::Absent);
    assert_eq!(asked, [Some(7), Some(8), None]);
}

/// The key comes while a value is made for it, and goes once the map has found it there: what was
/// made is put there after all.
#[test]
fn what_was_made_outlives_a_key_that_comes_and_goes() {
    static MAP: LazyLock<HashMap<Fleeting, u32>> = LazyLock::new(HashMap::default);
    thread_local! {
        static GOES: Cell<bool> = const { Cell::new(false) };
    }
    #[derive(Clone, Eq)]
    struct Fleeting(u32);
    impl Hash for Fleeting {
        fn hash<H: Hasher>(&self, hasher: &mut H) {
            self.0.hash(hasher);
        }
    }
    impl PartialEq for Fleeting {
        fn eq(&self, other: &Self) -> bool {
            if GOES.take() {
                MAP.pin().remove(self);
            }
            self.0 == other.0
        }
    }
    #[derive(Hash)]
    struct Number(u32);
    impl Equivalent<Fleeting> for Number {
        fn equivalent(&self, key: &Fleeting) -> bool {
            self.0 == key.0
        }
    }
    impl From<&Number> for Fleeting {
        fn from(number: &Number) -> Self {
            Fleeting(number.0)
        }
    }
    let make = || {
        MAP.pin().insert(Fleeting(1), 5);
        GOES.set(true);
        7
    };
    let view = MAP.pin();
    let there = view.update_or_insert_with_ref(&Number(1), |_| unreachable!(), make);
    assert_eq!((there, GOES.get()), (&7, false));
}

#[test]
fn a_panic_leaves_the_map_as_it_was() {
    let map = Map::default();
    let map = map.pin();
    map.insert(Key::from("a"), 1);
    let panics = |act: &dyn Fn()| assert!(catch_unwind(AssertUnwindSafe(act)).is_err());
    panics(&|| {
        map.update_ref("a", |_| panic!("update"));
    });
    panics(&|| {
        map.update_or_insert_with_ref("b", |_| unreachable!(), || panic!("make"));
    });
    panics(&|| {
        map.compute_ref("a", |_| -> Operation<u64, ()> { panic!("compute") });
    });
    CLONE_PANICS.set(true);
    panics(&|| {
        map.update_ref("a", |value| value + 1);
    });
    CLONE_PANICS.set(false);
    assert_eq!((map.len(), map.get("a")), (1, Some(&1)));
}

#[test]
fn no_count_is_lost() {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 2_000;
    let map: HashMap<String, u64> = HashMap::default();
    let start = Barrier::new(THREADS as usize);
    let removed: u64 = thread::scope(|scope| {
        let count = |thread: u64| {
            let (map, start) = (&map, &start);
            move || {
                start.wait();
                let mut removed = 0;
                for round in 0..ROUNDS {
                    let view = map.pin();
                    let key = ["a", "b", "c"][((thread + round) % 3) as usize];
                    if view.update_ref(key, |count| count + 1).is_none() {
                        view.update_or_insert_ref(key, |count| count + 1, 1);
                    }
                    if round % 16 == 0 {
                        let gone = view.compute_ref(key, |_| Operation::<_, ()>::Remove);
                        if let Compute::Removed(_, count) = gone {
                            removed += count;
                        }
                    }
                }
                removed
            }
        };
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(count(thread)))
            .collect();
        let removed = threads.into_iter().map(|thread| thread.join().unwrap());
        removed.sum()
    });
    let left: u64 = map.pin().values().sum();
    assert_eq!(removed + left, THREADS * ROUNDS);
}
