//! An allocator for a test's process: what is freed is overwritten first, so that a node or a head
//! that is freed too early is not found as it was, but sends its reader to an address that is none.
//! New memory is overwritten too: nothing is zero by luck.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;

struct Poison;

/// As a pointer no address at all on the systems that we know, and not null; as a bool, no value.
const FREED: u8 = 0xd5;
const NEW: u8 = 0xb6;

// SAFETY: the system's, which is given what was given here.
unsafe impl GlobalAlloc for Poison {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let pointer = unsafe { System.alloc(layout) };
        if !pointer.is_null() {
            // SAFETY: the memory was just allocated, with this size.
            unsafe { pointer.write_bytes(NEW, layout.size()) };
        }
        pointer
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: allocated with this layout, and given up by the caller.
        unsafe { pointer.write_bytes(FREED, layout.size()) };
        // Else the compiler may leave out what nobody reads before it is freed.
        let pointer = black_box(pointer);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Poison = Poison;
