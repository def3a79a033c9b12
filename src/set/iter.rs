//! Iterators over a set: the map's, without the values.

use std::fmt;
use std::iter::FusedIterator;

use crate::iter::{self as map, Cursor};

/// An iterator over the values of a set: [`HashSet::iter`](crate::HashSet::iter).
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Iter<'g, T> {
    keys: map::Keys<'g, T, ()>,
}

impl<'g, T> Iter<'g, T> {
    pub(super) fn new(keys: map::Keys<'g, T, ()>) -> Self {
        Iter { keys }
    }
}

impl<T> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        Iter::new(self.keys.clone())
    }
}

impl<'g, T> Iterator for Iter<'g, T> {
    type Item = &'g T;

    fn next(&mut self) -> Option<&'g T> {
        self.keys.next()
    }
}

impl<T> FusedIterator for Iter<'_, T> {}

impl<T: fmt::Debug> fmt::Debug for Iter<'_, T> {
    /// Shows what is still to come.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// An iterator over a part of a set: [`HashSet::scan`](crate::HashSet::scan).
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Scan<'g, T> {
    entries: map::Scan<'g, T, ()>,
}

impl<'g, T> Scan<'g, T> {
    pub(super) fn new(entries: map::Scan<'g, T, ()>) -> Self {
        Scan { entries }
    }

    /// Where the next call goes on; `None` if there is nothing behind. As long as this iterator is
    /// not at its end, that is before the last value.
    pub fn cursor(&self) -> Option<Cursor> {
        self.entries.cursor()
    }
}

impl<T> Clone for Scan<'_, T> {
    fn clone(&self) -> Self {
        Scan::new(self.entries.clone())
    }
}

impl<'g, T> Iterator for Scan<'g, T> {
    type Item = &'g T;

    fn next(&mut self) -> Option<&'g T> {
        let (value, ()) = self.entries.next()?;
        Some(value)
    }
}

impl<T> FusedIterator for Scan<'_, T> {}

impl<T: fmt::Debug> fmt::Debug for Scan<'_, T> {
    /// Shows what is still to come.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// An iterator that owns the values of a set: its `into_iter`. What is left when it is dropped is
/// dropped with it; if a destructor panics, the others still run.
pub struct IntoIter<T> {
    entries: map::IntoIter<T, ()>,
}

impl<T> IntoIter<T> {
    pub(super) fn new(entries: map::IntoIter<T, ()>) -> Self {
        IntoIter { entries }
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let (value, ()) = self.entries.next()?;
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl<T> ExactSizeIterator for IntoIter<T> {}

impl<T> FusedIterator for IntoIter<T> {}

impl<T> fmt::Debug for IntoIter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoIter")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// An iterator that owns the values which a set had: [`HashSet::drain`](crate::HashSet::drain).
pub struct Drain<'m, T> {
    entries: map::Drain<'m, T, ()>,
}

impl<'m, T> Drain<'m, T> {
    pub(super) fn new(entries: map::Drain<'m, T, ()>) -> Self {
        Drain { entries }
    }
}

impl<T> Iterator for Drain<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let (value, ()) = self.entries.next()?;
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl<T> ExactSizeIterator for Drain<'_, T> {}

impl<T> FusedIterator for Drain<'_, T> {}

impl<T> fmt::Debug for Drain<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
