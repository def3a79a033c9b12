//! A write of one key: the one loop of all that insert, replace and remove, and how each ends.
//!
//! Search, decide, one compare-and-swap; if that fails, search again. What was decided for a node
//! still stands when something else has changed there; it is decided anew only for another node.

#![forbid(unsafe_code)]

use crate::sync::MODELLED;
use std::ptr;

use crate::raw::node::Node;
use crate::raw::order::Order;
use crate::raw::reentry::{Watch, note};
use crate::raw::retired::Retired;
use crate::raw::section::{Find, Replaced, Section};
use crate::raw::state::View;
use crate::reclaim::Reclaimer;

/// Whether writers resize the table by themselves. A model says when.
const AUTOMATIC: bool = !MODELLED;

/// What a write does with its key.
pub(crate) enum Plan<K, V, M> {
    /// The node is linked, or replaces the one that is there.
    Put(Box<Node<K, V, M>>),
    /// It is removed, if it is present.
    Remove,
    /// It stays as it is.
    Leave,
}

/// What a write came to.
pub(crate) enum Outcome<'g, K, V, M> {
    Inserted(&'g Node<K, V, M>),
    Replaced(Replaced<'g, Node<K, V, M>>),
    Removed(&'g Node<K, V, M>),
    /// Nothing was changed: the node of the key, if it is present.
    Left(Option<&'g Node<K, V, M>>),
}

/// A kind of write.
pub(crate) trait Change<'g, K, V, M> {
    /// The methods of the map that run it, for messages.
    const CALL: &'static str;

    /// Whether this is the key of the write. It is in `put`, where a node was made.
    fn is_key(&self, key: &K, put: Option<&Node<K, V, M>>) -> bool;

    /// Decides for the node that has the key, if it is present. `put` was made for another.
    fn decide(
        &mut self,
        node: Option<&'g Node<K, V, M>>,
        put: Option<Box<Node<K, V, M>>>,
    ) -> Plan<K, V, M>;
}

/// Whether the write that is counted by `clock` looks at the length. A counter's
/// writes look at powers of two: often at first, since many threads may each write little. Then one in a quarter of
/// the buckets does, so that a small table is not overrun, and at least one in a number that makes
/// the look free: it has to read a counter for each of so many participants.
fn looks(clock: u64, order: Order, participants: impl FnOnce() -> usize) -> bool {
    let is_at = |period: usize| clock & (period.next_power_of_two() as u64 - 1) == 0;
    clock.is_power_of_two()
        || is_at((order.buckets() / 4).clamp(4, 64)) && is_at((participants() / 16).min(256))
}

impl<'g, K, V, M, R> Section<'_, 'g, K, V, M, R>
where
    R: Reclaimer,
{
    /// Runs a write to its end, beginning with `plan`, if there is one.
    #[inline]
    pub(crate) fn change<C: Change<'g, K, V, M>>(
        self,
        hash: u64,
        mut plan: Option<Plan<K, V, M>>,
        change: &mut C,
    ) -> Outcome<'g, K, V, M> {
        let mut view = self.state.view();
        // What `plan` was decided for.
        let mut seen: *const Node<K, V, M> = ptr::null();
        let mut retired = false;
        let mut watch: Option<Watch> = None;
        loop {
            let put = match &plan {
                Some(Plan::Put(node)) => Some(&**node),
                _ => None,
            };
            let searched = self.find(view, hash, |key| change.is_key(key, put));
            retired |= searched.retired;
            let node = match &searched.find {
                Find::Found(found) => Some(found.node),
                Find::Absent(_) => None,
            };
            let address = node.map_or(ptr::null(), ptr::from_ref);
            let decided = match plan {
                Some(plan) if address == seen => plan,
                other => {
                    let unused = match other {
                        Some(Plan::Put(unused)) => Some(unused),
                        _ => None,
                    };
                    change.decide(node, unused)
                }
            };

            seen = address;
            plan = match (decided, searched.find) {
                (Plan::Put(new), Find::Found(found)) => match self.replace(&found, new) {
                    Ok(replaced) => {
                        drop(watch);
                        note(self.state, hash, Some(replaced.old), Some(replaced.new));
                        self.written(view, 0);
                        return Outcome::Replaced(replaced);
                    }
                    Err(new) => Some(Plan::Put(new)),
                },
                (Plan::Put(new), Find::Absent(_)) if view.is_empty() => {
                    // The first write of the map: what was found is in no table of its own.
                    self.state.occupied();
                    Some(Plan::Put(new))
                }
                (Plan::Put(new), Find::Absent(cursor)) => match self.link(cursor, new) {
                    Ok(new) => {
                        drop(watch);
                        note(self.state, hash, None, Some(new));
                        self.written(view, 1);
                        return Outcome::Inserted(new);
                    }
                    Err(new) => Some(Plan::Put(new)),
                },
                (Plan::Remove, Find::Found(found)) => {
                    if self.remove(&found) {
                        drop(watch);
                        note(self.state, hash, Some(found.node), None);
                        self.written(view, -1);
                        return Outcome::Removed(found.node);
                    }
                    Some(Plan::Remove)
                }
                (Plan::Remove, Find::Absent(_)) | (Plan::Leave, _) => {
                    self.changed_nothing(retired);
                    return Outcome::Left(node);
                }
            };
            view = self.state.view();
            watch = Some(self.watch(watch, hash, node, C::CALL));
        }
    }

    /// Makes a write that has failed at `node` watch what its own thread does in the next turn.
    ///
    /// # Panics
    ///
    /// If its own thread has been why it failed, once too often.
    #[cold]
    fn watch(
        self,
        watch: Option<Watch>,
        hash: u64,
        node: Option<&Node<K, V, M>>,
        call: &str,
    ) -> Watch {
        match watch {
            None => Watch::new(self.state, hash),
            Some(mut watch) => {
                watch.failed(node, call);
                watch
            }
        }
    }

    /// The end of a write that changed nothing. If it has cleaned up after others, that counts: else
    /// nobody would free what it retired.
    pub(crate) fn changed_nothing(self, retired: bool) {
        if retired {
            self.pinned
                .tick::<Retired<K, V, M>>(self.pinned.count::<Retired<K, V, M>>(0));
        }
    }

    /// The end of every write that changed something: its effect is complete. Counts, carries a
    /// resize on, and gives the reclaimer its turn, which may run destructors.
    ///
    /// Every write helps a resize that is under way, so a map is rarely left in the middle of one,
    /// where reads are slower.
    ///
    /// `view` may be a little old: that delays the resize by a write.
    pub(crate) fn written(self, view: View<'g, Node<K, V, M>>, by: isize) {
        let clock = self.pinned.count::<Retired<K, V, M>>(by);
        if AUTOMATIC {
            if view.is_busy() {
                self.help();
            }
            // After any kind of write: every n-th one may happen to be another than the kind that
            // asks for it.
            let participants = || self.pinned.protected().participants().unwrap_or(0);
            if looks(clock, view.order(), participants) {
                self.resize(self.pinned.len());
            }
        }
        self.pinned.tick::<Retired<K, V, M>>(clock);
    }

    /// Shrinks the table to where it has room for its entries, as after a write that removed many.
    pub(crate) fn fit_to_entries(self) {
        if AUTOMATIC {
            let has_resized = self.fit(|| crate::raw::resize::with_room(self.pinned.len()));
            // Tables that were replaced may wait.
            self.changed_nothing(has_resized);
        }
    }
}
