//! The builder of maps, for those that choose their capacity, hasher or reclaimer.

#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;

use crate::hashing::DefaultHashBuilder;
use crate::map::HashMap;
use crate::raw::{Retired, Table};
use crate::reclaim::{DefaultReclaimer, Reclaim};

/// Builds a map: [`HashMap::builder`].
#[must_use = "a builder makes nothing before `build`"]
pub struct HashMapBuilder<K, V, S = DefaultHashBuilder, R = DefaultReclaimer> {
    capacity: usize,
    hash_builder: S,
    _map: PhantomData<fn(K, V, R) -> Infallible>,
}

impl<K, V> HashMapBuilder<K, V> {
    pub(crate) fn new() -> Self {
        HashMapBuilder {
            capacity: 0,
            hash_builder: DefaultHashBuilder::default(),
            _map: PhantomData,
        }
    }
}

impl<K, V, S, R> HashMapBuilder<K, V, S, R> {
    /// Room for this many entries: as [`HashMap::with_capacity`].
    pub fn capacity(self, capacity: usize) -> Self {
        HashMapBuilder { capacity, ..self }
    }

    /// Makes the hashers.
    pub fn hasher<T>(self, hash_builder: T) -> HashMapBuilder<K, V, T, R> {
        HashMapBuilder {
            capacity: self.capacity,
            hash_builder,
            _map: PhantomData,
        }
    }

    /// Frees what is removed: a type, as `.reclaimer::<Crossbeam>()`.
    pub fn reclaimer<T>(self) -> HashMapBuilder<K, V, S, T> {
        HashMapBuilder {
            capacity: self.capacity,
            hash_builder: self.hash_builder,
            _map: PhantomData,
        }
    }

    /// The map.
    ///
    /// # Panics
    ///
    /// As [`HashMap::with_capacity`].
    pub fn build(self) -> HashMap<K, V, S, R>
    where
        R: Reclaim<Retired<K, V>>,
    {
        HashMap::of(Table::with_capacity(self.capacity), self.hash_builder)
    }
}

impl<K, V, S, R> fmt::Debug for HashMapBuilder<K, V, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashMapBuilder")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
