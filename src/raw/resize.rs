//! Resizing: how the table gets more heads, and fewer, while it is in use. Nobody ever waits for it.
//!
//! A growth is *published at once*: one swing of `state` to a directory with one more group, of
//! which not a single head exists. The heads are then *made in strides*: a writer claims a run of
//! parents, and links the heads between them into the list. A stride has one owner, so its heads
//! are plain memory until they are linked, and the one *ready* byte that is stored then tells
//! readers that they may start there; until then they start at the parent.
//!
//! A stride whose owner stalls delays nobody: searches there start at the parent, and when the
//! table has to grow again it does, over the incomplete group. A group is *completed*, which spares
//! readers the ready byte, by whoever finds all strides finished.
//!
//! A shrinking is published at once too: a directory without the finest group, which *leaves*. Then
//! its heads are taken out of the list in strides: all heads of a stride are *frozen*, so that
//! nothing is linked behind them any more, and unlinked, and the stride is *settled*. Until the last
//! one is, a walk may meet heads that are no bucket's, and no shortcut holds: the next head on the
//! list is the end of a bucket only by its key. To settle a stride twice does no harm, so one whose
//! owner stalls is settled by somebody else, and it too delays nobody. When all are settled, the
//! directory is swung to one that does not know the group, and the group is retired.
//!
//! One resize at a time, but for growths that overlap: a table shrinks only when all its groups are
//! complete, and grows only when the group that leaves has left.
//!
//! A table grows when it has more entries than buckets, and shrinks when there is [`ROOM`] for
//! twice its entries after it. Both are by four, so a number of entries that goes up and down by
//! less than half costs nothing.

#![forbid(unsafe_code)]

use crate::raw::directory::{Directory, Group, Leaving, Look, Stride, UnlinkedDirectory, View};
#[cfg(splitmap_loom)]
use crate::raw::link::Linked;
use crate::raw::link::{Link, Presence, Word};
use crate::raw::list::List;
use crate::raw::node::Node;
use crate::raw::order::{CHILDREN, Order};
use crate::raw::retired::{self, Retired};
use crate::reclaim::Reclaim;

/// Groups that are not published, the smallest last.
type Groups<K, V, M> = Vec<Box<Group<Node<K, V, M>>>>;

/// How many buckets an entry has to have left for the table to shrink by itself.
const ROOM: usize = 2;

/// The buckets that a table with that many entries keeps.
pub(crate) fn with_room(entries: usize) -> usize {
    entries.saturating_mul(ROOM)
}

/// A claimed stride, with the view that it was claimed under, as plain numbers: for models whose
/// threads stop in the middle.
#[cfg(splitmap_loom)]
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    view: usize,
    birth: crate::raw::order::Order,
    stride: Stride,
}

#[cfg(splitmap_loom)]
impl Claim {
    fn group_in<'g, N: Linked>(self, view: View<'g, N>) -> &'g Group<N> {
        let mut groups = view.directory().groups();
        let group = groups.find(|group| group.birth() == self.birth);
        group.expect("the view has the group of the claim")
    }
}

impl<'g, K, V, M, R> List<'g, K, V, M, R>
where
    R: Reclaim<Retired<K, V, M>>,
{
    /// Publishes a growth or a shrinking, if that many entries ask for it.
    pub(crate) fn resize(self, entries: usize) {
        self.grow(entries);
        self.shrink(with_room(entries));
    }

    /// Carries a resize on as far as it can be, and shrinks the table for as long as the buckets are
    /// left that `least` asks for at that moment.
    pub(crate) fn fit(self, least: impl Fn() -> usize) {
        loop {
            while self.help() {}
            if !self.shrink(least()) {
                return;
            }
        }
    }

    /// Publishes one growth, if `entries` are more than the buckets there are. Not while strides
    /// of the last one are left to claim, or the table shrinks. A table that gets no memory for it
    /// stays as it is.
    pub(crate) fn grow(self, entries: usize) {
        let mut spare = Vec::new();
        loop {
            let view = self.state.view();
            if view.directory().order().buckets() >= entries || Self::is_busy(view) {
                return;
            }
            if self.publish_growth(view, &mut spare) != Some(false) {
                return;
            }
        }
    }

    /// Publishes one growth, if the state is still that of `view`; else the group stays in `spare`,
    /// where the next attempt looks for it. `None` if there is no greater order,
    /// or no memory for it.
    fn publish_growth(
        self,
        view: View<'g, Node<K, V, M>>,
        spare: &mut Groups<K, V, M>,
    ) -> Option<bool> {
        let birth = view.directory().order().next()?;
        while spare.pop_if(|group| group.birth() < birth).is_some() {}
        let group = spare.pop_if(|group| group.birth() == birth);
        let group = group.or_else(|| Group::new(birth))?;
        match self.state.grow(view, group) {
            Ok(old) => {
                self.retire_directory(old);
                Some(true)
            }
            // A group was completed meanwhile, or somebody else resized the table.
            Err(group) => {
                spare.push(group);
                Some(false)
            }
        }
    }

    /// Whether a resize that is under way has to be helped on before the table can grow.
    fn is_busy(view: View<'g, Node<K, V, M>>) -> bool {
        let directory = view.directory();
        let is_open = |group: &Group<_>| !group.is_exhausted();
        directory.is_shrinking() || directory.partial_groups().next_back().is_some_and(is_open)
    }

    /// Bars the table from shrinking below this order, grows it to there, and makes its heads. False,
    /// and nothing has changed, if there is no memory for it.
    pub(crate) fn reserve(self, order: Order) -> bool {
        let mut groups: Groups<K, V, M> = Vec::new();
        let mut view = self.state.view();
        while view.directory().floor() < order {
            // All that the table can need once it does not shrink any more; the largest first, as
            // what cannot be is not tried piece by piece.
            let steps = view.directory().order().steps();
            let smallest = groups.last().map(|group| group.birth().steps());
            let births = steps + 1..smallest.unwrap_or(order.steps() + 1);
            let more = births
                .rev()
                .map(|steps| Group::new(Order::from_steps(steps)));
            let Some(more) = more.collect::<Option<Vec<_>>>() else {
                return false;
            };
            groups.extend(more);
            if view.directory().base().is_some()
                && let Ok(old) = self.state.swing(view, view.directory().with_floor(order))
            {
                self.retire_directory(old);
                break;
            }
            view = self.state.occupied();
        }
        self.state.occupied();
        loop {
            let view = self.state.view();
            // Who has given the floor up meanwhile may shrink what is grown here. To grow it again
            // could go on for ever: what was reserved is given up with the floor.
            let is_given_up = view.directory().floor() < order;
            if is_given_up || view.directory().order() >= order {
                break;
            }
            if Self::is_busy(view) {
                self.help();
                continue;
            }
            // All groups are there, but where another `reserve` has raised the floor.
            if self.publish_growth(view, &mut groups).is_none() {
                return false;
            }
        }
        while self.state.view().directory().has_partial() && self.help() {}
        true
    }

    /// Lets the table shrink to where it has started.
    pub(crate) fn give_up_floor(self) {
        self.swing(|directory| {
            (directory.floor() > Order::BASE).then(|| directory.with_floor(Order::BASE))
        });
    }

    /// Publishes one shrinking, if `least` buckets are left by it, and nothing bars it: a resize
    /// under way, or the floor. False if it was not to be.
    pub(crate) fn shrink(self, least: usize) -> bool {
        self.swing(|directory| directory.narrowed(least))
    }

    /// Makes what `next` makes of the current directory the current one. False if it makes nothing
    /// of it.
    fn swing(
        self,
        next: impl Fn(&Directory<Node<K, V, M>>) -> Option<Box<Directory<Node<K, V, M>>>>,
    ) -> bool {
        loop {
            let view = self.state.view();
            let Some(directory) = next(view.directory()) else {
                return false;
            };
            if let Ok(old) = self.state.swing(view, directory) {
                self.retire_directory(old);
                return true;
            }
        }
    }

    /// Makes the heads of one stride, if one is left to claim, and completes groups whose strides
    /// are all finished; or, where the table shrinks, settles one, or ends the shrinking. False if
    /// there was nothing to do.
    pub(crate) fn help(self) -> bool {
        let mut helped = false;
        let view = self.state.view();
        let directory = view.directory();
        if let Some(group) = directory.leaving() {
            self.help_shrinking(view, group);
            return true;
        }
        for group in directory.partial_groups() {
            // Strides are claimed in the directory whose youngest group they belong to: an older
            // group has none left, or the younger would not have been published.
            let youngest = group.birth() == directory.order();
            if let Some(stride) = youngest.then(|| group.claim()).flatten() {
                self.make(view, group, &stride);
                if group.finish(stride) {
                    self.complete(group);
                }
                return true;
            }
            // Whoever finished the last stride may stall before it says so.
            if group.is_finished() {
                self.complete(group);
                helped = true;
            }
        }
        helped
    }

    /// Settles a stride that nobody has begun, or, when there is none, one that somebody has begun
    /// and may never end.
    fn help_shrinking(self, view: View<'g, Node<K, V, M>>, group: Leaving<'g, Node<K, V, M>>) {
        if let Some(stride) = group.begin() {
            self.settle(view, group, stride);
            return;
        }
        match group.look() {
            Look::Unsettled(stride) => self.settle(view, group, stride),
            Look::Further => {}
            Look::Settled => self.end_shrinking(group),
        }
    }

    /// Freezes and unlinks all heads of a stride of the group that leaves.
    ///
    /// All are frozen before the first is looked for, so that one search from each parent on meets
    /// its children frozen.
    pub(crate) fn settle(
        self,
        view: View<'g, Node<K, V, M>>,
        group: Leaving<'g, Node<K, V, M>>,
        stride: usize,
    ) {
        group.heads(stride).for_each(Link::freeze);
        for parent in group.parents(stride) {
            let last = (parent + 1) * CHILDREN - 1;
            self.unlink_heads(view, group.birth().key(last));
        }
        group.settle(stride);
    }

    /// Lets go of the group that leaves, all of whose strides are settled.
    fn end_shrinking(self, group: Leaving<'g, Node<K, V, M>>) {
        let Some((directory, group)) = self.state.narrow(group) else {
            return;
        };
        #[cfg(splitmap_loom)]
        crate::raw::audit::group_is_unreachable(self.state, &group);
        retired::directory(self.pinned, directory);
        retired::group(self.pinned, group);
    }

    /// Publishes one shrinking, as a thread does that stops before it retires the old directory:
    /// `meanwhile` is what happens then. False if it was not to be.
    #[cfg(splitmap_loom)]
    pub(crate) fn shrink_stopping(self, meanwhile: impl FnOnce()) -> bool {
        let view = self.state.view();
        let Some(directory) = view.directory().narrowed(0) else {
            return false;
        };
        let Ok(old) = self.state.swing(view, directory) else {
            return false;
        };
        meanwhile();
        self.retire_directory(old);
        true
    }

    /// Begins a stride of a shrinking, as a thread does that stops then.
    #[cfg(splitmap_loom)]
    pub(crate) fn begin_settling(self) -> Option<usize> {
        self.state.view().directory().leaving()?.begin()
    }

    /// Settles a stride of the shrinking that is under way.
    #[cfg(splitmap_loom)]
    pub(crate) fn settle_stride(self, stride: usize) {
        let view = self.state.view();
        if let Some(group) = view.directory().leaving() {
            self.settle(view, group, stride);
        }
    }

    /// Claims a stride, as a thread does that stops then.
    #[cfg(splitmap_loom)]
    pub(crate) fn claim(self) -> Option<Claim> {
        let view = self.state.view();
        let group = view.directory().partial_groups().next_back()?;
        Some(Claim {
            view: view.word(),
            birth: group.birth(),
            stride: group.claim()?,
        })
    }

    /// Goes on with a claimed stride: makes its heads, and stops again.
    #[cfg(splitmap_loom)]
    pub(crate) fn make_claimed(self, claim: Claim) {
        let view = self.state.view_again(claim.view);
        self.make(view, claim.group_in(view), &claim.stride);
    }

    /// Ends a claimed stride whose heads are made.
    #[cfg(splitmap_loom)]
    pub(crate) fn finish_claimed(self, claim: Claim) {
        let group = claim.group_in(self.state.view_again(claim.view));
        if group.finish(claim.stride) {
            self.complete(group);
        }
    }

    /// Declares a group complete in the current directory.
    fn complete(self, group: &Group<Node<K, V, M>>) {
        self.swing(|directory| directory.with_complete(group));
    }

    /// Makes and links all heads of a stride.
    ///
    /// Linking one head waits for memory twice, for the parent's first node and for the node
    /// behind it; so all first nodes of the stride are asked for before the first is looked at.
    fn make(
        self,
        claimed: View<'g, Node<K, V, M>>,
        group: &'g Group<Node<K, V, M>>,
        stride: &Stride,
    ) {
        let parent_head = |parent| claimed.own_head(group.birth().parent_key(parent));
        for parent in group.parents(stride) {
            if let Some(head) = parent_head(parent) {
                head.load().prefetch();
            }
        }
        for parent in group.parents(stride) {
            self.make_children(claimed, group, stride, parent);
        }
    }

    /// Makes and links the heads between one parent and the next.
    ///
    /// Heads with no node in between are chained by plain stores and published by one
    /// compare-and-swap on the link before them. What follows a new head is unknown, so it starts
    /// with every presence bit; or it is nothing, and it starts with none.
    fn make_children(
        self,
        claimed: View<'g, Node<K, V, M>>,
        group: &'g Group<Node<K, V, M>>,
        stride: &Stride,
        parent: usize,
    ) {
        let birth = group.birth();
        let end = (parent + 1) * CHILDREN;
        let mut first = parent * CHILDREN;
        let mut from = claimed.own_head(birth.parent_key(parent));
        while first < end {
            let gap = self.gap(claimed, from, birth.key(first));
            debug_assert!(birth.key(first) <= gap.limit, "the gap is before the head");
            let mut last = first;
            while last + 1 < end && birth.key(last + 1) <= gap.limit {
                last += 1;
            }
            let behind = gap.cursor.word.bare();
            let presence = if behind.leads_to_head() {
                Presence::NONE
            } else {
                Presence::ALL
            };
            let mut head = group.make_head(stride, last, behind.with(presence));
            for index in (first..last).rev() {
                head = group.make_head(stride, index, Word::to_head(head));
            }
            if gap.cursor.prev.publish_head(gap.cursor.word, head) {
                from = Some(group.made_head(stride, last));
                first = last + 1;
            }
        }
    }

    fn retire_directory(self, old: Option<UnlinkedDirectory<'g, Node<K, V, M>>>) {
        if let Some(old) = old {
            retired::directory(self.pinned, old);
        }
    }
}
