//! A table that nobody else uses, in parts, each of which a thread may take apart or change.
//!
//! A part is what stands from one head to another. Parts have no node in common, and none ever looks
//! at a node of another: it ends at the address of a head, which the last link before it has. So a
//! part is divided at a head that is there. A head that is not ready yet, or
//! belongs to an older table, is passed within a part.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use crate::raw::ahead::Ahead;
use crate::raw::chain::{Member, Tables};
use crate::raw::link::{Link, Linked};
use crate::raw::owned::{Nodes, Run, drop_all};
use crate::raw::state::{State, View};

/// Where heads are found.
trait Heads<N>: Clone {
    /// The head of a bucket of the newest table, unless it is not ready.
    fn head_at(&self, bucket: usize) -> Option<&Link<N>> {
        self.newest_member().head_at(bucket)
    }

    /// The newest table.
    fn newest_member(&self) -> Member<'_, N>;
}

impl<N: Linked> Heads<N> for View<'_, N> {
    fn newest_member(&self) -> Member<'_, N> {
        View::newest_member(*self)
    }
}

impl<N> Heads<N> for Arc<Tables<N>> {
    fn newest_member(&self) -> Member<'_, N> {
        Tables::newest_member(self)
    }
}

/// A run of buckets.
struct Part<N, H> {
    list: Run<N>,
    buckets: Range<usize>,
    heads: H,
}

impl<N: Linked, H: Heads<N>> Part<N, H> {
    /// Two halves; only one, if there is no head between them.
    fn divide(&mut self) -> Option<Self> {
        let Range { start, end } = self.buckets;
        let middle = start + (end - start) / 2;
        if middle == start {
            return None;
        }
        let heads = self.heads.clone();
        let list = self.list.cut(self.heads.head_at(middle)?);
        self.buckets.end = middle;
        Some(Part {
            list,
            buckets: middle..end,
            heads,
        })
    }

    fn next_node(&mut self) -> Option<*mut N> {
        let Part {
            list,
            buckets,
            heads,
        } = self;
        list.next_node(|head| {
            Ahead::exclusive(heads.newest_member(), buckets.end).pass(head);
        })
    }
}

/// Nodes that are owned. What is left of them is freed when this is dropped.
pub(crate) struct OwnedPart<N: Linked> {
    part: Part<N, Arc<Tables<N>>>,
}

// SAFETY: owns its nodes, which nobody else can reach. The heads are shared by all parts, which only
// read the tables and those words of heads that nobody changes any more.
unsafe impl<N: Linked + Send> Send for OwnedPart<N> {}

impl<N: Linked> OwnedPart<N> {
    /// All nodes of a table; none where the map had no table.
    pub(crate) fn all(nodes: Nodes<N>) -> Option<Self> {
        let (list, tables) = nodes.into_rest()?;
        Some(OwnedPart {
            part: Part {
                list,
                buckets: 0..tables.newest_member().array.order().buckets(),
                heads: Arc::new(tables),
            },
        })
    }

    pub(crate) fn split(mut self) -> (Self, Option<Self>) {
        let right = self.part.divide();
        (self, right.map(|part| OwnedPart { part }))
    }
}

impl<N: Linked> Iterator for OwnedPart<N> {
    type Item = Box<N>;

    fn next(&mut self) -> Option<Box<N>> {
        let node = self.part.next_node()?;
        // SAFETY: the list is ours from the first head to the last, and each node is linked once.
        Some(unsafe { Box::from_raw(node) })
    }
}

impl<N: Linked> Drop for OwnedPart<N> {
    fn drop(&mut self) {
        drop_all(self);
    }
}

/// Nodes that are borrowed mutably.
pub(crate) struct PartMut<'m, N: Linked> {
    part: Part<N, View<'m, N>>,
    _nodes: PhantomData<&'m mut N>,
}

// SAFETY: as `&mut N`, of which it gives out one for each node; the tables are only read.
unsafe impl<N: Linked + Send> Send for PartMut<'_, N> {}

impl<'m, N: Linked> PartMut<'m, N> {
    /// All nodes of a table.
    pub(crate) fn all(state: &'m mut State<N>) -> Self {
        let view = state.view();
        PartMut {
            part: Part {
                // SAFETY: `&mut` for `'m`: nobody else uses the table, and its heads stay.
                list: unsafe { Run::new(view.start(0).head) },
                buckets: 0..view.order().buckets(),
                heads: view,
            },
            _nodes: PhantomData,
        }
    }

    pub(crate) fn split(mut self) -> (Self, Option<Self>) {
        let right = self.part.divide();
        let right = right.map(|part| PartMut {
            part,
            _nodes: PhantomData,
        });
        (self, right)
    }
}

impl<'m, N: Linked> Iterator for PartMut<'m, N> {
    type Item = &'m mut N;

    fn next(&mut self) -> Option<&'m mut N> {
        let node = self.part.next_node()?;
        // SAFETY: nobody else uses the table, and no other part meets this node. It stays for `'m`,
        // is linked once, and the walk does not read it again.
        Some(unsafe { &mut *node })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::build;
    use crate::raw::node::Node;
    use crate::raw::ranges::tests::split_up;

    #[test]
    fn a_table_is_divided_down_to_its_buckets() {
        for entries in [1_u64, 17, 1_000] {
            let nodes = (0..entries).map(|key| Node::new(Node::vacant(), key << 54, key, 0_u64));
            let mut state: State<Node<u64, u64>> = build::state(0, nodes.collect());
            let buckets = state.view().order().buckets();
            let parts = split_up(PartMut::all(&mut state), PartMut::split);
            assert_eq!(parts.len(), buckets);
            let met: Vec<u64> = parts
                .into_iter()
                .flatten()
                .map(|node| *node.key())
                .collect();
            assert!(met.into_iter().eq(0..entries));
        }
    }
}
