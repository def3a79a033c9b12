//! Set algebra, of two sets that others may write meanwhile.
//!
//! All of it is one or two walks, and a lookup in the other set for each value that they meet. So
//! it is **no one instant**. Of a value that is in a set or not in it throughout, for both sets,
//! the answer is exact, and an iterator yields it exactly once or never, as it should be. One that
//! comes or goes meanwhile may be yielded or not, and by `union` and `symmetric_difference` even
//! twice, as it may be met in the one set, leave it, and be met in the other.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::iter::{Chain, FusedIterator};

use super::{HashSet, Iter};
use crate::hashing::DefaultHashBuilder;
use crate::reclaim::{DefaultReclaimer, Guard, LocalGuard, Reclaimer};

impl<T, S, R> HashSet<T, S, R>
where
    T: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
{
    /// Returns true if the other set holds all values of this one.
    ///
    /// A lookup in the other set for each value, until one is missed. Not one instant: exact for
    /// values that are in a set, or are not, throughout.
    ///
    /// ```
    /// let (few, many) = (splitmap::HashSet::from([1]), splitmap::HashSet::from([1, 2]));
    /// assert!(few.is_subset(&many, &few.guard(), &many.guard()));
    /// assert!(!many.is_subset(&few, &many.guard(), &few.guard()));
    /// ```
    pub fn is_subset(
        &self,
        other: &Self,
        guard: &impl Guard<R>,
        other_guard: &impl Guard<R>,
    ) -> bool {
        other.map.protected(other_guard);
        self.iter(guard)
            .all(|value| other.contains(value, other_guard))
    }

    /// Returns true if this set holds all values of the other one: as [`is_subset`](Self::is_subset).
    ///
    /// ```
    /// let (few, many) = (splitmap::HashSet::from([1]), splitmap::HashSet::from([1, 2]));
    /// assert!(many.is_superset(&few, &many.guard(), &few.guard()));
    /// ```
    pub fn is_superset(
        &self,
        other: &Self,
        guard: &impl Guard<R>,
        other_guard: &impl Guard<R>,
    ) -> bool {
        other.is_subset(self, other_guard, guard)
    }

    /// Returns true if no value is in both sets: as [`is_subset`](Self::is_subset), with a walk over the
    /// smaller one.
    ///
    /// ```
    /// let (odd, even) = (splitmap::HashSet::from([1, 3]), splitmap::HashSet::from([2]));
    /// assert!(odd.is_disjoint(&even, &odd.guard(), &even.guard()));
    /// ```
    pub fn is_disjoint(
        &self,
        other: &Self,
        guard: &impl Guard<R>,
        other_guard: &impl Guard<R>,
    ) -> bool {
        self.map.protected(guard);
        other.map.protected(other_guard);
        if self.len() <= other.len() {
            !self
                .iter(guard)
                .any(|value| other.contains(value, other_guard))
        } else {
            !other
                .iter(other_guard)
                .any(|value| self.contains(value, guard))
        }
    }

    /// Iterates over the values of this set that are not in the other.
    ///
    /// A step walks on by one value or more, with a lookup in the other set for each. Not one
    /// instant: exact for values that are in a set, or are not, throughout; others may be yielded
    /// or not.
    ///
    /// ```
    /// let (a, b) = (splitmap::HashSet::from([1, 2]), splitmap::HashSet::from([2, 3]));
    /// let (guard, other) = (a.guard(), b.guard());
    /// assert!(a.difference(&b, &guard, &other).eq(&[1]));
    /// ```
    pub fn difference<'g, G: Guard<R>>(
        &'g self,
        other: &'g Self,
        guard: &'g impl Guard<R>,
        other_guard: &'g G,
    ) -> Difference<'g, T, S, R, G> {
        other.map.protected(other_guard);
        Difference {
            values: self.iter(guard),
            other,
            guard: other_guard,
        }
    }

    /// The values that are in both sets, as this one has them: as [`difference`](Self::difference).
    /// Walks over this set: call it on the smaller one.
    ///
    /// ```
    /// let (a, b) = (splitmap::HashSet::from([1, 2]), splitmap::HashSet::from([2, 3]));
    /// let (guard, other) = (a.guard(), b.guard());
    /// assert!(a.intersection(&b, &guard, &other).eq(&[2]));
    /// ```
    pub fn intersection<'g, G: Guard<R>>(
        &'g self,
        other: &'g Self,
        guard: &'g impl Guard<R>,
        other_guard: &'g G,
    ) -> Intersection<'g, T, S, R, G> {
        other.map.protected(other_guard);
        Intersection {
            values: self.iter(guard),
            other,
            guard: other_guard,
        }
    }

    /// The values that are in either set, those that are in both as this one has them: this set,
    /// and then what the other has beside.
    ///
    /// As [`difference`](Self::difference), but that a value that is moved from this set to the
    /// other meanwhile may be yielded twice.
    ///
    /// ```
    /// let (a, b) = (splitmap::HashSet::from([1, 2]), splitmap::HashSet::from([2, 3]));
    /// let (guard, other) = (a.guard(), b.guard());
    /// assert_eq!(a.union(&b, &guard, &other).sum::<i32>(), 6);
    /// ```
    pub fn union<'g, G: Guard<R>>(
        &'g self,
        other: &'g Self,
        guard: &'g G,
        other_guard: &'g impl Guard<R>,
    ) -> Union<'g, T, S, R, G> {
        Union {
            values: self
                .iter(guard)
                .chain(other.difference(self, other_guard, guard)),
        }
    }

    /// The values that are in one of the sets only: as [`union`](Self::union).
    ///
    /// ```
    /// let (a, b) = (splitmap::HashSet::from([1, 2]), splitmap::HashSet::from([2, 3]));
    /// let (guard, other) = (a.guard(), b.guard());
    /// assert_eq!(a.symmetric_difference(&b, &guard, &other).sum::<i32>(), 4);
    /// ```
    pub fn symmetric_difference<'g, G: Guard<R>, H: Guard<R>>(
        &'g self,
        other: &'g Self,
        guard: &'g G,
        other_guard: &'g H,
    ) -> SymmetricDifference<'g, T, S, R, G, H> {
        SymmetricDifference {
            values: self
                .difference(other, guard, other_guard)
                .chain(other.difference(self, other_guard, guard)),
        }
    }
}

/// The values of a set that are not in another: [`HashSet::difference`].
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Difference<'g, T, S = DefaultHashBuilder, R = DefaultReclaimer, G = LocalGuard<'g, R>>
where
    R: Reclaimer,
{
    values: Iter<'g, T>,
    other: &'g HashSet<T, S, R>,
    guard: &'g G,
}

/// The values that are in two sets: [`HashSet::intersection`].
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Intersection<'g, T, S = DefaultHashBuilder, R = DefaultReclaimer, G = LocalGuard<'g, R>>
where
    R: Reclaimer,
{
    values: Iter<'g, T>,
    other: &'g HashSet<T, S, R>,
    guard: &'g G,
}

/// The values that are in either of two sets: [`HashSet::union`].
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Union<'g, T, S = DefaultHashBuilder, R = DefaultReclaimer, G = LocalGuard<'g, R>>
where
    R: Reclaimer,
{
    values: Chain<Iter<'g, T>, Difference<'g, T, S, R, G>>,
}

/// What the one set has beside the other, and then the other way round.
type Differences<'g, T, S, R, G, H> = Chain<Difference<'g, T, S, R, H>, Difference<'g, T, S, R, G>>;

/// The values that are in one of two sets only: [`HashSet::symmetric_difference`].
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct SymmetricDifference<
    'g,
    T,
    S = DefaultHashBuilder,
    R = DefaultReclaimer,
    G = LocalGuard<'g, R>,
    H = LocalGuard<'g, R>,
> where
    R: Reclaimer,
{
    values: Differences<'g, T, S, R, G, H>,
}

impl<'g, T, S, R, G> Iterator for Difference<'g, T, S, R, G>
where
    T: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
    G: Guard<R>,
{
    type Item = &'g T;

    fn next(&mut self) -> Option<&'g T> {
        let (other, guard) = (self.other, self.guard);
        self.values.find(|value| !other.contains(*value, guard))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.values.size_hint().1)
    }
}

impl<'g, T, S, R, G> Iterator for Intersection<'g, T, S, R, G>
where
    T: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
    G: Guard<R>,
{
    type Item = &'g T;

    fn next(&mut self) -> Option<&'g T> {
        let (other, guard) = (self.other, self.guard);
        self.values.find(|value| other.contains(*value, guard))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.values.size_hint().1)
    }
}

/// What the iterators have in common.
macro_rules! iterator {
    ($type:ident<$($guard:ident),*>, [$($field:ident),*]) => {
        impl<T, S, R, $($guard),*> Clone for $type<'_, T, S, R, $($guard),*>
        where
            R: Reclaimer,
        {
            fn clone(&self) -> Self {
                $type { values: self.values.clone(), $($field: self.$field),* }
            }
        }

        impl<T, S, R, $($guard),*> fmt::Debug for $type<'_, T, S, R, $($guard),*>
        where
            T: Hash + Eq + fmt::Debug,
            S: BuildHasher,
            R: Reclaimer,
            $($guard: Guard<R>),*
        {
            /// Shows what is still to come.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.clone()).finish()
            }
        }

        impl<T, S, R, $($guard),*> FusedIterator for $type<'_, T, S, R, $($guard),*>
        where
            T: Hash + Eq,
            S: BuildHasher,
            R: Reclaimer,
            $($guard: Guard<R>),*
        {
        }
    };
}

/// What is a chain of other iterators.
macro_rules! chain {
    ($type:ident<$($guard:ident),*>) => {
        impl<'g, T, S, R, $($guard),*> Iterator for $type<'g, T, S, R, $($guard),*>
        where
            T: Hash + Eq,
            S: BuildHasher,
            R: Reclaimer,
            $($guard: Guard<R>),*
        {
            type Item = &'g T;

            fn next(&mut self) -> Option<&'g T> {
                self.values.next()
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                self.values.size_hint()
            }
        }
    };
}

iterator!(Difference<G>, [other, guard]);
iterator!(Intersection<G>, [other, guard]);
iterator!(Union<G>, []);
iterator!(SymmetricDifference<G, H>, []);
chain!(Union<G>);
chain!(SymmetricDifference<G, H>);
