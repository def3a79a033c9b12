//! The set: a map whose values are nothing. Every operation is one of the map's.

#![forbid(unsafe_code)]

mod algebra;
mod builder;
mod iter;
mod pinned;
mod traits;

pub use algebra::{Difference, Intersection, SymmetricDifference, Union};
pub use builder::HashSetBuilder;
pub use iter::{Drain, IntoIter, Iter, Scan};
pub use pinned::HashSetRef;

use std::hash::{BuildHasher, Hash};

use equivalent::Equivalent;

use crate::compute::{Compute, Operation};
use crate::entry::Entry;
use crate::hashing::DefaultHashBuilder;
use crate::iter::Cursor;
use crate::map::HashMap;
use crate::reclaim::{DefaultReclaimer, Guard, LocalGuard, OwnedGuard, ReclaimOwned, Reclaimer};
use crate::stats::Stats;

/// A hash set that many threads share and mostly read.
///
/// It is a [`HashMap`] of values to nothing, and what that promises holds here: reads write nothing
/// and never wait, writes are lock-free, a value never moves, an iteration yields exactly once
/// what is there from its start to its end. `S` and `R` are the map's: what hashes, and what frees.
///
/// Every operation takes `&self` and a guard, from [`guard`](Self::guard); [`pin`](Self::pin) gives
/// the two as one value. References that an operation returns live as long as the guard: **hold a
/// guard for an operation or a batch of them, not for long**.
///
/// ```
/// use splitmap::HashSet;
///
/// let set = HashSet::new();
/// std::thread::scope(|scope| {
///     scope.spawn(|| set.pin().insert("one"));
///     scope.spawn(|| set.pin().insert("two"));
/// });
/// let set = set.pin();
/// assert!(set.contains("one"));
/// assert_eq!(set.len(), 2);
/// ```
pub struct HashSet<T, S = DefaultHashBuilder, R = DefaultReclaimer>
where
    R: Reclaimer,
{
    map: HashMap<T, (), S, R>,
}

impl<T, S, R> HashSet<T, S, R>
where
    R: Reclaimer,
{
    /// Returns the set's hash builder.
    ///
    /// ```
    /// let set = splitmap::HashSet::<u64>::new();
    /// let other = splitmap::HashSet::<u64>::with_hasher(set.hasher().clone());
    /// ```
    pub fn hasher(&self) -> &S {
        self.map.hasher()
    }

    /// Pins this thread, and returns a guard for this set's operations. As [`HashMap::guard`].
    ///
    /// ```
    /// let set = splitmap::HashSet::new();
    /// let guard = set.guard();
    /// assert!(set.insert(1, &guard));
    /// assert!(set.contains(&1, &guard));
    /// ```
    #[inline]
    pub fn guard(&self) -> LocalGuard<'_, R> {
        self.map.guard()
    }

    /// A guard that belongs to no thread: it may be sent, shared, and held across an `.await`. As
    /// [`HashMap::owned_guard`].
    ///
    /// # Panics
    ///
    /// If 16 million of them are alive in the process.
    ///
    /// ```
    /// let set = splitmap::HashSet::from([1]);
    /// let guard = set.owned_guard();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| assert!(set.contains(&1, &guard)));
    /// });
    /// ```
    pub fn owned_guard(&self) -> OwnedGuard<'_, R>
    where
        R: ReclaimOwned,
    {
        self.map.owned_guard()
    }

    /// The number of values: exact when no write is under way. As [`HashMap::len`].
    ///
    /// ```
    /// assert_eq!(splitmap::HashSet::from([1, 2, 2]).len(), 2);
    /// ```
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Returns true if [`len`](Self::len) is 0.
    ///
    /// ```
    /// assert!(splitmap::HashSet::<u64>::new().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// The values that the table has buckets for: as [`HashMap::capacity`].
    ///
    /// ```
    /// assert_eq!(splitmap::HashSet::<u64>::new().capacity(), 0);
    /// ```
    pub fn capacity(&self) -> usize {
        self.map.capacity()
    }

    /// Makes room for `additional` more values: as [`HashMap::reserve`].
    ///
    /// # Panics
    ///
    /// If there is no such capacity, or no memory for it. The set is as it was.
    ///
    /// ```
    /// let set = splitmap::HashSet::<u64>::new();
    /// set.reserve(1_000);
    /// assert!(set.capacity() >= 1_000);
    /// ```
    pub fn reserve(&self, additional: usize) {
        self.map.reserve(additional);
    }

    /// Shrinks the table as far as its values allow, and cancels any requested capacity: as
    /// [`HashMap::shrink_to_fit`].
    ///
    /// ```
    /// let set = splitmap::HashSet::<u64>::with_capacity(1_000);
    /// set.shrink_to_fit();
    /// assert!(set.capacity() < 100);
    /// ```
    pub fn shrink_to_fit(&self) {
        self.map.shrink_to_fit();
    }

    /// Frees everything that was removed or replaced and that no guard can still see: as
    /// [`HashMap::flush`].
    ///
    /// # Panics
    ///
    /// If a destructor does. What is not freed yet stays for later.
    ///
    /// ```
    /// let set = splitmap::HashSet::from([1]);
    /// set.pin().remove(&1);
    /// set.flush();
    /// assert_eq!(set.stats().pending, Some(0));
    /// ```
    pub fn flush(&self) {
        self.map.flush();
    }

    /// Returns counts of the set's garbage and of the guards that keep it: as [`HashMap::stats`].
    ///
    /// ```
    /// let set = splitmap::HashSet::from([1]);
    /// let guard = set.guard();
    /// set.remove(&1, &guard);
    /// assert_eq!(set.stats().pending, Some(1));
    /// ```
    pub fn stats(&self) -> Stats {
        self.map.stats()
    }

    /// The values, in an order that says nothing: one that is present from start to end is yielded
    /// exactly once. As [`HashMap::iter`].
    ///
    /// ```
    /// let set = splitmap::HashSet::from([1, 2]);
    /// let guard = set.guard();
    /// assert_eq!(set.iter(&guard).sum::<i32>(), 3);
    /// ```
    pub fn iter<'g>(&'g self, guard: &'g impl Guard<R>) -> Iter<'g, T> {
        Iter::new(self.map.keys(guard))
    }

    /// Some of the values: those from `cursor` on, until `budget` of them are out. Says then where
    /// the next call goes on. As [`HashMap::scan`].
    ///
    /// ```
    /// use splitmap::{Cursor, HashSet};
    ///
    /// let set: HashSet<u32> = (0..100).collect();
    /// let (mut sum, mut next) = (0, Some(Cursor::START));
    /// while let Some(cursor) = next {
    ///     let guard = set.guard();
    ///     let mut scan = set.scan(cursor, 10, &guard);
    ///     sum += scan.by_ref().sum::<u32>();
    ///     next = scan.cursor();
    /// }
    /// assert_eq!(sum, 99 * 100 / 2);
    /// ```
    pub fn scan<'g>(
        &'g self,
        cursor: Cursor,
        budget: usize,
        guard: &'g impl Guard<R>,
    ) -> Scan<'g, T> {
        Scan::new(self.map.scan(cursor, budget, guard))
    }

    /// Removes every value that is present throughout: as [`HashMap::clear`].
    ///
    /// # Panics
    ///
    /// If the destructor of a value that was removed does. The rest is still there then.
    ///
    /// ```
    /// let set = splitmap::HashSet::from([1]);
    /// set.clear(&set.guard());
    /// assert!(set.is_empty());
    /// ```
    pub fn clear(&self, guard: &impl Guard<R>) {
        self.map.clear(guard);
    }

    /// Removes every value that `keep` refuses: as [`HashMap::retain`].
    ///
    /// # Panics
    ///
    /// If `keep` does, or the destructor of a value that was removed. Values that were refused
    /// before stay removed, and the rest is not asked for.
    ///
    /// ```
    /// let set: splitmap::HashSet<u32> = (0..10).collect();
    /// set.retain(|value| value % 2 == 0, &set.guard());
    /// assert_eq!(set.len(), 5);
    /// ```
    pub fn retain(&self, mut keep: impl FnMut(&T) -> bool, guard: &impl Guard<R>) {
        self.map.retain(|value, ()| keep(value), guard);
    }

    pub(crate) fn map(&self) -> &HashMap<T, (), S, R> {
        &self.map
    }

    #[cfg(feature = "rayon")]
    pub(crate) fn into_map(self) -> HashMap<T, (), S, R> {
        self.map
    }

    /// Takes all values out, as an iterator that gives them back; the set is left empty. As
    /// [`HashMap::drain`].
    ///
    /// # Panics
    ///
    /// If there is no memory for the capacity that was asked for. The set is as it was.
    ///
    /// ```
    /// let mut set = splitmap::HashSet::from([String::from("one")]);
    /// let values: Vec<String> = set.drain().collect();
    /// assert_eq!(values, ["one"]);
    /// assert!(set.is_empty());
    /// ```
    pub fn drain(&mut self) -> Drain<'_, T> {
        Drain::new(self.map.drain())
    }
}

impl<T, S, R> HashSet<T, S, R>
where
    T: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
{
    /// Returns true if the value is present: as [`HashMap::get`].
    ///
    /// ```
    /// let set = splitmap::HashSet::from([String::from("one")]);
    /// assert!(set.contains("one", &set.guard()));
    /// ```
    #[inline]
    pub fn contains<Q>(&self, value: &Q, guard: &impl Guard<R>) -> bool
    where
        Q: Equivalent<T> + Hash + ?Sized,
    {
        self.map.contains_key(value, guard)
    }

    /// Returns the set's own value that equals this one, if it is present: as [`HashMap::get`].
    ///
    /// ```
    /// let set = splitmap::HashSet::from([String::from("one")]);
    /// let guard = set.guard();
    /// assert_eq!(set.get("one", &guard), Some(&String::from("one")));
    /// ```
    #[inline]
    pub fn get<'g, Q>(&'g self, value: &Q, guard: &'g impl Guard<R>) -> Option<&'g T>
    where
        Q: Equivalent<T> + Hash + ?Sized,
    {
        let (value, ()) = self.map.get_key_value(value, guard)?;
        Some(value)
    }

    /// Inserts a value if none that equals it is present, and says whether. One that is there is
    /// left as it is, and the new one dropped.
    ///
    /// Allocates a node if the value was absent. Lock-free (guarantee **B**).
    ///
    /// ```
    /// let set = splitmap::HashSet::new();
    /// let guard = set.guard();
    /// assert!(set.insert("value", &guard));
    /// assert!(!set.insert("value", &guard));
    /// ```
    pub fn insert(&self, value: T, guard: &impl Guard<R>) -> bool {
        self.map.try_insert(value, (), guard).is_ok()
    }

    /// As [`insert`](Self::insert), for a borrowed value: an owned one is made of it only if it is
    /// absent.
    ///
    /// A second search of the bucket is what that costs if it is absent.
    ///
    /// ```
    /// let set = splitmap::HashSet::<String>::new();
    /// let guard = set.guard();
    /// assert!(set.insert_ref("value", &guard));
    /// assert!(!set.insert_ref("value", &guard));
    /// ```
    pub fn insert_ref<'q, Q>(&self, value: &'q Q, guard: &impl Guard<R>) -> bool
    where
        Q: Equivalent<T> + Hash + ?Sized,
        T: From<&'q Q>,
    {
        match self.map.entry_ref(value, guard) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => entry.insert(()).is_ok(),
        }
    }

    /// The set's own value that equals this one, which is inserted first if there is none, and
    /// else dropped: as [`insert`](Self::insert).
    ///
    /// ```
    /// let set = splitmap::HashSet::new();
    /// let guard = set.guard();
    /// let first: &String = set.get_or_insert(String::from("name"), &guard);
    /// assert!(std::ptr::eq(first, set.get_or_insert(String::from("name"), &guard)));
    /// ```
    pub fn get_or_insert<'g>(&'g self, value: T, guard: &'g impl Guard<R>) -> &'g T {
        let insert = |present: Option<(&'g T, _)>| match present {
            Some((value, &())) => Operation::Abort(value),
            None => Operation::Insert(()),
        };
        match self.map.compute(value, insert, guard) {
            Compute::Inserted(value, ()) | Compute::Aborted(value) => value,
            Compute::Updated { .. } | Compute::Removed(..) | Compute::Absent => {
                unreachable!("a value that is there stays")
            }
        }
    }

    /// The set's own value that equals this one; if there is none, what `make` makes of it is
    /// inserted first. To keep one copy of what is often met, looked up without making one.
    ///
    /// `make` is called at most once, and not under any lock: others may insert such a value
    /// meanwhile, and then theirs is returned. Lock-free (guarantee **B**) but for what `make` does.
    ///
    /// # Panics
    ///
    /// If `make` does, or makes a value that does not equal the one that was asked for; the set is
    /// as if this had not been called.
    ///
    /// ```
    /// let names = splitmap::HashSet::<String>::new();
    /// let guard = names.guard();
    /// let first = names.get_or_insert_with("name", str::to_owned, &guard);
    /// let again = names.get_or_insert_with("name", |_| unreachable!(), &guard);
    /// assert!(std::ptr::eq(first, again));
    /// ```
    pub fn get_or_insert_with<'g, Q>(
        &'g self,
        value: &Q,
        make: impl FnOnce(&Q) -> T,
        guard: &'g impl Guard<R>,
    ) -> &'g T
    where
        Q: Equivalent<T> + Hash + ?Sized,
    {
        if let Some(present) = self.get(value, guard) {
            return present;
        }
        let made = make(value);
        assert!(
            value.equivalent(&made),
            "splitmap: what was made does not equal the value that was asked for"
        );
        self.get_or_insert(made, guard)
    }

    /// Inserts a value, in one instant in the place of one that equals it, which is returned.
    ///
    /// Allocates a node. Lock-free (guarantee **B**).
    ///
    /// ```
    /// let set = splitmap::HashSet::from([String::from("value")]);
    /// let guard = set.guard();
    /// let old = set.get("value", &guard).unwrap();
    /// let replaced = set.replace(String::from("value"), &guard).unwrap();
    /// assert!(std::ptr::eq(replaced, old));
    /// assert!(!std::ptr::eq(set.get("value", &guard).unwrap(), old));
    /// ```
    pub fn replace<'g>(&'g self, value: T, guard: &'g impl Guard<R>) -> Option<&'g T> {
        let insert = |_: Option<(&'g T, &'g ())>| Operation::<(), ()>::Insert(());
        match self.map.compute(value, insert, guard) {
            Compute::Updated { old: (old, ()), .. } => Some(old),
            _ => None,
        }
    }

    /// Removes a value, and says whether it was present: as [`HashMap::remove`].
    ///
    /// ```
    /// let set = splitmap::HashSet::from(["value"]);
    /// let guard = set.guard();
    /// assert!(set.remove("value", &guard));
    /// assert!(!set.remove("value", &guard));
    /// ```
    pub fn remove<Q>(&self, value: &Q, guard: &impl Guard<R>) -> bool
    where
        Q: Equivalent<T> + Hash + ?Sized,
    {
        self.take(value, guard).is_some()
    }

    /// Removes a value, and returns the set's own. It is freed some time after the last guard that
    /// can see it is gone. As [`HashMap::remove`].
    ///
    /// ```
    /// let set = splitmap::HashSet::from([String::from("value")]);
    /// let guard = set.guard();
    /// assert_eq!(set.take("value", &guard), Some(&String::from("value")));
    /// assert_eq!(set.take("value", &guard), None);
    /// ```
    pub fn take<'g, Q>(&'g self, value: &Q, guard: &'g impl Guard<R>) -> Option<&'g T>
    where
        Q: Equivalent<T> + Hash + ?Sized,
    {
        let (value, ()) = self.map.remove_entry(value, guard)?;
        Some(value)
    }

    /// Removes a value if the set's own is one that `condemns` accepts, and returns that: as
    /// [`HashMap::remove_if`].
    ///
    /// # Panics
    ///
    /// If `condemns` does; the set is as if this had not been called.
    ///
    /// If `condemns` itself keeps changing the set's value, with this map: after 1,024 times
    /// ([`guide::consistency`](crate::guide::consistency)).
    ///
    /// ```
    /// let set = splitmap::HashSet::from(["value"]);
    /// let guard = set.guard();
    /// assert_eq!(set.remove_if("value", |_| false, &guard), None);
    /// assert_eq!(set.remove_if("value", |_| true, &guard), Some(&"value"));
    /// ```
    pub fn remove_if<'g, Q>(
        &'g self,
        value: &Q,
        condemns: impl FnMut(&T) -> bool,
        guard: &'g impl Guard<R>,
    ) -> Option<&'g T>
    where
        Q: Equivalent<T> + Hash + ?Sized,
    {
        self.try_remove_if(value, condemns, guard).ok().flatten()
    }

    /// As [`remove_if`](Self::remove_if), and tells an absent value from one that was refused: as
    /// [`HashMap::try_remove_if`].
    ///
    /// # Errors
    ///
    /// If the value was refused: it is still there.
    ///
    /// # Panics
    ///
    /// If `condemns` does; the set is as if this had not been called.
    ///
    /// If `condemns` itself keeps changing the set's value, with this map: after 1,024 times
    /// ([`guide::consistency`](crate::guide::consistency)).
    ///
    /// ```
    /// let set = splitmap::HashSet::from(["value"]);
    /// let guard = set.guard();
    /// assert_eq!(set.try_remove_if("value", |_| false, &guard), Err(&"value"));
    /// assert_eq!(set.try_remove_if("value", |_| true, &guard), Ok(Some(&"value")));
    /// assert_eq!(set.try_remove_if("value", |_| true, &guard), Ok(None));
    /// ```
    pub fn try_remove_if<'g, Q>(
        &'g self,
        value: &Q,
        mut condemns: impl FnMut(&T) -> bool,
        guard: &'g impl Guard<R>,
    ) -> Result<Option<&'g T>, &'g T>
    where
        Q: Equivalent<T> + Hash + ?Sized,
    {
        let condemns = |value: &T, (): &()| condemns(value);
        match self.map.try_remove_if(value, condemns, guard) {
            Ok(removed) => Ok(removed.map(|(value, ())| value)),
            Err((value, ())) => Err(value),
        }
    }
}
