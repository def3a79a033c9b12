//! Building a table whose entries are all there at the start, with plain stores.
//!
//! The entries are sorted by hash, which is the list's order, and get their nodes; then one pass from
//! the last bucket to the first gives every link its final word. Nothing is compared, searched or swapped again,
//! and the presence bits are exact. The table becomes known to others only afterwards.

#![forbid(unsafe_code)]

use crate::raw::array::NewArray;
use crate::raw::link::{Link, Linked};
use crate::raw::node::Node;
use crate::raw::order::{Bucket, Order};
use crate::raw::sorter::{Keeps, Sorter};
use crate::raw::state::State;
use crate::raw::word::{Presence, Word};

type Nodes<K, V, M> = Vec<Box<Node<K, V, M>>>;

/// Entries that are to become a table. They are sorted before their nodes are made, so that the nodes
/// stand one behind the other in memory, as far as the allocator does its part; large ones, which are
/// not to be moved about, have their nodes from the beginning.
pub(crate) enum Entries<K, V, M> {
    Small(Sorter<(K, V)>),
    Large(Sorter<Box<Node<K, V, M>>>),
}

/// Up to this size an entry is moved, beyond it its node is made at once.
const SMALL: usize = 64;

impl<K: Eq, V, M: Default> Entries<K, V, M> {
    /// No entries; about so many are expected.
    pub(crate) fn new(expected: usize) -> Self {
        if const { size_of::<(K, V)>() <= SMALL } {
            Entries::Small(Sorter::new(expected))
        } else {
            Entries::Large(Sorter::new(expected))
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, hash: u64, key: K, value: V) {
        match self {
            Entries::Small(sorter) => sorter.push(hash, (key, value)),
            Entries::Large(sorter) => {
                sorter.push(hash, Node::new(Node::vacant(), hash, key, value))
            }
        }
    }

    /// The nodes in the list's order, one of each key.
    pub(crate) fn into_nodes(self, keeps: Keeps) -> Nodes<K, V, M> {
        match self {
            Entries::Small(sorter) => {
                let sorted = sorter.sorted(keeps, |one, other| one.0 == other.0);
                let node = |(hash, (key, value))| Node::new(Node::vacant(), hash, key, value);
                sorted.into_iter().map(node).collect()
            }
            Entries::Large(sorter) => {
                let sorted = sorter.sorted(keeps, |one, other| one.key() == other.key());
                sorted.into_iter().map(|(_, node)| node).collect()
            }
        }
    }
}

/// The order of a table with a bucket for each of that many entries.
///
/// # Panics
///
/// If there cannot be so many buckets.
pub(crate) fn order(capacity: usize) -> Order {
    Order::at_least(capacity).unwrap_or_else(|| {
        panic!("splitmap: capacity overflow: {capacity} entries cannot be addressed")
    })
}

/// Says that there is no memory for a table with a bucket for each of that many entries.
pub(crate) fn no_memory(capacity: usize) -> ! {
    panic!(
        "splitmap: a capacity of {capacity} entries needs {} buckets of {} bytes, for which there \
         is no memory",
        order(capacity).buckets(),
        size_of::<Link<()>>(),
    )
}

/// The state of a table with these nodes, sorted, and room for `capacity` entries, which it is not
/// to shrink below.
///
/// # Panics
///
/// If there cannot be that many buckets, or there is no memory for them.
pub(crate) fn state<K, V, M>(capacity: usize, mut nodes: Nodes<K, V, M>) -> State<Node<K, V, M>> {
    let floor = order(capacity);
    let capacity = capacity.max(nodes.len());
    if capacity == 0 {
        return State::new();
    }
    let order = order(capacity);
    let fill = |bucket: usize, behind| {
        let mut word: Word<'_, _> = behind;
        let mut presence = Presence::NONE;
        let is_in = |node: &mut Box<Node<K, V, M>>| {
            Bucket::of(node.hash(), order.shift()).number() == bucket
        };
        while let Some(node) = nodes.pop_if(is_in) {
            presence = presence.union(Presence::of(node.hash()));
            node.next().store_unpublished(word);
            word = Word::to_owned_node(node);
        }
        word.with(presence)
    };
    let table = NewArray::filled(order, fill).unwrap_or_else(|| no_memory(capacity));
    debug_assert!(nodes.is_empty(), "every node has a bucket");
    State::holding(table, floor)
}
