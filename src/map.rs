//! The map: the methods that take a guard. Checks the guard once, hashes the key once, mixes the
//! hash, and leaves the rest to the core.

mod bulk;
mod nodes;
mod traits;

use std::error::Error;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;

use equivalent::Equivalent;

use crate::builder::HashMapBuilder;
use crate::hashing::{DefaultHashBuilder, mix};
use crate::iter::{Cursor, Drain, IntoIter, Iter, IterMut, Keys, Scan, Values, ValuesMut};
use crate::raw::{Inserted, Node, Table};
use crate::reclaim::{
    DefaultReclaimer, Guard, LocalGuard, OwnedGuard, Pinned, Protected, ReclaimOwned, Reclaimer,
};
use crate::stats::Stats;

/// A hash map that many threads share and mostly read.
///
/// Every operation takes `&self` and a guard, from [`guard`](Self::guard); [`pin`](HashMap::pin) gives
/// the two as one value. References that an operation returns live as long as the guard: **hold a
/// guard for an operation or a batch of them, not for long**, as nothing that is removed meanwhile
/// can be freed.
///
/// # Methods
///
/// | to | methods |
/// |---|---|
/// | make a map | [`new`](Self::new), [`with_capacity`](Self::with_capacity), [`with_hasher`](Self::with_hasher), [`builder`](Self::builder), `collect` |
/// | get a guard | [`pin`](Self::pin), [`guard`](Self::guard); to be sent: [`pin_owned`](Self::pin_owned), [`owned_guard`](Self::owned_guard), [`pin_arc`](Self::pin_arc) |
/// | read | [`get`](Self::get), [`get_key_value`](Self::get_key_value), [`contains_key`](Self::contains_key), [`get_many`](Self::get_many); without a guard: [`view`](Self::view), [`get_cloned`](Self::get_cloned), [`get_ref`](Self::get_ref) |
/// | insert | [`insert`](Self::insert), [`try_insert`](Self::try_insert), [`get_or_insert`](Self::get_or_insert), [`get_or_insert_with`](Self::get_or_insert_with), [`insert_many`](Self::insert_many) |
/// | remove | [`remove`](Self::remove), [`remove_entry`](Self::remove_entry), [`remove_if`](Self::remove_if), [`retain`](Self::retain), [`clear`](Self::clear) |
/// | change what is there | [`update`](Self::update), [`update_or_insert`](Self::update_or_insert), [`entry`](Self::entry), [`compute`](Self::compute); for borrowed keys: [`update_ref`](Self::update_ref), [`entry_ref`](Self::entry_ref), [`compute_ref`](Self::compute_ref) |
/// | iterate | [`iter`](Self::iter), [`keys`](Self::keys), [`values`](Self::values), [`scan`](Self::scan) |
/// | count and size | [`len`](Self::len), [`is_empty`](Self::is_empty), [`capacity`](Self::capacity), [`reserve`](Self::reserve), [`shrink_to_fit`](Self::shrink_to_fit) |
/// | free memory | [`flush`](Self::flush), [`stats`](Self::stats), [`flush_all`](crate::flush_all) |
/// | use exclusive access | [`get_mut`](Self::get_mut), [`iter_mut`](Self::iter_mut), [`values_mut`](Self::values_mut), [`drain`](Self::drain), `into_iter` |
///
/// # Guarantees
///
/// [Guarantees](crate::guide::guarantees) has them in full, by these letters.
///
/// * **A** A read (`get`, `get_key_value`, `contains_key`) writes no memory that another thread
///   reads, takes no lock, never waits, and runs no destructor. Pinning, with the default back end,
///   stores two words in a line of the thread's own, which threads that free memory read, and runs
///   no destructor either. (With `Crossbeam` and `Seize` it may: pin once for a batch of reads.)
/// * **B** Every write is lock-free: with any thread stopped anywhere inside an operation, all
///   others finish theirs, while the table grows or shrinks too.
/// * **C** Every operation on one key takes effect at one instant between its call and its return.
/// * **D** An entry that is present throughout an iteration is yielded exactly once.
/// * **E** An entry never moves: a `&V` stays valid as long as its guard.
/// * **G** A panic in a user's `Hash`, `Eq` or closure leaves the map whole. One in the destructor of
///   an entry that was removed comes out of a later write, of `flush`, or of the map's drop.
///
/// # Types
///
/// `S` makes the hashers; every hash is mixed once more, so weak ones do no harm as long as they
/// differ. `R` is the reclaimer, which frees what was removed; `docs/RECLAMATION.md` says when to
/// choose which. With the default one keys and values may borrow, and need not be `Send` as long as
/// the map stays on its thread.
///
/// ```
/// use splitmap::HashMap;
///
/// let map = HashMap::new();
/// std::thread::scope(|scope| {
///     scope.spawn(|| map.pin().insert("one", 1).copied());
///     scope.spawn(|| map.pin().insert("two", 2).copied());
/// });
/// let map = map.pin();
/// assert_eq!(map.get("one"), Some(&1));
/// assert_eq!(map.len(), 2);
/// ```
pub struct HashMap<K, V, S = DefaultHashBuilder, R = DefaultReclaimer>
where
    R: Reclaimer,
{
    table: Table<K, V, R>,
    hash_builder: S,
    // Invariant in `K` and `V`; and neither the table's atomics nor the reclaimer's store decide
    // whether the map is `Send` or `Sync`: the impls below do.
    _entries: PhantomData<*mut (K, V)>,
}

// SAFETY: a map that is sent takes its entries along. The store and the atomics can go with them.
unsafe impl<K, V, S, R> Send for HashMap<K, V, S, R>
where
    K: Send,
    V: Send,
    S: Send,
    R: Reclaimer,
{
}

// SAFETY: through a shared map, entries are read on any thread (`Sync`), and inserted on one and
// dropped on another (`Send`).
unsafe impl<K, V, S, R> Sync for HashMap<K, V, S, R>
where
    K: Send + Sync,
    V: Send + Sync,
    S: Sync,
    R: Reclaimer,
{
}

impl<K, V> HashMap<K, V>
where
    DefaultReclaimer: Reclaimer,
{
    /// Creates an empty map, which allocates nothing.
    ///
    /// ```
    /// let map = splitmap::HashMap::<u64, u64>::new();
    /// assert!(map.is_empty());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty map, as [`new`](Self::new), in a constant: a map of the default hasher may be a `static`.
    /// Its hasher is seeded at random for the process and not for the map
    /// ([`DefaultHashBuilder::new_const`]).
    ///
    /// ```
    /// use splitmap::HashMap;
    ///
    /// static NAMES: HashMap<u64, String> = HashMap::new_const();
    ///
    /// NAMES.pin().insert(1, String::from("one"));
    /// assert_eq!(NAMES.view(&1, |name| name.len()), Some(3));
    /// ```
    #[cfg(not(splitmap_loom))]
    pub const fn new_const() -> Self {
        Self::with_hasher(DefaultHashBuilder::new_const())
    }

    /// An empty map with a bucket for each of `capacity` entries, so that inserting that many
    /// does not grow the table, nor removing them shrink it. Takes time and memory in proportion: at
    /// most 32 bytes an entry, and 32 bytes.
    ///
    /// # Panics
    ///
    /// If there cannot be so many buckets, or there is no memory for them.
    ///
    /// ```
    /// let map = splitmap::HashMap::<u64, u64>::with_capacity(1_000);
    /// assert!(map.is_empty());
    /// ```
    pub fn with_capacity(capacity: usize) -> Self {
        Self::builder().capacity(capacity).build()
    }

    /// Returns a builder, to choose the capacity, the hasher and the reclaimer.
    ///
    /// ```
    /// use std::hash::RandomState;
    /// use splitmap::HashMap;
    ///
    /// let map: HashMap<u64, u64, RandomState> = HashMap::builder()
    ///     .capacity(100)
    ///     .hasher(RandomState::new())
    ///     .build();
    /// assert!(map.is_empty());
    /// ```
    pub fn builder() -> HashMapBuilder<K, V> {
        HashMapBuilder::new()
    }
}

impl<K, V, S> HashMap<K, V, S>
where
    DefaultReclaimer: Reclaimer,
{
    /// An empty map that hashes with `hash_builder`. Allocates nothing, and can be called in a
    /// constant: a map may be a `static` without further ado.
    ///
    /// ```
    /// use std::hash::BuildHasherDefault;
    /// use std::collections::hash_map::DefaultHasher;
    /// use splitmap::HashMap;
    ///
    /// static MAP: HashMap<u64, u64, BuildHasherDefault<DefaultHasher>> =
    ///     HashMap::with_hasher(BuildHasherDefault::new());
    ///
    /// MAP.pin().insert(1, 2);
    /// assert_eq!(MAP.pin().get(&1), Some(&2));
    /// ```
    #[cfg(not(splitmap_loom))]
    pub const fn with_hasher(hash_builder: S) -> Self {
        HashMap {
            table: Table::empty(DefaultReclaimer::new_store()),
            hash_builder,
            _entries: PhantomData,
        }
    }

    /// Creates an empty map with room for `capacity` entries that hashes with `hash_builder`.
    ///
    /// # Panics
    ///
    /// As [`with_capacity`](HashMap::with_capacity).
    ///
    /// ```
    /// use std::hash::RandomState;
    ///
    /// let map = splitmap::HashMap::with_capacity_and_hasher(10, RandomState::new());
    /// map.pin().insert(1, 2);
    /// ```
    pub fn with_capacity_and_hasher(capacity: usize, hash_builder: S) -> Self {
        HashMap::of(Table::with_capacity(capacity), hash_builder)
    }
}

impl<K, V, S, R> HashMap<K, V, S, R>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
{
    #[inline(always)]
    pub(crate) fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        mix(self.hash_builder.hash_one(key))
    }

    /// Asks for the head of a hash's bucket to be brought into the cache.
    #[inline]
    pub(crate) fn prefetch_head(&self, hash: u64, guard: &impl Guard<R>) {
        self.table.prefetch_head(hash, self.protected(guard));
    }

    /// Asks for the first node of a hash's bucket to be brought into the cache, by its head.
    #[inline]
    pub(crate) fn prefetch_node(&self, hash: u64, guard: &impl Guard<R>) {
        self.table.prefetch_node(hash, self.protected(guard));
    }

    #[inline(always)]
    fn find<'g, Q>(&'g self, key: &Q, guard: &'g impl Guard<R>) -> Option<&'g Node<K, V>>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.find_hashed(self.hash(key), key, guard)
    }

    /// The node of a key with this hash.
    #[inline(always)]
    pub(crate) fn find_hashed<'g, Q>(
        &'g self,
        hash: u64,
        key: &Q,
        guard: &'g impl Guard<R>,
    ) -> Option<&'g Node<K, V>>
    where
        Q: Equivalent<K> + ?Sized,
    {
        let protected = self.protected(guard);
        self.table.get(hash, |k| key.equivalent(k), protected)
    }

    /// Returns the value of a key, if it is present.
    ///
    /// Guarantee **A**: writes nothing, never waits. Usually reads one head, and one node if the
    /// key is present. Its steps are bounded by the entries of the key's bucket and the changes to
    /// that bucket that complete meanwhile (`docs/GUARANTEES.md` says exactly how).
    ///
    /// ```
    /// let map = splitmap::HashMap::from([(String::from("one"), 1)]);
    /// let guard = map.guard();
    /// assert_eq!(map.get("one", &guard), Some(&1));
    /// assert_eq!(map.get("two", &guard), None);
    /// ```
    #[inline]
    pub fn get<'g, Q>(&'g self, key: &Q, guard: &'g impl Guard<R>) -> Option<&'g V>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.find(key, guard).map(Node::value)
    }

    /// Returns the key and the value of an entry, if it is present: as [`get`](Self::get).
    ///
    /// ```
    /// let map = splitmap::HashMap::from([("one", 1)]);
    /// let guard = map.guard();
    /// assert_eq!(map.get_key_value("one", &guard), Some((&"one", &1)));
    /// ```
    #[inline]
    pub fn get_key_value<'g, Q>(
        &'g self,
        key: &Q,
        guard: &'g impl Guard<R>,
    ) -> Option<(&'g K, &'g V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let node = self.find(key, guard)?;
        Some((node.key(), node.value()))
    }

    /// Returns the value of a key with exclusive access, to change it in place.
    ///
    /// ```
    /// let mut map = splitmap::HashMap::from([("key", 1)]);
    /// *map.get_mut("key").unwrap() += 1;
    /// assert_eq!(map.pin().get("key"), Some(&2));
    /// ```
    pub fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let hash = self.hash(key);
        let node = self.table.get_mut(hash, |k| key.equivalent(k))?;
        Some(node.entry_mut().1)
    }

    /// What `read` makes of the value of a key, if it is present: a read without a guard in sight.
    /// Pins for the call; else as [`get`](Self::get).
    ///
    /// ```
    /// let map = splitmap::HashMap::from([("key", String::from("value"))]);
    /// assert_eq!(map.view("key", |value| value.len()), Some(5));
    /// ```
    pub fn view<Q, T>(&self, key: &Q, read: impl FnOnce(&V) -> T) -> Option<T>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.get(key, &self.guard()).map(read)
    }

    /// Returns a clone of the value of a key, if it is present: as [`view`](Self::view).
    ///
    /// ```
    /// let map = splitmap::HashMap::from([("key", String::from("value"))]);
    /// assert_eq!(map.get_cloned("key"), Some(String::from("value")));
    /// ```
    pub fn get_cloned<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Equivalent<K> + Hash + ?Sized,
        V: Clone,
    {
        self.view(key, V::clone)
    }

    /// Returns true if the key is present: as [`get`](Self::get).
    ///
    /// ```
    /// let map = splitmap::HashMap::from([("one", 1)]);
    /// assert!(map.contains_key("one", &map.guard()));
    /// ```
    #[inline]
    pub fn contains_key<Q>(&self, key: &Q, guard: &impl Guard<R>) -> bool
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.find(key, guard).is_some()
    }

    /// Inserts an entry. If the key was present, its entry is replaced, key and all, in one
    /// instant, and the old value is returned. (std and DashMap keep the old key.)
    ///
    /// Allocates one node. Lock-free (guarantee **B**). May make a few heads of a growing table.
    ///
    /// ```
    /// let map = splitmap::HashMap::new();
    /// let guard = map.guard();
    /// assert_eq!(map.insert("key", 1, &guard), None);
    /// assert_eq!(map.insert("key", 2, &guard), Some(&1));
    /// ```
    pub fn insert<'g>(&'g self, key: K, value: V, guard: &'g impl Guard<R>) -> Option<&'g V> {
        self.insert_hashed(self.hash(&key), key, value, guard)
    }

    /// As `insert`, for a key with this hash.
    pub(crate) fn insert_hashed<'g>(
        &'g self,
        hash: u64,
        key: K,
        value: V,
        guard: &'g impl Guard<R>,
    ) -> Option<&'g V> {
        let old = if const { is_large::<V>() } {
            self.insert_large(hash, key, value, guard)
        } else {
            self.insert_small(hash, key, value, guard)
        };
        old.map(Node::value)
    }

    /// Inserts an entry if the key is absent, and returns its value.
    ///
    /// Allocates a node only if the key was absent. Lock-free (guarantee **B**).
    ///
    /// # Errors
    ///
    /// If the key is present: its value, and what was to be inserted.
    ///
    /// ```
    /// let map = splitmap::HashMap::new();
    /// let guard = map.guard();
    /// assert_eq!(map.try_insert("key", 1, &guard), Ok(&1));
    /// let refused = map.try_insert("key", 2, &guard).unwrap_err();
    /// assert_eq!((refused.current, refused.not_inserted), (&1, 2));
    /// ```
    pub fn try_insert<'g>(
        &'g self,
        key: K,
        value: V,
        guard: &'g impl Guard<R>,
    ) -> Result<&'g V, OccupiedError<'g, K, V>> {
        self.try_insert_hashed(self.hash(&key), key, value, guard)
    }

    /// As `try_insert`, for a key with this hash.
    pub(crate) fn try_insert_hashed<'g>(
        &'g self,
        hash: u64,
        key: K,
        value: V,
        guard: &'g impl Guard<R>,
    ) -> Result<&'g V, OccupiedError<'g, K, V>> {
        self.try_insert_node(hash, key, value, guard)
            .map(Node::value)
    }

    /// As `try_insert_hashed`: the node.
    pub(crate) fn try_insert_node<'g>(
        &'g self,
        hash: u64,
        key: K,
        value: V,
        guard: &'g impl Guard<R>,
    ) -> Result<&'g Node<K, V>, OccupiedError<'g, K, V>> {
        if const { is_large::<V>() } {
            return self.try_insert_large(hash, key, value, guard);
        }
        match self.inserted(hash, key, || value, guard) {
            Inserted::New(node) => Ok(node),
            Inserted::Present { node, key, value } => Err(OccupiedError {
                key,
                not_inserted: value.made(),
                current: node.value(),
            }),
        }
    }

    /// Inserts an entry if the key is absent, with what `make` returns, and returns its value.
    ///
    /// As [`get_or_insert_with`](Self::get_or_insert_with), which tells the two cases not apart.
    ///
    /// # Errors
    ///
    /// If the key is present: its value. If it has come while `make` ran, the new value is dropped.
    ///
    /// # Panics
    ///
    /// If `make` does; the map is as if this had not been called.
    ///
    /// ```
    /// let map = splitmap::HashMap::new();
    /// let guard = map.guard();
    /// assert_eq!(map.try_insert_with("key", || 1, &guard), Ok(&1));
    /// assert_eq!(map.try_insert_with("key", || unreachable!(), &guard), Err(&1));
    /// ```
    pub fn try_insert_with<'g>(
        &'g self,
        key: K,
        make: impl FnOnce() -> V,
        guard: &'g impl Guard<R>,
    ) -> Result<&'g V, &'g V> {
        let hash = self.hash(&key);
        if const { is_large::<V>() } {
            let (node, is_new) = self.get_or_insert_large(hash, key, make, guard);
            return if is_new {
                Ok(node.value())
            } else {
                Err(node.value())
            };
        }
        match self.inserted(hash, key, make, guard) {
            Inserted::New(node) => Ok(node.value()),
            Inserted::Present { node, .. } => Err(node.value()),
        }
    }

    /// The value of a key; `value` is inserted first if the key is absent, else dropped.
    ///
    /// As [`try_insert`](Self::try_insert), which gives a refused value back.
    ///
    /// ```
    /// let map = splitmap::HashMap::new();
    /// let guard = map.guard();
    /// assert_eq!(map.get_or_insert("key", 1, &guard), &1);
    /// assert_eq!(map.get_or_insert("key", 2, &guard), &1);
    /// ```
    pub fn get_or_insert<'g>(&'g self, key: K, value: V, guard: &'g impl Guard<R>) -> &'g V {
        self.get_or_insert_with(key, || value, guard)
    }

    /// The value of a key; if the key is absent, what `make` returns is inserted first.
    ///
    /// `make` is called at most once, and not under any lock: others may insert the key meanwhile,
    /// and then their value is returned and the new one dropped. Lock-free (guarantee **B**) but
    /// for what `make` does. It may use this map.
    ///
    /// # Panics
    ///
    /// If `make` does; the map is as if this had not been called.
    ///
    /// ```
    /// let map = splitmap::HashMap::new();
    /// let guard = map.guard();
    /// assert_eq!(map.get_or_insert_with("key", || 1, &guard), &1);
    /// assert_eq!(map.get_or_insert_with("key", || unreachable!(), &guard), &1);
    /// ```
    pub fn get_or_insert_with<'g>(
        &'g self,
        key: K,
        make: impl FnOnce() -> V,
        guard: &'g impl Guard<R>,
    ) -> &'g V {
        self.get_or_insert_hashed(self.hash(&key), key, make, guard)
    }

    /// As `get_or_insert_with`, for a key with this hash.
    pub(crate) fn get_or_insert_hashed<'g>(
        &'g self,
        hash: u64,
        key: K,
        make: impl FnOnce() -> V,
        guard: &'g impl Guard<R>,
    ) -> &'g V {
        if const { is_large::<V>() } {
            return self.get_or_insert_large(hash, key, make, guard).0.value();
        }
        match self.inserted(hash, key, make, guard) {
            Inserted::New(node) | Inserted::Present { node, .. } => node.value(),
        }
    }

    /// Removes a key. Its value is returned; it is freed some time after the last guard that can
    /// see it is gone.
    ///
    /// Usually ends at one head if the key is absent. Lock-free (guarantee **B**).
    ///
    /// ```
    /// let map = splitmap::HashMap::from([("key", 1)]);
    /// let guard = map.guard();
    /// assert_eq!(map.remove("key", &guard), Some(&1));
    /// assert_eq!(map.remove("key", &guard), None);
    /// ```
    pub fn remove<'g, Q>(&'g self, key: &Q, guard: &'g impl Guard<R>) -> Option<&'g V>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.remove_entry(key, guard).map(|(_, value)| value)
    }

    /// Removes a key. Its entry is returned: as [`remove`](Self::remove).
    ///
    /// ```
    /// let map = splitmap::HashMap::from([("key", 1)]);
    /// let guard = map.guard();
    /// assert_eq!(map.remove_entry("key", &guard), Some((&"key", &1)));
    /// ```
    pub fn remove_entry<'g, Q>(
        &'g self,
        key: &Q,
        guard: &'g impl Guard<R>,
    ) -> Option<(&'g K, &'g V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let node = self.removal(self.hash(key), key, |_| true, guard).ok()??;
        Some((node.key(), node.value()))
    }
}

impl<K, V, S, R> HashMap<K, V, S, R>
where
    R: Reclaimer,
{
    pub(crate) fn of(table: Table<K, V, R>, hash_builder: S) -> Self {
        HashMap {
            table,
            hash_builder,
            _entries: PhantomData,
        }
    }

    /// Returns the map's hash builder.
    ///
    /// ```
    /// let map = splitmap::HashMap::<u64, u64>::new();
    /// let other = splitmap::HashMap::<u64, u64>::with_hasher(map.hasher().clone());
    /// ```
    pub fn hasher(&self) -> &S {
        &self.hash_builder
    }

    /// Pins this thread, and returns a guard for this map's operations.
    ///
    /// Cost and progress are the reclaimer's; guards nest.
    ///
    /// ```
    /// let map = splitmap::HashMap::new();
    /// let guard = map.guard();
    /// map.insert(1, "one", &guard);
    /// assert_eq!(map.get(&1, &guard), Some(&"one"));
    /// ```
    #[inline]
    pub fn guard(&self) -> LocalGuard<'_, R> {
        LocalGuard::new(self.table.store())
    }

    /// Returns a guard that belongs to no thread: it may be sent, shared, and held across an `.await`.
    ///
    /// Costs a few times what [`guard`](Self::guard) does; a write under it pins the thread that
    /// it runs on besides.
    ///
    /// # Panics
    ///
    /// If 16 million of them are alive in the process.
    ///
    /// ```
    /// let map = splitmap::HashMap::from([(1, "one")]);
    /// let guard = map.owned_guard();
    /// std::thread::scope(|scope| {
    ///     let one = scope.spawn(|| map.get(&1, &guard));
    ///     assert_eq!(one.join().unwrap(), Some(&"one"));
    /// });
    /// ```
    pub fn owned_guard(&self) -> OwnedGuard<'_, R>
    where
        R: ReclaimOwned,
    {
        OwnedGuard::new(self.table.store())
    }

    /// The reclaimer's part of the map.
    pub(crate) fn store(&self) -> &R::Store {
        self.table.store()
    }

    /// What a guard protects.
    ///
    /// # Panics
    ///
    /// If the guard belongs to another map's collector.
    #[inline(always)]
    pub(crate) fn protected<'g>(&'g self, guard: &'g impl Guard<R>) -> Protected<'g, R> {
        Protected::by(guard, self.table.store())
    }

    /// Runs a write of the table under a guard.
    ///
    /// # Panics
    ///
    /// As `protected`.
    #[inline(always)]
    fn write<'g, T>(
        &'g self,
        guard: &'g impl Guard<R>,
        write: impl FnOnce(&'g Table<K, V, R>, Pinned<'_, 'g, R>) -> T,
    ) -> T {
        let store = self.table.store();
        Pinned::during(guard, store, |pinned| write(&self.table, pinned))
    }

    /// The number of entries: exact when no write is under way. Else it may be off by the writes that
    /// overlap the call, as it sums a counter for each thread that has written, or for each few of
    /// them, one after the other. Wait-free.
    ///
    /// ```
    /// let map = splitmap::HashMap::from([(1, "one"), (2, "two")]);
    /// assert_eq!(map.len(), 2);
    /// ```
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Frees everything that was removed or replaced and that no guard can still see, whichever
    /// thread removed it; first carries on a resize of the table that was left half done, and
    /// shrinks a table that is too wide.
    ///
    /// Call it without a guard in hand: one that was made shortly after a removal counts as one that
    /// can see what was removed. What a thread that is pinned at this moment has removed may stay
    /// with it, until it writes again or the next `flush`. Lock-free: makes a bounded number of
    /// attempts, each of which looks at every thread that ever pinned, and runs the destructors of
    /// what it frees.
    ///
    /// With the back ends `Crossbeam` and `Seize` it is an attempt: what other threads removed may
    /// stay with them.
    ///
    /// # Panics
    ///
    /// If a destructor does. What is not freed yet stays for later.
    ///
    /// ```
    /// let map = splitmap::HashMap::from([(1, "one")]);
    /// map.pin().remove(&1);
    /// map.flush();
    /// assert_eq!(map.stats().pending, Some(0));
    /// ```
    pub fn flush(&self) {
        self.table.flush();
    }

    /// Returns counts of the map's garbage and of the guards that keep it.
    ///
    /// Looks at the places of all threads that pin, and at a counter for each that has written;
    /// wait-free.
    ///
    /// ```
    /// let map = splitmap::HashMap::from([(1, "one")]);
    /// let guard = map.guard();
    /// map.remove(&1, &guard);
    /// assert_eq!(map.stats().pending, Some(1));
    /// assert!(map.stats().pinned >= Some(1));
    /// ```
    pub fn stats(&self) -> Stats {
        self.table.stats()
    }

    /// The entries that the table has buckets for: with more it grows. 0 as long as the map has no
    /// memory. Pins; wait-free.
    ///
    /// ```
    /// let map = splitmap::HashMap::<u64, u64>::new();
    /// assert_eq!(map.capacity(), 0);
    /// map.reserve(1_000);
    /// assert!(map.capacity() >= 1_000);
    /// ```
    pub fn capacity(&self) -> usize {
        self.table.capacity()
    }

    /// Grows the table until it has room for `additional` more entries, and makes all of its heads;
    /// from now on it does not shrink below that, until
    /// [`shrink_to_fit`](Self::shrink_to_fit), which, called by another thread meanwhile, ends this
    /// too. A thread that had decided to shrink the table before this was called may still publish
    /// that afterwards: it sees at once that it must not, and grows the table back itself.
    ///
    /// Pins. Costs time and memory in proportion to the new buckets: it grows the table four times at
    /// each step, and until it returns the smaller tables take a third of the last one's memory.
    /// Others use the map meanwhile, and their writes help; lock-free.
    ///
    /// # Panics
    ///
    /// If there cannot be so many buckets ("capacity overflow"), or there is no memory for them.
    /// The map is as it was. If memory runs out later, between two steps, the table stays as wide as
    /// it has become.
    ///
    /// ```
    /// let map = splitmap::HashMap::new();
    /// map.pin().insert(1, "one");
    /// map.reserve(99);
    /// assert!(map.capacity() >= 100);
    /// ```
    pub fn reserve(&self, additional: usize) {
        self.table.reserve(additional);
    }

    /// Shrinks the table to the fewest buckets that have room for the entries, and cancels any requested
    /// capacity: from now on, removals may shrink it to the smallest table.
    ///
    /// Without this the table shrinks when entries are removed, to a capacity of two to eleven times
    /// their number, and never below the one that was asked for. A table that was replaced is freed
    /// as an entry that was removed: call [`flush`](Self::flush) to free it now.
    ///
    /// Pins. Costs time in proportion to the buckets that there were; lock-free.
    ///
    /// ```
    /// let map = splitmap::HashMap::<u64, u64>::with_capacity(1_000);
    /// assert!(map.capacity() >= 1_000);
    /// map.shrink_to_fit();
    /// assert!(map.capacity() < 100);
    /// ```
    pub fn shrink_to_fit(&self) {
        self.table.shrink_to_fit();
    }

    /// Iterates over the entries with exclusive access, so that values can be changed in place.
    ///
    /// ```
    /// let mut map = splitmap::HashMap::from([(1, 10), (2, 20)]);
    /// map.iter_mut().for_each(|(key, value)| *value += key);
    /// assert_eq!(map.pin().get(&2), Some(&22));
    /// ```
    pub fn iter_mut(&mut self) -> IterMut<'_, K, V> {
        IterMut::new(self.table.walk_mut())
    }

    /// The entries in ranges of hashes, for several threads.
    #[cfg(any(feature = "rayon", splitmap_shuttle))]
    pub(crate) fn ranges<'g>(
        &'g self,
        guard: &'g impl Guard<R>,
    ) -> crate::raw::HashRange<'g, K, V> {
        self.table.ranges(self.protected(guard))
    }

    /// The entries, to be changed by several threads.
    #[cfg(feature = "rayon")]
    pub(crate) fn part_mut(&mut self) -> crate::raw::PartMut<'_, Node<K, V>> {
        self.table.part_mut()
    }

    /// Iterates over the values, to change them in place: as [`iter_mut`](Self::iter_mut).
    ///
    /// ```
    /// let mut map = splitmap::HashMap::from([(1, 10), (2, 20)]);
    /// map.values_mut().for_each(|value| *value += 1);
    /// assert_eq!(map.pin().get(&2), Some(&21));
    /// ```
    pub fn values_mut(&mut self) -> ValuesMut<'_, K, V> {
        ValuesMut::new(self.iter_mut())
    }

    /// Takes all entries out, as a value that gives them back; the map is left empty. If that value
    /// is dropped before its end, it drops the rest; if it is leaked, so is the rest.
    ///
    /// Nobody else uses the map, so the entries come out as they are, and not as references. The
    /// table is given up but for the capacity that was asked for. (One of up to 4 has no memory
    /// before the next entry comes.)
    ///
    /// # Panics
    ///
    /// If there is no memory for that capacity. The map is as it was.
    ///
    /// ```
    /// let mut map = splitmap::HashMap::from([(1, String::from("one"))]);
    /// let entries: Vec<(i32, String)> = map.drain().collect();
    /// assert_eq!(entries, [(1, String::from("one"))]);
    /// assert!(map.is_empty());
    /// ```
    pub fn drain(&mut self) -> Drain<'_, K, V> {
        let (nodes, len) = self.table.drain();
        Drain::new(IntoIter::new(nodes, len))
    }

    /// Returns true if [`len`](Self::len) is 0.
    ///
    /// ```
    /// assert!(splitmap::HashMap::<u64, u64>::new().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries, in an order that says nothing. Guarantee **D**: one that is present from start
    /// to end is yielded exactly once; of a value replaced meanwhile, either is yielded.
    ///
    /// Each step is lock-free and usually reads one node; it asks for the memory of the coming ones
    /// ahead. A step passes every head in between, so a sparse table costs time in proportion to its
    /// buckets.
    ///
    /// ```
    /// let map = splitmap::HashMap::from([(1, "one"), (2, "two")]);
    /// let guard = map.guard();
    /// assert_eq!(map.iter(&guard).map(|(key, _)| key).sum::<i32>(), 3);
    /// ```
    pub fn iter<'g>(&'g self, guard: &'g impl Guard<R>) -> Iter<'g, K, V> {
        Iter::new(self.table.walk(0, usize::MAX, self.protected(guard)))
    }

    /// Some of the entries: those from `cursor` on, until `budget` of them are out. Says then where
    /// the next call goes on, so that an iteration can be left without a guard, for any time, and
    /// resumed on another thread.
    ///
    /// Guarantee **D** holds for a whole scan, from [`Cursor::START`] through all calls: an entry
    /// that is present from start to end is yielded exactly once, however the table is resized
    /// between the calls and within them.
    ///
    /// A call ends between two hashes. So where many keys have one hash, more entries than
    /// `budget` come out; and a budget of 0 is taken as 1. The cursor is a place in the order of
    /// this map's hashes: with another map, or another hasher, it is a place too, and a meaningless
    /// one. Costs the search of one bucket; then as [`iter`](Self::iter).
    ///
    /// ```
    /// use splitmap::{Cursor, HashMap};
    ///
    /// let map: HashMap<u32, u32> = (0..100).map(|n| (n, n)).collect();
    /// let (mut sum, mut next) = (0, Some(Cursor::START));
    /// while let Some(cursor) = next {
    ///     let guard = map.guard();
    ///     let mut scan = map.scan(cursor, 10, &guard);
    ///     sum += scan.by_ref().map(|(_, value)| value).sum::<u32>();
    ///     next = scan.cursor();
    /// }
    /// assert_eq!(sum, 99 * 100 / 2);
    /// ```
    pub fn scan<'g>(
        &'g self,
        cursor: Cursor,
        budget: usize,
        guard: &'g impl Guard<R>,
    ) -> Scan<'g, K, V> {
        let walk = self
            .table
            .walk(cursor.to_bits(), budget, self.protected(guard));
        Scan::new(walk, cursor, budget)
    }

    /// Iterates over the keys: as [`iter`](Self::iter).
    ///
    /// ```
    /// let map = splitmap::HashMap::from([(1, "one"), (2, "two")]);
    /// let guard = map.guard();
    /// assert_eq!(map.keys(&guard).max(), Some(&2));
    /// ```
    pub fn keys<'g>(&'g self, guard: &'g impl Guard<R>) -> Keys<'g, K, V> {
        Keys::new(self.iter(guard))
    }

    /// Iterates over the values: as [`iter`](Self::iter).
    ///
    /// ```
    /// let map = splitmap::HashMap::from([(1, 10), (2, 20)]);
    /// let guard = map.guard();
    /// assert_eq!(map.values(&guard).sum::<i32>(), 30);
    /// ```
    pub fn values<'g>(&'g self, guard: &'g impl Guard<R>) -> Values<'g, K, V> {
        Values::new(self.iter(guard))
    }

    /// Removes every entry that is present throughout. Not one instant: an entry that others
    /// insert meanwhile may stay. Costs a walk over the map and a removal for each entry;
    /// lock-free. Shrinks the table to the capacity that was asked for.
    ///
    /// # Panics
    ///
    /// If the destructor of an entry that was removed does. The rest is still there then.
    ///
    /// ```
    /// let map = splitmap::HashMap::from([(1, "one")]);
    /// map.clear(&map.guard());
    /// assert!(map.is_empty());
    /// ```
    pub fn clear(&self, guard: &impl Guard<R>) {
        self.retain(|_, _| false, guard);
    }

    /// Removes every entry that `keep` refuses. Asks once for each entry that is present
    /// throughout; for a value that is replaced after it was refused, once more for the new one.
    /// That `keep` refused an entry does not say that this call removed it: another thread may have
    /// removed or replaced it first. To count removals, or add up what was removed, use
    /// [`remove_if`](Self::remove_if).
    /// Costs a walk over the map and a removal for each refused entry; lock-free. Shrinks a table
    /// that is too wide then.
    ///
    /// # Panics
    ///
    /// If `keep` does, or the destructor of an entry that was removed. Entries that were refused
    /// before stay removed, and the rest is not asked for.
    ///
    /// If `keep` itself keeps replacing the entry that it then refuses: after 1,024 times
    /// ([`guide::consistency`](crate::guide::consistency)).
    ///
    /// ```
    /// let map: splitmap::HashMap<u32, u32> = (0..10).map(|n| (n, n)).collect();
    /// map.retain(|key, _| key % 2 == 0, &map.guard());
    /// assert_eq!(map.len(), 5);
    /// ```
    pub fn retain(&self, keep: impl FnMut(&K, &V) -> bool, guard: &impl Guard<R>) {
        self.write(guard, |table, pinned| table.retain(keep, pinned));
    }
}

/// Whether a value is so large that it is worth a second search, or a box, to move it less often: moved
/// as the core's closures and answers do, it takes much of a thread's stack in debug builds.
pub(crate) const fn is_large<V>() -> bool {
    size_of::<V>() >= 1 << 10
}

/// A key was present: [`HashMap::try_insert`]. Gives back what was not inserted.
#[derive(Debug, PartialEq, Eq)]
pub struct OccupiedError<'g, K, V> {
    /// The key that was to be inserted.
    pub key: K,
    /// The value that was to be inserted.
    pub not_inserted: V,
    /// The value that the map has.
    pub current: &'g V,
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Display for OccupiedError<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "failed to insert {:?}, the key {:?} is present with the value {:?}",
            self.not_inserted, self.key, self.current
        )
    }
}

impl<K: fmt::Debug, V: fmt::Debug> Error for OccupiedError<'_, K, V> {}
