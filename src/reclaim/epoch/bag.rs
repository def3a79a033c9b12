//! A bag: what one participant has retired for one map, and who may touch it.
//!
//! # Whose bag it is
//!
//! A bag belongs to whoever is pinned on the slot with its number. Others may take its garbage when
//! nobody is: they raise `taken`, execute a heavy fence, and look at the slot.
//!
//! * If the owner's pin (its light fence) comes first, the other sees it pinned, and gives up; or
//!   it sees a later end of that pin, and has acquired it: that section is over.
//! * If the heavy fence comes first, the owner sees `taken` when it looks, for as long as it is
//!   raised, and touches nothing: it puts its garbage beside the bags, as a parcel.
//!
//! The owner never waits, and pays one load. While the flag is raised it frees nothing; if it stays
//! raised, because its thread died in between, others have to, by what they do at the end of their
//! windows, or by `flush`.
//!
//! # The allocator
//!
//! The global allocator may use the map that calls it, and so may come back to the very bag for
//! which it is called. So **nothing is allocated or freed while contents are borrowed**. What needs
//! the allocator takes the garbage out of the bag ([`Bag::rework`]), and puts it back afterwards:
//! the allocator's own operations meet a bag that is whole, and has no garbage.

use super::garbage::{Garbage, NotInPlace, Object};
use super::registry::Registry;
use super::slot::Epoch;
use crate::reclaim::Dispose;
use crate::reclaim::count::Count;
use crate::sync::tally;
use crate::sync::{AtomicBool, Exclusive, Ordering};

/// What one write frees at the most: it grows with what is pending, so that a burst drains.
pub(super) fn budget(pending: usize) -> usize {
    const LEAST: usize = 2;
    const MOST: usize = 8;
    (pending / 256).clamp(LEAST, MOST)
}

#[repr(align(128))]
pub(super) struct Bag {
    /// Somebody may have the contents who is not pinned on the slot.
    taken: AtomicBool,
    /// Destructors of this bag's garbage are running: no more are started on top of them. Used by
    /// whoever is pinned on the slot alone, whoever has the contents.
    is_freeing: AtomicBool,
    pub(super) count: Count,
    pub(super) pending: Pending,
    contents: Exclusive<Contents>,
}

/// What is pending somewhere: statistics.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) objects: tally::AtomicUsize,
    pub(super) bytes: tally::AtomicUsize,
}

/// Garbage, and its bytes.
pub(super) type Lot = (Garbage, usize);

#[derive(Default)]
pub(super) struct Contents {
    pub(super) garbage: Garbage,
    pub(super) bytes: usize,
    /// Another bag with garbage, as far as its number fits, and its clock, both at that time: if
    /// the clock stands still until the next end of a window, the bag is taken.
    pub(super) watched_clock: u16,
    pub(super) watched: u32,
}

/// No two bags share a line, nor the pair of lines that a processor fetches; and one is enough.
#[cfg(all(target_pointer_width = "64", not(any(splitmap_loom, splitmap_shuttle))))]
const _: () = assert!(size_of::<Bag>() == 128);

impl Contents {
    /// All of the garbage.
    pub(super) fn take(&mut self) -> Lot {
        let garbage = std::mem::take(&mut self.garbage);
        (garbage, std::mem::take(&mut self.bytes))
    }

    fn swap(&mut self, (garbage, bytes): &mut Lot) {
        std::mem::swap(&mut self.garbage, garbage);
        std::mem::swap(&mut self.bytes, bytes);
    }
}

impl Pending {
    /// What was done before, in the sense of the memory model, is seen.
    pub(super) fn is_some(&self) -> bool {
        // Relaxed: a statistic.
        self.objects.load(Ordering::Relaxed) > 0
    }

    /// Where one thread alone writes: after each change of the contents.
    #[inline]
    fn set(&self, contents: &Contents) {
        // Relaxed: a statistic.
        self.objects
            .store(contents.garbage.len(), Ordering::Relaxed);
        // Relaxed: a statistic.
        self.bytes.store(contents.bytes, Ordering::Relaxed);
    }
}

impl Bag {
    pub(super) fn new() -> Self {
        Bag {
            taken: AtomicBool::new(false),
            is_freeing: AtomicBool::new(false),
            count: Count::new(),
            pending: Pending::default(),
            contents: Exclusive::default(),
        }
    }

    /// Whether destructors of this bag's garbage are running, to the thread that is pinned here.
    pub(super) fn is_freeing(&self) -> bool {
        // Relaxed: written by this thread alone.
        self.is_freeing.load(Ordering::Relaxed)
    }

    /// All of the garbage.
    ///
    /// # Safety
    ///
    /// Nobody else has access.
    pub(super) unsafe fn empty(&self) -> Lot {
        let take = |contents: &mut Contents| {
            let taken = contents.take();
            self.pending.set(contents);
            taken
        };
        // SAFETY: the caller's promise.
        unsafe { self.contents.with(take) }
    }

    /// As `change`, for what may call the allocator: `work` is done to garbage that is not in the bag.
    ///
    /// `spill` gets the garbage for which there is no place afterwards: what the allocator's own
    /// operations have put here meanwhile; or all of it, while another thread may have the contents.
    ///
    /// # Safety
    ///
    /// The calling thread is pinned on the bag's slot. `work` runs no user code but the allocator's.
    #[cold]
    pub(super) unsafe fn rework<A>(
        &self,
        work: impl FnOnce(&mut Lot) -> A,
        spill: impl FnOnce(Lot),
    ) -> Option<A> {
        // SAFETY: the caller's promise; `take` calls no allocator.
        let mut lot = unsafe { self.change(Contents::take) }?;
        let answer = work(&mut lot);
        // Not dropped in there, even if it is empty: it may have memory.
        let put_back = |contents: &mut Contents| contents.swap(&mut lot);
        // SAFETY: as above.
        unsafe { self.change(put_back) };
        if lot.0.len() > 0 {
            spill(lot);
        }
        Some(answer)
    }

    /// As `with`, for what changes the garbage.
    ///
    /// # Safety
    ///
    /// That of `with`.
    #[inline]
    pub(super) unsafe fn change<A>(&self, change: impl FnOnce(&mut Contents) -> A) -> Option<A> {
        let change = |contents: &mut Contents| {
            let answer = change(contents);
            self.pending.set(contents);
            answer
        };
        // SAFETY: the caller's promise.
        unsafe { self.with(change) }
    }

    /// The owner's access: `None` while another thread may have it.
    ///
    /// # Safety
    ///
    /// The calling thread is pinned on the bag's slot. `access` runs no user code, and does not call
    /// the allocator.
    #[inline]
    pub(super) unsafe fn with<A>(&self, access: impl FnOnce(&mut Contents) -> A) -> Option<A> {
        // Acquire: pairs with the Release in the drop of `Taken`; what was done to the contents
        // happens before what is done here.
        if self.taken.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: by the file's header, nobody else has access for as long as the thread is
        // pinned: the heavy fence of whoever raises `taken` now comes after our light one.
        Some(unsafe { self.contents.with(access) })
    }
}

/// A raised `taken`: lowered by its drop.
pub(super) struct Taken<'b> {
    bag: &'b Bag,
    index: usize,
}

impl<'b> Taken<'b> {
    pub(super) fn raise(index: usize, bag: &'b Bag) -> Option<Self> {
        // Acquire: pairs with the Release in `drop`; goes on after whoever had it raised before.
        // Relaxed: somebody else has it raised.
        let raise = bag
            .taken
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed);
        raise.ok().map(|_| Taken { bag, index })
    }

    /// What is in the bag, if nobody is pinned on its slot.
    ///
    /// # Safety
    ///
    /// A heavy fence of `registry` was executed since the flag was raised.
    pub(super) unsafe fn contents(&self, registry: &Registry) -> Option<Lot> {
        // SAFETY: by the file's header; that the slot is idle was acquired.
        let take = || unsafe { self.bag.empty() };
        registry.is_idle(self.index).then(take)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        // Release: pairs with the Acquire in `raise` and `Bag::with`.
        self.bag.taken.store(false, Ordering::Release);
    }
}

/// Frees the oldest objects of a bag, as far as they are ripe. `spill` is that of [`Bag::rework`].
///
/// # Safety
///
/// The thread is pinned on the bag's slot, and the bag's objects are for this `D`.
pub(super) unsafe fn free<D: Dispose>(bag: &Bag, now: Epoch, budget: usize, spill: impl Fn(Lot)) {
    /// Lowers the flag, also after a panic.
    struct Freeing<'b>(&'b Bag);

    impl Drop for Freeing<'_> {
        fn drop(&mut self) {
            // Relaxed: written by this thread alone.
            self.0.is_freeing.store(false, Ordering::Relaxed);
        }
    }

    // Relaxed: as above.
    bag.is_freeing.store(true, Ordering::Relaxed);
    let _freeing = Freeing(bag);
    // SAFETY: asked about objects that were just popped: still allocated.
    let bytes = |object: Option<Object>| object.map_or(0, |object| unsafe { D::bytes(object.0) });
    let pop = |contents: &mut Contents| {
        let popped = contents.garbage.pop_in_place(now)?;
        contents.bytes -= bytes(popped);
        Ok(popped)
    };
    let pop_last = |lot: &mut Lot| {
        let popped = lot.0.pop(now);
        lot.1 -= bytes(popped);
        popped
    };
    for _ in 0..budget {
        // SAFETY: pinned; `pop` runs no user code, and calls no allocator.
        let popped = match unsafe { bag.change(pop) } {
            // SAFETY: pinned; `pop_last` runs no user code but the allocator's.
            Some(Err(NotInPlace)) => unsafe { bag.rework(pop_last, &spill) }.flatten(),
            Some(Ok(popped)) => popped,
            None => None,
        };
        let Some(Object(object)) = popped else {
            return;
        };
        // SAFETY: retired for this `D` and popped once; its stamp is over. The bag is whole and
        // not borrowed, whatever the destructor does.
        unsafe { D::dispose(object) };
    }
}
