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
/// Every method is the map's method of the same name, which documents it, with this view's guard.
/// References live as long as the view is borrowed. What is said of a guard holds for the view:
/// keep it short.
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
    /// Pins this thread: the map and a guard in one value, on which every operation is a method
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

    /// As [`pin`](Self::pin), with a guard that belongs to no thread: the view may be sent, and
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

    /// The map with a guard that exists already.
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
    /// See [`LocalGuard::refresh`].
    pub fn refresh(&mut self) {
        self.guard.refresh();
    }
}

impl<'m, K, V, S, R> HashMapRef<'m, K, V, S, R, OwnedGuard<'m, R>>
where
    R: Reclaimer + ReclaimOwned,
{
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
    /// The map behind the view.
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

    /// See [`HashMap::len`].
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// See [`HashMap::is_empty`].
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// See [`HashMap::iter`].
    pub fn iter(&self) -> Iter<'_, K, V> {
        self.map.iter(&self.guard)
    }

    /// See [`HashMap::keys`].
    pub fn keys(&self) -> Keys<'_, K, V> {
        self.map.keys(&self.guard)
    }

    /// See [`HashMap::values`].
    pub fn values(&self) -> Values<'_, K, V> {
        self.map.values(&self.guard)
    }

    /// See [`HashMap::scan`].
    pub fn scan(&self, cursor: Cursor, budget: usize) -> Scan<'_, K, V> {
        self.map.scan(cursor, budget, &self.guard)
    }

    /// See [`HashMap::capacity`].
    pub fn capacity(&self) -> usize {
        self.map.capacity()
    }

    /// See [`HashMap::reserve`].
    pub fn reserve(&self, additional: usize) {
        self.map.reserve(additional);
    }

    /// See [`HashMap::stats`].
    pub fn stats(&self) -> Stats {
        self.map.stats()
    }

    /// See [`HashMap::flush`]. This view's guard is there while it runs: what was removed since it was
    /// made stays for later.
    pub fn flush(&self) {
        self.map.flush();
    }

    /// See [`HashMap::shrink_to_fit`].
    pub fn shrink_to_fit(&self) {
        self.map.shrink_to_fit();
    }

    /// See [`HashMap::clear`].
    pub fn clear(&self) {
        self.map.clear(&self.guard);
    }

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
    /// See [`HashMap::get`].
    #[inline]
    pub fn get<Q: Equivalent<K> + Hash + ?Sized>(&self, key: &Q) -> Option<&V> {
        self.map.get(key, &self.guard)
    }

    /// See [`HashMap::get_key_value`].
    #[inline]
    pub fn get_key_value<Q: Equivalent<K> + Hash + ?Sized>(&self, key: &Q) -> Option<(&K, &V)> {
        self.map.get_key_value(key, &self.guard)
    }

    /// See [`HashMap::contains_key`].
    #[inline]
    pub fn contains_key<Q: Equivalent<K> + Hash + ?Sized>(&self, key: &Q) -> bool {
        self.map.contains_key(key, &self.guard)
    }

    /// See [`HashMap::insert`].
    pub fn insert(&self, key: K, value: V) -> Option<&V> {
        self.map.insert(key, value, &self.guard)
    }

    /// See [`HashMap::try_insert`].
    pub fn try_insert(&self, key: K, value: V) -> Result<&V, OccupiedError<'_, K, V>> {
        self.map.try_insert(key, value, &self.guard)
    }

    /// See [`HashMap::try_insert_with`].
    pub fn try_insert_with(&self, key: K, make: impl FnOnce() -> V) -> Result<&V, &V> {
        self.map.try_insert_with(key, make, &self.guard)
    }

    /// See [`HashMap::get_or_insert`].
    pub fn get_or_insert(&self, key: K, value: V) -> &V {
        self.map.get_or_insert(key, value, &self.guard)
    }

    /// See [`HashMap::get_or_insert_with`].
    pub fn get_or_insert_with(&self, key: K, make: impl FnOnce() -> V) -> &V {
        self.map.get_or_insert_with(key, make, &self.guard)
    }

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

    /// See [`HashMap::insert_many`].
    pub fn insert_many(&self, entries: impl IntoIterator<Item = (K, V)>) -> usize {
        self.map.insert_many(entries, &self.guard)
    }

    /// See [`HashMap::entry`].
    pub fn entry(&self, key: K) -> Entry<'_, K, V, S, R, G> {
        self.map.entry(key, &self.guard)
    }

    /// See [`HashMap::entry_ref`].
    pub fn entry_ref<'g, 'q, Q>(&'g self, key: &'q Q) -> EntryRef<'g, 'q, K, Q, V, S, R, G>
    where
        Q: Equivalent<K> + Hash + ?Sized,
        K: From<&'q Q>,
    {
        self.map.entry_ref(key, &self.guard)
    }

    /// See [`HashMap::update`].
    pub fn update(&self, key: K, update: impl FnMut(&V) -> V) -> Option<&V> {
        self.map.update(key, update, &self.guard)
    }

    /// See [`HashMap::update_or_insert`].
    pub fn update_or_insert(&self, key: K, update: impl FnMut(&V) -> V, value: V) -> &V {
        self.map.update_or_insert(key, update, value, &self.guard)
    }

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

    /// See [`HashMap::compute`].
    pub fn compute<'g, T>(
        &'g self,
        key: K,
        compute: impl FnMut(Option<(&'g K, &'g V)>) -> Operation<V, T>,
    ) -> Compute<'g, K, V, T> {
        self.map.compute(key, compute, &self.guard)
    }

    /// See [`HashMap::update_ref`].
    pub fn update_ref<Q>(&self, key: &Q, update: impl FnMut(&V) -> V) -> Option<&V>
    where
        Q: Equivalent<K> + Hash + ?Sized,
        K: Clone,
    {
        self.map.update_ref(key, update, &self.guard)
    }

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

    /// See [`HashMap::remove_if`].
    pub fn remove_if<Q>(&self, key: &Q, condemns: impl FnMut(&K, &V) -> bool) -> Option<(&K, &V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.map.remove_if(key, condemns, &self.guard)
    }

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

    /// See [`HashMap::remove`].
    pub fn remove<Q: Equivalent<K> + Hash + ?Sized>(&self, key: &Q) -> Option<&V> {
        self.map.remove(key, &self.guard)
    }

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
