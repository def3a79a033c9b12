//! References, iterators and shares of a map that own their guard: what they lead to stays, wherever they
//! go, and is dropped once when they are gone.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use splitmap::Ref;

use super::R;
use super::maps::HashMap;

type HashSet<T> = splitmap::HashSet<T, splitmap::DefaultHashBuilder, R>;

/// One test at a time: a guard of another one would keep what this one removes.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A value that counts its drops, and that a drop makes unfit.
#[derive(Debug)]
struct Value {
    text: String,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Value {
    fn drop(&mut self) {
        self.text.clear();
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

type Map = HashMap<u64, Value>;

/// A map of some keys to texts, and how many of its values were dropped.
fn map(keys: u64) -> (Map, Arc<AtomicUsize>) {
    let dropped = Arc::new(AtomicUsize::new(0));
    let value = |key: u64| Value {
        text: format!("{key}"),
        dropped: Arc::clone(&dropped),
    };
    let map = (0..keys).map(|key| (key, value(key))).collect();
    (map, dropped)
}

fn count(dropped: &AtomicUsize) -> usize {
    dropped.load(Ordering::SeqCst)
}

/// Removes everything, and frees what can be freed.
fn empty(map: &Map) {
    map.pin().clear();
    map.flush();
    map.flush();
}

struct Names(HashMap<u64, String>);

impl Names {
    fn name(&self, id: u64) -> Option<Ref<'_, str, splitmap::LocalGuard<'_, R>>> {
        let name = self.0.get_ref(&id)?;
        Some(Ref::map(name, String::as_str))
    }

    fn all(&self) -> impl Iterator<Item = (u64, usize)> + '_ {
        let all = self.0.pin().into_iter();
        all.map(|(id, name)| (*id, name.len()))
    }
}

#[test]
fn functions_return_them() {
    let _turn = turn();
    let names = Names([(1, "one".into()), (2, "two".into())].into_iter().collect());
    let one = names.name(1).unwrap();
    names.0.pin().clear();
    names.0.flush();
    assert_eq!(
        (&*one, one.as_ref(), one.to_string()),
        ("one", "one", "one".into())
    );
    assert_eq!(format!("{one:?}"), r#""one""#);
    drop(one);
    assert!(names.name(1).is_none());
    names.0.pin().insert(3, "three".into());
    assert!(names.all().eq([(3, 5)]));
}

#[test]
fn what_a_reference_leads_to_stays_until_it_is_dropped() {
    let _turn = turn();
    let (map, dropped) = map(10);
    let kept = map.get_ref(&3).unwrap();
    let part = Ref::map(map.get_ref(&4).unwrap(), |value| value.text.as_str());
    assert!(map.get_ref(&10).is_none());
    empty(&map);
    assert_eq!((kept.text.as_str(), &*part), ("3", "4"));
    drop((kept, part));
    empty(&map);
    assert_eq!(count(&dropped), 10);
}

#[test]
fn items_outlive_the_iterator_and_share_its_guard() {
    let _turn = turn();
    let (map, dropped) = map(100);
    let mut all = map.pin().into_iter();
    let first = all.next().unwrap();
    let rest: Vec<_> = all.collect();
    empty(&map);
    let seen: BTreeSet<u64> = rest.iter().map(|(key, _)| **key).collect();
    assert_eq!(seen.len(), 99);
    assert!(
        rest.iter()
            .all(|(key, value)| value.text == key.to_string())
    );
    drop(rest);
    empty(&map);
    let (key, value) = &first;
    assert_eq!(value.clone().text, key.to_string());
    drop(first);
    empty(&map);
    assert_eq!(count(&dropped), 100);
}

#[test]
fn an_iterator_that_is_dropped_half_way_lets_go() {
    let _turn = turn();
    let (map, dropped) = map(100);
    let mut all = map.pin_owned().into_iter();
    assert!(all.by_ref().take(50).count() == 50);
    empty(&map);
    assert!(all.all(|(key, value)| value.text == key.to_string()));
    drop(all);
    empty(&map);
    assert_eq!(count(&dropped), 100);
}

#[test]
fn those_of_owned_guards_go_anywhere() {
    let _turn = turn();
    let (map, dropped) = map(10);
    thread::scope(|scope| {
        let (one, all) = (map.pin_owned().into_ref(&1), map.pin_owned().into_iter());
        let all: Vec<_> = all.collect();
        scope.spawn(move || {
            let one = one.unwrap();
            assert_eq!((one.text.as_str(), all.len()), ("1", 10));
            assert!(all.iter().all(|(key, value)| value.text == key.to_string()));
        });
        empty(&map);
    });
    empty(&map);
    assert_eq!(count(&dropped), 10);
}

#[test]
fn a_share_keeps_the_map() {
    let _turn = turn();
    let (map, dropped) = map(10);
    let map = Arc::new(map);
    let (one, items, pinned) = (
        map.pin_arc().into_ref(&1).unwrap(),
        map.pin_arc().into_iter().collect::<Vec<_>>(),
        map.pin_arc(),
    );
    assert!(map.pin_arc().into_ref(&10).is_none());
    assert_eq!(Arc::strong_count(pinned.shared()), 4, "items share one");
    drop(map);
    let sent = thread::spawn(move || {
        let view = pinned.view();
        let two = view.remove(&2).unwrap();
        assert_eq!((two.text.as_str(), view.len()), ("2", 9));
        pinned
    });
    let pinned = sent.join().unwrap();
    empty(pinned.shared());
    assert_eq!(count(&dropped), 0, "seen by its guards");
    assert!(
        items
            .iter()
            .all(|(key, value)| value.text == key.to_string())
    );
    assert_eq!(one.text, "1");
    drop((pinned, one));
    assert_eq!(
        items
            .last()
            .map(|(key, value)| value.text == key.to_string()),
        Some(true)
    );
    drop(items);
    assert_eq!(count(&dropped), 10, "dropped with the last share");
}

#[test]
fn of_a_set() {
    let _turn = turn();
    let set: HashSet<String> = ["one".into()].into_iter().collect();
    let one = set.get_ref("one").unwrap();
    let all: Vec<_> = set.pin().into_iter().collect();
    set.pin().clear();
    assert_eq!(
        (
            one.as_str(),
            all.iter().map(|value| value.len()).sum::<usize>()
        ),
        ("one", 3)
    );
    assert!(set.get_ref("one").is_none());
    drop((one, all));
    set.pin().insert("two".into());
    let set = Arc::new(set);
    let (two, all) = (
        set.pin_arc().into_ref("two").unwrap(),
        set.pin_arc().into_iter(),
    );
    assert!(set.pin_arc().view().contains("two"));
    drop(set);
    assert_eq!((two.as_str(), all.count()), ("two", 1));
}

/// A guard that is there already is used, and not another one.
#[test]
fn with_a_guard_that_exists() {
    let _turn = turn();
    let (map, _) = map(10);
    let guard = map.guard();
    let before = map.stats().pinned;
    let one = map.with_guard(&guard).into_ref(&1).unwrap();
    let two = Ref::map(map.with_guard(&guard).into_ref(&2).unwrap(), |value| {
        &value.text
    });
    assert_eq!((one.text.as_str(), two.as_str()), ("1", "2"));
    assert_eq!(before, map.stats().pinned);
    assert_eq!(two.clone().len(), 1);
}
