//! The system's allocator, which counts where a process of its own measures memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[global_allocator]
static COUNTING: Counting = Counting;

/// Off where time is measured: then an allocation costs one load more than the system's.
static COUNTS: AtomicBool = AtomicBool::new(false);
static ASKED: AtomicUsize = AtomicUsize::new(0);

struct Counting;

/// Counts from now on.
pub fn count() {
    COUNTS.store(true, Ordering::Relaxed);
}

/// Bytes that were asked for and not given back. Wraps where more is given back than was counted.
pub fn asked() -> usize {
    ASKED.load(Ordering::Relaxed)
}

fn add(bytes: usize) {
    if COUNTS.load(Ordering::Relaxed) {
        ASKED.fetch_add(bytes, Ordering::Relaxed);
    }
}

// SAFETY: all is done by the system's allocator, as it was asked; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        add(layout.size().wrapping_neg());
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(size.wrapping_sub(layout.size()));
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
