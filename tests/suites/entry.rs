//! Entries: what they saw stands, what they do is done to the map as it is then, and no update of
//! another thread is lost.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use splitmap::{Entry, Reclaimer};

use super::R;
use super::maps::HashMap;

type Map = HashMap<&'static str, u32>;

fn map() -> Map {
    [("one", 1), ("two", 2)].into_iter().collect()
}

/// The entry of a key that is present.
macro_rules! occupied {
    ($entry:expr) => {
        match $entry {
            Entry::Occupied(entry) => entry,
            Entry::Vacant(entry) => panic!("vacant: {entry:?}"),
        }
    };
}

/// The entry of a key that is absent.
macro_rules! vacant {
    ($entry:expr) => {
        match $entry {
            Entry::Vacant(entry) => entry,
            Entry::Occupied(entry) => panic!("occupied: {entry:?}"),
        }
    };
}

#[test]
fn what_was_there_stays_what_the_entry_saw() {
    let map = map();
    let map = map.pin();
    let entry = occupied!(map.entry("one"));
    map.insert("one", 10);
    assert_eq!((entry.key(), entry.get()), (&"one", &1));
    map.remove("one");
    assert_eq!(entry.get(), &1);
    assert_eq!(Entry::Occupied(entry).or_insert(11), &1);
    assert_eq!(map.get("one"), None, "an occupied entry inserts nothing");
}

#[test]
fn an_occupied_entry_changes_what_it_saw_and_nothing_else() {
    let map = map();
    let map = map.pin();
    assert_eq!(occupied!(map.entry("one")).insert(10), Ok(&1));
    assert_eq!(occupied!(map.entry("one")).remove(), Some(&10));
    assert_eq!(map.get("one"), None);
    let entry = occupied!(map.entry("two"));
    assert_eq!(entry.remove_entry(), Some((&"two", &2)));
    assert!(map.is_empty());

    map.insert("one", 1);
    let late = || occupied!(map.entry("one"));
    let (insert, remove, remove_entry) = (late(), late(), late());
    map.insert("one", 1);
    let error = insert.insert(11).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"failed to insert 11, the entry of "one" was replaced: it has the value 1"#
    );
    assert_eq!(
        (error.key, error.not_inserted, error.current),
        ("one", 11, Some(&1)),
        "an equal value, another entry"
    );
    assert_eq!((remove.remove(), remove_entry.remove_entry()), (None, None));
    assert_eq!(map.get("one"), Some(&1));

    let (insert, remove) = (late(), late());
    map.remove("one");
    let error = insert.insert(12).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"failed to insert 12, the entry of "one" was removed"#
    );
    assert_eq!((error.current, remove.remove()), (None, None));
    assert!(map.is_empty());
}

#[test]
fn put_writes_whatever_is_there_by_now() {
    let map = map();
    let map = map.pin();
    let (entry, removed) = (occupied!(map.entry("one")), occupied!(map.entry("one")));
    map.insert("one", 10);
    assert_eq!(entry.put(11), Some(&10), "the value that it replaced");
    assert_eq!(map.get("one"), Some(&11));
    map.remove("one");
    assert_eq!(removed.put(12), None);
    assert_eq!(map.get("one"), Some(&12));

    assert_eq!(vacant!(map.entry("three")).put(3), None);
    let entry = vacant!(map.entry("four"));
    map.insert("four", 4);
    assert_eq!(entry.put(40), Some(&4));
    assert_eq!(map.get("four"), Some(&40));
}

#[test]
fn a_vacant_entry_gives_way_to_what_has_come() {
    let map = map();
    let map = map.pin();

    let entry = vacant!(map.entry("three"));
    assert_eq!(entry.key(), &"three");
    assert_eq!(entry.insert(3), Ok(&3));
    assert_eq!(vacant!(map.entry("four")).into_key(), "four");

    let late = || vacant!(map.entry("four"));
    let (insert, or_insert, insert_entry) = (late(), late(), late());
    map.insert("four", 4);
    let error = insert.insert(40).unwrap_err();
    assert_eq!(
        (error.key, error.not_inserted, error.current),
        ("four", 40, &4)
    );
    assert_eq!(or_insert.or_insert(41), &4);
    let error = insert_entry.insert_entry(42).unwrap_err();
    assert_eq!((error.not_inserted, error.current), (42, &4));
    let entry = vacant!(map.entry("five")).insert_entry(5).unwrap();
    assert_eq!((entry.key(), entry.remove()), (&"five", Some(&5)));
    assert_eq!(map.len(), 4);
}

/// What is written with DashMap, where an entry locks: threads that count what they insert, add to
/// what they see, and count what they remove. Nothing is counted twice, and nothing is lost.
#[test]
fn of_many_threads_that_saw_the_same_one_succeeds() {
    const THREADS: u64 = 4;
    const KEYS: u64 = 2_000;
    let map: HashMap<u64, u64> = HashMap::default();
    let start = Barrier::new(THREADS as usize);
    let work = |act: &(dyn Fn(u64) -> u64 + Sync)| -> u64 {
        thread::scope(|scope| {
            let each = || {
                start.wait();
                (0..KEYS).map(act).sum::<u64>()
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(each)).collect();
            let counts = threads.into_iter().map(|thread| thread.join().unwrap());
            counts.sum::<u64>()
        })
    };
    let inserted = work(&|key| match map.pin().entry(key) {
        Entry::Vacant(entry) => entry.insert(0).is_ok().into(),
        Entry::Occupied(_) => 0,
    });
    assert_eq!(inserted, KEYS);
    let added = work(&|key| match map.pin().entry(key % 3) {
        Entry::Occupied(entry) => {
            let value = entry.get() + 1;
            entry.insert(value).is_ok().into()
        }
        Entry::Vacant(_) => unreachable!(),
    });
    assert_eq!(added, map.pin().values().sum::<u64>());
    let removed = work(&|key| match map.pin().entry(key) {
        Entry::Occupied(entry) => entry.remove().is_some().into(),
        Entry::Vacant(_) => 0,
    });
    assert_eq!((removed, map.len()), (KEYS, 0));
}

#[test]
fn a_value_is_made_once_at_most_and_only_for_an_absent_key() {
    let map = map();
    let map = map.pin();
    assert_eq!(map.entry("one").or_insert_with(|| unreachable!()), &1);
    assert_eq!(map.entry("one").or_default(), &1);
    assert_eq!(map.entry("zero").or_default(), &0);
    let made = map
        .entry("three")
        .or_insert_with_key(|key| key.len() as u32);
    assert_eq!(made, &5);

    let entry = map.entry("four");
    map.insert("four", 4);
    assert_eq!(
        entry.or_insert_with(|| unreachable!("it has come meanwhile")),
        &4
    );

    let failed = map.entry("five").or_try_insert_with(|| Err("no"));
    assert_eq!(failed, Err("no"));
    assert_eq!(map.get("five"), None);
    assert_eq!(
        map.entry("five").or_try_insert_with(|| Ok::<_, ()>(5)),
        Ok(&5)
    );
    assert_eq!(
        map.entry("five")
            .or_try_insert_with::<()>(|| unreachable!()),
        Ok(&5)
    );
}

#[test]
fn modifying_replaces() {
    let map = map();
    let map = map.pin();
    let old = map.get("one").unwrap();
    let modified = map.entry("one").and_modify(|value| value + 1);
    assert_eq!(modified.get(), Some(&2), "done before anything is inserted");
    assert_eq!(modified.or_insert(100), &2);
    assert_eq!((old, map.get("one")), (&1, Some(&2)));

    let modified = map.entry("three").and_modify(|value| value + 1);
    assert_eq!(modified.get(), None);
    assert_eq!(modified.or_insert_with(|| 3), &3, "inserted as it is");
    let modify = |_: &u32| unreachable!();
    assert_eq!(map.entry("zero").and_modify(modify).or_default(), &0);
    let modified = map.entry("five").and_modify(modify);
    assert_eq!(modified.or_try_insert_with(|| Err("no")), Err("no"));
    assert_eq!(map.get("five"), None);
    let modified = map.entry("five").and_modify(modify);
    assert_eq!(modified.or_try_insert_with(|| Ok::<_, ()>(5)), Ok(&5));
}

#[test]
fn modifying_sees_what_comes_between() {
    let map = map();
    let map = map.pin();

    let entry = map.entry("one");
    map.insert("one", 10);
    assert_eq!(entry.and_modify(|value| value + 1).or_insert(0), &11);

    let entry = map.entry("one");
    map.remove("one");
    let modified = entry.and_modify(|_| unreachable!("it is gone"));
    assert_eq!(modified.or_insert(20), &20);

    let modified = map.entry("three").and_modify(|value| value + 1);
    map.insert("three", 3);
    assert_eq!(modified.or_insert_with(|| unreachable!("it has come")), &4);
    assert_eq!(map.get("three"), Some(&4));
}

#[test]
fn it_is_put_there_whatever_is_there() {
    let map = map();
    let map = map.pin();
    for (key, value) in [("one", 10), ("three", 30)] {
        let entry = map.entry(key);
        assert_eq!(entry.key(), &key);
        let entry = entry.insert_entry(value);
        assert_eq!((entry.key(), entry.get()), (&key, &value));
        assert_eq!(map.get(key), Some(&value));
        assert_eq!(entry.remove(), Some(&value));
        assert_eq!(map.get(key), None);
    }
    assert_eq!(map.entry("six").into_key(), "six");
}

/// A key that counts how many were made.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Made(String);

thread_local! {
    static MADE: Cell<usize> = const { Cell::new(0) };
}

impl From<&str> for Made {
    fn from(key: &str) -> Self {
        MADE.set(MADE.get() + 1);
        Made(key.into())
    }
}

impl std::borrow::Borrow<str> for Made {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[test]
fn a_borrowed_key_is_made_an_owned_one_only_to_be_inserted() {
    let made = || MADE.replace(0);
    let map = HashMap::<Made, u32>::default();
    let map = map.pin();
    assert_eq!(map.entry_ref("key").or_insert(1), &1);
    assert_eq!(made(), 1);
    assert_eq!(map.entry_ref("key").or_insert(2), &1);
    assert_eq!(map.entry_ref("key").key(), &"key");
    assert_eq!(occupied!(map.entry_ref("key")).get(), &1);
    assert_eq!(occupied!(map.entry_ref("key")).remove(), Some(&1));
    assert_eq!(vacant!(map.entry_ref("key")).key(), &"key");
    assert_eq!(made(), 0);
    assert_eq!(map.entry_ref("key").insert_entry(3).get(), &3);
    let modified = map.entry_ref("key").and_modify(|value| value + 1);
    assert_eq!(modified.or_insert(0), &4);
    assert_eq!(made(), 2);
}

#[test]
fn a_panic_leaves_the_map_as_it_was() {
    let map: HashMap<&str, Arc<()>> = HashMap::default();
    let value = Arc::new(());
    let map = map.pin();
    map.insert("key", Arc::clone(&value));
    let panics = |act: &dyn Fn()| assert!(catch_unwind(AssertUnwindSafe(act)).is_err());
    panics(&|| {
        map.entry("other").or_insert_with(|| panic!("make"));
    });
    panics(&|| drop(map.entry("key").and_modify(|_| panic!("modify"))));
    panics(&|| {
        let modified = map.entry("other").and_modify(|value| value.clone());
        modified.or_insert_with(|| panic!("make"));
    });
    assert_eq!(map.len(), 1);
    assert!(Arc::ptr_eq(map.get("key").unwrap(), &value));
    assert_eq!(Arc::strong_count(&value), 2);
}

/// A value that may panic when it is dropped, and that knows how many of it there are.
struct Fragile {
    panics: bool,
    _alive: Arc<()>,
}

impl Drop for Fragile {
    fn drop(&mut self) {
        assert!(!self.panics, "planned");
    }
}

/// The closure writes its own key, so it is asked again; what it gave the first time panics then.
#[test]
fn a_value_that_lost_and_panics_takes_no_other_along() {
    type Changed<'a> = &'a dyn Fn(&HashMap<u32, Fragile>, &mut dyn FnMut(&Fragile) -> Fragile);
    let ways: [Changed<'_>; 3] = [
        &|map, update| {
            map.pin().update(1, update);
        },
        &|map, update| {
            map.pin()
                .update_or_insert_with(1, update, || unreachable!());
        },
        &|map, update| {
            let map = map.pin();
            map.entry(1)
                .and_modify(update)
                .or_insert_with(|| unreachable!());
        },
    ];
    for change in ways {
        let alive = Arc::new(());
        let fragile = |panics| Fragile {
            panics,
            _alive: Arc::clone(&alive),
        };
        let map: HashMap<u32, Fragile> = HashMap::default();
        map.pin().insert(1, fragile(false));
        let mut is_first = true;
        let mut update = |_: &Fragile| {
            let panics = std::mem::take(&mut is_first);
            if panics {
                map.pin().insert(1, fragile(false));
            }
            fragile(panics)
        };
        let changed = catch_unwind(AssertUnwindSafe(|| change(&map, &mut update)));
        assert!(changed.is_err());
        assert_eq!(map.into_iter().count(), 1);
        if R::DRAINS {
            assert_eq!(Arc::strong_count(&alive), 1, "one is left behind");
        }
    }
}

#[test]
fn two_entries_of_one_key_stop_nobody() {
    let map = map();
    let map = map.pin();
    let (one, other) = (map.entry("three"), map.entry("three"));
    map.retain(|_, _| true);
    assert_eq!((one.or_insert(3), other.or_insert(4)), (&3, &3));
}

#[test]
fn no_count_is_lost() {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 2_000;
    const KEYS: u64 = 3;
    let map: HashMap<u64, u64> = HashMap::default();
    let makes = AtomicUsize::new(0);
    let start = Barrier::new(THREADS as usize);
    let removed: u64 = thread::scope(|scope| {
        let count = |thread: u64| {
            let (map, makes, start) = (&map, &makes, &start);
            move || {
                start.wait();
                let mut removed = 0;
                for round in 0..ROUNDS {
                    let pinned = map.pin();
                    let modified = pinned
                        .entry((thread + round) % KEYS)
                        .and_modify(|count| count + 1);
                    modified.or_insert_with(|| {
                        makes.fetch_add(1, Ordering::Relaxed);
                        1
                    });
                    if round % 64 == 0 {
                        // A count that goes is counted by who removes it.
                        removed += pinned.remove(&(round % KEYS)).unwrap_or(&0);
                    }
                }
                removed
            }
        };
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(count(thread)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    let left: u64 = map.pin().values().sum();
    assert_eq!(removed + left, THREADS * ROUNDS);
    assert!(makes.into_inner() >= KEYS as usize);
}
