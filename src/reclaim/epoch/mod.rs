//! The crate's own epoch-based reclamation: a reader pays two plain stores, and never runs a destructor.
//!
//! ```text
//! thread     this thread's slot                       (the only file that knows thread-locals)
//! handles    explicit slots instead, for models       (only under `cfg(splitmap_loom)`)
//! haul       a flush                                  window   what a write does once in 128 times
//! store      the garbage of one map: retire, tick, drop
//! bag        the garbage of one participant in it, and its owner
//! registry   the participants, and when the epoch may advance
//! enrolled   the maps that `flush_all` flushes
//! slot       the place of a participant, and a pin on it
//! garbage    a queue of retired objects               spare    memory for new ones
//! fences     the two halves of an asymmetric fence    chunks   a sequence that grows in place
//! ```
//!
//! The proofs are in `docs/RECLAMATION.md`.

mod bag;
mod chunks;
#[cfg(not(splitmap_loom))]
mod enrolled;
mod fences;
mod garbage;
#[cfg(splitmap_loom)]
pub mod handles;
mod haul;
pub(crate) mod registry;
pub(crate) mod slot;
mod spare;
pub(crate) mod store;
#[cfg(not(splitmap_loom))]
mod thread;
mod window;

use crate::sync::{MODELLED, SCHEDULED};

/// A thread frees something, and checks whether a window is over, only at every write of this number:
/// the others stay cheap.
const LOOK: u64 = if MODELLED || SCHEDULED { 1 } else { 8 };

#[cfg(not(splitmap_loom))]
pub use self::back_end::Epoch;
#[cfg(not(splitmap_loom))]
pub(crate) use self::enrolled::enroll;
#[cfg(not(splitmap_loom))]
pub use self::enrolled::flush_all;

#[cfg(not(splitmap_loom))]
mod back_end {
    use std::ptr::NonNull;

    use super::bag::Bag;
    use super::slot::Pin;
    use super::store::Store;
    use super::thread::{REGISTRY, pin};
    use crate::reclaim::sealed::Sealed;
    use crate::reclaim::{Dispose, Reclaim, ReclaimOwned, Reclaimer};
    use crate::stats::Stats;

    /// The crate's own reclamation, by epochs: the default.
    ///
    /// | | |
    /// |---|---|
    /// | types | any `K` and `V`: they may borrow, and need not be `Send` if the map stays on one thread |
    /// | retired entries | freed by threads that hold the map: a few at the end of a write, all that no guard can see by [`flush`](crate::HashMap::flush), the rest when the map is dropped |
    /// | a destructor that panics | propagates out of the write, `flush` or drop that ran it; nothing else is lost, and a write of one key is complete |
    /// | pinning | two plain stores; wait-free, and runs no destructor. (Without membarrier(2), so off Linux or where it is refused, also a fence.) A thread's first pin claims a place; the first pin of the process registers for membarrier, which may take milliseconds |
    /// | owned guards | yes |
    /// | `get` | wait-free, within the bound of guarantee A |
    #[derive(Debug)]
    pub enum Epoch {}

    impl Epoch {
        /// As `store`, in constants.
        pub(crate) const fn new_store() -> Store {
            Store::new()
        }
    }

    impl Sealed for Epoch {}

    // SAFETY: `docs/RECLAMATION.md` proves it: no thread frees what is unlinked and then stamped `e`
    // before the epoch is `e + 3`, and no pin that could reach it lasts until then. All pins
    // are in the one registry of the process.
    unsafe impl Reclaimer for Epoch {
        const DRAINS: bool = true;
        const WAIT_FREE_PIN: bool = true;
        const OWNED_GUARDS: bool = true;
        const BORROWED_ENTRIES: bool = true;

        type Store = Store;
        type Pin = Pin<'static>;
        type Place<'p> = Option<&'p Bag>;

        fn store() -> Store {
            Store::new()
        }

        #[inline(always)]
        unsafe fn pin(_: &Store) -> Pin<'static> {
            pin()
        }

        unsafe fn refresh(pin: &mut Pin<'static>) {
            REGISTRY.repin(pin);
        }

        #[inline(always)]
        fn covers(_: &Store, _: &Pin<'static>) -> bool {
            true
        }

        #[inline]
        fn participants(_: &Store) -> Option<usize> {
            Some(REGISTRY.most())
        }

        fn len(store: &Store) -> usize {
            store.len()
        }

        #[inline(always)]
        unsafe fn place<'p>(store: &'p Store, pin: &Pin<'static>) -> Option<&'p Bag> {
            store.place(pin)
        }

        #[inline(always)]
        unsafe fn spare<D: Dispose>(place: Option<&Bag>) -> Option<NonNull<()>> {
            // SAFETY: the caller's promise, here and below.
            place.and_then(|bag| unsafe { bag.spare() })
        }

        #[inline(always)]
        unsafe fn retire<D: Dispose>(
            store: &Store,
            pin: &Pin<'static>,
            place: Option<&Bag>,
            object: *mut (),
        ) {
            // SAFETY: see `spare`.
            unsafe { store.retire::<D>(&REGISTRY, pin, place, object) };
        }

        #[inline(always)]
        unsafe fn count<D: Dispose>(
            store: &Store,
            pin: &Pin<'static>,
            place: Option<&Bag>,
            by: isize,
        ) -> u64 {
            // SAFETY: see `spare`.
            unsafe { store.count::<D>(pin, place, by) }
        }

        #[inline(always)]
        unsafe fn tick<D: Dispose>(
            store: &Store,
            pin: &Pin<'static>,
            place: Option<&Bag>,
            clock: u64,
        ) {
            // SAFETY: see `spare`.
            unsafe { store.tick::<D>(&REGISTRY, pin, place, clock) };
        }

        unsafe fn flush<D: Dispose>(store: &Store) {
            // SAFETY: see `spare`.
            unsafe { store.flush::<D>(&REGISTRY, pin) };
        }

        fn stats(store: &Store) -> Stats {
            store.stats(&REGISTRY)
        }
    }

    // SAFETY: as above. A pin without a thread has a slot that no thread writes, and its fence
    // happens before whatever is done under it, on any thread that it is sent to.
    unsafe impl ReclaimOwned for Epoch {
        type OwnedPin = Pin<'static>;

        unsafe fn pin_owned(_: &Store) -> Pin<'static> {
            REGISTRY.pin_alone()
        }

        unsafe fn refresh_owned(pin: &mut Pin<'static>) {
            REGISTRY.repin(pin);
        }

        #[inline(always)]
        fn covers_owned(_: &Store, _: &Pin<'static>) -> bool {
            true
        }
    }

    // SAFETY: as above. `retire` and `count` run no user code.
    unsafe impl<D: Dispose> Reclaim<D> for Epoch {}
}
