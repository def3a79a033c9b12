//! Iterators over a map that others may write meanwhile.
//!
//! An entry that is present from the iterator's start to its end is yielded exactly once, whatever
//! the table does meanwhile. One that comes or goes in between may be yielded or not, and of a
//! replaced value either the old or the new one is. The order is that of the mixed hashes.

#![forbid(unsafe_code)]

use std::fmt;
use std::iter::FusedIterator;

use crate::raw::Walk;

/// An iterator over the entries of a map: [`HashMap::iter`](crate::HashMap::iter).
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
