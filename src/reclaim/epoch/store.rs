//! What a map holds of the reclaimer: a bag of garbage for each thread that writes it.
//!
//! A retired object goes into the bag of the thread that retired it, and normally that thread
//! frees it, a few at the end of each write. Nothing outlives the map: dropping the store frees
//! the rest. So entries are dropped by nobody but threads that hold the map, which is why they
//! may borrow, and may be bound to one thread.
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
//! The owner never waits, and pays one load. A flag that stays raised, because its thread died in
//! between, only means parcels for ever.

use std::cell::Cell;
use std::ptr;

use super::chunks::Chunks;
use super::garbage::{Garbage, Object};
use super::registry::{Epoch, Pin, Registry, Slot};
use crate::reclaim::Dispose;
use crate::reclaim::count::Count;
use crate::reclaim::lazy::LazyBox;
use crate::stats::Stats;
use crate::sync::tally;
use crate::sync::{AtomicBool, AtomicPtr, Exclusive, Ordering, Witness};

/// After how many of its writes to a map a thread sees to the epoch: so many that the heavy fence
/// costs a write next to nothing.
const WINDOW: u8 = if cfg!(any(loom, shuttle)) { 1 } else { 128 };

/// What one write frees at the most: it grows with what is pending, so that a burst drains.
fn budget(pending: usize) -> usize {
    const LEAST: usize = 2;
    const MOST: usize = 8;
    (pending / 256).clamp(LEAST, MOST)
}

/// How often `flush` tries to advance the epoch. Three times would do if no reader ever came
/// between; one that is pinned for the moment is gone at a later attempt.
const ATTEMPTS: usize = if cfg!(loom) { 3 } else { 32 };

/// See the file's header. Nothing is allocated before the first write.
pub struct Store {
    bags: LazyBox<Bags>,
}

struct Bags {
    /// How the objects are freed when the store is dropped.
    dispose: unsafe fn(*mut ()),
    /// By the index of the slot.
    bags: Chunks<Bag, 1>,
    /// Garbage that belongs to nobody: a stack, of which all is taken at once.
    parcels: AtomicPtr<Parcel>,
    /// The objects in parcels, and their bytes.
    sent: Pending,
}

#[repr(align(128))]
struct Bag {
    taken: AtomicBool,
    /// Destructors of this bag's garbage are running: no more are started on top of them. Used by
    /// whoever is pinned on the slot alone, whoever has the contents.
    is_freeing: AtomicBool,
    count: Count,
    pending: Pending,
    contents: Exclusive<Contents>,
}

/// What is pending somewhere: statistics.
#[derive(Default)]
struct Pending {
    objects: tally::AtomicUsize,
    bytes: tally::AtomicUsize,
}

#[derive(Default)]
struct Contents {
    garbage: Garbage,
    bytes: usize,
    /// Writes of the present window.
    writes: u8,
    /// The epoch at the last end of a window.
    seen: Epoch,
    /// The bag whose owner was asked after last, as far as that fits.
    asked: u32,
}

/// No two bags share a line, nor the pair of lines that a processor fetches; and one is enough.
#[cfg(all(target_pointer_width = "64", not(any(loom, shuttle))))]
const _: () = assert!(size_of::<Bag>() == 128);

struct Parcel {
    garbage: Garbage,
    bytes: usize,
    /// The address of the next. Not a pointer: a push may succeed on an address that was freed and
    /// given out again since it was read, and it is the new parcel there that is meant.
    next: Cell<usize>,
    witness: Witness,
}

impl Pending {
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
    fn new(_: usize) -> Self {
        Bag {
            taken: AtomicBool::new(false),
            is_freeing: AtomicBool::new(false),
            count: Count::new(),
            pending: Pending::default(),
            contents: Exclusive::default(),
        }
    }

    /// As `with`, for what changes the garbage.
    ///
    /// # Safety
    ///
    /// That of `with`.
    #[inline]
    unsafe fn change<A>(&self, change: impl FnOnce(&mut Contents) -> A) -> Option<A> {
        let change = |contents: &mut Contents| {
            let answer = change(contents);
            self.pending.set(contents);
            answer
        };
        // SAFETY: the caller's promise.
        unsafe { self.with(change) }
    }

    /// The owner's access: `None` while somebody else may have it.
    ///
    /// # Safety
    ///
    /// The calling thread is pinned on the bag's slot. `access` runs no user code.
    #[inline]
    unsafe fn with<A>(&self, access: impl FnOnce(&mut Contents) -> A) -> Option<A> {
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
struct Taken<'b> {
    bag: &'b Bag,
    index: usize,
}

impl<'b> Taken<'b> {
    fn raise(index: usize, bag: &'b Bag) -> Option<Self> {
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
    unsafe fn contents(&self, registry: &Registry) -> Option<(Garbage, usize)> {
        let take = |contents: &mut Contents| {
            let garbage = std::mem::take(&mut contents.garbage);
            let bytes = std::mem::take(&mut contents.bytes);
            self.bag.pending.set(contents);
            (garbage, bytes)
        };
        // SAFETY: by the file's header; that the slot is idle was acquired.
        let take = || unsafe { self.bag.contents.with(take) };
        registry.is_idle(self.index).then(take)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        // Release: pairs with the Acquire in `raise` and `Bag::with`.
        self.bag.taken.store(false, Ordering::Release);
    }
}

impl Bags {
    fn new<D: Dispose>() -> Self {
        Bags {
            dispose: D::dispose,
            bags: Chunks::new(),
            parcels: AtomicPtr::new(ptr::null_mut()),
            sent: Pending::default(),
        }
    }

    fn of(&self, slot: &Slot) -> &Bag {
        self.bags.get_or_make(slot.index(), Bag::new)
    }

    /// Puts garbage beside the bags.
    fn send(&self, garbage: Garbage, bytes: usize) {
        // Relaxed: statistics.
        self.sent
            .objects
            .fetch_add(garbage.len(), Ordering::Relaxed);
        // Relaxed: as above.
        self.sent.bytes.fetch_add(bytes, Ordering::Relaxed);
        let parcel = Box::into_raw(Box::new(Parcel {
            garbage,
            bytes,
            next: Cell::new(0),
            witness: Witness::new(),
        }));
        parcel.expose_provenance();
        // Relaxed: not looked into.
        let mut top = self.parcels.load(Ordering::Relaxed);
        loop {
            // SAFETY: still ours.
            unsafe { &*parcel }.next.set(top.addr());
            // Release: pairs with the Acquire in `receive`; publishes the parcel.
            // Relaxed: not looked into.
            let swing =
                self.parcels
                    .compare_exchange(top, parcel, Ordering::Release, Ordering::Relaxed);
            match swing {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    /// Takes all that stands beside the bags.
    fn receive(&self) -> Option<(Garbage, usize)> {
        // Relaxed: a hint.
        if self.parcels.load(Ordering::Relaxed).is_null() {
            return None;
        }
        // Acquire: pairs with the Release in `send`, and with those before it: every write to
        // the stack is a read-modify-write.
        let mut parcel = self.parcels.swap(ptr::null_mut(), Ordering::Acquire);
        let (mut garbage, mut bytes) = (Garbage::default(), 0);
        while !parcel.is_null() {
            // SAFETY: from the box in `send`; the whole stack is ours since the swap.
            let Parcel {
                garbage: more,
                bytes: more_bytes,
                next,
                witness,
            } = *unsafe { Box::from_raw(parcel) };
            witness.touch();
            garbage.append(more);
            bytes += more_bytes;
            parcel = ptr::with_exposed_provenance_mut(next.get());
        }
        // Relaxed: statistics.
        self.sent
            .objects
            .fetch_sub(garbage.len(), Ordering::Relaxed);
        // Relaxed: as above.
        self.sent.bytes.fetch_sub(bytes, Ordering::Relaxed);
        Some((garbage, bytes))
    }

    /// The next bag after `asked`, around, that has garbage and whose owner is gone.
    fn next_left_behind(&self, asked: usize, registry: &Registry) -> Option<(usize, &Bag)> {
        // Relaxed: a hint.
        let has_garbage = |bag: &Bag| bag.pending.objects.load(Ordering::Relaxed) > 0;
        let mut left = self
            .bags
            .iter()
            .filter(|&(index, bag)| has_garbage(bag) && registry.is_free(index));
        let first = left.next()?;
        if first.0 > asked {
            return Some(first);
        }
        Some(left.find(|&(index, _)| index > asked).unwrap_or(first))
    }
}

impl Store {
    #[cfg(not(loom))]
    pub(super) const fn new() -> Self {
        Store {
            bags: LazyBox::new(),
        }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Store {
            bags: LazyBox::new(),
        }
    }

    fn bags<D: Dispose>(&self) -> &Bags {
        self.bags.get_or_make(Bags::new::<D>)
    }

    /// # Safety
    ///
    /// That of `Reclaim::retire`. The pin is one of `registry`, as with all that follows.
    pub(crate) unsafe fn retire<D: Dispose>(
        &self,
        registry: &Registry,
        pin: &Pin<'_>,
        object: *mut (),
    ) {
        let bags = self.bags::<D>();
        // The stamp: read while pinned, after the unlink.
        let now = registry.epoch();
        // SAFETY: retired just now.
        let bytes = unsafe { D::bytes(object) };
        let push = |contents: &mut Contents| {
            contents.garbage.push(Object(object), now);
            contents.bytes += bytes;
        };
        // SAFETY: pinned; `push` runs no user code.
        if unsafe { bags.of(pin.slot()).change(push) }.is_none() {
            let mut garbage = Garbage::default();
            garbage.push(Object(object), now);
            bags.send(garbage, bytes);
        }
    }

    /// # Safety
    ///
    /// That of `Reclaim::count`.
    pub(super) unsafe fn count<D: Dispose>(&self, pin: &Pin<'_>, by: isize) -> u64 {
        // Alone: whoever is pinned on the slot.
        self.bags::<D>().of(pin.slot()).count.add_alone(by)
    }

    pub(super) fn len(&self) -> usize {
        let bags = self
            .bags
            .get()
            .into_iter()
            .flat_map(|bags| bags.bags.iter());
        Count::sum(bags.map(|(_, bag)| &bag.count))
    }

    /// # Safety
    ///
    /// That of `Reclaim::tick`.
    pub(crate) unsafe fn tick<D: Dispose>(&self, registry: &Registry, pin: &Pin<'_>) {
        let Some(bags) = self.bags.get() else {
            return;
        };
        let Some(bag) = bags.bags.get(pin.slot().index()) else {
            return;
        };
        // Relaxed: written by this thread alone.
        if bag.is_freeing.load(Ordering::Relaxed) {
            return;
        }
        let now = registry.epoch();
        let look = |contents: &mut Contents| {
            contents.writes += 1;
            let is_over = contents.writes >= WINDOW;
            if is_over {
                contents.writes = 0;
            }
            let is_ripe = contents.garbage.is_ripe(now);
            let budget = if is_ripe {
                budget(contents.garbage.len())
            } else {
                0
            };
            (is_over, budget)
        };
        // SAFETY: pinned; `look` runs no user code.
        let Some((is_over, budget)) = (unsafe { bag.with(look) }) else {
            return;
        };
        if is_over {
            self.end_window(registry, bags, bag);
        }
        if budget > 0 {
            // SAFETY: the caller's promise.
            unsafe { free::<D>(bag, now, budget) };
        }
    }

    /// The end of a window: takes what was left behind, and advances the epoch, if there is
    /// anything to free and nobody else has advanced it since the last one.
    #[cold]
    fn end_window(&self, registry: &Registry, bags: &Bags, bag: &Bag) {
        let add = |(garbage, bytes): (Garbage, usize)| {
            let mut spilled = Some(garbage);
            let add = |contents: &mut Contents| {
                if let Some(garbage) = spilled.take() {
                    contents.garbage.append(garbage);
                    contents.bytes += bytes;
                }
            };
            // SAFETY: pinned; `add` runs no user code.
            unsafe { bag.change(add) };
            if let Some(garbage) = spilled {
                bags.send(garbage, bytes);
            }
        };
        bags.receive().map(add);

        let now = registry.epoch();
        let look = |contents: &mut Contents| {
            let is_quiet = contents.seen == now;
            contents.seen = now;
            (
                is_quiet,
                contents.garbage.len() > 0,
                contents.asked as usize,
            )
        };
        // SAFETY: pinned; `look` runs no user code.
        let Some((true, has_garbage, asked)) = (unsafe { bag.with(look) }) else {
            return;
        };
        let left = bags.next_left_behind(asked, registry);
        if !has_garbage && left.is_none() {
            return;
        }
        let taken = left.and_then(|(index, left)| Taken::raise(index, left));
        let attempt = registry.advance();
        if attempt.fenced
            && let Some(taken) = &taken
        {
            // SAFETY: the attempt executed a heavy fence.
            unsafe { taken.contents(registry) }.map(add);
        }
        let asked = left.map_or(asked, |(index, _)| index);
        drop(taken);
        let remember = |contents: &mut Contents| {
            contents.seen = registry.epoch();
            contents.asked = u32::try_from(asked).unwrap_or(0);
        };
        // SAFETY: pinned; `remember` runs no user code.
        unsafe { bag.with(remember) };
    }

    /// # Safety
    ///
    /// That of `Reclaim::flush`.
    pub(crate) unsafe fn flush<'r, D: Dispose>(
        &self,
        registry: &'r Registry,
        pin: impl FnOnce() -> Pin<'r>,
    ) {
        let Some(bags) = self.bags.get() else {
            return;
        };
        let mut haul = Haul {
            bags,
            garbage: Garbage::default(),
            bytes: 0,
        };
        let pin = pin();
        let is_alone = registry.is_alone(&pin);
        haul.gather(registry, &pin);
        drop(pin);
        for _ in 0..ATTEMPTS {
            if haul.garbage.is_all_ripe(registry.epoch()) {
                break;
            }
            if !registry.advance().advanced {
                // This thread has another guard, for which it would wait in vain.
                if !is_alone {
                    break;
                }
                #[cfg(not(loom))]
                crate::sync::yield_now();
            }
        }
        let now = registry.epoch();
        while let Some(Object(object)) = haul.garbage.pop(now) {
            // SAFETY: still allocated.
            haul.bytes -= unsafe { D::bytes(object) };
            // SAFETY: retired for this `D` and popped once; its stamp is over.
            unsafe { D::dispose(object) };
        }
    }

    /// The objects in parcels.
    #[cfg(loom)]
    pub(super) fn in_parcels(&self) -> usize {
        // Relaxed: a statistic.
        let sent = |bags: &Bags| bags.sent.objects.load(Ordering::Relaxed);
        self.bags.get().map_or(0, sent)
    }

    /// Raises the `taken` of a bag for ever, as a thread does that dies in between.
    #[cfg(loom)]
    pub(super) fn divert(&self, index: usize) {
        let bag = self.bags.get().and_then(|bags| bags.bags.get(index));
        let taken = bag.and_then(|bag| Taken::raise(index, bag));
        std::mem::forget(taken.expect("the bag is there, and nobody has it"));
    }

    pub(super) fn stats(&self, registry: &Registry) -> Stats {
        let (mut pending, mut pending_bytes) = (0, 0);
        if let Some(bags) = self.bags.get() {
            let all = bags.bags.iter().map(|(_, bag)| &bag.pending);
            for part in all.chain([&bags.sent]) {
                // Relaxed: statistics.
                pending += part.objects.load(Ordering::Relaxed);
                // Relaxed: as above.
                pending_bytes += part.bytes.load(Ordering::Relaxed);
            }
        }
        let (blocked_advances, blocked_since) = registry.blocked();
        Stats {
            pending: Some(pending),
            pending_bytes: Some(pending_bytes),
            blocked_advances: Some(blocked_advances),
            blocked_since,
            pinned: Some(registry.pinned()),
            participants: Some(registry.high()),
        }
    }
}

/// Frees the oldest objects of a bag, as far as they are ripe.
///
/// # Safety
///
/// The thread is pinned on the bag's slot, and the bag's objects are for this `D`.
unsafe fn free<D: Dispose>(bag: &Bag, now: Epoch, budget: usize) {
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
    let pop = |contents: &mut Contents| {
        let Object(object) = contents.garbage.pop(now)?;
        // SAFETY: still allocated.
        contents.bytes -= unsafe { D::bytes(object) };
        Some(object)
    };
    for _ in 0..budget {
        // SAFETY: pinned; `pop` runs no user code.
        let popped = unsafe { bag.change(pop) };
        let Some(object) = popped.flatten() else {
            return;
        };
        // SAFETY: retired for this `D` and popped once; its stamp is over. The bag is whole and
        // not borrowed, whatever the destructor does.
        unsafe { D::dispose(object) };
    }
}

/// Garbage that `flush` has gathered. What it does not come to free goes back.
struct Haul<'s> {
    bags: &'s Bags,
    garbage: Garbage,
    bytes: usize,
}

impl Haul<'_> {
    fn add(&mut self, (garbage, bytes): (Garbage, usize)) {
        self.garbage.append(garbage);
        self.bytes += bytes;
    }

    /// Takes the garbage of this thread's bag, of all whose slot is idle, and what stands beside.
    fn gather(&mut self, registry: &Registry, pin: &Pin<'_>) {
        let own = pin.slot().index();
        if let Some(bag) = self.bags.bags.get(own) {
            let take = |contents: &mut Contents| {
                let garbage = std::mem::take(&mut contents.garbage);
                (garbage, std::mem::take(&mut contents.bytes))
            };
            // SAFETY: pinned; `take` runs no user code.
            if let Some(contents) = unsafe { bag.change(take) } {
                self.add(contents);
            }
        }
        let others = self.bags.bags.iter().filter(|&(index, _)| index != own);
        let raise = |(index, bag)| Taken::raise(index, bag);
        let taken: Vec<Taken<'_>> = others.filter_map(raise).collect();
        if !taken.is_empty() && registry.heavy() {
            for taken in taken {
                // SAFETY: the heavy fence was after the last flag was raised.
                if let Some(contents) = unsafe { taken.contents(registry) } {
                    self.add(contents);
                }
            }
        }
        if let Some(parcels) = self.bags.receive() {
            self.add(parcels);
        }
    }
}

impl Drop for Haul<'_> {
    fn drop(&mut self) {
        let garbage = std::mem::take(&mut self.garbage);
        if garbage.len() > 0 {
            self.bags.send(garbage, self.bytes);
        }
    }
}

impl Drop for Store {
    /// Frees all garbage. A destructor that panics keeps no other from being run; a second panic
    /// ends the process, as everywhere.
    fn drop(&mut self) {
        struct Rest {
            garbage: Garbage,
            dispose: unsafe fn(*mut ()),
        }

        impl Drop for Rest {
            fn drop(&mut self) {
                self.free();
            }
        }

        impl Rest {
            fn free(&mut self) {
                while let Some(Object(object)) = self.garbage.pop_any() {
                    // SAFETY: retired for the map's `Dispose` and popped once. The map is gone:
                    // no guard of it is left.
                    unsafe { (self.dispose)(object) };
                }
            }
        }

        let Some(bags) = self.bags.take() else {
            return;
        };
        let mut garbage = Garbage::default();
        if let Some((parcels, _)) = bags.receive() {
            garbage.append(parcels);
        }
        for (_, bag) in bags.bags.iter() {
            let take = |contents: &mut Contents| std::mem::take(&mut contents.garbage);
            // SAFETY: the store is borrowed mutably, so nobody else has access.
            garbage.append(unsafe { bag.contents.with(take) });
        }
        Rest {
            garbage,
            dispose: bags.dispose,
        }
        .free();
    }
}
