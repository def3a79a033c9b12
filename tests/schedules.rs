//! Guarantees C and E on schedules that a random scheduler makes, of programs that are too long to
//! run in every way: the real map on the real `Epoch`, under shuttle.
//!
//! ```text
//! RUSTFLAGS='--cfg shuttle' cargo test --release --test schedules
//! ```
//!
//! shuttle runs one thread at a time and switches at atomic accesses: it finds protocol errors, and
//! none of memory orderings. A failure prints a schedule that `shuttle::replay` takes.
//!
//! A value that is dropped is not given back but marked, so that a reader who comes too late finds
//! a mark and not chance.

#![cfg(shuttle)]

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner, thread};
use splitmap::HashMap;

/// How many schedules of each kind and program: `SPLITMAP_SCHEDULES` says otherwise.
fn schedules() -> usize {
    let asked = std::env::var("SPLITMAP_SCHEDULES").ok();
    asked.map_or(20_000, |asked| {
        let number = asked.parse();
        number.expect("SPLITMAP_SCHEDULES: a number of schedules")
    })
}

fn run_with(scheduler: impl Scheduler + 'static, program: fn(&Arc<Books>)) -> usize {
    let mut config = Config::new();
    config.silence_warnings = true;
    config.stack_size = 1 << 18;
    let early = Arc::new(AtomicUsize::new(0));
    let total = Arc::clone(&early);
    Runner::new(scheduler, config).run(move || {
        let books = Arc::new(Books::default());
        program(&books);
        assert_eq!(
            books.dropped.load(Ordering::SeqCst),
            books.made.load(Ordering::SeqCst),
            "each value that was made is dropped once when the map is gone"
        );
        total.fetch_add(books.early.load(Ordering::SeqCst), Ordering::SeqCst);
    });
    early.load(Ordering::SeqCst)
}

/// Random schedules, and such with few but well placed switches.
fn run(program: fn(&Arc<Books>)) {
    // One test at a time: shuttle's atomics in statics, such as those of the empty map, are not for
    // two executions side by side.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let early = run_with(RandomScheduler::new(schedules()), program)
        + run_with(PctScheduler::new(3, schedules()), program);
    assert!(
        early > 0,
        "nothing was freed before the end: nothing is shown"
    );
}

#[derive(Default)]
struct Books {
    made: AtomicUsize,
    dropped: AtomicUsize,
    early: AtomicUsize,
    is_over: AtomicBool,
}

struct Value {
    number: u64,
    is_dropped: Arc<AtomicBool>,
    books: Arc<Books>,
}

impl Value {
    fn new(number: u64, books: &Arc<Books>) -> Value {
        books.made.fetch_add(1, Ordering::SeqCst);
        Value {
            number,
            is_dropped: Arc::default(),
            books: Arc::clone(books),
        }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        assert!(
            !self.is_dropped.swap(true, Ordering::SeqCst),
            "dropped twice"
        );
        self.books.dropped.fetch_add(1, Ordering::SeqCst);
        if !self.books.is_over.load(Ordering::SeqCst) {
            self.books.early.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// What a reader keeps of a value: it tells whether the value is gone without touching it.
struct Watch {
    is_dropped: Arc<AtomicBool>,
}

impl Watch {
    fn of(value: &Value, key: u64) -> Watch {
        assert_eq!(value.number % KEYS, key, "a value of this key");
        Watch {
            is_dropped: Arc::clone(&value.is_dropped),
        }
    }

    fn assert_alive(&self) {
        assert!(
            !self.is_dropped.load(Ordering::SeqCst),
            "freed under a guard"
        );
    }
}

const KEYS: u64 = 3;

/// No chance but the scheduler's: hashes have to be the same in each run.
#[derive(Clone, Default)]
struct Fixed(u64);

impl BuildHasher for Fixed {
    type Hasher = Fixed;

    fn build_hasher(&self) -> Fixed {
        Fixed(0)
    }
}

impl Hasher for Fixed {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Map = HashMap<u64, Value, Fixed>;

fn map(books: &Arc<Books>) -> Arc<Map> {
    let map = Map::default();
    for key in 0..KEYS {
        map.pin().insert(key, Value::new(key, books));
    }
    Arc::new(map)
}

fn end(map: Arc<Map>, books: &Arc<Books>) {
    books.is_over.store(true, Ordering::SeqCst);
    let map = Arc::into_inner(map).expect("all threads are joined");
    drop(map);
}

fn write(map: &Map, books: &Arc<Books>, from: u64, writes: u64) {
    for number in from..from + writes {
        map.pin().insert(number % KEYS, Value::new(number, books));
        if number % 5 == 4 {
            map.pin().remove(&((number + 1) % KEYS));
        }
    }
}

fn read(map: &Map, key: u64) {
    let mut view = map.pin();
    for _ in 0..2 {
        let watches: Vec<_> = [key, (key + 1) % KEYS]
            .into_iter()
            .filter_map(|key| view.get(&key).map(|value| Watch::of(value, key)))
            .collect();
        {
            let _inner = map.guard();
            view.get(&key);
        }
        for _ in 0..4 {
            thread::yield_now();
            watches.iter().for_each(Watch::assert_alive);
        }
        view.refresh();
    }
}

#[test]
fn writers_on_changing_slots_a_reader_and_a_flusher() {
    run(|books| {
        let map = map(books);
        let writers = (0..2).map(|writer| {
            let (map, books) = (Arc::clone(&map), Arc::clone(books));
            thread::spawn(move || {
                write(&map, &books, writer * 100, 4);
                let (map, books) = (Arc::clone(&map), Arc::clone(&books));
                thread::spawn(move || write(&map, &books, writer * 100 + 50, 4))
                    .join()
                    .unwrap();
            })
        });
        let mut threads: Vec<_> = writers.collect();
        let reader = Arc::clone(&map);
        threads.push(thread::spawn(move || {
            (0..KEYS).for_each(|key| read(&reader, key))
        }));
        let flusher = Arc::clone(&map);
        threads.push(thread::spawn(move || (0..2).for_each(|_| flusher.flush())));
        for thread in threads {
            thread.join().unwrap();
        }
        end(map, books);
    });
}

#[test]
fn flushers_take_each_others_garbage() {
    run(|books| {
        let map = map(books);
        let threads: Vec<_> = (0..3)
            .map(|thread| {
                let (map, books) = (Arc::clone(&map), Arc::clone(books));
                thread::spawn(move || {
                    write(&map, &books, thread * 100, 3);
                    map.flush();
                    write(&map, &books, thread * 100 + 50, 2);
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        end(map, books);
    });
}

#[test]
fn owned_guards_go_from_thread_to_thread() {
    run(|books| {
        let map = map(books);
        // Kept alive beyond the threads, as shuttle has no scoped ones.
        let shared: &'static Map = unsafe { &*Arc::as_ptr(&map) };
        let guard = shared.owned_guard();
        let watch = shared.get(&0, &guard).map(|value| Watch::of(value, 0));
        let receiver = thread::spawn(move || {
            for key in 0..KEYS {
                let value = shared.get(&key, &guard);
                let watch = value.map(|value| Watch::of(value, key));
                thread::yield_now();
                watch.iter().for_each(Watch::assert_alive);
            }
            watch.iter().for_each(Watch::assert_alive);
            drop(guard);
        });
        let writer = {
            let (map, books) = (Arc::clone(&map), Arc::clone(books));
            thread::spawn(move || {
                write(&map, &books, 0, 6);
                map.flush();
            })
        };
        receiver.join().unwrap();
        writer.join().unwrap();
        end(map, books);
    });
}

#[test]
fn a_table_that_grows_under_all_of_it() {
    run(|books| {
        let map = map(books);
        let growing = {
            let (map, books) = (Arc::clone(&map), Arc::clone(books));
            thread::spawn(move || {
                for number in 1..25 {
                    let key = number * KEYS;
                    map.pin().insert(key, Value::new(key * KEYS, &books));
                }
            })
        };
        let writer = {
            let (map, books) = (Arc::clone(&map), Arc::clone(books));
            thread::spawn(move || write(&map, &books, 0, 6))
        };
        let reader = Arc::clone(&map);
        let reader = thread::spawn(move || (0..KEYS).for_each(|key| read(&reader, key)));
        for thread in [growing, writer, reader] {
            thread.join().unwrap();
        }
        assert_eq!(
            (1..25)
                .filter(|number| map.pin().contains_key(&(number * KEYS)))
                .count(),
            24
        );
        end(map, books);
    });
}
