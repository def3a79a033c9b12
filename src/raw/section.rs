//! A writer's list: all entries of the map, and the heads between them, sorted by hash. This
//! file has the one search of writers, and every compare-and-swap in the life of a node.
//!
//! # Invariant
//!
//! * **Order.** Hashes never fall along the list. A head stands before the nodes of its key; heads
//!   of one key stand side by side, the oldest table's first. Nodes of equal hash form one run,
//!   which no head interrupts; a node enters a run only at its front, or directly behind the marked
//!   node that it replaces.
//! * **Presence.** Let a head be one of the newest table whose stride is ready. For every node that
//!   can be reached and has no other head nearer before it, the presence bit of its hash is set in
//!   that head.
//! * **Closed.** A head that leads to a twin, or is frozen, gets no node directly behind it any more.
//!   The target of a frozen head never changes.
//! * **Stop.** A walk from the own head of a bucket that meets a head, while `state` is still the
//!   one it started with and not SLOW, has seen the whole bucket.
//! * **One of a key.** At most one node of a key is unmarked. The nodes of a key that can be
//!   reached are one chain of replacements, of which only the last may be unmarked.
//! * **Retire.** A node is retired by the thread whose compare-and-swap unlinked it, and a thread
//!   that marked a node returns only when the node cannot be reached any more.
//! * **No user code** runs between a successful mark and the end of its cleanup, which goes by
//!   hash alone.
//!
//! # Presence bits
//!
//! A bit is set before the node can be reached, in the last head that the search has passed. If that
//! head turns out to be closed, emptied or frozen, it may no longer be the nearest head of the place,
//! and the writer searches again. Bits are dropped in one place only: where a node is linked behind
//! an empty head that is its bucket's own, ready, in a state that has not changed and is not SLOW.
//! An unlink that empties a head keeps its bits, since while a resize is under way nodes behind
//! another head may rely on them.
//!
//! # Linearization
//!
//! | operation | takes effect |
//! |---|---|
//! | insert | at the compare-and-swap in [`Link::publish`] |
//! | replace | at the compare-and-swap in [`Link::replace`]: readers see the old or the new node |
//! | remove | at the compare-and-swap in [`Link::mark`] |

#![forbid(unsafe_code)]

use std::ptr;

use crate::raw::array::Array;
use crate::raw::link::{Link, Linked, Target, Unlinked};
use crate::raw::node::Node;
use crate::raw::place::{Cursor, Place};
use crate::raw::retired::{self};
use crate::raw::state::{Known, Start, State, View};
use crate::raw::word::{Presence, Word};
use crate::reclaim::{Pinned, Reclaimer};

/// The list as one pinned section sees it: pinned for `'s`, while what it reads is protected for
/// `'g`.
pub(crate) struct Section<'s, 'g, K, V, M, R: Reclaimer> {
    pub(crate) state: &'g State<Node<K, V, M>>,
    pub(crate) pinned: Pinned<'s, 'g, R>,
}

impl<K, V, M, R: Reclaimer> Clone for Section<'_, '_, K, V, M, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V, M, R: Reclaimer> Copy for Section<'_, '_, K, V, M, R> {}

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
    /// The unmarked word of the node's link.
    next: Word<'g, N>,
}

/// The result of a search for a key.
pub(crate) enum Find<'g, N> {
    Found(Found<'g, N>),
    /// No unmarked node has the key; one may be linked here, at the front of its hash's run.
    Absent(Cursor<'g, N>),
}

/// The result of a search for a key, and whether it has retired something on its way.
pub(crate) struct Searched<'g, N> {
    pub(crate) find: Find<'g, N>,
    pub(crate) retired: bool,
}

/// Where a walk stands, and the view that it uses.
pub(crate) struct Position<'g, N: Linked> {
    view: View<'g, N>,
    cursor: Cursor<'g, N>,
    /// It started from a bucket's own head.
    own: bool,
}

impl<'g, N: Linked> Position<'g, N> {
    fn at(view: View<'g, N>, start: Start<'g, N>) -> Self {
        Position {
            view,
            cursor: Cursor::behind(start.head, start.head.load()),
            own: start.own,
        }
    }

    pub(crate) fn place(&self) -> Place<'g, N> {
        self.cursor.place()
    }
}

/// The goal of a search.
trait Goal<'g, N: Linked>: Copy {
    /// The next head after the own head of a bucket is the end, if the state has not changed.
    const ENDS_AT_HEAD: bool;

    /// Where the search starts.
    fn start(self, view: View<'g, N>) -> Start<'g, N>;

    /// Whether the goal is before a node of this hash.
    fn is_before_node(self, hash: u64) -> bool;

    /// Whether the goal is before a head, which `view` knows.
    fn is_before_head(self, known: Known, view: View<'g, N>) -> bool;
}

/// The place of a node: behind all of its hash.
#[derive(Clone, Copy)]
struct OfHash(u64);

impl<'g, N: Linked> Goal<'g, N> for OfHash {
    const ENDS_AT_HEAD: bool = true;

    fn start(self, view: View<'g, N>) -> Start<'g, N> {
        view.start(self.0)
    }

    #[inline(always)]
    fn is_before_node(self, hash: u64) -> bool {
        hash > self.0
    }

    fn is_before_head(self, known: Known, _: View<'g, N>) -> bool {
        known.key > self.0
    }
}

/// The place of a head of `table`, which is not linked yet: behind its twins of older tables. The
/// search starts in an older table, none of whose heads is frozen there.
struct OfHead<'g, N> {
    table: Array<'g, N>,
    key: u64,
}

impl<N> Clone for OfHead<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for OfHead<'_, N> {}

impl<'g, N: Linked> Goal<'g, N> for OfHead<'g, N> {
    const ENDS_AT_HEAD: bool = false;

    fn start(self, view: View<'g, N>) -> Start<'g, N> {
        Start {
            head: view.start_behind(self.table, self.key),
            own: false,
        }
    }

    fn is_before_node(self, hash: u64) -> bool {
        hash >= self.key
    }

    fn is_before_head(self, known: Known, view: View<'g, N>) -> bool {
        let is_older = || view.age_of(self.table).is_some_and(|age| known.age > age);
        known.key > self.key || known.key == self.key && !is_older()
    }
}

/// The place behind all heads of the key `last`, from the bucket before the key `first` on.
#[derive(Clone, Copy)]
struct OfHeads {
    first: u64,
    last: u64,
}

impl<'g, N: Linked> Goal<'g, N> for OfHeads {
    const ENDS_AT_HEAD: bool = false;

    fn start(self, view: View<'g, N>) -> Start<'g, N> {
        view.start(self.first.saturating_sub(1))
    }

    fn is_before_node(self, hash: u64) -> bool {
        hash >= self.last
    }

    fn is_before_head(self, known: Known, _: View<'g, N>) -> bool {
        known.key > self.last
    }
}

/// Where a search stopped.
struct Stop<'g, N: Linked> {
    position: Position<'g, N>,
    /// The place before the first node of the hash, where there is one.
    front: Option<Cursor<'g, N>>,
    found: Option<(&'g N, Word<'g, N>)>,
    /// Marked nodes were unlinked and retired on the way.
    retired: bool,
}

impl<'s, 'g, K, V, M, R> Section<'s, 'g, K, V, M, R>
where
    R: Reclaimer,
{
    /// As `find`, where no resize is under way, and only unmarked nodes of other hashes stand before
    /// the place: nearly always. Elsewhere an error: a key that was compared and differs, or null.
    /// If the caller needs no place without the key, the head's presence bits may show that the
    /// key is absent.
    #[inline(always)]
    pub(crate) fn find_undisturbed(
        view: View<'g, Node<K, V, M>>,
        hash: u64,
        matches: impl FnOnce(&K) -> bool,
        needs_key: bool,
    ) -> Result<Find<'g, Node<K, V, M>>, *const K> {
        let head = view.quiet_head(hash).ok_or(ptr::null())?;
        let mut cursor = Cursor::behind(head, head.load());
        if cursor.word.is_marked() {
            return Err(ptr::null());
        }
        if needs_key && !cursor.word.may_hold_hash(hash) {
            return Self::absent_at(view, cursor);
        }
        loop {
            let node = match cursor.word.target() {
                Target::Node(node) => node,
                Target::End | Target::Head(_) => {
                    cursor.ends_bucket = true;
                    return Self::absent_at(view, cursor);
                }
            };
            if node.hash() > hash {
                return Ok(Find::Absent(cursor));
            }
            let next = node.next().load();
            if next.is_marked() {
                return Err(ptr::null());
            }
            if node.hash() == hash {
                let found = Find::Found(Found { cursor, node, next });
                return matches(node.key()).then_some(found).ok_or(node.key());
            }
            cursor.prev = node.next();
            cursor.word = next;
        }
    }

    /// The end of a bucket, if `view` still says so.
    #[inline(always)]
    fn absent_at(
        view: View<'g, Node<K, V, M>>,
        cursor: Cursor<'g, Node<K, V, M>>,
    ) -> Result<Find<'g, Node<K, V, M>>, *const K> {
        let is_absent = view.is_current();
        is_absent.then_some(Find::Absent(cursor)).ok_or(ptr::null())
    }

    /// A writer's search for a key, by `view` as long as nothing changes; unlinks the marked nodes
    /// and the frozen heads that it passes.
    pub(crate) fn find(
        self,
        view: View<'g, Node<K, V, M>>,
        hash: u64,
        matches: impl FnMut(&K) -> bool,
    ) -> Searched<'g, Node<K, V, M>> {
        let from = Position::at(view, view.start(hash));
        let stop = self.search(Some(from), OfHash(hash), hash, matches);
        let cursor = stop.position.cursor;
        let find = match stop.found {
            Some((node, next)) => Find::Found(Found { cursor, node, next }),
            None => Find::Absent(stop.front.unwrap_or(cursor)),
        };
        Searched {
            find,
            retired: stop.retired,
        }
    }

    /// Where the head of `table` with this key belongs: a stride of the table that this thread has
    /// claimed. Goes on from `from`, where a place for a smaller key was found.
    pub(crate) fn place(
        self,
        from: Option<Position<'g, Node<K, V, M>>>,
        table: Array<'g, Node<K, V, M>>,
        key: u64,
    ) -> Position<'g, Node<K, V, M>> {
        self.search(from, OfHead { table, key }, 0, |_| false)
            .position
    }

    /// The places of new heads between `head` and the next head of the same table, as
    /// [`place`](Self::place) finds them, where nothing but unmarked nodes stands there. Calls
    /// `found` for each of the keys, which rise from that of `head` on. False if anything else
    /// stands there; then nothing that was found counts.
    pub(crate) fn quick_places(
        older: Array<'g, Node<K, V, M>>,
        head: &'g Link<Node<K, V, M>>,
        mut keys: impl Iterator<Item = u64>,
        mut found: impl FnMut(Place<'g, Node<K, V, M>>),
    ) -> bool {
        let mut cursor = Cursor::behind(head, head.load());
        let Some(mut key) = keys.next() else {
            return true;
        };
        loop {
            if cursor.word.is_marked() {
                return false;
            }
            match cursor.word.target() {
                Target::Node(node) => {
                    while key <= node.hash() {
                        found(cursor.place());
                        let Some(next) = keys.next() else {
                            return true;
                        };
                        key = next;
                    }
                    cursor.prev = node.next();
                    cursor.word = node.next().load();
                }
                Target::Head(head) if older.key_of(head).is_none() => return false,
                Target::Head(_) | Target::End => {
                    found(cursor.place());
                    keys.by_ref().for_each(|_| found(cursor.place()));
                    return true;
                }
            }
        }
    }

    /// Unlinks the frozen head `frozen`, whose key is `key`, where nothing but unmarked nodes stands
    /// between `from` and it. False if anything else does.
    pub(crate) fn quick_unlink_head(
        from: &'g Link<Node<K, V, M>>,
        frozen: &'g Link<Node<K, V, M>>,
        key: u64,
    ) -> bool {
        let mut cursor = Cursor::behind(from, from.load());
        loop {
            if cursor.word.is_marked() {
                return false;
            }
            match cursor.word.target() {
                Target::Node(node) if node.hash() < key => {
                    cursor.prev = node.next();
                    cursor.word = node.next().load();
                }
                Target::Head(head) if std::ptr::eq(head, frozen) => {
                    return Self::unlink_head(&mut cursor, frozen.load());
                }
                _ => return false,
            }
        }
    }

    /// Unlinks every frozen head from the key `first` to the key `last`. Looks by `view` first.
    pub(crate) fn unlink_heads(self, view: View<'g, Node<K, V, M>>, first: u64, last: u64) {
        let goal = OfHeads { first, last };
        let from = Position::at(view, goal.start(view));
        self.search(Some(from), goal, 0, |_| false);
    }

    /// The one search of writers. Stops at the node of this hash that `matches` accepts, or at the
    /// goal.
    ///
    /// Everything it passes was unmarked when passed: marked nodes are unlinked and retired on the
    /// way, frozen heads unlinked. If another thread was faster, it starts again.
    #[inline]
    fn search<G: Goal<'g, Node<K, V, M>>>(
        self,
        mut from: Option<Position<'g, Node<K, V, M>>>,
        goal: G,
        hash: u64,
        mut matches: impl FnMut(&K) -> bool,
    ) -> Stop<'g, Node<K, V, M>> {
        let mut retired = false;
        'again: loop {
            let mut position = from.take().unwrap_or_else(|| {
                let view = self.state.view();
                Position::at(view, goal.start(view))
            });
            let Position { view, own, .. } = position;
            let cursor = &mut position.cursor;
            let mut front: Option<Cursor<'g, Node<K, V, M>>> = None;
            let mut found = None;
            loop {
                if cursor.word.is_marked() {
                    // A frozen head, of a table that is not the newest any more.
                    continue 'again;
                }
                let node = match cursor.word.target() {
                    Target::Node(node) => node,
                    Target::End => {
                        cursor.ends_bucket = G::ENDS_AT_HEAD && own && view.is_current();
                        break;
                    }
                    Target::Head(_) if G::ENDS_AT_HEAD && own && view.is_current() => {
                        cursor.ends_bucket = true;
                        break;
                    }
                    Target::Head(head) => match view.known(head) {
                        // A head of a newer table, or of one that is gone.
                        None => continue 'again,
                        Some(known) if goal.is_before_head(known, view) => break,
                        Some(_) if self.pass_head(cursor, head) => continue,
                        Some(_) => continue 'again,
                    },
                };
                if goal.is_before_node(node.hash()) {
                    break;
                }
                let next = node.next().load();
                if node.hash() == hash && front.is_none() {
                    front = Some(*cursor);
                }
                if next.is_marked() {
                    let Some((word, unlinked)) = cursor.prev.unlink(cursor.word, next) else {
                        continue 'again;
                    };
                    self.retire(unlinked);
                    retired = true;
                    cursor.now_holds(word);
                    if front.is_some_and(|front| front.is_same_place(cursor)) {
                        front = Some(*cursor);
                    }
                    continue;
                }
                if node.hash() == hash && matches(node.key()) {
                    found = Some((node, next));
                    break;
                }
                cursor.prev = node.next();
                cursor.word = next;
            }
            return Stop {
                position,
                front,
                found,
                retired,
            };
        }
    }

    /// Goes past a head, or unlinks it if it is frozen. False if the place has changed.
    fn pass_head(
        self,
        cursor: &mut Cursor<'g, Node<K, V, M>>,
        head: &'g Link<Node<K, V, M>>,
    ) -> bool {
        let word = head.load();
        if word.is_marked() {
            return Self::unlink_head(cursor, word);
        }
        *cursor = Cursor::behind(head, word);
        true
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
        let inherited = if frozen.leads_to_head() {
            Presence::NONE
        } else {
            frozen.presence()
        };
        let mut presence = Presence::NONE;
        if cursor.is_at_head() {
            presence = cursor.word.presence().union(inherited);
        } else if !cursor.head_word.presence().covers(inherited) && !cursor.head.add(inherited) {
            return false;
        }
        let Some(word) = cursor.prev.unlink_head(cursor.word, frozen, presence) else {
            return false;
        };
        cursor.now_holds(word);
        true
    }

    /// Links a node at a place that a search found. Returns the node if the place has changed.
    ///
    /// See the file's header for the presence bit. Behind a head it is set in one compare-and-swap
    /// with the link.
    #[inline(always)]
    pub(crate) fn link(
        &self,
        cursor: Cursor<'g, Node<K, V, M>>,
        node: Box<Node<K, V, M>>,
    ) -> Linking<'g, K, V, M> {
        let presence = Presence::of(node.hash());
        node.next().store_unpublished(cursor.word.bare());
        if cursor.is_at_head() {
            let known = if cursor.ends_bucket {
                Presence::NONE
            } else {
                cursor.word.presence()
            };
            return cursor
                .prev
                .publish(cursor.word, node, known.union(presence));
        }
        if !cursor.head_word.may_hold(presence) && !cursor.head.add(presence) {
            return Err(node);
        }
        cursor.prev.publish(cursor.word, node, Presence::NONE)
    }

    /// Replaces a node with the same key by `node`; the old one is unlinked when this returns. Returns
    /// `node` if the old one has changed.
    #[inline(always)]
    pub(crate) fn replace(
        &self,
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
    #[inline(always)]
    pub(crate) fn remove(&self, found: &Found<'g, Node<K, V, M>>) -> bool {
        // Linearization point of a removal.
        if !found.node.next().mark(found.next) {
            return false;
        }
        self.unlink(found.cursor, found.node.hash(), found.next);
        true
    }

    /// Removes a node that a walk has met, whose link held `word` then. False if another thread
    /// removed or replaced it first. `word` is where the walk goes on.
    pub(crate) fn remove_met(
        self,
        node: &'g Node<K, V, M>,
        word: &mut Word<'g, Node<K, V, M>>,
    ) -> bool {
        while !word.is_marked() {
            if node.next().mark(*word) {
                self.clean(node.hash());
                return true;
            }
            // Something was linked behind the node, or it was removed or replaced: then the walk
            // goes on to the replacement.
            *word = node.next().load();
        }
        false
    }

    /// Unlinks the node behind `cursor`, which this thread has marked; `next` is its successor.
    #[inline(always)]
    fn unlink(&self, cursor: Cursor<'g, Node<K, V, M>>, hash: u64, next: Word<'g, Node<K, V, M>>) {
        match cursor.prev.unlink(cursor.word, next) {
            Some((_, unlinked)) => self.retire(unlinked),
            None => self.clean(hash),
        }
    }

    /// Unlinks every marked node of a hash: when this returns, no node that this thread has marked
    /// can be reached.
    #[cold]
    #[inline(never)]
    fn clean(&self, hash: u64) {
        self.search(None, OfHash(hash), hash, |_| false);
    }

    #[inline(always)]
    fn retire(&self, unlinked: Unlinked<'g, Node<K, V, M>>) {
        #[cfg(splitmap_loom)]
        crate::model::audit::unreachable(self.state, &unlinked);
        retired::node(self.pinned, unlinked);
    }
}
