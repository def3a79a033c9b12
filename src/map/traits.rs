//! The map's implementations of std's traits.

#![forbid(unsafe_code)]

use std::fmt;
use std::hash::{BuildHasher, Hash};

use super::HashMap;
use crate::iter::{IntoIter, IterMut};
use crate::raw::{Keeps, Node, Retired, Table};
use crate::reclaim::{DefaultReclaimer, Reclaim, Reclaimer};

impl<K, V, S, R> Default for HashMap<K, V, S, R>
where
    S: Default,
    R: Reclaim<Retired<K, V>>,
{
    /// An empty map. Allocates nothing, unless the hash builder does.
    fn default() -> Self {
        HashMap::of(Table::with_capacity(0), S::default())
    }
}

impl<K, V, S, R> fmt::Debug for HashMap<K, V, S, R>
where
    K: fmt::Debug,
    V: fmt::Debug,
    R: Reclaimer,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter(&self.guard())).finish()
    }
}

impl<K, V, S, R> Clone for HashMap<K, V, S, R>
where
    K: Clone,
    V: Clone,
    S: Clone,
    R: Reclaim<Retired<K, V>>,
{
    /// A map with clones of the entries: of all that are present throughout, as
    /// [`iter`](Self::iter) yields them.
    fn clone(&self) -> Self {
        let guard = self.guard();
        let copy = |node: &Node<K, V>| {
            Node::new(
                Node::vacant(),
                node.hash(),
                node.key().clone(),
                node.value().clone(),
            )
        };
        let nodes = self
            .table
            .walk(0, usize::MAX, self.protected(&guard))
            .map(copy)
            .collect();
        HashMap::of(Table::from_sorted(nodes), self.hash_builder.clone())
    }
}

impl<K, V, S, R> PartialEq for HashMap<K, V, S, R>
where
    K: Hash + Eq,
    V: PartialEq,
    S: BuildHasher,
    R: Reclaimer,
{
    /// Whether both have the same keys with equal values. Not one instant if others write.
    fn eq(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.guard(), other.guard());
        self.len() == other.len()
            && self
                .iter(&ours)
                .all(|(key, value)| other.get(key, &theirs) == Some(value))
    }
}

impl<K, V, S, R> Eq for HashMap<K, V, S, R>
where
    K: Hash + Eq,
    V: Eq,
    S: BuildHasher,
    R: Reclaimer,
{
}

impl<'m, K, V, S, R> IntoIterator for &'m mut HashMap<K, V, S, R>
where
    R: Reclaimer,
{
    type Item = (&'m K, &'m mut V);
    type IntoIter = IterMut<'m, K, V>;

    fn into_iter(self) -> IterMut<'m, K, V> {
        self.iter_mut()
    }
}

impl<K, V, S, R> IntoIterator for HashMap<K, V, S, R>
where
    R: Reclaimer,
{
    type Item = (K, V);
    type IntoIter = IntoIter<K, V>;

    /// Takes the map apart. What was removed from it and is not freed yet is freed first.
    ///
    /// # Panics
    ///
    /// If the destructor of an entry that was removed does. All entries are dropped then.
    ///
    /// ```
    /// let map = splitmap::HashMap::from([(1, String::from("one"))]);
    /// let entries: Vec<(i32, String)> = map.into_iter().collect();
    /// assert_eq!(entries, [(1, String::from("one"))]);
    /// ```
    fn into_iter(self) -> IntoIter<K, V> {
        let (nodes, len) = self.table.into_nodes();
        IntoIter::new(nodes, len)
    }
}

impl<K, V, S, R> FromIterator<(K, V)> for HashMap<K, V, S, R>
where
    K: Hash + Eq,
    S: BuildHasher + Default,
    R: Reclaim<Retired<K, V>>,
{
    /// A map of the items, of equal keys the last, with its value: sorted by hash and linked with plain
    /// stores, which is faster than inserting them. The entries lie in memory in the order in which they
    /// are iterated, as far as the allocator does its part.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Self::collected(entries.into_iter(), Keeps::Last)
    }
}

impl<K, V, const N: usize> From<[(K, V); N]> for HashMap<K, V>
where
    K: Hash + Eq,
    DefaultReclaimer: Reclaimer,
{
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}
