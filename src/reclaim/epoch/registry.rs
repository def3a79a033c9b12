//! Who is pinned: an epoch, and a slot for each thread or guard that may be.
//!
//! A registry holds no garbage. It says one thing: what was unlinked in epoch `e` can be seen by
//! nobody once the epoch is `e + 3` ([`Epoch::is_over`]). `docs/RECLAMATION.md` has the proof by
//! cases; the letters here are its own: **F** is the light fence of a reader, **H** the heavy one
//! of whoever advances.
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
//! * Whoever has a guard on a slot or owns it is alone there: a thread, its guards, or the one
//!   guard that belongs to no thread. Only they write its word.
//! * A slot may be claimed if nobody owns it and no guard is alive on it. Giving a slot up while
//!   guards are alive on it is therefore nothing special: the last of them frees it.
//! * Slots are never freed before the registry is, and `high` is greater than the index of each
//!   that is pinned.

use std::time::{Duration, SystemTime};

use crossbeam_utils::CachePadded;

use super::chunks::Chunks;
use super::fences::Fences;
use crate::sync::tally;
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

const DEPTH: u64 = 0xffff;
const STEP: u64 = DEPTH + 1;

/// How many slots there can be: no more than a map can have bags for.
const MOST_SLOTS: usize = (1 << 24) - 1;

#[cfg(not(loom))]
const FIRST_SLOTS: usize = 16;
#[cfg(loom)]
const FIRST_SLOTS: usize = 2;

/// How many slots are looked at before a new one is taken.
const LOOKS: usize = 64;

/// By how much `high` is lowered at a time.
const LOWERED: usize = if cfg!(loom) { 1 } else { 64 };

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

    pub(super) fn next(self) -> Epoch {
        Epoch(self.0.wrapping_add(STEP))
    }

    /// Whether nobody can see any more, at `now`, what was unlinked before this epoch was read.
    /// `now` may be the older of the two.
    #[inline]
    pub(super) fn is_over(self, now: Epoch) -> bool {
        self.age(now) >= 3 * STEP.cast_signed()
    }

    /// How much later `now` is, in some unit.
    #[inline]
    pub(super) fn age(self, now: Epoch) -> i64 {
        now.0.wrapping_sub(self.0).cast_signed()
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
}

impl Slot {
    #[cfg(not(loom))]
    const fn new(index: usize, fences: Fences) -> Self {
        Slot {
            word: AtomicU64::new(0),
            owned: AtomicBool::new(false),
            fences,
            index,
        }
    }

    #[cfg(loom)]
    fn new(index: usize, fences: Fences) -> Self {
        Slot {
            word: AtomicU64::new(0),
            owned: AtomicBool::new(false),
            fences,
            index,
        }
    }

    /// A slot of nobody, which looks as if not one more guard could be put on it: so whoever has
    /// none yet needs no test of its own.
    #[cfg(not(loom))]
    pub(super) const fn full() -> Self {
        Slot {
            word: AtomicU64::new(DEPTH),
            owned: AtomicBool::new(true),
            fences: Fences::Symmetric,
            index: usize::MAX,
        }
    }

    #[inline(always)]
    pub(super) fn index(&self) -> usize {
        self.index
    }

    fn is_pinned(&self) -> bool {
        // Acquire: pairs with the Release of whoever unpinned the slot last; what was done under
        // its guards happens before what the caller does now.
        self.word.load(Ordering::Acquire) & DEPTH != 0
    }

    /// Takes the slot, if nobody owns it and no guard is alive on it.
    fn claim(&self) -> bool {
        // Relaxed: a hint; asked again below.
        if self.owned.load(Ordering::Relaxed) || self.is_pinned() {
            return false;
        }
        // Acquire: pairs with the Release in `give_up`; hands over what belongs to the slot's
        // owner, such as its bag in each map.
        // Relaxed: somebody else has it.
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
}

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
    /// Where to look first for a slot.
    last_claimed: tally::AtomicUsize,
    /// A [`Fences`], or 0 while nobody has asked.
    fences: tally::AtomicU8,
    /// The attempts to advance that failed since the last that did not.
    blocked: tally::AtomicUsize,
    /// When the first of them was, in nanoseconds since 1970.
    blocked_since: tally::AtomicU64,
}

/// What came of an attempt to advance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    /// The epoch is a later one now, by us or by another.
    pub(super) advanced: bool,
    /// There was a heavy fence.
    pub(super) fenced: bool,
}

impl Registry {
    #[cfg(not(loom))]
    pub(super) const fn new() -> Self {
        Registry {
            epoch: CachePadded::new(AtomicU64::new(Epoch::FIRST.0)),
            slots: Chunks::new(),
            high: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            may_grow_to: tally::AtomicUsize::new(0),
            last_claimed: tally::AtomicUsize::new(0),
            fences: tally::AtomicU8::new(0),
            blocked: tally::AtomicUsize::new(0),
            blocked_since: tally::AtomicU64::new(0),
        }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Registry {
            epoch: CachePadded::new(AtomicU64::new(Epoch::FIRST.0)),
            slots: Chunks::new(),
            high: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            may_grow_to: tally::AtomicUsize::new(0),
            last_claimed: tally::AtomicUsize::new(0),
            fences: tally::AtomicU8::new(0),
            blocked: tally::AtomicUsize::new(0),
            blocked_since: tally::AtomicU64::new(0),
        }
    }

    /// The one way in which this process orders its readers, settled by the first who asks: before
    /// there is a slot, so that no reader can do otherwise.
    fn fences(&self) -> Fences {
        // Relaxed: whichever was written first is the one that everybody reads.
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
    /// Looks at a few of those below `high`, from the one that was claimed last. If they are all
    /// taken, takes a new one as long as that leaves at most a quarter of all unused; else goes
    /// through all. So the steps are bounded by the slots that there are, and these by what was in
    /// use at a time.
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
        let may_grow = high <= LOOKS || high < self.may_grow_to.load(Ordering::Relaxed);
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
        // Relaxed: a scan that comes later sees it, as F, which follows, comes before its H. That
        // goes for a number that was high enough already, too: it comes, by coherence, after
        // whoever wrote it; and nobody is about to lower it, which takes the slot that is ours.
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

    /// Lowers `high` over slots that nobody uses, if there are enough: what many participants
    /// needed at a time is not looked at for ever. A bounded number of steps.
    pub(super) fn lower(&self) {
        // Relaxed: looked at again by the compare-exchange.
        let high = self.high.load(Ordering::Relaxed);
        // The slots are ours meanwhile, so nobody is pinned on them or about to be.
        let ours = (high.saturating_sub(LOWERED)..high)
            .rev()
            .map_while(|index| self.slots.get(index).filter(|slot| slot.claim()));
        let ours: Vec<&Slot> = ours.collect();
        if ours.len() == LOWERED {
            // Release: pairs with the Acquire in `in_use`: a scan that does not look at these slots
            // any more comes after what was done on them.
            // Relaxed: somebody has claimed one that is higher still, or lowered.
            let _ = self.high.compare_exchange(
                high,
                high - LOWERED,
                Ordering::Release,
                Ordering::Relaxed,
            );
        }
        ours.into_iter().for_each(Slot::give_up);
    }

    /// The slots that may be pinned.
    pub(super) fn in_use(&self) -> impl Iterator<Item = &Slot> {
        // Acquire: pairs with the Release in `lower`. After H: see `claim_at`.
        let high = self.high.load(Ordering::Acquire);
        (0..high).filter_map(|index| self.slots.get(index))
    }

    /// An upper bound on the slots that were ever in use.
    pub(super) fn most(&self) -> usize {
        // Relaxed: who asks has acquired what a participant did, and so sees its number.
        self.most.load(Ordering::Relaxed)
    }

    /// Whether nobody is pinned on a slot. After a heavy fence.
    pub(super) fn is_idle(&self, index: usize) -> bool {
        self.slots.get(index).is_none_or(|slot| !slot.is_pinned())
    }

    /// Whether nobody owns a slot: a hint.
    pub(super) fn is_free(&self, index: usize) -> bool {
        let slot = self.slots.get(index);
        // Relaxed: a hint.
        slot.is_none_or(|slot| !slot.owned.load(Ordering::Relaxed))
    }

    #[inline(always)]
    pub(super) fn epoch(&self) -> Epoch {
        // Acquire: pairs with the Release in `advance`. What any scan saw of guards that are gone
        // happens before what follows here; and who reads e + 2 sees all that was unlinked in e.
        Epoch(self.epoch.load(Ordering::Acquire))
    }

    /// Pins a slot that the caller owns or has a guard on; `None` if it has all the guards it can.
    #[inline(always)]
    pub(super) fn pin<'r>(&'r self, slot: &'r Slot) -> Option<Pin<'r>> {
        // Relaxed: written by us alone.
        let word = slot.word.load(Ordering::Relaxed);
        if word & DEPTH == 0 {
            // Release: pairs with the Acquire in `is_pinned` and `all_in`: whoever sees this pin
            // and not the end of the one before it must still come after that end.
            slot.word.store(self.epoch().0, Ordering::Release);
            slot.fences.light();
        } else if !self.pin_again(slot, word) {
            return None;
        }
        Some(Pin { slot })
    }

    #[inline(never)]
    fn pin_again(&self, slot: &Slot, word: u64) -> bool {
        let room = word & DEPTH < DEPTH;
        if room {
            // Release: as in `pin`.
            slot.word.store(word + 1, Ordering::Release);
        }
        room
    }

    /// A pin with a slot of its own: for guards without a thread.
    #[cold]
    pub(super) fn pin_alone(&self) -> Pin<'_> {
        let slot = self.claim();
        let pin = self.pin(slot);
        slot.give_up();
        pin.expect("a slot that was just claimed has no guard")
    }

    /// Unpins and pins again, if there is no other guard on the slot. No fence: the slot is never
    /// seen unpinned, and F of the pin before serves this one too (`docs/RECLAMATION.md`, 4 iii).
    pub(super) fn repin(&self, pin: &mut Pin<'_>) {
        let slot = pin.slot;
        // Relaxed: written by us alone.
        if slot.word.load(Ordering::Relaxed) & DEPTH == 1 {
            // Release: as in `pin`.
            slot.word.store(self.epoch().0, Ordering::Release);
        }
    }

    /// Whether this is the only guard on its slot.
    pub(super) fn is_alone(&self, pin: &Pin<'_>) -> bool {
        // Relaxed: written by us alone.
        pin.slot.word.load(Ordering::Relaxed) & DEPTH == 1
    }

    /// A heavy fence. False if it could not be had.
    pub(super) fn heavy(&self) -> bool {
        self.fences().heavy()
    }

    /// Advances the epoch by one, if every slot that is pinned is pinned in the present one.
    pub(super) fn advance(&self) -> Attempt {
        // Acquire: as in `epoch`.
        let epoch = self.epoch();
        // First without a fence: all it can do wrong is to refuse, and while a guard is held for
        // long, attempts are many. Models leave it out: it would hide what follows.
        let refused = cfg!(not(loom)) && !self.all_in(epoch);
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
            // Relaxed: somebody else has advanced.
            let _ = self.epoch.compare_exchange(
                epoch.0,
                epoch.next().0,
                Ordering::Release,
                Ordering::Relaxed,
            );
            if cfg!(not(loom)) {
                self.lower();
            }
            // Relaxed: statistics.
            self.blocked_since.store(0, Ordering::Relaxed);
            // Relaxed: as above.
            self.blocked.store(0, Ordering::Relaxed);
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
        self.in_use().all(|slot| {
            // Acquire: pairs with the Release of `pin` and of the drop of a pin: a section that is
            // not seen any more happened before.
            let word = slot.word.load(Ordering::Acquire);
            word & DEPTH == 0 || word & !DEPTH == epoch.0 & !DEPTH
        })
    }

    fn note_blocked(&self) {
        // Relaxed: a statistic.
        if self.blocked.fetch_add(1, Ordering::Relaxed) == 0 {
            // Relaxed: a statistic.
            self.blocked_since.store(nanoseconds(), Ordering::Relaxed);
        }
    }

    /// How many attempts failed since the last that did not, and when the first of them was.
    pub(super) fn blocked(&self) -> (usize, Option<SystemTime>) {
        // Relaxed: statistics.
        let blocked = self.blocked.load(Ordering::Relaxed);
        // Relaxed: as above.
        let since = Duration::from_nanos(self.blocked_since.load(Ordering::Relaxed));
        (
            blocked,
            (blocked > 0).then(|| SystemTime::UNIX_EPOCH + since),
        )
    }

    /// How many slots are pinned.
    pub(super) fn pinned(&self) -> usize {
        self.in_use().filter(|slot| slot.is_pinned()).count()
    }
}

/// The time since 1970; 0 where there is no clock to ask.
fn nanoseconds() -> u64 {
    if cfg!(any(miri, target_family = "wasm")) {
        return 0;
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_nanos()).unwrap_or(u64::MAX))
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
}

impl Drop for Pin<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // Relaxed: written by us alone.
        let word = self.slot.word.load(Ordering::Relaxed);
        // Release: pairs with the Acquire in `all_in` and `is_pinned`; what was read under the
        // guard happens before whatever its end allows.
        self.slot.word.store(word - 1, Ordering::Release);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn high(registry: &Registry) -> usize {
        registry.in_use().count()
    }

    #[test]
    fn an_epoch_is_over_three_later_also_where_numbers_wrap() {
        for start in [0, 1, u64::MAX / STEP - 1, u64::MAX / STEP] {
            let stamp = Epoch(start * STEP + 1);
            let (second, third) = (stamp.next().next(), stamp.next().next().next());
            assert!(third.0 & DEPTH == 1 && third.is_over(third.next().next().next()));
            assert!(stamp.is_over(third) && !stamp.is_over(second));
            assert!(!third.is_over(stamp), "the older of the two is asked about");
        }
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
        assert!(!registry.is_alone(&pin));
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
    fn a_slot_takes_only_so_many_guards() {
        let registry = Registry::new();
        let slot = registry.claim();
        let pins: Vec<_> = std::iter::from_fn(|| registry.pin(slot)).collect();
        assert_eq!(pins.len() as u64, DEPTH);
        assert!(!registry.is_idle(slot.index()));
        drop(pins);
        assert!(registry.is_idle(slot.index()));
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
}
