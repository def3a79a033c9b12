//! Guarantee F in bytes: what a map costs before its first entry, with one writer, and for each
//! further thread that writes. `docs/RECLAMATION.md` states the same numbers.
//!
//! Counted is what is asked of the allocator, by the thread that asks.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use splitmap::HashMap;

thread_local! {
    static BYTES: Cell<isize> = const { Cell::new(0) };
}

/// Counts the live bytes that a thread has asked for.
struct Counting;

fn count(bytes: isize) {
    BYTES.with(|counted| counted.set(counted.get() + bytes));
}

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The bytes that this thread has asked for and not given back while `work` ran.
fn bytes(work: impl FnOnce()) -> isize {
    let before = BYTES.get();
    work();
    BYTES.get() - before
}

/// What a thread needs once, whatever maps it uses: its place among all participants.
fn register() {
    drop(HashMap::<u64, u64>::new().guard());
}

/// On a 64-bit machine. A node is four words; the directory and the heads that a table starts with
/// come with the first; the rest is the reclaimer's.
#[cfg(target_pointer_width = "64")]
#[test]
fn each_part_of_a_map_costs_what_the_documentation_says() {
    const NODE: isize = 32;
    const TABLE: isize = 896;
    const FIRST_WRITER: isize = 224 + 64 + 128;
    const SECOND_WRITER: isize = 128;
    const FIRST_REMOVAL: isize = 32;

    register();
    let mut map = None;
    let empty = bytes(|| map = Some(HashMap::<u64, u64>::new()));
    let map = map.expect("made");
    let read = bytes(|| assert_eq!(map.pin().get(&1), None));
    assert_eq!((empty, read), (0, 0), "an empty map has no memory");

    let insertion = bytes(|| assert_eq!(map.pin().insert(1, 1), None));
    assert_eq!(insertion, TABLE + NODE + FIRST_WRITER);
    let removal = bytes(|| assert_eq!(map.pin().remove(&1), Some(&1)));
    assert_eq!(removal, FIRST_REMOVAL);

    let another = || {
        register();
        let insertion = bytes(|| assert_eq!(map.pin().insert(2, 2), None));
        let removal = bytes(|| assert_eq!(map.pin().remove(&2), Some(&2)));
        (insertion, removal)
    };
    let on_a_thread = || std::thread::scope(|scope| scope.spawn(another).join().expect("no panic"));
    assert_eq!(on_a_thread(), (NODE + SECOND_WRITER, FIRST_REMOVAL));
    // Takes over what the one before has left.
    assert_eq!(on_a_thread(), (NODE, 0));

    // What `flush` frees is freed on this thread, whichever allocated it.
    let flushed = bytes(|| map.flush());
    assert_eq!(map.stats().pending, Some(0));
    assert!(flushed <= -3 * NODE, "{flushed}");
}
