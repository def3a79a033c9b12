//! What a set has of std's traits.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::ops::{BitAnd, BitOr, BitXor, Sub};

use super::{HashSet, IntoIter};
use crate::map::HashMap;
use crate::raw::{Keeps, Retired};
use crate::reclaim::{DefaultReclaimer, Reclaim, Reclaimer};

impl<T, S, R> Default for HashSet<T, S, R>
where
    S: Default,
    R: Reclaim<Retired<T, ()>>,
{
    /// An empty set. Allocates nothing, unless the hash builder does.
    fn default() -> Self {
        HashSet {
            map: HashMap::default(),
        }
    }
}

impl<T, S, R> fmt::Debug for HashSet<T, S, R>
where
    T: fmt::Debug,
    R: Reclaimer,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter(&self.guard())).finish()
    }
}

impl<T, S, R> Clone for HashSet<T, S, R>
where
    T: Clone,
    S: Clone,
    R: Reclaim<Retired<T, ()>>,
{
    /// A set with clones of the values: of all that are present throughout.
    fn clone(&self) -> Self {
        HashSet {
            map: self.map.clone(),
        }
    }
}

impl<T, S, R> PartialEq for HashSet<T, S, R>
where
    T: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
{
    /// Whether both have the same values. Not one instant if others write.
    fn eq(&self, other: &Self) -> bool {
        self.map == other.map
    }
}

impl<T, S, R> Eq for HashSet<T, S, R>
where
    T: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
{
}

impl<T, S, R> IntoIterator for HashSet<T, S, R>
where
    R: Reclaimer,
{
    type Item = T;
    type IntoIter = IntoIter<T>;

    /// Takes the set apart. What was removed from it and is not freed yet is freed first.
    ///
    /// # Panics
    ///
    /// If the destructor of a value that was removed does. All values are dropped then.
    ///
    /// ```
    /// let set = splitmap::HashSet::from([String::from("one")]);
    /// let values: Vec<String> = set.into_iter().collect();
    /// assert_eq!(values, ["one"]);
    /// ```
    fn into_iter(self) -> IntoIter<T> {
        IntoIter::new(self.map.into_iter())
    }
}

impl<T, S, R> Extend<T> for &HashSet<T, S, R>
where
    T: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
{
    /// Inserts every item, each under a guard of its own: none is held while the iterator works.
    /// Of equal values the one that is there first stays.
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        for value in values {
            self.insert(value, &self.guard());
        }
    }
}

impl<T, S, R> Extend<T> for HashSet<T, S, R>
where
    T: Hash + Eq,
    S: BuildHasher,
    R: Reclaim<Retired<T, ()>>,
{
    /// As for a shared set; an empty one is filled at once.
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        let entries = values.into_iter().map(|value| (value, ()));
        if let Err(entries) = self.map.fill(entries, Keeps::First) {
            (&*self).extend(entries.map(|(value, ())| value));
        }
    }
}

impl<'a, T, S, R> Extend<&'a T> for &HashSet<T, S, R>
where
    T: Hash + Eq + Copy + 'a,
    S: BuildHasher,
    R: Reclaim<Retired<T, ()>>,
{
    fn extend<I: IntoIterator<Item = &'a T>>(&mut self, values: I) {
        self.extend(values.into_iter().copied());
    }
}

impl<'a, T, S, R> Extend<&'a T> for HashSet<T, S, R>
where
    T: Hash + Eq + Copy + 'a,
    S: BuildHasher,
    R: Reclaim<Retired<T, ()>>,
{
    fn extend<I: IntoIterator<Item = &'a T>>(&mut self, values: I) {
        self.extend(values.into_iter().copied());
    }
}

impl<T, S, R> FromIterator<T> for HashSet<T, S, R>
where
    T: Hash + Eq,
    S: BuildHasher + Default,
    R: Reclaim<Retired<T, ()>>,
{
    /// A set of the items, of equal ones the first: sorted by hash and linked with plain stores,
    /// which is faster than inserting them.
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let entries = values.into_iter().map(|value| (value, ()));
        HashSet {
            map: HashMap::collected(entries, Keeps::First),
        }
    }
}

impl<T, const N: usize> From<[T; N]> for HashSet<T>
where
    T: Hash + Eq,
    DefaultReclaimer: Reclaimer,
{
    fn from(values: [T; N]) -> Self {
        values.into_iter().collect()
    }
}

macro_rules! operator {
    ($operator:ident, $method:ident, $algebra:ident, $sign:literal, $values:literal) => {
        impl<T, S, R> $operator for &HashSet<T, S, R>
        where
            T: Hash + Eq + Clone,
            S: BuildHasher + Default,
            R: Reclaim<Retired<T, ()>>,
        {
            type Output = HashSet<T, S, R>;

            #[doc = concat!("A new set of clones: as [`", stringify!($algebra), "`](HashSet::",
                                                                        stringify!($algebra), ").")]
            ///
            /// ```
            /// use splitmap::HashSet;
            ///
            #[doc = concat!("let set = &HashSet::from([1, 2]) ", $sign, " &HashSet::from([2, 3]);")]
            #[doc = concat!("assert_eq!(set, HashSet::from(", $values, "));")]
            /// ```
            fn $method(self, other: Self) -> HashSet<T, S, R> {
                let (guard, others) = (self.guard(), other.guard());
                self.$algebra(other, &guard, &others).cloned().collect()
            }
        }
    };
}

operator!(BitOr, bitor, union, "|", "[1, 2, 3]");
operator!(BitAnd, bitand, intersection, "&", "[2]");
operator!(BitXor, bitxor, symmetric_difference, "^", "[1, 3]");
operator!(Sub, sub, difference, "-", "[1]");
