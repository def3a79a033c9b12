//! The pinned view of a set: a set and a guard in one value.

use std::fmt;
use std::hash::{BuildHasher, Hash};

use equivalent::Equivalent;

use super::{Difference, HashSet, Intersection, Iter, Scan, SymmetricDifference, Union};
use crate::hashing::DefaultHashBuilder;
use crate::iter::Cursor;
use crate::reclaim::{DefaultReclaimer, Guard, LocalGuard, OwnedGuard, ReclaimOwned, Reclaimer};
use crate::stats::Stats;

/// A [`HashSet`] with a guard: for this thread by [`HashSet::pin`], for any by
/// [`HashSet::pin_owned`], or one that exists by [`HashSet::with_guard`].
///
/// Every method is the set's method of the same name, which documents it, with this view's guard.
/// References live as long as the view is borrowed. What is said of a guard holds for the view:
/// keep it short.
///
/// ```
/// let set = splitmap::HashSet::new();
/// let set = set.pin();
/// assert!(set.insert("value"));
/// assert!(set.contains("value"));
/// ```
pub struct HashSetRef<'m, T, S = DefaultHashBuilder, R = DefaultReclaimer, G = LocalGuard<'m, R>>
where
    R: Reclaimer,
    G: Guard<R>,
{
    set: &'m HashSet<T, S, R>,
    guard: G,
}

impl<T, S, R> HashSet<T, S, R>
where
    R: Reclaimer,
{
    /// Pins this thread: the set and a guard in one value, on which every operation is a method
    /// without the guard argument.
    ///
    /// ```
    /// let set = splitmap::HashSet::new();
    /// set.pin().insert(1);
    /// assert!(set.pin().contains(&1));
    /// ```
    #[inline]
    pub fn pin(&self) -> HashSetRef<'_, T, S, R> {
        HashSetRef {
            set: self,
            guard: self.guard(),
        }
    }

    /// As [`pin`](Self::pin), with a guard that belongs to no thread: the view may be sent, and
    /// held across an `.await`.
    ///
    /// ```
    /// let set = splitmap::HashSet::from([1]);
    /// let view = set.pin_owned();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(move || assert!(view.contains(&1)));
    /// });
    /// ```
    pub fn pin_owned(&self) -> HashSetRef<'_, T, S, R, OwnedGuard<'_, R>>
    where
        R: ReclaimOwned,
    {
        HashSetRef {
            set: self,
            guard: self.owned_guard(),
        }
    }

    /// The set with a guard that exists already.
    ///
    /// ```
    /// let set = splitmap::HashSet::from([1]);
    /// let guard = set.guard();
    /// assert!(set.with_guard(&guard).contains(&1));
    /// ```
    pub fn with_guard<'m, G: Guard<R>>(&'m self, guard: &'m G) -> HashSetRef<'m, T, S, R, &'m G> {
        HashSetRef { set: self, guard }
    }
}

impl<'m, T, S, R> HashSetRef<'m, T, S, R>
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

impl<'m, T, S, R> HashSetRef<'m, T, S, R, OwnedGuard<'m, R>>
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

impl<'m, T, S, R, G> HashSetRef<'m, T, S, R, G>
where
    R: Reclaimer,
    G: Guard<R>,
{
    /// Returns the set behind the view.
    pub fn set(&self) -> &'m HashSet<T, S, R> {
        self.set
    }

    pub(crate) fn into_parts(self) -> (&'m HashSet<T, S, R>, G) {
        (self.set, self.guard)
    }

    #[cfg(feature = "rayon")]
    pub(crate) fn guard(&self) -> &G {
        &self.guard
    }

    /// Returns the number of values, which is exact when no write is under way.
    ///
    /// See [`HashSet::len`].
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Returns true if the set holds no value.
    ///
    /// See [`HashSet::is_empty`].
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// Returns how many values fit before the table grows.
    ///
    /// See [`HashSet::capacity`].
    pub fn capacity(&self) -> usize {
        self.set.capacity()
    }

    /// Makes room for `additional` more values.
    ///
    /// See [`HashSet::reserve`].
    pub fn reserve(&self, additional: usize) {
        self.set.reserve(additional);
    }

    /// Returns counts of the set's garbage and of the guards that keep it.
    ///
    /// See [`HashSet::stats`].
    pub fn stats(&self) -> Stats {
        self.set.stats()
    }

    /// Frees everything removed that no guard can see any more.
    ///
    /// See [`HashSet::flush`]. This view's guard is there while it runs: what was removed since it was
    /// made stays for later.
    pub fn flush(&self) {
        self.set.flush();
    }

    /// Shrinks the table as far as its values allow, and cancels any requested capacity.
    ///
    /// See [`HashSet::shrink_to_fit`].
    pub fn shrink_to_fit(&self) {
        self.set.shrink_to_fit();
    }

    /// Iterates over the values in no particular order.
    ///
    /// See [`HashSet::iter`].
    pub fn iter(&self) -> Iter<'_, T> {
        self.set.iter(&self.guard)
    }

    /// Returns some of the values, and a cursor at which the next call resumes.
    ///
    /// See [`HashSet::scan`].
    pub fn scan(&self, cursor: Cursor, budget: usize) -> Scan<'_, T> {
        self.set.scan(cursor, budget, &self.guard)
    }

    /// Removes every value that is present throughout the call.
    ///
    /// See [`HashSet::clear`].
    pub fn clear(&self) {
        self.set.clear(&self.guard);
    }

    /// Removes every value that `keep` refuses.
    ///
    /// See [`HashSet::retain`].
    pub fn retain(&self, keep: impl FnMut(&T) -> bool) {
        self.set.retain(keep, &self.guard);
    }
}

impl<T, S, R, G> HashSetRef<'_, T, S, R, G>
where
    T: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
    G: Guard<R>,
{
    /// Returns true if the value is present.
    ///
    /// See [`HashSet::contains`].
    #[inline]
    pub fn contains<Q: Equivalent<T> + Hash + ?Sized>(&self, value: &Q) -> bool {
        self.set.contains(value, &self.guard)
    }

    /// Returns the set's own value that equals this one, if it is present.
    ///
    /// See [`HashSet::get`].
    #[inline]
    pub fn get<Q: Equivalent<T> + Hash + ?Sized>(&self, value: &Q) -> Option<&T> {
        self.set.get(value, &self.guard)
    }

    /// Inserts a value if it is absent, and returns true if it was.
    ///
    /// See [`HashSet::insert`].
    pub fn insert(&self, value: T) -> bool {
        self.set.insert(value, &self.guard)
    }

    /// Inserts a borrowed value if it is absent, and returns true if it was; only then it is made owned.
    ///
    /// See [`HashSet::insert_ref`].
    pub fn insert_ref<'q, Q>(&self, value: &'q Q) -> bool
    where
        Q: Equivalent<T> + Hash + ?Sized,
        T: From<&'q Q>,
    {
        self.set.insert_ref(value, &self.guard)
    }

    /// Returns the set's own value that equals this one; inserts this one first if there is none.
    ///
    /// See [`HashSet::get_or_insert`].
    pub fn get_or_insert(&self, value: T) -> &T {
        self.set.get_or_insert(value, &self.guard)
    }

    /// Returns the set's own value that equals this one; inserts what `make` returns first if there is none.
    ///
    /// See [`HashSet::get_or_insert_with`].
    pub fn get_or_insert_with<Q>(&self, value: &Q, make: impl FnOnce(&Q) -> T) -> &T
    where
        Q: Equivalent<T> + Hash + ?Sized,
    {
        self.set.get_or_insert_with(value, make, &self.guard)
    }

    /// Inserts a value, and returns the equal one that it replaced.
    ///
    /// See [`HashSet::replace`].
    pub fn replace(&self, value: T) -> Option<&T> {
        self.set.replace(value, &self.guard)
    }

    /// Removes a value, and returns true if it was present.
    ///
    /// See [`HashSet::remove`].
    pub fn remove<Q: Equivalent<T> + Hash + ?Sized>(&self, value: &Q) -> bool {
        self.set.remove(value, &self.guard)
    }

    /// Removes a value, and returns the set's own.
    ///
    /// See [`HashSet::take`].
    pub fn take<Q: Equivalent<T> + Hash + ?Sized>(&self, value: &Q) -> Option<&T> {
        self.set.take(value, &self.guard)
    }

    /// Removes a value if `condemns` accepts the set's own, and returns it.
    ///
    /// See [`HashSet::remove_if`].
    pub fn remove_if<Q>(&self, value: &Q, condemns: impl FnMut(&T) -> bool) -> Option<&T>
    where
        Q: Equivalent<T> + Hash + ?Sized,
    {
        self.set.remove_if(value, condemns, &self.guard)
    }

    /// Removes a value if `condemns` accepts the set's own, and returns one that it refuses as an error.
    ///
    /// See [`HashSet::try_remove_if`].
    pub fn try_remove_if<Q>(
        &self,
        value: &Q,
        condemns: impl FnMut(&T) -> bool,
    ) -> Result<Option<&T>, &T>
    where
        Q: Equivalent<T> + Hash + ?Sized,
    {
        self.set.try_remove_if(value, condemns, &self.guard)
    }

    /// Returns true if the other set holds all values of this one.
    ///
    /// See [`HashSet::is_subset`].
    pub fn is_subset<H: Guard<R>>(&self, other: &HashSetRef<'_, T, S, R, H>) -> bool {
        self.set.is_subset(other.set, &self.guard, &other.guard)
    }

    /// Returns true if this set holds all values of the other one.
    ///
    /// See [`HashSet::is_superset`].
    pub fn is_superset<H: Guard<R>>(&self, other: &HashSetRef<'_, T, S, R, H>) -> bool {
        self.set.is_superset(other.set, &self.guard, &other.guard)
    }

    /// Returns true if no value is in both sets.
    ///
    /// See [`HashSet::is_disjoint`].
    pub fn is_disjoint<H: Guard<R>>(&self, other: &HashSetRef<'_, T, S, R, H>) -> bool {
        self.set.is_disjoint(other.set, &self.guard, &other.guard)
    }

    /// Iterates over the values of this set that are not in the other.
    ///
    /// See [`HashSet::difference`].
    ///
    /// ```
    /// let (a, b) = (splitmap::HashSet::from([1, 2]), splitmap::HashSet::from([2, 3]));
    /// assert!(a.pin().difference(&b.pin()).eq(&[1]));
    /// ```
    pub fn difference<'g, H: Guard<R>>(
        &'g self,
        other: &'g HashSetRef<'_, T, S, R, H>,
    ) -> Difference<'g, T, S, R, H> {
        self.set.difference(other.set, &self.guard, &other.guard)
    }

    /// Iterates over the values that are in both sets, as this set holds them.
    ///
    /// See [`HashSet::intersection`].
    pub fn intersection<'g, H: Guard<R>>(
        &'g self,
        other: &'g HashSetRef<'_, T, S, R, H>,
    ) -> Intersection<'g, T, S, R, H> {
        self.set.intersection(other.set, &self.guard, &other.guard)
    }

    /// Iterates over the values that are in either set, each once.
    ///
    /// See [`HashSet::union`].
    pub fn union<'g, H: Guard<R>>(
        &'g self,
        other: &'g HashSetRef<'_, T, S, R, H>,
    ) -> Union<'g, T, S, R, G> {
        self.set.union(other.set, &self.guard, &other.guard)
    }

    /// Iterates over the values that are in exactly one of the sets.
    ///
    /// See [`HashSet::symmetric_difference`].
    pub fn symmetric_difference<'g, H: Guard<R>>(
        &'g self,
        other: &'g HashSetRef<'_, T, S, R, H>,
    ) -> SymmetricDifference<'g, T, S, R, G, H> {
        self.set
            .symmetric_difference(other.set, &self.guard, &other.guard)
    }
}

impl<T, S, R, G> fmt::Debug for HashSetRef<'_, T, S, R, G>
where
    T: fmt::Debug,
    R: Reclaimer,
    G: Guard<R>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self).finish()
    }
}

impl<'a, T, S, R, G> IntoIterator for &'a HashSetRef<'_, T, S, R, G>
where
    R: Reclaimer,
    G: Guard<R>,
{
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}
