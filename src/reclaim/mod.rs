//! Reclamation: when an object that was unlinked may be freed. The trait, and its contract.
//!
//! The core knows only this file and the guards. A back end is one type:
//!
//! | back end | for | needs |
//! |---|---|---|
//! | [`Epoch`] | production: ours, and the default | nothing |
//! | `Crossbeam` | production, on the crate `crossbeam-epoch` (feature `crossbeam-epoch`) | `K` and `V` are `Send + 'static` |
//! | `Seize` | production, on the crate `seize` (feature `seize`) | nothing |
//! | `Model` | models, under `cfg(splitmap_loom)` | nothing |
//!
//! # Contract
//!
//! 1. What could be reached when a guard was pinned stays allocated until that guard is dropped.
//! 2. A retired object is freed once every guard that was alive when it was retired is gone, and
//!    not before.
//! 3. What a thread did under a guard before it dropped it happens before the free of anything
//!    that the guard had kept alive.
//! 4. Retiring and counting run no user code and do not unwind. User code (destructors) runs in
//!    [`Reclaimer::tick`] and [`Reclaimer::flush`], and with some back ends where a guard is pinned or
//!    dropped; it may use the map. So the core neither pins nor drops a guard within an operation,
//!    and calls `tick` last.

mod count;
#[cfg(all(
    not(splitmap_loom),
    any(feature = "crossbeam-epoch", feature = "seize", splitmap_leak)
))]
mod counter;
#[cfg(feature = "crossbeam-epoch")]
mod crossbeam;
pub(crate) mod epoch;
mod guard;
mod lazy;
#[cfg(splitmap_leak)]
mod leak;
#[cfg(feature = "seize")]
mod seize;
mod stack;

#[cfg(splitmap_loom)]
pub use crate::model::reclaimer::Model;
#[cfg(feature = "crossbeam-epoch")]
pub use crossbeam::Crossbeam;
#[cfg(not(splitmap_loom))]
pub(crate) use epoch::enroll;
#[cfg(not(splitmap_loom))]
pub use epoch::{Epoch, flush_all};
pub use guard::{Guard, LocalGuard, OwnedGuard};
pub(crate) use guard::{Pinned, Protected};
#[cfg(splitmap_leak)]
pub use leak::Leak;
#[cfg(feature = "seize")]
pub use seize::Seize;

use std::ptr::NonNull;

use crate::stats::Stats;

/// The back end of a map that names none.
#[cfg(not(splitmap_loom))]
pub type DefaultReclaimer = Epoch;
/// The back end of a map that names none.
#[cfg(splitmap_loom)]
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
    /// The bytes of an entry, which most objects are.
    const ENTRY: usize;

    /// Dropping an entry runs a destructor.
    const DROPS: bool;

    /// Of how many freed entries a thread may keep the memory, for new ones.
    const SPARE: usize = 0;

    /// Frees an object, running the destructors in it.
    ///
    /// # Safety
    ///
    /// `object` was retired for this `Dispose`, nobody can reach it, and it is freed once.
    unsafe fn dispose(object: *mut ());

    /// Frees an object like `dispose`, except that the memory of an entry is returned, if it is to be
    /// used again. There is room for a pointer in it.
    ///
    /// # Safety
    ///
    /// As for `dispose`.
    unsafe fn empty(object: *mut ()) -> Option<NonNull<()>> {
        // SAFETY: the caller's promise.
        unsafe { Self::dispose(object) };
        None
    }

    /// Gives memory back that `empty` has returned.
    ///
    /// # Safety
    ///
    /// That is where it is from, and nobody uses it.
    unsafe fn release(memory: NonNull<()>) {
        unreachable!("memory at {memory:?} that `empty` has not returned");
    }

    /// The bytes that the object itself takes, without what it points to.
    ///
    /// # Safety
    ///
    /// `object` was retired for this `Dispose` and is not freed yet.
    unsafe fn bytes(object: *mut ()) -> usize;

    /// Marks an object as freed without giving its memory back, so that a later touch panics.
    ///
    /// # Safety
    ///
    /// As for `dispose`, which follows.
    #[cfg(splitmap_loom)]
    unsafe fn condemn(object: *mut ());
}

/// A back end as guards see it: it pins. Sealed; see the implementors for the choice, and
/// `docs/RECLAMATION.md` for a table of what each promises.
///
/// # Safety
///
/// The module's contract.
pub unsafe trait Reclaimer: sealed::Sealed + Sized + 'static {
    /// Everything that was retired is freed when the map is dropped, at the latest. (With `Seize`,
    /// not what a leaked guard could see.)
    const DRAINS: bool;
    /// Pinning takes a bounded number of steps and runs no destructor.
    const WAIT_FREE_PIN: bool;
    /// There are guards that can be sent: the back end implements [`ReclaimOwned`].
    const OWNED_GUARDS: bool;
    /// Keys and values may borrow, and may be bound to one thread.
    const BORROWED_ENTRIES: bool;

    /// What a map holds of the back end. Making one allocates nothing.
    type Store: Send + Sync;
    /// A thread that is pinned: [`LocalGuard`] ties it to the map.
    type Pin;
    /// Where a store keeps what is the calling thread's, so that a write looks it up once. Used under
    /// the pin that it is of.
    type Place<'p>: Copy;

    /// A store for a new map.
    fn store() -> Self::Store;

    /// Pins the calling thread.
    ///
    /// # Safety
    ///
    /// The pin must not outlive the store, nor leave the thread.
    unsafe fn pin(store: &Self::Store) -> Self::Pin;

    /// Unpins and pins again. References from before are gone: the pin is borrowed mutably.
    ///
    /// # Safety
    ///
    /// As for `pin`.
    unsafe fn refresh(pin: &mut Self::Pin);

    /// Whether `pin` protects what `store`'s map retires.
    fn covers(store: &Self::Store, pin: &Self::Pin) -> bool;

    /// An upper bound on the threads that may be inside an operation, or `None` if the back end
    /// does not know one.
    fn participants(store: &Self::Store) -> Option<usize>;

    /// The sum of what was counted: exact when nobody counts meanwhile, never negative.
    fn len(store: &Self::Store) -> usize;

    /// Where `store` keeps what is the calling thread's.
    ///
    /// # Safety
    ///
    /// `pin` is covered by `store`, and of this thread.
    unsafe fn place<'p>(store: &'p Self::Store, pin: &Self::Pin) -> Self::Place<'p>;

    /// Memory that an entry was freed from, for a new one. Runs no user code.
    ///
    /// # Safety
    ///
    /// `place` is that of a pin, of this thread, and of a store whose map retires for `D`.
    unsafe fn spare<D: Dispose>(_place: Self::Place<'_>) -> Option<NonNull<()>> {
        None
    }

    /// Hands over an object to be freed when no guard can still see it. Runs no user code.
    ///
    /// # Safety
    ///
    /// `object` was unlinked by this thread under `pin`, is retired once, and is one that `D` can
    /// dispose of. `pin` is covered by `store`, and of this thread; `place` is theirs. `store`'s map
    /// retires for `D`, and the back end can free that: `Self: Reclaim<D>` when the map was made.
    unsafe fn retire<D: Dispose>(
        store: &Self::Store,
        pin: &Self::Pin,
        place: Self::Place<'_>,
        object: *mut (),
    );

    /// Counts one write that changed the number of entries by `by`. The answer is a clock: it goes
    /// up by one with each write of this thread, or of the few that it shares a counter with.
    ///
    /// # Safety
    ///
    /// All but `by` are as for `retire`.
    unsafe fn count<D: Dispose>(
        store: &Self::Store,
        pin: &Self::Pin,
        place: Self::Place<'_>,
        by: isize,
    ) -> u64;

    /// The end of a write, its effect complete: the place for a few destructors. `clock` is what
    /// `count` has answered.
    ///
    /// # Safety
    ///
    /// As for `count`.
    unsafe fn tick<D: Dispose>(
        store: &Self::Store,
        pin: &Self::Pin,
        place: Self::Place<'_>,
        clock: u64,
    );

    /// Frees what no guard can still see, as far as the back end can.
    ///
    /// # Safety
    ///
    /// `store` and `D` are as for `retire`.
    unsafe fn flush<D: Dispose>(store: &Self::Store);

    /// What the back end knows of its garbage.
    fn stats(store: &Self::Store) -> Stats;
}

/// A back end whose guards may also belong to no thread.
///
/// # Safety
///
/// The module's contract, for a pin that is used and dropped on any thread.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no guards that can be sent",
    note = "`owned_guard` and `pin_owned` are there on `Epoch`, the default, and on `Seize`"
)]
pub unsafe trait ReclaimOwned: Reclaimer {
    /// A pin of no thread: [`OwnedGuard`] ties it to the map.
    type OwnedPin: Send + Sync;

    /// Pins.
    ///
    /// # Safety
    ///
    /// The pin must not outlive the store.
    unsafe fn pin_owned(store: &Self::Store) -> Self::OwnedPin;

    /// Unpins and pins again: as [`Reclaimer::refresh`].
    ///
    /// # Safety
    ///
    /// As for `pin_owned`.
    unsafe fn refresh_owned(pin: &mut Self::OwnedPin);

    /// Whether `pin` protects what `store`'s map retires.
    fn covers_owned(store: &Self::Store, pin: &Self::OwnedPin) -> bool;
}

/// A back end that can free what a map with this `D` retires. Asked for where a map is made: from then
/// on the map's own type says it.
///
/// # Safety
///
/// The module's contract, for objects that `D` disposes of.
pub unsafe trait Reclaim<D: Dispose>: Reclaimer {}

#[cfg(all(
    test,
    not(any(splitmap_loom, splitmap_shuttle)),
    feature = "crossbeam-epoch",
    feature = "seize"
))]
mod tests {
    use super::{Crossbeam, Reclaimer, Seize};

    /// A reader goes by this number: one that is too small makes it give back what was replaced.
    #[test]
    fn who_does_not_know_the_threads_says_so() {
        assert_eq!(Crossbeam::participants(&Crossbeam::store()), None);
        assert_eq!(Seize::participants(&Seize::store()), None);
    }
}
