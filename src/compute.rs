//! Changes that depend on the value there is: [`compute`](HashMap::compute), and what is said more
//! easily without it.
//!
//! A value is never changed in place: a closure sees the current one and says what is to be there
//! instead, and one compare-and-swap puts it there if the current one still is. If not, the closure
//! is called again, with the newer value. It is called once for each value that it meets: so once, if
//! no other thread changes the key.

#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::mem;

use equivalent::Equivalent;

use crate::map::{HashMap, is_large};
use crate::raw::{Blank, Computed, Decision, Node};
use crate::reclaim::{Guard, Reclaimer};

/// What a closure wants done with a key: [`HashMap::compute`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation<V, T> {
    /// Insert this value, in place of one that may be there.
    Insert(V),
    /// Remove the key.
    Remove,
    /// Leave everything as it is, with this as the answer.
    Abort(T),
}

/// The outcome of [`HashMap::compute`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compute<'g, K, V, T> {
    /// The key was absent, and has this entry now.
    Inserted(&'g K, &'g V),
    /// The key was present, and has a new entry.
    Updated {
        /// The entry that it had.
        old: (&'g K, &'g V),
        /// The entry that it has.
        new: (&'g K, &'g V),
    },
    /// The key was present with this entry, and is removed.
    Removed(&'g K, &'g V),
    /// The key was to be removed, and is absent: nothing has changed.
    Absent,
    /// Nothing has changed.
    Aborted(T),
}

/// The entry that was seen is there no more: [`OccupiedEntry::insert`](crate::OccupiedEntry::insert). Gives back what was not
/// inserted.
#[derive(Debug, PartialEq, Eq)]
pub struct ChangedError<'g, K, V> {
    /// The key that was to be inserted.
    pub key: K,
    /// The value that was to be inserted.
    pub not_inserted: V,
    /// The value that the map has; none if the key was removed.
    pub current: Option<&'g V>,
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Display for ChangedError<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, value) = (&self.key, &self.not_inserted);
        write!(f, "failed to insert {value:?}, the entry of {key:?} was ")?;
        match self.current {
            Some(current) => write!(f, "replaced: it has the value {current:?}"),
            None => write!(f, "removed"),
        }
    }
}

impl<K: fmt::Debug, V: fmt::Debug> Error for ChangedError<'_, K, V> {}

impl<V, T> From<Operation<V, T>> for Decision<V, T> {
    fn from(operation: Operation<V, T>) -> Self {
        match operation {
            Operation::Insert(value) => Decision::Put(value),
            Operation::Remove => Decision::Remove,
            Operation::Abort(answer) => Decision::Leave(answer),
        }
    }
}

/// The entry that a closure sees, if the key is present.
pub(crate) type Seen<'g, K, V> = Option<(&'g K, &'g V)>;

/// What `update` decides: a new value from the one there is.
pub(crate) fn update_present<'g, K: 'g, V: 'g>(
    mut update: impl FnMut(&V) -> V,
) -> impl FnMut(Seen<'g, K, V>, &mut Blank<K, V>) -> Decision<V, ()> {
    move |entry, blank| {
        blank.clear();
        match entry {
            Some((_, value)) => Decision::Put(update(value)),
            None => Decision::Leave(()),
        }
    }
}

/// What `update_or_insert_with` decides: a new value from the one there is, or the one that `make`
/// makes, once at most.
pub(crate) fn put_or_update<'g, K: 'g, V: 'g>(
    mut update: impl FnMut(&V) -> V,
    make: impl FnOnce() -> V,
) -> impl FnMut(Seen<'g, K, V>, &mut Blank<K, V>) -> Decision<V, Infallible> {
    let mut make = Some(make);
    // What was made, while the key is present: boxed, since it is seldom there, and may be large.
    let mut made: Option<Box<V>> = None;
    let mut last_was_made = false;
    move |entry, blank| {
        if !mem::replace(&mut last_was_made, entry.is_none()) {
            blank.clear();
        }
        Decision::Put(match (entry, blank.value()) {
            (Some((_, value)), Some(unused)) => {
                made = Some(replace_boxed(unused, || update(value)));
                return Decision::PutUnused;
            }
            (None, Some(_)) => return Decision::PutUnused,
            (Some((_, value)), None) => update(value),
            (None, None) => match made.take() {
                Some(made) => *made,
                None => make.take().expect("what was made came back")(),
            },
        })
    }
}

/// Replaces a value by what `make` returns, and boxes it. Never inlined: its copies are its own.
#[cold]
#[inline(never)]
fn replace_boxed<V>(value: &mut V, make: impl FnOnce() -> V) -> Box<V> {
    Box::new(mem::replace(value, make()))
}

pub(crate) fn entry<K, V>(node: &Node<K, V>) -> (&K, &V) {
    (node.key(), node.value())
}

impl<K, V, S, R> HashMap<K, V, S, R>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
{
    /// What the core's `compute` makes of a closure that sees the entry, and the value that it gave
    /// before and that was not needed.
    fn decide<'g, T>(
        &'g self,
        hash: u64,
        key: K,
        mut decide: impl FnMut(Seen<'g, K, V>, &mut Blank<K, V>) -> Decision<V, T>,
        guard: &'g impl Guard<R>,
    ) -> Computed<'g, K, V, (), T> {
        let decide =
            |node: Option<&'g Node<K, V>>, blank: &mut Blank<K, V>| decide(node.map(entry), blank);
        self.computed(hash, key, decide, guard)
    }

    /// As `update`, for a key with this hash; the key comes back if it is absent.
    pub(crate) fn update_hashed<'g>(
        &'g self,
        hash: u64,
        key: K,
        update: &mut impl FnMut(&V) -> V,
        guard: &'g impl Guard<R>,
    ) -> Result<&'g V, K> {
        match self.decide(hash, key, update_present(update), guard) {
            Computed::Replaced(replaced) => Ok(replaced.new.value()),
            Computed::Left(key, ()) => Err(key),
            _ => unreachable!("only an entry that is there is changed, to a value"),
        }
    }

    /// As `update_or_insert_with`, for a key with this hash.
    pub(crate) fn update_or_insert_hashed<'g>(
        &'g self,
        hash: u64,
        key: K,
        update: impl FnMut(&V) -> V,
        make: impl FnOnce() -> V,
        guard: &'g impl Guard<R>,
    ) -> &'g V {
        match self.decide(hash, key, put_or_update(update, make), guard) {
            Computed::Inserted(node) => node.value(),
            Computed::Replaced(replaced) => replaced.new.value(),
            Computed::Removed(_) | Computed::Absent => unreachable!("a value was put there"),
            Computed::Left(_, answer) => match answer {},
        }
    }

    /// Puts a value in the place of the very node that was seen: the new node.
    pub(crate) fn exchange_hashed<'g>(
        &'g self,
        hash: u64,
        key: K,
        value: V,
        seen: &'g Node<K, V>,
        guard: &'g impl Guard<R>,
    ) -> Result<&'g Node<K, V>, ChangedError<'g, K, V>> {
        let node = Node::new(Node::vacant(), hash, key, value);
        self.exchange(seen, node, guard).map_err(|(current, node)| {
            let (key, not_inserted) = node.into_entry();
            ChangedError {
                key,
                not_inserted,
                current: current.map(Node::value),
            }
        })
    }

    /// Does with a key what a closure says, in one instant: what it decides is done to the very
    /// entry that it has seen.
    ///
    /// The closure is called once, and once more for each other entry that it meets because
    /// others, or it itself, change the key meanwhile; a value that it gave for an earlier one is
    /// dropped. It is not called under any lock, and may use this map. `Remove` of a key that is
    /// absent changes nothing, and is answered by [`Compute::Absent`].
    ///
    /// Allocates a node for `Insert`. Lock-free (guarantee **B**) but for what the closure does.
    ///
    /// # Panics
    ///
    /// If the closure does; the map is as if this had not been called.
    ///
    /// If the closure itself keeps changing the entry of this key, with this map: after 1,024 times
    /// ([`guide::consistency`](crate::guide::consistency)).
    ///
    /// ```
    /// use splitmap::{Compute, HashMap, Operation};
    ///
    /// let map = HashMap::from([("tickets", 2)]);
    /// let guard = map.guard();
    /// let take = |entry: Option<(&&str, &u32)>| match entry {
    ///     Some((_, &1)) => Operation::Remove,
    ///     Some((_, left)) => Operation::Insert(left - 1),
    ///     None => Operation::Abort("sold out"),
    /// };
    /// assert!(matches!(map.compute("tickets", take, &guard), Compute::Updated { .. }));
    /// assert_eq!(map.compute("tickets", take, &guard), Compute::Removed(&"tickets", &1));
    /// assert_eq!(map.compute("tickets", take, &guard), Compute::Aborted("sold out"));
    /// ```
    pub fn compute<'g, T>(
        &'g self,
        key: K,
        mut compute: impl FnMut(Option<(&'g K, &'g V)>) -> Operation<V, T>,
        guard: &'g impl Guard<R>,
    ) -> Compute<'g, K, V, T> {
        let decide = |entry: Option<_>, blank: &mut Blank<K, V>| {
            blank.clear();
            compute(entry).into()
        };
        match self.decide(self.hash(&key), key, decide, guard) {
            Computed::Inserted(node) => Compute::Inserted(node.key(), node.value()),
            Computed::Replaced(replaced) => Compute::Updated {
                old: entry(replaced.old),
                new: entry(replaced.new),
            },
            Computed::Removed(node) => Compute::Removed(node.key(), node.value()),
            Computed::Left(key, answer) => {
                // Not at the end: if its destructor panics there, the answer is lost, and leaks.
                drop(key);
                Compute::Aborted(answer)
            }
            Computed::Absent => Compute::Absent,
        }
    }

    /// Replaces the value of a key by what `update` makes of it, and returns the new one; `None`,
    /// and nothing is done, if the key is absent.
    ///
    /// A new entry is put in the place of the old one, with the key that is given: who holds a
    /// reference to the old value sees no change. To change values in place, put an atomic or a
    /// lock into them.
    ///
    /// `update` is called again when others have changed the value meanwhile. Allocates a node if
    /// the key is present. Lock-free (guarantee **B**) but for what `update` does.
    ///
    /// # Panics
    ///
    /// If `update` does; the map is as if this had not been called.
    ///
    /// If `update` itself keeps changing the entry of this key, with this map: after 1,024 times
    /// ([`guide::consistency`](crate::guide::consistency)).
    ///
    /// ```
    /// let map = splitmap::HashMap::from([("count", 1)]);
    /// let guard = map.guard();
    /// assert_eq!(map.update("count", |count| count + 1, &guard), Some(&2));
    /// assert_eq!(map.update("other", |count| count + 1, &guard), None);
    /// ```
    pub fn update<'g>(
        &'g self,
        key: K,
        mut update: impl FnMut(&V) -> V,
        guard: &'g impl Guard<R>,
    ) -> Option<&'g V> {
        self.update_hashed(self.hash(&key), key, &mut update, guard)
            .ok()
    }

    /// Replaces the value of a key by what `update` makes of it, or inserts `value` if the key is
    /// absent; returns the value that is there then.
    ///
    /// As [`update`](Self::update), panics too. A `value` that is not needed is dropped.
    ///
    /// ```
    /// let map = splitmap::HashMap::new();
    /// let guard = map.guard();
    /// assert_eq!(map.update_or_insert("count", |count| count + 1, 1, &guard), &1);
    /// assert_eq!(map.update_or_insert("count", |count| count + 1, 1, &guard), &2);
    /// ```
    pub fn update_or_insert<'g>(
        &'g self,
        key: K,
        update: impl FnMut(&V) -> V,
        value: V,
        guard: &'g impl Guard<R>,
    ) -> &'g V {
        if const { is_large::<V>() } {
            let value = Box::new(value);
            return self.update_or_insert_with(key, update, || *value, guard);
        }
        self.update_or_insert_with(key, update, || value, guard)
    }

    /// Replaces the value of a key by what `update` makes of it, or inserts what `make` returns if
    /// the key is absent; returns the value that is there then.
    ///
    /// As [`update`](Self::update), panics too. `make` is called at most once: if the key comes before its value
    /// is in, the value is kept for the case that the key goes again, and dropped otherwise.
    ///
    /// ```
    /// let map = splitmap::HashMap::new();
    /// let guard = map.guard();
    /// assert_eq!(map.update_or_insert_with("count", |count| count + 1, || 1, &guard), &1);
    /// assert_eq!(map.update_or_insert_with("count", |count| count + 1, || 1, &guard), &2);
    /// ```
    pub fn update_or_insert_with<'g>(
        &'g self,
        key: K,
        update: impl FnMut(&V) -> V,
        make: impl FnOnce() -> V,
        guard: &'g impl Guard<R>,
    ) -> &'g V {
        self.update_or_insert_hashed(self.hash(&key), key, update, make, guard)
    }

    /// Removes a key if its entry is one that `condemns` accepts, and returns the entry; `None` if the
    /// key is absent, or its entry was refused. [`try_remove_if`](Self::try_remove_if) says which.
    ///
    /// What is removed is the very entry that was accepted. `condemns` is called again when others
    /// have replaced it meanwhile. Lock-free (guarantee **B**) but for what `condemns` does.
    ///
    /// # Panics
    ///
    /// If `condemns` does; the map is as if this had not been called.
    ///
    /// If `condemns` itself keeps changing the entry of this key, with this map: after 1,024 times
    /// ([`guide::consistency`](crate::guide::consistency)).
    ///
    /// ```
    /// let map = splitmap::HashMap::from([("key", 1)]);
    /// let guard = map.guard();
    /// assert_eq!(map.remove_if("key", |_, value| *value > 1, &guard), None);
    /// assert_eq!(map.remove_if("key", |_, value| *value > 0, &guard), Some((&"key", &1)));
    /// ```
    pub fn remove_if<'g, Q>(
        &'g self,
        key: &Q,
        condemns: impl FnMut(&K, &V) -> bool,
        guard: &'g impl Guard<R>,
    ) -> Option<(&'g K, &'g V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.try_remove_if(key, condemns, guard).ok().flatten()
    }

    /// As [`remove_if`](Self::remove_if): `Ok` with the entry that was removed, or with `None` if the
    /// key is absent; `Err` with an entry that was refused, and is still there.
    ///
    /// # Errors
    ///
    /// If the entry was refused.
    ///
    /// # Panics
    ///
    /// If `condemns` does; the map is as if this had not been called.
    ///
    /// If `condemns` itself keeps changing the entry of this key, with this map: after 1,024 times
    /// ([`guide::consistency`](crate::guide::consistency)).
    ///
    /// ```
    /// let map = splitmap::HashMap::from([("key", 1)]);
    /// let guard = map.guard();
    /// assert_eq!(map.try_remove_if("key", |_, value| *value > 1, &guard), Err((&"key", &1)));
    /// let removed = map.try_remove_if("key", |_, value| *value > 0, &guard);
    /// assert_eq!(removed, Ok(Some((&"key", &1))));
    /// assert_eq!(map.try_remove_if("key", |_, value| *value > 0, &guard), Ok(None));
    /// ```
    pub fn try_remove_if<'g, Q>(
        &'g self,
        key: &Q,
        mut condemns: impl FnMut(&K, &V) -> bool,
        guard: &'g impl Guard<R>,
    ) -> Result<Option<(&'g K, &'g V)>, (&'g K, &'g V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let condemns = |node: &'g Node<K, V>| condemns(node.key(), node.value());
        let removal = self.removal(self.hash(key), key, condemns, guard);
        removal.map(|node| node.map(entry)).map_err(entry)
    }
}
