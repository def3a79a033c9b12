//! A box that is made when it is first needed, without a lock: whoever loses the race frees its
//! own and uses the winner's. Or an `Arc`, for a value that others may keep alive.

use std::marker::PhantomData;
use std::ptr;
use std::sync::Arc;
#[cfg(not(splitmap_loom))]
use std::sync::Weak;

#[cfg(splitmap_loom)]
use crate::model::audit;
use crate::sync::{AtomicPtr, Ordering, const_unless_loom};

/// What the value is in.
pub trait Place<T> {
    fn put(value: T) -> *mut T;

    /// # Safety
    ///
    /// `made` is from `put`, and not taken yet.
    unsafe fn take(made: *mut T) -> Self;
}

impl<T> Place<T> for Box<T> {
    fn put(value: T) -> *mut T {
        #[cfg(splitmap_loom)]
        audit::allocated(audit::LAZY);
        Box::into_raw(Box::new(value))
    }

    unsafe fn take(made: *mut T) -> Self {
        #[cfg(splitmap_loom)]
        audit::freed(audit::LAZY);
        // SAFETY: the caller's promise.
        unsafe { Box::from_raw(made) }
    }
}

impl<T> Place<T> for Arc<T> {
    fn put(value: T) -> *mut T {
        #[cfg(splitmap_loom)]
        audit::allocated(audit::LAZY);
        Arc::into_raw(Arc::new(value)).cast_mut()
    }

    unsafe fn take(made: *mut T) -> Self {
        #[cfg(splitmap_loom)]
        audit::freed(audit::LAZY);
        // SAFETY: the caller's promise.
        unsafe { Arc::from_raw(made) }
    }
}

/// See the file's header.
///
/// # Invariant
///
/// The pointer is null, or came out of a `P` and stays until the value is dropped.
pub struct LazyBox<T, P: Place<T> = Box<T>> {
    made: AtomicPtr<T>,
    // `fn`: an atomic pointer, too, is unwind safe whatever it leads to.
    _owns: PhantomData<fn() -> P>,
    /// This place, which may itself stand in something that is allocated.
    #[cfg(splitmap_loom)]
    _counted: audit::Allocation,
}

#[cfg(not(splitmap_loom))]
impl<T> LazyBox<T, Arc<T>> {
    /// A handle to the value, if it is made, that outlives it.
    pub(crate) fn weak(&self) -> Option<Weak<T>> {
        let made = ptr::from_ref(self.get()?);
        // SAFETY: from an `Arc`, by the invariant, and alive since `self` is.
        unsafe { Arc::increment_strong_count(made) };
        // SAFETY: as above, and counted for this one.
        let made = unsafe { Arc::from_raw(made) };
        Some(Arc::downgrade(&made))
    }
}

impl<T, P: Place<T>> LazyBox<T, P> {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            LazyBox {
                made: AtomicPtr::new(ptr::null_mut()),
                _owns: PhantomData,
                #[cfg(splitmap_loom)]
                _counted: audit::Allocation::new(audit::LAZY),
            }
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        // Acquire: pairs with the Release in `make`; publishes the value.
        let made = self.made.load(Ordering::Acquire);
        // SAFETY: by the invariant.
        unsafe { made.as_ref() }
    }

    #[inline]
    pub(crate) fn get_or_make(&self, make: impl FnOnce() -> T) -> &T {
        match self.get() {
            Some(made) => made,
            None => self.make(make()),
        }
    }

    #[cold]
    fn make(&self, value: T) -> &T {
        let ours = P::put(value);
        let null = ptr::null_mut();
        // Release: pairs with the Acquire in `get` and here; publishes the value.
        // Acquire: who loses reads the winner's value.
        let swing = self
            .made
            .compare_exchange(null, ours, Ordering::Release, Ordering::Acquire);
        let made = match swing {
            Ok(_) => ours,
            Err(theirs) => {
                // SAFETY: from `put` above; nobody else has seen it.
                drop(unsafe { P::take(ours) });
                theirs
            }
        };
        // SAFETY: by the invariant.
        unsafe { &*made }
    }

    /// The value, with nobody else left.
    pub(crate) fn take(&mut self) -> Option<P> {
        // Relaxed: borrowed mutably, so nobody else is there.
        let made = self.made.load(Ordering::Relaxed);
        self.made.store(ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: by the invariant; the field is null now.
        (!made.is_null()).then(|| unsafe { P::take(made) })
    }
}

impl<T, P: Place<T>> Drop for LazyBox<T, P> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

// SAFETY: the value goes along.
unsafe impl<T, P: Place<T> + Send> Send for LazyBox<T, P> {}

// SAFETY: the value is made on one thread, read on any, and dropped on any.
unsafe impl<T: Send + Sync, P: Place<T> + Send> Sync for LazyBox<T, P> {}
