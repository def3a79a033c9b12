//! The registry of the process, and this thread's slot in it.

use std::cell::Cell;
use std::ptr;
#[cfg(not(splitmap_shuttle))]
use std::thread_local;

#[cfg(splitmap_shuttle)]
use shuttle::{lazy_static, thread_local};

use super::registry::Registry;
use super::slot::{Pin, Slot};

#[cfg(not(splitmap_shuttle))]
pub(super) static REGISTRY: Registry = Registry::new();

// One for each execution.
#[cfg(splitmap_shuttle)]
lazy_static! {
    pub(super) static ref REGISTRY: Registry = Registry::new();
}

/// What a thread has before it has a slot, and after it has given it up.
static NONE: Slot = Slot::full();

thread_local! {
    // No destructor: it can be read as long as the thread runs.
    static SLOT: Cell<&'static Slot> = const { Cell::new(&NONE) };
    static EXIT: Exit = const { Exit(Cell::new(&NONE)) };
}

/// Gives the thread's slot up when its locals are destroyed. Guards may be alive: in other
/// thread-locals, which go later, or leaked.
struct Exit(Cell<&'static Slot>);

impl Drop for Exit {
    fn drop(&mut self) {
        // No error: `SLOT` has no destructor. (In shuttle it may be gone.)
        let _ = SLOT.try_with(|slot| slot.set(&NONE));
        self.0.get().give_up();
    }
}

/// Pins this thread.
#[inline(always)]
pub(super) fn pin() -> Pin<'static> {
    // Only the address comes out of `with`: a body in it would not be inlined here.
    let slot = SLOT.with(Cell::get);
    match REGISTRY.pin(slot) {
        Some(pin) => pin,
        None => pin_without_slot(slot),
    }
}

/// Pins where the thread has no slot (not yet, or no longer), or its slot has room for no more guards.
#[cold]
#[inline(never)]
fn pin_without_slot(slot: &'static Slot) -> Pin<'static> {
    if ptr::eq(slot, &NONE) {
        let register = |exit: &Exit| {
            let slot = REGISTRY.claim();
            let first = exit.0.get();
            if !ptr::eq(first, &NONE) {
                // The claim may have called the allocator, which has pinned this thread meanwhile.
                slot.give_up();
                return first;
            }
            exit.0.set(slot);
            SLOT.with(|ours| ours.set(slot));
            slot
        };
        // An error: the thread is ending, and would not give a slot up again.
        if let Some(pin) = EXIT
            .try_with(register)
            .ok()
            .and_then(|slot| REGISTRY.pin(slot))
        {
            return pin;
        }
    }
    REGISTRY.pin_alone()
}
