//! Walks over all nodes of the list, in its order, while others write.

use crate::raw::ahead::Ahead;
use crate::raw::link::{Link, Linked, Target};
use crate::raw::node::Node;
use crate::raw::state::State;
use crate::raw::word::Word;
use crate::sync::SCHEDULED;

/// A walk over all nodes of the list, in its order.
///
/// Advancing uses the word that the node was judged by: a node is yielded if its link was unmarked
/// when read, and the walk goes on from that very word. So an entry that is present throughout is met
/// exactly once, and of a replaced node and its replacement exactly one is yielded.
pub(crate) struct Walk<'g, K, V, M> {
    word: Word<'g, Node<K, V, M>>,
    /// Nodes of smaller hashes are not yielded.
    from: u64,
    ahead: Ahead<'g, Node<K, V, M>>,
    /// Heads that were met since, and are not of the table that the walk looks ahead by.
    strange: u32,
    state: &'g State<Node<K, V, M>>,
}

/// After how many heads of other tables a walk looks for a newer table to look ahead by.
const STRANGE: u32 = if SCHEDULED { 2 } else { 64 };

// SAFETY: as `Word`. The tables stay allocated while the guard lives, as nodes do, and a thread that has
// the walk can only read them and the state.
unsafe impl<K: Sync, V: Sync, M: Sync> Send for Walk<'_, K, V, M> {}

// SAFETY: as above.
unsafe impl<K: Sync, V: Sync, M: Sync> Sync for Walk<'_, K, V, M> {}

impl<K, V, M> Clone for Walk<'_, K, V, M> {
    fn clone(&self) -> Self {
        Walk { ..*self }
    }
}

impl<'g, K, V, M> Walk<'g, K, V, M> {
    /// The word that the walk goes on from: of the link of the node that it gave out last.
    pub(crate) fn word_mut(&mut self) -> &mut Word<'g, Node<K, V, M>> {
        &mut self.word
    }

    /// A walk over all nodes with this hash or a greater one, which is to meet about so many.
    pub(crate) fn new(from: u64, entries: usize, state: &'g State<Node<K, V, M>>) -> Self {
        let view = state.view();
        let ahead = Ahead::shared(view.newest_member());
        ahead.begin(from, entries);
        Walk {
            word: view.start(from).head.load(),
            from,
            ahead,
            strange: 0,
            state,
        }
    }

    /// Looks ahead from a head that the walk passes.
    #[inline]
    fn pass(&mut self, head: &Link<Node<K, V, M>>) {
        if !self.ahead.pass(head) {
            self.strange += 1;
            if self.strange == STRANGE {
                self.strange = 0;
                self.ahead = Ahead::shared(self.state.view().newest_member());
            }
        }
    }
}

impl<'g, K, V, M> Iterator for Walk<'g, K, V, M> {
    type Item = &'g Node<K, V, M>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.next_before(|_| false)
    }
}

impl<'g, K, V, M> Walk<'g, K, V, M> {
    /// The next node, if it comes before a head that `is_end` accepts; it stays there.
    #[inline]
    pub(crate) fn next_before(
        &mut self,
        mut is_end: impl FnMut(&Link<Node<K, V, M>>) -> bool,
    ) -> Option<&'g Node<K, V, M>> {
        loop {
            match self.word.target() {
                Target::End => return None,
                Target::Head(head) if is_end(head) => return None,
                Target::Head(head) => {
                    self.word = head.load();
                    self.pass(head);
                }
                Target::Node(node) => {
                    self.word = node.next().load();
                    if !self.word.is_marked() && node.hash() >= self.from {
                        return Some(node);
                    }
                }
            }
        }
    }
}
