//! Everything that is done with exclusive access to a table: walks that change values, taking it
//! apart, and its drop.
//!
//! One walk along the list, over every head, marked nodes included. It waits for the memory of each
//! node, one after the other, unless it asks for those of the buckets that come next ahead of it.

use std::marker::PhantomData;
use std::ptr;

use crate::raw::ahead::Ahead;
use crate::raw::chain::Tables;
use crate::raw::link::{Link, Linked, Target};
use crate::raw::state::State;
use crate::raw::word::Word;

/// A walk with exclusive access to the list: over every node that is linked in it, marked ones too.
/// Each node is read before it is given out, and never again.
pub(crate) struct Run<N> {
    word: *mut (),
    /// The head that the walk ends at; null for the end of the list.
    end: *const Link<N>,
    _nodes: PhantomData<N>,
}

impl<N: Linked> Run<N> {
    /// The nodes behind `head`.
    ///
    /// # Safety
    ///
    /// Until the last step nobody else reads or writes the list, and its heads are there.
    pub(crate) unsafe fn new(head: &Link<N>) -> Self {
        Run {
            word: head.load().bits(),
            end: ptr::null(),
            _nodes: PhantomData,
        }
    }

    /// Ends at `head`, which stands behind what comes next; the chain behind it is returned.
    #[cfg(feature = "rayon")]
    pub(crate) fn cut(&mut self, head: &Link<N>) -> Self {
        Run {
            word: head.load().bits(),
            end: std::mem::replace(&mut self.end, head),
            _nodes: PhantomData,
        }
    }

    /// The next node, as `Box::into_raw` gave it; `None` at the end. Each head on the way there is
    /// passed to `pass`.
    #[inline]
    pub(crate) fn next_node(&mut self, mut pass: impl FnMut(&Link<N>)) -> Option<*mut N> {
        loop {
            // SAFETY: the list is the caller's alone until the last step (`new`), and a node is read
            // before it is given out.
            let word = unsafe { Word::<N>::from_bits(self.word) };
            match word.target() {
                Target::End => return None,
                Target::Head(head) if ptr::eq(head, self.end) => return None,
                Target::Head(head) => {
                    self.word = head.load().bits();
                    pass(head);
                }
                Target::Node(node) => {
                    self.word = node.next().load().bits();
                    return Some(word.pointer().cast());
                }
            }
        }
    }
}

/// A walk over all nodes from a hash's bucket on, in the list's order, that gives them out to be
/// changed.
pub(crate) struct WalkMut<'m, N> {
    list: Run<N>,
    /// `None` where a few nodes are wanted.
    ahead: Option<Ahead<'m, N>>,
    _table: PhantomData<&'m mut N>,
}

// SAFETY: as `&mut N`, of which it gives out one for each node.
unsafe impl<N: Send> Send for WalkMut<'_, N> {}

// SAFETY: nothing can be done through a shared reference.
unsafe impl<N: Sync> Sync for WalkMut<'_, N> {}

impl<'m, N: Linked> WalkMut<'m, N> {
    /// All nodes.
    pub(crate) fn all(state: &'m mut State<N>) -> Self {
        let view = state.view();
        let ahead = Ahead::exclusive(view.newest_member(), view.order().buckets());
        ahead.begin(0, usize::MAX);
        WalkMut {
            // SAFETY: `&mut` for `'m`: nobody else uses the table, and its heads stay.
            list: unsafe { Run::new(view.start(0).head) },
            ahead: Some(ahead),
            _table: PhantomData,
        }
    }

    /// The nodes from the head of the hash's bucket on, or from one before it.
    pub(crate) fn from(hash: u64, state: &'m mut State<N>) -> Self {
        let head = state.view().start(hash).head;
        WalkMut {
            // SAFETY: as above.
            list: unsafe { Run::new(head) },
            ahead: None,
            _table: PhantomData,
        }
    }
}

impl<'m, N: Linked> Iterator for WalkMut<'m, N> {
    type Item = &'m mut N;

    #[inline]
    fn next(&mut self) -> Option<&'m mut N> {
        let ahead = self.ahead;
        let node = self.list.next_node(|head| {
            if let Some(ahead) = ahead {
                ahead.pass(head);
            }
        })?;
        // SAFETY: nobody else uses the table, the node stays for `'m`, is linked once, and the walk
        // does not read it again: it looks ahead behind heads that it has not passed.
        Some(unsafe { &mut *node })
    }
}

/// The nodes of a table that is no more. What is left of them is freed when this is dropped.
pub(crate) struct Nodes<N: Linked> {
    /// `None` where the map had no table.
    rest: Option<Rest<N>>,
}

struct Rest<N> {
    list: Run<N>,
    /// The heads: freed after the last step.
    tables: Tables<N>,
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
        let rest = state.take().map(|tables| {
            tables.ahead().begin(0, usize::MAX);
            Rest {
                // SAFETY: `&mut`: nobody else has the table, and its heads go with `rest`.
                list: unsafe { Run::new(tables.first_head()) },
                tables,
            }
        });
        Nodes { rest }
    }
}

impl<N: Linked> Tables<N> {
    /// For a walk that has all nodes to itself.
    #[inline]
    fn ahead(&self) -> Ahead<'_, N> {
        let newest = self.newest_member();
        Ahead::exclusive(newest, newest.array.order().buckets())
    }
}

#[cfg(feature = "rayon")]
impl<N: Linked> Nodes<N> {
    /// The rest of the list, and its heads; nothing where the map had no table.
    pub(crate) fn into_rest(mut self) -> Option<(Run<N>, Tables<N>)> {
        let rest = self.rest.take()?;
        Some((rest.list, rest.tables))
    }
}

impl<N: Linked> Iterator for Nodes<N> {
    type Item = Box<N>;

    #[inline]
    fn next(&mut self) -> Option<Box<N>> {
        let Rest { list, tables } = self.rest.as_mut()?;
        let node = list.next_node(|head| {
            tables.ahead().pass(head);
        })?;
        // SAFETY: the list is ours, and each node is linked once. The walk looks ahead behind heads
        // that it has not passed, so it does not read this node again.
        Some(unsafe { Box::from_raw(node) })
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
    /// Frees the nodes, then the tables.
    fn drop(&mut self) {
        drop(Nodes::take(self));
    }
}
