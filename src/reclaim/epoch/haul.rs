//! A flush: gathers all garbage that it can take at the moment, and frees what is over.

use super::bag::{Contents, Taken, excess};
use super::garbage::{Garbage, Object};
use super::registry::Registry;
use super::slot::{Epoch, Pin};
use super::store::Bags;
use crate::reclaim::Dispose;
use crate::sync::MODELLED;

/// How often a flush tries to advance the epoch. Without readers three attempts would be enough; a
/// reader that is pinned only briefly is gone at a later attempt.
const ATTEMPTS: usize = if MODELLED { 3 } else { 32 };

impl Bags {
    /// # Safety
    ///
    /// That of `Reclaimer::flush`. `pin` pins this thread.
    pub(super) unsafe fn flush<'r, D: Dispose>(
        &self,
        registry: &'r Registry,
        pin: impl FnOnce() -> Pin<'r>,
    ) {
        let mut haul = Haul {
            bags: self,
            registry,
            parts: Vec::new(),
            next: 0,
        };
        let pin = pin();
        let is_alone = pin.is_alone();
        haul.gather(&pin);
        drop(pin);
        for _ in 0..ATTEMPTS {
            if haul.settle(registry.epoch()) {
                break;
            }
            if !registry.advance().advanced {
                // This thread has another guard: waiting for it would be in vain.
                if !is_alone {
                    break;
                }
                #[cfg(not(splitmap_loom))]
                crate::sync::yield_now();
            }
        }
        // The last attempt may have advanced the epoch once more.
        haul.settle(registry.epoch());
        // SAFETY: all that is in the bags was retired for this `D`.
        while let Some(object) = unsafe { haul.pop::<D>() } {
            // SAFETY: as above, and popped once; its stamp is over.
            unsafe { D::dispose(object) };
        }
    }
}

/// Garbage that a flush has gathered. What it does not free becomes a parcel.
struct Haul<'s> {
    bags: &'s Bags,
    registry: &'s Registry,
    parts: Vec<Garbage>,
    /// The parts before this one have no object that is over.
    next: usize,
}

impl Haul<'_> {
    /// Takes the garbage of this thread's bag, of all whose slot is idle, and what stands beside.
    /// Gives their spare memory back.
    fn gather(&mut self, pin: &Pin<'_>) {
        let (bags, registry) = (self.bags, self.registry);
        let own = bags.get(pin.slot());
        // SAFETY: pinned; `take` runs no user code.
        let take_own = || own.and_then(|bag| unsafe { bag.change(Contents::take) });
        let mut all = Vec::from_iter(take_own());
        let is_mine = !all.is_empty();
        let raise = |(index, bag)| Taken::raise(index, bag);
        let taken: Vec<_> = bags.others(pin.slot().index()).filter_map(raise).collect();
        if !taken.is_empty() && registry.heavy() {
            // SAFETY: the heavy fence was after the last flag was raised.
            let contents = |taken: Taken<'_>| unsafe { taken.contents(registry) };
            all.extend(taken.into_iter().filter_map(contents));
        }
        self.parts.extend(bags.receive());
        // Another thread held our bag and has released it: retry.
        if !is_mine {
            all.extend(take_own());
        }
        for (garbage, spare) in all {
            self.parts.push(garbage);
            bags.release(spare);
        }
    }

    /// Finds what is over now. True if all of it is.
    fn settle(&mut self, now: Epoch) -> bool {
        let settle = |part: &mut Garbage| {
            part.settle(now);
            part.over() == part.len()
        };
        // All are settled, also behind one that is not over.
        self.parts
            .iter_mut()
            .map(settle)
            .fold(true, |all, over| all & over)
    }

    /// Takes out an object that is over.
    ///
    /// # Safety
    ///
    /// What was gathered is for this `D`.
    unsafe fn pop<D: Dispose>(&mut self) -> Option<*mut ()> {
        while let Some(part) = self.parts.get_mut(self.next) {
            if let Some(Object(object)) = part.pop_in_place() {
                // SAFETY: the caller's promise; just popped, so still allocated.
                part.count_out(unsafe { excess::<D>(object) });
                return Some(object);
            }
            self.next += 1;
        }
        None
    }
}

impl Drop for Haul<'_> {
    /// One parcel for everything, even if flush after flush frees nothing.
    fn drop(&mut self) {
        let mut rest = Garbage::default();
        self.parts.drain(..).for_each(|part| rest.adopt(part));
        if rest.len() > 0 {
            self.bags.send(rest);
        }
    }
}
