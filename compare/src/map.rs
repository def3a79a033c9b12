//! What the comparison asks of a map: one small trait, and what keys, values and hashers are.

use std::hash::{BuildHasher, Hash};

/// A key. Different numbers make different keys.
pub trait Key: Hash + Eq + Ord + Clone + Send + Sync + 'static {
    /// The key of a number.
    fn of(number: u64) -> Self;
}

/// A value. It carries the tag of its key, so that every read can be checked.
pub trait Value: Hash + Eq + Clone + Send + Sync + 'static {
    /// A value with this tag. Its version tells it from other values of the same key.
    fn of(tag: u32, version: u32) -> Self;

    /// The tag, which all versions of a key's value share.
    fn tag(&self) -> u32;
}

/// A hash builder that maps can be given.
pub trait Hasher: BuildHasher + Clone + Default + Send + Sync + 'static {}
impl<S: BuildHasher + Clone + Default + Send + Sync + 'static> Hasher for S {}

/// A map under comparison, used as its authors advise.
///
/// Each operation pins or locks by itself, as in a server that looks one thing up for a request;
/// only `read_batch` may hold a guard for longer. Operations get what `thread` returned on the
/// same thread.
pub trait Map<K: Key, V: Value, S: Hasher>: Send + Sync + Sized {
    /// What a thread keeps while it uses the map: a reference, or a handle where the map has them.
    type Thread<'a>
    where
        Self: 'a;

    /// An empty map with room for so many entries. `0` makes the smallest map that can grow.
    fn with_capacity(capacity: usize, hasher: S) -> Self;

    /// Called by each thread before its first operation.
    fn thread(&self) -> Self::Thread<'_>;

    /// Reads a value in place; returns what the reader returns, or `None` without such a key.
    fn read<T>(thread: &mut Self::Thread<'_>, key: &K, reader: impl FnOnce(&V) -> T) -> Option<T>;

    /// Reads values of several keys, under one guard if the map has such a thing.
    #[inline]
    fn read_batch<'k>(
        thread: &mut Self::Thread<'_>,
        keys: impl Iterator<Item = &'k K>,
        mut reader: impl FnMut(&V),
    ) {
        for key in keys {
            Self::read(thread, key, &mut reader);
        }
    }

    /// Inserts an entry or replaces its value. Returns whether the key is new.
    fn insert(thread: &mut Self::Thread<'_>, key: K, value: V) -> bool;

    /// Removes an entry. Returns whether there was one.
    fn remove(thread: &mut Self::Thread<'_>, key: &K) -> bool;

    /// Inserts many entries before anything is measured.
    fn fill(&self, entries: impl Iterator<Item = (K, V)>) {
        let mut thread = self.thread();
        for (key, value) in entries {
            Self::insert(&mut thread, key, value);
        }
    }

    /// How many entries there are. No other thread works on the map.
    fn len(&self) -> usize;

    /// Visits all entries. No other thread works on the map.
    fn visit(&self, visitor: impl FnMut(&K, &V));

    /// A copy, if the map has `Clone` or an equal of it.
    fn copied(&self) -> Option<Self> {
        None
    }

    /// A map made from entries at once, if the map has `FromIterator` or an equal of it.
    fn collected(_: impl Iterator<Item = (K, V)>) -> Option<Self> {
        None
    }
}

impl Key for u64 {
    #[inline]
    fn of(number: u64) -> Self {
        mix(number)
    }
}

impl Key for String {
    /// 24 bytes, of which the last ones differ.
    fn of(number: u64) -> Self {
        format!("session:{:016x}", mix(number))
    }
}

impl Value for u64 {
    #[inline]
    fn of(tag: u32, version: u32) -> Self {
        u64::from(version) << 32 | u64::from(tag)
    }

    #[inline]
    fn tag(&self) -> u32 {
        *self as u32
    }
}

/// 64 bytes; the first and the last word are read.
impl Value for [u64; 8] {
    #[inline]
    fn of(tag: u32, version: u32) -> Self {
        [<u64 as Value>::of(tag, version); 8]
    }

    #[inline]
    fn tag(&self) -> u32 {
        // A torn value has no tag of a key.
        self[0].tag() ^ (self[0] ^ self[7]) as u32
    }
}

/// The tag of a number.
#[inline]
pub fn tag(number: u64) -> u32 {
    (mix(!number) >> 32) as u32
}

/// The finisher of splitmix64, a bijection.
#[inline]
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ bits >> 31
}
