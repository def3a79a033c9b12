//! The end of a window: a writing thread tries to advance the epoch, and takes what others left behind.

use super::bag::{Bag, Contents, Taken};
use super::garbage::Garbage;
use super::registry::Registry;
use super::slot::Slot;
use super::store::Bags;

impl Bags {
    /// Takes what was left behind, and advances the epoch, if there is anything to free and no other
    /// thread has advanced it since the last window. The thread is pinned on `slot`, whose bag `bag` is.
    #[cold]
    #[inline(never)]
    pub(super) fn end_window(&self, registry: &Registry, bag: &Bag, slot: &Slot) {
        // In any map: this thread may be the only one that ever advances the epoch for it.
        let has_retired = slot.begin_window();
        let own = slot.index();
        self.adopt(bag, self.receive());
        let look = |contents: &mut Contents| {
            let garbage = &contents.garbage;
            let watched = (contents.watched as usize, contents.watched_clock);
            (garbage.len() > 0, garbage.is_sparse(), watched)
        };
        // SAFETY: pinned, here and below; the closures run no user code.
        let Some((has_garbage, is_sparse, (watched, clock))) = (unsafe { bag.with(look) }) else {
            return;
        };
        if is_sparse {
            // SAFETY: as above.
            unsafe { self.work_at(bag, Garbage::shrink) };
        }
        // Left behind: its owner has not written there since the end of the last window.
        let left = self
            .with_garbage(own)
            .find(|&(index, bag)| index == watched && bag.count.clock() == clock);
        let taken = left.and_then(|(index, left)| Taken::raise(index, left));
        let is_quiet = slot.has_seen(registry.epoch());
        let fenced = if is_quiet && (has_garbage || has_retired || taken.is_some()) {
            registry.advance().fenced
        } else {
            taken.is_some() && registry.heavy()
        };
        if fenced
            && let Some(taken) = &taken
            // SAFETY: a heavy fence was just executed.
            && let Some((garbage, spare)) = unsafe { taken.contents(registry) }
        {
            self.adopt(bag, vec![garbage]);
            self.release(spare);
        }
        drop(taken);
        let next = self.with_garbage(own).find(|&(index, _)| index > watched);
        let next = next.or_else(|| self.with_garbage(own).next());
        let remember = |contents: &mut Contents| {
            let (index, clock) = next.map_or((0, 0), |(index, bag)| (index, bag.count.clock()));
            contents.watched = u32::try_from(index).unwrap_or(0);
            contents.watched_clock = clock;
        };
        // SAFETY: as above.
        unsafe { bag.with(remember) };
        slot.see(registry.epoch());
    }

    /// Puts garbage of others into this thread's bag.
    fn adopt(&self, bag: &Bag, parts: Vec<Garbage>) {
        if parts.is_empty() {
            return;
        }
        let adopt = |garbage: &mut Garbage| parts.into_iter().for_each(|part| garbage.adopt(part));
        // SAFETY: pinned, as `end_window` says.
        unsafe { self.work_at(bag, adopt) };
    }
}
