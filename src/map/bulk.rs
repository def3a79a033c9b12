//! Making a map of many entries at once: sorted, and linked with plain stores.

#![forbid(unsafe_code)]

use std::hash::{BuildHasher, Hash};

use super::HashMap;
use crate::hashing::mix;
use crate::raw::{Entries, Keeps, Retired, Table};
use crate::reclaim::{Reclaim, Reclaimer};

/// From so many entries on an empty map is filled at once.
const MANY: usize = 64;

impl<K, V, S, R> HashMap<K, V, S, R>
where
    K: Hash + Eq,
    S: BuildHasher + Default,
    R: Reclaim<Retired<K, V>>,
{
    /// A map of the items.
    pub(crate) fn collected(given: impl Iterator<Item = (K, V)>, keeps: Keeps) -> Self {
        let hash_builder = S::default();
        let mut entries = Entries::new(given.size_hint().0);
        for (key, value) in given {
            entries.push(mix(hash_builder.hash_one(&key)), key, value);
        }
        let nodes = entries.into_nodes(keeps);
        HashMap::of(Table::from_sorted(nodes), hash_builder)
    }
}

impl<K, V, S, R> HashMap<K, V, S, R>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
{
    /// Fills the map with the items at once, if it is empty and they are many enough for that. If not,
    /// they come back. What they give before they panic is in the map.
    pub(crate) fn fill<I>(&mut self, given: I, keeps: Keeps) -> Result<(), I>
    where
        I: Iterator<Item = (K, V)>,
    {
        let expected = given.size_hint().0;
        // A table is made, as wide as the one that is there.
        if expected < MANY || expected < self.capacity() / 4 || !self.is_empty() {
            return Err(given);
        }
        Filling::new(self, expected, keeps).take(given);
        Ok(())
    }
}

/// Entries that are on their way into an empty map; they are put there when this is dropped.
struct Filling<'m, K, V, S, R>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
{
    map: &'m mut HashMap<K, V, S, R>,
    entries: Option<Entries<K, V, ()>>,
    keeps: Keeps,
}

impl<'m, K, V, S, R> Filling<'m, K, V, S, R>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
{
    fn new(map: &'m mut HashMap<K, V, S, R>, expected: usize, keeps: Keeps) -> Self {
        Filling {
            map,
            entries: Some(Entries::new(expected)),
            keeps,
        }
    }

    fn take(&mut self, given: impl Iterator<Item = (K, V)>) {
        let Some(entries) = &mut self.entries else {
            return;
        };
        for (key, value) in given {
            entries.push(self.map.hash(&key), key, value);
        }
    }
}

impl<K, V, S, R> Drop for Filling<'_, K, V, S, R>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
{
    fn drop(&mut self) {
        if let Some(entries) = self.entries.take() {
            self.map.table.fill(entries.into_nodes(self.keeps));
        }
    }
}
