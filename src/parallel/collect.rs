//! Maps and sets from parallel iterators.

use std::hash::{BuildHasher, Hash};

use rayon::iter::{FromParallelIterator, IntoParallelIterator, ParallelExtend, ParallelIterator};

use crate::map::HashMap;
use crate::raw::Retired;
use crate::reclaim::{Reclaim, Reclaimer};
use crate::set::HashSet;

impl<K, V, S, R> ParallelExtend<(K, V)> for &HashMap<K, V, S, R>
where
    K: Hash + Eq + Send + Sync,
    V: Send + Sync,
    S: BuildHasher + Sync,
    R: Reclaimer,
{
    /// Inserts every item on the thread that made it, under a guard of its own. Of equal keys the
    /// last to come stays, whichever it is.
    fn par_extend<I: IntoParallelIterator<Item = (K, V)>>(&mut self, entries: I) {
        let map = *self;
        entries.into_par_iter().for_each(|(key, value)| {
            map.insert(key, value, &map.guard());
        });
    }
}

impl<K, V, S, R> ParallelExtend<(K, V)> for HashMap<K, V, S, R>
where
    K: Hash + Eq + Send + Sync,
    V: Send + Sync,
    S: BuildHasher + Sync,
    R: Reclaimer,
{
    fn par_extend<I: IntoParallelIterator<Item = (K, V)>>(&mut self, entries: I) {
        (&*self).par_extend(entries);
    }
}

impl<'a, K, V, S, R> ParallelExtend<(&'a K, &'a V)> for &HashMap<K, V, S, R>
where
    K: Hash + Eq + Copy + Send + Sync + 'a,
    V: Copy + Send + Sync + 'a,
    S: BuildHasher + Sync,
    R: Reclaimer,
{
    fn par_extend<I: IntoParallelIterator<Item = (&'a K, &'a V)>>(&mut self, entries: I) {
        let entries = entries.into_par_iter();
        self.par_extend(entries.map(|(&key, &value)| (key, value)));
    }
}

impl<'a, K, V, S, R> ParallelExtend<(&'a K, &'a V)> for HashMap<K, V, S, R>
where
    K: Hash + Eq + Copy + Send + Sync + 'a,
    V: Copy + Send + Sync + 'a,
    S: BuildHasher + Sync,
    R: Reclaimer,
{
    fn par_extend<I: IntoParallelIterator<Item = (&'a K, &'a V)>>(&mut self, entries: I) {
        (&*self).par_extend(entries);
    }
}

impl<K, V, S, R> FromParallelIterator<(K, V)> for HashMap<K, V, S, R>
where
    K: Hash + Eq + Send,
    V: Send,
    S: BuildHasher + Default,
    R: Reclaim<Retired<K, V>>,
{
    /// A map of the items, of equal keys the last in the iterator's order. They are made in
    /// parallel, and then linked by the caller: as `FromIterator`.
    fn from_par_iter<I: IntoParallelIterator<Item = (K, V)>>(entries: I) -> Self {
        Vec::from_par_iter(entries).into_iter().collect()
    }
}

impl<T, S, R> ParallelExtend<T> for &HashSet<T, S, R>
where
    T: Hash + Eq + Send + Sync,
    S: BuildHasher + Sync,
    R: Reclaimer,
{
    /// Inserts every item on the thread that made it, under a guard of its own. Of equal values the
    /// first to come stays, whichever it is.
    fn par_extend<I: IntoParallelIterator<Item = T>>(&mut self, values: I) {
        let set = *self;
        values.into_par_iter().for_each(|value| {
            set.insert(value, &set.guard());
        });
    }
}

impl<T, S, R> ParallelExtend<T> for HashSet<T, S, R>
where
    T: Hash + Eq + Send + Sync,
    S: BuildHasher + Sync,
    R: Reclaimer,
{
    fn par_extend<I: IntoParallelIterator<Item = T>>(&mut self, values: I) {
        (&*self).par_extend(values);
    }
}

impl<'a, T, S, R> ParallelExtend<&'a T> for &HashSet<T, S, R>
where
    T: Hash + Eq + Copy + Send + Sync + 'a,
    S: BuildHasher + Sync,
    R: Reclaimer,
{
    fn par_extend<I: IntoParallelIterator<Item = &'a T>>(&mut self, values: I) {
        self.par_extend(values.into_par_iter().copied());
    }
}

impl<'a, T, S, R> ParallelExtend<&'a T> for HashSet<T, S, R>
where
    T: Hash + Eq + Copy + Send + Sync + 'a,
    S: BuildHasher + Sync,
    R: Reclaimer,
{
    fn par_extend<I: IntoParallelIterator<Item = &'a T>>(&mut self, values: I) {
        (&*self).par_extend(values);
    }
}

impl<T, S, R> FromParallelIterator<T> for HashSet<T, S, R>
where
    T: Hash + Eq + Send,
    S: BuildHasher + Default,
    R: Reclaim<Retired<T, ()>>,
{
    /// A set of the items, of equal ones the first in the iterator's order. They are made in
    /// parallel, and then linked by the caller: as `FromIterator`.
    fn from_par_iter<I: IntoParallelIterator<Item = T>>(values: I) -> Self {
        Vec::from_par_iter(values).into_iter().collect()
    }
}
