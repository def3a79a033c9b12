//! Many keys at a time: while one is looked for, the memory of those behind it is on its way.
//!
//! A lookup in a map that is larger than the caches waits for memory twice, for the head of its
//! bucket and for the node behind it. Here the heads are asked for [`AHEAD`] keys ahead, the nodes
//! half as many.

#![forbid(unsafe_code)]

use std::array;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::iter::{Fuse, FusedIterator};

use equivalent::Equivalent;

use crate::map::HashMap;
use crate::raw::Keeps;
use crate::raw::Node;
use crate::reclaim::{Guard, Reclaimer};

/// How many keys are taken ahead of the one that is looked for.
const AHEAD: usize = 16;

/// The values of many keys, in the order of the keys: [`HashMap::get_many`].
#[must_use = "iterators are lazy: no key is looked for before its turn"]
pub struct GetMany<'g, K, V, S, R, G, I>
where
    R: Reclaimer,
    I: Iterator,
{
    map: &'g HashMap<K, V, S, R>,
    guard: &'g G,
    keys: Fuse<I>,
    /// Keys and their hashes, key `n` at `n % AHEAD`: those of `done..taken`.
    ahead: [Option<(u64, I::Item)>; AHEAD],
    /// How many keys were taken; how many of them have had their node asked for; and how many were
    /// looked for.
    taken: usize,
    asked: usize,
    done: usize,
}

impl<K, V, S, R> HashMap<K, V, S, R>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
{
    /// Looks up many keys at a time, and yields their values in the keys' order.
    ///
    /// Each is a [`get`](Self::get) (guarantee **A**) when the iterator comes to it; not all at one
    /// instant. In a map that is larger than the caches this is faster than one `get` after the
    /// other, as the waiting for memory overlaps; in a small one it is a little slower
    /// (`docs/PERFORMANCE.md`). Takes up to 16 keys ahead.
    ///
    /// ```
    /// let map = splitmap::HashMap::from([("one", 1), ("two", 2)]);
    /// let guard = map.guard();
    /// let values: Vec<_> = map.get_many(["two", "three"], &guard).collect();
    /// assert_eq!(values, [Some(&2), None]);
    /// ```
    pub fn get_many<'g, 'q, Q, G, I>(
        &'g self,
        keys: I,
        guard: &'g G,
    ) -> GetMany<'g, K, V, S, R, G, I::IntoIter>
    where
        Q: Equivalent<K> + Hash + ?Sized + 'q,
        G: Guard<R>,
        I: IntoIterator<Item = &'q Q>,
    {
        // A wrong guard is refused without keys, too.
        self.protected(guard);
        GetMany {
            map: self,
            guard,
            keys: keys.into_iter().fuse(),
            ahead: array::from_fn(|_| None),
            taken: 0,
            asked: 0,
            done: 0,
        }
    }

    /// Inserts many entries, as one [`insert`](Self::insert) after the other does; returns how many
    /// of their keys were absent.
    ///
    /// Takes 16 entries at a time from the iterator and asks for the memory of all before it inserts
    /// the first: those of an iterator that waits are not there while it waits for the next. Each insertion is lock-free (guarantee **B**), and takes effect by itself.
    /// The guard is held while the iterator works; [`extend`](Extend) holds none then.
    ///
    /// # Panics
    ///
    /// If the iterator or a key's `Hash` does: what was given before is inserted. If a key's `Eq`
    /// does, or the destructor of an entry that was removed: up to 15 entries that were taken
    /// already are dropped. If both do, the process aborts.
    ///
    /// ```
    /// let map = splitmap::HashMap::from([("one", 1)]);
    /// let guard = map.guard();
    /// assert_eq!(map.insert_many([("one", 10), ("two", 20)], &guard), 1);
    /// assert_eq!(map.get("one", &guard), Some(&10));
    /// ```
    pub fn insert_many(
        &self,
        entries: impl IntoIterator<Item = (K, V)>,
        guard: &impl Guard<R>,
    ) -> usize {
        // A wrong guard is refused without entries, too.
        self.protected(guard);
        let mut entries = entries.into_iter().fuse();
        let mut chunk = Chunk::new(self);
        let mut absent = 0;
        while chunk.take(&mut entries) {
            absent += chunk.insert(guard);
        }
        absent
    }
}

impl<'g, 'q, K, V, S, R, G, Q, I> GetMany<'g, K, V, S, R, G, I>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
    G: Guard<R>,
    Q: Equivalent<K> + Hash + ?Sized + 'q,
    I: Iterator<Item = &'q Q>,
{
    /// Takes keys until there are enough, and asks for their memory.
    fn look_ahead(&mut self) {
        while self.taken < self.done + AHEAD {
            let Some(key) = self.keys.next() else { break };
            let hash = self.map.hash(key);
            self.map.prefetch_head(hash, self.guard);
            self.ahead[self.taken % AHEAD] = Some((hash, key));
            self.taken += 1;
        }
        while self.asked < self.taken.min(self.done + AHEAD / 2) {
            if let Some((hash, _)) = self.ahead[self.asked % AHEAD] {
                self.map.prefetch_node(hash, self.guard);
            }
            self.asked += 1;
        }
    }
}

impl<'g, 'q, K, V, S, R, G, Q, I> Iterator for GetMany<'g, K, V, S, R, G, I>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
    G: Guard<R>,
    Q: Equivalent<K> + Hash + ?Sized + 'q,
    I: Iterator<Item = &'q Q>,
{
    type Item = Option<&'g V>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.look_ahead();
        let (hash, key) = self.ahead[self.done % AHEAD].take()?;
        self.done += 1;
        let found = self.map.find_hashed(hash, key, self.guard);
        Some(found.map(Node::value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let ahead = self.taken - self.done;
        let (least, most) = self.keys.size_hint();
        let most = most.and_then(|most| most.checked_add(ahead));
        (least.saturating_add(ahead), most)
    }
}

impl<'q, K, V, S, R, G, Q, I> FusedIterator for GetMany<'_, K, V, S, R, G, I>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
    G: Guard<R>,
    Q: Equivalent<K> + Hash + ?Sized + 'q,
    I: Iterator<Item = &'q Q>,
{
}

impl<'q, K, V, S, R, G, Q, I> ExactSizeIterator for GetMany<'_, K, V, S, R, G, I>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
    G: Guard<R>,
    Q: Equivalent<K> + Hash + ?Sized + 'q,
    I: ExactSizeIterator<Item = &'q Q>,
{
}

impl<K, V, S, R, G, I> fmt::Debug for GetMany<'_, K, V, S, R, G, I>
where
    R: Reclaimer,
    I: Iterator,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetMany").finish_non_exhaustive()
    }
}

/// Entries that were taken from an iterator, to be inserted together.
struct Chunk<'m, K, V, S, R>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
{
    map: &'m HashMap<K, V, S, R>,
    taken: Vec<(u64, K, V)>,
    is_taking: bool,
}

impl<'m, K, V, S, R> Chunk<'m, K, V, S, R>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
{
    fn new(map: &'m HashMap<K, V, S, R>) -> Self {
        Chunk {
            map,
            taken: Vec::new(),
            is_taking: false,
        }
    }

    /// Takes the next entries; false at the end.
    fn take(&mut self, entries: &mut impl Iterator<Item = (K, V)>) -> bool {
        self.is_taking = true;
        for (key, value) in entries.take(AHEAD) {
            // Nothing is allocated for nothing.
            if self.taken.capacity() == 0 {
                self.taken.reserve_exact(AHEAD);
            }
            self.taken.push((self.map.hash(&key), key, value));
        }
        self.is_taking = false;
        !self.taken.is_empty()
    }

    /// Inserts them; returns how many of the keys were absent.
    fn insert(&mut self, guard: &impl Guard<R>) -> usize {
        let map = self.map;
        for &(hash, ..) in &self.taken {
            map.prefetch_head(hash, guard);
        }
        for &(hash, ..) in &self.taken {
            map.prefetch_node(hash, guard);
        }
        let insert = |(hash, key, value)| map.insert_hashed(hash, key, value, guard).is_none();
        let absent = self.taken.drain(..).map(insert);
        absent.filter(|&is_absent| is_absent).count()
    }
}

impl<K, V, S, R> Drop for Chunk<'_, K, V, S, R>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
{
    /// What an iterator gave before it panicked is inserted.
    fn drop(&mut self) {
        if self.is_taking {
            self.insert(&self.map.guard());
        }
    }
}

impl<K, V, S, R> Extend<(K, V)> for &HashMap<K, V, S, R>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
{
    /// As [`insert_many`](HashMap::insert_many), so of equal keys the last is kept, under guards of its own: none is held while the
    /// iterator works. What it gives may not be in the map yet when it is asked for more.
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        let mut entries = entries.into_iter().fuse();
        let mut chunk = Chunk::new(*self);
        while chunk.take(&mut entries) {
            chunk.insert(&self.guard());
        }
    }
}

impl<K, V, S, R> Extend<(K, V)> for HashMap<K, V, S, R>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
{
    /// As for a shared map. An empty one is filled at once, as by `collect`, if the iterator says that it
    /// has so many items as that pays for.
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        if let Err(entries) = self.fill(entries.into_iter(), Keeps::Last) {
            (&*self).extend(entries);
        }
    }
}

impl<'a, K, V, S, R> Extend<(&'a K, &'a V)> for &HashMap<K, V, S, R>
where
    K: Hash + Eq + Copy,
    V: Copy,
    S: BuildHasher,
    R: Reclaimer,
{
    fn extend<I: IntoIterator<Item = (&'a K, &'a V)>>(&mut self, entries: I) {
        self.extend(entries.into_iter().map(|(&key, &value)| (key, value)));
    }
}

impl<'a, K, V, S, R> Extend<(&'a K, &'a V)> for HashMap<K, V, S, R>
where
    K: Hash + Eq + Copy,
    V: Copy,
    S: BuildHasher,
    R: Reclaimer,
{
    fn extend<I: IntoIterator<Item = (&'a K, &'a V)>>(&mut self, entries: I) {
        self.extend(entries.into_iter().map(|(&key, &value)| (key, value)));
    }
}
