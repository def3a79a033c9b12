//! Iterators over a map that others may write meanwhile.
//!
//! An entry that is present from the iterator's start to its end is yielded exactly once, whatever
//! the table does meanwhile. One that comes or goes in between may be yielded or not, and of a
//! replaced value either the old or the new one is. The order is that of the mixed hashes.
//!
//! At the end, iterators over the entries of a map that nobody else uses any more.

#![forbid(unsafe_code)]

use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;

use crate::raw::{Node, Nodes, Walk, WalkMut};

/// An iterator over the entries of a map: [`HashMap::iter`](crate::HashMap::iter).
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Iter<'g, K, V> {
    walk: Walk<'g, K, V, ()>,
}

impl<'g, K, V> Iter<'g, K, V> {
    pub(crate) fn new(walk: Walk<'g, K, V, ()>) -> Self {
        Iter { walk }
    }
}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Iter::new(self.walk.clone())
    }
}

impl<'g, K, V> Iterator for Iter<'g, K, V> {
    type Item = (&'g K, &'g V);

    fn next(&mut self) -> Option<Self::Item> {
        let node = self.walk.next()?;
        Some((node.key(), node.value()))
    }
}

impl<K, V> FusedIterator for Iter<'_, K, V> {}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Iter<'_, K, V> {
    /// Shows what is still to come.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.clone()).finish()
    }
}

/// An iterator over the keys of a map: [`HashMap::keys`](crate::HashMap::keys).
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Keys<'g, K, V> {
    entries: Iter<'g, K, V>,
}

impl<'g, K, V> Keys<'g, K, V> {
    pub(crate) fn new(entries: Iter<'g, K, V>) -> Self {
        Keys { entries }
    }
}

impl<K, V> Clone for Keys<'_, K, V> {
    fn clone(&self) -> Self {
        Keys::new(self.entries.clone())
    }
}

impl<'g, K, V> Iterator for Keys<'g, K, V> {
    type Item = &'g K;

    fn next(&mut self) -> Option<Self::Item> {
        self.entries.next().map(|(key, _)| key)
    }
}

impl<K, V> FusedIterator for Keys<'_, K, V> {}

impl<K: fmt::Debug, V> fmt::Debug for Keys<'_, K, V> {
    /// Shows what is still to come.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// An iterator over the values of a map: [`HashMap::values`](crate::HashMap::values).
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Values<'g, K, V> {
    entries: Iter<'g, K, V>,
}

impl<'g, K, V> Values<'g, K, V> {
    pub(crate) fn new(entries: Iter<'g, K, V>) -> Self {
        Values { entries }
    }
}

impl<K, V> Clone for Values<'_, K, V> {
    fn clone(&self) -> Self {
        Values::new(self.entries.clone())
    }
}

impl<'g, K, V> Iterator for Values<'g, K, V> {
    type Item = &'g V;

    fn next(&mut self) -> Option<Self::Item> {
        self.entries.next().map(|(_, value)| value)
    }
}

impl<K, V> FusedIterator for Values<'_, K, V> {}

impl<K, V: fmt::Debug> fmt::Debug for Values<'_, K, V> {
    /// Shows what is still to come.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// A place in a map's order: where a [`HashMap::scan`](crate::HashMap::scan) goes on.
///
/// One number, which may be stored or sent to another process. It means the same place for every
/// map with the same hasher and seed: a map whose hasher is seeded at random, as the default one is,
/// has an order of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Cursor(u64);

impl Cursor {
    /// Before the first entry.
    pub const START: Cursor = Cursor(0);

    /// The cursor as a number.
    ///
    /// ```
    /// use splitmap::Cursor;
    ///
    /// assert_eq!(Cursor::from_bits(Cursor::START.to_bits()), Cursor::START);
    /// ```
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The cursor of a number. Each number is a place.
    pub const fn from_bits(bits: u64) -> Cursor {
        Cursor(bits)
    }
}

/// An iterator over a part of a map: [`HashMap::scan`](crate::HashMap::scan).
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Scan<'g, K, V> {
    /// `None` when the call is over.
    walk: Option<Walk<'g, K, V, ()>>,
    /// What is left of the budget. The first entry is not counted against it, if it is 0.
    budget: usize,
    /// The hash of the last entry.
    hash: Option<u64>,
    /// `None` at the end of the map.
    cursor: Option<Cursor>,
}

impl<'g, K, V> Scan<'g, K, V> {
    pub(crate) fn new(walk: Walk<'g, K, V, ()>, cursor: Cursor, budget: usize) -> Self {
        Scan {
            walk: Some(walk),
            budget,
            hash: None,
            cursor: Some(cursor),
        }
    }

    /// Where the next call goes on; `None` if there is nothing behind.
    ///
    /// As long as this iterator is not at its end, that is before the last entry, as there may be
    /// others of its hash: the next call yields it again.
    pub fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }
}

impl<K, V> Clone for Scan<'_, K, V> {
    fn clone(&self) -> Self {
        Scan {
            walk: self.walk.clone(),
            ..*self
        }
    }
}

impl<'g, K, V> Iterator for Scan<'g, K, V> {
    type Item = (&'g K, &'g V);

    fn next(&mut self) -> Option<Self::Item> {
        let node = self.walk.as_mut()?.next();
        self.cursor = match (node, self.hash) {
            (None, _) => None,
            (Some(node), Some(last)) if self.budget == 0 && node.hash() > last => {
                Some(Cursor(last + 1))
            }
            (Some(node), _) => {
                self.budget = self.budget.saturating_sub(1);
                self.hash = Some(node.hash());
                self.cursor = Some(Cursor(node.hash()));
                return Some((node.key(), node.value()));
            }
        };
        self.walk = None;
        None
    }
}

impl<K, V> FusedIterator for Scan<'_, K, V> {}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Scan<'_, K, V> {
    /// Shows what is still to come.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.clone()).finish()
    }
}

/// An iterator over the entries of a map that is borrowed mutably:
/// [`HashMap::iter_mut`](crate::HashMap::iter_mut).
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct IterMut<'m, K, V> {
    walk: WalkMut<'m, Node<K, V>>,
}

impl<'m, K, V> IterMut<'m, K, V> {
    pub(crate) fn new(walk: WalkMut<'m, Node<K, V>>) -> Self {
        IterMut { walk }
    }
}

impl<'m, K, V> Iterator for IterMut<'m, K, V> {
    type Item = (&'m K, &'m mut V);

    fn next(&mut self) -> Option<Self::Item> {
        self.walk.next().map(Node::entry_mut)
    }
}

impl<K, V> FusedIterator for IterMut<'_, K, V> {}

impl<K, V> fmt::Debug for IterMut<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IterMut").finish_non_exhaustive()
    }
}

/// An iterator over the values of a map that is borrowed mutably:
/// [`HashMap::values_mut`](crate::HashMap::values_mut).
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct ValuesMut<'m, K, V> {
    entries: IterMut<'m, K, V>,
}

impl<'m, K, V> ValuesMut<'m, K, V> {
    pub(crate) fn new(entries: IterMut<'m, K, V>) -> Self {
        ValuesMut { entries }
    }
}

impl<'m, K, V> Iterator for ValuesMut<'m, K, V> {
    type Item = &'m mut V;

    fn next(&mut self) -> Option<Self::Item> {
        self.entries.next().map(|(_, value)| value)
    }
}

impl<K, V> FusedIterator for ValuesMut<'_, K, V> {}

impl<K, V> fmt::Debug for ValuesMut<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValuesMut").finish_non_exhaustive()
    }
}

/// An iterator that owns the entries of a map: its `into_iter`. What is left when it is dropped is
/// dropped with it; if a destructor panics, the others still run.
pub struct IntoIter<K, V> {
    nodes: Nodes<Node<K, V>>,
    len: usize,
}

impl<K, V> IntoIter<K, V> {
    pub(crate) fn new(nodes: Nodes<Node<K, V>>, len: usize) -> Self {
        IntoIter { nodes, len }
    }

    /// The entries in parts, for several threads.
    #[cfg(feature = "rayon")]
    pub(crate) fn into_nodes(self) -> Nodes<Node<K, V>> {
        self.nodes
    }
}

impl<K, V> Iterator for IntoIter<K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        let node = self.nodes.next()?;
        self.len = self.len.saturating_sub(1);
        Some(node.into_entry())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len, Some(self.len))
    }
}

impl<K, V> ExactSizeIterator for IntoIter<K, V> {}

impl<K, V> FusedIterator for IntoIter<K, V> {}

impl<K, V> fmt::Debug for IntoIter<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoIter")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// An iterator that owns the entries which a map had:
/// [`HashMap::drain`](crate::HashMap::drain).
pub struct Drain<'m, K, V> {
    entries: IntoIter<K, V>,
    _map: PhantomData<&'m ()>,
}

impl<K, V> Drain<'_, K, V> {
    pub(crate) fn new(entries: IntoIter<K, V>) -> Self {
        Drain {
            entries,
            _map: PhantomData,
        }
    }
}

impl<K, V> Iterator for Drain<'_, K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        self.entries.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl<K, V> ExactSizeIterator for Drain<'_, K, V> {}

impl<K, V> FusedIterator for Drain<'_, K, V> {}

impl<K, V> fmt::Debug for Drain<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain")
            .field("len", &self.entries.len)
            .finish_non_exhaustive()
    }
}
