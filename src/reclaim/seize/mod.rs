//! The back end on the crate `seize`: one collector for each map.
//!
//! The collector lies in a box, since pins point to it while the map is borrowed, and the map may
//! move when it is not. It is made by the first pin.
//!
//! # Threads that end
//!
//! seize knows a thread by a number, which a thread-local gives back while the thread ends. After
//! that the number, and with it the thread's place in every collector, belongs to the next thread;
//! and seize panics if it is asked for a local guard again. Safe code gets there: with a guard in a
//! thread-local of its own, or with one that it leaks. So this file registers a destructor right
//! after seize has, which runs right before seize's (the last registered runs first), and from
//! then on this thread is [`Leaving`](Life::Leaving):
//!
//! * Its local guards are not dropped but laid down in the map as orphans. As a place counts its
//!   guards, and counts an orphan or a leaked guard too, it stays active, and protects, whoever
//!   comes and goes there. The thread that has the number next picks up the orphans.
//! * Its new pins are without a thread: see below.
//! * What it retires is laid down as a letter, for a thread that is not leaving to hand to seize.
//!
//! # Pins without a thread
//!
//! They are not seize's owned guards. One of those takes any number that is free, enters that place
//! without a look at its guards, and makes it inactive when it leaves: a guard that was leaked
//! there by a thread that ended would protect nothing any more, while references that were read
//! under it are still in use. And it frees what it was the last to see on whatever thread drops it,
//! of a map that may be bound to another.
//!
//! So they are counted in a [`Shelter`], and dropping one frees nothing. An object that seize would
//! free waits there until each of two counters was seen at zero. All of seize's places are
//! therefore entered by local guards alone.

mod shelter;

use std::cell::Cell;
use std::mem::{ManuallyDrop, forget, offset_of};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use ::seize::{Collector, Guard as _, LocalGuard};

use super::counter::Counter;
use super::lazy::LazyBox;
use super::stack::Stack;
use super::{Dispose, Reclaim, ReclaimOwned, Reclaimer, sealed::Sealed};
use crate::stats::Stats;
use crate::sync::{Ordering, fence};
use shelter::{Parcel, Shelter};

/// Reclamation by the crate `seize` (feature `seize`).
///
/// | | |
/// |---|---|
/// | types | any `K` and `V`: borrowed ones too, and if the map stays on one thread such that cannot be sent |
/// | retired entries | a thread gathers 32 (or as many as there are processors, or guards), and hands them over; they are freed where the last local guard that could see them is dropped or refreshed, by whichever thread drops it, or at the end of a write or in [`flush`](crate::HashMap::flush) if an owned guard could see them; what is left, when the map is dropped. `flush` hands over what the calling thread gathered, not what others did. What a guard that is leaked could see is never freed |
/// | a destructor that panics | is reported by the panic hook, and goes no further: it ran on a thread that has nothing to do with it |
/// | pinning | a fence and a locked instruction, about as long as locking a mutex that nobody else wants; dropping a guard runs destructors. The first pin makes the collector, of some 17 KiB a map on two processors, and more on more |
/// | owned guards | yes: each a locked instruction on a line that they share |
/// | `get` | lock-free (the back end bounds no number of participants) |
#[derive(Debug)]
pub enum Seize {}

impl Sealed for Seize {}

/// What a map holds. Nothing is allocated before the first pin.
pub struct Store {
    heart: LazyBox<Heart>,
}

struct Heart {
    collector: Collector,
    /// Retired by threads that were leaving: seize does not know of them yet.
    letters: Stack<Parcel>,
    /// Guards that threads had when they were leaving, alive as far as seize knows.
    orphans: Stack<LocalGuard<'static>>,
    shelter: Shelter,
    entries: Counter,
    garbage: Counter,
}

/// A thread that is pinned.
pub struct Pin {
    heart: &'static Heart,
    hold: Hold,
}

enum Hold {
    Local(ManuallyDrop<LocalGuard<'static>>),
    /// The thread was leaving. Dropped with the pin.
    Sheltered {
        _pin: OwnedPin,
    },
}

/// A pin of no thread.
pub struct OwnedPin {
    heart: &'static Heart,
    side: usize,
}

/// How a thread stands to its number in seize.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    /// It has not pinned yet.
    Unknown,
    /// It has its number.
    Living,
    /// Its number is given back, or will be soon.
    Leaving,
}

thread_local! {
    // No destructor: it can be read as long as the thread runs.
    static LIFE: Cell<Life> = const { Cell::new(Life::Unknown) };
    static EXIT: Exit = const { Exit };
}

/// Runs before seize gives the thread's number back: see the file's header.
struct Exit;

impl Drop for Exit {
    fn drop(&mut self) {
        LIFE.set(Life::Leaving);
    }
}

/// What makes seize's guards protect the core's loads.
///
/// They are promised to protect loads that are `SeqCst`: on some systems seize's barrier for
/// readers is a `SeqCst` store and nothing more. The core's loads are `Acquire`.
#[inline(always)]
fn strengthen() {
    // Fence: its partner is seize's heavy barrier, which stands between an unlink and the look at
    //        who is active; - if this one comes first, that look sees this thread active;
    //        - if the other comes first, this thread sees the unlink.
    fence(Ordering::SeqCst);
}

impl Heart {
    fn new() -> Self {
        Heart {
            collector: Collector::new(),
            letters: Stack::new(),
            orphans: Stack::new(),
            shelter: Shelter::new(),
            entries: Counter::new(),
            garbage: Counter::new(),
        }
    }

    /// # Safety
    ///
    /// `collector` is that of a heart whose address was exposed.
    unsafe fn of(collector: &Collector) -> &Heart {
        let address = ptr::from_ref(collector).addr() - offset_of!(Heart, collector);
        // SAFETY: the caller's promise. The heart lives as long as its collector, and it is not
        // borrowed mutably before nothing is left that seize could free.
        unsafe { &*ptr::with_exposed_provenance(address) }
    }

    #[inline]
    fn pin(&'static self) -> Pin {
        Pin {
            heart: self,
            hold: self.hold(),
        }
    }

    #[inline]
    fn hold(&'static self) -> Hold {
        let hold = match LIFE.get() {
            Life::Living => Hold::Local(ManuallyDrop::new(self.collector.enter())),
            Life::Unknown => self.first_hold(),
            Life::Leaving => self.sheltered(),
        };
        strengthen();
        hold
    }

    #[cold]
    fn sheltered(&'static self) -> Hold {
        Hold::Sheltered {
            _pin: OwnedPin::new(self),
        }
    }

    #[cold]
    fn first_hold(&'static self) -> Hold {
        // It panics if this thread used seize for something else, and is leaving already.
        match catch_unwind(AssertUnwindSafe(|| self.collector.enter())) {
            Ok(guard) => {
                // After seize's own: see the file's header.
                EXIT.with(|_| LIFE.set(Life::Living));
                Hold::Local(ManuallyDrop::new(guard))
            }
            Err(payload) => {
                forget(payload);
                LIFE.set(Life::Leaving);
                self.sheltered()
            }
        }
    }

    /// # Safety
    ///
    /// The parcel is of this heart, and nobody can see its object.
    unsafe fn free(&self, parcel: Parcel) {
        // SAFETY: the caller's promise.
        let dispose = || unsafe { (parcel.dispose)(parcel.object) };
        // A panic would come out of a stranger's guard. And seize would go no further: it would
        // free nothing twice, but lose the rest of the batch, and every batch that it was to look
        // at after this one. The payload is not dropped: that could panic.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(dispose)) {
            forget(payload);
        }
        self.garbage.count(-1);
    }

    /// Does what others left to do.
    ///
    /// # Safety
    ///
    /// The pin is of this heart and this thread, and the heart's map retires for `D`.
    #[inline]
    unsafe fn sweep<D: Dispose>(&self, pin: &Pin) {
        if self.letters.has_some() || self.orphans.has_some() {
            // SAFETY: the caller's promise.
            unsafe { self.take_in::<D>(pin) };
        }
        if self.shelter.has_some() {
            for parcel in self.shelter.leave() {
                // SAFETY: seize says that no local guard can see it, and the shelter that no other
                // pin can.
                unsafe { self.free(parcel) };
            }
        }
    }

    /// # Safety
    ///
    /// That of `sweep`.
    #[cold]
    unsafe fn take_in<D: Dispose>(&self, pin: &Pin) {
        let Some(guard) = pin.living() else {
            return;
        };
        for letter in self.letters.take() {
            // SAFETY: it was unlinked before it was laid down, so nobody who enters after this can
            // reach it; it has left the stack, so it is retired once.
            unsafe { guard.defer_retire(letter.object, release::<D>) };
        }
        for orphan in self.orphans.take() {
            if orphan.thread_id() == guard.thread_id() {
                // The number is this thread's now, and so is the place. Not the last guard there.
                drop(orphan);
            } else {
                self.orphans.push(orphan);
            }
        }
    }

    /// Frees all that is retired.
    ///
    /// # Safety
    ///
    /// The heart's map is being dropped. Nobody else has a pin, or ever uses one that was leaked.
    unsafe fn drain(&self) {
        // With nobody else there, their places are this thread's as much as anybody's.
        drop(self.orphans.take());
        for letter in self.letters.take() {
            // SAFETY: nobody is left to see it.
            unsafe { self.free(letter) };
        }
        // SAFETY: no thread is active, as no guard is left. What frees uses the heart by shared
        // references alone, as this does.
        unsafe { self.collector.reclaim_all() };
        for parcel in self.shelter.evict() {
            // SAFETY: nobody is left to see it: what is counted there was leaked.
            unsafe { self.free(parcel) };
        }
    }
}

impl Store {
    fn heart(&self) -> &'static Heart {
        let heart = ptr::from_ref(self.heart.get_or_make(Heart::new));
        // SAFETY: it stays in its box until the store is dropped, and pins do not outlive that.
        unsafe { &*heart }
    }

    #[inline]
    fn is_of(&self, heart: &Heart) -> bool {
        self.heart.get().is_some_and(|own| ptr::eq(own, heart))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(heart) = self.heart.get() {
            // SAFETY: the store goes, and no pin outlives it.
            unsafe { heart.drain() };
        }
    }
}

impl Pin {
    /// The guard, if seize can be asked by it.
    #[inline]
    fn living(&self) -> Option<&LocalGuard<'static>> {
        match &self.hold {
            Hold::Local(guard) if LIFE.get() == Life::Living => Some(guard),
            _ => None,
        }
    }
}

impl Drop for Pin {
    #[inline]
    fn drop(&mut self) {
        if let Hold::Local(guard) = &mut self.hold {
            // SAFETY: taken once, as the pin goes.
            let guard = unsafe { ManuallyDrop::take(guard) };
            match LIFE.get() {
                Life::Living => drop(guard),
                _ => self.heart.orphans.push(guard),
            }
        }
    }
}

impl OwnedPin {
    fn new(heart: &'static Heart) -> Self {
        OwnedPin {
            heart,
            side: heart.shelter.enter(),
        }
    }
}

impl Drop for OwnedPin {
    fn drop(&mut self) {
        self.heart.shelter.exit(self.side);
    }
}

// SAFETY: seize's contract: what is retired under a local guard is freed when all local guards that
// were alive then are gone, which holds for the core's loads by `strengthen`, and for threads that
// end by the file's header. For the pins without a thread see `Shelter`.
unsafe impl Reclaimer for Seize {
    const DRAINS: bool = true;
    const WAIT_FREE_PIN: bool = false;
    const OWNED_GUARDS: bool = true;
    const BORROWED_ENTRIES: bool = true;

    type Store = Store;
    type Pin = Pin;
    type Place<'p> = ();

    fn store() -> Store {
        Store {
            heart: LazyBox::new(),
        }
    }

    #[inline]
    unsafe fn pin(store: &Store) -> Pin {
        store.heart().pin()
    }

    unsafe fn refresh(pin: &mut Pin) {
        match &mut pin.hold {
            Hold::Local(guard) if LIFE.get() == Life::Living => {
                guard.refresh();
                strengthen();
            }
            _ => *pin = pin.heart.pin(),
        }
    }

    #[inline(always)]
    fn covers(store: &Store, pin: &Pin) -> bool {
        store.is_of(pin.heart)
    }

    #[inline(always)]
    fn participants(_: &Store) -> Option<usize> {
        None
    }

    fn len(store: &Store) -> usize {
        store.heart.get().map_or(0, |heart| heart.entries.len())
    }

    unsafe fn place(_: &Store, _: &Pin) {}

    unsafe fn retire<D: Dispose>(_: &Store, pin: &Pin, (): (), object: *mut ()) {
        let heart = pin.heart;
        ptr::from_ref(heart).expose_provenance();
        heart.garbage.count(1);
        match pin.living() {
            // SAFETY: unlinked, so nobody who enters after this can reach it; and `release` takes
            // what is retired for `D`.
            Some(guard) => unsafe { guard.defer_retire(object, release::<D>) },
            None => heart.letters.push(Parcel::new::<D>(object)),
        }
    }

    unsafe fn count<D: Dispose>(_: &Store, pin: &Pin, (): (), by: isize) -> u64 {
        pin.heart.entries.count(by)
    }

    #[inline]
    unsafe fn tick<D: Dispose>(_: &Store, pin: &Pin, (): (), _: u64) {
        // SAFETY: the caller's promise.
        unsafe { pin.heart.sweep::<D>(pin) };
    }

    /// Hands over what this thread has gathered, and frees what no guard can see of what was handed
    /// over: best effort.
    unsafe fn flush<D: Dispose>(store: &Store) {
        // What waits in the shelter needs each side to be seen empty, one at a time.
        for _ in 0..3 {
            // SAFETY: dropped here.
            let pin = unsafe { Self::pin(store) };
            // SAFETY: the caller's promise.
            unsafe { pin.heart.sweep::<D>(&pin) };
            if let Some(guard) = pin.living() {
                guard.flush();
            }
        }
    }

    fn stats(store: &Store) -> Stats {
        let pending = store.heart.get().map_or(0, |heart| heart.garbage.len());
        Stats {
            pending: Some(pending),
            ..Stats::default()
        }
    }
}

// SAFETY: see `Shelter`. Making, using and dropping such a pin frees nothing, on any thread.
unsafe impl ReclaimOwned for Seize {
    type OwnedPin = OwnedPin;

    unsafe fn pin_owned(store: &Store) -> OwnedPin {
        OwnedPin::new(store.heart())
    }

    unsafe fn refresh_owned(pin: &mut OwnedPin) {
        *pin = OwnedPin::new(pin.heart);
    }

    #[inline(always)]
    fn covers_owned(store: &Store, pin: &OwnedPin) -> bool {
        store.is_of(pin.heart)
    }
}

/// seize's callback: no local guard can see the object any more.
///
/// It runs where a local guard is dropped or refreshed, in `tick`, in `flush`, or where the map is
/// dropped: always on a thread that holds the map.
///
/// # Safety
///
/// The object was retired for `D`, to a heart with this collector.
unsafe fn release<D: Dispose>(object: *mut (), collector: &Collector) {
    // SAFETY: `retire` exposed the address.
    let heart = unsafe { Heart::of(collector) };
    let parcel = Parcel::new::<D>(object);
    if heart.shelter.is_empty(0) && heart.shelter.is_empty(1) {
        // SAFETY: no pin without a thread can see the object either.
        unsafe { heart.free(parcel) };
    } else {
        heart.shelter.take_in(parcel);
    }
}

// SAFETY: as for `Reclaimer`. seize frees within `defer_retire` only if no guard is active, and
// this pin's own is; so `retire` runs no user code.
unsafe impl<D: Dispose> Reclaim<D> for Seize {}
