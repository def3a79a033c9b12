//! What the map's methods ask of the core, in nodes: for closures that see the node, and for values
//! that are made in their place.

#![forbid(unsafe_code)]

use std::hash::{BuildHasher, Hash};

use equivalent::Equivalent;

use super::{HashMap, OccupiedError};
use crate::raw::{Blank, Computed, Decision, Inserted, Node, Removal};
use crate::reclaim::{Guard, Reclaimer};

impl<K, V, S, R> HashMap<K, V, S, R>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
{
    /// The core's `insert`, which makes the node in memory of this thread's, if it has some.
    #[inline]
    pub(super) fn insert_small<'g>(
        &'g self,
        hash: u64,
        key: K,
        value: V,
        guard: &'g impl Guard<R>,
    ) -> Option<&'g Node<K, V>> {
        self.write(guard, |table, pinned| {
            table.insert(hash, key, value, pinned)
        })
    }

    /// As `insert_small`, for a large value. Never inlined: its copies are its own.
    #[inline(never)]
    pub(super) fn insert_large<'g>(
        &'g self,
        hash: u64,
        key: K,
        value: V,
        guard: &'g impl Guard<R>,
    ) -> Option<&'g Node<K, V>> {
        self.put(Node::new(Node::vacant(), hash, key, value), guard)
            .0
    }

    /// As `try_insert_hashed`, for a large value. Never inlined: its copies are its own.
    #[inline(never)]
    pub(super) fn try_insert_large<'g>(
        &'g self,
        hash: u64,
        key: K,
        value: V,
        guard: &'g impl Guard<R>,
    ) -> Result<&'g Node<K, V>, OccupiedError<'g, K, V>> {
        if let Some(node) = self.find_hashed(hash, &key, guard) {
            return Err(OccupiedError {
                key,
                not_inserted: value,
                current: node.value(),
            });
        }
        self.insert_absent(Node::new(Node::vacant(), hash, key, value), guard)
            .map_err(|(present, node)| {
                let (key, not_inserted) = node.into_entry();
                OccupiedError {
                    key,
                    not_inserted,
                    current: present.value(),
                }
            })
    }

    /// As `get_or_insert_hashed`, for a large value: the node, and whether it is new.
    #[inline(never)]
    pub(super) fn get_or_insert_large<'g>(
        &'g self,
        hash: u64,
        key: K,
        make: impl FnOnce() -> V,
        guard: &'g impl Guard<R>,
    ) -> (&'g Node<K, V>, bool) {
        if let Some(node) = self.find_hashed(hash, &key, guard) {
            return (node, false);
        }
        match self.insert_absent(Node::new(Node::vacant(), hash, key, make()), guard) {
            Ok(node) => (node, true),
            Err((node, _)) => (node, false),
        }
    }

    /// Watches what the calling thread itself does to a hash.
    pub(crate) fn watch(&self, hash: u64) -> crate::raw::Watch {
        self.table.watch(hash)
    }

    /// The core's `exchange`.
    #[expect(clippy::type_complexity, reason = "a node in, or the node back")]
    pub(crate) fn exchange<'g>(
        &'g self,
        seen: &'g Node<K, V>,
        node: Box<Node<K, V>>,
        guard: &'g impl Guard<R>,
    ) -> Result<&'g Node<K, V>, (Option<&'g Node<K, V>>, Box<Node<K, V>>)> {
        self.write(guard, |table, pinned| table.exchange(seen, node, pinned))
    }

    /// The core's `insert_absent`.
    #[expect(clippy::type_complexity, reason = "a node in, or the node back")]
    pub(crate) fn insert_absent<'g>(
        &'g self,
        node: Box<Node<K, V>>,
        guard: &'g impl Guard<R>,
    ) -> Result<&'g Node<K, V>, (&'g Node<K, V>, Box<Node<K, V>>)> {
        self.write(guard, |table, pinned| table.insert_absent(node, pinned))
    }

    /// The core's `get_or_insert`.
    pub(super) fn inserted<'g, F: FnOnce() -> V>(
        &'g self,
        hash: u64,
        key: K,
        make: F,
        guard: &'g impl Guard<R>,
    ) -> Inserted<'g, K, V, (), F> {
        self.write(guard, |table, pinned| {
            table.get_or_insert(hash, key, make, pinned)
        })
    }

    /// The core's `remove_if`, for a closure that sees the node.
    pub(crate) fn removal<'g, Q>(
        &'g self,
        hash: u64,
        key: &Q,
        condemns: impl FnMut(&'g Node<K, V>) -> bool,
        guard: &'g impl Guard<R>,
    ) -> Removal<'g, Node<K, V>>
    where
        Q: Equivalent<K> + ?Sized,
    {
        let matches = |k: &K| key.equivalent(k);
        self.write(guard, |table, pinned| {
            table.remove_if(hash, matches, condemns, pinned)
        })
    }

    /// The core's `put`.
    pub(crate) fn put<'g>(
        &'g self,
        node: Box<Node<K, V>>,
        guard: &'g impl Guard<R>,
    ) -> (Option<&'g Node<K, V>>, &'g Node<K, V>) {
        self.write(guard, |table, pinned| table.put(node, pinned))
    }

    /// The core's `compute`, for a closure that sees the node, and the value that it gave before.
    pub(crate) fn computed<'g, T>(
        &'g self,
        hash: u64,
        key: K,
        decide: impl FnMut(Option<&'g Node<K, V>>, &mut Blank<K, V>) -> Decision<V, T>,
        guard: &'g impl Guard<R>,
    ) -> Computed<'g, K, V, (), T> {
        self.write(guard, |table, pinned| {
            table.compute(hash, key, decide, pinned)
        })
    }
}
