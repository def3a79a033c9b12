//! The table: from a hash to the bucket where its search starts, and the operations of the core.
//!
//! Nothing below hashes a key: a hash comes in with every call, and it is the same hash that the
//! list is sorted by. Nothing above knows buckets.

#![forbid(unsafe_code)]

use crate::raw::build;
use crate::raw::directory::{State, View};
use crate::raw::drain::Nodes;
use crate::raw::exclusive::WalkMut;
use crate::raw::link::Presence;
use crate::raw::list::{Find, List, Replaced, Walk, Walked, lookup, walk};
use crate::raw::node::Node;
use crate::raw::order::Order;
#[cfg(feature = "rayon")]
use crate::raw::parts::PartMut;
#[cfg(feature = "rayon")]
use crate::raw::ranges::HashRange;
#[cfg(splitmap_loom)]
use crate::raw::resize::Claim;
use crate::raw::resize::with_room;
use crate::raw::retired::{self, Retired};
use crate::reclaim::{LocalGuard, Pinned, Protected, Reclaim};
use crate::stats::Stats;

/// Whether writers grow the table by themselves. A model says when.
const AUTOMATIC: bool = !cfg!(splitmap_loom);

/// Whether the write that is counted by `clock` looks at the length. The first few writes of a
/// counter do, ever fewer, as there may be many threads that write little. Then one in a quarter of
/// the buckets does, so that a small table is not overrun, and at least one in a number that makes
/// the look free: it has to read a counter for each of so many participants.
fn looks(clock: u64, order: Order, participants: impl FnOnce() -> usize) -> bool {
    let is_at = |period: usize| clock & (period.next_power_of_two() as u64 - 1) == 0;
    clock.is_power_of_two()
        || is_at((order.buckets() / 4).clamp(4, 64)) && is_at((participants() / 16).min(256))
}

/// See the file's header.
pub(crate) struct Table<K, V, R: Reclaim<Retired<K, V, M>>, M = ()> {
    /// Drops all entries with it.
    state: State<Node<K, V, M>>,
    // Dropped last: back ends that drain free the retired directories with it.
    store: R::Store,
}

/// What became of a `get_or_insert`.
pub(crate) enum Inserted<'g, K, V, M, F> {
    /// The key was absent, and this node is linked.
    New(&'g Node<K, V, M>),
    /// The key was present: its node, and what was not needed.
    Present {
        node: &'g Node<K, V, M>,
        key: K,
        value: Unused<V, F>,
    },
}

/// What is to become of a key.
pub(crate) enum Decision<V, T> {
    /// This is its value.
    Put(V),
    /// It is removed.
    Remove,
    /// It stays as it is.
    Leave(T),
}

/// What became of a `compute`.
pub(crate) enum Computed<'g, K, V, M, T> {
    Inserted(&'g Node<K, V, M>),
    Replaced(Replaced<'g, Node<K, V, M>>),
    Removed(&'g Node<K, V, M>),
    /// It was to be removed, and was not there.
    Absent,
    /// It stays as it was; this is the key that was given.
    Left(K, T),
}

/// What became of a `remove_if`.
pub(crate) type Removal<'g, N> = Result<Option<&'g N>, &'g N>;

/// Where a `compute` stands: with the key, and a value from an earlier decision.
enum Plan<K, V, M> {
    Undecided(K, Option<V>),
    Put(Box<Node<K, V, M>>),
    Remove(K),
}

impl<K, V, M> Plan<K, V, M> {
    fn key(&self) -> &K {
        match self {
            Plan::Undecided(key, _) | Plan::Remove(key) => key,
            Plan::Put(node) => node.key(),
        }
    }

    fn undecided(self) -> Self {
        match self {
            Plan::Put(node) => {
                let (key, value) = node.into_entry();
                Plan::Undecided(key, Some(value))
            }
            Plan::Remove(key) => Plan::Undecided(key, None),
            undecided @ Plan::Undecided(..) => undecided,
        }
    }
}

/// A value that was not inserted: as it was made, or what was to make it.
pub(crate) enum Unused<V, F> {
    Made(V),
    Maker(F),
}

impl<V, F: FnOnce() -> V> Unused<V, F> {
    /// The value, made now if it was not.
    pub(crate) fn made(self) -> V {
        match self {
            Unused::Made(value) => value,
            Unused::Maker(make) => make(),
        }
    }
}

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

    /// A table of these nodes: of equal keys the last.
    pub(crate) fn from_nodes(mut nodes: Vec<Box<Node<K, V, M>>>) -> Self
    where
        K: Eq,
    {
        build::sort(&mut nodes);
        Self::from_sorted(nodes)
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
            guard.pinned(&table.store).count(count as isize);
        }
        table
    }

    pub(crate) fn store(&self) -> &R::Store {
        &self.store
    }

    /// The number of entries: exact when no write is under way.
    pub(crate) fn len(&self) -> usize {
        R::len(&self.store)
    }

    fn list<'g>(&'g self, pinned: Pinned<'g, R>) -> List<'g, K, V, M, R> {
        List {
            state: &self.state,
            pinned,
        }
    }

    /// The node of a key, if it is present.
    #[inline(always)]
    pub(crate) fn get<'g>(
        &'g self,
        hash: u64,
        mut matches: impl FnMut(&K) -> bool,
        protected: Protected<'g, R>,
    ) -> Option<&'g Node<K, V, M>> {
        let view = self.state.view();
        if let Some(head) = view.own_head(hash) {
            let word = head.load();
            if !word.may_hold(Presence::of(hash)) {
                // Linearization point of such a miss: the load of the head, while `state` was
                // still the same: then no finer head had taken the head's nodes over.
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
        self.lookup(hash, matches, protected)
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

    /// The other path of `get`, taken when the map is resized or the entry replaced right now.
    #[cold]
    #[inline(never)]
    fn lookup<'g>(
        &'g self,
        hash: u64,
        matches: impl FnMut(&K) -> bool,
        protected: Protected<'g, R>,
    ) -> Option<&'g Node<K, V, M>> {
        lookup(&self.state, protected, hash, matches)
    }

    /// The test of presence bits alone: true if no node of this hash was there at one moment.
    fn is_surely_absent(view: View<'_, Node<K, V, M>>, hash: u64) -> bool {
        let presence = Presence::of(hash);
        view.own_head(hash)
            .is_some_and(|head| !head.load().may_hold(presence) && view.is_current())
    }

    /// Inserts a node. The one that it replaces is returned.
    pub(crate) fn insert<'g>(
        &'g self,
        mut node: Box<Node<K, V, M>>,
        pinned: Pinned<'g, R>,
    ) -> Option<&'g Node<K, V, M>>
    where
        K: Eq,
    {
        let list = self.list(pinned);
        let mut view = self.state.occupied();
        loop {
            node = match list.find(view, node.hash(), |key| key == node.key()).find {
                Find::Absent(cursor) => match list.link(cursor, node) {
                    Ok(_) => {
                        self.written(list, view, 1);
                        return None;
                    }
                    Err(node) => node,
                },
                Find::Found(found) => match list.replace(&found, node) {
                    Ok(replaced) => {
                        self.written(list, view, 0);
                        return Some(replaced.old);
                    }
                    Err(node) => node,
                },
            };
            view = self.state.view();
        }
    }

    /// Does with a key what `decide` says, which sees its node, if it is present, and, when it is
    /// asked again, the value that it gave before. It is asked again only when the node is another
    /// one: what was decided for this one still stands when something else has come between.
    pub(crate) fn compute<'g, T>(
        &'g self,
        hash: u64,
        key: K,
        mut decide: impl FnMut(Option<&'g Node<K, V, M>>, Option<V>) -> Decision<V, T>,
        pinned: Pinned<'g, R>,
    ) -> Computed<'g, K, V, M, T>
    where
        K: Eq,
        M: Default,
    {
        let list = self.list(pinned);
        let mut view = self.state.view();
        let mut plan = Plan::Undecided(key, None);
        // What `plan` was decided for.
        let mut seen: Option<&'g Node<K, V, M>> = None;
        let mut retired = false;
        loop {
            let searched = list.find(view, hash, |k| k == plan.key());
            retired |= searched.retired;
            let node = match &searched.find {
                Find::Found(found) => Some(found.node),
                Find::Absent(_) => None,
            };
            if !node
                .map(std::ptr::from_ref)
                .eq(&seen.map(std::ptr::from_ref))
            {
                plan = plan.undecided();
                seen = node;
            }
            if let Plan::Undecided(key, value) = plan {
                plan = match decide(node, value) {
                    Decision::Put(value) => Plan::Put(Node::new(hash, key, value)),
                    Decision::Remove => Plan::Remove(key),
                    Decision::Leave(answer) => {
                        self.changed_nothing(list, retired);
                        return Computed::Left(key, answer);
                    }
                };
            }
            plan = match (plan, &searched.find) {
                (Plan::Put(new), Find::Found(found)) => match list.replace(found, new) {
                    Ok(replaced) => {
                        self.written(list, view, 0);
                        return Computed::Replaced(replaced);
                    }
                    Err(new) => Plan::Put(new),
                },
                (Plan::Put(new), Find::Absent(_)) if view.directory().base().is_none() => {
                    // The first write of the map: what was found is nowhere.
                    self.state.occupied();
                    Plan::Put(new)
                }
                (Plan::Put(new), &Find::Absent(cursor)) => match list.link(cursor, new) {
                    Ok(new) => {
                        self.written(list, view, 1);
                        return Computed::Inserted(new);
                    }
                    Err(new) => Plan::Put(new),
                },
                (Plan::Remove(key), Find::Found(found)) => {
                    if list.remove(found) {
                        self.written(list, view, -1);
                        return Computed::Removed(found.node);
                    }
                    Plan::Remove(key)
                }
                (Plan::Remove(_), Find::Absent(_)) => {
                    self.changed_nothing(list, retired);
                    return Computed::Absent;
                }
                (Plan::Undecided(..), _) => unreachable!("decided above"),
            };
            view = self.state.view();
        }
    }

    /// Finds the node of a key, or inserts one whose value `make` makes, at most once.
    pub(crate) fn get_or_insert<'g, F>(
        &'g self,
        hash: u64,
        key: K,
        make: F,
        pinned: Pinned<'g, R>,
    ) -> Inserted<'g, K, V, M, F>
    where
        K: Eq,
        M: Default,
        F: FnOnce() -> V,
    {
        let list = self.list(pinned);
        let mut view = self.state.occupied();
        let searched = list.find(view, hash, |k| *k == key);
        let mut retired = searched.retired;
        let cursor = match searched.find {
            Find::Absent(cursor) => cursor,
            Find::Found(found) => {
                self.changed_nothing(list, retired);
                return Inserted::Present {
                    node: found.node,
                    key,
                    value: Unused::Maker(make),
                };
            }
        };
        let mut linked = list.link(cursor, Node::new(hash, key, make()));
        loop {
            let node = match linked {
                Ok(node) => {
                    self.written(list, view, 1);
                    return Inserted::New(node);
                }
                Err(node) => node,
            };
            view = self.state.view();
            let searched = list.find(view, hash, |k| k == node.key());
            retired |= searched.retired;
            linked = match searched.find {
                Find::Absent(cursor) => list.link(cursor, node),
                Find::Found(found) => {
                    self.changed_nothing(list, retired);
                    let (key, value) = node.into_entry();
                    return Inserted::Present {
                        node: found.node,
                        key,
                        value: Unused::Made(value),
                    };
                }
            };
        }
    }

    /// Removes a key, if its node is one that `condemns` accepts, which is asked once for each node
    /// that it meets: `Ok` with the node, or with `None` if the key is absent; `Err` with a node that
    /// was refused.
    pub(crate) fn remove_if<'g>(
        &'g self,
        hash: u64,
        mut matches: impl FnMut(&K) -> bool,
        mut condemns: impl FnMut(&'g Node<K, V, M>) -> bool,
        pinned: Pinned<'g, R>,
    ) -> Removal<'g, Node<K, V, M>> {
        let mut view = self.state.view();
        if Self::is_surely_absent(view, hash) {
            return Ok(None);
        }
        let list = self.list(pinned);
        let mut condemned: Option<&'g Node<K, V, M>> = None;
        let mut retired = false;
        loop {
            let searched = list.find(view, hash, &mut matches);
            retired |= searched.retired;
            let Find::Found(found) = searched.find else {
                self.changed_nothing(list, retired);
                return Ok(None);
            };
            if !condemned.is_some_and(|node| std::ptr::eq(node, found.node)) {
                if !condemns(found.node) {
                    self.changed_nothing(list, retired);
                    return Err(found.node);
                }
                condemned = Some(found.node);
            }
            if list.remove(&found) {
                self.written(list, view, -1);
                return Ok(Some(found.node));
            }
            view = self.state.view();
        }
    }

    /// Removes every entry that `keep` refuses: whatever is there throughout is asked for once.
    pub(crate) fn retain(&self, mut keep: impl FnMut(&K, &V) -> bool, pinned: Pinned<'_, R>) {
        let list = self.list(pinned);
        let mut walk = Walk::new(0, &self.state);
        while let Some(node) = walk.next() {
            if !keep(node.key(), node.value()) && list.remove_walked(node, &mut walk) {
                self.written(list, self.state.view(), -1);
            }
        }
        if AUTOMATIC {
            list.fit(|| with_room(list.pinned.len()));
        }
    }

    /// The buckets that there are; none of an empty table without memory.
    pub(crate) fn capacity(&self) -> usize {
        let _guard = LocalGuard::<R>::new(&self.store);
        let directory = self.state.view().directory();
        directory.base().map_or(0, |_| directory.order().buckets())
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
            if !self.list(guard.pinned(&self.store)).reserve(order) {
                build::no_memory(capacity);
            }
        }
    }

    /// Shrinks the table to where it has a bucket for each entry, and lets it shrink further when
    /// there are fewer.
    pub(crate) fn shrink_to_fit(&self) {
        let guard = LocalGuard::<R>::new(&self.store);
        let list = self.list(guard.pinned(&self.store));
        list.give_up_floor();
        list.fit(|| list.pinned.len());
    }

    /// Carries a resize on as far as it can be, shrinks a table that is too wide, and frees what no
    /// guard can still see.
    pub(crate) fn flush(&self) {
        let guard = LocalGuard::<R>::new(&self.store);
        let list = self.list(guard.pinned(&self.store));
        list.fit(|| with_room(list.pinned.len()));
        // Else what was retired since would wait for this very guard.
        drop(guard);
        retired::flush::<K, V, M, R>(&self.store);
    }

    /// What the reclaimer knows of this table's garbage.
    pub(crate) fn stats(&self) -> Stats {
        R::stats(&self.store)
    }

    /// All nodes with this hash or a greater one, in the list's order.
    pub(crate) fn walk<'g>(&'g self, from: u64, _: Protected<'g, R>) -> Walk<'g, K, V, M> {
        Walk::new(from, &self.state)
    }

    /// All nodes, to be changed.
    pub(crate) fn walk_mut(&mut self) -> WalkMut<'_, Node<K, V, M>> {
        WalkMut::new(0, &mut self.state)
    }

    /// All nodes in ranges of hashes, for several threads.
    #[cfg(feature = "rayon")]
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
        WalkMut::new(hash, &mut self.state)
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
        let floor = self.state.view().directory().floor();
        let capacity = if floor > Order::BASE {
            floor.buckets()
        } else {
            0
        };
        let empty = build::state(capacity, Vec::new());
        let guard = (len > 0).then(|| LocalGuard::<R>::new(&self.store));
        let state = std::mem::replace(&mut self.state, empty);
        if let Some(guard) = guard {
            guard.pinned(&self.store).count(-(len as isize));
        }
        (Nodes::of(state), len)
    }

    /// The end of a write that changed nothing. If it has cleaned up after others, that counts: else
    /// nobody would free what it retired.
    fn changed_nothing(&self, list: List<'_, K, V, M, R>, retired: bool) {
        if retired {
            list.pinned.tick(list.pinned.count(0));
        }
    }

    /// The end of every write that changed something: its effect is complete. Counts, carries a
    /// resize on, and gives the reclaimer its turn, which may run destructors.
    ///
    /// While a resize is under way every write takes a stride: until it is over, reads of a bucket
    /// go the longer way, and the fewer writes that lasts, the rarer are maps that happen to be left
    /// within it.
    ///
    /// `view` may be a little old: that delays the resize by a write.
    fn written(&self, list: List<'_, K, V, M, R>, view: View<'_, Node<K, V, M>>, by: isize) {
        let directory = view.directory();
        let clock = list.pinned.count(by);
        if AUTOMATIC {
            if directory.is_resizing() {
                list.help();
            }
            // After any kind of write: every n-th one may happen to be another than the kind that
            // asks for it.
            let participants = || list.pinned.protected().participants().unwrap_or(0);
            if looks(clock, directory.order(), participants) {
                list.resize(list.pinned.len());
            }
        }
        list.pinned.tick(clock);
    }
}

/// What models drive by hand, and how they look inside.
#[cfg(splitmap_loom)]
impl<K, V, R, M> Table<K, V, R, M>
where
    R: Reclaim<Retired<K, V, M>>,
{
    /// Publishes one growth.
    pub(crate) fn grow(&self, pinned: Pinned<'_, R>) {
        self.list(pinned).grow(usize::MAX);
    }

    /// Claims one stride and makes it, or completes a group.
    pub(crate) fn help(&self, pinned: Pinned<'_, R>) {
        self.list(pinned).help();
    }

    /// Publishes one shrinking, if nothing bars it.
    pub(crate) fn shrink(&self, pinned: Pinned<'_, R>) -> bool {
        self.list(pinned).shrink(0)
    }

    /// Publishes one shrinking, with a stop before the old directory is retired.
    pub(crate) fn shrink_stopping(&self, meanwhile: impl FnOnce(), pinned: Pinned<'_, R>) -> bool {
        self.list(pinned).shrink_stopping(meanwhile)
    }

    /// See `audit`.
    pub(crate) fn stop_before_retiring(&self, meanwhile: impl FnOnce() + 'static) {
        crate::raw::audit::stop_before_retiring(meanwhile);
    }

    /// The first step of settling a stride, for threads that stop then.
    pub(crate) fn begin_settling(&self, pinned: Pinned<'_, R>) -> Option<usize> {
        self.list(pinned).begin_settling()
    }

    /// Settles a stride, if the table shrinks.
    pub(crate) fn settle(&self, stride: usize, pinned: Pinned<'_, R>) {
        self.list(pinned).settle_stride(stride);
    }

    /// `reserve`, under a guard that is there.
    pub(crate) fn reserve_pinned(&self, capacity: usize, pinned: Pinned<'_, R>) {
        let there_is_memory = self.list(pinned).reserve(build::order(capacity));
        assert!(there_is_memory, "no memory");
    }

    /// The steps of `help`, for threads that stop between them.
    pub(crate) fn claim(&self, pinned: Pinned<'_, R>) -> Option<Claim> {
        self.list(pinned).claim()
    }

    /// See `claim`.
    pub(crate) fn make_claimed(&self, claim: Claim, pinned: Pinned<'_, R>) {
        self.list(pinned).make_claimed(claim);
    }

    /// See `claim`.
    pub(crate) fn finish_claimed(&self, claim: Claim, pinned: Pinned<'_, R>) {
        self.list(pinned).finish_claimed(claim);
    }

    /// Changes the value of a key that is present with a value that `accepts`, or removes it. False
    /// if there is no such key or value.
    pub(crate) fn change_if(
        &self,
        hash: u64,
        key: K,
        to: Option<V>,
        accepts: impl Fn(&V) -> bool,
        pinned: Pinned<'_, R>,
    ) -> bool
    where
        K: Eq,
        M: Default,
        V: Clone,
    {
        let decide = |node: Option<&Node<K, V, M>>, _| match (node, &to) {
            (Some(node), Some(to)) if accepts(node.value()) => Decision::Put(to.clone()),
            (Some(node), None) if accepts(node.value()) => Decision::Remove,
            _ => Decision::Leave(()),
        };
        matches!(
            self.compute(hash, key, decide, pinned),
            Computed::Replaced(_) | Computed::Removed(_)
        )
    }

    /// Whether a growth is under way.
    pub(crate) fn is_growing(&self) -> bool {
        self.state.newest_directory().has_partial()
    }

    /// Whether a shrinking is under way.
    pub(crate) fn is_shrinking(&self) -> bool {
        self.state.newest_directory().is_shrinking()
    }

    /// The buckets of the newest directory.
    pub(crate) fn buckets(&self) -> usize {
        self.state.newest_directory().order().buckets()
    }

    /// The hashes in the list, marked nodes too, in its order: without a step of the execution.
    pub(crate) fn linked(&self) -> Vec<(u64, bool)> {
        crate::raw::audit::linked(&self.state)
    }

    /// Checks the list's invariants, without a step of the execution.
    pub(crate) fn audit(&self) {
        crate::raw::audit::invariants(&self.state);
    }
}

/// What is done to nodes that exist: a large value is made in its place, and moved no more.
impl<K, V, R, M> Table<K, V, R, M>
where
    R: Reclaim<Retired<K, V, M>>,
{
    /// Links a node if its key is absent. Else: the node that is there, and the one that was given.
    #[expect(clippy::type_complexity, reason = "a node in, or the node back")]
    pub(crate) fn insert_absent<'g>(
        &'g self,
        mut node: Box<Node<K, V, M>>,
        pinned: Pinned<'g, R>,
    ) -> Result<&'g Node<K, V, M>, (&'g Node<K, V, M>, Box<Node<K, V, M>>)>
    where
        K: Eq,
    {
        let list = self.list(pinned);
        let mut view = self.state.occupied();
        let mut retired = false;
        loop {
            let searched = list.find(view, node.hash(), |key| key == node.key());
            retired |= searched.retired;
            node = match searched.find {
                Find::Absent(cursor) => match list.link(cursor, node) {
                    Ok(node) => {
                        self.written(list, view, 1);
                        return Ok(node);
                    }
                    Err(node) => node,
                },
                Find::Found(found) => {
                    self.changed_nothing(list, retired);
                    return Err((found.node, node));
                }
            };
            view = self.state.view();
        }
    }

    /// Puts a node in the place of the very node that was seen. Else: what is there, and the node
    /// that was given.
    #[expect(clippy::type_complexity, reason = "a node in, or the node back")]
    pub(crate) fn exchange<'g>(
        &'g self,
        seen: &'g Node<K, V, M>,
        mut node: Box<Node<K, V, M>>,
        pinned: Pinned<'g, R>,
    ) -> Result<&'g Node<K, V, M>, (Option<&'g Node<K, V, M>>, Box<Node<K, V, M>>)>
    where
        K: Eq,
    {
        let list = self.list(pinned);
        let mut retired = false;
        loop {
            let view = self.state.view();
            let searched = list.find(view, node.hash(), |key| key == node.key());
            retired |= searched.retired;
            let current = match searched.find {
                // The guard keeps `seen` allocated, so no other node has its address.
                Find::Found(found) if std::ptr::eq(found.node, seen) => {
                    match list.replace(&found, node) {
                        Ok(replaced) => {
                            self.written(list, view, 0);
                            return Ok(replaced.new);
                        }
                        Err(back) => node = back,
                    }
                    continue;
                }
                Find::Found(found) => Some(found.node),
                Find::Absent(_) => None,
            };
            self.changed_nothing(list, retired);
            return Err((current, node));
        }
    }
}

#[cfg(all(test, not(any(splitmap_loom, splitmap_shuttle))))]
mod tests {
    use super::*;
    use crate::reclaim::Epoch;

    type Numbers = Table<u64, (), Epoch>;

    fn insert(table: &Numbers, hash: u64) {
        let guard = LocalGuard::<Epoch>::new(table.store());
        let old = table.insert(Node::new(hash, hash, ()), guard.pinned(table.store()));
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
                table.state.view().directory().is_shrinking()
            };
            if is_shrinking {
                assert_all(&table, (number + 1..MANY).map(hash));
                looked += 1;
            }
        }
        assert!(looked > 0, "no shrinking was met half way");
    }
}
