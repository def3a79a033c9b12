//! What models drive, under `cfg(splitmap_loom)`: the core with hashes in hand.
//!
//! No hasher, no default guard, no growth that happens by itself: a model says which hash a key
//! has, when each thread is pinned, and when the table grows. The code below is the real one.
//!
//! [`epoch`] is the same for the reclaimer alone, which the map's own models do not run.

#![forbid(unsafe_code)]

pub use crate::raw::Claim;
use crate::raw::{Computed, Decision, Inserted, Node, Retired, Table};
pub use crate::reclaim::epoch::handles as epoch;
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
}

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
        Map {
            table: Table::with_capacity(0),
        }
    }

    /// Pins.
    pub fn pin(&self) -> Pin {
        self.table.store().enter()
    }

    fn pinned<'g>(&'g self, pin: &'g Pin) -> Pinned<'g, Model> {
        Pinned::new(self.table.store(), pin)
    }

    fn node(key: Key, value: u64) -> Box<Node<Key, u64>> {
        Node::new(key.hash(), key, value)
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
        let node = Map::node(key.into(), value);
        self.table
            .insert(node, self.pinned(pin))
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
        let decide = |node: Option<&Node<Key, u64>>, _| {
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
            .walk(hash, self.pinned(pin).protected())
            .map(|node| (*node.key(), *node.value()))
            .collect()
    }

    /// The entries of `entries_from` whose place is before `end`, without walking further.
    pub fn entries_between(&self, at: u8, end: u8, pin: &Pin) -> Vec<(Key, u64)> {
        let hash = Key::from(at).hash() & !3;
        self.table
            .walk(hash, self.pinned(pin).protected())
            .map(|node| (*node.key(), *node.value()))
            .take_while(|(key, _)| key.at < end)
            .collect()
    }

    /// `len`.
    pub fn len(&self, _: &Pin) -> usize {
        self.table.len()
    }

    /// Publishes one growth, if none is waiting for its first stride.
    pub fn grow(&self, pin: &Pin) {
        self.table.grow(self.pinned(pin));
    }

    /// Claims a stride of a growth and stops there: nobody else can make it.
    ///
    /// # Panics
    ///
    /// If there is none to claim.
    pub fn claim(&self, pin: &Pin) -> Claim {
        let claim = self.table.claim(self.pinned(pin));
        claim.expect("a stride of a growth is left to claim")
    }

    /// Makes the heads of a claimed stride and stops again, before they are ready. `pin` is the
    /// one of the claim.
    pub fn make(&self, claim: Claim, pin: &Pin) {
        self.table.make_claimed(claim, self.pinned(pin));
    }

    /// Ends a claimed stride whose heads are made.
    pub fn finish(&self, claim: Claim, pin: &Pin) {
        self.table.finish_claimed(claim, self.pinned(pin));
    }

    /// Publishes one shrinking, if nothing bars it. False if something does.
    pub fn shrink(&self, pin: &Pin) -> bool {
        self.table.shrink(self.pinned(pin))
    }

    /// As [`shrink`](Self::shrink), by a thread that stops before it retires the old directory:
    /// `meanwhile` is what happens then.
    pub fn shrink_stopping(&self, meanwhile: impl FnOnce(), pin: &Pin) -> bool {
        self.table.shrink_stopping(meanwhile, self.pinned(pin))
    }

    /// When the calling thread has unlinked its next node, it stops before it retires it:
    /// `meanwhile` is what happens then.
    pub fn stop_before_retiring(&self, meanwhile: impl FnOnce() + 'static) {
        self.table.stop_before_retiring(meanwhile);
    }

    /// Begins to settle a stride of a shrinking, and stops there: its number.
    ///
    /// # Panics
    ///
    /// If the table does not shrink, or all strides are begun.
    pub fn begin(&self, pin: &Pin) -> usize {
        let stride = self.table.begin_settling(self.pinned(pin));
        stride.expect("a stride of a shrinking is left to begin")
    }

    /// Settles a stride of the shrinking that is under way, begun or not. Nothing if there is none.
    pub fn settle(&self, stride: usize, pin: &Pin) {
        self.table.settle(stride, self.pinned(pin));
    }

    /// Grows the table to a bucket for each of that many entries, below which it does not shrink.
    pub fn reserve(&self, entries: usize, pin: &Pin) {
        self.table.reserve_pinned(entries, self.pinned(pin));
    }

    /// Makes one stride of a growth, or completes it; or settles one of a shrinking, or ends it.
    pub fn help(&self, pin: &Pin) {
        self.table.help(self.pinned(pin));
    }

    /// Gives the reclaimer a turn, as every write does at its end.
    pub fn tick(&self, pin: &Pin) {
        self.pinned(pin).tick::<Retired<Key, u64>>(0);
    }

    /// Whether strides may be unfinished. No step of the execution, as all that follow.
    pub fn is_growing(&self) -> bool {
        self.table.is_growing()
    }

    /// Whether a group leaves.
    pub fn is_shrinking(&self) -> bool {
        self.table.is_shrinking()
    }

    /// The buckets that there are.
    pub fn buckets(&self) -> usize {
        self.table.buckets()
    }

    /// The places of all linked nodes in list order, each with "is marked".
    pub fn linked(&self) -> Vec<(u8, bool)> {
        let nodes = self.table.linked().into_iter();
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
        self.table.audit();
    }
}
