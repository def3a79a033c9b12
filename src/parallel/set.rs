//! Values of a set.

use std::fmt;

use rayon::iter::plumbing::UnindexedConsumer;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::{IntoParIter, ParKeys};
use crate::reclaim::{Guard, Reclaimer};
use crate::set::{HashSet, HashSetRef};

/// A parallel iterator over the values of a set: [`HashSet::par_iter`].
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct ParSetIter<'g, T> {
    keys: ParKeys<'g, T, ()>,
}

/// A parallel iterator that owns the values of a set: its `into_par_iter`. What is not consumed is
/// dropped, as by [`IntoParIter`].
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct IntoParValues<T> {
    entries: IntoParIter<T, ()>,
}

impl<T> Clone for ParSetIter<'_, T> {
    fn clone(&self) -> Self {
        ParSetIter {
            keys: self.keys.clone(),
        }
    }
}

impl<'g, T: Sync> ParallelIterator for ParSetIter<'g, T> {
    type Item = &'g T;

    fn drive_unindexed<C: UnindexedConsumer<&'g T>>(self, consumer: C) -> C::Result {
        self.keys.drive_unindexed(consumer)
    }
}

impl<T: Send> ParallelIterator for IntoParValues<T> {
    type Item = T;

    fn drive_unindexed<C: UnindexedConsumer<T>>(self, consumer: C) -> C::Result {
        self.entries.drive(|(value, ())| value, consumer)
    }
}

/// Parallel iterators (feature `rayon`).
impl<T, S, R> HashSet<T, S, R>
where
    R: Reclaimer,
{
    /// The values, on rayon's threads: as [`HashMap::par_iter`](crate::HashMap::par_iter).
    ///
    /// ```
    /// use rayon::prelude::*;
    ///
    /// let set: splitmap::HashSet<u32> = (0..1_000).collect();
    /// assert_eq!(set.par_iter(&set.guard()).sum::<u32>(), 999 * 1_000 / 2);
    /// ```
    pub fn par_iter<'g>(&'g self, guard: &'g impl Guard<R>) -> ParSetIter<'g, T> {
        ParSetIter {
            keys: self.map().par_keys(guard),
        }
    }
}

/// Parallel iterators (feature `rayon`).
impl<T, S, R, G> HashSetRef<'_, T, S, R, G>
where
    R: Reclaimer,
    G: Guard<R>,
{
    /// See [`HashSet::par_iter`].
    pub fn par_iter(&self) -> ParSetIter<'_, T> {
        self.set().par_iter(self.guard())
    }
}

impl<'g, T, S, R, G> IntoParallelIterator for &'g HashSetRef<'_, T, S, R, G>
where
    T: Sync,
    R: Reclaimer,
    G: Guard<R>,
{
    type Item = &'g T;
    type Iter = ParSetIter<'g, T>;

    fn into_par_iter(self) -> ParSetIter<'g, T> {
        self.par_iter()
    }
}

impl<T, S, R> IntoParallelIterator for HashSet<T, S, R>
where
    T: Send,
    R: Reclaimer,
{
    type Item = T;
    type Iter = IntoParValues<T>;

    /// Takes the set apart on rayon's threads: as that of [`HashMap`](crate::HashMap).
    fn into_par_iter(self) -> IntoParValues<T> {
        IntoParValues {
            entries: self.into_map().into_par_iter(),
        }
    }
}

impl<T> fmt::Debug for ParSetIter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParSetIter").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for IntoParValues<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoParValues").finish_non_exhaustive()
    }
}
