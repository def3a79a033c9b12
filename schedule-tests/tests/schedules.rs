//! Guarantees C and E on schedules that a random scheduler makes, of programs that are too long to
//! run in every way: the real map on the real `Epoch`, under shuttle. Of one the history is recorded,
//! and checked for linearizability by the checker of `tests/history`.
//!
//! ```text
//! cargo test --release --manifest-path schedule-tests/Cargo.toml --test schedules
//! ```
//!
//! shuttle runs one thread at a time and switches at atomic accesses: it finds protocol errors, and
//! none of memory orderings. A failure prints a schedule that `shuttle::replay` takes.
//!
//! A value that is dropped is not given back but marked, so that a reader who comes too late finds
//! a mark and not chance.

#[path = "../../tests/hashers/mod.rs"]
mod hashers;
#[path = "../../tests/history/mod.rs"]
mod history;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner, thread};
use splitmap::{Compute, Cursor, HashMap, Operation as Wanted};

use hashers::Fixed;
use history::{Action, Clock, Condition, Count, History, Operation, Outcome, Recorder};

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
    run_under(schedules(), program);
}

/// As `run`, under so many schedules of each kind.
fn run_under(schedules: usize, program: fn(&Arc<Books>)) {
    // One test at a time: shuttle's atomics in statics, such as those of the empty map, are not for
    // two executions side by side.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let early = run_with(RandomScheduler::new(schedules), program)
        + run_with(PctScheduler::new(3, schedules), program);
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
        // SAFETY: kept alive beyond the threads, which are joined below.
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

/// A thread with keys of its own: each answer has to be what a sequential map would say.
struct Owner {
    map: Arc<Map>,
    books: Arc<Books>,
    thread: u64,
    model: BTreeMap<u64, u64>,
    /// Keys that nobody writes.
    stable: BTreeMap<u64, u64>,
}

impl Owner {
    /// The keys and the numbers of those values, under the guard that they were read under.
    fn numbers<'g>(entries: impl Iterator<Item = (&'g u64, &'g Value)>) -> Vec<(u64, u64)> {
        let entries: Vec<_> = entries.collect();
        thread::yield_now();
        let number = |value: &Value| {
            let is_dropped = value.is_dropped.load(Ordering::SeqCst);
            assert!(!is_dropped, "freed under a guard");
            value.number
        };
        let entries = entries.into_iter();
        entries.map(|(&key, value)| (key, number(value))).collect()
    }

    fn key(&self, index: u64) -> u64 {
        self.thread * 100 + index
    }

    fn is_ours(&self, key: u64) -> bool {
        key / 100 == self.thread
    }

    fn agree(&self, key: u64, found: Option<&Value>) {
        let found = Self::numbers(found.map(|value| (&key, value)).into_iter());
        let known = self.model.get(&key).or_else(|| self.stable.get(&key));
        let known = known.map(|&number| (key, number));
        assert!(
            found.iter().copied().eq(known),
            "found {found:?}, and not {known:?}"
        );
    }

    fn get(&self, key: u64) {
        let guard = self.map.guard();
        self.agree(key, self.map.get(&key, &guard));
    }

    fn insert(&mut self, index: u64) {
        let (key, guard) = (self.key(index), self.map.guard());
        let value = Value::new(self.books.made.load(Ordering::SeqCst) as u64, &self.books);
        let number = value.number;
        self.agree(key, self.map.insert(key, value, &guard));
        drop(guard);
        self.model.insert(key, number);
    }

    fn update_or_insert(&mut self, index: u64) {
        let (key, guard) = (self.key(index), self.map.guard());
        let mut old = None;
        let value = || Value::new(self.books.made.load(Ordering::SeqCst) as u64, &self.books);
        let update = |seen: &Value| {
            self.agree(key, Some(seen));
            old = Some(seen.number);
            value()
        };
        let new = self.map.update_or_insert_with(key, update, value, &guard);
        assert_eq!(old, self.model.get(&key).copied());
        let number = new.number;
        drop(guard);
        self.model.insert(key, number);
    }

    /// One of an entry that refuses, then one that accepts.
    fn remove_if(&mut self, index: u64) {
        let (key, guard) = (self.key(index), self.map.guard());
        for accepts in [false, true] {
            let removal = self.map.try_remove_if(&key, |_, _| accepts, &guard);
            assert!(removal.is_ok() || !accepts);
            let entry = removal.unwrap_or_else(Some);
            self.agree(key, entry.map(|(_, value)| value));
        }
        drop(guard);
        self.model.remove(&key);
    }

    fn remove(&mut self, index: u64) {
        let (key, guard) = (self.key(index), self.map.guard());
        self.agree(key, self.map.remove(&key, &guard));
        drop(guard);
        self.model.remove(&key);
    }

    /// Whether a walk has met what nobody else writes, and no key twice.
    fn check_walk(&self, mut met: Vec<(u64, u64)>) {
        met.sort_unstable();
        let twice = met.windows(2).find(|pair| pair[0].0 == pair[1].0);
        assert_eq!(twice, None, "a walk has met a key twice");
        met.retain(|&(key, _)| self.is_ours(key) || self.stable.contains_key(&key));
        let known = self.stable.iter().chain(&self.model);
        assert!(
            met.iter().map(|(key, number)| (key, number)).eq(known),
            "a walk has met {met:?}"
        );
    }

    fn iterate(&self) {
        let guard = self.map.guard();
        self.check_walk(Self::numbers(self.map.iter(&guard)));
    }

    /// A whole scan, with a write between its calls.
    fn scan(&mut self, written: u64) {
        let written_key = self.key(written);
        self.insert(written);
        let (mut met, mut next) = (Vec::new(), Some(Cursor::START));
        while let Some(cursor) = next {
            let map = Arc::clone(&self.map);
            let guard = map.guard();
            let mut scan = map.scan(cursor, 7, &guard);
            met.extend(Self::numbers(scan.by_ref()));
            next = scan.cursor();
            self.insert(written);
        }
        for (key, number) in &mut met {
            // Any of its values.
            if *key == written_key {
                *number = self.model[key];
            }
        }
        self.check_walk(met);
    }

    fn retain(&mut self) {
        let (map, thread) = (Arc::clone(&self.map), self.thread);
        let keeps = |&key: &u64, _: &mut u64| key / 100 != thread || key % 4 == 0;
        map.retain(|&key, _| keeps(&key, &mut 0), &map.guard());
        self.model.retain(keeps);
    }

    /// Fifty of them, in any order.
    fn operation(&mut self, number: u64) {
        match number {
            0..16 => self.insert(number),
            16 => self.map.reserve(40),
            17..21 => self.insert(number - 14),
            21 => self.iterate(),
            22..25 => self.get(self.key(number - 20)),
            25 => self.map.flush(),
            26 => self.scan(3),
            27..35 => self.remove(number - 24),
            35 => self.retain(),
            36 => self.iterate(),
            37..41 => self.update_or_insert(number - 20),
            41 => self.map.shrink_to_fit(),
            42..45 => self.update_or_insert(number - 40),
            45 => self.scan(1),
            46..49 => self.remove_if(number - 40),
            49 => self.map.flush(),
            _ => unreachable!("there are fifty"),
        }
        // The stable keys, one after the other.
        self.get(number % self.stable.len() as u64);
    }
}

#[test]
fn owners_do_everything_in_a_table_that_grows_and_shrinks() {
    // Each of them is long.
    run_under(schedules().div_ceil(4), |books| {
        let map = map(books);
        let threads: Vec<_> = (1..=4)
            .map(|thread| {
                let mut owner = Owner {
                    map: Arc::clone(&map),
                    books: Arc::clone(books),
                    thread,
                    model: BTreeMap::new(),
                    stable: (0..KEYS).map(|key| (key, key)).collect(),
                };
                // While some are at their inserts, others are at their removals.
                thread::spawn(move || {
                    let mut most = 0;
                    for number in 0..50 {
                        owner.operation((number + thread * 12) % 50);
                        most = most.max(owner.map.capacity());
                    }
                    (owner, most)
                })
            })
            .collect();
        let mut entries = KEYS as usize;
        for thread in threads {
            let (owner, most) = thread.join().unwrap();
            assert!(most >= 64, "the table has grown");
            owner.iterate();
            entries += owner.model.len();
        }
        assert_eq!(map.len(), entries);
        map.shrink_to_fit();
        assert!(map.capacity() < 4 * entries, "the table has shrunk");
        end(map, books);
    });
}

/// What a thread does in a program whose history is checked, in this order, each at a key of its turn.
fn recorded(thread: u64, turn: u64) -> (u64, Operation) {
    let value = KEYS + 1_000 * (thread + 1) + 10 * turn + turn % 2;
    let even = Condition::Even;
    let operation = match (turn + 3 * thread) % 9 {
        0 => Operation::Update(value),
        1 => Operation::Compute {
            when: even,
            then: Action::Insert(value),
            otherwise: Action::Remove,
            absent: Action::Insert(value + 2),
        },
        2 => Operation::RemoveIf(even),
        3 => Operation::UpdateOrInsert {
            update: value,
            insert: value + 2,
        },
        4 => Operation::ReplaceIf(even, value),
        5 => Operation::Insert(value),
        6 => Operation::Compute {
            when: even,
            then: Action::Remove,
            otherwise: Action::Insert(value),
            absent: Action::Abort,
        },
        7 => Operation::GetOrInsert(value),
        _ => Operation::Remove,
    };
    ((thread + turn / 3) % 2, operation)
}

/// Does it, on the real map.
fn call(map: &Map, books: &Arc<Books>, key: u64, operation: Operation) -> Outcome {
    let view = map.pin();
    let new = |number| Value::new(number, books);
    let number = |value: &Value| {
        let is_dropped = value.is_dropped.load(Ordering::SeqCst);
        assert!(!is_dropped, "freed under a guard");
        value.number
    };
    let compute = |decide: &dyn Fn(Option<u64>) -> Action| {
        let computed = view.compute(key, |entry| {
            let seen = entry.map(|(_, value)| number(value));
            match decide(seen) {
                Action::Insert(value) => Wanted::Insert(new(value)),
                Action::Remove => Wanted::Remove,
                Action::Abort => Wanted::Abort(seen),
            }
        });
        match computed {
            Compute::Inserted(..) => Outcome::Wrote(None),
            Compute::Updated { old, .. } => Outcome::Wrote(Some(number(old.1))),
            Compute::Removed(_, value) => Outcome::Removed(number(value)),
            Compute::Aborted(seen) => Outcome::Kept(seen),
            Compute::Absent => Outcome::Kept(None),
        }
    };
    match operation {
        Operation::Get => Outcome::Kept(view.get(&key).map(number)),
        Operation::Insert(value) => Outcome::Wrote(view.insert(key, new(value)).map(number)),
        Operation::GetOrInsert(value) => {
            match number(view.get_or_insert_with(key, || new(value))) {
                current if current == value => Outcome::Wrote(None),
                current => Outcome::Kept(Some(current)),
            }
        }
        Operation::Remove => {
            let removed = view.remove(&key).map(number);
            removed.map_or(Outcome::Kept(None), Outcome::Removed)
        }
        Operation::RemoveIf(when) => {
            match view.try_remove_if(&key, |_, seen| when.holds(number(seen))) {
                Ok(Some((_, value))) => Outcome::Removed(number(value)),
                Ok(None) => Outcome::Kept(None),
                Err((_, value)) => Outcome::Kept(Some(number(value))),
            }
        }
        Operation::Update(value) => {
            let mut old = None;
            let updated = view.update(key, |seen| {
                old = Some(number(seen));
                new(value)
            });
            updated.map_or(Outcome::Kept(None), |_| Outcome::Wrote(old))
        }
        Operation::UpdateOrInsert { update, insert } => {
            let mut old = None;
            let change = |seen: &Value| {
                old = Some(number(seen));
                new(update)
            };
            let value = number(view.update_or_insert_with(key, change, || new(insert)));
            Outcome::Wrote(old.filter(|_| value == update))
        }
        Operation::ReplaceIf(when, value) => compute(&|seen| match seen {
            Some(seen) if when.holds(seen) => Action::Insert(value),
            _ => Action::Abort,
        }),
        Operation::Compute {
            when,
            then,
            otherwise,
            absent,
        } => compute(&|seen| match seen {
            Some(seen) if when.holds(seen) => then,
            Some(_) => otherwise,
            None => absent,
        }),
        other => unreachable!("{other:?} is in no program"),
    }
}

/// Threads that decide by what is there, at the same two keys.
#[test]
fn histories_of_decisions() {
    run(|books| {
        static CLOCK: Clock = Clock::new();
        let map = map(books);
        let threads: Vec<_> = (0..3)
            .map(|thread| {
                let (map, books) = (Arc::clone(&map), Arc::clone(books));
                thread::spawn(move || {
                    let mut recorder = Recorder::new(&CLOCK, thread as usize);
                    for turn in 0..9 {
                        let (key, operation) = recorded(thread, turn);
                        recorder.call(key, operation, || call(&map, &books, key, operation));
                    }
                    map.flush();
                    recorder
                })
            })
            .collect();
        let mut history = History::new((0..KEYS).map(|key| (key, key)));
        for thread in threads {
            history.add(thread.join().unwrap());
        }
        let mut last = Recorder::new(&CLOCK, 3);
        for key in 0..KEYS {
            last.call(key, Operation::Get, || {
                call(&map, books, key, Operation::Get)
            });
        }
        last.length(|| map.len());
        history.add(last);
        if let Err(failure) = history.check(Count::Summed) {
            panic!("{failure}");
        }
        end(map, books);
    });
}
