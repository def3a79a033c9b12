//! Builds sets: the constructors, and a builder.

use std::fmt;

use super::HashSet;
use crate::builder::HashMapBuilder;
use crate::hashing::DefaultHashBuilder;
use crate::map::HashMap;
use crate::raw::Retired;
use crate::reclaim::{DefaultReclaimer, Reclaim, Reclaimer};

impl<T> HashSet<T>
where
    DefaultReclaimer: Reclaimer,
{
    /// An empty set. Allocates nothing.
    ///
    /// ```
    /// assert!(splitmap::HashSet::<u64>::new().is_empty());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty set, as [`new`](Self::new), in a constant: as
    /// [`HashMap::new_const`](HashMap::new_const).
    ///
    /// ```
    /// use splitmap::HashSet;
    ///
    /// static SEEN: HashSet<u64> = HashSet::new_const();
    ///
    /// assert!(SEEN.pin().insert(1));
    /// ```
    #[cfg(not(splitmap_loom))]
    pub const fn new_const() -> Self {
        Self::with_hasher(DefaultHashBuilder::new_const())
    }

    /// An empty set with room for `capacity` values: as
    /// [`HashMap::with_capacity`](HashMap::with_capacity).
    ///
    /// # Panics
    ///
    /// If there is no such capacity, or no memory for it.
    ///
    /// ```
    /// let set = splitmap::HashSet::<u64>::with_capacity(1_000);
    /// assert!(set.capacity() >= 1_000);
    /// ```
    pub fn with_capacity(capacity: usize) -> Self {
        Self::builder().capacity(capacity).build()
    }

    /// A builder, to choose the capacity, the hasher and the reclaimer.
    ///
    /// ```
    /// use std::hash::RandomState;
    /// use splitmap::HashSet;
    ///
    /// let set: HashSet<u64, RandomState> = HashSet::builder()
    ///     .capacity(100)
    ///     .hasher(RandomState::new())
    ///     .build();
    /// assert!(set.is_empty());
    /// ```
    pub fn builder() -> HashSetBuilder<T> {
        HashSetBuilder::new(HashMap::builder())
    }
}

impl<T, S> HashSet<T, S>
where
    DefaultReclaimer: Reclaimer,
{
    /// An empty set that hashes with `hash_builder`. Allocates nothing, and can be called in a
    /// constant: a set may be a `static`.
    ///
    /// ```
    /// use std::hash::BuildHasherDefault;
    /// use std::collections::hash_map::DefaultHasher;
    /// use splitmap::HashSet;
    ///
    /// static SEEN: HashSet<u64, BuildHasherDefault<DefaultHasher>> =
    ///     HashSet::with_hasher(BuildHasherDefault::new());
    ///
    /// assert!(SEEN.pin().insert(1));
    /// ```
    #[cfg(not(splitmap_loom))]
    pub const fn with_hasher(hash_builder: S) -> Self {
        HashSet {
            map: HashMap::with_hasher(hash_builder),
        }
    }

    /// An empty set with room for `capacity` values that hashes with `hash_builder`.
    ///
    /// # Panics
    ///
    /// As [`with_capacity`](HashSet::with_capacity).
    ///
    /// ```
    /// use std::hash::RandomState;
    ///
    /// let set = splitmap::HashSet::with_capacity_and_hasher(10, RandomState::new());
    /// set.pin().insert(1);
    /// ```
    pub fn with_capacity_and_hasher(capacity: usize, hash_builder: S) -> Self {
        HashSet {
            map: HashMap::with_capacity_and_hasher(capacity, hash_builder),
        }
    }
}

/// Builds a set: [`HashSet::builder`].
#[must_use = "a builder makes nothing before `build`"]
pub struct HashSetBuilder<T, S = DefaultHashBuilder, R = DefaultReclaimer> {
    map: HashMapBuilder<T, (), S, R>,
}

impl<T, S, R> HashSetBuilder<T, S, R> {
    pub(super) fn new(map: HashMapBuilder<T, (), S, R>) -> Self {
        HashSetBuilder { map }
    }

    /// Room for this many values: as [`HashSet::with_capacity`].
    pub fn capacity(self, capacity: usize) -> Self {
        HashSetBuilder::new(self.map.capacity(capacity))
    }

    /// Makes the hashers.
    pub fn hasher<B>(self, hash_builder: B) -> HashSetBuilder<T, B, R> {
        HashSetBuilder::new(self.map.hasher(hash_builder))
    }

    /// Frees what is removed: a type, as `.reclaimer::<Crossbeam>()`.
    pub fn reclaimer<B>(self) -> HashSetBuilder<T, S, B> {
        HashSetBuilder::new(self.map.reclaimer())
    }

    /// The set.
    ///
    /// # Panics
    ///
    /// As [`HashSet::with_capacity`].
    pub fn build(self) -> HashSet<T, S, R>
    where
        R: Reclaim<Retired<T, ()>>,
    {
        HashSet {
            map: self.map.build(),
        }
    }
}

impl<T, S, R> fmt::Debug for HashSetBuilder<T, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HashSetBuilder").field(&self.map).finish()
    }
}
