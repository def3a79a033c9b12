//! The pinned view: a map and a guard in one value, and every operation without the guard argument.

#![forbid(unsafe_code)]

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::ops::Index;

use equivalent::Equivalent;

use crate::compute::{Compute, Operation};
use crate::entry::{Entry, EntryRef};
use crate::hashing::DefaultHashBuilder;
use crate::iter::{Cursor, Iter, Keys, Scan, Values};
use crate::many::GetMany;
use crate::map::{HashMap, OccupiedError};
use crate::reclaim::{DefaultReclaimer, Guard, LocalGuard, OwnedGuard, ReclaimOwned, Reclaimer};
use crate::stats::Stats;

/// A [`HashMap`] with a guard: for this thread by [`HashMap::pin`], for any by
/// [`HashMap::pin_owned`], or one that exists by [`HashMap::with_guard`].
///
/// Every method calls the map's method of the same name, which documents it in full, with this
/// view's guard. References live as long as the view is borrowed. While the view lives, nothing that
/// is removed can be freed: keep it short.
///
/// | to | methods |
/// |---|---|
/// | read | [`get`](Self::get), [`get_key_value`](Self::get_key_value), [`contains_key`](Self::contains_key), [`get_many`](Self::get_many) |
/// | insert | [`insert`](Self::insert), [`try_insert`](Self::try_insert), [`get_or_insert`](Self::get_or_insert), [`get_or_insert_with`](Self::get_or_insert_with), [`insert_many`](Self::insert_many) |
/// | remove | [`remove`](Self::remove), [`remove_entry`](Self::remove_entry), [`remove_if`](Self::remove_if), [`retain`](Self::retain), [`clear`](Self::clear) |
/// | change what is there | [`update`](Self::update), [`update_or_insert`](Self::update_or_insert), [`entry`](Self::entry), [`compute`](Self::compute) |
/// | iterate | [`iter`](Self::iter), [`keys`](Self::keys), [`values`](Self::values), [`scan`](Self::scan) |
/// | pin again in a long loop | `refresh` |
///
/// ```
/// let map = splitmap::HashMap::new();
/// let map = map.pin();
/// map.insert("key", 1);
/// assert_eq!(map.get("key"), Some(&1));
/// ```
pub struct HashMapRef<'m, K, V, S = DefaultHashBuilder, R = DefaultReclaimer, G = LocalGuard<'m, R>>
where
    R: Reclaimer,
    G: Guard<R>,
{
    map: &'m HashMap<K, V, S, R>,
    guard: G,
}

impl<K, V, S, R> HashMap<K, V, S, R>
where
    R: Reclaimer,
{
    /// Pins this thread, and returns the map and a guard in one value, on which every operation is a method
    /// without the guard argument.
    ///
    /// ```
    /// let map = splitmap::HashMap::new();
    /// map.pin().insert(1, "one");
    /// assert_eq!(map.pin().get(&1), Some(&"one"));
    /// ```
    #[inline]
    pub fn pin(&self) -> HashMapRef<'_, K, V, S, R> {
        HashMapRef {
            map: self,
            guard: self.guard(),
        }
    }

    /// Returns the map with a guard that belongs to no thread: the view may be sent, and
    /// held across an `.await`.
    ///
    /// ```
    /// let map = splitmap::HashMap::from([(1, "one")]);
    /// let view = map.pin_owned();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(move || assert_eq!(view.get(&1), Some(&"one")));
    /// });
    /// ```
    pub fn pin_owned(&self) -> HashMapRef<'_, K, V, S, R, OwnedGuard<'_, R>>
    where
        R: ReclaimOwned,
    {
        HashMapRef {
            map: self,
            guard: self.owned_guard(),
        }
    }

    /// Returns the map with a guard that exists already.
    ///
    /// ```
    /// let map = splitmap::HashMap::from([(1, "one")]);
    /// let guard = map.guard();
    /// assert_eq!(map.with_guard(&guard).get(&1), Some(&"one"));
    /// ```
    pub fn with_guard<'m, G: Guard<R>>(
        &'m self,
        guard: &'m G,
    ) -> HashMapRef<'m, K, V, S, R, &'m G> {
        HashMapRef { map: self, guard }
    }
}

impl<'m, K, V, S, R> HashMapRef<'m, K, V, S, R>
where
    R: Reclaimer,
{
    /// Releases what this view has kept alive, and pins again.
    ///
    /// See [`LocalGuard::refresh`].
    pub fn refresh(&mut self) {
        self.guard.refresh();
    }
}

impl<'m, K, V, S, R> HashMapRef<'m, K, V, S, R, OwnedGuard<'m, R>>
where
    R: Reclaimer + ReclaimOwned,
{
    /// Releases what this view has kept alive, and pins again.
    ///
    /// See [`OwnedGuard::refresh`].
    pub fn refresh(&mut self) {
        self.guard.refresh();
    }
}

impl<'m, K, V, S, R, G> HashMapRef<'m, K, V, S, R, G>
where
    R: Reclaimer,
    G: Guard<R>,
{
    /// Returns the map behind the view.
    pub fn map(&self) -> &'m HashMap<K, V, S, R> {
        self.map
    }

    pub(crate) fn into_parts(self) -> (&'m HashMap<K, V, S, R>, G) {
        (self.map, self.guard)
    }

    #[cfg(feature = "rayon")]
    pub(crate) fn guard(&self) -> &G {
        &self.guard
    }

    /// Returns the number of entries, which is exact when no write is under way.
    ///
    /// See [`HashMap::len`].
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Returns true if the map holds no entry.
    ///
    /// See [`HashMap::is_empty`].
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Iterates over the entries in no particular order.
    ///
    /// See [`HashMap::iter`].
    pub fn iter(&self) -> Iter<'_, K, V> {
        self.map.iter(&self.guard)
    }

    /// Iterates over the keys in no particular order.
    ///
    /// See [`HashMap::keys`].
    pub fn keys(&self) -> Keys<'_, K, V> {
        self.map.keys(&self.guard)
    }

    /// Iterates over the values in no particular order.
    ///
    /// See [`HashMap::values`].
    pub fn values(&self) -> Values<'_, K, V> {
        self.map.values(&self.guard)
    }

    /// Returns some of the entries, and a cursor at which the next call resumes.
    ///
    /// See [`HashMap::scan`].
    pub fn scan(&self, cursor: Cursor, budget: usize) -> Scan<'_, K, V> {
        self.map.scan(cursor, budget, &self.guard)
    }

    /// Returns how many entries fit before the table grows.
    ///
    /// See [`HashMap::capacity`].
    pub fn capacity(&self) -> usize {
        self.map.capacity()
    }

    /// Makes room for `additional` more entries.
    ///
    /// See [`HashMap::reserve`].
    pub fn reserve(&self, additional: usize) {
        self.map.reserve(additional);
    }

    /// Returns counts of the map's garbage and of the guards that keep it.
    ///
    /// See [`HashMap::stats`].
    pub fn stats(&self) -> Stats {
        self.map.stats()
    }

    /// Frees everything removed that no guard can see any more.
    ///
    /// See [`HashMap::flush`]. This view's guard is there while it runs: what was removed since it was
    /// made stays for later.
    pub fn flush(&self) {
        self.map.flush();
    }

    /// Shrinks the table as far as its entries allow, and cancels any requested capacity.
    ///
    /// See [`HashMap::shrink_to_fit`].
    pub fn shrink_to_fit(&self) {
        self.map.shrink_to_fit();
    }

    /// Removes every entry that is present throughout the call.
    ///
    /// See [`HashMap::clear`].
    pub fn clear(&self) {
        self.map.clear(&self.guard);
    }

    /// Removes every entry that `keep` refuses.
    ///
    /// See [`HashMap::retain`].
    pub fn retain(&self, keep: impl FnMut(&K, &V) -> bool) {
        self.map.retain(keep, &self.guard);
    }
}

impl<K, V, S, R, G> HashMapRef<'_, K, V, S, R, G>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
    G: Guard<R>,
{
    /// Returns the value of a key, if it is present.
    ///
    /// See [`HashMap::get`].
    #[inline]
    pub fn get<Q: Equivalent<K> + Hash + ?Sized>(&self, key: &Q) -> Option<&V> {
        self.map.get(key, &self.guard)
    }

    /// Returns the key and the value of an entry, if it is present.
    ///
    /// See [`HashMap::get_key_value`].
    #[inline]
    pub fn get_key_value<Q: Equivalent<K> + Hash + ?Sized>(&self, key: &Q) -> Option<(&K, &V)> {
        self.map.get_key_value(key, &self.guard)
    }

    /// Returns true if the key is present.
    ///
    /// See [`HashMap::contains_key`].
    #[inline]
    pub fn contains_key<Q: Equivalent<K> + Hash + ?Sized>(&self, key: &Q) -> bool {
        self.map.contains_key(key, &self.guard)
    }

    /// Inserts or replaces an entry, and returns the old value.
    ///
    /// See [`HashMap::insert`].
    pub fn insert(&self, key: K, value: V) -> Option<&V> {
        self.map.insert(key, value, &self.guard)
    }

    /// Inserts an entry if the key is absent, and fails otherwise.
    ///
    /// See [`HashMap::try_insert`].
    pub fn try_insert(&self, key: K, value: V) -> Result<&V, OccupiedError<'_, K, V>> {
        self.map.try_insert(key, value, &self.guard)
    }

    /// Inserts what `make` returns if the key is absent, and fails otherwise.
    ///
    /// See [`HashMap::try_insert_with`].
    pub fn try_insert_with(&self, key: K, make: impl FnOnce() -> V) -> Result<&V, &V> {
        self.map.try_insert_with(key, make, &self.guard)
    }

    /// Returns the value of a key; inserts `value` first if the key is absent.
    ///
    /// See [`HashMap::get_or_insert`].
    pub fn get_or_insert(&self, key: K, value: V) -> &V {
        self.map.get_or_insert(key, value, &self.guard)
    }

    /// Returns the value of a key; inserts what `make` returns first if the key is absent.
    ///
    /// See [`HashMap::get_or_insert_with`].
    pub fn get_or_insert_with(&self, key: K, make: impl FnOnce() -> V) -> &V {
        self.map.get_or_insert_with(key, make, &self.guard)
    }

    /// Looks up many keys at a time, and yields their values in the keys' order.
    ///
    /// See [`HashMap::get_many`].
    pub fn get_many<'g, 'q, Q, I>(&'g self, keys: I) -> GetMany<'g, K, V, S, R, G, I::IntoIter>
    where
        Q: Equivalent<K> + Hash + ?Sized + 'q,
        I: IntoIterator<Item = &'q Q>,
    {
        self.map.get_many(keys, &self.guard)
    }

    /// For schedules: the entries in parts, as the threads of a parallel iteration take them.
    #[cfg(splitmap_shuttle)]
    #[doc(hidden)]
    pub fn in_parts(&self) -> impl Iterator<Item = (&K, &V)> {
        let parts = self.map.ranges(&self.guard).parts().into_iter();
        let nodes = parts.flat_map(crate::raw::HashRange::nodes);
        nodes.map(|node| (node.key(), node.value()))
    }

    /// Inserts many entries, and returns how many of their keys were absent.
    ///
    /// See [`HashMap::insert_many`].
    pub fn insert_many(&self, entries: impl IntoIterator<Item = (K, V)>) -> usize {
        self.map.insert_many(entries, &self.guard)
    }

    /// Returns the entry of a key, to look at it and then to change it.
    ///
    /// See [`HashMap::entry`].
    pub fn entry(&self, key: K) -> Entry<'_, K, V, S, R, G> {
        self.map.entry(key, &self.guard)
    }

    /// Returns the entry of a borrowed key, which is made owned only to be inserted.
    ///
    /// See [`HashMap::entry_ref`].
    pub fn entry_ref<'g, 'q, Q>(&'g self, key: &'q Q) -> EntryRef<'g, 'q, K, Q, V, S, R, G>
    where
        Q: Equivalent<K> + Hash + ?Sized,
        K: From<&'q Q>,
    {
        self.map.entry_ref(key, &self.guard)
    }

    /// Replaces the value of a key by `update(old)`, atomically, if the key is present.
    ///
    /// See [`HashMap::update`].
    pub fn update(&self, key: K, update: impl FnMut(&V) -> V) -> Option<&V> {
        self.map.update(key, update, &self.guard)
    }

    /// Replaces the value of a key by `update(old)`, atomically, or inserts `value`.
    ///
    /// See [`HashMap::update_or_insert`].
    pub fn update_or_insert(&self, key: K, update: impl FnMut(&V) -> V, value: V) -> &V {
        self.map.update_or_insert(key, update, value, &self.guard)
    }

    /// Replaces the value of a key by `update(old)`, atomically, or inserts what `make` returns.
    ///
    /// See [`HashMap::update_or_insert_with`].
    pub fn update_or_insert_with(
        &self,
        key: K,
        update: impl FnMut(&V) -> V,
        make: impl FnOnce() -> V,
    ) -> &V {
        self.map
            .update_or_insert_with(key, update, make, &self.guard)
    }

    /// Atomically inserts, updates or removes a key, as the closure decides.
    ///
    /// See [`HashMap::compute`].
    pub fn compute<'g, T>(
        &'g self,
        key: K,
        compute: impl FnMut(Option<(&'g K, &'g V)>) -> Operation<V, T>,
    ) -> Compute<'g, K, V, T> {
        self.map.compute(key, compute, &self.guard)
    }

    /// Replaces the value of a borrowed key by `update(old)`, atomically, if the key is present.
    ///
    /// See [`HashMap::update_ref`].
    pub fn update_ref<Q>(&self, key: &Q, update: impl FnMut(&V) -> V) -> Option<&V>
    where
        Q: Equivalent<K> + Hash + ?Sized,
        K: Clone,
    {
        self.map.update_ref(key, update, &self.guard)
    }

    /// Replaces the value of a borrowed key by `update(old)`, atomically, or inserts `value`.
    ///
    /// See [`HashMap::update_or_insert_ref`].
    pub fn update_or_insert_ref<'q, Q>(
        &self,
        key: &'q Q,
        update: impl FnMut(&V) -> V,
        value: V,
    ) -> &V
    where
        Q: Equivalent<K> + Hash + ?Sized,
        K: Clone + From<&'q Q>,
    {
        self.map
            .update_or_insert_ref(key, update, value, &self.guard)
    }

    /// Replaces the value of a borrowed key by `update(old)`, atomically, or inserts what `make` returns.
    ///
    /// See [`HashMap::update_or_insert_with_ref`].
    pub fn update_or_insert_with_ref<'q, Q>(
        &self,
        key: &'q Q,
        update: impl FnMut(&V) -> V,
        make: impl FnOnce() -> V,
    ) -> &V
    where
        Q: Equivalent<K> + Hash + ?Sized,
        K: Clone + From<&'q Q>,
    {
        self.map
            .update_or_insert_with_ref(key, update, make, &self.guard)
    }

    /// Atomically inserts, updates or removes a borrowed key, as the closure decides.
    ///
    /// See [`HashMap::compute_ref`].
    pub fn compute_ref<'g, 'q, Q, T>(
        &'g self,
        key: &'q Q,
        compute: impl FnMut(Option<(&'g K, &'g V)>) -> Operation<V, T>,
    ) -> Compute<'g, K, V, T>
    where
        Q: Equivalent<K> + Hash + ?Sized,
        K: Clone + From<&'q Q>,
    {
        self.map.compute_ref(key, compute, &self.guard)
    }

    /// Removes a key if `condemns` accepts its entry, and returns the entry.
    ///
    /// See [`HashMap::remove_if`].
    pub fn remove_if<Q>(&self, key: &Q, condemns: impl FnMut(&K, &V) -> bool) -> Option<(&K, &V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.map.remove_if(key, condemns, &self.guard)
    }

    /// Removes a key if `condemns` accepts its entry, and returns an entry that it refuses as an error.
    ///
    /// See [`HashMap::try_remove_if`].
    pub fn try_remove_if<Q>(
        &self,
        key: &Q,
        condemns: impl FnMut(&K, &V) -> bool,
    ) -> Result<Option<(&K, &V)>, (&K, &V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.map.try_remove_if(key, condemns, &self.guard)
    }

    /// Removes a key, and returns its value.
    ///
    /// See [`HashMap::remove`].
    pub fn remove<Q: Equivalent<K> + Hash + ?Sized>(&self, key: &Q) -> Option<&V> {
        self.map.remove(key, &self.guard)
    }

    /// Removes a key, and returns its key and value.
    ///
    /// See [`HashMap::remove_entry`].
    pub fn remove_entry<Q: Equivalent<K> + Hash + ?Sized>(&self, key: &Q) -> Option<(&K, &V)> {
        self.map.remove_entry(key, &self.guard)
    }
}

impl<K, V, S, R, G> fmt::Debug for HashMapRef<'_, K, V, S, R, G>
where
    K: fmt::Debug,
    V: fmt::Debug,
    R: Reclaimer,
    G: Guard<R>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<K, V, S, R, G, Q> Index<&Q> for HashMapRef<'_, K, V, S, R, G>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
    G: Guard<R>,
    Q: Equivalent<K> + Hash + ?Sized,
{
    type Output = V;

    /// The value of a key: as [`get`](HashMapRef::get).
    ///
    /// # Panics
    ///
    /// If the key is absent.
    ///
    /// ```
    /// let map = splitmap::HashMap::from([("key", 1)]);
    /// assert_eq!(map.pin()["key"], 1);
    /// ```
    fn index(&self, key: &Q) -> &V {
        self.get(key)
            .expect("splitmap: indexed by a key that is absent")
    }
}

impl<'a, K, V, S, R, G> IntoIterator for &'a HashMapRef<'_, K, V, S, R, G>
where
    R: Reclaimer,
    G: Guard<R>,
{
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}
