//! Entries of a map that others may write meanwhile.

use std::fmt;

use rayon::iter::plumbing::{UnindexedConsumer, bridge_unindexed};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::{Divide, Producer};
use crate::map::HashMap;
use crate::pinned::HashMapRef;
use crate::raw::{HashRange, Node};
use crate::reclaim::{Guard, Reclaimer};

impl<'g, K: Sync, V: Sync> Divide for HashRange<'g, K, V> {
    type Piece = &'g Node<K, V>;

    fn divide(self) -> (Self, Option<Self>) {
        self.split()
    }

    fn pieces(self) -> impl Iterator<Item = &'g Node<K, V>> {
        self.nodes()
    }
}

/// A parallel iterator that borrows from a map.
macro_rules! shared {
    ($(#[$doc:meta])* $type:ident, $item:ty, $of:expr) => {
        $(#[$doc])*
        #[must_use = "iterators are lazy and do nothing unless consumed"]
        pub struct $type<'g, K, V> {
            range: HashRange<'g, K, V>,
        }

        impl<K, V> Clone for $type<'_, K, V> {
            fn clone(&self) -> Self {
                $type { range: self.range }
            }
        }

        impl<'g, K: Sync, V: Sync> ParallelIterator for $type<'g, K, V> {
            type Item = $item;

            fn drive_unindexed<C: UnindexedConsumer<$item>>(self, consumer: C) -> C::Result {
                let producer = Producer {
                    source: self.range,
                    item: $of,
                };
                bridge_unindexed(producer, consumer)
            }
        }

        impl<K, V> fmt::Debug for $type<'_, K, V> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($type)).finish_non_exhaustive()
            }
        }
    };
}

shared!(
    /// A parallel iterator over the entries of a map: [`HashMap::par_iter`].
    ParIter,
    (&'g K, &'g V),
    |node: &'g Node<K, V>| (node.key(), node.value())
);
shared!(
    /// A parallel iterator over the keys of a map: [`HashMap::par_keys`].
    ParKeys,
    &'g K,
    |node: &'g Node<K, V>| node.key()
);
shared!(
    /// A parallel iterator over the values of a map: [`HashMap::par_values`].
    ParValues,
    &'g V,
    |node: &'g Node<K, V>| node.value()
);

/// Parallel iterators (feature `rayon`).
impl<K, V, S, R> HashMap<K, V, S, R>
where
    R: Reclaimer,
{
    /// The entries, on rayon's threads: as [`iter`](Self::iter), for all of them together.
    ///
    /// The threads that help need no guard of their own. Each part costs the search of a bucket
    /// beside what is met.
    ///
    /// ```
    /// use rayon::prelude::*;
    ///
    /// let map: splitmap::HashMap<u32, u32> = (0..1_000).map(|n| (n, 1)).collect();
    /// let guard = map.guard();
    /// assert_eq!(map.par_iter(&guard).map(|(_, value)| value).sum::<u32>(), 1_000);
    /// ```
    pub fn par_iter<'g>(&'g self, guard: &'g impl Guard<R>) -> ParIter<'g, K, V> {
        ParIter {
            range: self.ranges(guard),
        }
    }

    /// The keys: as [`par_iter`](Self::par_iter).
    ///
    /// ```
    /// use rayon::prelude::*;
    ///
    /// let map: splitmap::HashMap<u32, u32> = (0..1_000).map(|n| (n, 1)).collect();
    /// assert_eq!(map.par_keys(&map.guard()).max(), Some(&999));
    /// ```
    pub fn par_keys<'g>(&'g self, guard: &'g impl Guard<R>) -> ParKeys<'g, K, V> {
        ParKeys {
            range: self.ranges(guard),
        }
    }

    /// The values: as [`par_iter`](Self::par_iter).
    ///
    /// ```
    /// use rayon::prelude::*;
    ///
    /// let map: splitmap::HashMap<u32, u32> = (0..1_000).map(|n| (n, 1)).collect();
    /// assert_eq!(map.par_values(&map.guard()).sum::<u32>(), 1_000);
    /// ```
    pub fn par_values<'g>(&'g self, guard: &'g impl Guard<R>) -> ParValues<'g, K, V> {
        ParValues {
            range: self.ranges(guard),
        }
    }
}

/// Parallel iterators (feature `rayon`).
impl<K, V, S, R, G> HashMapRef<'_, K, V, S, R, G>
where
    R: Reclaimer,
    G: Guard<R>,
{
    /// See [`HashMap::par_iter`].
    pub fn par_iter(&self) -> ParIter<'_, K, V> {
        self.map().par_iter(self.guard())
    }

    /// See [`HashMap::par_keys`].
    pub fn par_keys(&self) -> ParKeys<'_, K, V> {
        self.map().par_keys(self.guard())
    }

    /// See [`HashMap::par_values`].
    pub fn par_values(&self) -> ParValues<'_, K, V> {
        self.map().par_values(self.guard())
    }
}

impl<'g, K, V, S, R, G> IntoParallelIterator for &'g HashMapRef<'_, K, V, S, R, G>
where
    K: Sync,
    V: Sync,
    R: Reclaimer,
    G: Guard<R>,
{
    type Item = (&'g K, &'g V);
    type Iter = ParIter<'g, K, V>;

    fn into_par_iter(self) -> ParIter<'g, K, V> {
        self.par_iter()
    }
}
