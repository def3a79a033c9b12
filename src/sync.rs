//! The one door to atomics: `std` in production, `loom` under `cfg(splitmap_loom)`, `shuttle` under
//! `cfg(splitmap_shuttle)`.
//!
//! The published package has neither cfg nor dependency: `loom-tests/library` and
//! `schedule-tests/library` build these sources with them. A user's own `--cfg loom` changes nothing.
//!
//! No other file names an atomic type of theirs. Four things come through the door:
//!
//! * the atomics and fences of the protocol, which a model explores;
//! * [`Exclusive`]: a cell whose access the protocol hands from thread to thread; loom checks
//!   that it does;
//! * [`tally`]: counters that no operation's answer depends on. Models do not explore them, so
//!   they are `std`'s in every build;
//! * [`Witness`]: stands in an object for the plain fields that an atomic publishes. It is nothing
//!   in production; under loom it turns a missing ordering into a reported race, and a touch
//!   after the free into a panic.

#[cfg(not(any(splitmap_loom, splitmap_shuttle)))]
pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, Ordering, compiler_fence, fence,
};
#[cfg(not(any(splitmap_loom, splitmap_shuttle)))]
pub(crate) use std::thread::yield_now;

#[cfg(splitmap_shuttle)]
pub(crate) use self::scheduled::AtomicPtr;
#[cfg(splitmap_shuttle)]
pub(crate) use shuttle::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering, compiler_fence, fence,
};
#[cfg(splitmap_shuttle)]
pub(crate) use shuttle::thread::yield_now;

#[cfg(splitmap_loom)]
pub(crate) use self::modelled::AtomicPtr;
#[cfg(splitmap_loom)]
pub(crate) use loom::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering, fence,
};

/// Whether a model explores this build, and whether a scheduler runs it: where numbers are small then.
pub(crate) const MODELLED: bool = cfg!(splitmap_loom);
pub(crate) const SCHEDULED: bool = cfg!(splitmap_shuttle);

/// Makes a function `const`, where atomics can be made in constants: loom's cannot.
macro_rules! const_unless_loom {
    ($(#[$meta:meta])* $visibility:vis fn $($rest:tt)*) => {
        #[cfg(not(splitmap_loom))]
        $(#[$meta])* $visibility const fn $($rest)*
        #[cfg(splitmap_loom)]
        $(#[$meta])* $visibility fn $($rest)*
    };
}
pub(crate) use const_unless_loom;

/// Counters that are statistics: never explored by a model.
pub(crate) mod tally {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize};
}

/// A cell that one thread at a time may use, by the protocol of whoever owns it.
#[derive(Debug, Default)]
pub(crate) struct Exclusive<T> {
    #[cfg(not(splitmap_loom))]
    value: std::cell::UnsafeCell<T>,
    #[cfg(splitmap_loom)]
    value: loom::cell::UnsafeCell<T>,
    /// Somebody has access.
    #[cfg(splitmap_shuttle)]
    in_use: std::sync::atomic::AtomicBool,
}

// SAFETY: `with` asks its caller for exclusive access, as a lock would give it.
unsafe impl<T: Send> Sync for Exclusive<T> {}

impl<T> Exclusive<T> {
    /// Gives access for the call.
    ///
    /// # Safety
    ///
    /// Nobody else has access before the call is over: no other thread, and not `access` itself.
    #[cfg(not(splitmap_loom))]
    #[inline(always)]
    pub(crate) unsafe fn with<A>(&self, access: impl FnOnce(&mut T) -> A) -> A {
        #[cfg(splitmap_shuttle)]
        let _in_use = scheduled::InUse::new(&self.in_use);
        let value = self.value.get();
        // SAFETY: the caller's promise.
        access(unsafe { &mut *value })
    }

    /// See above.
    #[cfg(splitmap_loom)]
    pub(crate) unsafe fn with<A>(&self, access: impl FnOnce(&mut T) -> A) -> A {
        self.value.with_mut(|value| {
            // SAFETY: the caller's promise, which loom checks.
            access(unsafe { &mut *value })
        })
    }
}

#[cfg(splitmap_shuttle)]
mod scheduled {
    use std::sync::atomic::AtomicBool;

    use super::Ordering;

    /// An `AtomicPtr` with `fetch_or`, which shuttle's own lacks.
    #[derive(Debug)]
    pub(crate) struct AtomicPtr<T>(shuttle::sync::atomic::AtomicPtr<T>);

    impl<T> AtomicPtr<T> {
        pub(crate) const fn new(target: *mut T) -> Self {
            AtomicPtr(shuttle::sync::atomic::AtomicPtr::new(target))
        }

        pub(crate) fn load(&self, order: Ordering) -> *mut T {
            self.0.load(order)
        }

        pub(crate) fn store(&self, target: *mut T, order: Ordering) {
            self.0.store(target, order);
        }

        pub(crate) fn swap(&self, target: *mut T, order: Ordering) -> *mut T {
            self.0.swap(target, order)
        }

        pub(crate) fn compare_exchange(
            &self,
            from: *mut T,
            to: *mut T,
            success: Ordering,
            failure: Ordering,
        ) -> Result<*mut T, *mut T> {
            self.0.compare_exchange(from, to, success, failure)
        }

        pub(crate) fn fetch_or(&self, bits: usize, order: Ordering) -> *mut T {
            // Relaxed: only to compare with.
            self.0.update(order, Ordering::Relaxed, |target| {
                target.map_addr(|address| address | bits)
            })
        }
    }

    /// Whoever has access to an [`Exclusive`](super::Exclusive) lets others run meanwhile: they
    /// must not come in.
    pub(crate) struct InUse<'c>(&'c AtomicBool);

    impl<'c> InUse<'c> {
        pub(crate) fn new(in_use: &'c AtomicBool) -> Self {
            // Relaxed: shuttle runs its threads on one of the system's.
            assert!(!in_use.swap(true, Ordering::Relaxed), "two have access");
            shuttle::thread::yield_now();
            InUse(in_use)
        }
    }

    impl Drop for InUse<'_> {
        fn drop(&mut self) {
            // Relaxed: as above.
            self.0.store(false, Ordering::Relaxed);
        }
    }
}

/// A stand-in for the plain fields of a published object; zero-sized outside of models.
#[cfg(not(splitmap_loom))]
#[derive(Debug, Default)]
pub(crate) struct Witness;

#[cfg(not(splitmap_loom))]
impl Witness {
    pub(crate) const fn new() -> Self {
        Witness
    }

    /// Whoever is about to read the plain fields calls this.
    #[inline(always)]
    pub(crate) fn touch(&self) {}
}

#[cfg(splitmap_loom)]
pub(crate) use self::modelled::Witness;

#[cfg(splitmap_loom)]
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

        pub fn swap(&self, target: *mut T, order: Ordering) -> *mut T {
            let seen = self.word.swap(target.expose_provenance(), order);
            self.newest.set(target.expose_provenance());
            std::ptr::with_exposed_provenance_mut(seen)
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
