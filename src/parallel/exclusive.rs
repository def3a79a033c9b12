//! Entries of a map that nobody else uses.

use std::fmt;

use rayon::iter::plumbing::{Folder, UnindexedConsumer, bridge_unindexed};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::{Divide, Producer};
use crate::iter::IntoIter;
use crate::map::HashMap;
use crate::raw::{Node, OwnedPart, PartMut};
use crate::reclaim::Reclaimer;

impl<'m, K: Send, V: Send> Divide for PartMut<'m, Node<K, V>> {
    type Piece = &'m mut Node<K, V>;

    fn divide(self) -> (Self, Option<Self>) {
        self.split()
    }

    fn pieces(self) -> impl Iterator<Item = &'m mut Node<K, V>> {
        self
    }
}

impl<K: Send, V: Send> Divide for OwnedPart<Node<K, V>> {
    type Piece = Box<Node<K, V>>;

    fn divide(self) -> (Self, Option<Self>) {
        self.split()
    }

    fn pieces(self) -> impl Iterator<Item = Box<Node<K, V>>> {
        self
    }
}

/// A parallel iterator over the entries of a map that is borrowed mutably:
/// [`HashMap::par_iter_mut`].
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct ParIterMut<'m, K, V> {
    part: PartMut<'m, Node<K, V>>,
}

/// A parallel iterator over the values of a map that is borrowed mutably:
/// [`HashMap::par_values_mut`].
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct ParValuesMut<'m, K, V> {
    part: PartMut<'m, Node<K, V>>,
}

/// A parallel iterator that owns the entries of a map: its `into_par_iter`.
///
/// What is not consumed is dropped: the rest of a part by the thread that has it. If a destructor
/// panics, the others of the part still run.
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct IntoParIter<K, V> {
    entries: IntoIter<K, V>,
}

impl<'m, K: Send + Sync, V: Send> ParallelIterator for ParIterMut<'m, K, V> {
    type Item = (&'m K, &'m mut V);

    fn drive_unindexed<C: UnindexedConsumer<Self::Item>>(self, consumer: C) -> C::Result {
        let producer = Producer {
            source: self.part,
            item: Node::entry_mut,
        };
        bridge_unindexed(producer, consumer)
    }
}

impl<'m, K: Send, V: Send> ParallelIterator for ParValuesMut<'m, K, V> {
    type Item = &'m mut V;

    fn drive_unindexed<C: UnindexedConsumer<Self::Item>>(self, consumer: C) -> C::Result {
        let producer = Producer {
            source: self.part,
            item: |node: &'m mut Node<K, V>| node.entry_mut().1,
        };
        bridge_unindexed(producer, consumer)
    }
}

impl<K: Send, V: Send> IntoParIter<K, V> {
    /// Drives with items that are made of entries.
    pub(super) fn drive<T, C>(
        self,
        item: impl Fn((K, V)) -> T + Copy + Send,
        consumer: C,
    ) -> C::Result
    where
        T: Send,
        C: UnindexedConsumer<T>,
    {
        let Some(part) = OwnedPart::all(self.entries.into_nodes()) else {
            return consumer.into_folder().complete();
        };
        let producer = Producer {
            source: part,
            item: move |node: Box<Node<K, V>>| item(node.into_entry()),
        };
        bridge_unindexed(producer, consumer)
    }
}

impl<K: Send, V: Send> ParallelIterator for IntoParIter<K, V> {
    type Item = (K, V);

    fn drive_unindexed<C: UnindexedConsumer<Self::Item>>(self, consumer: C) -> C::Result {
        self.drive(|entry| entry, consumer)
    }
}

/// Parallel iterators (feature `rayon`).
impl<K, V, S, R> HashMap<K, V, S, R>
where
    R: Reclaimer,
{
    /// The entries, with values to be changed in place on rayon's threads: nobody else uses the map.
    ///
    /// ```
    /// use rayon::prelude::*;
    ///
    /// let mut map: splitmap::HashMap<u32, u32> = (0..1_000).map(|n| (n, 0)).collect();
    /// map.par_iter_mut().for_each(|(key, value)| *value = key + 1);
    /// assert_eq!(map.pin().get(&9), Some(&10));
    /// ```
    pub fn par_iter_mut(&mut self) -> ParIterMut<'_, K, V> {
        ParIterMut {
            part: self.part_mut(),
        }
    }

    /// The values, to be changed in place: as [`par_iter_mut`](Self::par_iter_mut).
    ///
    /// ```
    /// use rayon::prelude::*;
    ///
    /// let mut map: splitmap::HashMap<u32, u32> = (0..1_000).map(|n| (n, n)).collect();
    /// map.par_values_mut().for_each(|value| *value += 1);
    /// assert_eq!(map.pin().get(&9), Some(&10));
    /// ```
    pub fn par_values_mut(&mut self) -> ParValuesMut<'_, K, V> {
        ParValuesMut {
            part: self.part_mut(),
        }
    }
}

impl<'m, K, V, S, R> IntoParallelIterator for &'m mut HashMap<K, V, S, R>
where
    K: Send + Sync,
    V: Send,
    R: Reclaimer,
{
    type Item = (&'m K, &'m mut V);
    type Iter = ParIterMut<'m, K, V>;

    fn into_par_iter(self) -> ParIterMut<'m, K, V> {
        self.par_iter_mut()
    }
}

impl<K, V, S, R> IntoParallelIterator for HashMap<K, V, S, R>
where
    K: Send,
    V: Send,
    R: Reclaimer,
{
    type Item = (K, V);
    type Iter = IntoParIter<K, V>;

    /// Takes the map apart on rayon's threads. What was removed from it and is not freed yet is
    /// freed first, by the caller.
    ///
    /// # Panics
    ///
    /// If the destructor of an entry that was removed does. All entries are dropped then.
    ///
    /// ```
    /// use rayon::prelude::*;
    ///
    /// let map: splitmap::HashMap<u32, String> = (0..99).map(|n| (n, n.to_string())).collect();
    /// assert_eq!(map.into_par_iter().map(|(_, text)| text.len()).sum::<usize>(), 10 + 89 * 2);
    /// ```
    fn into_par_iter(self) -> IntoParIter<K, V> {
        IntoParIter {
            entries: self.into_iter(),
        }
    }
}

macro_rules! opaque {
    ($type:ty, $name:literal) => {
        impl<K, V> fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct($name).finish_non_exhaustive()
            }
        }
    };
}

opaque!(ParIterMut<'_, K, V>, "ParIterMut");
opaque!(ParValuesMut<'_, K, V>, "ParValuesMut");
opaque!(IntoParIter<K, V>, "IntoParIter");
