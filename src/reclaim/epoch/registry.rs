//! The participants: an epoch, and a slot for each thread or guard that may be pinned.
//!
//! A registry holds no garbage. It guarantees one thing: once the epoch is `e + 3`, which `garbage`
//! counts, no thread can see what was unlinked in epoch `e`. `docs/RECLAMATION.md` has the proof by
//! cases; the letters here are its own: **F** is the light fence of a reader, **H** the heavy one
//! of a thread that advances.
//!
//! # Invariant
//!
//! Slots are never freed before the registry is, and `high` is greater than the index of each that
//! is pinned.

use std::time::{Duration, SystemTime};

use crossbeam_utils::CachePadded;

use super::chunks::Chunks;
use super::fences::Fences;
use super::slot::{Epoch, Pin, Slot};
use crate::sync::tally;
use crate::sync::{AtomicU64, AtomicUsize, MODELLED, Ordering, const_unless_loom};

/// How many slots there can be: no more than a map can have bags for.
const MOST_SLOTS: usize = (1 << 24) - 1;

#[cfg(not(splitmap_loom))]
const FIRST_SLOTS: usize = 16;
#[cfg(splitmap_loom)]
const FIRST_SLOTS: usize = 2;

/// How many slots are looked at before a new one is taken.
const LOOKS: usize = 64;

/// By how much `high` is lowered at a time.
const LOWERED: usize = if MODELLED { 1 } else { 64 };

/// See the file's header.
pub struct Registry {
    epoch: CachePadded<AtomicU64>,
    slots: Chunks<Slot, FIRST_SLOTS>,
    /// Greater than the index of every slot that is pinned.
    high: AtomicUsize,
    /// Greater than the index of every slot that was ever pinned.
    most: AtomicUsize,
    /// Up to here new slots may be taken without a look at all others.
    may_grow_to: tally::AtomicUsize,
    /// Where to look first for a slot. Written by every claim: not beside what all read.
    last_claimed: CachePadded<tally::AtomicUsize>,
    /// A [`Fences`], or 0 before the first call of `fences`.
    fences: tally::AtomicU8,
    /// The attempts to advance that failed since the last success.
    blocked: tally::AtomicUsize,
    /// When the first of them was, in nanoseconds since 1970.
    blocked_since: tally::AtomicU64,
}

/// The result of an attempt to advance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    /// The epoch is a later one now, by us or by another.
    pub(super) advanced: bool,
    /// The attempt executed a heavy fence.
    pub(super) fenced: bool,
}

impl Registry {
    const_unless_loom! {
        pub(super) fn new() -> Self {
            Registry {
                epoch: CachePadded::new(AtomicU64::new(Epoch::FIRST.word())),
                slots: Chunks::new(),
                high: AtomicUsize::new(0),
                most: AtomicUsize::new(0),
                may_grow_to: tally::AtomicUsize::new(0),
                last_claimed: CachePadded::new(tally::AtomicUsize::new(0)),
                fences: tally::AtomicU8::new(0),
                blocked: tally::AtomicUsize::new(0),
                blocked_since: tally::AtomicU64::new(0),
            }
        }
    }

    /// The one way in which this process orders its readers. The first call decides it, before there
    /// is a slot, so that every reader uses it.
    fn fences(&self) -> Fences {
        // Relaxed: all threads read the value that was written first.
        match self.fences.load(Ordering::Relaxed) {
            0 => {
                let answer = Fences::of_the_system();
                // Relaxed: as above.
                let first = self.fences.compare_exchange(
                    0,
                    answer as u8,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                );
                first.map_or_else(Self::decode, |_| answer)
            }
            known => Self::decode(known),
        }
    }

    fn decode(fences: u8) -> Fences {
        if fences == Fences::Asymmetric as u8 {
            Fences::Asymmetric
        } else {
            Fences::Symmetric
        }
    }

    /// A slot that is the caller's alone, to be given up.
    ///
    /// Looks at a few of those below `high`, from the one that was claimed last. If all of them are
    /// taken, takes a new one as long as that leaves at most a quarter of all unused; otherwise looks
    /// at all. So the number of steps is bounded by the number of slots, and that by the most slots
    /// that were in use at a time.
    ///
    /// # Panics
    ///
    /// If there are too many in use.
    pub(super) fn claim(&self) -> &Slot {
        // Relaxed: a hint, as the two that follow.
        let high = self.high.load(Ordering::Relaxed);
        // Relaxed: as above.
        let last = self.last_claimed.load(Ordering::Relaxed);
        let near = (0..high.min(LOOKS)).map(|step| (last + step) % high);
        // Relaxed: as above.
        let may_grow =
            high < MOST_SLOTS && (high <= LOOKS || high < self.may_grow_to.load(Ordering::Relaxed));
        let all = 0..if may_grow { 0 } else { high };
        for index in near.chain(all) {
            if let Some(slot) = self.claim_at(index) {
                return slot;
            }
        }
        if !may_grow {
            // Relaxed: as above.
            self.may_grow_to.store(high + high / 4, Ordering::Relaxed);
        }
        for index in high..MOST_SLOTS {
            if let Some(slot) = self.claim_at(index) {
                return slot;
            }
        }
        panic!("splitmap: {MOST_SLOTS} threads and owned guards are alive, and no more can be");
    }

    fn claim_at(&self, index: usize) -> Option<&Slot> {
        let fences = self.fences();
        let make = |index| Slot::new(index, fences);
        let slot = self.slots.get_or_make(index, make);
        if !slot.claim() {
            return None;
        }
        // Relaxed: a scan that comes later sees it, as F, which follows, comes before its H. The
        // same holds if the number was high enough already: by coherence the scan reads that write
        // or a later one. And no thread is about to lower it: that takes the slot, which is ours.
        if self.high.load(Ordering::Relaxed) <= index {
            // Relaxed: as above. An RMW, so that it does not fall.
            self.high.fetch_max(index + 1, Ordering::Relaxed);
        }
        // Relaxed: as above, but that it never falls.
        if self.most.load(Ordering::Relaxed) <= index {
            // Relaxed: published by what the participant does.
            self.most.fetch_max(index + 1, Ordering::Relaxed);
        }
        // Relaxed: a hint.
        self.last_claimed.store(index, Ordering::Relaxed);
        Some(slot)
    }

    /// Lowers `high` over unused slots, if there are enough, so that scans stop looking at slots that
    /// many participants once needed. A bounded number of steps.
    pub(super) fn lower(&self) {
        // Relaxed: the compare-exchange checks it again.
        let high = self.high.load(Ordering::Relaxed);
        let Some(lower) = high.checked_sub(LOWERED) else {
            return;
        };
        let top = (lower..high).rev().filter_map(|i| self.slots.get(i));
        if !top.clone().all(Slot::looks_free) {
            return;
        }
        // The slots are ours meanwhile, so no thread is pinned on them or about to be. They are
        // the first `ours` of `top`. A vector of them would call the allocator, which may look for a
        // slot, too.
        let ours = top.clone().take_while(|slot| slot.claim());
        let ours = ours.count();
        if ours == LOWERED {
            // Release: pairs with the Acquire in `in_use`: a scan that does not look at these slots
            // any more comes after what was done on them.
            // Relaxed: another thread has claimed a higher one, or lowered.
            let _ = self
                .high
                .compare_exchange(high, lower, Ordering::Release, Ordering::Relaxed);
            // Relaxed: a hint.
            self.may_grow_to.fetch_min(lower, Ordering::Relaxed);
        }
        top.take(ours).for_each(Slot::give_up);
    }

    /// The slots that may be pinned.
    pub(super) fn in_use(&self) -> impl Iterator<Item = &Slot> {
        // Acquire: pairs with the Release in `lower`. After H: see `claim_at`.
        let high = self.high.load(Ordering::Acquire);
        (0..high).filter_map(|index| self.slots.get(index))
    }

    /// An upper bound on the slots that were ever in use.
    pub(super) fn most(&self) -> usize {
        // Relaxed: a caller that has acquired what a participant did sees its number.
        self.most.load(Ordering::Relaxed)
    }

    /// Whether no thread or guard is pinned on a slot. Call it after a heavy fence.
    pub(super) fn is_idle(&self, index: usize) -> bool {
        self.slots.get(index).is_none_or(|slot| !slot.is_pinned())
    }

    #[inline(always)]
    pub(super) fn epoch(&self) -> Epoch {
        // Acquire: pairs with the Release in `advance`. What any scan saw of guards that are gone
        // happens before what follows here; a thread that reads e + 2 sees all unlinks of epoch e.
        Epoch::of_word(self.epoch.load(Ordering::Acquire))
    }

    /// Pins a slot that the caller owns or has a guard on; `None` if it has all the guards it can.
    #[inline(always)]
    pub(super) fn pin<'r>(&'r self, slot: &'r Slot) -> Option<Pin<'r>> {
        slot.pin(|| self.epoch())
    }

    /// A pin with a slot of its own: for guards without a thread.
    #[cold]
    pub(super) fn pin_alone(&self) -> Pin<'_> {
        let slot = self.claim();
        let pin = self.pin(slot);
        slot.give_up();
        pin.expect("a slot that was just claimed has no guard")
    }

    /// Unpins and pins again, if there is no other guard on the slot.
    pub(super) fn repin(&self, pin: &mut Pin<'_>) {
        pin.renew(|| self.epoch());
    }

    /// A heavy fence. False if the system refuses it.
    pub(super) fn heavy(&self) -> bool {
        self.fences().heavy()
    }

    /// Advances the epoch by one, if every slot that is pinned is pinned in the present one.
    pub(super) fn advance(&self) -> Attempt {
        // Acquire: as in `epoch`.
        let epoch = self.epoch();
        // First without a fence: all it can do wrong is to refuse, and while a guard is held for
        // long, attempts are many. Models leave it out: it would hide what follows.
        let refused = !MODELLED && !self.all_in(epoch);
        if refused || !self.heavy() {
            self.note_blocked();
            return Attempt {
                advanced: false,
                fenced: false,
            };
        }
        // H is before this: `high`, the chunks and the words are read after it.
        let all_in = self.all_in(epoch);
        if all_in {
            // Release: pairs with the Acquire in `epoch`; hands on what the scan has seen. What
            // earlier scans have seen was acquired with the epoch, which is still the same. Not a
            // store: one that comes late would take the epoch back.
            // Relaxed: another thread has advanced.
            let _ = self.epoch.compare_exchange(
                epoch.word(),
                epoch.next().word(),
                Ordering::Release,
                Ordering::Relaxed,
            );
            if !MODELLED {
                self.lower();
            }
            // Relaxed: a statistic.
            self.blocked_since.store(0, Ordering::Relaxed);
            // Release: pairs with the Acquire in `note_blocked`, whose time comes after this 0.
            self.blocked.store(0, Ordering::Release);
        } else {
            self.note_blocked();
        }
        Attempt {
            advanced: all_in,
            fenced: true,
        }
    }

    /// Whether every slot that is pinned is pinned in this epoch.
    fn all_in(&self, epoch: Epoch) -> bool {
        self.in_use().all(|slot| slot.is_idle_or_in(epoch))
    }

    fn note_blocked(&self) {
        // Acquire: pairs with the Release in `advance`.
        if self.blocked.fetch_add(1, Ordering::Acquire) == 0 {
            // Relaxed: a statistic.
            self.blocked_since.store(nanoseconds(), Ordering::Relaxed);
        }
    }

    /// How many attempts failed since the last success, and when the first of them was.
    pub(super) fn blocked(&self) -> (usize, Option<SystemTime>) {
        // Relaxed: statistics.
        let blocked = self.blocked.load(Ordering::Relaxed);
        // Relaxed: as above.
        let since = self.blocked_since.load(Ordering::Relaxed);
        let is_known = blocked > 0 && since > 0;
        let since = SystemTime::UNIX_EPOCH + Duration::from_nanos(since);
        (blocked, is_known.then_some(since))
    }

    /// How many slots are pinned.
    pub(super) fn pinned(&self) -> usize {
        self.in_use().filter(|slot| slot.is_pinned()).count()
    }
}

/// The time since 1970; 0 where there is no clock.
fn nanoseconds() -> u64 {
    if cfg!(any(miri, target_family = "wasm")) {
        return 0;
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn high(registry: &Registry) -> usize {
        registry.in_use().count()
    }

    #[test]
    fn a_pin_keeps_the_epoch_and_refreshing_lets_it_go_on() {
        let registry = Registry::new();
        let slot = registry.claim();
        let mut pin = registry.pin(slot).unwrap();
        assert!(registry.advance().advanced);
        assert!(!registry.advance().advanced);
        registry.repin(&mut pin);
        assert!(registry.advance().advanced);
        let second = registry.pin(slot).unwrap();
        assert!(!pin.is_alone());
        registry.repin(&mut pin);
        assert!(!registry.advance().advanced, "another guard is on the slot");
        drop((pin, second));
        assert!(registry.advance().advanced);
    }

    #[test]
    fn a_slot_with_a_guard_is_nobody_elses() {
        let registry = Registry::new();
        let slot = registry.claim();
        let pin = registry.pin(slot).unwrap();
        slot.give_up();
        assert_eq!(registry.claim().index(), 1);
        drop(pin);
        registry.last_claimed.store(0, Ordering::Relaxed);
        assert_eq!(registry.claim().index(), 0);
    }

    #[test]
    fn slots_are_used_again_while_many_others_are_kept() {
        let registry = Registry::new();
        let kept: Vec<_> = (0..300).map(|_| registry.pin_alone()).collect();
        let mut last = registry.pin_alone();
        for _ in 0..10_000 {
            // The next is there before the last is gone.
            last = registry.pin_alone();
        }
        drop(last);
        let most = registry.most();
        assert!(
            most <= 302 + 302 / 4 + LOOKS,
            "{most} slots for 302 at a time"
        );
        drop(kept);
    }

    #[test]
    fn what_many_needed_is_not_looked_at_for_ever() {
        let registry = Registry::new();
        let pins: Vec<_> = (0..1_000).map(|_| registry.pin_alone()).collect();
        assert!(high(&registry) >= 1_000);
        drop(pins);
        for _ in 0..100 {
            assert!(registry.advance().advanced);
        }
        assert!(
            high(&registry) < LOWERED,
            "{} slots are looked at",
            high(&registry)
        );
        assert!(registry.most() >= 1_000, "who took part is remembered");
        let pin = registry.pin_alone();
        assert!(registry.advance().advanced && !registry.advance().advanced);
        drop(pin);
    }

    #[test]
    fn what_was_settled_first_is_read_by_all() {
        let registry = Registry::new();
        let first = registry.fences();
        assert_eq!(registry.fences(), first);
        for fences in [Fences::Symmetric, Fences::Asymmetric] {
            assert_eq!(Registry::decode(fences as u8), fences);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "it knows no time of day")]
    fn the_first_attempt_that_failed_is_remembered() {
        let registry = Registry::new();
        let mut pin = registry.pin_alone();
        assert!(registry.advance().advanced);
        assert_eq!(registry.blocked(), (0, None));
        assert!(!registry.advance().advanced);
        let (blocked, since) = registry.blocked();
        assert!(blocked == 1 && since.is_some());
        std::thread::sleep(Duration::from_millis(2));
        assert!(!registry.advance().advanced);
        assert_eq!(registry.blocked(), (2, since));
        registry.repin(&mut pin);
        assert!(registry.advance().advanced);
        assert_eq!(registry.blocked(), (0, None));
    }

    #[test]
    fn a_quarter_at_most_is_taken_anew_while_others_are_free() {
        let registry = Registry::new();
        let mut pins: Vec<_> = (0..400).map(|_| registry.pin_alone()).collect();
        let most = registry.most();
        pins.drain(100..300);
        for _ in 0..150 {
            // None of those that are looked at first is free. Relaxed: there is no other thread.
            registry.last_claimed.store(399, Ordering::Relaxed);
            pins.push(registry.pin_alone());
        }
        let now = registry.most();
        assert!(now <= most + most / 4 + 1, "{now} slots after {most}");
    }
}
