//! Guarantee H at its edges: what nothing costs, what too much says, and that a million keys with a
//! weak hash cost no more than with a good one.
//!
//! - A map without entries has no memory, and no call that leaves it empty gives it any, but for
//!   what its first pin costs with `Seize`.
//! - A map that is dropped gives back all that it had, what was removed from it included, if its
//!   back end drains.
//! - A capacity that cannot be is refused by a panic that names it, and leaves nothing behind; nor
//!   does a `reserve` that is refused.
//! - A key is hashed once an operation, and never again when the table grows. The work of a search
//!   is counted in comparisons, not in time.
//!
//! The allocator of this process counts. Each thread has its own count, as tests run side by side.
//!
//! Under AddressSanitizer set `ASAN_OPTIONS=allocator_may_return_null=1`: one test asks for more
//! memory than there is.

#![allow(clippy::duplicate_mod, reason = "a suite runs on each back end")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hash::RandomState;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Once;

use splitmap::HashMap;

#[path = "suites"]
mod epoch {
    type R = splitmap::Epoch;
    const PINS_ALLOCATE: bool = false;
    mod empty;
    mod maps;
}

#[cfg(feature = "crossbeam-epoch")]
#[path = "suites"]
mod crossbeam {
    type R = splitmap::Crossbeam;
    const PINS_ALLOCATE: bool = false;
    mod empty;
    mod maps;
}

#[cfg(feature = "seize")]
#[path = "suites"]
mod seize {
    type R = splitmap::Seize;
    const PINS_ALLOCATE: bool = true;
    mod empty;
    mod maps;
}

/// The system's allocator, with a count of what each thread has asked for.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static LIVE_BYTES: Cell<isize> = const { Cell::new(0) };
    /// This thread is given no more than this at a time.
    static LARGEST: Cell<usize> = const { Cell::new(usize::MAX) };
}

// A thread that is ending has no locals any more: then nobody asks for its count either.
fn count(bytes: isize) {
    if bytes > 0 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
    }
    let _ = LIVE_BYTES.try_with(|live| live.set(live.get() + bytes));
}

// SAFETY: all memory comes from the system's allocator and goes back to it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if LARGEST
            .try_with(Cell::get)
            .is_ok_and(|largest| layout.size() > largest)
        {
            return ptr::null_mut();
        }
        // SAFETY: the caller's promise.
        let memory = unsafe { System.alloc(layout) };
        if !memory.is_null() {
            count(layout.size() as isize);
        }
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise; the memory came from `alloc` above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many allocations `act` makes on this thread.
fn allocations<T>(act: impl FnOnce() -> T) -> usize {
    let before = ALLOCATIONS.get();
    drop(act());
    ALLOCATIONS.get() - before
}

#[test]
fn the_count_counts() {
    assert_eq!(allocations(|| black_box(Box::new(1))), 1);
    assert_eq!(allocations(|| Vec::<u8>::with_capacity(10)), 1);
    assert_eq!(allocations(|| ()), 0);
}

/// What `act` panics with.
fn complaint<T>(act: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| drop(act())));
    let panic = panic.expect_err("such a capacity was not refused");
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast::<&str>().unwrap().to_string(),
    }
}

/// Keeps refusals off the screen. What is printed would count as memory too: the test harness keeps
/// it until it knows the outcome.
fn expect_complaints() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let message = panic.payload_as_str().unwrap_or_default();
            if !message.starts_with("splitmap: ") {
                hook(panic);
            }
        }));
    });
}

/// What the builder makes for every back end, some constructors by name make for the default one.
#[test]
fn the_constructors_by_name_are_as_frugal() {
    let introduce_thread = HashMap::from([(1, 1)]);
    introduce_thread.pin().remove(&1);

    let hasher = RandomState::new();
    assert_eq!(allocations(HashMap::<u64, String>::new), 0);
    assert_eq!(allocations(|| HashMap::<u64, String>::with_capacity(0)), 0);
    assert_eq!(allocations(|| HashMap::<u64, String>::from([])), 0);
    let with_hasher = || HashMap::<u64, String, _>::with_hasher(hasher.clone());
    assert_eq!(allocations(with_hasher), 0);
    let with_both = |capacity| {
        let hasher = hasher.clone();
        move || HashMap::<u64, String, _>::with_capacity_and_hasher(capacity, hasher)
    };
    assert_eq!(allocations(with_both(0)), 0);

    assert!(allocations(|| HashMap::<u64, String>::with_capacity(1)) > 0);
    assert!(allocations(with_both(1)) > 0);

    expect_complaints();
    for message in [
        complaint(|| HashMap::<u64, u64>::with_capacity(usize::MAX)),
        complaint(with_both(usize::MAX)),
    ] {
        assert!(message.contains(&usize::MAX.to_string()), "{message}");
        assert!(message.contains("capacity"), "{message}");
    }
}
