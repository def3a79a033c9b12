//! The one door to atomics: `std` in production, `loom` under `cfg(loom)`.
//!
//! No other file names an atomic type of `std` or `loom`. Three things come through the door:
//!
//! * the atomics of the protocol, which a model explores;
//! * [`tally`]: counters that no operation's answer depends on. Models do not explore them, so
//!   they are `std`'s in every build;
//! * [`Witness`]: stands in an object for the plain fields that an atomic publishes. It is nothing
//!   in production; under loom it turns a missing ordering into a reported race, and a touch
//!   after the free into a panic.

#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicUsize, Ordering};

#[cfg(loom)]
pub(crate) use self::modelled::AtomicPtr;
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// Counters that are statistics: never explored by a model.
pub(crate) mod tally {
    pub(crate) use std::sync::atomic::{AtomicU64, AtomicUsize};
}

/// A stand-in for the plain fields of a published object; zero-sized outside of models.
#[cfg(not(loom))]
#[derive(Debug, Default)]
pub(crate) struct Witness;

#[cfg(not(loom))]
impl Witness {
    pub(crate) const fn new() -> Self {
        Witness
    }

    /// Whoever is about to read the plain fields calls this.
    #[inline(always)]
    pub(crate) fn touch(&self) {}
}

#[cfg(loom)]
pub(crate) use self::modelled::Witness;

#[cfg(loom)]
mod modelled {
    use super::Ordering;
    use std::cell::Cell;
    use std::marker::PhantomData;

    /// An `AtomicPtr` with `fetch_or`, which loom's own lacks, over loom's `AtomicUsize`.
    ///
    /// It also keeps the newest value in modification order beside loom's, so that an audit can
    /// look at the whole structure without adding a step to the execution. The two are written
    /// without a scheduling point in between: loom switches threads only on entry to an access.
    #[derive(Debug)]
    pub struct AtomicPtr<T> {
        word: loom::sync::atomic::AtomicUsize,
        newest: Cell<usize>,
        _target: PhantomData<fn() -> *mut T>,
    }

    // SAFETY: loom runs its threads as coroutines of one OS thread, one at a time, and `newest` is
    // never borrowed across a scheduling point.
    unsafe impl<T> Sync for AtomicPtr<T> {}

    impl<T> AtomicPtr<T> {
        pub fn new(target: *mut T) -> Self {
            let word = target.expose_provenance();
            AtomicPtr {
                word: loom::sync::atomic::AtomicUsize::new(word),
                newest: Cell::new(word),
                _target: PhantomData,
            }
        }

        pub fn load(&self, order: Ordering) -> *mut T {
            std::ptr::with_exposed_provenance_mut(self.word.load(order))
        }

        pub fn store(&self, target: *mut T, order: Ordering) {
            self.word.store(target.expose_provenance(), order);
            self.newest.set(target.expose_provenance());
        }

        pub fn compare_exchange(
            &self,
            from: *mut T,
            to: *mut T,
            success: Ordering,
            failure: Ordering,
        ) -> Result<*mut T, *mut T> {
            let to = to.expose_provenance();
            match self
                .word
                .compare_exchange(from.addr(), to, success, failure)
            {
                Ok(seen) => {
                    self.newest.set(to);
                    Ok(std::ptr::with_exposed_provenance_mut(seen))
                }
                Err(seen) => Err(std::ptr::with_exposed_provenance_mut(seen)),
            }
        }

        pub fn fetch_or(&self, bits: usize, order: Ordering) -> *mut T {
            let seen = self.word.fetch_or(bits, order);
            self.newest.set(seen | bits);
            std::ptr::with_exposed_provenance_mut(seen)
        }

        /// The newest value in modification order, without a step of the execution.
        pub fn newest(&self) -> *mut T {
            std::ptr::with_exposed_provenance_mut(self.newest.get())
        }
    }

    /// See the parent module.
    #[derive(Debug)]
    pub struct Witness {
        fields: loom::cell::UnsafeCell<()>,
        freed: Cell<bool>,
    }

    // SAFETY: as for `AtomicPtr`; the accesses to `fields` are what loom checks.
    unsafe impl Sync for Witness {}

    impl Witness {
        pub fn new() -> Self {
            Witness {
                fields: loom::cell::UnsafeCell::new(()),
                freed: Cell::new(false),
            }
        }

        pub fn touch(&self) {
            assert!(!self.freed.get(), "touched after the free");
            self.fields.with(|_| ());
        }

        /// The reclaimer would free the object here.
        pub fn free(&self) {
            assert!(!self.freed.replace(true), "freed twice");
            self.fields.with_mut(|_| ());
        }
    }
}
