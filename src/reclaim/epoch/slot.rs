//! A slot: the place of one participant, and a pin on it.
//!
//! # A slot's word
//!
//! ```text
//! bits 16..64   the epoch that the slot is pinned in
//! bits  0..16   how many guards are alive on it; 0: not pinned, whatever the epoch says
//! ```
//!
//! One word, so pinning is one store and unpinning another. Guards on a slot are interchangeable:
//! they may be dropped in any order, and the last one unpins.
//!
//! # Invariant
//!
//! * A slot is used by one participant at a time: the thread that owns it with its guards, or the
//!   one guard that belongs to no thread. Only this participant writes the slot's word.
//! * A slot may be claimed if it has no owner and no guard is alive on it. So an owner may give a
//!   slot up while guards are alive on it: the last of them frees it.

use super::fences::Fences;
use crate::sync::tally;
use crate::sync::{AtomicBool, AtomicU64, Ordering, const_unless_loom};

const DEPTH: u64 = 0xffff;
const STEP: u64 = DEPTH + 1;

/// An epoch, as it stands in the word of a slot with one guard. They wrap around: a reader would
/// have to stop between two instructions for 2^48 of them to be mistaken for a recent one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epoch(u64);

impl Default for Epoch {
    fn default() -> Self {
        Epoch::FIRST
    }
}

impl Epoch {
    pub(super) const FIRST: Epoch = Epoch(1);

    pub(super) fn of_word(word: u64) -> Epoch {
        Epoch(word)
    }

    pub(super) const fn word(self) -> u64 {
        self.0
    }

    pub(super) fn next(self) -> Epoch {
        Epoch(self.0.wrapping_add(STEP))
    }

    /// How many epochs later `now` is: 0 if it is not later, and 3 if it is 3 or more.
    #[inline]
    pub(super) fn steps(self, now: Epoch) -> u32 {
        let later = now.0.wrapping_sub(self.0).cast_signed() / STEP.cast_signed();
        later.clamp(0, 3) as u32
    }
}

/// The place of a thread, or of a guard without one.
#[derive(Debug)]
#[repr(align(128))]
pub struct Slot {
    word: AtomicU64,
    owned: AtomicBool,
    fences: Fences,
    index: usize,
    /// What was retired here, in whatever map, since the last window began. This and the next are used
    /// only by the thread that is pinned here.
    retired: tally::AtomicUsize,
    /// The word of the epoch at the last end of a window.
    seen: tally::AtomicU64,
}

impl Slot {
    const_unless_loom! {
        pub(super) fn new(index: usize, fences: Fences) -> Self {
            Slot {
                word: AtomicU64::new(0),
                owned: AtomicBool::new(false),
                fences,
                index,
                retired: tally::AtomicUsize::new(0),
                seen: tally::AtomicU64::new(0),
            }
        }
    }

    /// A slot without an owner, which looks as if it had no room for a guard: so a thread without a
    /// slot needs no extra test.
    #[cfg(not(splitmap_loom))]
    pub(super) const fn full() -> Self {
        Slot {
            word: AtomicU64::new(DEPTH),
            owned: AtomicBool::new(true),
            fences: Fences::Symmetric,
            index: usize::MAX,
            retired: tally::AtomicUsize::new(0),
            seen: tally::AtomicU64::new(0),
        }
    }

    #[inline(always)]
    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// How many objects were retired here since the last window began.
    #[inline(always)]
    pub(super) fn retired(&self) -> usize {
        // Relaxed: a statistic, as in the three that follow.
        self.retired.load(Ordering::Relaxed)
    }

    /// Counts an object that was retired here: `retired` after it.
    #[inline(always)]
    pub(super) fn count_retired(&self) -> usize {
        let retired = self.retired() + 1;
        // Relaxed: see `retired`.
        self.retired.store(retired, Ordering::Relaxed);
        retired
    }

    /// Whether the epoch is still the one of the last end of a window.
    pub(super) fn has_seen(&self, now: Epoch) -> bool {
        // Relaxed: see `retired`.
        self.seen.load(Ordering::Relaxed) == now.word()
    }

    /// Remembers the epoch, for `has_seen`.
    pub(super) fn see(&self, now: Epoch) {
        // Relaxed: see `retired`.
        self.seen.store(now.word(), Ordering::Relaxed);
    }

    /// Counts from 0 again, and says whether anything was retired since this was last called.
    pub(super) fn begin_window(&self) -> bool {
        let has_retired = self.retired() > 0;
        // Relaxed: see `retired`.
        self.retired.store(0, Ordering::Relaxed);
        has_retired
    }

    pub(super) fn is_pinned(&self) -> bool {
        // Acquire: pairs with the Release of the last unpin of the slot; what was done under
        // its guards happens before what the caller does now.
        self.word.load(Ordering::Acquire) & DEPTH != 0
    }

    /// Whether the slot is not pinned, or pinned in this epoch.
    pub(super) fn is_idle_or_in(&self, epoch: Epoch) -> bool {
        // Acquire: pairs with the Release of `pin` and of the drop of a pin: a section that is not
        // seen any more happened before.
        let word = self.word.load(Ordering::Acquire);
        word & DEPTH == 0 || word & !DEPTH == epoch.0 & !DEPTH
    }

    /// Whether the slot has an owner: a hint.
    pub(super) fn is_owned(&self) -> bool {
        // Relaxed: a hint.
        self.owned.load(Ordering::Relaxed)
    }

    /// Whether a claim of the slot may succeed: a hint.
    pub(super) fn looks_free(&self) -> bool {
        !self.is_owned() && !self.is_pinned()
    }

    /// Takes the slot, if it has no owner and no guard is alive on it.
    pub(super) fn claim(&self) -> bool {
        if !self.looks_free() {
            return false;
        }
        // Acquire: pairs with the Release in `give_up`; hands over what belongs to the slot's
        // owner, such as its bag in each map.
        // Relaxed: another thread has it.
        let claim = self
            .owned
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed);
        if claim.is_err() {
            return false;
        }
        // Claimed, pinned and given up since we looked.
        if self.is_pinned() {
            self.give_up();
            return false;
        }
        true
    }

    /// The end of owning a slot. Guards may be alive on it.
    pub(super) fn give_up(&self) {
        // Release: pairs with the Acquire in `claim`.
        self.owned.store(false, Ordering::Release);
    }

    /// Pins. The caller owns the slot or has a guard on it. `None` if the slot has room for no more.
    #[inline(always)]
    pub(super) fn pin(&self, now: impl FnOnce() -> Epoch) -> Option<Pin<'_>> {
        // Relaxed: written by us alone.
        let word = self.word.load(Ordering::Relaxed);
        if word & DEPTH == 0 {
            // Release: pairs with the Acquire in `is_pinned` and `is_idle_or_in`: a thread
            // that sees this pin and not the end of the one before it must still come after that end.
            self.word.store(now().0, Ordering::Release);
            self.fences.light();
        } else if !self.pin_again(word) {
            return None;
        }
        Some(Pin { slot: self })
    }

    #[inline(never)]
    fn pin_again(&self, word: u64) -> bool {
        let room = word & DEPTH < DEPTH;
        if room {
            // Release: as in `pin`.
            self.word.store(word + 1, Ordering::Release);
        }
        room
    }
}

/// A pin: while it is alive, nothing is freed that could be reached when it was made.
#[derive(Debug)]
pub struct Pin<'r> {
    slot: &'r Slot,
}

impl Pin<'_> {
    #[inline(always)]
    pub(super) fn slot(&self) -> &Slot {
        self.slot
    }

    /// Unpins and pins again, if this is the only guard on its slot. No fence: the slot is never
    /// seen unpinned, and F of the pin before serves this one too (`docs/RECLAMATION.md`, 4 iii).
    pub(super) fn renew(&mut self, now: impl FnOnce() -> Epoch) {
        if self.is_alone() {
            // Release: as in `Slot::pin`.
            self.slot.word.store(now().0, Ordering::Release);
        }
    }

    /// Whether this is the only guard on its slot.
    pub(super) fn is_alone(&self) -> bool {
        // Relaxed: written by us alone.
        self.slot.word.load(Ordering::Relaxed) & DEPTH == 1
    }
}

impl Drop for Pin<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // Relaxed: written by us alone.
        let word = self.slot.word.load(Ordering::Relaxed);
        // Release: pairs with the Acquire in `is_idle_or_in` and `is_pinned`; what was read under the
        // guard happens before whatever its end allows.
        self.slot.word.store(word - 1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_counted_to_three_also_where_numbers_wrap() {
        for start in [0, 1, u64::MAX / STEP - 1, u64::MAX / STEP] {
            let mut now = Epoch(start * STEP + 1);
            let first = now;
            for steps in [0, 1, 2, 3, 3, 3] {
                assert!(now.0 & DEPTH == 1);
                assert_eq!((first.steps(now), now.steps(first)), (steps, 0));
                now = now.next();
            }
        }
    }

    #[test]
    fn a_slot_takes_only_so_many_guards() {
        let slot = Slot::new(0, Fences::Symmetric);
        let pins: Vec<_> = std::iter::from_fn(|| slot.pin(|| Epoch::FIRST)).collect();
        assert_eq!(pins.len() as u64, DEPTH);
        assert!(slot.is_pinned());
        drop(pins);
        assert!(!slot.is_pinned());
    }
}
