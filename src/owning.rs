//! References, iterators and views that own their guard: to be returned from functions, stored, and
//! sent, where a `&V` would need a guard beside it.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;

use equivalent::Equivalent;

use crate::iter::Iter;
use crate::map::HashMap;
use crate::pinned::HashMapRef;
use crate::reclaim::{DefaultReclaimer, Guard, LocalGuard, OwnedGuard, ReclaimOwned, Reclaimer};
use crate::set::{HashSet, HashSetRef};

/// Has what it stands in dropped before the map that is borrowed for `'m`. A back end's pin has no
/// lifetime, so without this the compiler lets a guard's drop come after the map's.
struct Held<'m>(PhantomData<&'m ()>);

impl Held<'_> {
    fn new() -> Self {
        Held(PhantomData)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {}
}

/// A reference that owns its guard: [`HashMap::get_ref`].
///
/// It is a `&T` that needs no guard beside it, so a function can return it. While it lives, its guard
/// does: what is said of a [`LocalGuard`] holds for it, **keep it short**, as nothing that any thread
/// removes meanwhile is freed. It locks nothing, and the thread may write the map while it holds one;
/// the reference then still leads to the value that it was made for.
///
/// With a [`LocalGuard`] it stays on its thread; from [`HashMap::pin_owned`] or [`HashMap::pin_arc`]
/// it goes anywhere. Costs what its guard does, and no more.
///
/// ```
/// use splitmap::{HashMap, Ref};
///
/// struct Names(HashMap<u64, String>);
///
/// impl Names {
///     fn name(&self, id: u64) -> Option<Ref<'_, String>> {
///         self.0.get_ref(&id)
///     }
/// }
///
/// let names = Names(HashMap::from([(1, String::from("one"))]));
/// assert_eq!(names.name(1).unwrap().len(), 3);
/// assert!(names.name(2).is_none());
/// ```
pub struct Ref<'m, T: ?Sized, G = LocalGuard<'m>> {
    // No reference: it dangles while a `Ref` is dropped, as soon as the guard is.
    target: NonNull<T>,
    guard: G,
    _map: PhantomData<&'m T>,
    _held: Held<'m>,
}

// SAFETY: it is a `&T` and a guard.
unsafe impl<T: ?Sized + Sync, G: Send> Send for Ref<'_, T, G> {}

// SAFETY: as above.
unsafe impl<T: ?Sized + Sync, G: Sync> Sync for Ref<'_, T, G> {}

impl<'m, T: ?Sized, G> Ref<'m, T, G> {
    /// # Safety
    ///
    /// `target` stays allocated, and is only read, as long as `guard` or a clone of it lives within
    /// `'m`.
    unsafe fn new(target: NonNull<T>, guard: G) -> Self {
        Ref {
            target,
            guard,
            _map: PhantomData,
            _held: Held::new(),
        }
    }

    /// A reference to a part of what this one leads to, with the same guard. Not a method, as those
    /// are the target's.
    ///
    /// ```
    /// use splitmap::{HashMap, Ref};
    ///
    /// let map = HashMap::from([(1, (String::from("one"), 10))]);
    /// let name: Ref<'_, str> = Ref::map(map.get_ref(&1).unwrap(), |(name, _)| name.as_str());
    /// assert_eq!(&*name, "one");
    /// ```
    pub fn map<U: ?Sized>(this: Self, part: impl FnOnce(&T) -> &U) -> Ref<'m, U, G>
    where
        T: 'm,
    {
        let part = NonNull::from(part(&this));
        Ref {
            target: part,
            guard: this.guard,
            _map: PhantomData,
            _held: Held::new(),
        }
    }
}

impl<T: ?Sized, G> Deref for Ref<'_, T, G> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard is there, so this is the promise of `new`; a part is as the whole.
        unsafe { self.target.as_ref() }
    }
}

impl<T: ?Sized, G: Clone> Clone for Ref<'_, T, G> {
    fn clone(&self) -> Self {
        Ref {
            target: self.target,
            guard: self.guard.clone(),
            _map: PhantomData,
            _held: Held::new(),
        }
    }
}

impl<T: ?Sized, G> AsRef<T> for Ref<'_, T, G> {
    fn as_ref(&self) -> &T {
        self
    }
}

impl<T: ?Sized + fmt::Debug, G> fmt::Debug for Ref<'_, T, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display, G> fmt::Display for Ref<'_, T, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

/// An iterator over a map's entries that owns its guard: `map.pin().into_iter()`.
///
/// Its items share the guard, so they outlive the iterator; as long as one of them is kept, nothing
/// that any thread removes is freed. What it yields is what [`HashMap::iter`] yields. Costs one
/// allocation, and two counts an item.
///
/// ```
/// use splitmap::HashMap;
///
/// struct Names(HashMap<u64, String>);
///
/// impl Names {
///     fn all(&self) -> impl Iterator<Item = String> + '_ {
///         self.0.pin().into_iter().map(|(id, name)| format!("{id}: {name}"))
///     }
/// }
///
/// let names = Names(HashMap::from([(1, String::from("one"))]));
/// assert!(names.all().eq(["1: one"]));
/// ```
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct RefIter<'m, K, V, G = LocalGuard<'m>> {
    // Not seen as references, as in `Ref`.
    entries: MaybeUninit<Iter<'m, K, V>>,
    guard: Arc<G>,
    _held: Held<'m>,
}

impl<'m, K, V, G: 'm> RefIter<'m, K, V, G> {
    /// # Safety
    ///
    /// What `entries` makes may be used as long as the guard in its place lives within `'m`.
    unsafe fn new(guard: G, entries: impl FnOnce(&'m G) -> Iter<'m, K, V>) -> Self {
        const { assert!(!std::mem::needs_drop::<Iter<'_, u64, u64>>()) };
        let guard = Arc::new(guard);
        // SAFETY: the guard stays where it is as long as there is an `Arc` to it, and `entries` is
        // not used without one.
        let place = unsafe { &*Arc::as_ptr(&guard) };
        RefIter {
            entries: MaybeUninit::new(entries(place)),
            guard,
            _held: Held::new(),
        }
    }
}

impl<'m, K, V, G> Iterator for RefIter<'m, K, V, G> {
    type Item = (Ref<'m, K, Arc<G>>, Ref<'m, V, Arc<G>>);

    fn next(&mut self) -> Option<Self::Item> {
        // SAFETY: it was made in `new`, and its guard is there.
        let (key, value) = unsafe { self.entries.assume_init_mut() }.next()?;
        let guard = || Arc::clone(&self.guard);
        // SAFETY: read under the guard, which is shared.
        let key = unsafe { Ref::new(key.into(), guard()) };
        // SAFETY: as above.
        let value = unsafe { Ref::new(value.into(), guard()) };
        Some((key, value))
    }
}

impl<K, V, G> FusedIterator for RefIter<'_, K, V, G> {}

impl<K, V, G> fmt::Debug for RefIter<'_, K, V, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefIter").finish_non_exhaustive()
    }
}

/// An iterator over a set's values that owns its guard: `set.pin().into_iter()`. As [`RefIter`].
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct SetRefIter<'m, T, G = LocalGuard<'m>> {
    entries: RefIter<'m, T, (), G>,
}

impl<'m, T, G> Iterator for SetRefIter<'m, T, G> {
    type Item = Ref<'m, T, Arc<G>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.entries.next().map(|(value, _)| value)
    }
}

impl<T, G> FusedIterator for SetRefIter<'_, T, G> {}

impl<T, G> fmt::Debug for SetRefIter<'_, T, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetRefIter").finish_non_exhaustive()
    }
}

impl<K, V, S, R> HashMap<K, V, S, R>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
{
    /// The value of a key, as a reference that owns its guard and stays on this thread: to return it
    /// from a function. As [`get`](Self::get) under a guard of its own.
    ///
    /// ```
    /// let map = splitmap::HashMap::from([("key", 1)]);
    /// let value = map.get_ref("key").unwrap();
    /// map.pin().insert("key", 2);
    /// assert_eq!((*value, map.get_ref("key").as_deref()), (1, Some(&2)));
    /// ```
    pub fn get_ref<Q>(&self, key: &Q) -> Option<Ref<'_, V, LocalGuard<'_, R>>>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.pin().into_ref(key)
    }
}

impl<'m, K, V, S, R, G> HashMapRef<'m, K, V, S, R, G>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
    G: Guard<R>,
{
    /// The value of a key, as a reference that takes the view's guard along. From a view of
    /// [`pin_owned`](HashMap::pin_owned) it may be sent, and held across an `.await`.
    ///
    /// ```
    /// let map = splitmap::HashMap::from([(1, String::from("one"))]);
    /// let one = map.pin_owned().into_ref(&1).unwrap();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(move || assert_eq!(&*one, "one"));
    /// });
    /// ```
    pub fn into_ref<Q>(self, key: &Q) -> Option<Ref<'m, V, G>>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let (map, guard) = self.into_parts();
        let value = NonNull::from(map.get(key, &guard)?);
        // SAFETY: read under this guard of a map that is borrowed for `'m`.
        Some(unsafe { Ref::new(value, guard) })
    }
}

impl<'m, K, V, S, R, G> IntoIterator for HashMapRef<'m, K, V, S, R, G>
where
    R: Reclaimer,
    G: Guard<R> + 'm,
{
    type Item = (Ref<'m, K, Arc<G>>, Ref<'m, V, Arc<G>>);
    type IntoIter = RefIter<'m, K, V, G>;

    /// The entries, by an iterator that takes the view's guard along.
    fn into_iter(self) -> RefIter<'m, K, V, G> {
        let (map, guard) = self.into_parts();
        // SAFETY: read under this guard of a map that is borrowed for `'m`.
        unsafe { RefIter::new(guard, |guard| map.iter(guard)) }
    }
}

impl<T, S, R> HashSet<T, S, R>
where
    T: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
{
    /// The set's own value that equals this one, as a reference that owns its guard: as
    /// [`HashMap::get_ref`].
    ///
    /// ```
    /// let set = splitmap::HashSet::from([String::from("one")]);
    /// assert_eq!(set.get_ref("one").unwrap().len(), 3);
    /// ```
    pub fn get_ref<Q>(&self, value: &Q) -> Option<Ref<'_, T, LocalGuard<'_, R>>>
    where
        Q: Equivalent<T> + Hash + ?Sized,
    {
        self.pin().into_ref(value)
    }
}

impl<'m, T, S, R, G> HashSetRef<'m, T, S, R, G>
where
    T: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
    G: Guard<R>,
{
    /// The set's own value that equals this one, as a reference that takes the view's guard along:
    /// as [`HashMapRef::into_ref`].
    ///
    /// ```
    /// let set = splitmap::HashSet::from([String::from("one")]);
    /// assert_eq!(&*set.pin_owned().into_ref("one").unwrap(), "one");
    /// ```
    pub fn into_ref<Q>(self, value: &Q) -> Option<Ref<'m, T, G>>
    where
        Q: Equivalent<T> + Hash + ?Sized,
    {
        let (set, guard) = self.into_parts();
        let value = NonNull::from(set.get(value, &guard)?);
        // SAFETY: read under this guard of a set that is borrowed for `'m`.
        Some(unsafe { Ref::new(value, guard) })
    }
}

impl<'m, T, S, R, G> IntoIterator for HashSetRef<'m, T, S, R, G>
where
    R: Reclaimer,
    G: Guard<R> + 'm,
{
    type Item = Ref<'m, T, Arc<G>>;
    type IntoIter = SetRefIter<'m, T, G>;

    /// The values, by an iterator that takes the view's guard along.
    fn into_iter(self) -> SetRefIter<'m, T, G> {
        let (set, guard) = self.into_parts();
        // SAFETY: read under this guard of a set that is borrowed for `'m`.
        let entries = unsafe { RefIter::new(guard, |guard| set.map().iter(guard)) };
        SetRefIter { entries }
    }
}

/// A share of a map with a guard: [`HashMap::pin_arc`] and [`HashSet::pin_arc`], for what has to be
/// `'static`.
///
/// It may be sent, stored, and held across an `.await`. Keeps the map, and what is said of an
/// [`OwnedGuard`] holds for it: **keep it short**, as nothing that any thread removes meanwhile is
/// freed.
pub struct PinnedArc<M, R: ReclaimOwned = DefaultReclaimer> {
    // Dropped first: it is a guard of `shared`.
    guard: OwnedGuard<'static, R>,
    shared: Arc<M>,
}

impl<M, R: ReclaimOwned> PinnedArc<M, R> {
    /// The map or set.
    pub fn shared(&self) -> &Arc<M> {
        &self.shared
    }
}

impl<M, R: ReclaimOwned> fmt::Debug for PinnedArc<M, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinnedArc").finish_non_exhaustive()
    }
}

impl<K, V, S, R> HashMap<K, V, S, R>
where
    K: 'static,
    V: 'static,
    S: 'static,
    R: Reclaimer + ReclaimOwned,
{
    /// As [`pin_owned`](Self::pin_owned), for a map in an `Arc`: the guard keeps the `Arc`, so that
    /// what is made of it is `'static`. Costs a count more.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use splitmap::HashMap;
    ///
    /// let map = Arc::new(HashMap::from([(1, String::from("one"))]));
    /// let one = map.pin_arc().into_ref(&1).unwrap();
    /// let all = map.pin_arc().into_iter();
    /// drop(map);
    /// std::thread::spawn(move || {
    ///     assert_eq!(&*one, "one");
    ///     assert_eq!(all.map(|(id, _)| *id).sum::<u64>(), 1);
    /// })
    /// .join()
    /// .unwrap();
    /// ```
    pub fn pin_arc(self: &Arc<Self>) -> PinnedArc<Self, R> {
        let shared = Arc::clone(self);
        // SAFETY: the map stays where it is as long as there is an `Arc` to it, and the guard is
        // dropped before that.
        let map = unsafe { &*Arc::as_ptr(&shared) };
        PinnedArc {
            guard: OwnedGuard::new(map.store()),
            shared,
        }
    }
}

impl<K, V, S, R> PinnedArc<HashMap<K, V, S, R>, R>
where
    K: 'static,
    V: 'static,
    S: 'static,
    R: Reclaimer + ReclaimOwned,
{
    /// The map under this guard: all operations.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// let map = Arc::new(splitmap::HashMap::from([(1, "one")]));
    /// let pinned = map.pin_arc();
    /// assert_eq!(pinned.view().get(&1), Some(&"one"));
    /// ```
    pub fn view(&self) -> HashMapRef<'_, K, V, S, R, &OwnedGuard<'_, R>> {
        self.shared.with_guard(&self.guard)
    }

    /// The value of a key, as a reference that keeps the map.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// let map = Arc::new(splitmap::HashMap::from([(1, "one")]));
    /// let one = map.pin_arc().into_ref(&1).unwrap();
    /// drop(map);
    /// assert_eq!(*one, "one");
    /// ```
    pub fn into_ref<Q>(self, key: &Q) -> Option<Ref<'static, V, Self>>
    where
        K: Hash + Eq,
        S: BuildHasher,
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let value = NonNull::from(self.shared.get(key, &self.guard)?);
        // SAFETY: read under this guard of a map that it keeps.
        Some(unsafe { Ref::new(value, self) })
    }
}

impl<K, V, S, R> IntoIterator for PinnedArc<HashMap<K, V, S, R>, R>
where
    K: 'static,
    V: 'static,
    S: 'static,
    R: Reclaimer + ReclaimOwned,
{
    type Item = (Ref<'static, K, Arc<Self>>, Ref<'static, V, Arc<Self>>);
    type IntoIter = RefIter<'static, K, V, Self>;

    /// The entries, by an iterator that keeps the map.
    fn into_iter(self) -> Self::IntoIter {
        // SAFETY: read under this guard of a map that it keeps.
        unsafe { RefIter::new(self, |pinned| pinned.shared.iter(&pinned.guard)) }
    }
}

impl<T, S, R> HashSet<T, S, R>
where
    T: 'static,
    S: 'static,
    R: Reclaimer + ReclaimOwned,
{
    /// As [`HashMap::pin_arc`].
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// let set = Arc::new(splitmap::HashSet::from([1]));
    /// let one = set.pin_arc().into_ref(&1).unwrap();
    /// drop(set);
    /// assert_eq!(*one, 1);
    /// ```
    pub fn pin_arc(self: &Arc<Self>) -> PinnedArc<Self, R> {
        let shared = Arc::clone(self);
        // SAFETY: as for a map.
        let set = unsafe { &*Arc::as_ptr(&shared) };
        PinnedArc {
            guard: OwnedGuard::new(set.map().store()),
            shared,
        }
    }
}

impl<T, S, R> PinnedArc<HashSet<T, S, R>, R>
where
    T: 'static,
    S: 'static,
    R: Reclaimer + ReclaimOwned,
{
    /// The set under this guard: all operations.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// let set = Arc::new(splitmap::HashSet::from([1]));
    /// assert!(set.pin_arc().view().contains(&1));
    /// ```
    pub fn view(&self) -> HashSetRef<'_, T, S, R, &OwnedGuard<'_, R>> {
        self.shared.with_guard(&self.guard)
    }

    /// The set's own value that equals this one, as a reference that keeps the set: as that of a
    /// map.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// let set = Arc::new(splitmap::HashSet::from([1]));
    /// assert!(set.pin_arc().into_ref(&2).is_none());
    /// ```
    pub fn into_ref<Q>(self, value: &Q) -> Option<Ref<'static, T, Self>>
    where
        T: Hash + Eq,
        S: BuildHasher,
        Q: Equivalent<T> + Hash + ?Sized,
    {
        let value = NonNull::from(self.shared.get(value, &self.guard)?);
        // SAFETY: read under this guard of a set that it keeps.
        Some(unsafe { Ref::new(value, self) })
    }
}

impl<T, S, R> IntoIterator for PinnedArc<HashSet<T, S, R>, R>
where
    T: 'static,
    S: 'static,
    R: Reclaimer + ReclaimOwned,
{
    type Item = Ref<'static, T, Arc<Self>>;
    type IntoIter = SetRefIter<'static, T, Self>;

    /// The values, by an iterator that keeps the set.
    fn into_iter(self) -> Self::IntoIter {
        // SAFETY: read under this guard of a set that it keeps.
        let entries = unsafe {
            RefIter::new(self, |pinned: &'static PinnedArc<HashSet<T, S, R>, R>| {
                pinned.shared.map().iter(&pinned.guard)
            })
        };
        SetRefIter { entries }
    }
}
