//! Guarantees C, D, E and F for as long as one likes: four threads fill a map together and empty it
//! together, again and again, so that its table grows all the way and shrinks all the way, while
//! they look at keys that are always there.
//!
//! - A stable key is found by every read, with the right value at the same address; an iteration, of
//!   which each thread makes one now and then, meets each exactly once, and no key twice.
//! - What a thread was given stays whole as long as its guard, though it was removed meanwhile. A
//!   value is spoilt by its end, so that one that is freed too early is seen, and one that is freed
//!   twice.
//! - When all threads have met at the bottom and one has flushed, the table has room for no more than
//!   a few times what is left. In the end every value that was made is dropped, once.
//!
//! `SPLITMAP_SOAK_SECONDS` (3 without it) says when the last round of a back end begins;
//! `SPLITMAP_SOAK_ENTRIES` (20,000 without it) how many entries a round comes to. The test harness
//! runs as many back ends at a time as there are processors; `-- epoch` chooses one.
//!
//! ```text
//! SPLITMAP_SOAK_SECONDS=60 SPLITMAP_SOAK_ENTRIES=1000000 \
//!     cargo test --release --all-features --test soak -- --nocapture
//! ```
//!
//! Ten minutes under AddressSanitizer, which sees a value that was freed also where it was not
//! spoilt yet, and memory of the table:
//!
//! ```text
//! RUSTFLAGS=-Zsanitizer=address ASAN_OPTIONS=detect_leaks=0 \
//!     SPLITMAP_SOAK_SECONDS=600 SPLITMAP_SOAK_ENTRIES=1000000 \
//!     cargo +nightly test --release --target x86_64-unknown-linux-gnu --target-dir target/asan \
//!     --all-features --test soak -- --nocapture
//! ```

mod poison;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use splitmap::{Cursor, DefaultHashBuilder, HashMap, Reclaim, Retired};

const THREADS: u64 = 4;

/// Keys that are always there.
const STABLE: u64 = 256;

/// A number from the environment.
fn setting(name: &str, otherwise: u64) -> u64 {
    let asked = std::env::var(name).ok();
    asked.map_or(otherwise, |asked| {
        asked
            .parse()
            .unwrap_or_else(|_| panic!("{name}: a number, and not {asked}"))
    })
}

/// How many values there were.
#[derive(Default)]
struct Books {
    made: AtomicUsize,
    dropped: AtomicUsize,
}

/// A value of a key, until it is spoilt by its end.
struct Value {
    seal: AtomicU64,
    books: Arc<Books>,
}

impl Value {
    const SPOILT: u64 = 0xdead_dead_dead_dead;

    fn seal(key: u64) -> u64 {
        key.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1
    }

    fn new(key: u64, books: &Arc<Books>) -> Value {
        // Relaxed here and below: counted by all, looked at when they are joined.
        books.made.fetch_add(1, Ordering::Relaxed);
        Value {
            seal: AtomicU64::new(Value::seal(key)),
            books: Arc::clone(books),
        }
    }

    #[track_caller]
    fn check(&self, key: u64) {
        let seal = self.seal.load(Ordering::Relaxed);
        assert_ne!(
            seal,
            Value::SPOILT,
            "the value of {key} was freed under a guard"
        );
        assert_eq!(seal, Value::seal(key), "not the value of {key}");
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        let seal = self.seal.swap(Value::SPOILT, Ordering::Relaxed);
        assert_ne!(seal, Value::SPOILT, "dropped twice");
        self.books.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// Pseudo-random numbers (splitmix64).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// Where the threads wait for each other; nobody waits for one that has panicked.
#[derive(Default)]
struct Meeting {
    arrived: AtomicUsize,
    is_off: AtomicBool,
}

/// One of the threads at work.
struct Worker<'m, R: Reclaim<Retired<u64, Value>>> {
    number: u64,
    map: &'m HashMap<u64, Value, DefaultHashBuilder, R>,
    books: &'m Arc<Books>,
    meeting: &'m Meeting,
    meetings: usize,
    /// Where the values of the stable keys are.
    places: &'m [usize],
    /// Keys that come and go.
    entries: u64,
    draws: Draws,
    /// When each key was last met by an iteration, by the number of that.
    met: Vec<u32>,
    iterations: u32,
}

impl<R: Reclaim<Retired<u64, Value>>> Drop for Worker<'_, R> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.meeting.is_off.store(true, Ordering::Release);
        }
    }
}

impl<R: Reclaim<Retired<u64, Value>>> Worker<'_, R> {
    /// Waits until all are here once more.
    fn meet(&mut self) {
        self.meetings += 1;
        self.meeting.arrived.fetch_add(1, Ordering::AcqRel);
        while self.meeting.arrived.load(Ordering::Acquire) < self.meetings * THREADS as usize {
            let is_off = self.meeting.is_off.load(Ordering::Acquire);
            assert!(!is_off, "another thread has panicked");
            thread::yield_now();
        }
    }

    /// This thread's keys, all of which come after the stable ones.
    fn own(&self) -> impl Iterator<Item = u64> + use<R> {
        let first = STABLE + self.number;
        (first..STABLE + self.entries).step_by(THREADS as usize)
    }

    fn check_stable(&self, key: u64) {
        let pinned = self.map.pin();
        let value = pinned.get(&key).expect("a key that is always there");
        value.check(key);
        let place = std::ptr::from_ref(value).addr();
        assert_eq!(place, self.places[key as usize], "it has moved");
    }

    /// Now and then: a stable key, all of them, an iteration, a pause.
    fn look_around(&mut self) {
        match self.draws.below(1 << 20) {
            0..65_536 => self.check_stable(self.draws.0 % STABLE),
            65_536..65_600 => (0..STABLE).for_each(|key| self.check_stable(key)),
            65_600..65_700 => thread::yield_now(),
            _ => {}
        }
    }

    /// One whole iteration, in one piece or in many.
    fn iterate(&mut self) {
        self.iterations += 1;
        let number = self.iterations;
        let mut stable = 0;
        let (met, map) = (&mut self.met, self.map);
        let mut see = |key: u64, value: &Value| {
            value.check(key);
            let last = std::mem::replace(&mut met[key as usize], number);
            assert_ne!(last, number, "{key} is met twice");
            stable += u64::from(key < STABLE);
        };
        if number.is_multiple_of(2) {
            let guard = map.guard();
            map.iter(&guard).for_each(|(&key, value)| see(key, value));
        } else {
            let mut next = Some(Cursor::START);
            while let Some(cursor) = next {
                let guard = map.guard();
                let mut scan = map.scan(cursor, 1_000, &guard);
                scan.by_ref().for_each(|(&key, value)| see(key, value));
                next = scan.cursor();
            }
        }
        assert_eq!(stable, STABLE, "of the keys that are always there");
    }

    fn fill(&mut self) {
        for key in self.own() {
            let new = Value::new(key, self.books);
            match self.draws.below(4) {
                0 => assert!(self.map.pin().try_insert(key, new).is_ok()),
                1 => self.map.pin().get_or_insert(key, new).check(key),
                _ => assert!(self.map.pin().insert(key, new).is_none()),
            }
            self.look_around();
        }
    }

    fn empty(&mut self, in_order: bool) {
        let keys: Vec<u64> = self.own().collect();
        let order = |n: usize| if in_order { n } else { keys.len() - 1 - n };
        // A batch under one guard, that protects what was removed first until the last is.
        let mut n = 0;
        while n < keys.len() {
            let batch = 1 + self.draws.below(200) as usize;
            let (map, mut held) = (self.map, Vec::new());
            let guard = map.guard();
            for _ in 0..batch.min(keys.len() - n) {
                let key = keys[order(n)];
                n += 1;
                if self.draws.below(8) == 0 {
                    let new = Value::new(key, self.books);
                    let old = map.insert(key, new, &guard).expect("it was there");
                    held.push((key, old));
                }
                let old = map.remove(&key, &guard).expect("nobody else removes it");
                held.push((key, old));
                self.look_around();
                let (seen, value) = held[self.draws.below(held.len() as u64) as usize];
                value.check(seen);
            }
            held.iter().for_each(|&(key, value)| value.check(key));
        }
    }

    /// A round: to the top and to the bottom. Which rounds do what, all threads agree on.
    fn round(&mut self, round: u64) {
        self.fill();
        // In every third round nobody waits at the top: some fill while others empty.
        let is_level = !round.is_multiple_of(3);
        if is_level {
            self.meet();
            if self.number == round % THREADS {
                let (entries, capacity) = (self.map.len(), self.map.capacity());
                assert_eq!(entries as u64, STABLE + self.entries);
                assert!(capacity >= entries / 2, "{capacity} for {entries}");
                self.iterate();
            }
            self.meet();
        }
        if round % 4 == 3 {
            // One retains the stable keys alone; the others find the rest going.
            if self.number == 0 {
                self.map.pin().retain(|key, _| *key < STABLE);
            } else {
                self.iterate();
                (0..STABLE).for_each(|key| self.check_stable(key));
            }
        } else {
            self.empty(round.is_multiple_of(2));
            if round % 5 == self.number {
                self.iterate();
            }
        }
        self.meet();
        if round % 4 == 3 && !is_level {
            // What others had not inserted yet when the retaining thread came by.
            self.map.pin().retain(|key, _| *key < STABLE);
            self.meet();
        }
        if self.number == round % THREADS {
            self.map.flush();
            assert_eq!(self.map.len() as u64, STABLE);
            let capacity = self.map.capacity() as u64;
            assert!(capacity < 8 * STABLE, "room for {capacity} is left");
        }
        self.iterate();
        self.meet();
    }
}

fn soak<R: Reclaim<Retired<u64, Value>>>() {
    let seconds = setting("SPLITMAP_SOAK_SECONDS", 3);
    let entries = setting("SPLITMAP_SOAK_ENTRIES", 20_000);
    let end = Instant::now() + Duration::from_secs(seconds);

    let books = Arc::new(Books::default());
    let map: HashMap<u64, Value, DefaultHashBuilder, R> = HashMap::builder().reclaimer().build();
    let place = |key| {
        let pinned = map.pin();
        std::ptr::from_ref(pinned.get_or_insert(key, Value::new(key, &books))).addr()
    };
    let places: Vec<usize> = (0..STABLE).map(place).collect();
    let meeting = Meeting::default();
    let is_over = AtomicBool::new(false);
    let worker = |number| Worker {
        number,
        map: &map,
        books: &books,
        meeting: &meeting,
        meetings: 0,
        places: &places,
        entries,
        draws: Draws(number),
        met: vec![0; (STABLE + entries) as usize],
        iterations: 0,
    };
    let work = |number| {
        let mut worker = worker(number);
        let mut round = 0;
        // Set before the last meeting of a round by one, and seen by all after it.
        while !is_over.load(Ordering::Acquire) {
            worker.round(round);
            round += 1;
            if number == 0 && Instant::now() >= end {
                is_over.store(true, Ordering::Release);
            }
            worker.meet();
        }
        (round, worker.iterations)
    };
    let results: Vec<_> = thread::scope(|scope| {
        let work = &work;
        let spawn = |number| scope.spawn(move || work(number));
        let threads: Vec<_> = (0..THREADS).map(spawn).collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    });
    let mut iterations = 0;
    let mut rounds = 0;
    for result in results {
        let (round, some) = result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        rounds = round;
        iterations += some;
    }
    drop(map);
    let made = books.made.load(Ordering::Relaxed);
    let dropped = books.dropped.load(Ordering::Relaxed);
    println!(
        "{}: {rounds} rounds, {iterations} iterations, {made} values, {dropped} of them dropped",
        std::any::type_name::<R>()
    );
    assert!(dropped <= made);
    assert!(dropped > made / 2, "{dropped} of {made} were dropped");
    if R::DRAINS {
        assert_eq!(dropped, made);
    }
}

#[test]
fn epoch() {
    soak::<splitmap::Epoch>();
}

#[cfg(feature = "crossbeam-epoch")]
#[test]
fn crossbeam() {
    soak::<splitmap::Crossbeam>();
}

#[cfg(feature = "seize")]
#[test]
fn seize() {
    soak::<splitmap::Seize>();
}
