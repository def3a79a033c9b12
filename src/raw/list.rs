//! The list: all entries of the map, and the heads between them, sorted by hash. One search for
//! writers, one walk for readers; every compare-and-swap story is told here.
//!
//! # Invariant
//!
//! * **Order.** Hashes never fall along the list. A head stands before the nodes of its key. Nodes
//!   of equal hash form one run, which no head interrupts; a node enters a run only at its front,
//!   or directly behind the marked node that it replaces.
//! * **Presence.** For every node that can be reached, the presence bit of its hash is set in the
//!   nearest head before it.
//! * **Stop.** A walk from the own head of a bucket that meets a head, while `state` is still the
//!   one it started with and the map is not shrinking, has seen the whole bucket.
//! * **One of a key.** At most one node of a key is unmarked. The nodes of a key that can be
//!   reached are one chain of replacements, of which only the last may be unmarked.
//! * **Retire.** A node is retired by the thread whose compare-and-swap unlinked it, and a thread
//!   that marked a node returns only when the node cannot be reached any more.
//! * **No user code** runs between a successful mark and the end of its cleanup, which goes by
//!   hash alone.
//!
//! # Linearization
//!
//! | operation | takes effect |
//! |---|---|
//! | insert | at the compare-and-swap in [`Link::publish`] |
//! | replace | at the compare-and-swap in [`Link::replace`]: readers see the old or the new node |
//! | remove | at the compare-and-swap in [`Link::mark`] |
//! | find, hit | when the node's link was read unmarked, or, if the node had been unlinked, at the start of the read |
//! | find, miss | when the last owner and the next head or greater node were adjacent, or at the read of a head without the presence bit |

#![forbid(unsafe_code)]

use std::hint::select_unpredictable;

use crate::raw::directory::{Start, State, View};
use crate::raw::link::{Link, Linked, Presence, Target, Unlinked, Word};
use crate::raw::node::Node;
use crate::raw::retired::{self, Retired};
use crate::reclaim::{Pinned, Protected, Reclaim, Reclaimer};

/// The list as one pinned section sees it.
pub(crate) struct List<'g, K, V, M, R: Reclaimer> {
    pub(crate) state: &'g State<Node<K, V, M>>,
    pub(crate) pinned: Pinned<'g, R>,
}

impl<K, V, M, R: Reclaimer> Clone for List<'_, K, V, M, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V, M, R: Reclaimer> Copy for List<'_, K, V, M, R> {}

/// A place in the list between two neighbours, as a search left it.
pub(crate) struct Cursor<'g, N> {
    /// The link before the place.
    pub(crate) prev: &'g Link<N>,
    /// What it held, unmarked.
    pub(crate) word: Word<'g, N>,
    /// The last head before the place, and what it held when it was passed.
    head: &'g Link<N>,
    head_word: Word<'g, N>,
}

impl<N> Clone for Cursor<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for Cursor<'_, N> {}

impl<'g, N> Cursor<'g, N> {
    fn at_head(head: &'g Link<N>) -> Self {
        let word = head.load();
        Self::behind(head, word)
    }

    /// The place behind a head, which holds `word`.
    fn behind(head: &'g Link<N>, word: Word<'g, N>) -> Self {
        Cursor {
            prev: head,
            word,
            head,
            head_word: word,
        }
    }

    /// The place is directly behind its head.
    fn is_at_head(&self) -> bool {
        std::ptr::eq(self.prev, self.head)
    }
}

/// The node that was linked, or the node to be linked if the place had changed.
type Linking<'g, K, V, M> = Result<&'g Node<K, V, M>, Box<Node<K, V, M>>>;

/// A replaced node and the one in its place, or the node to be linked if the place had changed.
type Replacing<'g, K, V, M> = Result<Replaced<'g, Node<K, V, M>>, Box<Node<K, V, M>>>;

/// A replaced node, and the one in its place.
pub(crate) struct Replaced<'g, N> {
    pub(crate) old: &'g N,
    pub(crate) new: &'g N,
}

/// An unmarked node with a key, and the place before it.
pub(crate) struct Found<'g, N> {
    cursor: Cursor<'g, N>,
    pub(crate) node: &'g N,
    /// What the node's link held, unmarked.
    next: Word<'g, N>,
}

/// What a search for a key came to.
pub(crate) enum Find<'g, N> {
    Found(Found<'g, N>),
    /// No unmarked node has the key; one may be linked here, at the front of its hash's run.
    Absent(Cursor<'g, N>),
}

/// What a search for a key came to, and whether it has retired something on its way.
pub(crate) struct Searched<'g, N> {
    pub(crate) find: Find<'g, N>,
    pub(crate) retired: bool,
}

/// A place where heads may be linked: nothing stands between it and `limit`.
pub(crate) struct Gap<'g, N> {
    pub(crate) cursor: Cursor<'g, N>,
    /// No key of a node or head in the list lies between the cursor and this.
    pub(crate) limit: u64,
}

/// A head to start from, and the state by which it was found.
type From<'g, N> = (View<'g, N>, Start<'g, N>);

/// Where the one search stopped.
struct Stop<'g, N: Linked> {
    cursor: Cursor<'g, N>,
    /// The place before the first node of the hash, where there is one.
    front: Option<Cursor<'g, N>>,
    found: Option<(&'g N, Word<'g, N>)>,
    /// Marked nodes were unlinked and retired on the way.
    retired: bool,
    /// The state that the search went by.
    view: View<'g, N>,
    /// The key of what stands behind the cursor; `None` for a head that ends the bucket of the
    /// view, whose key was not asked for.
    behind: Option<u64>,
}

/// What a reader's walk along a bucket came to.
pub(crate) enum Walked<'g, N> {
    Found(&'g N),
    /// The next head: the end of the bucket, if the state has not changed.
    Head,
    /// A marked node is in the way.
    Marked,
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
pub(crate) fn walk<'g, K, V, M>(
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
        if (const { cheap::<K>() } || node.hash() == hash)
            && matches(node.key())
            && !next.is_marked()
        {
            return Walked::Found(node);
        }
        word = next;
    }
}

/// A reader's search that takes any state of the list: marked nodes, heads that are not ready,
/// a resize under way. Never starts again.
///
/// A key that writers replace again and again is returned after `T + 1` marked nodes, where `T`
/// is the number of participants: each of those nodes was marked before this search began only
/// if the operation that marked it has not returned, and a participant has one such operation.
/// So one of `T + 1` was marked later, and had been live before that, within this search. (The
/// nodes of one key stand in the order in which they were marked.)
pub(crate) fn lookup<'g, K, V, M, R: Reclaimer>(
    state: &'g State<Node<K, V, M>>,
    protected: Protected<'g, R>,
    hash: u64,
    mut matches: impl FnMut(&K) -> bool,
) -> Option<&'g Node<K, V, M>> {
    let view = state.view();
    let start = view.start(hash);
    let mut newest = view;
    let mut word = start.head.load();
    let mut marked = 0;
    loop {
        match word.target() {
            Target::End => return None,
            Target::Head(head) => {
                if start.own && view.is_current() {
                    return None;
                }
                let key = newest.key_of(head).or_else(|| {
                    newest = state.view();
                    newest.key_of(head)
                });
                // A head that even a fresh directory does not know is stepped over: a reader
                // that goes too far stops at the first greater hash.
                if key.is_some_and(|key| key > hash) {
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

impl<'g, K, V, M, R> List<'g, K, V, M, R>
where
    R: Reclaim<Retired<K, V, M>>,
{
    /// A writer's search for a key, by the directory of `view` as long as nothing changes; unlinks
    /// the marked nodes and the frozen heads that it passes.
    pub(crate) fn find(
        self,
        view: View<'g, Node<K, V, M>>,
        hash: u64,
        matches: impl FnMut(&K) -> bool,
    ) -> Searched<'g, Node<K, V, M>> {
        let stop = self.search(Some((view, view.start(hash))), hash, matches);
        let find = match stop.found {
            Some((node, next)) => Find::Found(Found {
                cursor: stop.cursor,
                node,
                next,
            }),
            None => Find::Absent(stop.front.unwrap_or(stop.cursor)),
        };
        Searched {
            find,
            retired: stop.retired,
        }
    }

    /// Where a head with this key, greater than 0, belongs. Looks from `from` on, if a head is
    /// given, by the directory of `claimed`; `from` must be the last head linked before `key`.
    pub(crate) fn gap(
        self,
        claimed: View<'g, Node<K, V, M>>,
        from: Option<&'g Link<Node<K, V, M>>>,
        key: u64,
    ) -> Gap<'g, Node<K, V, M>> {
        let mut start = from.map(|head| (claimed, Start { head, own: true }));
        loop {
            let stop = self.search(start.take(), key - 1, |_| false);
            let limit = stop.behind.or_else(|| {
                // The head behind ends the bucket of `key - 1` in the view's directory. In the
                // claimed one, whose heads up to the next parent are the caller's alone to link,
                // that is the end of the parent. In a newer one it may be any finer head.
                if stop.view == claimed {
                    return Some(u64::MAX);
                }
                match stop.cursor.word.target() {
                    Target::Head(head) => stop.view.key_of(head),
                    Target::End | Target::Node(_) => unreachable!("the bucket ends at a head"),
                }
            });
            if let Some(limit) = limit {
                return Gap {
                    cursor: stop.cursor,
                    limit,
                };
            }
        }
    }

    /// The one search of writers. Stops at the node that `matches` accepts, or before the first
    /// node or head whose key is greater than `hash`.
    ///
    /// Everything it passes was unmarked when passed: marked nodes are unlinked and retired on the
    /// way, frozen heads unlinked; who loses against somebody else there starts again.
    fn search(
        self,
        mut from: Option<From<'g, Node<K, V, M>>>,
        hash: u64,
        mut matches: impl FnMut(&K) -> bool,
    ) -> Stop<'g, Node<K, V, M>> {
        let mut retired = false;
        'again: loop {
            let (view, start) = from.take().unwrap_or_else(|| {
                let view = self.state.view();
                (view, view.start(hash))
            });
            let mut cursor = Cursor::at_head(start.head);
            let mut front: Option<Cursor<'g, Node<K, V, M>>> = None;
            loop {
                if cursor.word.is_marked() {
                    // A frozen head, of a directory that is not the newest any more.
                    continue 'again;
                }
                let stop = move |found, behind| Stop {
                    cursor,
                    front,
                    found,
                    retired,
                    view,
                    behind,
                };
                let node = match cursor.word.target() {
                    Target::Node(node) => node,
                    Target::End => return stop(None, Some(u64::MAX)),
                    Target::Head(head) => {
                        if start.own && view.is_current() {
                            return stop(None, None);
                        }
                        match view.key_of(head) {
                            // A head of a newer directory, or of a group that is gone.
                            None => continue 'again,
                            Some(key) if key > hash => return stop(None, Some(key)),
                            Some(_) => {}
                        }
                        let word = head.load();
                        if !word.is_marked() {
                            cursor = Cursor::behind(head, word);
                        } else if !Self::unlink_head(&mut cursor, word) {
                            continue 'again;
                        }
                        continue;
                    }
                };
                if node.hash() > hash {
                    return stop(None, Some(node.hash()));
                }
                let next = node.next().load();
                if node.hash() == hash && front.is_none() {
                    front = Some(cursor);
                }
                if next.is_marked() {
                    let Some((word, unlinked)) = cursor.prev.unlink(cursor.word, next) else {
                        continue 'again;
                    };
                    self.retire(unlinked);
                    retired = true;
                    cursor.word = word;
                    if cursor.is_at_head() {
                        cursor.head_word = word;
                    }
                    if front.is_some_and(|front| std::ptr::eq(front.prev, cursor.prev)) {
                        front = Some(cursor);
                    }
                    continue;
                }
                if node.hash() == hash && matches(node.key()) {
                    return Stop {
                        cursor,
                        front,
                        found: Some((node, next)),
                        retired,
                        view,
                        behind: None,
                    };
                }
                cursor.prev = node.next();
                cursor.word = next;
            }
        }
    }

    /// Unlinks the frozen head behind `cursor`, whose final word is `frozen`. False if the place has
    /// changed.
    ///
    /// The nodes behind it then stand behind the head before it, which takes its presence bits
    /// over: as in [`link`](Self::link), in the same step or, behind a node, before it.
    fn unlink_head(
        cursor: &mut Cursor<'g, Node<K, V, M>>,
        frozen: Word<'g, Node<K, V, M>>,
    ) -> bool {
        let mut presence = Presence::NONE;
        if !frozen.leads_to_head() {
            if cursor.is_at_head() {
                presence = cursor.word.presence().and(frozen.presence());
            } else if !cursor.head_word.presence().covers(frozen.presence())
                && cursor.head.add(frozen.presence()).is_marked()
            {
                return false;
            }
        }
        let Some(word) = cursor.prev.unlink_head(cursor.word, frozen, presence) else {
            return false;
        };
        cursor.word = word;
        if cursor.is_at_head() {
            cursor.head_word = word;
        }
        true
    }

    /// Links a node at a place that a search found. It comes back if the place has changed.
    ///
    /// The presence bit is set before the node can be reached, in the last head that the search
    /// passed. Behind a head that is one compare-and-swap with the link. Behind a node the bit goes
    /// first: if the head has been emptied and cleared since, then that node was marked, and the
    /// compare-and-swap on its link fails.
    pub(crate) fn link(
        self,
        cursor: Cursor<'g, Node<K, V, M>>,
        node: Box<Node<K, V, M>>,
    ) -> Linking<'g, K, V, M> {
        let presence = Presence::of(node.hash());
        node.next().store_unpublished(cursor.word.bare());
        if cursor.is_at_head() {
            // A head with nothing behind it starts afresh with this bit alone.
            let known = if cursor.word.leads_to_head() {
                Presence::NONE
            } else {
                cursor.word.presence()
            };
            return cursor.prev.publish(cursor.word, node, known.and(presence));
        }
        if !cursor.head_word.may_hold(presence) && cursor.head.add(presence).is_marked() {
            return Err(node);
        }
        cursor.prev.publish(cursor.word, node, Presence::NONE)
    }

    /// Puts `node` in the place of a node with its key, which is unlinked when this returns. `node`
    /// comes back if the old one has changed.
    pub(crate) fn replace(
        self,
        found: &Found<'g, Node<K, V, M>>,
        node: Box<Node<K, V, M>>,
    ) -> Replacing<'g, K, V, M> {
        node.next().store_unpublished(found.next.bare());
        // Linearization point of a replacement.
        let (new, word) = found.node.next().replace(found.next, node)?;
        self.unlink(found.cursor, found.node.hash(), word);
        Ok(Replaced {
            old: found.node,
            new,
        })
    }

    /// Removes a node, which is unlinked when this returns true. False if it has changed.
    pub(crate) fn remove(self, found: &Found<'g, Node<K, V, M>>) -> bool {
        // Linearization point of a removal.
        if !found.node.next().mark(found.next) {
            return false;
        }
        self.unlink(found.cursor, found.node.hash(), found.next);
        true
    }

    /// Removes a node that a walk has met. False if somebody else removed or replaced it first.
    pub(crate) fn remove_walked(
        self,
        node: &'g Node<K, V, M>,
        walk: &mut Walk<'g, K, V, M>,
    ) -> bool {
        while !walk.word.is_marked() {
            if node.next().mark(walk.word) {
                self.clean(node.hash());
                return true;
            }
            // Something was linked behind the node, or it was removed or replaced: then the walk
            // goes on to the replacement.
            walk.word = node.next().load();
        }
        false
    }

    /// Unlinks the node behind `cursor`, which this thread has marked; `next` is its successor.
    fn unlink(self, cursor: Cursor<'g, Node<K, V, M>>, hash: u64, next: Word<'g, Node<K, V, M>>) {
        match cursor.prev.unlink(cursor.word, next) {
            Some((_, unlinked)) => self.retire(unlinked),
            None => self.clean(hash),
        }
    }

    /// Unlinks every marked node of a hash: whatever of this thread's was marked cannot be reached
    /// when this returns.
    fn clean(self, hash: u64) {
        self.search(None, hash, |_| false);
    }

    /// Unlinks every frozen head from the head before `key` to `key`. Looks by the directory of
    /// `view` first.
    pub(crate) fn unlink_heads(self, view: View<'g, Node<K, V, M>>, key: u64) {
        self.search(Some((view, view.start(key))), key, |_| false);
    }

    fn retire(self, unlinked: Unlinked<'g, Node<K, V, M>>) {
        #[cfg(splitmap_loom)]
        crate::raw::audit::unreachable(self.state, &unlinked);
        retired::node(self.pinned, unlinked);
    }
}

/// A walk over all nodes of the list, in its order.
///
/// Advancing uses the word that the node was judged by: a node is yielded if its link was unmarked
/// when read, and the walk goes on from that very word. So whoever is there throughout is met
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
