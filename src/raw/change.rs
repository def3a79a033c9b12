//! A write of one key: the loop of all operations that insert, replace or remove, and its end.
//!
//! Search, decide, one compare-and-swap; if that fails, search again. A decision for a node still
//! stands if something else has changed there; only for another node the write decides anew.

#![forbid(unsafe_code)]

use crate::sync::MODELLED;
use std::ptr;

use crate::raw::node::Node;
use crate::raw::order::Order;
use crate::raw::read::is_surely_absent;
use crate::raw::reentry::{Watch, note};
use crate::raw::retired::{self, Retired, Vacant};
use crate::raw::section::{Find, Replaced, Section};
use crate::raw::state::View;
use crate::reclaim::Reclaimer;

/// Whether writers resize the table by themselves. A model decides when.
const AUTOMATIC: bool = !MODELLED;

/// One write in so many looks at the length: in a small table, and (`RARE`) in a large one.
const LOOK: u64 = 4;
const RARE: u64 = 64;

/// What a write does with its key.
pub(crate) enum Plan<K, V, M> {
    /// The node is linked, or replaces the one that is there.
    Put(Box<Node<K, V, M>>),
    /// It is removed, if it is present.
    Remove,
    /// It stays as it is.
    Leave,
}

/// The result of a write.
pub(crate) enum Outcome<'g, K, V, M> {
    Inserted(&'g Node<K, V, M>),
    Replaced(Replaced<'g, Node<K, V, M>>),
    Removed(&'g Node<K, V, M>),
    /// Nothing was changed: the node of the key, if it is present.
    Left(Option<&'g Node<K, V, M>>),
}

/// What an attempt of a write begins with.
struct Turn<'g, K, V, M> {
    view: View<'g, Node<K, V, M>>,
    plan: Option<Plan<K, V, M>>,
    /// What `plan` was decided for.
    seen: *const Node<K, V, M>,
    /// A search has retired nodes that other threads have marked.
    retired: bool,
}

impl<K, V, M> Turn<'_, K, V, M> {
    /// The node that is to be linked.
    fn put(&self) -> Option<&Node<K, V, M>> {
        match &self.plan {
            Some(Plan::Put(node)) => Some(node),
            _ => None,
        }
    }
}

/// An attempt that failed.
struct Failed<'g, K, V, M> {
    /// The next attempt.
    turn: Turn<'g, K, V, M>,
    /// If another write came first: the node of the key, if it was present.
    at: Option<Option<&'g Node<K, V, M>>>,
    /// A key that was compared and differs; or null.
    other: *const K,
}

/// A kind of write.
pub(crate) trait Change<'g, K, V, M> {
    /// The methods of the map that run it, for messages.
    const CALL: &'static str;
    /// It changes nothing where the key is absent.
    const NEEDS_KEY: bool = false;

    /// Whether this is the key of the write. It is in `put`, where a node was made.
    fn is_key(&self, key: &K, put: Option<&Node<K, V, M>>) -> bool;

    /// Decides for the node that has the key, if it is present. `put` was made for another; a new one is
    /// made in `vacant`.
    fn decide(
        &mut self,
        node: Option<&'g Node<K, V, M>>,
        put: Option<Box<Node<K, V, M>>>,
        vacant: impl FnOnce() -> Box<Vacant<K, V, M>>,
    ) -> Plan<K, V, M>;
}

/// Whether the write that `clock` counts looks at the length. Enough writes do that a small table is
/// not overrun: one in a quarter of the buckets. And few enough that the look, which reads a counter
/// for each participant, costs a write next to nothing. The first write of a thread does, and some of
/// its next ones, at powers of two, since many threads may each write little.
#[inline(never)]
fn looks(clock: u64, order: Order, participants: impl FnOnce() -> usize) -> bool {
    let is_at = |period: usize| clock & (period as u64 - 1) == 0;
    let is_by_buckets = is_at((order.buckets() / 4).clamp(LOOK as usize, RARE as usize));
    let is_by_participants = || is_at((participants() / 16).min(256).next_power_of_two());
    clock.is_power_of_two() || is_by_buckets && is_by_participants()
}

impl<'g, K, V, M, R> Section<'_, 'g, K, V, M, R>
where
    R: Reclaimer,
{
    /// Runs a write to its end, beginning with `plan`, if there is one.
    #[inline(always)]
    pub(crate) fn change<C: Change<'g, K, V, M>>(
        self,
        hash: u64,
        plan: Option<Plan<K, V, M>>,
        change: &mut C,
    ) -> Outcome<'g, K, V, M> {
        let turn = Turn {
            view: self.state.view(),
            plan,
            seen: ptr::null(),
            retired: false,
        };
        let is_key = |key: &K| change.is_key(key, turn.put());
        let again = match Self::find_undisturbed(turn.view, hash, is_key, C::NEEDS_KEY) {
            Ok(find) => match self.turn(hash, turn, find, change) {
                Ok(outcome) => return outcome,
                Err(failed) => failed,
            },
            Err(_) if C::NEEDS_KEY && is_surely_absent(turn.view, hash) => {
                return Outcome::Left(None);
            }
            Err(other) => Failed {
                turn,
                at: None,
                other,
            },
        };
        self.change_anyway(hash, again, change)
    }

    /// As `change`, where a resize is under way, or another thread has interfered.
    #[cold]
    #[inline(never)]
    fn change_anyway<C: Change<'g, K, V, M>>(
        &self,
        hash: u64,
        mut failed: Failed<'g, K, V, M>,
        change: &mut C,
    ) -> Outcome<'g, K, V, M> {
        let mut watch = None;
        loop {
            let Failed {
                mut turn,
                at,
                other,
            } = failed;
            if let Some(node) = at {
                watch = Some(self.watch(watch, hash, node, C::CALL));
            }
            let is_key = |key: &K| !ptr::eq(key, other) && change.is_key(key, turn.put());
            let searched = self.find(turn.view, hash, is_key);
            turn.retired |= searched.retired;
            failed = match self.turn(hash, turn, searched.find, change) {
                Ok(outcome) => return outcome,
                Err(failed) => failed,
            };
        }
    }

    /// Decides for what a search has found, and does it, if nothing has changed there. Otherwise
    /// returns what the next attempt begins with.
    #[inline(always)]
    fn turn<C: Change<'g, K, V, M>>(
        &self,
        hash: u64,
        Turn {
            view,
            plan,
            seen,
            retired,
        }: Turn<'g, K, V, M>,
        find: Find<'g, Node<K, V, M>>,
        change: &mut C,
    ) -> Result<Outcome<'g, K, V, M>, Failed<'g, K, V, M>> {
        let node = match &find {
            Find::Found(found) => Some(found.node),
            Find::Absent(_) => None,
        };
        let address = node.map_or(ptr::null(), ptr::from_ref);
        let vacant = || retired::vacant(self.pinned);
        let decided = match plan {
            Some(plan) if address == seen => plan,
            other => {
                let unused = match other {
                    Some(Plan::Put(unused)) => Some(unused),
                    _ => None,
                };
                change.decide(node, unused, vacant)
            }
        };
        let plan = match (decided, find) {
            (Plan::Put(new), Find::Found(found)) => match self.replace(&found, new) {
                Ok(replaced) => {
                    note(self.state, hash, Some(replaced.old), Some(replaced.new));
                    self.written(view, 0);
                    return Ok(Outcome::Replaced(replaced));
                }
                Err(new) => Plan::Put(new),
            },
            (Plan::Put(new), Find::Absent(_)) if view.is_empty() => {
                // The first write of the map: the search was in the static table of empty maps.
                self.state.occupied();
                Plan::Put(new)
            }
            (Plan::Put(new), Find::Absent(cursor)) => match self.link(cursor, new) {
                Ok(new) => {
                    note(self.state, hash, None, Some(new));
                    self.written(view, 1);
                    return Ok(Outcome::Inserted(new));
                }
                Err(new) => Plan::Put(new),
            },
            (Plan::Remove, Find::Found(found)) => {
                if self.remove(&found) {
                    note(self.state, hash, Some(found.node), None);
                    self.written(view, -1);
                    return Ok(Outcome::Removed(found.node));
                }
                Plan::Remove
            }
            (Plan::Remove, Find::Absent(_)) | (Plan::Leave, _) => {
                self.changed_nothing(retired);
                return Ok(Outcome::Left(node));
            }
        };
        let next = Turn {
            view: self.state.view(),
            plan: Some(plan),
            seen: address,
            retired,
        };
        Err(Failed {
            turn: next,
            at: Some(node),
            other: ptr::null(),
        })
    }

    /// Makes a write that has failed at `node` watch what its own thread does in the next attempt.
    ///
    /// # Panics
    ///
    /// If its own thread made it fail once too often.
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

    /// The end of a write that changed nothing. If it has cleaned up after others, that counts:
    /// otherwise no thread would free what it retired.
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
    #[inline(always)]
    pub(crate) fn written(&self, view: View<'g, Node<K, V, M>>, by: isize) {
        let clock = self.pinned.count::<Retired<K, V, M>>(by);
        if AUTOMATIC && (view.is_busy() || self.looks(view, clock)) {
            self.carry_on(view, clock);
        }
        self.pinned.tick::<Retired<K, V, M>>(clock);
    }

    /// Carries a resize on that is under way, and begins one if the length asks for it.
    ///
    /// After any kind of write: every n-th write may never be of the kind that makes a resize
    /// necessary.
    #[inline(never)]
    fn carry_on(&self, view: View<'g, Node<K, V, M>>, clock: u64) {
        if view.is_busy() {
            self.help();
        }
        if self.looks(view, clock) {
            self.resize(self.pinned.len());
        }
    }

    /// Whether the write that `clock` counts looks at the length. Two tests nearly always decide.
    #[inline(always)]
    fn looks(&self, view: View<'g, Node<K, V, M>>, clock: u64) -> bool {
        let may_look = clock & (LOOK - 1) == 0
            && (clock < RARE || clock & (RARE - 1) == 0 || {
                // In a table with fewer buckets more writes look.
                view.order().buckets() < 4 * RARE as usize
            });
        let participants = || self.pinned.protected().participants().unwrap_or(0);
        may_look && looks(clock, view.order(), participants)
    }

    /// Shrinks the table until it fits its entries, as after a write that removed many.
    pub(crate) fn fit_to_entries(self) {
        if AUTOMATIC {
            let has_resized = self.fit(|| crate::raw::resize::with_room(self.pinned.len()));
            // Replaced tables may wait to be freed.
            self.changed_nothing(has_resized);
        }
    }
}
