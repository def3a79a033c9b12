//! What a map holds of the reclaimer: a bag of garbage for each thread that writes it.
//!
//! A retired object goes into the bag of the thread that retired it, and normally that thread
//! frees it, a few at the end of each write. Nothing outlives the map: dropping the store frees
//! the rest. So only threads that hold the map drop its entries, and entries may therefore borrow,
//! and may be bound to one thread. (Those of an enrolled map may not: see `enrolled`.)

use std::ptr::NonNull;
use std::sync::Arc;
#[cfg(not(splitmap_loom))]
use std::sync::Weak;

use super::LOOK;
#[cfg(splitmap_loom)]
use super::bag::Taken;
use super::bag::{Bag, Contents, Pending, excess, free};
use super::chunks::Chunks;
use super::garbage::{Garbage, Object};
use super::registry::Registry;
use super::slot::{Epoch, Pin, Slot};
use super::spare::Spare;
use crate::reclaim::Dispose;
use crate::reclaim::count::Count;
use crate::reclaim::lazy::LazyBox;
use crate::reclaim::stack::Stack;
use crate::stats::Stats;
use crate::sync::{MODELLED, Ordering, SCHEDULED, const_unless_loom};

/// After how many of its writes to a map a thread tries to advance the epoch: so many that a write
/// pays next to nothing for the heavy fence.
const WINDOW: u64 = if MODELLED || SCHEDULED { 1 } else { 128 };

/// After how many retired objects, in all maps together, a thread does so at the latest: a thread that
/// writes many maps, each rarely, would otherwise not reach the end of a window in any.
const RETIREMENTS: usize = WINDOW as usize;

/// See the file's header. Nothing is allocated before the first write.
pub struct Store {
    bags: LazyBox<Bags, Arc<Bags>>,
}

/// What a store has, once it has been written. It is the store's alone, unless its map is enrolled.
pub(crate) struct Bags {
    /// What the map's `Dispose` does, for the drop, which does not know its type.
    by: &'static By,
    /// By the index of the slot.
    bags: Chunks<LazyBox<Bag>, 8>,
    /// Garbage without an owner.
    parcels: Stack<Garbage>,
    /// What is in parcels.
    sent: Pending,
}

/// A `Dispose`, without its type.
struct By {
    dispose: unsafe fn(*mut ()),
    release: unsafe fn(NonNull<()>),
    entry: usize,
}

impl Bags {
    fn new<D: Dispose>() -> Self {
        Bags {
            by: const {
                &By {
                    dispose: D::dispose,
                    release: D::release,
                    entry: D::ENTRY,
                }
            },
            bags: Chunks::new(),
            parcels: Stack::new(),
            sent: Pending::default(),
        }
    }

    fn of(&self, slot: &Slot) -> &Bag {
        let place = self.bags.get_or_make(slot.index(), |_| LazyBox::new());
        place.get_or_make(Bag::new)
    }

    #[inline(always)]
    pub(super) fn get(&self, slot: &Slot) -> Option<&Bag> {
        self.bags.get(slot.index())?.get()
    }

    /// The bags that there are, with the indices of their slots.
    fn iter(&self) -> impl Iterator<Item = (usize, &Bag)> {
        let places = self.bags.iter();
        places.filter_map(|(index, place)| Some((index, place.get()?)))
    }

    /// Puts garbage beside the bags.
    pub(super) fn send(&self, garbage: Garbage) {
        // Relaxed: statistics.
        self.sent
            .objects
            .fetch_add(garbage.len(), Ordering::Relaxed);
        // Relaxed: as above.
        self.sent
            .excess
            .fetch_add(garbage.excess(), Ordering::Relaxed);
        self.parcels.push(garbage);
    }

    /// Does something to the garbage of this thread's bag, or to some beside it. `work` may call the
    /// allocator.
    ///
    /// # Safety
    ///
    /// The thread is pinned on the bag's slot. `work` runs no user code.
    #[cold]
    pub(super) unsafe fn work_at(&self, bag: &Bag, work: impl FnOnce(&mut Garbage)) {
        let mut work = Some(work);
        let mut once =
            |garbage: &mut Garbage| work.take().into_iter().for_each(|work| work(garbage));
        // SAFETY: the caller's promise.
        if unsafe { bag.rework(&mut once, |spilled| self.send(spilled)) }.is_none() {
            let mut garbage = Garbage::default();
            once(&mut garbage);
            if garbage.len() > 0 {
                self.send(garbage);
            }
        }
    }

    /// Takes all that stands beside the bags, the oldest first.
    pub(super) fn receive(&self) -> Vec<Garbage> {
        if !self.parcels.has_some() {
            return Vec::new();
        }
        let mut parcels = self.parcels.take();
        parcels.reverse();
        for garbage in &parcels {
            // Relaxed: statistics.
            self.sent
                .objects
                .fetch_sub(garbage.len(), Ordering::Relaxed);
            // Relaxed: as above.
            self.sent
                .excess
                .fetch_sub(garbage.excess(), Ordering::Relaxed);
        }
        parcels
    }

    /// Gives spare memory back to the allocator.
    pub(super) fn release(&self, mut spare: Spare) {
        while let Some(memory) = spare.pop() {
            // SAFETY: from a bag of this map, out of which it was taken.
            unsafe { (self.by.release)(memory) };
        }
    }

    /// All bags but one.
    pub(super) fn others(&self, but: usize) -> impl Iterator<Item = (usize, &Bag)> {
        self.iter().filter(move |&(index, _)| index != but)
    }

    /// The bags with garbage, but for one.
    pub(super) fn with_garbage(&self, but: usize) -> impl Iterator<Item = (usize, &Bag)> {
        // Models ask all of them: they do not explore a statistic.
        self.others(but)
            .filter(|(_, bag)| MODELLED || bag.pending.is_some())
    }
}

impl Store {
    const_unless_loom! {
        pub(super) fn new() -> Self {
            Store {
                bags: LazyBox::new(),
            }
        }
    }

    fn bags<D: Dispose>(&self) -> &Bags {
        self.bags.get_or_make(Bags::new::<D>)
    }

    /// The bag of this thread, if it is there.
    #[inline(always)]
    pub(crate) fn place(&self, pin: &Pin<'_>) -> Option<&Bag> {
        self.bags.get()?.get(pin.slot())
    }

    /// The bag of this thread, which was not there when `place` looked.
    #[cold]
    #[inline(never)]
    fn make<D: Dispose>(&self, pin: &Pin<'_>) -> &Bag {
        self.bags::<D>().of(pin.slot())
    }

    /// # Safety
    ///
    /// That of `Reclaim::retire`. The pin is one of `registry`, and `place` is its bag here, as with all
    /// that follows.
    #[inline(always)]
    pub(crate) unsafe fn retire<D: Dispose>(
        &self,
        registry: &Registry,
        pin: &Pin<'_>,
        place: Option<&Bag>,
        object: *mut (),
    ) {
        let bag = place.unwrap_or_else(|| self.make::<D>(pin));
        // The stamp: read while pinned, after the unlink.
        let now = registry.epoch();
        let many = pin.slot().count_retired() >= RETIREMENTS;
        // SAFETY: retired just now.
        let excess = unsafe { excess::<D>(object) };
        let push = |contents: &mut Contents| {
            if many || contents.garbage.is_older(now) {
                bag.ask();
            }
            let pushed = contents.garbage.push_in_place(Object(object), now);
            contents.garbage.count_in(if pushed { excess } else { 0 });
            pushed
        };
        // SAFETY: pinned; `push` runs no user code, and calls no allocator.
        if unsafe { bag.change(push) } != Some(true) {
            // SAFETY: pinned.
            unsafe { self.retire_beside::<D>(bag, object, now) };
        }
    }

    /// As `retire`, where there is no room, or where another thread may be using the bag.
    ///
    /// # Safety
    ///
    /// As for `retire`.
    #[cold]
    #[inline(never)]
    unsafe fn retire_beside<D: Dispose>(&self, bag: &Bag, object: *mut (), now: Epoch) {
        let push = |garbage: &mut Garbage| {
            // SAFETY: still allocated.
            garbage.count_in(unsafe { excess::<D>(object) });
            garbage.push(Object(object), now);
        };
        // SAFETY: pinned.
        unsafe { self.bags::<D>().work_at(bag, push) };
    }

    /// # Safety
    ///
    /// That of `Reclaim::count`.
    #[inline(always)]
    pub(super) unsafe fn count<D: Dispose>(
        &self,
        pin: &Pin<'_>,
        place: Option<&Bag>,
        by: isize,
    ) -> u64 {
        let bag = place.unwrap_or_else(|| self.make::<D>(pin));
        // Only the thread that is pinned on the slot writes it.
        bag.count.add_alone(by)
    }

    pub(super) fn len(&self) -> usize {
        let bags = self.bags.get().into_iter().flat_map(Bags::iter);
        Count::sum(bags.map(|(_, bag)| &bag.count))
    }

    /// # Safety
    ///
    /// That of `Reclaim::tick`.
    #[inline(always)]
    pub(crate) unsafe fn tick<D: Dispose>(
        &self,
        registry: &Registry,
        pin: &Pin<'_>,
        place: Option<&Bag>,
        clock: u64,
    ) {
        let is_asked = place.is_some_and(Bag::is_asked);
        if is_asked || clock.is_multiple_of(LOOK) {
            let bag = place.unwrap_or_else(|| self.make::<D>(pin));
            bag.hear();
            // SAFETY: the caller's promise.
            unsafe { self.attend::<D>(registry, pin.slot(), bag, clock) };
        }
    }

    /// What a thread does at a few of its writes: it ends a window that is over, and frees something.
    ///
    /// # Safety
    ///
    /// As for `tick`.
    #[inline(never)]
    unsafe fn attend<D: Dispose>(&self, registry: &Registry, slot: &Slot, bag: &Bag, clock: u64) {
        // In the middle of what a clock counts: a thread's first write to a map ends no window.
        if ((clock + WINDOW / 2).is_multiple_of(WINDOW) || slot.retired() >= RETIREMENTS)
            && let Some(bags) = self.bags.get()
        {
            bags.end_window(registry, bag, slot);
        }
        // SAFETY: pinned.
        let over = unsafe { bag.over(registry.epoch()) };
        if over > 0 {
            // SAFETY: the caller's promise.
            unsafe { free::<D>(bag, over) };
        }
    }

    /// # Safety
    ///
    /// That of `Reclaim::flush`.
    pub(crate) unsafe fn flush<'r, D: Dispose>(
        &self,
        registry: &'r Registry,
        pin: impl FnOnce() -> Pin<'r>,
    ) {
        if let Some(bags) = self.bags.get() {
            // SAFETY: the caller's promise.
            unsafe { bags.flush::<D>(registry, pin) };
        }
    }

    /// A handle to the bags, for `flush_all`. Makes the bags first if need be.
    #[cfg(not(splitmap_loom))]
    pub(crate) fn weak<D: Dispose>(&self) -> Weak<Bags> {
        self.bags::<D>();
        self.bags.weak().expect("just made")
    }

    /// The objects in parcels.
    #[cfg(splitmap_loom)]
    pub(super) fn in_parcels(&self) -> usize {
        // Relaxed: a statistic.
        let sent = |bags: &Bags| bags.sent.objects.load(Ordering::Relaxed);
        self.bags.get().map_or(0, sent)
    }

    /// Raises the `taken` of a bag and never lowers it, like a thread that dies before it lowers it.
    #[cfg(splitmap_loom)]
    pub(super) fn divert(&self, index: usize) {
        let place = self.bags.get().and_then(|bags| bags.bags.get(index));
        let bag = place.and_then(LazyBox::get);
        let taken = bag.and_then(|bag| Taken::raise(index, bag));
        std::mem::forget(taken.expect("the bag is there, and nobody has it"));
    }

    pub(super) fn stats(&self, registry: &Registry) -> Stats {
        let (mut pending, mut pending_bytes) = (0, 0_isize);
        if let Some(bags) = self.bags.get() {
            let all = bags.iter().map(|(_, bag)| &bag.pending);
            for part in all.chain([&bags.sent]) {
                // Relaxed: statistics.
                let objects = part.objects.load(Ordering::Relaxed);
                // Relaxed: as above.
                let excess = part.excess.load(Ordering::Relaxed);
                pending += objects;
                let bytes = (objects * bags.by.entry).wrapping_add(excess);
                pending_bytes = pending_bytes.wrapping_add(bytes.cast_signed());
            }
        }
        let (blocked_advances, blocked_since) = registry.blocked();
        Stats {
            pending: Some(pending),
            // The two are read at two moments: less than nothing is nothing.
            pending_bytes: Some(usize::try_from(pending_bytes).unwrap_or(0)),
            blocked_advances: Some(blocked_advances),
            blocked_since,
            pinned: Some(registry.pinned()),
            participants: Some(registry.most()),
        }
    }
}

impl Drop for Bags {
    /// Frees all garbage: with the store, or, if an enrolled map is dropped while `flush_all` works on
    /// it, when `flush_all` is done. If a destructor panics, all others still run; a second panic ends
    /// the process, as everywhere.
    fn drop(&mut self) {
        struct Rest {
            parts: Vec<Garbage>,
            dispose: unsafe fn(*mut ()),
        }

        impl Drop for Rest {
            fn drop(&mut self) {
                self.free();
            }
        }

        impl Rest {
            fn free(&mut self) {
                while let Some(part) = self.parts.last_mut() {
                    let Some(Object(object)) = part.pop_any() else {
                        self.parts.pop();
                        continue;
                    };
                    // SAFETY: retired for the map's `Dispose` and popped once. The map is gone:
                    // no guard of it is left. If this is not where it was dropped, it was enrolled,
                    // and the objects may be freed anywhere.
                    unsafe { (self.dispose)(object) };
                }
            }
        }

        let mut parts = self.receive();
        for (_, bag) in self.iter() {
            // SAFETY: exclusive access.
            let (garbage, spare) = unsafe { bag.empty() };
            parts.push(garbage);
            self.release(spare);
        }
        Rest {
            parts,
            dispose: self.by.dispose,
        }
        .free();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Boxed;

    // SAFETY: all that is retired here is boxes.
    unsafe impl Dispose for Boxed {
        unsafe fn dispose(object: *mut ()) {
            // SAFETY: from the box in `write`.
            drop(unsafe { Box::from_raw(object.cast::<u64>()) });
        }

        const ENTRY: usize = size_of::<u64>();
        const DROPS: bool = true;

        unsafe fn bytes(_: *mut ()) -> usize {
            size_of::<u64>()
        }
    }

    /// A write by the thread that has the slot.
    fn write(store: &Store, registry: &Registry, slot: &Slot) {
        let pin = registry.pin(slot).unwrap();
        let object = Box::into_raw(Box::new(0_u64)).cast();
        let place = store.place(&pin);
        // SAFETY: no other thread has the object, and the pin is one of the registry's, here and below.
        unsafe { store.retire::<Boxed>(registry, &pin, place, object) };
        // SAFETY: as above.
        let clock = unsafe { store.count::<Boxed>(&pin, place, 0) };
        // SAFETY: as above.
        unsafe { store.tick::<Boxed>(registry, &pin, place, clock) };
    }

    /// A write that is a thread's first to a store is no reason for a heavy fence.
    #[test]
    fn stores_that_are_written_twice_and_dropped_hardly_advance_the_epoch() {
        let registry = Registry::new();
        let slot = registry.claim();
        let first = registry.epoch();
        for _ in 0..1_000 {
            let store = Store::new();
            write(&store, &registry, slot);
            write(&store, &registry, slot);
        }
        let epochs = std::iter::successors(Some(first), |epoch| Some(epoch.next()));
        let advances = { epochs }.position(|epoch| epoch == registry.epoch());
        let advances = advances.expect("it goes on by one at a time");
        assert!(advances <= 2_000 / RETIREMENTS + 1, "{advances} advances");
    }

    #[test]
    fn what_was_left_behind_is_found_beside_what_was_not() {
        let (registry, store) = (Registry::new(), Store::new());
        let slots: [&Slot; 4] = std::array::from_fn(|_| registry.claim());
        let left = [slots[2], slots[3]];
        for slot in left {
            (0..50).for_each(|_| write(&store, &registry, slot));
        }
        for _ in 0..20 * WINDOW {
            write(&store, &registry, slots[0]);
            write(&store, &registry, slots[1]);
        }
        let bags = store.bags.get().unwrap();
        for slot in left {
            assert!(!bags.get(slot).unwrap().pending.is_some());
        }
    }
}
