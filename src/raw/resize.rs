//! Resizing: how the table gets more heads while it is in use. Nobody ever waits for it.
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
//! Shrinking has its place in the words (a head may be marked, `state` may say *slow*) and in the
//! rules of readers and writers, but nothing shrinks a table yet.

#![forbid(unsafe_code)]

use crate::raw::directory::{Group, Stride, UnlinkedDirectory, View};
#[cfg(loom)]
use crate::raw::link::Linked;
use crate::raw::link::{Presence, Word};
use crate::raw::list::List;
use crate::raw::node::Node;
use crate::raw::order::CHILDREN;
use crate::raw::retired::{self, Retired};
use crate::reclaim::Reclaim;

/// A claimed stride, with the view that it was claimed under, as plain numbers: for models whose
/// threads stop in the middle.
#[cfg(loom)]
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    view: usize,
    birth: crate::raw::order::Order,
    stride: Stride,
}

#[cfg(loom)]
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
    /// Publishes one growth, if `entries` are more than the buckets there are. Not while strides
    /// of the last one are left to claim. A table that gets no memory for it stays as it is.
    pub(crate) fn grow(self, entries: usize) {
        let mut spare: Option<Box<Group<_>>> = None;
        loop {
            let view = self.state.view();
            let directory = view.directory();
            let busy = |group: &Group<_>| !group.is_exhausted();
            if directory.order().buckets() >= entries
                || directory.is_slow()
                || directory.partial_groups().next_back().is_some_and(busy)
            {
                return;
            }
            let Some(birth) = directory.order().next() else {
                return;
            };
            let group = match spare.take() {
                Some(group) if group.birth() == birth => group,
                _ => match Group::new(birth) {
                    Some(group) => group,
                    None => return,
                },
            };
            match self.state.grow(view, group) {
                Ok(old) => return self.retire_directory(old),
                // A group was completed meanwhile, or somebody else grew the table.
                Err(group) => spare = Some(group),
            }
        }
    }

    /// Makes the heads of one stride, if one is left to claim, and completes groups whose strides
    /// are all finished. False if there was nothing to do.
    pub(crate) fn help(self) -> bool {
        let mut helped = false;
        let view = self.state.view();
        let directory = view.directory();
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

    /// Claims a stride, as a thread does that stops then.
    #[cfg(loom)]
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
    #[cfg(loom)]
    pub(crate) fn make_claimed(self, claim: Claim) {
        let view = self.state.view_again(claim.view);
        self.make(view, claim.group_in(view), &claim.stride);
    }

    /// Ends a claimed stride whose heads are made.
    #[cfg(loom)]
    pub(crate) fn finish_claimed(self, claim: Claim) {
        let group = claim.group_in(self.state.view_again(claim.view));
        if group.finish(claim.stride) {
            self.complete(group);
        }
    }

    /// Declares a group complete in the current directory.
    fn complete(self, group: &Group<Node<K, V, M>>) {
        loop {
            let view = self.state.view();
            let Some(directory) = view.directory().with_complete(group) else {
                return;
            };
            if let Ok(old) = self.state.swing(view, directory) {
                self.retire_directory(old);
                return;
            }
        }
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
