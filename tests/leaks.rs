//! Guarantee F in allocations: whatever threads lose against each other (the first table, a bag, a
//! growth, a node), all that was asked of the allocator has been given back when the maps are gone.
//!
//! Counted is what all threads of the process have asked for and not given back, so the test has a process of its
//! own. What the process keeps, such as places among the participants, is there after a first round.

mod own_process;

use std::alloc::{GlobalAlloc, Layout, System};
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};
use std::thread;

use splitmap::HashMap;

/// The allocations that live, and their bytes.
static ALLOCATIONS: AtomicIsize = AtomicIsize::new(0);
static BYTES: AtomicIsize = AtomicIsize::new(0);

struct Counting;

fn count(allocations: isize, bytes: usize) {
    ALLOCATIONS.fetch_add(allocations, Ordering::Relaxed);
    BYTES.fetch_add(allocations * bytes as isize, Ordering::Relaxed);
}

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-1, layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Keys are their own hashes, and with them the threads meet in the same buckets in each run.
#[derive(Clone, Default)]
struct Plain;

impl BuildHasher for Plain {
    type Hasher = Number;

    fn build_hasher(&self) -> Number {
        Number(0)
    }
}

struct Number(u64);

impl Hasher for Number {
    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are numbers");
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Map = HashMap<u64, Box<u64>, Plain>;

const THREADS: usize = 3;
const MAPS: usize = 200;

/// All threads reach a place before any goes on. They spin, so that they go on together.
struct Line(AtomicUsize);

impl Line {
    fn wait(&self, round: usize) {
        self.0.fetch_add(1, Ordering::AcqRel);
        while self.0.load(Ordering::Acquire) < (round + 1) * THREADS {
            // There may be fewer processors than threads.
            thread::yield_now();
        }
    }
}

/// What each thread does to each map, beginning with its first write.
fn work(map: &Map, thread: u64) {
    let view = map.pin();
    for key in 0..40 {
        let shared = view.get_or_insert(key, Box::new(key));
        assert_eq!(**shared, key);
        view.insert(100 + 40 * thread + key, Box::new(key));
    }
    view.insert_many((0..20).map(|key| (1_000 + key, Box::new(key))));
    view.retain(|key, _| key % 3 > 0);
    for key in 0..40 {
        view.remove(&key);
        view.update(100 + key, |value| value.clone());
    }
    drop(view);
    match thread {
        0 => map.flush(),
        1 => map.pin().clear(),
        _ => map.reserve(200),
    }
}

fn round() {
    let maps: Vec<Map> = (0..MAPS).map(|_| Map::default()).collect();
    let line = Line(AtomicUsize::new(0));
    thread::scope(|scope| {
        let spawn = |thread| {
            let (maps, line) = (&maps, &line);
            scope.spawn(move || {
                for (round, map) in maps.iter().enumerate() {
                    line.wait(round);
                    work(map, thread);
                }
            })
        };
        let threads: Vec<_> = (0..THREADS as u64).map(spawn).collect();
        // One by one: the scope's own end does not wait for their thread-locals.
        threads
            .into_iter()
            .for_each(|thread| thread.join().expect("no panic"));
    });
}

#[test]
fn nothing_that_threads_lose_against_each_other_is_left() {
    if !own_process::is_for("nothing_that_threads_lose_against_each_other_is_left") {
        return;
    }
    round();
    let live = || {
        (
            ALLOCATIONS.load(Ordering::Relaxed),
            BYTES.load(Ordering::Relaxed),
        )
    };
    let before = live();
    for _ in 0..3 {
        round();
    }
    assert_eq!(
        live(),
        before,
        "allocations and bytes that nobody has freed"
    );
}
