//! The kinds of writes of one key, and what each of them answers.

#![forbid(unsafe_code)]

use crate::raw::change::{Change, Plan};
use crate::raw::node::Node;
use crate::raw::retired::Vacant;
use crate::raw::section::Replaced;

/// What became of a `get_or_insert`.
pub(crate) enum Inserted<'g, K, V, M, F> {
    /// The key was absent, and this node is linked.
    New(&'g Node<K, V, M>),
    /// The key was present: its node, and what was not needed.
    Present {
        node: &'g Node<K, V, M>,
        key: K,
        value: Unused<V, F>,
    },
}

/// What a closure wants done with a key.
pub(crate) enum Decision<V, T> {
    /// This is its value.
    Put(V),
    /// Its node is the one that was not put there before, with the value that it has now.
    PutUnused,
    /// It is removed.
    Remove,
    /// It stays as it is.
    Leave(T),
}

/// What a closure's next node is made of. A value stays in a node, since it may be large.
pub(crate) struct Blank<K, V, M = ()> {
    /// Where it is not in a node.
    pub(crate) key: Option<K>,
    /// The node with the value that the closure gave before, which was not put there.
    pub(crate) unused: Option<Box<Node<K, V, M>>>,
}

impl<K, V, M> Blank<K, V, M> {
    /// Drops the value that the closure gave before.
    #[inline]
    pub(crate) fn clear(&mut self) {
        if self.unused.is_some() {
            self.take_key_back();
        }
    }

    #[cold]
    fn take_key_back(&mut self) {
        self.key = self.unused.take().map(Node::into_key);
    }

    /// The value that the closure gave before.
    pub(crate) fn value(&mut self) -> Option<&mut V> {
        let unused = self.unused.as_deref_mut()?;
        Some(unused.entry_mut().1)
    }
}

/// What became of a `compute`.
pub(crate) enum Computed<'g, K, V, M, T> {
    Inserted(&'g Node<K, V, M>),
    Replaced(Replaced<'g, Node<K, V, M>>),
    Removed(&'g Node<K, V, M>),
    /// It was to be removed, but the key is absent.
    Absent,
    /// It stays as it was; this is the key that was given.
    Left(K, T),
}

/// What became of a `remove_if`.
pub(crate) type Removal<'g, N> = Result<Option<&'g N>, &'g N>;

/// A value that was not inserted: as it was made, or what was to make it.
pub(crate) enum Unused<V, F> {
    Made(V),
    Maker(F),
}

impl<V, F: FnOnce() -> V> Unused<V, F> {
    /// The value, made now if it was not.
    pub(crate) fn made(self) -> V {
        match self {
            Unused::Made(value) => value,
            Unused::Maker(make) => make(),
        }
    }
}

/// `insert`: the node was made before.
pub(crate) struct Insertion;

impl<'g, K: Eq, V, M> Change<'g, K, V, M> for Insertion {
    const CALL: &'static str = "insert";

    #[inline]
    fn is_key(&self, key: &K, put: Option<&Node<K, V, M>>) -> bool {
        put.is_some_and(|put| put.key() == key)
    }

    #[inline]
    fn decide(
        &mut self,
        _: Option<&'g Node<K, V, M>>,
        put: Option<Box<Node<K, V, M>>>,
        _: impl FnOnce() -> Box<Vacant<K, V, M>>,
    ) -> Plan<K, V, M> {
        put.map_or(Plan::Leave, Plan::Put)
    }
}

/// `compute`. The closure either clears the blank, or puts the node that is in it.
pub(crate) struct Computation<K, V, M, D, T> {
    pub(crate) hash: u64,
    pub(crate) blank: Blank<K, V, M>,
    pub(crate) decide: D,
    pub(crate) answer: Option<T>,
}

impl<'g, K, V, M, D, T> Change<'g, K, V, M> for Computation<K, V, M, D, T>
where
    K: Eq + 'g,
    V: 'g,
    M: Default + 'g,
    D: FnMut(Option<&'g Node<K, V, M>>, &mut Blank<K, V, M>) -> Decision<V, T>,
{
    const CALL: &'static str = "compute, update or update_or_insert, or and_modify of an entry";

    fn is_key(&self, key: &K, put: Option<&Node<K, V, M>>) -> bool {
        let own = self.blank.key.as_ref().or(put.map(Node::key));
        own == Some(key)
    }

    #[inline]
    fn decide(
        &mut self,
        node: Option<&'g Node<K, V, M>>,
        put: Option<Box<Node<K, V, M>>>,
        vacant: impl FnOnce() -> Box<Vacant<K, V, M>>,
    ) -> Plan<K, V, M> {
        self.blank.unused = put;
        match (self.decide)(node, &mut self.blank) {
            Decision::Put(value) => {
                let key = self.blank.key.take().expect("it is in no node");
                Plan::Put(Node::new(vacant(), self.hash, key, value))
            }
            Decision::PutUnused => Plan::Put(self.blank.unused.take().expect("it is there")),
            Decision::Remove => Plan::Remove,
            Decision::Leave(answer) => {
                self.answer = Some(answer);
                Plan::Leave
            }
        }
    }
}

/// `get_or_insert`.
pub(crate) struct Filling<K, V, M, F> {
    pub(crate) hash: u64,
    /// What the node is made of.
    pub(crate) given: Option<(K, F)>,
    /// The node that was not linked, as the key is present.
    pub(crate) unused: Option<Box<Node<K, V, M>>>,
}

impl<'g, K, V, M, F> Change<'g, K, V, M> for Filling<K, V, M, F>
where
    K: Eq,
    M: Default,
    F: FnOnce() -> V,
{
    const CALL: &'static str = "get_or_insert";

    fn is_key(&self, key: &K, put: Option<&Node<K, V, M>>) -> bool {
        let given = self.given.as_ref().map(|(key, _)| key);
        given.or(put.map(Node::key)) == Some(key)
    }

    fn decide(
        &mut self,
        node: Option<&'g Node<K, V, M>>,
        put: Option<Box<Node<K, V, M>>>,
        vacant: impl FnOnce() -> Box<Vacant<K, V, M>>,
    ) -> Plan<K, V, M> {
        if node.is_some() {
            self.unused = put;
            return Plan::Leave;
        }
        let made = put.or_else(|| {
            let (key, make) = self.given.take()?;
            let value = make();
            Some(Node::new(vacant(), self.hash, key, value))
        });
        made.map_or(Plan::Leave, Plan::Put)
    }
}

/// `remove_if`.
pub(crate) struct Condemnation<Q, C> {
    pub(crate) matches: Q,
    pub(crate) condemns: C,
}

impl<'g, K, V, M, Q, C> Change<'g, K, V, M> for Condemnation<Q, C>
where
    K: 'g,
    V: 'g,
    M: 'g,
    Q: Fn(&K) -> bool,
    C: FnMut(&'g Node<K, V, M>) -> bool,
{
    const CALL: &'static str = "remove or remove_if";
    const NEEDS_KEY: bool = true;

    fn is_key(&self, key: &K, _: Option<&Node<K, V, M>>) -> bool {
        (self.matches)(key)
    }

    fn decide(
        &mut self,
        node: Option<&'g Node<K, V, M>>,
        _: Option<Box<Node<K, V, M>>>,
        _: impl FnOnce() -> Box<Vacant<K, V, M>>,
    ) -> Plan<K, V, M> {
        match node {
            Some(node) if (self.condemns)(node) => Plan::Remove,
            _ => Plan::Leave,
        }
    }
}

/// `exchange`, and `insert_absent`: a node in the place of the very one that was seen, or of none.
pub(crate) struct Exchange<'g, K, V, M> {
    pub(crate) seen: Option<&'g Node<K, V, M>>,
    /// The node, unless it is linked.
    pub(crate) node: Option<Box<Node<K, V, M>>>,
}

impl<'g, K: Eq, V, M> Change<'g, K, V, M> for Exchange<'g, K, V, M> {
    const CALL: &'static str = "get_or_insert, try_insert, or a write of an entry";

    fn is_key(&self, key: &K, put: Option<&Node<K, V, M>>) -> bool {
        put.or(self.node.as_deref())
            .is_some_and(|node| node.key() == key)
    }

    fn decide(
        &mut self,
        node: Option<&'g Node<K, V, M>>,
        put: Option<Box<Node<K, V, M>>>,
        _: impl FnOnce() -> Box<Vacant<K, V, M>>,
    ) -> Plan<K, V, M> {
        let put = put.or_else(|| self.node.take());
        // The guard keeps `seen` allocated, so no other node has its address.
        let address = |node: Option<&'g Node<K, V, M>>| node.map(std::ptr::from_ref);
        if address(node) == address(self.seen) {
            return put.map_or(Plan::Leave, Plan::Put);
        }
        self.node = put;
        Plan::Leave
    }
}
