//! Guarantee F in bytes: what a map costs before its first entry, with one writer, for each further
//! thread that writes, and when a million entries have come and gone. `docs/RECLAMATION.md` states
//! the same numbers.
//!
//! Counted is what is asked of the allocator: by the thread that asks, and, for tests that have a
//! process of their own, by all threads together. One test asks the system what it sees of that.
//!
//! Such a test prints its numbers where it has been given its process by hand:
//! `SPLITMAP_TEST_OF_ITS_OWN=NAME cargo test --release --test bytes NAME -- --nocapture`.

mod hashers;
mod own_process;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Barrier, Mutex, MutexGuard, PoisonError};
use std::thread;

use hashers::Quality;
use splitmap::HashMap;

thread_local! {
    static BYTES: Cell<isize> = const { Cell::new(0) };
}

/// The live bytes that all threads have asked for.
static ALL_BYTES: AtomicIsize = AtomicIsize::new(0);

/// Counts the live bytes that a thread has asked for.
struct Counting;

fn count(bytes: isize) {
    BYTES.with(|counted| counted.set(counted.get() + bytes));
    ALL_BYTES.fetch_add(bytes, Ordering::Relaxed);
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

/// One test at a time, unless it has a process of its own: the epoch belongs to the process, and a
/// guard of one test would keep what another flushes.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

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

/// On a 64-bit machine. A node is four words; the table, four heads and a header, comes
/// with the first; the rest is the reclaimer's.
#[cfg(target_pointer_width = "64")]
mod parts {
    pub const NODE: isize = 32;
    pub const TABLE: isize = 4 * 8 + 32;
    pub const FIRST_WRITER: isize = 224 + 64 + 128;
    pub const SECOND_WRITER: isize = 128;
    pub const FIRST_REMOVAL: isize = 32;
    /// A map in use that has no entries.
    pub const USED: isize = TABLE + FIRST_WRITER + FIRST_REMOVAL;
}

#[cfg(target_pointer_width = "64")]
#[test]
fn each_part_of_a_map_costs_what_the_documentation_says() {
    use parts::*;
    let _turn = turn();

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

const MILLION: u64 = 1_000_000;

/// A million where that takes no time.
const CROWD: u64 = if cfg!(debug_assertions) {
    250_000
} else {
    MILLION
};

/// What may be left of a crowd beside the parts of a map in use: the memory of a queue, a directory.
#[cfg(target_pointer_width = "64")]
const CRUMBS: isize = 4_096;

/// Whoever removes them, and in whatever way, one `flush` gives the memory of a million entries
/// back, and that of the table that was wide enough for them.
#[cfg(target_pointer_width = "64")]
#[test]
fn a_million_entries_leave_nothing() {
    if !own_process::is_for("a_million_entries_leave_nothing") {
        return;
    }
    type Emptying = (&'static str, u64, fn(&HashMap<u64, u64>));
    let emptyings: [Emptying; 3] = [
        ("removals", MILLION, |map| {
            (0..MILLION).for_each(|key| assert_eq!(map.pin().remove(&key), Some(&key)));
        }),
        ("clear", CROWD, |map| map.pin().clear()),
        ("retain", CROWD, |map| {
            map.pin().retain(|key, _| *key > CROWD)
        }),
    ];
    register();
    // One after the other in one map: nothing adds up.
    let map = HashMap::new();
    let before = BYTES.get();
    let live = || BYTES.get() - before;
    for (name, entries, empty) in emptyings {
        (0..entries).for_each(|key| assert_eq!(map.pin().insert(key, key), None));
        let full = live();
        assert!(full > entries as isize * (parts::NODE + 8));
        empty(&map);
        let empty = live();
        map.flush();
        let flushed = live();
        println!("{entries} entries: {full} bytes, {empty} after {name}, {flushed} when flushed");
        assert_eq!(map.stats().pending, Some(0));
        assert!(
            flushed <= parts::USED + CRUMBS,
            "{flushed} bytes left by {name}"
        );
        assert_eq!((map.len(), map.capacity()), (0, 3));
    }
    drop(map);
    assert_eq!(live(), 0);
}

/// The same by four threads, all of which are still there, when a fifth flushes.
#[cfg(target_pointer_width = "64")]
#[test]
fn nor_do_those_of_several_threads() {
    use parts::*;
    const THREADS: u64 = 4;
    if !own_process::is_for("nor_do_those_of_several_threads") {
        return;
    }
    // The threads' own memory is asked for before the first count and given back after the last.
    let (ready, work) = (
        Barrier::new(THREADS as usize + 1),
        Barrier::new(THREADS as usize + 1),
    );
    let (done, leave) = (
        Barrier::new(THREADS as usize + 1),
        Barrier::new(THREADS as usize + 1),
    );
    let map = HashMap::new();
    register();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let map = &map;
            let [ready, work, done, leave] = [&ready, &work, &done, &leave];
            scope.spawn(move || {
                register();
                ready.wait();
                work.wait();
                for key in (thread..CROWD).step_by(THREADS as usize) {
                    assert_eq!(map.pin().insert(key, key), None);
                }
                for key in (thread..CROWD).step_by(THREADS as usize) {
                    assert_eq!(map.pin().remove(&key), Some(&key));
                }
                done.wait();
                leave.wait();
            });
        }
        ready.wait();
        let before = ALL_BYTES.load(Ordering::Relaxed);
        work.wait();
        done.wait();
        let removed = ALL_BYTES.load(Ordering::Relaxed) - before;
        map.flush();
        let flushed = ALL_BYTES.load(Ordering::Relaxed) - before;
        println!("{THREADS} threads: {removed} bytes when empty, {flushed} when flushed");
        leave.wait();
        assert_eq!(map.stats().pending, Some(0));
        assert_eq!((map.len(), map.capacity()), (0, 3));
        // One of the writers is the first. The one that flushes retires what is left of the table.
        let writers = USED + THREADS as isize * (SECOND_WRITER + FIRST_REMOVAL);
        assert!(flushed <= writers + CRUMBS, "{flushed} bytes are left");
    });
}

/// A shrinking that was left where it began is ended by `flush`: what is there then is a table of
/// the new capacity and its entries, and nothing of the old one.
#[cfg(target_pointer_width = "64")]
#[test]
fn half_a_shrinking_leaves_nothing_when_flushed() {
    use parts::*;
    let _turn = turn();
    register();
    let map = HashMap::new();
    let rest = bytes(|| {
        (0..100_000).for_each(|key| assert_eq!(map.pin().insert(key, key), None));
        let capacity = map.capacity();
        let mut left = 100_000;
        while map.capacity() == capacity {
            left -= 1;
            assert_eq!(map.pin().remove(&left), Some(&left));
        }
        map.flush();
    });
    assert_eq!(map.stats().pending, Some(0));
    // A byte for each 16 heads or fewer, and what a table has beside them. Small tables have four heads
    // for three entries.
    let heads = map.capacity() as isize * 4 / 3 * 8 * 101 / 100 + 8 * 1_024;
    let entries = map.len() as isize * NODE;
    assert!(
        rest <= USED + heads + entries + CRUMBS,
        "{rest} bytes for {} entries and room for {}",
        map.len(),
        map.capacity()
    );
}

/// A key that counts what it is compared with.
#[derive(Eq)]
struct Counted(u64);

thread_local! {
    static COMPARISONS: Cell<u64> = const { Cell::new(0) };
}

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        COMPARISONS.set(COMPARISONS.get() + 1);
        self.0 == other.0
    }
}

impl Hash for Counted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

/// Guarantee H: keys of one hash cost what others do in memory, and in time what there are of them.
#[cfg(target_pointer_width = "64")]
#[test]
fn equal_hashes_cost_no_memory() {
    const KEYS: u64 = 4_000;
    let _turn = turn();
    register();
    let map = HashMap::with_hasher(Quality::Constant);
    assert_eq!(map.hasher().hash_one(1u64), map.hasher().hash_one(2u64));
    let cost = |work: &dyn Fn()| {
        COMPARISONS.set(0);
        work();
        COMPARISONS.get()
    };
    let full = bytes(|| {
        let insert = |key| map.pin().insert(Counted(key), key).copied();
        (0..KEYS).for_each(|key| assert_eq!(insert(key), None));
    });
    println!("{} bytes an entry", full / KEYS as isize);
    assert!(full < 100 * KEYS as isize, "{full} bytes");

    let mut greatest = 0;
    for key in 0..KEYS {
        let find = || assert_eq!(map.pin().get(&Counted(key)), Some(&key));
        greatest = greatest.max(cost(&find));
    }
    assert!(greatest <= KEYS, "{greatest} comparisons");
    let miss = cost(&|| assert_eq!(map.pin().get(&Counted(KEYS)), None));
    assert!(miss <= KEYS, "{miss} comparisons");

    let rest = full
        + bytes(|| {
            let remove = |key| map.pin().remove(&Counted(key)).copied();
            for n in 0..KEYS {
                // In no order.
                let key = n * 7 % KEYS;
                let comparisons = cost(&|| assert_eq!(remove(key), Some(key)));
                assert!(comparisons <= KEYS - n);
            }
            map.flush();
        });
    assert_eq!(map.stats().pending, Some(0));
    assert_eq!((map.len(), map.capacity()), (0, 3));
    assert!(rest <= parts::USED + CRUMBS, "{rest} bytes are left");
}

/// What the system counts, when the allocator has been told to give back what it can: with entries
/// that are allocated one by one, that shows whether whole pages become free.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn the_process_gives_it_back_to_the_system() {
    if !own_process::is_for("the_process_gives_it_back_to_the_system") {
        return;
    }
    fn resident() -> isize {
        // SAFETY: plain numbers.
        let trimmed = unsafe { libc::malloc_trim(0) };
        assert!(trimmed == 0 || trimmed == 1);
        let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
        let pages = pages.split_whitespace().nth(1).expect("the second number");
        // SAFETY: plain numbers.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        pages.parse::<isize>().expect("a number") * page as isize
    }
    let start = resident();
    let map = HashMap::<u64, u64>::new();
    // What stays does not add up either.
    for round in 1..3 {
        (0..CROWD).for_each(|key| assert_eq!(map.pin().insert(key, key), None));
        let full = resident() - start;
        map.pin().clear();
        map.flush();
        let rest = resident() - start;
        println!("round {round}: {full} bytes resident when full, {rest} when flushed");
        // A node and the head of an entry are 40 bytes.
        assert!(full > 40 * CROWD as isize);
        assert!(rest < full / 4, "{rest} of {full} bytes");
    }
}
