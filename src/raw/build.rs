//! Building a table whose entries are all there at the start, with plain stores.
//!
//! The entries are sorted by hash, which is the list's order; then one pass from the last bucket
//! to the first gives every link its final word. Nothing is compared, searched or swapped again,
//! and the presence bits are exact. The table becomes known to others only afterwards.

#![forbid(unsafe_code)]

use crate::raw::array::NewArray;
use crate::raw::link::{Link, Linked};
use crate::raw::node::Node;
use crate::raw::order::{Bucket, Order};
use crate::raw::state::State;
use crate::raw::word::{Presence, Word};

type Nodes<K, V, M> = Vec<Box<Node<K, V, M>>>;

/// Sorts nodes by hash and keeps the last of each key.
pub(crate) fn sort<K: Eq, V, M>(nodes: &mut Nodes<K, V, M>) {
    // The hashes beside the nodes, so that sorting touches no node.
    let mut hashed: Vec<_> = nodes.drain(..).map(|node| (node.hash(), node)).collect();
    // Stable, so that of equal keys the one given last stays last.
    hashed.sort_by_key(|&(hash, _)| hash);
    let mut sorted: Nodes<K, V, M> = Vec::with_capacity(hashed.len());
    let mut run = 0;
    for (hash, node) in hashed {
        if sorted.last().is_some_and(|last| last.hash() != hash) {
            run = sorted.len();
        }
        let mut same = sorted[run..].iter_mut();
        match same.find(|seen| seen.key() == node.key()) {
            Some(seen) => *seen = node,
            None => sorted.push(node),
        }
    }
    *nodes = sorted;
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
