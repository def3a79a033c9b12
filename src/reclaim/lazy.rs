//! A box that is made when it is first needed, without a lock: whoever loses the race frees its
//! own and uses the winner's.

use std::ptr;

use crate::sync::{AtomicPtr, Ordering, const_unless_loom};

/// See the file's header.
///
/// # Invariant
///
/// The pointer is null, or came out of a box and stays until the value is dropped.
pub struct LazyBox<T> {
    made: AtomicPtr<T>,
}

impl<T> LazyBox<T> {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            LazyBox {
                made: AtomicPtr::new(ptr::null_mut()),
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
        let ours = Box::into_raw(Box::new(value));
        let null = ptr::null_mut();
        // Release: pairs with the Acquire in `get` and here; publishes the value.
        // Acquire: who loses reads the winner's value.
        let swing = self
            .made
            .compare_exchange(null, ours, Ordering::Release, Ordering::Acquire);
        let made = match swing {
            Ok(_) => ours,
            Err(theirs) => {
                // SAFETY: from the box above; nobody else has seen it.
                drop(unsafe { Box::from_raw(ours) });
                theirs
            }
        };
        // SAFETY: by the invariant.
        unsafe { &*made }
    }

    /// The value, with nobody else left.
    pub(crate) fn take(&mut self) -> Option<Box<T>> {
        // Relaxed: borrowed mutably, so nobody else is there.
        let made = self.made.load(Ordering::Relaxed);
        self.made.store(ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: by the invariant; the field is null now.
        (!made.is_null()).then(|| unsafe { Box::from_raw(made) })
    }
}

impl<T> Drop for LazyBox<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

// SAFETY: the value goes along.
unsafe impl<T: Send> Send for LazyBox<T> {}

// SAFETY: the value is made on one thread, read on any, and dropped on any.
unsafe impl<T: Send + Sync> Sync for LazyBox<T> {}
