//! The back end on the crate `crossbeam-epoch`: one collector for the whole process.
//!
//! Its garbage belongs to the process and not to a map. So what a map retired may be freed by any
//! thread, long after the map is gone: that is why `K` and `V` must be `Send + 'static`, and the
//! bound stands here alone.

use std::mem::forget;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crossbeam_epoch as epoch;

use super::counter::Counter;
use super::{Dispose, Reclaim, Reclaimer, sealed::Sealed};
use crate::stats::Stats;

/// Reclamation by the crate `crossbeam-epoch` (feature `crossbeam-epoch`).
///
/// | | |
/// |---|---|
/// | types | `K` and `V` must be `Send + 'static` |
/// | retired entries | freed some time after the last guard that could see them; a thread keeps up to 64 until more come or it ends; those of the last moments of the process are never freed |
/// | a destructor that panics | is reported by the panic hook, and goes no further: it ran on a thread that has nothing to do with it |
/// | pinning | a locked instruction; the first pin of a thread and every 128th after it collect, and run destructors |
/// | `get` | lock-free (the back end bounds no number of participants) |
#[derive(Debug)]
pub enum Crossbeam {}

impl Sealed for Crossbeam {}

// SAFETY: crossbeam-epoch's own contract: `pin` protects against `defer_unchecked` of any thread
// on the default collector, which is the only one that this back end uses.
unsafe impl Reclaimer for Crossbeam {
    const DRAINS: bool = false;
    const WAIT_FREE_PIN: bool = false;
    const OWNED_GUARDS: bool = false;
    const BORROWED_ENTRIES: bool = false;

    type Store = Counter;
    type Pin = epoch::Guard;
    type Place<'p> = ();

    fn store() -> Counter {
        Counter::new()
    }

    #[inline]
    unsafe fn pin(_: &Counter) -> epoch::Guard {
        epoch::pin()
    }

    unsafe fn refresh(pin: &mut epoch::Guard) {
        pin.repin();
    }

    #[inline(always)]
    fn covers(_: &Counter, _: &epoch::Guard) -> bool {
        true
    }

    #[inline(always)]
    fn participants(_: &Counter) -> Option<usize> {
        None
    }

    fn len(counter: &Counter) -> usize {
        counter.len()
    }

    unsafe fn place(_: &Counter, _: &epoch::Guard) {}

    unsafe fn retire<D: Dispose>(_: &Counter, pin: &epoch::Guard, (): (), object: *mut ()) {
        let parcel = Parcel(object);
        let dispose = move || {
            // SAFETY: called once, when no guard can reach the object.
            let dispose = || unsafe { parcel.dispose::<D>() };
            // A panic would come out of a stranger's pin, and crossbeam would leak the rest of the
            // batch. The panic hook has reported it. The payload is not dropped: that could panic.
            if let Err(payload) = catch_unwind(AssertUnwindSafe(dispose)) {
                forget(payload);
            }
        };
        // SAFETY: no other guard than those alive now can reach the object (it is unlinked), and it
        // may be freed on any thread and at any time: `D: Send + 'static`.
        unsafe { pin.defer_unchecked(dispose) };
    }

    unsafe fn count<D: Dispose>(counter: &Counter, _: &epoch::Guard, (): (), by: isize) -> u64 {
        counter.count(by)
    }

    unsafe fn tick<D: Dispose>(_: &Counter, _: &epoch::Guard, (): (), _: u64) {}

    /// Hands this thread's garbage to the collector, and lets it collect: best effort.
    unsafe fn flush<D: Dispose>(_: &Counter) {
        // A few rounds: the epoch advances by one in each, and garbage waits for two or three.
        for _ in 0..4 {
            epoch::pin().flush();
        }
    }

    fn stats(_: &Counter) -> Stats {
        Stats::default()
    }
}

/// A retired object on its way to whichever thread frees it.
struct Parcel(*mut ());

// SAFETY: `Crossbeam` takes only objects whose `Dispose` is `Send`.
unsafe impl Send for Parcel {}

impl Parcel {
    /// # Safety
    ///
    /// That of [`Dispose::dispose`].
    unsafe fn dispose<D: Dispose>(self) {
        // SAFETY: the caller's promise.
        unsafe { D::dispose(self.0) }
    }
}

// SAFETY: as for `Reclaimer`; `defer_unchecked` pushes to the thread's own bag, and runs nothing.
unsafe impl<D: Dispose + Send + 'static> Reclaim<D> for Crossbeam {}
