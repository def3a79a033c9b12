//! A table that is borrowed mutably: its nodes as mutable references.

use std::marker::PhantomData;

use crate::raw::directory::State;
use crate::raw::link::{Chain, Linked, Step};

/// A walk over all nodes from a hash's bucket on, in the list's order.
pub(crate) struct WalkMut<'m, N> {
    list: Chain<N>,
    _table: PhantomData<&'m mut N>,
}

// SAFETY: as `&mut N`, of which it gives out one for each node.
unsafe impl<N: Send> Send for WalkMut<'_, N> {}

// SAFETY: nothing can be done through a shared reference.
unsafe impl<N: Sync> Sync for WalkMut<'_, N> {}

impl<'m, N: Linked> WalkMut<'m, N> {
    /// The nodes from the head of the hash's bucket, or of an ancestor, on.
    pub(crate) fn new(hash: u64, state: &'m mut State<N>) -> Self {
        let head = state.view().start(hash).head;
        WalkMut {
            // SAFETY: `&mut` for `'m`: nobody else uses the table, and its heads stay.
            list: unsafe { Chain::new(head) },
            _table: PhantomData,
        }
    }
}

impl<'m, N: Linked> Iterator for WalkMut<'m, N> {
    type Item = &'m mut N;

    fn next(&mut self) -> Option<&'m mut N> {
        loop {
            if let Step::Node(node) = self.list.step()? {
                // SAFETY: nobody else uses the table, the node stays for `'m`, is linked once, and
                // the walk does not read it again.
                return Some(unsafe { &mut *node });
            }
        }
    }
}
