//! What a map holds of the reclaimer: a bag of garbage for each thread that writes it.
//!
//! A retired object goes into the bag of the thread that retired it, and normally that thread
//! frees it, a few at the end of each write. Nothing outlives the map: dropping the store frees
//! the rest. So entries are dropped by nobody but threads that hold the map, which is why they
//! may borrow, and may be bound to one thread. (Those of an enrolled map may not: see `enrolled`.)

use std::sync::Arc;
#[cfg(not(splitmap_loom))]
use std::sync::Weak;

use super::bag::{Bag, Contents, Lot, Pending, Taken, budget, free};
use super::chunks::Chunks;
use super::garbage::{Garbage, Object};
use super::registry::Registry;
use super::slot::{Pin, Slot};
use crate::reclaim::Dispose;
use crate::reclaim::count::Count;
use crate::reclaim::lazy::LazyBox;
use crate::reclaim::stack::Stack;
use crate::stats::Stats;
use crate::sync::{MODELLED, Ordering, SCHEDULED, const_unless_loom};

/// After how many of its writes to a map a thread sees to the epoch: so many that the heavy fence
/// costs a write next to nothing.
const WINDOW: u64 = if MODELLED || SCHEDULED { 1 } else { 128 };

/// After how many objects that it has retired, in whatever maps, a thread does so at the latest: one
/// that writes many maps, each of them rarely, would come to the end of a window in none.
const RETIREMENTS: usize = WINDOW as usize;

/// How often `flush` tries to advance the epoch. Three times would do if no reader ever came
/// between; one that is pinned for the moment is gone at a later attempt.
const ATTEMPTS: usize = if MODELLED { 3 } else { 32 };

/// See the file's header. Nothing is allocated before the first write.
pub struct Store {
    bags: LazyBox<Bags, Arc<Bags>>,
}

/// What a store has, once it has been written. It is the store's alone, unless its map is enrolled.
pub(crate) struct Bags {
    /// How the objects are freed when the store is dropped.
    dispose: unsafe fn(*mut ()),
    /// By the index of the slot.
    bags: Chunks<LazyBox<Bag>, 8>,
    /// Garbage that belongs to nobody.
    parcels: Stack<Lot>,
    /// The objects in parcels, and their bytes.
    sent: Pending,
}

impl Bags {
    fn new<D: Dispose>() -> Self {
        Bags {
            dispose: D::dispose,
            bags: Chunks::new(),
            parcels: Stack::new(),
            sent: Pending::default(),
        }
    }

    fn of(&self, slot: &Slot) -> &Bag {
        let place = self.bags.get_or_make(slot.index(), |_| LazyBox::new());
        place.get_or_make(Bag::new)
    }

    fn get(&self, slot: &Slot) -> Option<&Bag> {
        self.bags.get(slot.index())?.get()
    }

    /// The bags that there are, with the indices of their slots.
    fn iter(&self) -> impl Iterator<Item = (usize, &Bag)> {
        let places = self.bags.iter();
        places.filter_map(|(index, place)| Some((index, place.get()?)))
    }

    /// Puts garbage beside the bags.
    fn send(&self, (garbage, bytes): Lot) {
        // Relaxed: statistics.
        self.sent
            .objects
            .fetch_add(garbage.len(), Ordering::Relaxed);
        // Relaxed: as above.
        self.sent.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.parcels.push((garbage, bytes));
    }

    /// Puts something into the bag of this thread, or beside it. `push` may call the allocator.
    ///
    /// # Safety
    ///
    /// The thread is pinned on the bag's slot. `push` runs no user code.
    #[cold]
    unsafe fn push_by(&self, bag: &Bag, push: impl FnOnce(&mut Lot)) {
        let mut push = Some(push);
        let mut push = |lot: &mut Lot| push.take().into_iter().for_each(|push| push(lot));
        // SAFETY: the caller's promise.
        if unsafe { bag.rework(&mut push, |spilled| self.send(spilled)) }.is_none() {
            let mut lot = Lot::default();
            push(&mut lot);
            self.send(lot);
        }
    }

    /// Takes all that stands beside the bags.
    fn receive(&self) -> Option<Lot> {
        if !self.parcels.has_some() {
            return None;
        }
        let (mut garbage, mut bytes) = (Garbage::default(), 0);
        for (more, more_bytes) in self.parcels.take().into_iter().rev() {
            garbage.append(more);
            bytes += more_bytes;
        }
        // Relaxed: statistics.
        self.sent
            .objects
            .fetch_sub(garbage.len(), Ordering::Relaxed);
        // Relaxed: as above.
        self.sent.bytes.fetch_sub(bytes, Ordering::Relaxed);
        Some((garbage, bytes))
    }

    /// # Safety
    ///
    /// That of `Reclaim::flush`.
    pub(super) unsafe fn flush<'r, D: Dispose>(
        &self,
        registry: &'r Registry,
        pin: impl FnOnce() -> Pin<'r>,
    ) {
        let mut haul = Haul {
            bags: self,
            garbage: Garbage::default(),
            bytes: 0,
        };
        let pin = pin();
        let is_alone = pin.is_alone();
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
                #[cfg(not(splitmap_loom))]
                crate::sync::yield_now();
            }
        }
        let now = registry.epoch();
        haul.garbage.sort(now);
        while let Some(Object(object)) = haul.garbage.pop(now) {
            // SAFETY: still allocated.
            haul.bytes -= unsafe { D::bytes(object) };
            // SAFETY: retired for this `D` and popped once; its stamp is over.
            unsafe { D::dispose(object) };
        }
    }

    /// The bags with garbage, but for one.
    fn with_garbage(&self, but: usize) -> impl Iterator<Item = (usize, &Bag)> {
        // Models ask all of them: they do not explore a statistic.
        self.iter()
            .filter(move |&(index, bag)| index != but && (MODELLED || bag.pending.is_some()))
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

    /// # Safety
    ///
    /// That of `Reclaim::retire`. The pin is one of `registry`, as with all that follows.
    #[inline]
    pub(crate) unsafe fn retire<D: Dispose>(
        &self,
        registry: &Registry,
        pin: &Pin<'_>,
        object: *mut (),
    ) {
        let bags = self.bags::<D>();
        let bag = bags.of(pin.slot());
        // The stamp: read while pinned, after the unlink. And after the bag was made, since the
        // allocator may have retired something meanwhile: the newest stamp comes last.
        let now = registry.epoch();
        pin.slot().count_retired();
        // SAFETY: retired just now.
        let bytes = unsafe { D::bytes(object) };
        let push = |contents: &mut Contents| {
            let pushed = contents.garbage.push_in_place(Object(object), now);
            contents.bytes += if pushed { bytes } else { 0 };
            pushed
        };
        // SAFETY: pinned; `push` runs no user code, and calls no allocator.
        if unsafe { bag.change(push) } != Some(true) {
            let push = |(garbage, sum): &mut Lot| {
                garbage.push(Object(object), now);
                *sum += bytes;
            };
            // SAFETY: pinned.
            unsafe { bags.push_by(bag, push) };
        }
    }

    /// # Safety
    ///
    /// That of `Reclaim::count`.
    #[inline]
    pub(super) unsafe fn count<D: Dispose>(&self, pin: &Pin<'_>, by: isize) -> u64 {
        // Alone: whoever is pinned on the slot.
        self.bags::<D>().of(pin.slot()).count.add_alone(by)
    }

    pub(super) fn len(&self) -> usize {
        let bags = self.bags.get().into_iter().flat_map(Bags::iter);
        Count::sum(bags.map(|(_, bag)| &bag.count))
    }

    /// # Safety
    ///
    /// That of `Reclaim::tick`.
    #[inline]
    pub(crate) unsafe fn tick<D: Dispose>(&self, registry: &Registry, pin: &Pin<'_>, clock: u64) {
        let Some(bags) = self.bags.get() else {
            return;
        };
        let Some(bag) = bags.get(pin.slot()) else {
            return;
        };
        let now = registry.epoch();
        if clock.is_multiple_of(WINDOW) || pin.slot().retired() >= RETIREMENTS {
            self.end_window(registry, bags, bag, pin.slot());
        }
        if bag.is_freeing() {
            return;
        }
        let look = |contents: &mut Contents| {
            let garbage = &contents.garbage;
            garbage.is_ripe(now).then(|| budget(garbage.len()))
        };
        // SAFETY: pinned; `look` runs no user code.
        if let Some(Some(budget)) = unsafe { bag.with(look) } {
            // SAFETY: the caller's promise.
            unsafe { free::<D>(bag, now, budget, |spilled| bags.send(spilled)) };
        }
    }

    /// The end of a window: takes what was left behind, and advances the epoch, if there is
    /// anything to free and nobody else has advanced it since the last one.
    #[cold]
    fn end_window(&self, registry: &Registry, bags: &Bags, bag: &Bag, slot: &Slot) {
        // In whatever map: this thread may be the only one that ever sees to the epoch for it.
        let has_retired = slot.begin_window();
        let own = slot.index();
        let add = |(garbage, bytes): Lot| {
            let add = |(all, sum): &mut Lot| {
                all.append(garbage);
                *sum += bytes;
            };
            // SAFETY: pinned.
            unsafe { bags.push_by(bag, add) };
        };
        bags.receive().map(add);

        let look = |contents: &mut Contents| {
            let watched = (contents.watched as usize, contents.watched_clock);
            (contents.garbage.len() > 0, watched)
        };
        // SAFETY: pinned; `look` runs no user code.
        let Some((has_garbage, (watched, clock))) = (unsafe { bag.with(look) }) else {
            return;
        };
        // Left behind: nobody has written there since the end of the last window.
        let left = bags
            .with_garbage(own)
            .find(|&(index, bag)| index == watched && bag.count.clock() == clock);
        let taken = left.and_then(|(index, left)| Taken::raise(index, left));
        let is_quiet = slot.has_seen(registry.epoch());
        let fenced = if is_quiet && (has_garbage || has_retired || taken.is_some()) {
            registry.advance().fenced
        } else {
            taken.is_some() && registry.heavy()
        };
        if fenced && let Some(taken) = &taken {
            // SAFETY: a heavy fence was just executed.
            unsafe { taken.contents(registry) }.map(add);
        }
        drop(taken);
        let next = bags.with_garbage(own).find(|&(index, _)| index > watched);
        let next = next.or_else(|| bags.with_garbage(own).next());
        let remember = |contents: &mut Contents| {
            let (index, clock) = next.map_or((0, 0), |(index, bag)| (index, bag.count.clock()));
            contents.watched = u32::try_from(index).unwrap_or(0);
            contents.watched_clock = clock;
        };
        // SAFETY: pinned; `remember` runs no user code.
        unsafe { bag.with(remember) };
        slot.see(registry.epoch());
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

    /// Raises the `taken` of a bag for ever, as a thread does that dies in between.
    #[cfg(splitmap_loom)]
    pub(super) fn divert(&self, index: usize) {
        let place = self.bags.get().and_then(|bags| bags.bags.get(index));
        let bag = place.and_then(LazyBox::get);
        let taken = bag.and_then(|bag| Taken::raise(index, bag));
        std::mem::forget(taken.expect("the bag is there, and nobody has it"));
    }

    pub(super) fn stats(&self, registry: &Registry) -> Stats {
        let (mut pending, mut pending_bytes) = (0, 0);
        if let Some(bags) = self.bags.get() {
            let all = bags.iter().map(|(_, bag)| &bag.pending);
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
            participants: Some(registry.most()),
        }
    }
}

/// Garbage that `flush` has gathered. What it does not come to free goes back.
struct Haul<'s> {
    bags: &'s Bags,
    garbage: Garbage,
    bytes: usize,
}

impl Haul<'_> {
    fn add(&mut self, (garbage, bytes): Lot) {
        self.garbage.append(garbage);
        self.bytes += bytes;
    }

    /// Takes the garbage of this thread's bag, of all whose slot is idle, and what stands beside.
    fn gather(&mut self, registry: &Registry, pin: &Pin<'_>) {
        let own = self.bags.get(pin.slot());
        // SAFETY: pinned; `take` runs no user code.
        let take_own = || own.and_then(|bag| unsafe { bag.change(Contents::take) });
        let mine = take_own();
        let is_mine = mine.is_some();
        if let Some(contents) = mine {
            self.add(contents);
        }
        let others = self.bags.with_garbage(pin.slot().index());
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
        // Somebody else was at it, saw that it is in use, and let go of it again.
        if !is_mine && let Some(contents) = take_own() {
            self.add(contents);
        }
    }
}

impl Drop for Haul<'_> {
    fn drop(&mut self) {
        let garbage = std::mem::take(&mut self.garbage);
        if garbage.len() > 0 {
            self.bags.send((garbage, self.bytes));
        }
    }
}

impl Drop for Bags {
    /// Frees all garbage: with the store, or, if `flush_all` is at an enrolled map while it is dropped,
    /// when that is done. A destructor that panics keeps no other from being run; a second panic
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
                    // no guard of it is left. If this is not where it was dropped, it was enrolled,
                    // and the objects may be freed anywhere.
                    unsafe { (self.dispose)(object) };
                }
            }
        }

        let mut garbage = Garbage::default();
        if let Some((parcels, _)) = self.receive() {
            garbage.append(parcels);
        }
        for (_, bag) in self.iter() {
            // SAFETY: borrowed mutably, so nobody else has access.
            garbage.append(unsafe { bag.empty() }.0);
        }
        Rest {
            garbage,
            dispose: self.dispose,
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

        unsafe fn bytes(_: *mut ()) -> usize {
            size_of::<u64>()
        }
    }

    /// A write by whoever has the slot.
    fn write(store: &Store, registry: &Registry, slot: &Slot) {
        let pin = registry.pin(slot).unwrap();
        let object = Box::into_raw(Box::new(0_u64)).cast();
        // SAFETY: nobody else has the object, and the pin is one of the registry's, here and below.
        unsafe { store.retire::<Boxed>(registry, &pin, object) };
        // SAFETY: as above.
        let clock = unsafe { store.count::<Boxed>(&pin, 0) };
        // SAFETY: as above.
        unsafe { store.tick::<Boxed>(registry, &pin, clock) };
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
