//! Guards, and what they stand for within the crate: what is reachable stays allocated
//! ([`Protected`]), and this thread is pinned and may write ([`Pinned`]).

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::sealed::Sealed;
use super::{DefaultReclaimer, Dispose, ReclaimOwned, Reclaimer};

/// A guard: while it lives, what its map retires stays allocated.
///
/// Sealed: [`LocalGuard`] and [`OwnedGuard`] are the two that there are.
pub trait Guard<R: Reclaimer = DefaultReclaimer>: Sealed {
    /// Whether the guard protects what `store`'s map retires.
    #[doc(hidden)]
    fn protects(&self, store: &R::Store) -> bool;

    /// Runs a write under a pin of the calling thread.
    #[doc(hidden)]
    fn with_pin<T>(&self, store: &R::Store, write: impl FnOnce(&R::Pin) -> T) -> T;
}

impl<G: Sealed> Sealed for &G {}

impl<R: Reclaimer, G: Guard<R>> Guard<R> for &G {
    #[inline(always)]
    fn protects(&self, store: &R::Store) -> bool {
        (**self).protects(store)
    }

    #[inline(always)]
    fn with_pin<T>(&self, store: &R::Store, write: impl FnOnce(&R::Pin) -> T) -> T {
        (**self).with_pin(store, write)
    }
}

/// A guard for the thread that made it: [`HashMap::guard`](crate::HashMap::guard).
///
/// While it lives, every reference that was read under it stays valid, and no entry that any
/// thread removes meanwhile is freed: **keep it short**. It cannot be sent to another thread, and
/// it cannot outlive its map. Guards nest, and may be dropped in any order. A guard that is leaked
/// keeps its thread pinned permanently: then nothing that is removed from any map is freed before
/// that map is dropped. A guard in a value of the map it is of does the same once the value is
/// removed.
///
/// ```
/// let map = splitmap::HashMap::from([("a", 1)]);
/// let guard = map.guard();
/// assert_eq!(map.get(&"a", &guard), Some(&1));
/// ```
pub struct LocalGuard<'m, R: Reclaimer = DefaultReclaimer> {
    pin: R::Pin,
    // Not `Send`, whatever the back end's own guard is.
    _map: PhantomData<(&'m R::Store, *const ())>,
    _held: Held<'m>,
}

/// Makes the compiler ask, where a guard is dropped at the end of its scope, that its map is still
/// there: the pin of some back ends looks at the map's store then, and has no lifetime to say so.
struct Held<'m>(PhantomData<&'m ()>);

impl Drop for Held<'_> {
    fn drop(&mut self) {}
}

impl<'m, R: Reclaimer> LocalGuard<'m, R> {
    #[inline]
    pub(crate) fn new(store: &'m R::Store) -> Self {
        LocalGuard {
            // SAFETY: the guard does not outlive the borrow of the store.
            pin: unsafe { R::pin(store) },
            _map: PhantomData,
            _held: Held(PhantomData),
        }
    }

    /// Lets go of what the guard has kept alive so far, and pins again: for long loops. What was
    /// removed is not freed at once, as the new guard is there; it is when this has been called a
    /// few times more. While this thread holds another guard, of any map, nothing is let go of.
    ///
    /// ```
    /// let map = splitmap::HashMap::from([("a", 1)]);
    /// let mut guard = map.guard();
    /// assert_eq!(map.get("a", &guard), Some(&1));
    /// guard.refresh();
    /// assert_eq!(map.get("a", &guard), Some(&1));
    /// ```
    pub fn refresh(&mut self) {
        // SAFETY: as in `new`.
        unsafe { R::refresh(&mut self.pin) };
    }

    /// The section of this guard.
    ///
    /// # Panics
    ///
    /// If the guard is of another map's collector.
    pub(crate) fn pinned<'g>(&'g self, store: &'g R::Store) -> Pinned<'g, 'g, R> {
        Pinned::new(store, &self.pin)
    }
}

impl<R: Reclaimer> Sealed for LocalGuard<'_, R> {}

impl<R: Reclaimer> Guard<R> for LocalGuard<'_, R> {
    #[inline(always)]
    fn protects(&self, store: &R::Store) -> bool {
        R::covers(store, &self.pin)
    }

    #[inline(always)]
    fn with_pin<T>(&self, _: &R::Store, write: impl FnOnce(&R::Pin) -> T) -> T {
        write(&self.pin)
    }
}

impl<R: Reclaimer> fmt::Debug for LocalGuard<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalGuard").finish_non_exhaustive()
    }
}

/// A guard that belongs to no thread: [`HashMap::owned_guard`](crate::HashMap::owned_guard).
///
/// It may be sent, shared, and held across an `.await`. Reads go by its own protection. A write
/// under it pins the thread that it runs on for as long as it lasts. What is said of
/// [`LocalGuard`] holds here too: keep it short, as nothing that is removed meanwhile is freed.
///
/// ```
/// let map = splitmap::HashMap::from([("a", 1)]);
/// let guard = map.owned_guard();
/// let value = map.get("a", &guard);
/// std::thread::scope(|scope| {
///     scope.spawn(|| map.insert("a", 2, &guard));
/// });
/// assert_eq!(value, Some(&1));
/// assert_eq!(map.get("a", &guard), Some(&2));
/// ```
pub struct OwnedGuard<'m, R: ReclaimOwned = DefaultReclaimer> {
    pin: R::OwnedPin,
    _map: PhantomData<&'m R::Store>,
    _held: Held<'m>,
}

impl<'m, R: ReclaimOwned> OwnedGuard<'m, R> {
    pub(crate) fn new(store: &'m R::Store) -> Self {
        OwnedGuard {
            // SAFETY: the guard does not outlive the borrow of the store.
            pin: unsafe { R::pin_owned(store) },
            _map: PhantomData,
            _held: Held(PhantomData),
        }
    }

    /// Lets go of what the guard has kept alive so far, and pins again: for long loops. As
    /// [`LocalGuard::refresh`], whatever other guards there are.
    pub fn refresh(&mut self) {
        // SAFETY: as in `new`.
        unsafe { R::refresh_owned(&mut self.pin) };
    }
}

impl<R: ReclaimOwned> Sealed for OwnedGuard<'_, R> {}

impl<R: ReclaimOwned> Guard<R> for OwnedGuard<'_, R> {
    #[inline(always)]
    fn protects(&self, store: &R::Store) -> bool {
        R::covers_owned(store, &self.pin)
    }

    fn with_pin<T>(&self, store: &R::Store, write: impl FnOnce(&R::Pin) -> T) -> T {
        // SAFETY: the pin is dropped here, before the store.
        let pin = unsafe { R::pin(store) };
        write(&pin)
    }
}

impl<R: ReclaimOwned> fmt::Debug for OwnedGuard<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedGuard").finish_non_exhaustive()
    }
}

const FOREIGN: &str =
    "splitmap: the guard belongs to another map; pass one that this map's `guard` made";

/// What a map's entries are protected by for `'g`: what is reachable stays allocated.
pub(crate) struct Protected<'g, R: Reclaimer> {
    store: &'g R::Store,
}

impl<R: Reclaimer> Clone for Protected<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: Reclaimer> Copy for Protected<'_, R> {}

impl<'g, R: Reclaimer> Protected<'g, R> {
    /// # Panics
    ///
    /// If the guard is of another map's collector.
    #[inline(always)]
    pub(crate) fn by(guard: &'g impl Guard<R>, store: &'g R::Store) -> Self {
        assert!(guard.protects(store), "{FOREIGN}");
        Protected { store }
    }

    #[inline]
    pub(crate) fn participants(self) -> Option<usize> {
        R::participants(self.store)
    }
}

/// A pinned section: for `'s` this thread may write, and retire what it unlinks. What it reads is
/// protected for `'g`, which is longer where the guard belongs to no thread.
pub(crate) struct Pinned<'s, 'g, R: Reclaimer> {
    protected: Protected<'g, R>,
    pin: &'s R::Pin,
    place: R::Place<'g>,
}

impl<R: Reclaimer> Clone for Pinned<'_, '_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: Reclaimer> Copy for Pinned<'_, '_, R> {}

impl<'s, 'g, R: Reclaimer> Pinned<'s, 'g, R> {
    /// Runs one operation in a section.
    ///
    /// What it returns may have the lifetime `'g`, in which the guard protects what it leads to,
    /// while the section itself ends with the call.
    ///
    /// # Panics
    ///
    /// If the guard is of another map's collector.
    #[inline(always)]
    pub(crate) fn during<T>(
        guard: &'g impl Guard<R>,
        store: &'g R::Store,
        operation: impl FnOnce(Pinned<'_, 'g, R>) -> T,
    ) -> T {
        let protected = Protected::by(guard, store);
        guard.with_pin(store, |pin| {
            // SAFETY: `with_pin` gives a pin of this thread, of a guard that `by` has asked.
            operation(unsafe { Pinned::of(protected, pin) })
        })
    }

    /// The section of a pin, which protects what it reads.
    ///
    /// # Panics
    ///
    /// If the pin is of another map's collector.
    pub(crate) fn new(store: &'g R::Store, pin: &'g R::Pin) -> Pinned<'g, 'g, R> {
        assert!(R::covers(store, pin), "{FOREIGN}");
        // SAFETY: a pin does not leave its thread, and the store covers it.
        unsafe { Pinned::of(Protected { store }, pin) }
    }

    /// # Safety
    ///
    /// The pin is of this thread, and the store covers it.
    #[inline(always)]
    unsafe fn of(protected: Protected<'g, R>, pin: &'s R::Pin) -> Self {
        Pinned {
            protected,
            pin,
            // SAFETY: the caller's promise.
            place: unsafe { R::place(protected.store, pin) },
        }
    }

    pub(crate) fn protected(self) -> Protected<'g, R> {
        self.protected
    }

    /// # Safety
    ///
    /// That of [`Reclaimer::retire`], whose demand on the pin is fulfilled here.
    pub(crate) unsafe fn retire<D: Dispose>(self, object: *mut ()) {
        // SAFETY: the pin is covered by the store; the rest is the caller's.
        unsafe { R::retire::<D>(self.protected.store, self.pin, self.place, object) }
    }

    /// Memory that an entry was freed from: [`Reclaimer::spare`].
    #[inline(always)]
    pub(crate) fn spare<D: Dispose>(self) -> Option<NonNull<()>> {
        // SAFETY: as for `count`.
        unsafe { R::spare::<D>(self.place) }
    }

    /// Counts a write: [`Reclaimer::count`].
    pub(crate) fn count<D: Dispose>(self, by: isize) -> u64 {
        // SAFETY: the pin is covered by the store. A section is made by the map whose store it
        // is, and counts for that map's `D`.
        unsafe { R::count::<D>(self.protected.store, self.pin, self.place, by) }
    }

    /// The number of entries that were counted: exact when no write is under way.
    pub(crate) fn len(self) -> usize {
        R::len(self.protected.store)
    }

    /// The end of a write: [`Reclaimer::tick`].
    pub(crate) fn tick<D: Dispose>(self, clock: u64) {
        // SAFETY: as for `count`.
        unsafe { R::tick::<D>(self.protected.store, self.pin, self.place, clock) };
    }
}
