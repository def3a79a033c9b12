//! Walks over all nodes of the list, in its order, while others write.

use crate::raw::link::{Link, Linked, Target};
use crate::raw::node::Node;
use crate::raw::state::State;
use crate::raw::word::Word;

/// A walk over all nodes of the list, in its order.
///
/// Advancing uses the word that the node was judged by: a node is yielded if its link was unmarked
/// when read, and the walk goes on from that very word. So an entry that is present throughout is met
/// exactly once, and of a replaced node and its replacement exactly one is yielded.
pub(crate) struct Walk<'g, K, V, M> {
    word: Word<'g, Node<K, V, M>>,
    /// Nodes of smaller hashes are not yielded.
    from: u64,
}

impl<K, V, M> Clone for Walk<'_, K, V, M> {
    fn clone(&self) -> Self {
        Walk {
            word: self.word,
            from: self.from,
        }
    }
}

impl<'g, K, V, M> Walk<'g, K, V, M> {
    /// The word that the walk goes on from: of the link of the node that it gave out last.
    pub(crate) fn word_mut(&mut self) -> &mut Word<'g, Node<K, V, M>> {
        &mut self.word
    }

    /// A walk over all nodes with this hash or a greater one.
    pub(crate) fn new(from: u64, state: &'g State<Node<K, V, M>>) -> Self {
        Walk {
            word: state.view().start(from).head.load(),
            from,
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
                Target::Head(head) => self.word = head.load(),
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
