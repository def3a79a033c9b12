//! A reader's whole story: the bucket's head, its presence bits, and a walk to the next head. A
//! reader writes nothing, starts at most twice, and waits for nobody.
//!
//! # Linearization
//!
//! | result | takes effect |
//! |---|---|
//! | hit | when the node's link was read unmarked, or, if the node had been unlinked, at the start of the read |
//! | miss | when the last owner and the next head or greater node were adjacent, or at the read of a head without the presence bit |

#![forbid(unsafe_code)]

use std::hint::select_unpredictable;

use crate::raw::link::{Linked, Target};
use crate::raw::node::Node;
use crate::raw::state::{State, View};
use crate::raw::word::Word;
use crate::reclaim::{Protected, Reclaimer};

/// What a walk along a bucket came to.
enum Walked<'g, N> {
    Found(&'g N),
    /// The next head: the end of the bucket, if the state has not changed.
    Head,
    /// A marked node is in the way.
    Marked,
}

/// The node of a key, if it is present.
#[inline(always)]
pub(crate) fn get<'g, K, V, M, R: Reclaimer>(
    state: &'g State<Node<K, V, M>>,
    protected: Protected<'g, R>,
    hash: u64,
    mut matches: impl FnMut(&K) -> bool,
) -> Option<&'g Node<K, V, M>> {
    let view = state.view();
    // All else is one call at the end: so the quick path saves no registers for it.
    if let Some(head) = view.quiet_head(hash) {
        let word = head.load();
        if !word.may_hold_hash(hash) {
            // Linearization point of such a miss: the load of the head, while `state` was still the
            // same: then no finer head had taken the head's nodes over.
            if view.is_current() {
                return None;
            }
        } else {
            match walk(word.bare(), hash, &mut matches) {
                Walked::Found(node) => return Some(node),
                Walked::Head if view.is_current() => return None,
                Walked::Head | Walked::Marked => {}
            }
        }
    }
    lookup(state, protected, hash, matches)
}

/// The test of presence bits alone: true if no node of this hash was there at one moment.
pub(crate) fn is_surely_absent<K, V, M>(view: View<'_, Node<K, V, M>>, hash: u64) -> bool {
    view.own_head(hash)
        .is_some_and(|head| !head.load().may_hold_hash(hash) && view.is_current())
}

/// Comparing two keys of this type costs no more than comparing two hashes.
const fn cheap<K>() -> bool {
    !std::mem::needs_drop::<K>() && size_of::<K>() <= size_of::<u64>()
}

/// Walks from a head's bare word to the next head.
///
/// Which of the first two nodes has the key is a coin toss that a branch predictor loses, and a
/// lost toss costs more than both nodes do: so it is chosen by arithmetic. A word that leads to no
/// plain node falls into the tests that are there anyway. Nodes are compared by key alone where
/// that is cheap, else by hash first; never by order, which is one more branch to lose.
#[inline(always)]
fn walk<'g, K, V, M>(
    first: Word<'g, Node<K, V, M>>,
    hash: u64,
    mut matches: impl FnMut(&K) -> bool,
) -> Walked<'g, Node<K, V, M>> {
    let mut word = first;
    if let Some(node) = word.plain() {
        let next = node.next().load();
        let hit = if const { cheap::<K>() } {
            matches(node.key())
        } else {
            node.hash() == hash
        };
        word = select_unpredictable(hit, word, next);
    }
    loop {
        let Some(node) = word.plain() else {
            return if word.is_marked() {
                Walked::Marked
            } else {
                Walked::Head
            };
        };
        let next = node.next().load();
        if (const { cheap::<K>() } || node.hash() == hash) && matches(node.key()) {
            // The end of the quick walk in both cases: so the mark is tested only here.
            return if next.is_marked() {
                Walked::Marked
            } else {
                Walked::Found(node)
            };
        }
        word = next;
    }
}

/// The other path of [`get`], which takes any state of the list: marked nodes, heads that are not
/// ready, a resize under way. Never starts again.
///
/// A key that writers replace again and again is returned after `T + 1` marked nodes, where `T`
/// is the number of participants: each of those nodes was marked before this search began only
/// if the operation that marked it has not returned, and a participant has one such operation.
/// So one of `T + 1` was marked later, and had been live before that, within this search. (The
/// nodes of one key stand in the order in which they were marked.)
#[cold]
#[inline(never)]
fn lookup<'g, K, V, M, R: Reclaimer>(
    state: &'g State<Node<K, V, M>>,
    protected: Protected<'g, R>,
    hash: u64,
    mut matches: impl FnMut(&K) -> bool,
) -> Option<&'g Node<K, V, M>> {
    let view = state.view();
    let start = view.start(hash);
    let mut newest = view;
    let mut word = start.head.load();
    if start.own && !word.may_hold_hash(hash) && view.is_current() {
        return None;
    }
    let mut marked = 0;
    loop {
        match word.target() {
            Target::End => return None,
            Target::Head(head) => {
                if start.own && view.is_current() {
                    return None;
                }
                let known = newest.known(head).or_else(|| {
                    newest = state.view();
                    newest.known(head)
                });
                // A head that even a fresh state does not know is stepped over: a reader that
                // goes too far stops at the first greater hash.
                if known.is_some_and(|known| known.key > hash) {
                    return None;
                }
                word = head.load();
            }
            Target::Node(node) => {
                let next = node.next().load();
                if node.hash() > hash {
                    return None;
                }
                if node.hash() == hash && matches(node.key()) {
                    if !next.is_marked() {
                        return Some(node);
                    }
                    marked += 1;
                    if protected.participants().is_some_and(|t| marked > t) {
                        return Some(node);
                    }
                }
                word = next;
            }
        }
    }
}
