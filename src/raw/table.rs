//! The table: from a hash to the bucket where its search starts, and the operations of the core. Those on
//! one key are in `keys`.
//!
//! Nothing below hashes a key: a hash comes in with every call, and it is the same hash that the
//! list is sorted by. Nothing above knows buckets.

#![forbid(unsafe_code)]

mod keys;

use crate::raw::build;
use crate::raw::node::Node;
use crate::raw::order::Order;
use crate::raw::owned::{Nodes, WalkMut};
#[cfg(feature = "rayon")]
use crate::raw::parts::PartMut;
#[cfg(any(feature = "rayon", splitmap_loom, splitmap_shuttle))]
use crate::raw::ranges::HashRange;
use crate::raw::read;
use crate::raw::reentry::{Watch, note};
use crate::raw::resize::with_room;
use crate::raw::retired::{self, Retired};
use crate::raw::section::Section;
use crate::raw::state::State;
use crate::raw::walk::Walk;
#[cfg(splitmap_loom)]
use crate::raw::writes::{Blank, Computed, Decision};
use crate::reclaim::{LocalGuard, Pinned, Protected, Reclaim, Reclaimer};
use crate::stats::Stats;

/// See the file's header.
pub(crate) struct Table<K, V, R: Reclaimer, M = ()> {
    /// Drops all entries with it.
    pub(crate) state: State<Node<K, V, M>>,
    // Dropped last: back ends that drain free the retired tables with it.
    store: R::Store,
}

/// Where a table is made: the back end has to be one that can free what it will retire.
impl<K, V, R, M> Table<K, V, R, M>
where
    R: Reclaim<Retired<K, V, M>>,
{
    /// A table without entries or memory.
    #[cfg(not(splitmap_loom))]
    pub(crate) const fn empty(store: R::Store) -> Self {
        Table {
            state: State::new(),
            store,
        }
    }

    /// A table without entries, with room for `capacity` of them; for none it has no memory.
    ///
    /// # Panics
    ///
    /// If there is no such capacity, or no memory for it.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Table {
            state: build::state(capacity, Vec::new()),
            store: R::store(),
        }
    }

    /// A table of these nodes, which are in the list's order, each key once.
    pub(crate) fn from_sorted(nodes: Vec<Box<Node<K, V, M>>>) -> Self {
        let count = nodes.len();
        let table = Table {
            state: build::state(0, nodes),
            store: R::store(),
        };
        if count > 0 {
            let guard = LocalGuard::<R>::new(&table.store);
            let pinned = guard.pinned(&table.store);
            pinned.count::<Retired<K, V, M>>(count as isize);
        }
        table
    }
}

impl<K, V, R, M> Table<K, V, R, M>
where
    R: Reclaimer,
{
    pub(crate) fn store(&self) -> &R::Store {
        &self.store
    }

    /// The number of entries: exact when no write is under way.
    pub(crate) fn len(&self) -> usize {
        R::len(&self.store)
    }

    /// The list as a pinned section sees it.
    pub(crate) fn section<'s, 'g>(
        &'g self,
        pinned: Pinned<'s, 'g, R>,
    ) -> Section<'s, 'g, K, V, M, R> {
        Section {
            state: &self.state,
            pinned,
        }
    }

    /// The node of a key, if it is present.
    #[inline(always)]
    pub(crate) fn get<'g>(
        &'g self,
        hash: u64,
        matches: impl FnMut(&K) -> bool,
        protected: Protected<'g, R>,
    ) -> Option<&'g Node<K, V, M>> {
        read::get(&self.state, protected, hash, matches)
    }

    /// Asks for the head of a hash's bucket to be brought into the cache.
    #[inline]
    pub(crate) fn prefetch_head(&self, hash: u64, _: Protected<'_, R>) {
        if let Some(head) = self.state.view().own_head(hash) {
            head.prefetch();
        }
    }

    /// Asks for the first node of a hash's bucket to be brought into the cache, by its head.
    #[inline]
    pub(crate) fn prefetch_node(&self, hash: u64, _: Protected<'_, R>) {
        if let Some(head) = self.state.view().own_head(hash) {
            head.load().prefetch();
        }
    }

    /// Removes every entry that `keep` refuses. It is called once for each that is present throughout.
    pub(crate) fn retain<'g>(
        &'g self,
        mut keep: impl FnMut(&K, &V) -> bool,
        pinned: Pinned<'_, 'g, R>,
    ) {
        let section = self.section(pinned);
        let mut walk = Walk::new(0, usize::MAX, &self.state);
        let mut watch: Option<Watch> = None;
        while let Some(node) = walk.next() {
            // The node in the place of one whose removal failed has the same hash.
            let mut watch_now = watch.take().filter(|watch| watch.is_of(node.hash()));
            if keep(node.key(), node.value()) {
                continue;
            }
            if section.remove_met(node, walk.word_mut()) {
                drop(watch_now);
                note(&self.state, node.hash(), Some(node), None);
                section.written(self.state.view(), -1);
                continue;
            }
            // The walk goes on to the node in its place, for which `keep` is called again.
            match &mut watch_now {
                Some(watch) => watch.failed(Some(node), "retain"),
                None => watch_now = Some(Watch::new(&self.state, node.hash())),
            }
            watch = watch_now;
        }
        section.fit_to_entries();
    }

    /// Watches what the calling thread itself does to a hash, for a caller that tries again.
    pub(crate) fn watch(&self, hash: u64) -> Watch {
        Watch::new(&self.state, hash)
    }

    /// The buckets that there are; none of an empty table without memory.
    pub(crate) fn capacity(&self) -> usize {
        let _guard = LocalGuard::<R>::new(&self.store);
        let view = self.state.view();
        if view.is_empty() {
            0
        } else {
            view.order().capacity()
        }
    }

    /// Grows the table until it has a bucket for each of `additional` more entries, and bars it from
    /// shrinking below.
    ///
    /// # Panics
    ///
    /// If there cannot be so many buckets, or there is no memory for them. The table is as before.
    pub(crate) fn reserve(&self, additional: usize) {
        let entries = self.len();
        let Some(capacity) = entries.checked_add(additional) else {
            panic!("splitmap: capacity overflow: room for {additional} entries beside {entries}");
        };
        let order = build::order(capacity);
        if additional > 0 {
            let guard = LocalGuard::<R>::new(&self.store);
            let section = self.section(guard.pinned(&self.store));
            let before = self.state.view();
            if !section.reserve(order) {
                build::no_memory(capacity);
            }
            // The tables that were replaced wait, and perhaps nobody writes.
            section.changed_nothing(self.state.view() != before);
        }
    }

    /// Shrinks the table to where it has a bucket for each entry, and lets it shrink further when
    /// there are fewer.
    pub(crate) fn shrink_to_fit(&self) {
        let guard = LocalGuard::<R>::new(&self.store);
        let section = self.section(guard.pinned(&self.store));
        self.state.give_up_floor();
        let has_resized = section.fit(|| section.pinned.len());
        // As in `reserve`.
        section.changed_nothing(has_resized);
    }

    /// Carries a resize on as far as it can be, shrinks a table that is too wide, and frees what no
    /// guard can still see.
    pub(crate) fn flush(&self) {
        let guard = LocalGuard::<R>::new(&self.store);
        let section = self.section(guard.pinned(&self.store));
        section.fit(|| with_room(section.pinned.len()));
        // Else what was retired since would wait for this very guard.
        drop(guard);
        retired::flush::<K, V, M, R>(&self.store);
    }

    /// What the reclaimer knows of this table's garbage.
    pub(crate) fn stats(&self) -> Stats {
        R::stats(&self.store)
    }

    /// All nodes with this hash or a greater one, in the list's order; about so many are wanted.
    pub(crate) fn walk<'g>(
        &'g self,
        from: u64,
        entries: usize,
        _: Protected<'g, R>,
    ) -> Walk<'g, K, V, M> {
        Walk::new(from, entries, &self.state)
    }

    /// All nodes, to be changed.
    pub(crate) fn walk_mut(&mut self) -> WalkMut<'_, Node<K, V, M>> {
        WalkMut::all(&mut self.state)
    }

    /// All nodes in ranges of hashes, for several threads.
    #[cfg(any(feature = "rayon", splitmap_loom, splitmap_shuttle))]
    pub(crate) fn ranges<'g>(&'g self, _: Protected<'g, R>) -> HashRange<'g, K, V, M> {
        HashRange::all(&self.state)
    }

    /// All nodes, to be changed by several threads.
    #[cfg(feature = "rayon")]
    pub(crate) fn part_mut(&mut self) -> PartMut<'_, Node<K, V, M>> {
        PartMut::all(&mut self.state)
    }

    /// The node of a key, to be changed.
    pub(crate) fn get_mut(
        &mut self,
        hash: u64,
        mut matches: impl FnMut(&K) -> bool,
    ) -> Option<&mut Node<K, V, M>> {
        WalkMut::from(hash, &mut self.state)
            .take_while(|node| node.hash() <= hash)
            .find(|node| node.hash() == hash && matches(node.key()))
    }

    /// All nodes, and how many they are; nothing else is left of the table, and garbage is freed.
    pub(crate) fn into_nodes(self) -> (Nodes<Node<K, V, M>>, usize) {
        let len = self.len();
        let Table { state, store } = self;
        let nodes = Nodes::of(state);
        drop(store);
        (nodes, len)
    }

    /// All nodes, and how many they are. The table is left empty, and as wide as its floor.
    ///
    /// # Panics
    ///
    /// If there is no memory for that. The nodes are still there then.
    pub(crate) fn drain(&mut self) -> (Nodes<Node<K, V, M>>, usize) {
        let len = self.len();
        (Nodes::of(self.put_table(Vec::new(), -(len as isize))), len)
    }

    /// Puts these nodes into a table without entries. They are in the list's order, each key once.
    ///
    /// # Panics
    ///
    /// If there is no memory for that. The nodes are dropped then.
    pub(crate) fn fill(&mut self, nodes: Vec<Box<Node<K, V, M>>>) {
        debug_assert_eq!(self.len(), 0, "only an empty table is filled");
        let count = nodes.len();
        // What was removed, and is still linked, goes.
        drop(self.put_table(nodes, count as isize));
    }

    /// Puts a table of these nodes, as wide as the floor at least, in the place of the one that there
    /// is, which is returned, and counts the entries that come or go.
    fn put_table(&mut self, nodes: Vec<Box<Node<K, V, M>>>, change: isize) -> State<Node<K, V, M>> {
        let floor = self.state.floor();
        let capacity = if floor > Order::BASE {
            floor.capacity()
        } else {
            0
        };
        let state = build::state(capacity, nodes);
        let guard = (change != 0).then(|| LocalGuard::<R>::new(&self.store));
        let state = std::mem::replace(&mut self.state, state);
        if let Some(guard) = guard {
            let pinned = guard.pinned(&self.store);
            pinned.count::<Retired<K, V, M>>(change);
        }
        state
    }
}

/// What only models call.
#[cfg(splitmap_loom)]
impl<K, V, R, M> Table<K, V, R, M>
where
    R: Reclaimer,
{
    /// `reserve`, under a guard that is there.
    pub(crate) fn reserve_pinned<'g>(&'g self, capacity: usize, pinned: Pinned<'_, 'g, R>) {
        let there_is_memory = self.section(pinned).reserve(build::order(capacity));
        assert!(there_is_memory, "no memory");
    }

    /// Changes the value of a key that is present with a value that `accepts`, or removes it. False
    /// if there is no such key or value.
    pub(crate) fn change_if<'g>(
        &'g self,
        hash: u64,
        key: K,
        to: Option<V>,
        accepts: impl Fn(&V) -> bool,
        pinned: Pinned<'_, 'g, R>,
    ) -> bool
    where
        K: Eq + 'g,
        M: Default + 'g,
        V: Clone + 'g,
    {
        let decide = |node: Option<&Node<K, V, M>>, blank: &mut Blank<K, V, M>| {
            blank.clear();
            match (node, &to) {
                (Some(node), Some(to)) if accepts(node.value()) => Decision::Put(to.clone()),
                (Some(node), None) if accepts(node.value()) => Decision::Remove,
                _ => Decision::Leave(()),
            }
        };
        matches!(
            self.compute(hash, key, decide, pinned),
            Computed::Replaced(_) | Computed::Removed(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::link::Target;
    use crate::reclaim::Epoch;

    type Numbers = Table<u64, (), Epoch>;

    fn insert(table: &Numbers, hash: u64) {
        let guard = LocalGuard::<Epoch>::new(table.store());
        let old = table.insert(hash, hash, (), guard.pinned(table.store()));
        assert!(old.is_none());
    }

    fn remove(table: &Numbers, hash: u64) {
        let guard = LocalGuard::<Epoch>::new(table.store());
        let pinned = guard.pinned(table.store());
        let removed = table.remove_if(hash, |&key| key == hash, |_| true, pinned);
        assert!(removed.is_ok_and(|node| node.is_some()));
    }

    fn assert_all(table: &Numbers, hashes: impl Iterator<Item = u64>) {
        let guard = LocalGuard::<Epoch>::new(table.store());
        for hash in hashes {
            let protected = Protected::by(&guard, table.store());
            let found = table.get(hash, |&key| key == hash, protected);
            assert!(found.is_some(), "{hash:#x} is lost");
        }
    }

    /// A thread is stopped while it makes a stride of a shrinking, and the table grows over that: the
    /// twins of both older tables leave the list before they are retired.
    #[test]
    fn a_growth_over_a_shrinking_leaves_no_older_head() {
        let table = Numbers::with_capacity(48);
        table.state.give_up_floor();
        let guard = LocalGuard::<Epoch>::new(table.store());
        let section = table.section(guard.pinned(table.store()));
        assert!(section.shrink(0));
        let shrinking = table.state.view().newest();
        let stride = shrinking.claim().expect("nobody else is there");
        section.grow(usize::MAX);
        assert_eq!(table.state.view().chain().count(), 3);
        section.make(shrinking, &stride);
        shrinking.finish(stride);
        while section.help() {}
        let quiet = table.state.view();
        assert!(!quiet.is_busy());
        assert_eq!(
            table.stats().pending,
            Some(2),
            "both older tables, once each"
        );
        let mut word = quiet.start(0).head.load();
        let mut heads = 1;
        while let Target::Head(head) = word.target() {
            assert!(
                quiet.known(head).is_some(),
                "a head of a table that is retired"
            );
            heads += 1;
            word = head.load();
        }
        assert_eq!(heads, quiet.order().buckets());
    }

    /// A thread is stopped while it makes a stride of a growth, the table grows over that, and others
    /// write in the stride before, between and after: whatever is there is found by the quick path.
    #[test]
    fn a_growth_over_a_growth_loses_nothing() {
        const EACH: u64 = 1 << 53;
        // Of all presence bits, in the first eighth of the hashes: the stride that is late.
        let hashes = |part: u64| (0..64).map(move |n| n * EACH / 2 + part * EACH / 8 + n % 16);
        for makes_late_stride_first in [false, true] {
            let table = Numbers::with_capacity(48);
            let guard = LocalGuard::<Epoch>::new(table.store());
            let pinned = guard.pinned(table.store());
            let section = table.section(pinned);
            let put = |part| hashes(part).for_each(|hash| insert(&table, hash));
            put(0);
            while section.help() {}
            section.grow(usize::MAX);
            let growing = table.state.view().newest();
            let late = growing.claim().expect("nobody else is there");
            while growing
                .claim()
                .map(|stride| section.make_and_finish(growing, stride))
                .is_some()
            {}
            put(1);
            section.grow(usize::MAX);
            assert!(table.state.view().chain().count() >= 3);
            if makes_late_stride_first {
                section.make_and_finish(growing, late);
                put(2);
                while section.help() {}
            } else {
                while section.help() {}
                put(2);
                section.make_and_finish(growing, late);
                while section.help() {}
            }
            put(3);
            while section.help() {}
            assert!(!table.state.view().is_busy());
            assert_all(&table, (0..4).flat_map(hashes));
            for hash in (0..4).flat_map(hashes) {
                remove(&table, hash);
            }
        }
    }

    #[test]
    fn no_growth_is_published_over_open_strides() {
        let table = Numbers::with_capacity(1_000);
        let guard = LocalGuard::<Epoch>::new(table.store());
        let section = table.section(guard.pinned(table.store()));
        section.grow(usize::MAX);
        assert!(table.state.view().newest().claim().is_some());
        section.grow(usize::MAX);
        assert_eq!(table.state.view().chain().count(), 2);
    }

    /// Each hash is the key of a head: now, or when the table is wider. What is right behind a head
    /// belongs to its bucket.
    #[test]
    fn hashes_that_are_keys_of_heads() {
        const MANY: u64 = 1_024;
        let hash = |number: u64| number << 54;
        let table = Numbers::with_capacity(0);
        for number in 0..MANY {
            // In no order.
            insert(&table, hash(number * 683 % MANY));
        }
        assert_all(&table, (0..MANY).map(hash));
        table.flush();
        assert_all(&table, (0..MANY).map(hash));
        let mut looked = 0;
        for number in 0..MANY {
            remove(&table, hash(number));
            let is_shrinking = {
                let _guard = LocalGuard::<Epoch>::new(table.store());
                table.state.view().is_slow()
            };
            if is_shrinking {
                assert_all(&table, (number + 1..MANY).map(hash));
                looked += 1;
            }
        }
        assert!(looked > 0, "no shrinking was met half way");
    }
}
