//! The maps of the comparison, each used as its documentation advises; those that have to be put together
//! first are in `assembled.rs`. `compare/README.md` tells how
//! to add one.

use std::collections::HashMap as StdHashMap;
use std::sync::{Arc, RwLock};

use arc_swap::ArcSwap;
use splitmap::DefaultHashBuilder;

use crate::assembled::{Actor, Alone, Evmap};
use crate::map::{Hasher, Key, Map, Value};
use crate::runner::Contestant;

const LOCKED: &str = "no thread panics under the lock";

/// All maps with the same hash builder, ours first.
pub fn all<K: Key, V: Value>() -> Vec<Contestant<K, V>> {
    type Ours = DefaultHashBuilder;
    let ours = &Ours::default();
    vec![
        Contestant::of::<splitmap::HashMap<K, V, Ours>, Ours>("splitmap", ours),
        Contestant::of::<dashmap::DashMap<K, V, Ours>, Ours>("dashmap", ours),
        Contestant::of::<dashmap7::DashMap<K, V, Ours>, Ours>("dashmap-7", ours),
        Contestant::of::<papaya::HashMap<K, V, Ours>, Ours>("papaya", ours),
        Contestant::of::<scc::HashMap<K, V, Ours>, Ours>("scc-map", ours),
        Contestant::of::<scc::HashIndex<K, V, Ours>, Ours>("scc-index", ours),
        Contestant::of::<flurry::HashMap<K, V, Ours>, Ours>("flurry", ours),
        Contestant::of::<kovan_map::HashMap<K, V, Ours>, Ours>("kovan-map", ours),
        Contestant::of::<RwLock<StdHashMap<K, V, Ours>>, Ours>("RwLock", ours),
        Contestant::of::<parking_lot::RwLock<StdHashMap<K, V, Ours>>, Ours>("parking_lot", ours),
        Contestant::of::<ArcSwap<StdHashMap<K, V, Ours>>, Ours>("arc-swap", ours).copies_to_write(),
        Contestant::of::<Evmap<K, V, Ours>, Ours>("evmap", ours).publishes_each_write(),
        Contestant::of::<Actor<K, V>, Ours>("actor", ours).answers_by_channel(),
        Contestant::of::<Alone<K, V, Ours>, Ours>("std-alone", ours).for_one_writer_alone(),
    ]
}

/// The maps that name a hasher of their own, each with that.
pub fn with_their_own_hashers<K: Key, V: Value>() -> Vec<Contestant<K, V>> {
    type Std = std::hash::RandomState;
    type Foldhash = foldhash::fast::FixedState;
    type Ahash = flurry::DefaultHashBuilder;
    vec![
        Contestant::of::<splitmap::HashMap<K, V>, DefaultHashBuilder>(
            "splitmap",
            &DefaultHashBuilder::default(),
        ),
        Contestant::of::<dashmap::DashMap<K, V>, Std>("dashmap", &Std::default()),
        Contestant::of::<dashmap7::DashMap<K, V>, Std>("dashmap-7", &Std::default()),
        Contestant::of::<papaya::HashMap<K, V>, Std>("papaya", &Std::default()),
        Contestant::of::<scc::HashMap<K, V>, Std>("scc-map", &Std::default()),
        Contestant::of::<scc::HashIndex<K, V>, Std>("scc-index", &Std::default()),
        Contestant::of::<flurry::HashMap<K, V>, Ahash>("flurry", &Ahash::default()),
        Contestant::of::<kovan_map::HashMap<K, V>, Foldhash>("kovan-map", &Foldhash::default()),
        Contestant::of::<RwLock<StdHashMap<K, V>>, Std>("RwLock", &Std::default()),
        Contestant::of::<parking_lot::RwLock<StdHashMap<K, V>>, Std>(
            "parking_lot",
            &Std::default(),
        ),
    ]
}

/// A read locks its shard; there is no guard for several.
macro_rules! dashmap {
    ($dashmap:ident) => {
        impl<K: Key, V: Value, S: Hasher> Map<K, V, S> for $dashmap::DashMap<K, V, S> {
            type Thread<'a> = &'a Self;

            fn with_capacity(capacity: usize, hasher: S) -> Self {
                Self::with_capacity_and_hasher(capacity, hasher)
            }
            fn thread(&self) -> &Self {
                self
            }
            #[inline]
            fn read<T>(map: &mut &Self, key: &K, reader: impl FnOnce(&V) -> T) -> Option<T> {
                map.get(key).map(|value| reader(&value))
            }
            #[inline]
            fn insert(map: &mut &Self, key: K, value: V) -> bool {
                $dashmap::DashMap::insert(map, key, value).is_none()
            }
            #[inline]
            fn remove(map: &mut &Self, key: &K) -> bool {
                $dashmap::DashMap::remove(map, key).is_some()
            }
            fn len(&self) -> usize {
                self.len()
            }
            fn visit(&self, mut visitor: impl FnMut(&K, &V)) {
                self.iter()
                    .for_each(|entry| visitor(entry.key(), entry.value()));
            }
            fn copied(&self) -> Option<Self> {
                Some(self.clone())
            }
            fn collected(entries: impl Iterator<Item = (K, V)>) -> Option<Self> {
                Some(entries.collect())
            }
        }
    };
}
dashmap!(dashmap);
dashmap!(dashmap7);

/// Ours and others with a pinned view: one an operation, or one for a batch of reads.
macro_rules! pinned {
    ($pinned:ident) => {
        impl<K: Key, V: Value, S: Hasher> Map<K, V, S> for $pinned::HashMap<K, V, S> {
            type Thread<'a> = &'a Self;

            fn with_capacity(capacity: usize, hasher: S) -> Self {
                Self::with_capacity_and_hasher(capacity, hasher)
            }
            fn thread(&self) -> &Self {
                self
            }
            #[inline]
            fn read<T>(map: &mut &Self, key: &K, reader: impl FnOnce(&V) -> T) -> Option<T> {
                map.pin().get(key).map(reader)
            }
            #[inline]
            fn read_batch<'k>(
                map: &mut &Self,
                keys: impl Iterator<Item = &'k K>,
                mut reader: impl FnMut(&V),
            ) {
                let map = map.pin();
                for key in keys {
                    map.get(key).map(&mut reader);
                }
            }
            #[inline]
            fn insert(map: &mut &Self, key: K, value: V) -> bool {
                map.pin().insert(key, value).is_none()
            }
            #[inline]
            fn remove(map: &mut &Self, key: &K) -> bool {
                map.pin().remove(key).is_some()
            }
            fn len(&self) -> usize {
                self.len()
            }
            fn visit(&self, mut visitor: impl FnMut(&K, &V)) {
                self.pin()
                    .iter()
                    .for_each(|(key, value)| visitor(key, value));
            }
            fn copied(&self) -> Option<Self> {
                Some(self.clone())
            }
            fn collected(entries: impl Iterator<Item = (K, V)>) -> Option<Self> {
                Some(entries.collect())
            }
        }
    };
}
pinned!(splitmap);
pinned!(papaya);
pinned!(flurry);

/// A read locks its bucket.
impl<K: Key, V: Value, S: Hasher> Map<K, V, S> for scc::HashMap<K, V, S> {
    type Thread<'a> = &'a Self;

    fn with_capacity(capacity: usize, hasher: S) -> Self {
        Self::with_capacity_and_hasher(capacity, hasher)
    }
    fn thread(&self) -> &Self {
        self
    }
    #[inline]
    fn read<T>(map: &mut &Self, key: &K, reader: impl FnOnce(&V) -> T) -> Option<T> {
        map.read_sync(key, |_, value| reader(value))
    }
    #[inline]
    fn insert(map: &mut &Self, key: K, value: V) -> bool {
        map.upsert_sync(key, value).is_none()
    }
    #[inline]
    fn remove(map: &mut &Self, key: &K) -> bool {
        map.remove_sync(key).is_some()
    }
    fn len(&self) -> usize {
        self.len()
    }
    fn visit(&self, mut visitor: impl FnMut(&K, &V)) {
        self.iter_sync(|key, value| {
            visitor(key, value);
            true
        });
    }
    fn copied(&self) -> Option<Self> {
        Some(self.clone())
    }
    fn collected(entries: impl Iterator<Item = (K, V)>) -> Option<Self> {
        Some(entries.collect())
    }
}

/// `peek` reads without a lock; one guard an operation, or one for a batch of reads.
impl<K: Key, V: Value, S: Hasher> Map<K, V, S> for scc::HashIndex<K, V, S> {
    type Thread<'a> = &'a Self;

    fn with_capacity(capacity: usize, hasher: S) -> Self {
        Self::with_capacity_and_hasher(capacity, hasher)
    }
    fn thread(&self) -> &Self {
        self
    }
    #[inline]
    fn read<T>(map: &mut &Self, key: &K, reader: impl FnOnce(&V) -> T) -> Option<T> {
        map.peek_with(key, |_, value| reader(value))
    }
    #[inline]
    fn read_batch<'k>(
        map: &mut &Self,
        keys: impl Iterator<Item = &'k K>,
        mut reader: impl FnMut(&V),
    ) {
        let guard = scc::Guard::new();
        for key in keys {
            map.peek(key, &guard).map(&mut reader);
        }
    }
    #[inline]
    fn insert(map: &mut &Self, key: K, value: V) -> bool {
        match map.entry_sync(key) {
            scc::hash_index::Entry::Occupied(mut entry) => {
                entry.update(value);
                false
            }
            scc::hash_index::Entry::Vacant(entry) => {
                entry.insert_entry(value);
                true
            }
        }
    }
    #[inline]
    fn remove(map: &mut &Self, key: &K) -> bool {
        map.remove_sync(key)
    }
    fn len(&self) -> usize {
        self.len()
    }
    fn visit(&self, mut visitor: impl FnMut(&K, &V)) {
        let guard = scc::Guard::new();
        self.iter(&guard)
            .for_each(|(key, value)| visitor(key, value));
    }
    fn copied(&self) -> Option<Self> {
        Some(self.clone())
    }
    fn collected(entries: impl Iterator<Item = (K, V)>) -> Option<Self> {
        Some(entries.collect())
    }
}

/// A read returns a clone of the value. Its `new` makes room for 400,000 entries; here it gets the
/// capacity that all get.
impl<K: Key, V: Value, S: Hasher> Map<K, V, S> for kovan_map::HashMap<K, V, S> {
    type Thread<'a> = &'a Self;

    fn with_capacity(capacity: usize, hasher: S) -> Self {
        // Its capacity is a number of buckets, of which three quarters fill before it grows.
        Self::with_capacity_and_hasher(capacity + capacity / 3, hasher)
    }
    fn thread(&self) -> &Self {
        self
    }
    #[inline]
    fn read<T>(map: &mut &Self, key: &K, reader: impl FnOnce(&V) -> T) -> Option<T> {
        map.get(key).map(|value| reader(&value))
    }
    #[inline]
    fn insert(map: &mut &Self, key: K, value: V) -> bool {
        map.insert(key, value).is_none()
    }
    #[inline]
    fn remove(map: &mut &Self, key: &K) -> bool {
        map.remove(key).is_some()
    }
    fn len(&self) -> usize {
        self.len()
    }
    fn visit(&self, mut visitor: impl FnMut(&K, &V)) {
        self.iter().for_each(|(key, value)| visitor(&key, &value));
    }
    fn copied(&self) -> Option<Self> {
        Some(self.clone())
    }
    fn collected(entries: impl Iterator<Item = (K, V)>) -> Option<Self> {
        Some(entries.collect())
    }
}

/// One lock around the standard map. What `$open` does with a lock's answer differs.
macro_rules! locked {
    ($lock:ty, $open:expr) => {
        impl<K: Key, V: Value, S: Hasher> Map<K, V, S> for $lock {
            type Thread<'a> = &'a Self;

            fn with_capacity(capacity: usize, hasher: S) -> Self {
                Self::new(StdHashMap::with_capacity_and_hasher(capacity, hasher))
            }
            fn thread(&self) -> &Self {
                self
            }
            #[inline]
            fn read<T>(map: &mut &Self, key: &K, reader: impl FnOnce(&V) -> T) -> Option<T> {
                $open(<$lock>::read(map)).get(key).map(reader)
            }
            #[inline]
            fn read_batch<'k>(
                map: &mut &Self,
                keys: impl Iterator<Item = &'k K>,
                mut reader: impl FnMut(&V),
            ) {
                let map = $open(<$lock>::read(map));
                for key in keys {
                    map.get(key).map(&mut reader);
                }
            }
            #[inline]
            fn insert(map: &mut &Self, key: K, value: V) -> bool {
                $open(map.write()).insert(key, value).is_none()
            }
            #[inline]
            fn remove(map: &mut &Self, key: &K) -> bool {
                $open(map.write()).remove(key).is_some()
            }
            fn len(&self) -> usize {
                $open(<$lock>::read(self)).len()
            }
            fn visit(&self, mut visitor: impl FnMut(&K, &V)) {
                let map = $open(<$lock>::read(self));
                map.iter().for_each(|(key, value)| visitor(key, value));
            }
            fn copied(&self) -> Option<Self> {
                Some(Self::new($open(<$lock>::read(self)).clone()))
            }
            fn collected(entries: impl Iterator<Item = (K, V)>) -> Option<Self> {
                Some(Self::new(entries.collect()))
            }
        }
    };
}
locked!(RwLock<StdHashMap<K, V, S>>, |lock: Result<_, _>| lock
    .expect(LOCKED));
locked!(parking_lot::RwLock<StdHashMap<K, V, S>>, |lock| lock);

/// Readers load an immutable map; a write copies it (`rcu`).
impl<K: Key, V: Value, S: Hasher> Map<K, V, S> for ArcSwap<StdHashMap<K, V, S>> {
    type Thread<'a> = &'a Self;

    fn with_capacity(capacity: usize, hasher: S) -> Self {
        Self::from_pointee(StdHashMap::with_capacity_and_hasher(capacity, hasher))
    }
    fn thread(&self) -> &Self {
        self
    }
    #[inline]
    fn read<T>(map: &mut &Self, key: &K, reader: impl FnOnce(&V) -> T) -> Option<T> {
        map.load().get(key).map(reader)
    }
    #[inline]
    fn read_batch<'k>(
        map: &mut &Self,
        keys: impl Iterator<Item = &'k K>,
        mut reader: impl FnMut(&V),
    ) {
        let map = map.load();
        for key in keys {
            map.get(key).map(&mut reader);
        }
    }
    fn insert(map: &mut &Self, key: K, value: V) -> bool {
        let old = map.rcu(|map| {
            let mut copy = StdHashMap::clone(map);
            copy.insert(key.clone(), value.clone());
            copy
        });
        !old.contains_key(&key)
    }
    fn remove(map: &mut &Self, key: &K) -> bool {
        let old = map.rcu(|map| {
            let mut copy = StdHashMap::clone(map);
            copy.remove(key);
            copy
        });
        old.contains_key(key)
    }
    fn fill(&self, entries: impl Iterator<Item = (K, V)>) {
        let mut copy = StdHashMap::clone(&self.load());
        copy.extend(entries);
        self.store(Arc::new(copy));
    }
    fn len(&self) -> usize {
        self.load().len()
    }
    fn visit(&self, mut visitor: impl FnMut(&K, &V)) {
        self.load()
            .iter()
            .for_each(|(key, value)| visitor(key, value));
    }
    fn collected(entries: impl Iterator<Item = (K, V)>) -> Option<Self> {
        Some(Self::from_pointee(entries.collect()))
    }
}
