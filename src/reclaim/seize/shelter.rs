//! Pins without a thread, which seize does not know of, and what waits for them.

use std::mem::replace;
use std::sync::Mutex;

use crossbeam_utils::CachePadded;

use crate::reclaim::Dispose;
use crate::reclaim::stack::Stack;
use crate::sync::{AtomicUsize, Ordering, fence};

/// A retired object.
pub(super) struct Parcel {
    pub(super) object: *mut (),
    pub(super) dispose: unsafe fn(*mut ()),
}

// SAFETY: none but a thread that holds the map frees it.
unsafe impl Send for Parcel {}

impl Parcel {
    pub(super) fn new<D: Dispose>(object: *mut ()) -> Self {
        Parcel {
            object,
            dispose: D::dispose,
        }
    }
}

/// The pins without a thread, and the objects that they may see and no local guard can.
///
/// # Invariant
///
/// An object leaves after each side was seen empty, one at a time or both at once, since it came.
///
/// That is enough. Who retired it executed seize's heavy barrier after the unlink and before the
/// object came here. A pin either executed its fence before that barrier: then all who look at its
/// side for the object's sake see the pin counted, until it is gone. Or its fence came after: then
/// it cannot reach the object.
///
/// New pins go to one side, the open one. The other one empties: then the sides change their
/// parts. So pins that overlap without end do not keep an object for ever.
pub(super) struct Shelter {
    sides: [CachePadded<AtomicUsize>; 2],
    open: AtomicUsize,
    /// Objects here: a hint.
    load: AtomicUsize,
    /// Those that came since the sides changed.
    new: Stack<Parcel>,
    /// Those since whose coming the side that is open now was seen empty. Nobody waits for the
    /// lock: it is tried.
    old: Mutex<Vec<Parcel>>,
}

impl Shelter {
    pub(super) fn new() -> Self {
        Shelter {
            sides: Default::default(),
            open: AtomicUsize::new(0),
            load: AtomicUsize::new(0),
            new: Stack::new(),
            old: Mutex::default(),
        }
    }

    pub(super) fn enter(&self) -> usize {
        // Relaxed: either side will do.
        let side = self.open.load(Ordering::Relaxed);
        // Relaxed: published by the fence.
        self.sides[side].fetch_add(1, Ordering::Relaxed);
        // Fence: its partner is seize's heavy barrier; see the invariant for the two cases.
        fence(Ordering::SeqCst);
        side
    }

    /// The end of a pin that `enter` has counted on this side.
    pub(super) fn exit(&self, side: usize) {
        // Release: pairs with the Acquire in `is_empty`, by way of the others that come and go
        // (every write is a read-modify-write): what was read under this pin happens before the
        // free.
        self.sides[side].fetch_sub(1, Ordering::Release);
    }

    pub(super) fn is_empty(&self, side: usize) -> bool {
        // Acquire: pairs with the Release in `exit`.
        self.sides[side].load(Ordering::Acquire) == 0
    }

    #[cold]
    pub(super) fn take_in(&self, parcel: Parcel) {
        // Relaxed: a hint.
        self.load.fetch_add(1, Ordering::Relaxed);
        self.new.push(parcel);
    }

    #[inline]
    pub(super) fn has_some(&self) -> bool {
        // Relaxed: a hint.
        self.load.load(Ordering::Relaxed) > 0
    }

    /// Objects that nobody can see any more.
    #[cold]
    pub(super) fn leave(&self) -> Vec<Parcel> {
        let Ok(mut old) = self.old.try_lock() else {
            return Vec::new();
        };
        // Relaxed: written under the lock.
        let closed = 1 - self.open.load(Ordering::Relaxed);
        if !self.is_empty(closed) {
            return Vec::new();
        }
        let new = self.new.take();
        // Again, now that they have come. A pin may have chosen the side when it was still open.
        if !self.is_empty(closed) {
            for parcel in new {
                self.new.push(parcel);
            }
            return Vec::new();
        }
        // Relaxed: a statement about no other memory.
        self.open.store(closed, Ordering::Relaxed);
        let gone = replace(&mut *old, new);
        // Relaxed: a hint.
        self.load.fetch_sub(gone.len(), Ordering::Relaxed);
        gone
    }

    /// All objects, whoever can see them.
    pub(super) fn evict(&self) -> Vec<Parcel> {
        let mut all = self.new.take();
        if let Ok(mut old) = self.old.try_lock() {
            all.append(&mut old);
        }
        all
    }
}
