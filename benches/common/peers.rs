//! The maps under comparison, each used as its documentation recommends.

use std::collections::HashMap as StdHashMap;
use std::sync::{RwLock, RwLockReadGuard};

use scc::hash_index::Entry;
use splitmap::{DefaultHashBuilder, Epoch, Reclaim, Retired};

use super::Map;

/// This crate, on one of its back ends.
pub type Splitmap<R = Epoch> = splitmap::HashMap<u64, u64, DefaultHashBuilder, R>;

/// A back end of this crate, under a name for its maps.
pub trait BackEnd: Reclaim<Retired<u64, u64>> {
    const NAME: &'static str;
}

impl BackEnd for Epoch {
    const NAME: &'static str = "splitmap";
}

#[cfg(feature = "crossbeam-epoch")]
impl BackEnd for splitmap::Crossbeam {
    const NAME: &'static str = "splitmap crossbeam";
}

#[cfg(feature = "seize")]
impl BackEnd for splitmap::Seize {
    const NAME: &'static str = "splitmap seize";
}

/// Sharded locks.
pub type Dashmap = dashmap::DashMap<u64, u64, DefaultHashBuilder>;

/// Open addressing with boxed entries and deferred reclamation.
pub type Papaya = papaya::HashMap<u64, u64, DefaultHashBuilder>;

/// Reads without locks, writes under a lock a bucket, deferred reclamation.
pub type HashIndex = scc::HashIndex<u64, u64, DefaultHashBuilder>;

/// One lock around the standard map.
pub type RwLocked = RwLock<StdHashMap<u64, u64, DefaultHashBuilder>>;

impl<R: BackEnd> Map for Splitmap<R> {
    const NAME: &'static str = R::NAME;

    type Session<'a> = splitmap::HashMapRef<'a, u64, u64, DefaultHashBuilder, R>;

    fn with_capacity(capacity: usize, hasher: DefaultHashBuilder) -> Self {
        splitmap::HashMap::builder()
            .capacity(capacity)
            .hasher(hasher)
            .reclaimer()
            .build()
    }

    #[inline]
    fn session(&self) -> Self::Session<'_> {
        self.pin()
    }

    #[inline]
    fn get(session: &Self::Session<'_>, key: u64) -> Option<u64> {
        session.get(&key).copied()
    }

    #[inline]
    fn insert(&self, key: u64, value: u64) {
        self.pin().insert(key, value);
    }
}

impl Map for Dashmap {
    const NAME: &'static str = "dashmap";

    /// A read locks its shard; there is nothing to hold for longer.
    type Session<'a> = &'a Self;

    fn with_capacity(capacity: usize, hasher: DefaultHashBuilder) -> Self {
        Self::with_capacity_and_hasher(capacity, hasher)
    }

    #[inline]
    fn session(&self) -> Self::Session<'_> {
        self
    }

    #[inline]
    fn get(session: &Self::Session<'_>, key: u64) -> Option<u64> {
        session.get(&key).map(|value| *value)
    }

    #[inline]
    fn insert(&self, key: u64, value: u64) {
        Self::insert(self, key, value);
    }
}

impl Map for Papaya {
    const NAME: &'static str = "papaya";

    type Session<'a> = papaya::HashMapRef<'a, u64, u64, DefaultHashBuilder, papaya::LocalGuard<'a>>;

    fn with_capacity(capacity: usize, hasher: DefaultHashBuilder) -> Self {
        Self::with_capacity_and_hasher(capacity, hasher)
    }

    #[inline]
    fn session(&self) -> Self::Session<'_> {
        self.pin()
    }

    #[inline]
    fn get(session: &Self::Session<'_>, key: u64) -> Option<u64> {
        session.get(&key).copied()
    }

    #[inline]
    fn insert(&self, key: u64, value: u64) {
        self.pin().insert(key, value);
    }
}

impl Map for HashIndex {
    const NAME: &'static str = "scc_HashIndex";

    type Session<'a> = (&'a Self, scc::Guard);

    fn with_capacity(capacity: usize, hasher: DefaultHashBuilder) -> Self {
        Self::with_capacity_and_hasher(capacity, hasher)
    }

    #[inline]
    fn session(&self) -> Self::Session<'_> {
        (self, scc::Guard::new())
    }

    #[inline]
    fn get((map, guard): &Self::Session<'_>, key: u64) -> Option<u64> {
        map.peek(&key, guard).copied()
    }

    #[inline]
    fn insert(&self, key: u64, value: u64) {
        match self.entry_sync(key) {
            Entry::Occupied(mut entry) => entry.update(value),
            Entry::Vacant(entry) => drop(entry.insert_entry(value)),
        }
    }
}

impl Map for RwLocked {
    const NAME: &'static str = "RwLock_std";

    type Session<'a> = RwLockReadGuard<'a, StdHashMap<u64, u64, DefaultHashBuilder>>;

    fn with_capacity(capacity: usize, hasher: DefaultHashBuilder) -> Self {
        Self::new(StdHashMap::with_capacity_and_hasher(capacity, hasher))
    }

    #[inline]
    fn session(&self) -> Self::Session<'_> {
        self.read().expect("no thread panics under the lock")
    }

    #[inline]
    fn get(session: &Self::Session<'_>, key: u64) -> Option<u64> {
        session.get(&key).copied()
    }

    #[inline]
    fn insert(&self, key: u64, value: u64) {
        self.write()
            .expect("no thread panics under the lock")
            .insert(key, value);
    }
}
