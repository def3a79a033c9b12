//! Taking a table apart that nobody else can reach: its drop, and what gives the entries back.
//!
//! One walk along the list, over every head. It waits for the memory of each node, one after the
//! other; so the first nodes of the buckets that come next are asked for ahead of it.

use std::ops::Range;

use crate::raw::directory::{State, Whole};
use crate::raw::link::{Chain, Linked, Step};
#[cfg(feature = "rayon")]
use crate::raw::parts::OwnedPart;

/// How many buckets ahead of the walk their first nodes are asked for.
const AHEAD: usize = 16;

/// The nodes of a table that is no more. What is left of them is freed when this is dropped.
pub(crate) struct Nodes<N: Linked> {
    /// `None` where the table had no memory.
    rest: Option<Rest<N>>,
}

struct Rest<N> {
    list: Chain<N>,
    /// The buckets that were not asked for yet.
    ahead: Range<usize>,
    /// The heads: freed after the last step.
    whole: Whole<N>,
}

// SAFETY: owns the nodes, and nobody else can reach them.
unsafe impl<N: Linked + Send> Send for Nodes<N> {}

// SAFETY: nothing can be done through a shared reference.
unsafe impl<N: Linked + Sync> Sync for Nodes<N> {}

impl<N: Linked> Nodes<N> {
    /// The nodes of a table.
    pub(crate) fn of(mut state: State<N>) -> Self {
        Self::take(&mut state)
    }

    fn take(state: &mut State<N>) -> Self {
        let rest = state.end().map(|whole| {
            let mut rest = Rest {
                // SAFETY: `&mut`: nobody else has the table, and its heads go with `rest`.
                list: unsafe { Chain::new(whole.first_head()) },
                ahead: whole.buckets(),
                whole,
            };
            (0..AHEAD).for_each(|_| rest.look_ahead());
            rest
        });
        Nodes { rest }
    }
}

#[cfg(feature = "rayon")]
impl<N: Linked> Nodes<N> {
    /// The nodes in parts, for several threads; none where the table had no memory.
    pub(crate) fn into_part(mut self) -> Option<OwnedPart<N>> {
        let rest = self.rest.take()?;
        Some(OwnedPart::all(rest.list, rest.whole))
    }
}

impl<N: Linked> Rest<N> {
    /// Asks for the first node of one bucket more. Where heads of a growth are not made yet it falls
    /// behind the walk, and asks in vain for what is freed.
    fn look_ahead(&mut self) {
        if let Some(bucket) = self.ahead.next() {
            self.whole.prefetch(bucket);
        }
    }
}

impl<N: Linked> Iterator for Nodes<N> {
    type Item = Box<N>;

    fn next(&mut self) -> Option<Box<N>> {
        let rest = self.rest.as_mut()?;
        loop {
            match rest.list.step()? {
                Step::Head => rest.look_ahead(),
                // SAFETY: the list is ours, and each node is linked once.
                Step::Node(node) => return Some(unsafe { Box::from_raw(node) }),
            }
        }
    }
}

impl<N: Linked> Drop for Nodes<N> {
    fn drop(&mut self) {
        drop_all(self);
    }
}

/// Drops nodes to the end. A destructor that panics loses no other node's destructor; a second one
/// aborts.
pub(crate) fn drop_all<N>(nodes: &mut impl Iterator<Item = Box<N>>) {
    struct Others<'a, I: Iterator>(&'a mut I);
    impl<I: Iterator> Drop for Others<'_, I> {
        fn drop(&mut self) {
            self.0.by_ref().for_each(drop);
        }
    }
    let others = Others(nodes);
    others.0.by_ref().for_each(drop);
}

impl<N: Linked> Drop for State<N> {
    /// Frees the nodes, then the heads and the directory.
    fn drop(&mut self) {
        drop(Nodes::take(self));
    }
}
