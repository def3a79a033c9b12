//! Resizing: how the table gets more heads, and fewer, while it is in use. No operation waits for it.
//!
//! A growth and a shrinking are one operation. It is *published* at once: one change of `state` to a
//! new table, of which not a single head exists. The heads are then *made in strides*: a writer
//! claims a stride and links its heads into the list, each behind the head that it takes over from. A
//! stride has one owner, so its heads are plain memory until they are linked, and the one *ready*
//! byte that is stored then tells readers that they may start there; until then they start at the
//! heads of the older table.
//!
//! When a stride is ready it is *settled*: the older heads in it are *frozen*, so that nothing is
//! linked behind them any more, and unlinked. To settle a stride twice does no harm, so any thread
//! may do it; the maker does it at once, while all of that is in its cache. When every stride is
//! settled, any thread *ends* the resize: the state becomes quiet, and the older table is retired.
//!
//! A thread that stalls delays nobody: searches in its stride start in the older table, and when the
//! table has to grow again it does, over the unfinished one. Only a shrinking waits for a quiet
//! state.
//!
//! # Presence bits of new heads
//!
//! The bits of an older head are those of all nodes up to the next one, and each of its new heads
//! with nodes behind it starts with all of them. But bits may be added to the older head until the
//! last moment. So its new heads are linked from the last to the first, and the twin, which closes
//! the older head, at the very end; whatever bits the older head had at the closing and a new head
//! lacks is added to that, and only then is the stride ready. Where a table is published over an
//! unfinished one, what stands behind a new head may have been announced at a head of any table, and
//! a new head with nodes starts with every bit.
//!
//! # When
//!
//! A table grows when it has more entries than its capacity, and shrinks when there is [`ROOM`] for
//! twice its entries after it. Both are by four, so a number of entries that goes up and down by
//! less than half costs nothing.

#![forbid(unsafe_code)]

use crate::raw::array::{Array, Look, Maker, NewArray, Stride};
use crate::raw::chain::Member;
use crate::raw::link::Link;
use crate::raw::node::Node;
use crate::raw::order::{Bucket, CHILDREN, Order};
use crate::raw::place::Place;
use crate::raw::retired::{self};
use crate::raw::section::Section;
use crate::raw::state::View;
use crate::raw::word::{Presence, Word};
use crate::reclaim::Reclaimer;

/// For how many times its entries a table has to have room left to shrink by itself.
const ROOM: usize = 2;

/// The capacity that a table with that many entries keeps.
pub(crate) fn with_room(entries: usize) -> usize {
    entries.saturating_mul(ROOM)
}

/// The heads that take over from one older head, from the twin on: by their keys.
#[derive(Clone, Copy)]
struct Heirs {
    /// The bucket of the first.
    bucket: usize,
    count: usize,
}

/// Where heirs belong.
type Places<'g, N> = [Option<Place<'g, N>>; CHILDREN];

/// Why a table was not resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    NoMemory,
    /// Another thread has changed the state.
    Changed,
}

impl<'g, K, V, M, R> Section<'_, 'g, K, V, M, R>
where
    R: Reclaimer,
{
    /// Publishes a growth or a shrinking, if that many entries ask for it.
    pub(crate) fn resize(self, entries: usize) {
        self.grow(entries);
        self.shrink(with_room(entries));
    }

    /// Carries a resize on as far as it can be, and shrinks the table for as long as the buckets are
    /// left that `least` asks for at that moment. False if there was nothing to do.
    pub(crate) fn fit(self, least: impl Fn() -> usize) -> bool {
        let mut has_worked = false;
        loop {
            while self.help() {
                has_worked = true;
            }
            if !self.shrink(least()) {
                return has_worked;
            }
            has_worked = true;
        }
    }

    /// Publishes one growth, if `entries` are more than the buckets there are. Not while strides of
    /// the last resize are left to claim. A table that gets no memory for it stays as it is.
    pub(crate) fn grow(self, entries: usize) {
        loop {
            let view = self.state.view();
            let is_wide = view.is_empty() || view.order().capacity() >= entries;
            if is_wide || Self::has_open_strides(view) {
                return;
            }
            if self.publish_growth(view) != Err(Refusal::Changed) {
                return;
            }
        }
    }

    /// Whether strides of a resize are left to claim.
    fn has_open_strides(view: View<'g, Node<K, V, M>>) -> bool {
        view.is_busy() && !view.newest().is_exhausted()
    }

    /// Publishes one growth, if the state is still that of `view`.
    fn publish_growth(self, view: View<'g, Node<K, V, M>>) -> Result<(), Refusal> {
        let order = view.order().next().ok_or(Refusal::NoMemory)?;
        self.publish(view, order)
    }

    /// Publishes a table of this order, if the state is still that of `view`.
    fn publish(self, view: View<'g, Node<K, V, M>>, order: Order) -> Result<(), Refusal> {
        let table = NewArray::replacing(view.newest(), !view.is_busy(), order);
        let table = table.ok_or(Refusal::NoMemory)?;
        if self.state.publish(view, table) {
            Ok(())
        } else {
            Err(Refusal::Changed)
        }
    }

    /// Bars the table from shrinking below this order, grows it to there, and makes its heads. False,
    /// and nothing has changed, if the memory is refused at once. If it is refused later, the table
    /// stays as wide as it is.
    pub(crate) fn reserve(self, order: Order) -> bool {
        let view = self.state.view();
        // Before anything changes: what cannot be is not tried step by step.
        if view.order() < order && !NewArray::<Node<K, V, M>>::is_affordable(order) {
            return false;
        }
        self.state.occupied();
        self.state.raise_floor(order);
        self.grow_to_floor();
        while self.state.view().is_busy() && self.help() {}
        true
    }

    /// Grows the table to its floor. It may be below it where another thread had begun to shrink it
    /// when the floor was raised.
    ///
    /// If another thread drops the floor meanwhile, this ends: growing against its shrinking might
    /// never do so.
    fn grow_to_floor(self) {
        loop {
            let view = self.state.view();
            if view.order() >= self.state.floor() {
                return;
            }
            if view.is_busy() && self.help() {
                continue;
            }
            if self.publish_growth(view) == Err(Refusal::NoMemory) {
                return;
            }
        }
    }

    /// Publishes one shrinking, if `least` buckets are left by it, and nothing bars it: a resize
    /// under way, or the floor. False if it was not published.
    pub(crate) fn shrink(self, least: usize) -> bool {
        loop {
            let view = self.state.view();
            let Some(order) = view.order().previous() else {
                return false;
            };
            let is_barred = view.is_busy() || order < self.state.floor();
            if is_barred || order.capacity() < least {
                return false;
            }
            match self.publish(view, order) {
                Ok(()) => {
                    // A thread that raised the floor meanwhile may have seen the table from before.
                    if order < self.state.raise_floor(Order::BASE) {
                        self.grow_to_floor();
                    }
                    return true;
                }
                Err(Refusal::Changed) => {}
                Err(Refusal::NoMemory) => return false,
            }
        }
    }

    /// Carries a resize on by one step: makes a stride and settles it, or settles one that is left,
    /// or ends the resize. False if there was nothing to do, or nothing that can be done before
    /// another thread has made its stride.
    pub(crate) fn help(self) -> bool {
        let view = self.state.view();
        if !view.is_busy() {
            return false;
        }
        let table = view.newest();
        if let Some(stride) = table.claim() {
            self.make(table, &stride);
            let stride = table.finish(stride);
            self.settle(view, stride);
            return true;
        }
        match table.look() {
            Look::Unsettled(stride) => self.settle(view, stride),
            Look::Further => true,
            Look::Settled => {
                self.end(view);
                true
            }
        }
    }

    /// Makes a stride ready, as a thread does that stops then.
    #[cfg(test)]
    pub(crate) fn make_and_finish(self, table: Array<'g, Node<K, V, M>>, stride: Stride) {
        self.make(table, &stride);
        table.finish(stride);
    }

    /// Ends a resize, all of whose strides are settled.
    pub(crate) fn end(self, view: View<'g, Node<K, V, M>>) {
        for table in self.state.end(view).into_iter().flatten() {
            #[cfg(splitmap_loom)]
            crate::model::audit::table_is_unreachable(self.state, &table);
            retired::table(self.pinned, table);
        }
    }

    /// Freezes and unlinks all older heads in a stride of the view's table. False if some head there
    /// is not made yet, in this table or in one that it was published over.
    ///
    /// All are frozen before the first is looked for, so that one search meets several frozen.
    pub(crate) fn settle(self, view: View<'g, Node<K, V, M>>, stride: usize) -> bool {
        let table = view.newest();
        let strides = table.strides();
        let is_made = |member: Member<'g, _>| {
            let division = || member.array.strides();
            member.is_last
                || strides
                    .covering(stride, division())
                    .all(|stride| member.array.is_stride_ready(stride))
        };
        if !view.chain().all(is_made) {
            return false;
        }
        let mut finest = table.order();
        for older in view.chain().skip(1) {
            let order = older.array.order();
            finest = finest.max(order);
            for bucket in strides.buckets(stride, order) {
                if let Some(head) = older.head_at(bucket) {
                    head.freeze();
                }
            }
        }
        self.unlink_older(view, stride, finest);
        table.settle(stride);
        true
    }

    /// Unlinks all frozen heads in a stride; `finest` is the finest order of a table in the chain.
    fn unlink_older(self, view: View<'g, Node<K, V, M>>, stride: usize, finest: Order) {
        let strides = view.newest().strides();
        let order = view.order();
        if finest > order {
            // Several older heads a bucket: one search from each bucket on meets them all.
            for bucket in strides.buckets(stride, order) {
                let last = (bucket + 1) * finest.buckets_in(order) - 1;
                self.unlink_heads(view, order.key(bucket), finest.key(last));
            }
            return;
        }
        let replaced = view.newest().replaced();
        let orders = view.chain().skip(1).map(|member| member.array.order());
        let older = orders.max().unwrap_or(order);
        for bucket in strides.buckets(stride, older) {
            let key = older.key(bucket);
            let before = key.checked_sub(1).and_then(|hash| view.own_head(hash));
            // In a longer chain twins of several tables may stand side by side.
            if replaced.is_last
                && let Some(before) = before
                && let Some(head) = replaced.head_of(key)
                && Self::quick_unlink_head(before, head, key)
            {
                continue;
            }
            self.unlink_heads(view, key, key);
        }
    }

    /// Makes and links all heads of a stride.
    ///
    /// Linking waits for memory: for an older head's first node and for the node behind it; so all
    /// first nodes of the stride are asked for before the first is looked at.
    pub(crate) fn make(self, table: Array<'g, Node<K, V, M>>, stride: &Stride) {
        let older = table.replaced();
        let (order, coarser) = (table.order(), table.order().min(older.array.order()));
        let keys = (table.strides().buckets(stride.number(), coarser)).map(|b| coarser.key(b));
        for head in keys.clone().filter_map(|key| older.head_of(key)) {
            head.load().prefetch();
        }
        let maker = table.maker(stride);
        let count = order.buckets_in(coarser);
        for key in keys {
            let bucket = Bucket::of(key, order.shift()).number();
            self.make_heirs(&maker, older, Heirs { bucket, count });
        }
    }

    /// Makes and links the heads that take over from one older head, as the file's header says.
    ///
    /// Heads with no node in between are chained by plain stores and published by one
    /// compare-and-swap on the link before them.
    fn make_heirs(
        self,
        maker: &Maker<'_, 'g, Node<K, V, M>>,
        older: Member<'g, Node<K, V, M>>,
        heirs: Heirs,
    ) {
        let is_clean = older.is_last;
        // The heads that got nodes, with the bits that they started with.
        let mut filled: [Option<(&Link<_>, Presence)>; CHILDREN] = [None; CHILDREN];
        let mut open = heirs.count;
        let mut closing = Presence::NONE;
        while open > 0 {
            let places = self.places(maker.table, older, heirs, open);
            // From the last place to the first, as long as no other thread comes in between.
            while open > 0
                && let Some(place) = places[open - 1]
            {
                let is_other = |heir: &usize| places[*heir].is_none_or(|p| !p.is_same(&place));
                let first = (0..open).rev().find(is_other).map_or(0, |other| other + 1);
                let behind = place.behind_it();
                let presence = if behind.leads_to_head() {
                    Presence::NONE
                } else if is_clean {
                    place.presence
                } else {
                    Presence::ALL
                };
                let last = maker.make_head(heirs.bucket + open - 1, behind.with(presence));
                let mut head = last;
                for heir in (first..open - 1).rev() {
                    head = maker.make_head(heirs.bucket + heir, Word::leading_to(head));
                }
                if !place.publish_heads(head, first == 0) {
                    break;
                }
                if first == 0 {
                    closing = place.presence;
                } else if !behind.leads_to_head() {
                    filled[open - 1] = Some((last, presence));
                }
                open = first;
            }
        }
        if is_clean {
            for (head, presence) in filled.into_iter().flatten() {
                let lacking = closing.without(presence);
                if lacking != Presence::NONE {
                    head.add_unready(lacking);
                }
            }
        }
    }

    /// The places of the first `count` heirs, by one walk.
    fn places(
        self,
        table: Array<'g, Node<K, V, M>>,
        older: Member<'g, Node<K, V, M>>,
        heirs: Heirs,
        count: usize,
    ) -> Places<'g, Node<K, V, M>> {
        let mut places = [None; CHILDREN];
        let keys = (heirs.bucket..heirs.bucket + count).map(|bucket| table.order().key(bucket));
        if older.is_last
            && let Some(head) = keys.clone().next().and_then(|key| older.head_of(key))
        {
            let mut rest = places.iter_mut();
            let found = |place| {
                if let Some(next) = rest.next() {
                    *next = Some(place);
                }
            };
            if Self::quick_places(older.array, head, keys.clone(), found) {
                return places;
            }
        }
        let mut position = None;
        for (key, place) in keys.zip(&mut places) {
            let found = self.place(position.take(), table, key);
            *place = Some(found.place());
            position = Some(found);
        }
        places
    }
}
