//! Of equal keys, which one is kept: a map's writes put the whole entry there, key and all, so the
//! last; a set keeps the value that is there, so the first. Every way in gives the same answer. And
//! what the other maps do is what `docs/COMING-FROM.md` says of them.

use std::collections::HashMap as StdMap;
use std::hash::{Hash, Hasher};

use splitmap::{Compute, Entry, HashMap, HashSet, Operation};

/// Keys of one number are equal, whatever their tags.
#[derive(Clone, Copy, Debug, PartialOrd, Ord)]
struct Key(u32, char);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl From<&u32> for Key {
    fn from(number: &u32) -> Self {
        Key(*number, 'm')
    }
}

impl std::borrow::Borrow<u32> for Key {
    fn borrow(&self) -> &u32 {
        &self.0
    }
}

const FIRST: (Key, u32) = (Key(1, 'a'), 1);
const LAST: (Key, u32) = (Key(1, 'b'), 2);

/// The tag and the value of the only entry.
fn entry(map: &HashMap<Key, u32>) -> (char, u32) {
    let map = map.pin();
    assert_eq!(map.len(), 1);
    let (key, value) = map.iter().next().unwrap();
    (key.1, *value)
}

fn value(set: &HashSet<Key>) -> char {
    let set = set.pin();
    assert_eq!(set.len(), 1);
    set.iter().next().unwrap().1
}

#[test]
fn a_map_takes_the_last_key_with_its_value() {
    type Write<'w> = (&'w str, &'w dyn Fn(&mut HashMap<Key, u32>));
    let key = LAST.0;
    let writes: [Write<'_>; 15] = [
        ("insert", &|map| {
            map.pin().insert(key, 2);
        }),
        ("insert_many", &|map| {
            map.pin().insert_many([LAST]);
        }),
        ("extend", &|map| map.extend([LAST])),
        ("extend by reference", &|map| {
            map.extend([(&LAST.0, &LAST.1)])
        }),
        ("extend of a shared one", &|map| (&*map).extend([LAST])),
        ("collect", &|map| *map = [FIRST, LAST].into_iter().collect()),
        ("from", &|map| *map = HashMap::from([FIRST, LAST])),
        ("update", &|map| {
            map.pin().update(key, |_| 2);
        }),
        ("update_or_insert", &|map| {
            map.pin().update_or_insert(key, |_| 2, 0);
        }),
        ("compute", &|map| {
            let map = map.pin();
            let computed = map.compute(key, |_| Operation::<_, ()>::Insert(2));
            assert!(matches!(computed, Compute::Updated { .. }));
        }),
        ("and_modify", &|map| {
            map.pin().entry(key).and_modify(|_| 2).or_default();
        }),
        ("insert_entry", &|map| {
            map.pin().entry(key).insert_entry(2);
        }),
        ("insert of an entry", &|map| {
            let map = map.pin();
            let Entry::Occupied(entry) = map.entry(key) else {
                unreachable!()
            };
            assert_eq!(entry.insert(2), Ok(&1));
        }),
        ("put of an entry", &|map| {
            let map = map.pin();
            let Entry::Occupied(entry) = map.entry(key) else {
                unreachable!()
            };
            assert_eq!(entry.put(2), Some(&1));
        }),
        ("clone", &|map| *map = HashMap::from([LAST]).clone()),
    ];
    for (name, write) in writes {
        let mut map = HashMap::from([FIRST]);
        write(&mut map);
        assert_eq!(entry(&map), ('b', 2), "{name}");
    }
}

/// What does not write leaves everything as it is. And a borrowed key is none: the one that is there
/// stays.
#[test]
fn what_is_refused_or_borrowed_leaves_the_first_key() {
    let map = HashMap::from([FIRST]);
    let view = map.pin();
    assert!(view.try_insert(LAST.0, 2).is_err());
    assert_eq!(view.get_or_insert(LAST.0, 2), &1);
    assert_eq!(view.entry(LAST.0).or_insert(2), &1);
    assert_eq!(entry(&map), ('a', 1));
    assert_eq!(view.update_ref(&1, |_| 3), Some(&3));
    assert_eq!(entry(&map), ('a', 3));
    assert_eq!(view.update_or_insert_ref(&1, |_| 4, 0), &4);
    assert_eq!(entry(&map), ('a', 4));
}

#[test]
fn a_set_keeps_the_first_value() {
    type Write<'w> = (&'w str, &'w dyn Fn(&mut HashSet<Key>));
    let last = LAST.0;
    let writes: [Write<'_>; 8] = [
        ("insert", &|set| assert!(!set.pin().insert(last))),
        ("insert_ref", &|set| assert!(!set.pin().insert_ref(&1))),
        ("get_or_insert", &|set| {
            set.pin().get_or_insert(last);
        }),
        ("extend", &|set| set.extend([last])),
        ("extend by reference", &|set| set.extend([&last])),
        ("extend of a shared one", &|set| (&*set).extend([last])),
        ("collect", &|set| {
            *set = [FIRST.0, last].into_iter().collect()
        }),
        ("from", &|set| *set = HashSet::from([FIRST.0, last])),
    ];
    for (name, write) in writes {
        let mut set = HashSet::from([FIRST.0]);
        write(&mut set);
        assert_eq!(value(&set), 'a', "{name}");
    }
    let set = HashSet::from([FIRST.0]);
    set.pin().replace(last);
    assert_eq!(value(&set), 'b', "replace is there to replace");
}

#[cfg(feature = "rayon")]
#[test]
fn in_parallel_it_is_the_same() {
    use rayon::iter::{IntoParallelIterator, ParallelExtend, ParallelIterator};

    let map: HashMap<Key, u32> = vec![FIRST, LAST].into_par_iter().collect();
    assert_eq!(entry(&map), ('b', 2));
    let mut map = HashMap::from([FIRST]);
    map.par_extend(vec![LAST]);
    assert_eq!(entry(&map), ('b', 2));
    let mut set: HashSet<Key> = vec![FIRST.0, LAST.0].into_par_iter().collect();
    assert_eq!(value(&set), 'a');
    set.par_extend(vec![LAST.0]);
    assert_eq!(value(&set), 'a');
}

#[cfg(feature = "serde")]
mod stored {
    use super::*;

    impl<'de> serde::Deserialize<'de> for Key {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            Ok(Key(1, text.chars().next().unwrap()))
        }
    }

    #[test]
    fn read_back_it_is_the_same() {
        let map: HashMap<Key, u32> = serde_json::from_str(r#"{"a": 1, "b": 2}"#).unwrap();
        assert_eq!(entry(&map), ('b', 2));
        let set: HashSet<Key> = serde_json::from_str(r#"["a", "b"]"#).unwrap();
        assert_eq!(value(&set), 'a');
        // std's, which `docs/COMING-FROM.md` tells of.
        let std: StdMap<Key, u32> = serde_json::from_str(r#"{"a": 1, "b": 2}"#).unwrap();
        let (key, value) = std.into_iter().next().unwrap();
        assert_eq!((key.1, value), ('a', 2));
    }
}

/// The key that each of the others has after an insertion of an equal one.
#[test]
fn the_others_do_what_the_document_says() {
    let mut std = StdMap::from([FIRST]);
    std.insert(LAST.0, LAST.1);
    assert_eq!(std.get_key_value(&1u32).unwrap().0.1, 'a');
    let dash: dashmap::DashMap<Key, u32> = [FIRST, LAST].into_iter().collect();
    assert_eq!(dash.get(&1u32).unwrap().key().1, 'a');
    let papaya = papaya::HashMap::from([FIRST]);
    papaya.pin().insert(LAST.0, LAST.1);
    assert_eq!(papaya.pin().get_key_value(&1u32).unwrap().0.1, 'b');
    let flurry = flurry::HashMap::new();
    for (key, value) in [FIRST, LAST] {
        flurry.pin().insert(key, value);
    }
    assert_eq!(flurry.pin().get_key_value(&1u32).unwrap().0.1, 'a');
}
