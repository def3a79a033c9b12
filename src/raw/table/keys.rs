//! The operations of the core on one key.
//!
//! Those that are given a node keep a large value in its place.

#![forbid(unsafe_code)]

use super::Table;
use crate::raw::change::{Outcome, Plan};
use crate::raw::node::Node;
use crate::raw::retired;
use crate::raw::writes::{
    Blank, Computation, Computed, Condemnation, Decision, Exchange, Filling, Inserted, Insertion,
    Removal, Unused,
};
use crate::reclaim::{Pinned, Reclaimer};

impl<K, V, R, M> Table<K, V, R, M>
where
    R: Reclaimer,
{
    /// Inserts an entry. The node that it replaces is returned.
    #[inline(always)]
    pub(crate) fn insert<'g>(
        &'g self,
        hash: u64,
        key: K,
        value: V,
        pinned: Pinned<'_, 'g, R>,
    ) -> Option<&'g Node<K, V, M>>
    where
        K: Eq,
        M: Default,
    {
        let node = Node::new(retired::vacant(pinned), hash, key, value);
        self.put(node, pinned).0
    }

    /// Inserts a node: the one that it replaces, and itself.
    #[inline(always)]
    #[expect(clippy::type_complexity, reason = "the old node and the new one")]
    pub(crate) fn put<'g>(
        &'g self,
        node: Box<Node<K, V, M>>,
        pinned: Pinned<'_, 'g, R>,
    ) -> (Option<&'g Node<K, V, M>>, &'g Node<K, V, M>)
    where
        K: Eq,
    {
        let hash = node.hash();
        match self
            .section(pinned)
            .change(hash, Some(Plan::Put(node)), &mut Insertion)
        {
            Outcome::Replaced(replaced) => (Some(replaced.old), replaced.new),
            Outcome::Inserted(node) => (None, node),
            Outcome::Removed(_) | Outcome::Left(_) => unreachable!("a node was put there"),
        }
    }

    /// Does with a key what `decide` says, which sees its node, if it is present, and, when it is
    /// called again, the value that it gave before: it clears that, or puts it. It is called again only
    /// for another node: what was decided for this one still stands when something else has come
    /// between.
    pub(crate) fn compute<'g, T>(
        &'g self,
        hash: u64,
        key: K,
        decide: impl FnMut(Option<&'g Node<K, V, M>>, &mut Blank<K, V, M>) -> Decision<V, T>,
        pinned: Pinned<'_, 'g, R>,
    ) -> Computed<'g, K, V, M, T>
    where
        K: Eq,
        M: Default,
    {
        let mut computation = Computation {
            hash,
            blank: Blank {
                key: Some(key),
                unused: None,
            },
            decide,
            answer: None,
        };
        match self.section(pinned).change(hash, None, &mut computation) {
            Outcome::Inserted(node) => Computed::Inserted(node),
            Outcome::Replaced(replaced) => Computed::Replaced(replaced),
            Outcome::Removed(node) => Computed::Removed(node),
            Outcome::Left(_) => match (computation.blank.key, computation.answer) {
                (Some(key), Some(answer)) => Computed::Left(key, answer),
                _ => Computed::Absent,
            },
        }
    }

    /// Finds the node of a key, or inserts one whose value `make` makes, at most once.
    pub(crate) fn get_or_insert<'g, F>(
        &'g self,
        hash: u64,
        key: K,
        make: F,
        pinned: Pinned<'_, 'g, R>,
    ) -> Inserted<'g, K, V, M, F>
    where
        K: Eq,
        M: Default,
        F: FnOnce() -> V,
    {
        let mut filling = Filling {
            hash,
            given: Some((key, make)),
            unused: None,
        };
        let node = match self.section(pinned).change(hash, None, &mut filling) {
            Outcome::Left(Some(node)) => node,
            Outcome::Inserted(node) | Outcome::Removed(node) => return Inserted::New(node),
            Outcome::Replaced(_) | Outcome::Left(None) => unreachable!("absent, so inserted"),
        };
        let (key, value) = match (filling.given, filling.unused) {
            (Some((key, make)), _) => (key, Unused::Maker(make)),
            (None, Some(unused)) => {
                let (key, value) = unused.into_entry();
                (key, Unused::Made(value))
            }
            (None, None) => unreachable!("the node was not linked"),
        };
        Inserted::Present { node, key, value }
    }

    /// Removes a key, if its node is one that `condemns` accepts, which is called once for each node
    /// that it meets: `Ok` with the node, or with `None` if the key is absent; `Err` with a node that
    /// was refused.
    pub(crate) fn remove_if<'g>(
        &'g self,
        hash: u64,
        matches: impl Fn(&K) -> bool,
        condemns: impl FnMut(&'g Node<K, V, M>) -> bool,
        pinned: Pinned<'_, 'g, R>,
    ) -> Removal<'g, Node<K, V, M>> {
        let mut condemnation = Condemnation { matches, condemns };
        match self.section(pinned).change(hash, None, &mut condemnation) {
            Outcome::Removed(node) => Ok(Some(node)),
            Outcome::Left(Some(node)) => Err(node),
            Outcome::Left(None) | Outcome::Inserted(_) | Outcome::Replaced(_) => Ok(None),
        }
    }

    /// Links a node if its key is absent. Else: the node that is there, and the one that was given.
    #[expect(clippy::type_complexity, reason = "a node in, or the node back")]
    pub(crate) fn insert_absent<'g>(
        &'g self,
        node: Box<Node<K, V, M>>,
        pinned: Pinned<'_, 'g, R>,
    ) -> Result<&'g Node<K, V, M>, (&'g Node<K, V, M>, Box<Node<K, V, M>>)>
    where
        K: Eq,
    {
        let hash = node.hash();
        let mut exchange = Exchange {
            seen: None,
            node: Some(node),
        };
        let outcome = self.section(pinned).change(hash, None, &mut exchange);
        match (outcome, exchange.node) {
            (Outcome::Inserted(node), _) => Ok(node),
            (Outcome::Left(Some(present)), Some(node)) => Err((present, node)),
            _ => unreachable!("absent, so inserted; or present, so the node is left"),
        }
    }

    /// Puts a node in the place of the very node that was seen. Else: what is there, and the node
    /// that was given.
    #[expect(clippy::type_complexity, reason = "a node in, or the node back")]
    pub(crate) fn exchange<'g>(
        &'g self,
        seen: &'g Node<K, V, M>,
        node: Box<Node<K, V, M>>,
        pinned: Pinned<'_, 'g, R>,
    ) -> Result<&'g Node<K, V, M>, (Option<&'g Node<K, V, M>>, Box<Node<K, V, M>>)>
    where
        K: Eq,
    {
        let hash = node.hash();
        let mut exchange = Exchange {
            seen: Some(seen),
            node: Some(node),
        };
        let outcome = self.section(pinned).change(hash, None, &mut exchange);
        match (outcome, exchange.node) {
            (Outcome::Replaced(replaced), _) => Ok(replaced.new),
            (Outcome::Left(current), Some(node)) => Err((current, node)),
            _ => unreachable!("only the node that was seen is replaced"),
        }
    }
}
