//! A bag: what one participant has retired for one map, and which threads may use it.
//!
//! # Ownership
//!
//! A bag belongs to the thread that is pinned on the slot with its number. While no thread is, others
//! may take its garbage: they raise `taken`, execute a heavy fence, and look at the slot.
//!
//! * If the owner's pin (its light fence) comes first, the other sees it pinned, and gives up; or
//!   it sees a later end of that pin, and has acquired it: that section is over.
//! * If the heavy fence comes first, the owner sees `taken` when it looks, for as long as it is
//!   raised, and touches nothing: it puts its garbage beside the bags, as a parcel.
//!
//! The owner never waits, and pays one load. While the flag is raised it frees nothing. If the flag
//! stays raised, because the thread that raised it died, other threads free the owner's garbage, at
//! the end of their windows or by `flush`.
//!
//! # The allocator
//!
//! The global allocator may use the map that calls it, and so may come back to the very bag for
//! which it is called. So **nothing is allocated or freed while contents are borrowed**. What needs
//! the allocator takes the garbage out of the bag ([`Bag::rework`]), and puts it back afterwards:
//! the allocator's own operations find a consistent bag without garbage.

use std::ptr::NonNull;

use super::LOOK;
use super::garbage::{Garbage, Object};
use super::registry::Registry;
use super::slot::Epoch;
use super::spare::Spare;
use crate::reclaim::Dispose;
use crate::reclaim::count::Count;
use crate::sync::tally;
use crate::sync::{AtomicBool, Exclusive, Ordering};

/// What is freed at a time, of so many that are over. A window in which each write retires something
/// brings 128, and 16 such times to free them in; more go of more, so that a burst drains. A destructor
/// is due as soon as it may run: of entries that have one, as many go as the writes since the last time
/// may have retired. Memory alone can wait until it is needed.
fn budget<D: Dispose>(over: usize) -> usize {
    const MOST: usize = 32;
    let least = if D::DROPS { LOOK as usize } else { 4 };
    (over / 16).clamp(least, MOST)
}

#[repr(align(128))]
pub struct Bag {
    /// A thread that is not pinned on the slot may have the contents.
    taken: AtomicBool,
    /// Destructors of this bag's garbage are running: no more are started on top of them. Only the
    /// thread that is pinned on the slot uses it, even while another thread has the contents.
    is_freeing: AtomicBool,
    /// The next write attends to the garbage, whatever its number. Used as `is_freeing`.
    is_asked: tally::AtomicBool,
    pub(super) count: Count,
    pub(super) pending: Pending,
    contents: Exclusive<Contents>,
}

/// What is pending somewhere: statistics.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) objects: tally::AtomicUsize,
    /// As [`Garbage::excess`].
    pub(super) excess: tally::AtomicUsize,
}

#[derive(Default)]
pub(super) struct Contents {
    pub(super) garbage: Garbage,
    pub(super) spare: Spare,
    /// Another bag with garbage, as far as its number fits, and its clock, both at that time: if
    /// the clock stands still until the next end of a window, the bag is taken.
    pub(super) watched_clock: u16,
    pub(super) watched: u32,
}

/// No two bags share a line, nor the pair of lines that a processor fetches; and one is enough.
#[cfg(all(target_pointer_width = "64", not(any(splitmap_loom, splitmap_shuttle))))]
const _: () = assert!(size_of::<Bag>() == 128);

impl Contents {
    /// All of the garbage, and the spare memory.
    pub(super) fn take(&mut self) -> (Garbage, Spare) {
        let garbage = std::mem::take(&mut self.garbage);
        (garbage, std::mem::take(&mut self.spare))
    }
}

impl Pending {
    /// Sees every object whose retirement happened before.
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
        self.excess
            .store(contents.garbage.excess(), Ordering::Relaxed);
    }
}

impl Bag {
    pub(super) fn new() -> Self {
        Bag {
            taken: AtomicBool::new(false),
            is_freeing: AtomicBool::new(false),
            is_asked: tally::AtomicBool::new(false),
            count: Count::new(),
            pending: Pending::default(),
            contents: Exclusive::default(),
        }
    }

    /// Whether the next write attends to the garbage, whatever its number: the epoch has gone on,
    /// or this thread has retired much in many maps.
    #[inline(always)]
    pub(super) fn is_asked(&self) -> bool {
        // Relaxed: written by this thread alone, as in the two that follow.
        self.is_asked.load(Ordering::Relaxed)
    }

    /// See `is_asked`.
    #[cold]
    pub(super) fn ask(&self) {
        // Relaxed: see `is_asked`.
        self.is_asked.store(true, Ordering::Relaxed);
    }

    /// The end of `is_asked`.
    pub(super) fn hear(&self) {
        // Relaxed: see `is_asked`.
        self.is_asked.store(false, Ordering::Relaxed);
    }

    /// How many objects are over.
    ///
    /// # Safety
    ///
    /// The calling thread is pinned on the bag's slot.
    #[inline(always)]
    pub(super) unsafe fn over(&self, now: Epoch) -> usize {
        let look = |contents: &mut Contents| {
            contents.garbage.settle(now);
            contents.garbage.over()
        };
        // SAFETY: the caller's promise; `look` runs no user code.
        unsafe { self.with(look) }.unwrap_or(0)
    }

    /// Memory for an entry, as [`free`] has kept it.
    ///
    /// # Safety
    ///
    /// The calling thread is pinned on the bag's slot.
    #[inline(always)]
    pub(super) unsafe fn spare(&self) -> Option<NonNull<()>> {
        // SAFETY: the caller's promise.
        unsafe { self.with(|contents| contents.spare.pop()) }.flatten()
    }

    /// All of the garbage, and the spare memory.
    ///
    /// # Safety
    ///
    /// No other thread has access.
    pub(super) unsafe fn empty(&self) -> (Garbage, Spare) {
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
        work: impl FnOnce(&mut Garbage) -> A,
        spill: impl FnOnce(Garbage),
    ) -> Option<A> {
        let take = |contents: &mut Contents| std::mem::take(&mut contents.garbage);
        // SAFETY: the caller's promise; `take` calls no allocator.
        let mut garbage = unsafe { self.change(take) }?;
        let answer = work(&mut garbage);
        // Not dropped in there, even if it is empty: it may have memory.
        let put_back =
            |contents: &mut Contents| std::mem::swap(&mut contents.garbage, &mut garbage);
        // SAFETY: as above.
        unsafe { self.change(put_back) };
        if garbage.len() > 0 {
            spill(garbage);
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
        // SAFETY: by the file's header, no other thread has access as long as this thread is
        // pinned: if a thread raises `taken` now, its heavy fence comes after our light one.
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
        // Acquire: pairs with the Release in `drop`; sees what the thread did that raised it before.
        // Relaxed: another thread has it raised.
        let raise = bag
            .taken
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed);
        raise.ok().map(|_| Taken { bag, index })
    }

    /// Takes what is in the bag, if no thread is pinned on its slot.
    ///
    /// # Safety
    ///
    /// A heavy fence of `registry` was executed since the flag was raised.
    pub(super) unsafe fn contents(&self, registry: &Registry) -> Option<(Garbage, Spare)> {
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

/// Frees some of the oldest objects of a bag, of which so many are over, and keeps their memory.
///
/// # Safety
///
/// The thread is pinned on the bag's slot, and the bag's objects are for this `D`.
#[inline]
pub(super) unsafe fn free<D: Dispose>(bag: &Bag, over: usize) {
    /// Lowers the flag, also after a panic.
    struct Freeing<'b>(&'b Bag);

    impl Drop for Freeing<'_> {
        #[inline(always)]
        fn drop(&mut self) {
            // Relaxed: written by this thread alone.
            self.0.is_freeing.store(false, Ordering::Relaxed);
        }
    }

    // Relaxed: written by this thread alone.
    if bag.is_freeing.load(Ordering::Relaxed) {
        return;
    }
    // Relaxed: as above.
    bag.is_freeing.store(true, Ordering::Relaxed);
    let _freeing = Freeing(bag);
    let pop = |contents: &mut Contents| {
        let Object(object) = contents.garbage.pop_in_place()?;
        // SAFETY: just popped: still allocated.
        contents.garbage.count_out(unsafe { excess::<D>(object) });
        Some(object)
    };
    for _ in 0..budget::<D>(over) {
        // SAFETY: pinned; neither `pop` nor `keep` runs user code or calls the allocator.
        let Some(Some(object)) = (unsafe { bag.change(pop) }) else {
            return;
        };
        // SAFETY: retired for this `D` and popped once; its stamp is over. The bag is whole and
        // not borrowed, whatever the destructor does.
        let Some(memory) = (unsafe { D::empty(object) }) else {
            continue;
        };
        let keep = |contents: &mut Contents| {
            let has_room = contents.spare.len() < D::SPARE;
            if has_room {
                // SAFETY: from `empty`, just now.
                unsafe { contents.spare.push(memory) };
            }
            has_room
        };
        // SAFETY: as above.
        if unsafe { bag.with(keep) } != Some(true) {
            // SAFETY: from `empty`, and not kept anywhere.
            unsafe { D::release(memory) };
        }
    }
}

/// What an object adds to [`Garbage::excess`].
///
/// # Safety
///
/// It was retired for this `D`, and is not freed yet.
#[inline(always)]
pub(super) unsafe fn excess<D: Dispose>(object: *mut ()) -> usize {
    // SAFETY: the caller's promise.
    unsafe { D::bytes(object) }.wrapping_sub(D::ENTRY)
}
