//! The core with hashes in hand: the map that models drive.
//!
//! No hasher, no default guard, no growth that happens by itself: a model says which hash a key
//! has, when each thread is pinned, and when the table grows. The code below is the real one.

#![forbid(unsafe_code)]

use super::{Claim, audit};
use crate::iter::{Cursor, Scan};
use crate::raw::{Blank, Computed, Decision, Inserted, Node, Retired, Section, Table};
use crate::reclaim::{Model, Pinned, Reclaimer};

/// A guard that may be moved to the thread that uses it.
pub type Pin = <Model as Reclaimer>::Pin;

/// What a closure wants done with a key: [`Map::compute`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// This is its value.
    Put(u64),
    /// It is removed, if it is present.
    Removed,
    /// It stays as it is.
    Nothing,
}

/// A map from small keys to small numbers. Values are copied out.
pub struct Map {
    table: Table<Key, u64, Model>,
    /// Dropped after the table.
    _check: audit::NothingIsLeft,
}

/// A part of a parallel iteration, as plain numbers.
#[derive(Clone, Copy, Debug)]
pub struct Part((u64, u64));

/// A key with the hash that it has: `key << 60` with the key's low two bits below, so that four
/// presence bits are in use; `twin` tells keys of one hash apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The top four bits of the hash.
    pub at: u8,
    /// Which of the keys with this hash.
    pub twin: u8,
}

impl From<u8> for Key {
    fn from(at: u8) -> Key {
        Key { at, twin: 0 }
    }
}

impl Key {
    /// The hash of the key.
    pub fn hash(self) -> u64 {
        u64::from(self.at) << 60 | u64::from(self.at & 3)
    }
}

impl Default for Map {
    fn default() -> Self {
        Map::new()
    }
}

impl Map {
    /// An empty map: its base is made by the first write.
    pub fn new() -> Map {
        let check = audit::NothingIsLeft::new();
        Map {
            table: Table::with_capacity(0),
            _check: check,
        }
    }

    /// Pins.
    pub fn pin(&self) -> Pin {
        self.table.store().enter()
    }

    fn pinned<'g>(&'g self, pin: &'g Pin) -> Pinned<'g, 'g, Model> {
        Pinned::new(self.table.store(), pin)
    }

    fn section<'g>(&'g self, pin: &'g Pin) -> Section<'g, 'g, Key, u64, (), Model> {
        self.table.section(self.pinned(pin))
    }

    /// `get`.
    pub fn get(&self, key: impl Into<Key>, pin: &Pin) -> Option<u64> {
        let key = key.into();
        let node = self
            .table
            .get(key.hash(), |k| *k == key, self.pinned(pin).protected())?;
        Some(*node.value())
    }

    /// `insert`: the value that was replaced.
    pub fn insert(&self, key: impl Into<Key>, value: u64, pin: &Pin) -> Option<u64> {
        let key = key.into();
        self.table
            .insert(key.hash(), key, value, self.pinned(pin))
            .map(|old| *old.value())
    }

    /// `get_or_insert`: the value, and whether it was inserted.
    pub fn get_or_insert(&self, key: impl Into<Key>, value: u64, pin: &Pin) -> (u64, bool) {
        let key = key.into();
        let pinned = self.pinned(pin);
        match self.table.get_or_insert(key.hash(), key, || value, pinned) {
            Inserted::New(node) => (*node.value(), true),
            Inserted::Present { node, .. } => (*node.value(), false),
        }
    }

    /// `remove`: the value that was removed.
    pub fn remove(&self, key: impl Into<Key>, pin: &Pin) -> Option<u64> {
        let key = key.into();
        let pinned = self.pinned(pin);
        let removed = self
            .table
            .remove_if(key.hash(), |k| *k == key, |_| true, pinned);
        removed.ok()?.map(|node| *node.value())
    }

    /// Replaces `from` by `to`; false if the key is absent or has another value.
    pub fn replace_if(&self, key: impl Into<Key>, from: u64, to: u64, pin: &Pin) -> bool {
        let key = key.into();
        let pinned = self.pinned(pin);
        self.table
            .change_if(key.hash(), key, Some(to), |value| *value == from, pinned)
    }

    /// Removes the key if it has this value.
    pub fn remove_if(&self, key: impl Into<Key>, value: u64, pin: &Pin) -> bool {
        let key = key.into();
        self.table
            .change_if(key.hash(), key, None, |v| *v == value, self.pinned(pin))
    }

    /// `compute`: the value of the entry that was replaced or removed, or of the one that stays.
    pub fn compute(
        &self,
        key: impl Into<Key>,
        mut decide: impl FnMut(Option<u64>) -> Wanted,
        pin: &Pin,
    ) -> Option<u64> {
        let key = key.into();
        let mut seen = None;
        let decide = |node: Option<&Node<Key, u64>>, blank: &mut Blank<Key, u64>| {
            blank.clear();
            seen = node.map(|node| *node.value());
            match decide(seen) {
                Wanted::Put(value) => Decision::Put(value),
                Wanted::Removed => Decision::Remove,
                Wanted::Nothing => Decision::Leave(()),
            }
        };
        match self
            .table
            .compute(key.hash(), key, decide, self.pinned(pin))
        {
            Computed::Inserted(_) | Computed::Absent => None,
            Computed::Replaced(replaced) => Some(*replaced.old.value()),
            Computed::Removed(node) => Some(*node.value()),
            Computed::Left(..) => seen,
        }
    }

    /// `remove_if`: the value that was removed, if there was one, or that was refused.
    ///
    /// # Errors
    ///
    /// If the value was refused.
    pub fn remove_condemned(
        &self,
        key: impl Into<Key>,
        mut condemns: impl FnMut(u64) -> bool,
        pin: &Pin,
    ) -> Result<Option<u64>, u64> {
        let key = key.into();
        let condemns = |node: &Node<Key, u64>| condemns(*node.value());
        let removal = (self.table).remove_if(key.hash(), |k| *k == key, condemns, self.pinned(pin));
        let value = |node: &Node<Key, u64>| *node.value();
        removal.map(|node| node.map(value)).map_err(value)
    }

    /// `retain`.
    pub fn retain(&self, mut keep: impl FnMut(Key, u64) -> bool, pin: &Pin) {
        self.table
            .retain(|key, value| keep(*key, *value), self.pinned(pin));
    }

    /// `iter`: all entries from this place in the hash order on, to the end.
    pub fn entries_from(&self, at: u8, pin: &Pin) -> Vec<(Key, u64)> {
        let hash = Key::from(at).hash() & !3;
        self.table
            .walk(hash, 0, self.pinned(pin).protected())
            .map(|node| (*node.key(), *node.value()))
            .collect()
    }

    /// The entries of `entries_from` whose place is before `end`, without walking further.
    pub fn entries_between(&self, at: u8, end: u8, pin: &Pin) -> Vec<(Key, u64)> {
        let hash = Key::from(at).hash() & !3;
        self.table
            .walk(hash, 0, self.pinned(pin).protected())
            .map(|node| (*node.key(), *node.value()))
            .take_while(|(key, _)| key.at < end)
            .collect()
    }

    /// `par_iter`: the parts that the threads of a parallel iteration take, as a thread has them that
    /// has not begun.
    pub fn parts(&self, pin: &Pin) -> Vec<Part> {
        let parts = self.table.ranges(self.pinned(pin).protected()).parts();
        parts.into_iter().map(|part| Part(part.ends())).collect()
    }

    /// The entries of a part, which was made under a guard that has lived since.
    pub fn entries_in(&self, part: Part, pin: &Pin) -> Vec<(Key, u64)> {
        let all = self.table.ranges(self.pinned(pin).protected());
        let nodes = all.part(part.0).nodes();
        nodes.map(|node| (*node.key(), *node.value())).collect()
    }

    /// `scan`: a call of it.
    pub fn scan(
        &self,
        cursor: Cursor,
        budget: usize,
        pin: &Pin,
    ) -> (Vec<(Key, u64)>, Option<Cursor>) {
        let walk = (self.table).walk(cursor.to_bits(), budget, self.pinned(pin).protected());
        let mut scan = Scan::new(walk, cursor, budget);
        let entries = scan.by_ref().map(|(key, value)| (*key, *value)).collect();
        (entries, scan.cursor())
    }

    /// `len`.
    pub fn len(&self, _: &Pin) -> usize {
        self.table.len()
    }

    /// Publishes one growth. Not while strides of a resize are left to claim.
    pub fn grow(&self, pin: &Pin) {
        self.section(pin).grow(usize::MAX);
    }

    /// Publishes one shrinking, if nothing bars it. False if something does.
    pub fn shrink(&self, pin: &Pin) -> bool {
        self.section(pin).shrink(0)
    }

    /// Grows the table to a bucket for each of that many entries, below which it does not shrink.
    pub fn reserve(&self, entries: usize, pin: &Pin) {
        self.table.reserve_pinned(entries, self.pinned(pin));
    }

    /// Gives up what was reserved.
    pub fn give_up_floor(&self) {
        self.table.state.give_up_floor();
    }

    /// Carries a resize on by one step: makes a stride and settles it, settles one that is left, or
    /// ends the resize. False if there was nothing that could be done.
    pub fn help(&self, pin: &Pin) -> bool {
        self.section(pin).help()
    }

    /// Claims a stride of a resize and stops there: no other thread can make it. `None` if there is
    /// none to claim.
    pub fn claim(&self, pin: &Pin) -> Option<Claim> {
        self.section(pin).claim()
    }

    /// Makes the heads of a claimed stride and stops again, before it is ready. `pin` is that of the
    /// claim.
    pub fn make(&self, claim: Claim, pin: &Pin) {
        self.section(pin).make_claimed(claim);
    }

    /// Makes a claimed stride ready, whose heads are made, and does not settle it.
    pub fn finish(&self, claim: Claim, pin: &Pin) {
        self.section(pin).finish_claimed(claim);
    }

    /// Settles a stride of the resize that is under way. False if there is none, or if the stride
    /// cannot be settled yet.
    pub fn settle(&self, stride: usize, pin: &Pin) -> bool {
        self.section(pin).settle_stride(stride)
    }

    /// As the maker of a claimed stride settles it: by the state that it was claimed in.
    pub fn settle_claimed(&self, claim: Claim, pin: &Pin) -> bool {
        self.section(pin).settle_claimed(claim)
    }

    /// Ends the resize, if all its strides are settled. False if not.
    pub fn end(&self, pin: &Pin) -> bool {
        self.section(pin).end_settled()
    }

    /// Walks the list, by what this thread may read, in a state that was quiet a moment ago.
    ///
    /// # Panics
    ///
    /// If it meets a head that the newest state does not know.
    pub fn assert_no_old_head(&self, pin: &Pin) {
        audit::no_old_head(&self.table.state, pin);
    }

    /// When the calling thread has unlinked its next node, or ended its next resize, it stops before
    /// it retires that: `meanwhile` is what happens then.
    pub fn stop_before_retiring(&self, meanwhile: impl FnOnce() + 'static) {
        audit::stop_before_retiring(meanwhile);
    }

    /// Gives the reclaimer a turn, as every write does at its end.
    pub fn tick(&self, pin: &Pin) {
        self.pinned(pin).tick::<Retired<Key, u64>>(0);
    }

    /// Whether a resize is under way. No step of the execution, as all that follow.
    pub fn is_busy(&self) -> bool {
        self.table.state.newest().is_busy()
    }

    /// Whether a table of the chain is finer than the newest.
    pub fn is_slow(&self) -> bool {
        self.table.state.newest().is_slow()
    }

    /// Whether the newest table's head for a key may be used.
    pub fn is_ready(&self, key: impl Into<Key>) -> bool {
        let newest = self.table.state.newest().newest();
        newest.is_newest_ready(key.into().hash())
    }

    /// The buckets of the newest table.
    pub fn buckets(&self) -> usize {
        self.table.state.newest().order().buckets()
    }

    /// The tables in the chain.
    pub fn tables(&self) -> usize {
        self.table.state.newest().audited_chain().count()
    }

    /// The places of all linked nodes in list order, each with "is marked".
    pub fn linked(&self) -> Vec<(u8, bool)> {
        let nodes = audit::linked(&self.table.state).into_iter();
        nodes
            .map(|(hash, marked)| ((hash >> 60) as u8, marked))
            .collect()
    }

    /// How many objects were freed so far.
    pub fn freed(&self) -> usize {
        self.table.store().freed()
    }

    /// Checks order, presence bits, and that every head in use is linked.
    pub fn audit(&self) {
        audit::invariants(&self.table.state);
    }
}
