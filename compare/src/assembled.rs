//! Maps that are put together from parts: a writer behind a lock for evmap, a thread that owns a map, and
//! the standard map without synchronisation.

use std::cell::UnsafeCell;
use std::collections::HashMap as StdHashMap;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use splitmap::DefaultHashBuilder;

use crate::map::{Hasher, Key, Map, Value};

const LOCKED: &str = "no thread panics under the lock";

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
