//! Guarantee F against the global allocator: it may use the map that calls it.
//!
//! Every call of this allocator inserts into, removes from and reads a static map, as deep as a
//! limit for each thread says. So each allocation and each deallocation within an operation is a
//! place where another operation begins and ends on the same thread. Values know whether they are
//! alive: one that is freed twice, or read after that, is met.

mod hashers;
mod own_process;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use hashers::Quality;
use splitmap::HashMap;

/// How deep operations stand within each other, beside the outermost.
const DEEPEST: u32 = 3;

/// Threads other than the first, and the writes of each.
const THREADS: u64 = 3;
const WRITES: u64 = if cfg!(miri) { 150 } else { 5_000 };

const ALIVE: u64 = 0x00a1_1fe0;

/// Live values.
static LIVE: AtomicU64 = AtomicU64::new(0);

/// A value without memory of its own: the map's own calls of the allocator are what is tested. So
/// large that a thread keeps the memory of no entry for the next: each is one call more.
struct Value {
    mark: Cell<u64>,
    key: u64,
    _room: [u8; 4096],
}

impl Value {
    fn new(key: u64) -> Self {
        LIVE.fetch_add(1, Ordering::Relaxed);
        Value {
            mark: Cell::new(ALIVE),
            key,
            _room: [0; 4096],
        }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        if self.mark.replace(0) != ALIVE {
            die("dropped twice");
        }
        LIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

// SAFETY: the mark is changed by the drop alone.
unsafe impl Sync for Value {}

/// A panic must not leave an allocator.
fn die(what: &str) -> ! {
    eprintln!("{what}");
    std::process::abort()
}

type Map = HashMap<u64, Value, Quality>;

static MAP: Map = Map::with_hasher(Quality::Identity);

static OTHER: HashMap<u64, u64, Quality> = HashMap::with_hasher(Quality::Identity);

/// Operations that the allocator has begun.
static OPERATIONS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Whether the allocator uses the map on this thread: from now on to the thread's very end.
    static IS_ON: Cell<bool> = const { Cell::new(false) };
    /// Whether its next operation comes after a `flush` of another map, which advances the epoch.
    static ADVANCES: Cell<bool> = const { Cell::new(false) };
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// What the allocator's next operation is, and with which key.
    static STEP: Cell<u64> = const { Cell::new(0) };
}

fn operate() {
    let depth = DEPTH.get();
    if depth >= DEEPEST || !IS_ON.get() {
        return;
    }
    DEPTH.set(depth + 1);
    OPERATIONS.fetch_add(1, Ordering::Relaxed);
    let step = STEP.get();
    STEP.set(step + 1);
    if ADVANCES.replace(false) {
        OTHER.pin().insert(0, 0);
        OTHER.pin().insert(0, 1);
        OTHER.flush();
    }
    use_map(step);
    DEPTH.set(depth);
}

/// One operation. Mostly on few keys, which it replaces or removes; now and then on many, with
/// which the table grows, and shrinks when they go.
fn use_map(step: u64) {
    let (key, step) = match step % 10_000 {
        step @ 0..5_000 => (step * 7 % 16, step % 7),
        step @ 5_000..7_500 => (step, 0),
        step => (step - 2_500, 3),
    };
    let guard = MAP.guard();
    let check = |found: Option<&Value>| {
        if found.is_some_and(|value| value.mark.get() != ALIVE || value.key != key) {
            die("a value that is not alive");
        }
    };
    match step {
        0..3 => check(MAP.insert(key, Value::new(key), &guard)),
        3..6 => check(MAP.remove(&key, &guard)),
        _ => check(MAP.get(&key, &guard)),
    }
    drop(guard);
    if key == 6_000 {
        MAP.flush();
        splitmap::flush_all();
    }
}

struct UsesTheMap;

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for UsesTheMap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        operate();
        // SAFETY: the caller's promise, here and below.
        let memory = unsafe { System.alloc(layout) };
        operate();
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        operate();
        // SAFETY: see `alloc`.
        unsafe { System.dealloc(memory, layout) };
        operate();
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        operate();
        // SAFETY: see `alloc`.
        let memory = unsafe { System.realloc(memory, layout, size) };
        operate();
        memory
    }
}

#[global_allocator]
static ALLOCATOR: UsesTheMap = UsesTheMap;

/// Uses the map while the allocator does, and then looks what is left.
fn run(threads: u64) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    MAP.enroll();
    let before = OPERATIONS.load(Ordering::Relaxed);
    let work = |thread: u64| {
        IS_ON.set(true);
        for write in 0..WRITES {
            use_map(thread * 5 + write);
        }
    };
    let others: Vec<_> = (1..threads)
        .map(|thread| thread::spawn(move || work(thread)))
        .collect();
    work(0);
    for other in others {
        other.join().expect("no panic");
    }
    MAP.flush();
    IS_ON.set(false);
    let operations = OPERATIONS.load(Ordering::Relaxed) - before;
    assert!(operations > WRITES, "the allocator did nothing");

    // All that was removed is freed, once.
    MAP.flush();
    assert_eq!(MAP.stats().pending, Some(0));
    assert_eq!(LIVE.load(Ordering::Relaxed), MAP.len() as u64);
    let guard = MAP.guard();
    for (key, value) in MAP.iter(&guard) {
        assert_eq!((value.mark.get(), value.key), (ALIVE, *key));
    }
}

#[test]
fn one_thread() {
    run(1);
}

#[test]
fn several_threads() {
    run(THREADS + 1);
}

/// The allocator pins a thread that is about to claim its place: one of the two is given back.
#[test]
fn a_thread_has_one_place() {
    if !own_process::is_for("a_thread_has_one_place") {
        return;
    }
    IS_ON.set(true);
    use_map(0);
    IS_ON.set(false);
    let before = MAP.stats().participants;
    assert!(before > Some(1), "the allocator was not asked meanwhile");
    drop(MAP.owned_guard());
    assert_eq!(MAP.stats().participants, before, "a place is lost");
}

/// A thread's first write, a removal, needs no memory but its bag's. While that is made the
/// allocator retires more, in a later epoch: what comes last has the newest stamp all the same, which debug builds assert.
#[test]
fn what_comes_last_is_stamped_last() {
    if !own_process::is_for("what_comes_last_is_stamped_last") {
        return;
    }
    // This thread keeps its place, so the other one has no bag.
    for key in 0..16 {
        MAP.pin().insert(key, Value::new(key));
    }
    let remove = || {
        IS_ON.set(true);
        ADVANCES.set(true);
        MAP.pin().remove(&5);
        IS_ON.set(false);
    };
    thread::spawn(remove).join().expect("stamps in order");
    MAP.flush();
    assert_eq!(LIVE.load(Ordering::Relaxed), MAP.len() as u64);
}
