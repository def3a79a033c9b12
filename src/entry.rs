//! A key and what was there for it: [`entry`](HashMap::entry), in the words of std and dashmap.
//!
//! An entry holds no lock. It remembers what the map had when the entry was made; what it does
//! later is done to the map as it is then, in one instant. So two entries in one thread, or one
//! that is kept over an `.await`, stop nobody.

#![forbid(unsafe_code)]

use std::fmt;
use std::hash::{BuildHasher, Hash};

use equivalent::Equivalent;

use crate::compute::ChangedError;
use crate::hashing::DefaultHashBuilder;
use crate::map::{HashMap, OccupiedError, is_large};
use crate::raw::Node;
use crate::reclaim::{DefaultReclaimer, Guard, LocalGuard, Reclaimer};

/// A key, and whether it was present: [`HashMap::entry`].
///
/// `P` is what a key is made of if one is needed: the key itself, or for an [`EntryRef`] what it is
/// made from.
pub enum Entry<'g, K, V, S = DefaultHashBuilder, R = DefaultReclaimer, G = LocalGuard<'g, R>, P = K>
where
    R: Reclaimer,
{
    /// The key was present.
    Occupied(OccupiedEntry<'g, K, V, S, R, G, P>),
    /// The key was absent.
    Vacant(VacantEntry<'g, K, V, S, R, G, P>),
}

/// An [`Entry`] for a borrowed key, of which an owned one is made only if it is inserted:
/// [`HashMap::entry_ref`].
pub type EntryRef<
    'g,
    'q,
    K,
    Q,
    V,
    S = DefaultHashBuilder,
    R = DefaultReclaimer,
    G = LocalGuard<'g, R>,
> = Entry<'g, K, V, S, R, G, &'q Q>;

/// Where an entry is: the map, and the key that was given.
struct Place<'g, K, V, S, R, G, P>
where
    R: Reclaimer,
{
    map: &'g HashMap<K, V, S, R>,
    guard: &'g G,
    hash: u64,
    key: P,
}

/// A key that was present, and the entry that it had: [`Entry::Occupied`].
pub struct OccupiedEntry<
    'g,
    K,
    V,
    S = DefaultHashBuilder,
    R = DefaultReclaimer,
    G = LocalGuard<'g, R>,
    P = K,
> where
    R: Reclaimer,
{
    place: Place<'g, K, V, S, R, G, P>,
    node: &'g Node<K, V>,
}

/// A key that was absent: [`Entry::Vacant`].
pub struct VacantEntry<
    'g,
    K,
    V,
    S = DefaultHashBuilder,
    R = DefaultReclaimer,
    G = LocalGuard<'g, R>,
    P = K,
> where
    R: Reclaimer,
{
    place: Place<'g, K, V, S, R, G, P>,
}

/// An entry that [`and_modify`](Entry::and_modify) was called on. If the key was present, that is
/// done. If not, the closure waits for the case that the key comes before the value that is to be
/// inserted for it. The key is used up, so a second change goes into the same closure.
#[must_use = "a value for an absent key is inserted by `or_insert` and its kin"]
pub struct Modified<
    'g,
    K,
    V,
    F,
    S = DefaultHashBuilder,
    R = DefaultReclaimer,
    G = LocalGuard<'g, R>,
> where
    R: Reclaimer,
{
    state: State<'g, K, V, F, S, R, G>,
}

enum State<'g, K, V, F, S, R, G>
where
    R: Reclaimer,
{
    /// The value that was put there.
    Done(&'g V),
    Absent(Place<'g, K, V, S, R, G, K>, F),
}

impl<K, V, S, R> HashMap<K, V, S, R>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
{
    /// Returns the entry of a key, to look at it and then to change it.
    ///
    /// Nothing is locked: others go on changing the map, this entry's key too. The entry is what was
    /// there when this was called. `or_insert` and its kin return that value; a value is inserted
    /// only if the key is still absent; and each call by which an entry ends takes effect at one
    /// instant. Where the new value depends on the old one, [`and_modify`](Entry::and_modify) loses
    /// no update of another thread, as [`compute`](Self::compute) does not; `get` followed by
    /// `insert` may.
    ///
    /// A value is never changed in place. `and_modify` is given `&V` and returns the value that
    /// takes its place; to change values in place, put an atomic or a lock into them.
    ///
    /// Costs a [`get`](Self::get) (guarantee **A**), and what is called on the entry: a write, which
    /// is lock-free (**B**).
    ///
    /// ```
    /// use splitmap::{Entry, HashMap};
    ///
    /// let map = HashMap::new();
    /// let guard = map.guard();
    /// for word in ["one", "two", "one"] {
    ///     map.entry(word, &guard).and_modify(|count| count + 1).or_insert(1);
    /// }
    /// assert_eq!(map.get("one", &guard), Some(&2));
    /// match map.entry("one", &guard) {
    ///     Entry::Occupied(entry) => assert_eq!(entry.remove(), Some(&2)),
    ///     Entry::Vacant(_) => unreachable!(),
    /// }
    /// ```
    pub fn entry<'g, G: Guard<R>>(&'g self, key: K, guard: &'g G) -> Entry<'g, K, V, S, R, G> {
        let hash = self.hash(&key);
        let node = self.find_hashed(hash, &key, guard);
        Entry::at(node, self, guard, hash, key)
    }

    /// As [`entry`](Self::entry), for a borrowed key: an owned one is made of it only if it is
    /// needed for an entry that is inserted.
    ///
    /// ```
    /// let map = splitmap::HashMap::<String, u32>::new();
    /// let guard = map.guard();
    /// assert_eq!(map.entry_ref("one", &guard).or_insert(1), &1);
    /// assert_eq!(map.entry_ref("one", &guard).or_insert(2), &1);
    /// ```
    pub fn entry_ref<'g, 'q, Q, G: Guard<R>>(
        &'g self,
        key: &'q Q,
        guard: &'g G,
    ) -> EntryRef<'g, 'q, K, Q, V, S, R, G>
    where
        Q: Equivalent<K> + Hash + ?Sized,
        K: From<&'q Q>,
    {
        let hash = self.hash(key);
        let node = self.find_hashed(hash, key, guard);
        Entry::at(node, self, guard, hash, key)
    }
}

impl<'g, K, V, S, R, G, P> Place<'g, K, V, S, R, G, P>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
    G: Guard<R>,
    P: Into<K>,
{
    fn put(self, value: V) -> (Option<&'g Node<K, V>>, &'g Node<K, V>) {
        let key = self.key.into();
        self.map
            .put(Node::new(Node::vacant(), self.hash, key, value), self.guard)
    }
}

impl<'g, K, V, S, R, G, P> Entry<'g, K, V, S, R, G, P>
where
    R: Reclaimer,
{
    fn at(
        node: Option<&'g Node<K, V>>,
        map: &'g HashMap<K, V, S, R>,
        guard: &'g G,
        hash: u64,
        key: P,
    ) -> Self {
        let place = Place {
            map,
            guard,
            hash,
            key,
        };
        match node {
            Some(node) => Entry::Occupied(OccupiedEntry { place, node }),
            None => Entry::Vacant(VacantEntry { place }),
        }
    }

    fn into_place(self) -> Place<'g, K, V, S, R, G, P> {
        match self {
            Entry::Occupied(entry) => entry.place,
            Entry::Vacant(entry) => entry.place,
        }
    }

    /// The key that was given.
    ///
    /// ```
    /// let map = splitmap::HashMap::<&str, u32>::new();
    /// assert_eq!(map.entry("key", &map.guard()).key(), &"key");
    /// ```
    pub fn key(&self) -> &P {
        match self {
            Entry::Occupied(entry) => &entry.place.key,
            Entry::Vacant(entry) => &entry.place.key,
        }
    }

    /// The key that was given, back.
    ///
    /// ```
    /// let map = splitmap::HashMap::<&str, u32>::new();
    /// assert_eq!(map.entry("key", &map.guard()).into_key(), "key");
    /// ```
    pub fn into_key(self) -> P {
        self.into_place().key
    }
}

impl<'g, K, V, S, R, G, P> Entry<'g, K, V, S, R, G, P>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
    G: Guard<R>,
    P: Into<K>,
{
    /// The value that was there; if there was none, `value` is inserted, unless another thread
    /// inserts one first, which is returned then.
    ///
    /// A `value` that is not needed is dropped. Lock-free (guarantee **B**).
    ///
    /// ```
    /// let map = splitmap::HashMap::new();
    /// let map = map.pin();
    /// assert_eq!(map.entry("key").or_insert(1), &1);
    /// assert_eq!(map.entry("key").or_insert(2), &1);
    /// ```
    pub fn or_insert(self, value: V) -> &'g V {
        self.or_insert_with(|| value)
    }

    /// The value that was there; if there was none, as [`or_insert`](Self::or_insert) with what
    /// `make` returns, which is called once at most.
    ///
    /// An entry locks nothing: two threads that saw the key absent may both call their `make`, and
    /// one of the values is dropped.
    ///
    /// # Panics
    ///
    /// If `make` does; the map is as if this had not been called.
    ///
    /// ```
    /// let map = splitmap::HashMap::new();
    /// let map = map.pin();
    /// assert_eq!(map.entry("key").or_insert_with(|| 1), &1);
    /// assert_eq!(map.entry("key").or_insert_with(|| unreachable!()), &1);
    /// ```
    pub fn or_insert_with(self, make: impl FnOnce() -> V) -> &'g V {
        match self {
            Entry::Occupied(entry) => entry.get(),
            Entry::Vacant(VacantEntry { place }) => {
                let (map, guard) = (place.map, place.guard);
                map.get_or_insert_hashed(place.hash, place.key.into(), make, guard)
            }
        }
    }

    /// As [`or_insert_with`](Self::or_insert_with), with the key that was given.
    ///
    /// ```
    /// let map = splitmap::HashMap::new();
    /// let map = map.pin();
    /// assert_eq!(map.entry("key").or_insert_with_key(|key| key.len()), &3);
    /// ```
    pub fn or_insert_with_key(self, make: impl FnOnce(&P) -> V) -> &'g V {
        match self {
            Entry::Occupied(entry) => entry.get(),
            Entry::Vacant(entry) => {
                let value = make(&entry.place.key);
                entry.or_insert(value)
            }
        }
    }

    /// As [`or_insert_with`](Self::or_insert_with), for a `make` that may fail.
    ///
    /// # Errors
    ///
    /// What `make` returns. Nothing is inserted then.
    ///
    /// ```
    /// let map = splitmap::HashMap::new();
    /// let map = map.pin();
    /// assert!(map.entry("one").or_try_insert_with(|| "?".parse::<u32>()).is_err());
    /// assert_eq!(map.entry("one").or_try_insert_with(|| "1".parse::<u32>()), Ok(&1));
    /// ```
    pub fn or_try_insert_with<E>(self, make: impl FnOnce() -> Result<V, E>) -> Result<&'g V, E> {
        match self {
            Entry::Occupied(entry) => Ok(entry.get()),
            Entry::Vacant(entry) => Ok(entry.or_insert(make()?)),
        }
    }

    /// As [`or_insert_with`](Self::or_insert_with), with the default value.
    ///
    /// ```
    /// let map = splitmap::HashMap::<&str, u32>::new();
    /// assert_eq!(map.pin().entry("key").or_default(), &0);
    /// ```
    pub fn or_default(self) -> &'g V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// Replaces the value by what `modify` makes of it, if the key is present. If it is absent,
    /// `or_insert` on what this returns inserts a value, or, if another thread inserts one first,
    /// replaces that by what `modify` makes of it: so of many threads that count by
    /// `and_modify(|count| count + 1).or_insert(1)` none is lost.
    ///
    /// `modify` gets `&V`, not `&mut V`: readers may be looking at the value. What it returns takes
    /// the value's place, in a new entry with the key that was given. It is called again when others
    /// have changed the value meanwhile.
    ///
    /// Allocates a node if the key is present, and makes the key of an [`EntryRef`]. Lock-free
    /// (guarantee **B**) but for what `modify` does.
    ///
    /// # Panics
    ///
    /// If `modify` does; the map is as if this had not been called.
    ///
    /// If `modify` itself keeps changing the entry of this key, with this map: after 1,024 times
    /// ([`guide::consistency`](crate::guide::consistency)).
    ///
    /// ```
    /// let map = splitmap::HashMap::new();
    /// let map = map.pin();
    /// let hit = |key| *map.entry(key).and_modify(|count| count + 1).or_insert(1);
    /// assert_eq!((hit("one"), hit("one"), hit("two")), (1, 2, 1));
    /// ```
    pub fn and_modify<F: FnMut(&V) -> V>(self, mut modify: F) -> Modified<'g, K, V, F, S, R, G> {
        let was_present = matches!(self, Entry::Occupied(_));
        let Place {
            map,
            guard,
            hash,
            key,
        } = self.into_place();
        let mut key = key.into();
        if was_present {
            key = match map.update_hashed(hash, key, &mut modify, guard) {
                Ok(value) => {
                    let state = State::Done(value);
                    return Modified { state };
                }
                Err(key) => key,
            };
        }
        let place = Place {
            map,
            guard,
            hash,
            key,
        };
        let state = State::Absent(place, modify);
        Modified { state }
    }

    /// Puts `value` there, whatever is there by now, with the key that was given, and returns the
    /// entry that the key has then. The key is used up: what is returned can be looked at and removed,
    /// and written again only where a `K` is made of `&K`.
    ///
    /// ```
    /// let map = splitmap::HashMap::from([("key", 1)]);
    /// let map = map.pin();
    /// assert_eq!(map.entry("key").insert_entry(2).get(), &2);
    /// ```
    pub fn insert_entry(self, value: V) -> OccupiedEntry<'g, K, V, S, R, G, &'g K> {
        let place = self.into_place();
        let (map, guard, hash) = (place.map, place.guard, place.hash);
        let (_, node) = place.put(value);
        let place = Place {
            map,
            guard,
            hash,
            key: node.key(),
        };
        OccupiedEntry { place, node }
    }
}

impl<'g, K, V, S, R, G, P> OccupiedEntry<'g, K, V, S, R, G, P>
where
    R: Reclaimer,
{
    /// The key that was there.
    pub fn key(&self) -> &'g K {
        self.node.key()
    }

    /// The value that was there. Others may have replaced or removed it since.
    ///
    /// ```
    /// # use splitmap::{Entry, HashMap};
    /// let map = HashMap::from([("key", 1)]);
    /// let map = map.pin();
    /// let Entry::Occupied(entry) = map.entry("key") else { unreachable!() };
    /// map.insert("key", 2);
    /// assert_eq!(entry.get(), &1);
    /// ```
    pub fn get(&self) -> &'g V {
        self.node.value()
    }
}

impl<'g, K, V, S, R, G, P> OccupiedEntry<'g, K, V, S, R, G, P>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
    G: Guard<R>,
{
    /// Replaces the very entry that was seen by one with `value` and the key that was given, and
    /// returns the value that was seen.
    ///
    /// An entry locks nothing, so another thread may change the key first; then this call changes
    /// nothing and says so. A new value that was computed from [`get`](Self::get) thus overwrites no
    /// update of another thread. [`put`](Self::put) writes whatever has happened;
    /// [`Entry::and_modify`] computes the new value again.
    ///
    /// Allocates one node. Lock-free (guarantee **B**).
    ///
    /// # Errors
    ///
    /// If another thread has replaced or removed the entry that was seen: what is there now, and
    /// what was to be inserted.
    ///
    /// ```
    /// # use splitmap::{Entry, HashMap};
    /// let map = HashMap::from([("key", 1)]);
    /// let map = map.pin();
    /// let Entry::Occupied(entry) = map.entry("key") else { unreachable!() };
    /// assert_eq!(entry.insert(2), Ok(&1));
    /// let Entry::Occupied(entry) = map.entry("key") else { unreachable!() };
    /// map.insert("key", 10);
    /// assert_eq!(entry.insert(3).unwrap_err().current, Some(&10));
    /// ```
    pub fn insert(self, value: V) -> Result<&'g V, ChangedError<'g, K, V>>
    where
        P: Into<K>,
    {
        let Place {
            map,
            guard,
            hash,
            key,
        } = self.place;
        map.exchange_hashed(hash, key.into(), value, self.node, guard)
            .map(|_| self.node.value())
    }

    /// Inserts `value`, whatever is there by now, with the key that was given, and returns the value
    /// that it replaced: the one that was seen, or a newer one of another thread. `None` if another
    /// thread has removed the key.
    ///
    /// Allocates one node. Lock-free (guarantee **B**).
    ///
    /// ```
    /// # use splitmap::{Entry, HashMap};
    /// let map = HashMap::from([("key", 1)]);
    /// let map = map.pin();
    /// let Entry::Occupied(entry) = map.entry("key") else { unreachable!() };
    /// map.insert("key", 10);
    /// assert_eq!(entry.put(2), Some(&10));
    /// assert_eq!(map.get("key"), Some(&2));
    /// ```
    pub fn put(self, value: V) -> Option<&'g V>
    where
        P: Into<K>,
    {
        let (old, _) = self.place.put(value);
        old.map(Node::value)
    }

    /// Removes the very entry that was seen, and returns its value. `None`, and nothing is done, if
    /// another thread has replaced or removed it: of many threads that remove what they saw, one is
    /// told that it did.
    ///
    /// To remove the key whatever its value is by now: [`HashMap::remove`]. Lock-free (guarantee
    /// **B**).
    ///
    /// ```
    /// # use splitmap::{Entry, HashMap};
    /// let map = HashMap::from([("key", 1)]);
    /// let map = map.pin();
    /// let Entry::Occupied(entry) = map.entry("key") else { unreachable!() };
    /// let Entry::Occupied(late) = map.entry("key") else { unreachable!() };
    /// map.insert("key", 2);
    /// assert_eq!(late.remove(), None);
    /// assert_eq!(entry.remove(), None);
    /// let Entry::Occupied(entry) = map.entry("key") else { unreachable!() };
    /// assert_eq!(entry.remove(), Some(&2));
    /// ```
    #[must_use = "`None`: another thread has changed the key, and nothing was removed"]
    pub fn remove(self) -> Option<&'g V> {
        self.remove_entry().map(|(_, value)| value)
    }

    /// As [`remove`](Self::remove), with the key that was there.
    ///
    /// ```
    /// # use splitmap::{Entry, HashMap};
    /// let map = HashMap::from([("key", 1)]);
    /// let map = map.pin();
    /// let Entry::Occupied(entry) = map.entry("key") else { unreachable!() };
    /// assert_eq!(entry.remove_entry(), Some((&"key", &1)));
    /// ```
    #[must_use = "`None`: another thread has changed the key, and nothing was removed"]
    pub fn remove_entry(self) -> Option<(&'g K, &'g V)> {
        let Place {
            map, guard, hash, ..
        } = self.place;
        let is_seen = |node: &Node<K, V>| std::ptr::eq(node, self.node);
        let node = map.removal(hash, self.node.key(), is_seen, guard).ok()??;
        Some((node.key(), node.value()))
    }
}

impl<'g, K, V, S, R, G, P> VacantEntry<'g, K, V, S, R, G, P>
where
    R: Reclaimer,
{
    /// The key that was given.
    pub fn key(&self) -> &P {
        &self.place.key
    }

    /// The key that was given, back.
    pub fn into_key(self) -> P {
        self.place.key
    }
}

impl<'g, K, V, S, R, G, P> VacantEntry<'g, K, V, S, R, G, P>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
    G: Guard<R>,
    P: Into<K>,
{
    /// Inserts `value` and returns it, unless another thread has inserted the key first.
    ///
    /// An entry locks nothing: of many threads that saw the key absent, one inserts its value, and
    /// the others are told. [`or_insert`](Self::or_insert) takes whichever value is there,
    /// [`put`](Self::put) overwrites it.
    ///
    /// Allocates one node. Lock-free (guarantee **B**).
    ///
    /// # Errors
    ///
    /// If the key is present by now: its value, and what was to be inserted.
    ///
    /// ```
    /// # use splitmap::{Entry, HashMap};
    /// let map = HashMap::new();
    /// let map = map.pin();
    /// let Entry::Vacant(entry) = map.entry("key") else { unreachable!() };
    /// let Entry::Vacant(late) = map.entry("key") else { unreachable!() };
    /// assert_eq!(entry.insert(1), Ok(&1));
    /// assert_eq!(late.insert(2).unwrap_err().current, &1);
    /// ```
    pub fn insert(self, value: V) -> Result<&'g V, OccupiedError<'g, K, V>> {
        let Place {
            map,
            guard,
            hash,
            key,
        } = self.place;
        map.try_insert_hashed(hash, key.into(), value, guard)
    }

    /// As [`insert`](Self::insert), and returns the entry that the key has then.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    ///
    /// ```
    /// # use splitmap::{Entry, HashMap};
    /// let map = HashMap::new();
    /// let map = map.pin();
    /// let Entry::Vacant(entry) = map.entry("key") else { unreachable!() };
    /// assert_eq!(entry.insert_entry(1).unwrap().get(), &1);
    /// ```
    #[expect(
        clippy::type_complexity,
        reason = "an alias would hide the entry's parameters"
    )]
    pub fn insert_entry(
        self,
        value: V,
    ) -> Result<OccupiedEntry<'g, K, V, S, R, G, &'g K>, OccupiedError<'g, K, V>> {
        let Place {
            map,
            guard,
            hash,
            key,
        } = self.place;
        let node = map.try_insert_node(hash, key.into(), value, guard)?;
        let key = node.key();
        let place = Place {
            map,
            guard,
            hash,
            key,
        };
        Ok(OccupiedEntry { place, node })
    }

    /// Inserts `value` and returns it; if another thread has inserted the key first, drops `value`
    /// and returns the value that is there. Does not say which: [`insert`](Self::insert) does.
    ///
    /// Allocates one node. Lock-free (guarantee **B**).
    ///
    /// ```
    /// # use splitmap::{Entry, HashMap};
    /// let map = HashMap::new();
    /// let map = map.pin();
    /// let Entry::Vacant(entry) = map.entry("key") else { unreachable!() };
    /// map.insert("key", 1);
    /// assert_eq!(entry.or_insert(2), &1);
    /// ```
    pub fn or_insert(self, value: V) -> &'g V {
        Entry::Vacant(self).or_insert(value)
    }

    /// Inserts `value`, whatever has happened meanwhile, and returns the value of another thread
    /// that it replaced, if there was one.
    ///
    /// Allocates one node. Lock-free (guarantee **B**).
    ///
    /// ```
    /// # use splitmap::{Entry, HashMap};
    /// let map = HashMap::new();
    /// let map = map.pin();
    /// let Entry::Vacant(entry) = map.entry("key") else { unreachable!() };
    /// map.insert("key", 1);
    /// assert_eq!(entry.put(2), Some(&1));
    /// assert_eq!(map.get("key"), Some(&2));
    /// ```
    pub fn put(self, value: V) -> Option<&'g V> {
        let (old, _) = self.place.put(value);
        old.map(Node::value)
    }
}

impl<'g, K, V, F, S, R, G> Modified<'g, K, V, F, S, R, G>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
    G: Guard<R>,
    F: FnMut(&V) -> V,
{
    /// The value that `and_modify` has put there; if the key was absent, `value` is inserted and
    /// returned, or what `modify` makes of a value that has come meanwhile.
    ///
    /// Lock-free (guarantee **B**).
    ///
    /// ```
    /// let map = splitmap::HashMap::new();
    /// assert_eq!(map.pin().entry("key").and_modify(|count| count + 1).or_insert(1), &1);
    /// ```
    pub fn or_insert(self, value: V) -> &'g V {
        if const { is_large::<V>() } {
            let value = Box::new(value);
            return self.or_insert_with(|| *value);
        }
        self.or_insert_with(|| value)
    }

    /// As [`or_insert`](Self::or_insert), with what `make` returns, which is called once at most.
    ///
    /// # Panics
    ///
    /// If `make` or `modify` does; the map is then as `and_modify` has left it.
    pub fn or_insert_with(self, make: impl FnOnce() -> V) -> &'g V {
        match self.state {
            State::Done(value) => value,
            State::Absent(place, modify) => {
                let (map, guard) = (place.map, place.guard);
                map.update_or_insert_hashed(place.hash, place.key, modify, make, guard)
            }
        }
    }

    /// As [`or_insert_with`](Self::or_insert_with), for a `make` that may fail.
    ///
    /// # Errors
    ///
    /// What `make` returns. Nothing is inserted then.
    pub fn or_try_insert_with<E>(self, make: impl FnOnce() -> Result<V, E>) -> Result<&'g V, E> {
        match self.state {
            State::Done(value) => Ok(value),
            State::Absent(..) => {
                let value = make()?;
                Ok(self.or_insert(value))
            }
        }
    }

    /// As [`or_insert`](Self::or_insert), with the default value.
    pub fn or_default(self) -> &'g V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// The value that `and_modify` has put there, if the key was present.
    ///
    /// ```
    /// let map = splitmap::HashMap::from([("key", 1)]);
    /// let map = map.pin();
    /// assert_eq!(map.entry("key").and_modify(|value| value + 1).get(), Some(&2));
    /// assert_eq!(map.entry("other").and_modify(|value| value + 1).get(), None);
    /// ```
    pub fn get(&self) -> Option<&'g V> {
        match self.state {
            State::Done(value) => Some(value),
            State::Absent(..) => None,
        }
    }
}

impl<K, V, S, R, G, P> fmt::Debug for Entry<'_, K, V, S, R, G, P>
where
    K: fmt::Debug,
    V: fmt::Debug,
    R: Reclaimer,
    P: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::Occupied(entry) => f.debug_tuple("Occupied").field(entry).finish(),
            Entry::Vacant(entry) => f.debug_tuple("Vacant").field(entry).finish(),
        }
    }
}

impl<K, V, S, R, G, P> fmt::Debug for OccupiedEntry<'_, K, V, S, R, G, P>
where
    K: fmt::Debug,
    V: fmt::Debug,
    R: Reclaimer,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OccupiedEntry")
            .field("key", self.key())
            .field("value", self.get())
            .finish_non_exhaustive()
    }
}

impl<K, V, S, R, G, P> fmt::Debug for VacantEntry<'_, K, V, S, R, G, P>
where
    P: fmt::Debug,
    R: Reclaimer,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VacantEntry").field(self.key()).finish()
    }
}

impl<K, V, F, S, R, G> fmt::Debug for Modified<'_, K, V, F, S, R, G>
where
    K: fmt::Debug,
    V: fmt::Debug,
    R: Reclaimer,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::Done(value) => f.debug_tuple("Modified").field(value).finish(),
            State::Absent(place, _) => f.debug_tuple("Modified").field(&place.key).finish(),
        }
    }
}
