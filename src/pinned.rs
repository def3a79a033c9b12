//! The pinned view: a map and a guard in one value, and every operation without the guard argument.

#![forbid(unsafe_code)]

use std::fmt;
use std::hash::{BuildHasher, Hash};

use equivalent::Equivalent;

use crate::iter::{Iter, Keys, Values};
use crate::map::{DefaultHashBuilder, HashMap, OccupiedError};
use crate::raw::Retired;
use crate::reclaim::{DefaultReclaimer, LocalGuard, Reclaim};

/// A [`HashMap`] with a guard for this thread: [`HashMap::pin`].
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
pub struct HashMapRef<'m, K, V, S = DefaultHashBuilder, R = DefaultReclaimer>
where
    R: Reclaim<Retired<K, V>>,
{
    map: &'m HashMap<K, V, S, R>,
    guard: LocalGuard<'m, R>,
}

impl<K, V, S, R> HashMap<K, V, S, R>
where
    R: Reclaim<Retired<K, V>>,
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
}

impl<'m, K, V, S, R> HashMapRef<'m, K, V, S, R>
where
    R: Reclaim<Retired<K, V>>,
{
    /// The map behind the view.
    pub fn map(&self) -> &'m HashMap<K, V, S, R> {
        self.map
    }

    /// Lets go of what the guard has kept alive so far, and pins again: for long loops. While this
    /// thread holds another guard, of any map, nothing is let go of.
    pub fn refresh(&mut self) {
        self.map.refresh(&mut self.guard);
    }

    /// See [`HashMap::len`].
    pub fn len(&self) -> usize {
        self.map.len_pinned(&self.guard)
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

    /// See [`HashMap::clear`].
    pub fn clear(&self) {
        self.map.clear(&self.guard);
    }

    /// See [`HashMap::retain`].
    pub fn retain(&self, keep: impl FnMut(&K, &V) -> bool) {
        self.map.retain(keep, &self.guard);
    }
}

impl<K, V, S, R> HashMapRef<'_, K, V, S, R>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaim<Retired<K, V>>,
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

    /// See [`HashMap::get_or_insert`].
    pub fn get_or_insert(&self, key: K, value: V) -> &V {
        self.map.get_or_insert(key, value, &self.guard)
    }

    /// See [`HashMap::get_or_insert_with`].
    pub fn get_or_insert_with(&self, key: K, make: impl FnOnce() -> V) -> &V {
        self.map.get_or_insert_with(key, make, &self.guard)
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

impl<K, V, S, R> fmt::Debug for HashMapRef<'_, K, V, S, R>
where
    K: fmt::Debug,
    V: fmt::Debug,
    R: Reclaim<Retired<K, V>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<'a, K, V, S, R> IntoIterator for &'a HashMapRef<'_, K, V, S, R>
where
    R: Reclaim<Retired<K, V>>,
{
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}
