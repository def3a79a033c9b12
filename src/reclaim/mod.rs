//! Reclamation: when an object that was unlinked may be freed. The trait, its contract, and the
//! guard.
//!
//! The core knows only this file. A back end is one type:
//!
//! | back end | for | needs |
//! |---|---|---|
//! | [`Crossbeam`] | production, on the crate `crossbeam-epoch` | `K` and `V` are `Send + 'static` |
//! | `Model` | models, under `cfg(loom)` | nothing |
//!
//! # Contract
//!
//! 1. What could be reached when a guard was pinned stays allocated until that guard is dropped.
//! 2. A retired object is freed once every guard that was alive when it was retired is gone, and
//!    not before.
//! 3. What a thread did under a guard before it dropped it happens before the free of anything
//!    that the guard had kept alive.
//! 4. Retiring runs no user code and does not unwind. User code (destructors) runs in
//!    [`Reclaim::tick`], and with some back ends where a guard is pinned or
//!    dropped; it may use the map. So the core neither pins nor drops a guard within an operation,
//!    and calls `tick` last.

use std::fmt;
use std::marker::PhantomData;

#[cfg(not(loom))]
mod crossbeam;
#[cfg(loom)]
pub(crate) mod model;

#[cfg(not(loom))]
pub use crossbeam::Crossbeam;
#[cfg(loom)]
pub use model::Model;

/// The back end of a map that names none.
#[cfg(not(loom))]
pub type DefaultReclaimer = Crossbeam;
/// The back end of a map that names none.
#[cfg(loom)]
pub type DefaultReclaimer = Model;

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// How objects of one kind are freed: implemented by the map for what it retires.
///
/// # Safety
///
/// `dispose` must accept every object that the implementor's map retires.
pub unsafe trait Dispose {
    /// Frees an object, running the destructors in it.
    ///
    /// # Safety
    ///
    /// `object` was retired for this `Dispose`, nobody can reach it, and it is freed once.
    unsafe fn dispose(object: *mut ());

    /// Marks an object as freed without giving its memory back, so that a later touch panics.
    ///
    /// # Safety
    ///
    /// As for `dispose`, which follows.
    #[cfg(loom)]
    unsafe fn condemn(object: *mut ());
}

/// A back end as guards see it: it pins. Sealed; see the implementors for the choice.
///
/// # Safety
///
/// The module's contract.
pub unsafe trait Reclaimer: sealed::Sealed + Sized + 'static {
    /// Everything that was retired is freed when the map is dropped, at the latest.
    const DRAINS: bool;
    /// Pinning takes a bounded number of steps and runs no destructor.
    const WAIT_FREE_PIN: bool;

    /// What a map holds of the back end. Making one allocates nothing.
    type Store: Send + Sync;
    /// A thread that is pinned: [`LocalGuard`] ties it to the map.
    type Pin;

    /// A store for a new map.
    fn store() -> Self::Store;

    /// Pins the calling thread.
    ///
    /// # Safety
    ///
    /// The pin must not outlive the store.
    unsafe fn pin(store: &Self::Store) -> Self::Pin;

    /// Unpins and pins again. References from before are gone: the pin is borrowed mutably.
    ///
    /// # Safety
    ///
    /// As for `pin`, and `store` covers the pin.
    unsafe fn refresh(store: &Self::Store, pin: &mut Self::Pin);

    /// Whether `pin` protects what `store`'s map retires.
    fn covers(store: &Self::Store, pin: &Self::Pin) -> bool;

    /// An upper bound on the threads that may be inside an operation, or `None` if the back end
    /// does not know one.
    fn participants(store: &Self::Store) -> Option<usize>;
}

/// A back end that can free what a map with this `D` retires.
///
/// # Safety
///
/// The module's contract.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot reclaim the entries of this map",
    note = "a map on `Crossbeam` needs keys and values that are `Send + 'static`, because that \
            back end frees them on any thread at any later time"
)]
pub unsafe trait Reclaim<D: Dispose>: Reclaimer {
    /// Hands over an object to be freed when no guard can still see it. Runs no user code.
    ///
    /// # Safety
    ///
    /// `object` was unlinked by this thread under `pin`, is retired once, and is one that `D` can
    /// dispose of. `pin` is covered by `store`.
    unsafe fn retire(store: &Self::Store, pin: &Self::Pin, object: *mut ());

    /// The end of a write, its effect complete: the place for a few destructors.
    ///
    /// # Safety
    ///
    /// `pin` is covered by `store`, whose map retires for `D`.
    unsafe fn tick(store: &Self::Store, pin: &Self::Pin);
}

/// A guard: while it lives, what its map retires stays allocated.
///
/// Sealed. [`LocalGuard`] is the one that exists now.
pub trait Guard<R: Reclaimer = DefaultReclaimer>: sealed::Sealed {
    /// The back end's own part.
    #[doc(hidden)]
    fn as_pin(&self) -> &R::Pin;
}

/// A guard for the thread that made it: [`HashMap::guard`](crate::HashMap::guard).
///
/// While it lives, every reference that was read under it stays valid, and no entry that any
/// thread removes meanwhile is freed: **keep it short**. It cannot be sent to another thread, and
/// it cannot outlive its map. Guards nest, and may be dropped in any order.
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
}

impl<'m, R: Reclaimer> LocalGuard<'m, R> {
    pub(crate) fn new(store: &'m R::Store) -> Self {
        LocalGuard {
            // SAFETY: the guard does not outlive the borrow of the store.
            pin: unsafe { R::pin(store) },
            _map: PhantomData,
        }
    }

    pub(crate) fn refresh(&mut self, store: &'m R::Store) {
        assert!(R::covers(store, &self.pin), "{FOREIGN}");
        // SAFETY: as in `new`; the store covers the pin.
        unsafe { R::refresh(store, &mut self.pin) };
    }
}

impl<R: Reclaimer> sealed::Sealed for LocalGuard<'_, R> {}

impl<R: Reclaimer> Guard<R> for LocalGuard<'_, R> {
    #[inline(always)]
    fn as_pin(&self) -> &R::Pin {
        &self.pin
    }
}

impl<R: Reclaimer> fmt::Debug for LocalGuard<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalGuard").finish_non_exhaustive()
    }
}

const FOREIGN: &str =
    "splitmap: the guard belongs to another map; pass one that this map's `guard` made";

/// A pinned section: a store, and a pin that protects what its map retires.
pub(crate) struct Pinned<'g, R: Reclaimer> {
    store: &'g R::Store,
    pin: &'g R::Pin,
}

impl<R: Reclaimer> Clone for Pinned<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: Reclaimer> Copy for Pinned<'_, R> {}

impl<'g, R: Reclaimer> Pinned<'g, R> {
    /// # Panics
    ///
    /// If the pin is of another map's collector.
    #[inline(always)]
    pub(crate) fn new(store: &'g R::Store, pin: &'g R::Pin) -> Self {
        assert!(R::covers(store, pin), "{FOREIGN}");
        Pinned { store, pin }
    }

    #[inline]
    pub(crate) fn participants(self) -> Option<usize> {
        R::participants(self.store)
    }

    /// # Safety
    ///
    /// That of [`Reclaim::retire`], whose demand on the pin is fulfilled here.
    pub(crate) unsafe fn retire<D: Dispose>(self, object: *mut ())
    where
        R: Reclaim<D>,
    {
        // SAFETY: `new` has checked the pin; the rest is the caller's.
        unsafe { R::retire(self.store, self.pin, object) }
    }

    pub(crate) fn tick<D: Dispose>(self)
    where
        R: Reclaim<D>,
    {
        // SAFETY: `new` has checked the pin. A section is made by the map whose store it is, and
        // gives the reclaimer its turn for that map's `D`.
        unsafe { R::tick(self.store, self.pin) };
    }
}
