//! All maps of the comparison, each used as its documentation advises. `compare/README.md` tells how
//! to add one.

use std::cell::UnsafeCell;
use std::collections::HashMap as StdHashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::{self, JoinHandle};

use arc_swap::ArcSwap;
use splitmap::DefaultHashBuilder;

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

/// One guard an operation, or one for a batch of reads.
impl<K: Key, V: Value, S: Hasher> Map<K, V, S> for splitmap::HashMap<K, V, S> {
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

/// Maps with a pinned view in papaya's words: one an operation, or one for a batch of reads.
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

/// Two copies, one for readers and one for a writer behind a lock, who swaps them after each write:
/// otherwise a thread would not read what it has just written.
pub struct Evmap<K: Key, V: Value, S: Hasher> {
    writer: Mutex<evmap::handles::WriteHandle<K, V, (), S>>,
}

impl<K: Key, V: Value, S: Hasher> Evmap<K, V, S> {
    fn reader(&self) -> evmap::handles::ReadHandle<K, V, (), S> {
        evmap::handles::ReadHandle::clone(&self.writer.lock().expect(LOCKED))
    }
}

impl<K: Key, V: Value, S: Hasher> Map<K, V, S> for Evmap<K, V, S> {
    type Thread<'a> = (&'a Self, evmap::handles::ReadHandle<K, V, (), S>);

    fn with_capacity(capacity: usize, hasher: S) -> Self {
        let options = evmap::Options::default().with_capacity(capacity);
        // SAFETY: clones of a hash builder hash alike, and keys and values are numbers, text or arrays
        // of numbers: each is equal to its clones, and always hashes alike.
        let (mut writer, _) = unsafe { options.with_hasher(hasher).assert_stable() };
        writer.publish();
        Self {
            writer: Mutex::new(writer),
        }
    }
    fn thread(&self) -> Self::Thread<'_> {
        (self, self.reader())
    }
    #[inline]
    fn read<T>(
        (_, map): &mut Self::Thread<'_>,
        key: &K,
        reader: impl FnOnce(&V) -> T,
    ) -> Option<T> {
        map.get_one(key).map(|value| reader(&value))
    }
    #[inline]
    fn read_batch<'k>(
        (_, map): &mut Self::Thread<'_>,
        keys: impl Iterator<Item = &'k K>,
        mut reader: impl FnMut(&V),
    ) {
        let map = map.enter().expect("the writer lives as long as the map");
        for key in keys {
            map.get_one(key).map(&mut reader);
        }
    }
    fn insert((map, _): &mut Self::Thread<'_>, key: K, value: V) -> bool {
        let mut writer = map.writer.lock().expect(LOCKED);
        let new = !writer.contains_key(&key);
        writer.update(key, value).publish();
        new
    }
    fn remove((map, _): &mut Self::Thread<'_>, key: &K) -> bool {
        let mut writer = map.writer.lock().expect(LOCKED);
        let there = writer.contains_key(key);
        writer.remove_entry(key.clone()).publish();
        there
    }
    fn fill(&self, entries: impl Iterator<Item = (K, V)>) {
        let mut writer = self.writer.lock().expect(LOCKED);
        for (key, value) in entries {
            writer.update(key, value);
        }
        // Once for each of the two copies.
        writer.publish().publish();
    }
    fn len(&self) -> usize {
        self.reader().len()
    }
    fn visit(&self, mut visitor: impl FnMut(&K, &V)) {
        if let Some(map) = self.reader().enter() {
            for (key, values) in map.iter() {
                values.iter().for_each(|value| visitor(key, value));
            }
        }
    }
}

/// A thread that owns a standard map, and does what messages ask for.
pub struct Actor<K, V> {
    mailbox: Mutex<Option<Sender<Message<K, V>>>>,
    thread: Option<JoinHandle<()>>,
}

type Job<K, V> = Box<dyn FnOnce(&mut StdHashMap<K, V, DefaultHashBuilder>) + Send>;

/// What the actor is asked for, and where its answer goes.
pub enum Message<K, V> {
    Read(K, Sender<Option<V>>),
    Insert(K, V, Sender<Option<V>>),
    Remove(K, Sender<Option<V>>),
    Do(Job<K, V>),
}

impl<K: Key, V: Value> Actor<K, V> {
    fn mailbox(&self) -> Sender<Message<K, V>> {
        let mailbox = self.mailbox.lock().expect(LOCKED);
        mailbox.clone().expect("the actor lives as long as its map")
    }

    /// Does something with the map, and waits for the end of it.
    fn apply<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut StdHashMap<K, V, DefaultHashBuilder>) -> T + Send + 'static,
    ) -> T {
        let (done, result) = channel();
        let job: Job<K, V> = Box::new(move |map| drop(done.send(job(map))));
        self.mailbox()
            .send(Message::Do(job))
            .expect("the actor lives");
        result.recv().expect("the actor lives")
    }
}

/// What a thread asks the actor by.
pub struct Correspondence<K, V> {
    mailbox: Sender<Message<K, V>>,
    answer: Sender<Option<V>>,
    answers: Receiver<Option<V>>,
}

impl<K: Key, V: Value> Correspondence<K, V> {
    fn ask(&self, message: impl FnOnce(Sender<Option<V>>) -> Message<K, V>) -> Option<V> {
        let sent = self.mailbox.send(message(self.answer.clone()));
        sent.expect("the actor lives");
        self.answers.recv().expect("the actor lives")
    }
}

impl<K: Key, V: Value> Map<K, V, DefaultHashBuilder> for Actor<K, V> {
    type Thread<'a> = Correspondence<K, V>;

    fn with_capacity(capacity: usize, hasher: DefaultHashBuilder) -> Self {
        let (mailbox, messages) = channel();
        let work = move || {
            let mut map = StdHashMap::with_capacity_and_hasher(capacity, hasher);
            for message in messages {
                // A thread that no longer waits for its answer needs none.
                let _ = match message {
                    Message::Read(key, answer) => answer.send(map.get(&key).cloned()),
                    Message::Insert(key, value, answer) => answer.send(map.insert(key, value)),
                    Message::Remove(key, answer) => answer.send(map.remove(&key)),
                    Message::Do(job) => {
                        job(&mut map);
                        Ok(())
                    }
                };
            }
        };
        Self {
            mailbox: Mutex::new(Some(mailbox)),
            thread: Some(thread::spawn(work)),
        }
    }
    fn thread(&self) -> Self::Thread<'_> {
        let (answer, answers) = channel();
        Correspondence {
            mailbox: self.mailbox(),
            answer,
            answers,
        }
    }
    fn read<T>(actor: &mut Self::Thread<'_>, key: &K, reader: impl FnOnce(&V) -> T) -> Option<T> {
        let value = actor.ask(|answer| Message::Read(key.clone(), answer));
        value.map(|value| reader(&value))
    }
    fn insert(actor: &mut Self::Thread<'_>, key: K, value: V) -> bool {
        actor
            .ask(|answer| Message::Insert(key, value, answer))
            .is_none()
    }
    fn remove(actor: &mut Self::Thread<'_>, key: &K) -> bool {
        actor
            .ask(|answer| Message::Remove(key.clone(), answer))
            .is_some()
    }
    fn fill(&self, entries: impl Iterator<Item = (K, V)>) {
        let entries: Vec<_> = entries.collect();
        self.apply(|map| map.extend(entries));
    }
    fn len(&self) -> usize {
        self.apply(|map| map.len())
    }
    fn visit(&self, mut visitor: impl FnMut(&K, &V)) {
        let entries = self.apply(|map| map.clone());
        entries.iter().for_each(|(key, value)| visitor(key, value));
    }
}

impl<K, V> Drop for Actor<K, V> {
    fn drop(&mut self) {
        drop(self.mailbox.get_mut().expect(LOCKED).take());
        let thread = self.thread.take().expect("only drop takes it");
        thread.join().expect("the actor does not panic");
    }
}

/// The standard map without any synchronisation: the limit, not a rival. Several threads may read,
/// or one alone may do anything.
pub struct Alone<K, V, S>(UnsafeCell<StdHashMap<K, V, S>>);

// SAFETY: the comparison lets several threads only read (`Contestant::for_one_writer_alone`), and a
// standard map may be read by several threads where keys, values and hash builder may.
unsafe impl<K: Sync, V: Sync, S: Sync> Sync for Alone<K, V, S> {}

impl<K: Key, V: Value, S: Hasher> Alone<K, V, S> {
    fn map(&self) -> &StdHashMap<K, V, S> {
        // SAFETY: no thread writes: one that does is alone (above), and keeps no reference.
        unsafe { &*self.0.get() }
    }

    #[expect(
        clippy::mut_from_ref,
        reason = "this is the map without synchronisation"
    )]
    fn map_mut(&self) -> &mut StdHashMap<K, V, S> {
        // SAFETY: a thread that writes is alone (above), and no caller keeps a reference.
        unsafe { &mut *self.0.get() }
    }
}

impl<K: Key, V: Value, S: Hasher> Map<K, V, S> for Alone<K, V, S> {
    type Thread<'a> = &'a Self;

    fn with_capacity(capacity: usize, hasher: S) -> Self {
        let map = StdHashMap::with_capacity_and_hasher(capacity, hasher);
        Self(UnsafeCell::new(map))
    }
    fn thread(&self) -> &Self {
        self
    }
    #[inline]
    fn read<T>(map: &mut &Self, key: &K, reader: impl FnOnce(&V) -> T) -> Option<T> {
        map.map().get(key).map(reader)
    }
    #[inline]
    fn insert(map: &mut &Self, key: K, value: V) -> bool {
        map.map_mut().insert(key, value).is_none()
    }
    #[inline]
    fn remove(map: &mut &Self, key: &K) -> bool {
        map.map_mut().remove(key).is_some()
    }
    fn len(&self) -> usize {
        self.map().len()
    }
    fn visit(&self, mut visitor: impl FnMut(&K, &V)) {
        self.map()
            .iter()
            .for_each(|(key, value)| visitor(key, value));
    }
    fn copied(&self) -> Option<Self> {
        Some(Self(UnsafeCell::new(self.map().clone())))
    }
    fn collected(entries: impl Iterator<Item = (K, V)>) -> Option<Self> {
        Some(Self(UnsafeCell::new(entries.collect())))
    }
}
