//! Guarantee A, how long a read can be made to last: under a scheduler that lets a writer run a
//! whole replacement between any two steps of the reader.
//!
//! ```text
//! cargo test --release --manifest-path schedule-tests/Cargo.toml --test read_bound -- --nocapture
//! ```
//!
//! A step is an atomic access. Those of a `get`, in a table that is not resized, whose bucket holds
//! `n` nodes, where `T` threads and guards take part:
//!
//! ```text
//! the short path    state and head                          2
//!                   the nodes, of which the first twice     n + 1
//! the long one      state and head                          2
//!                   the nodes of other keys                 n - 1, and one for each replacement
//!                   the key's own, and the number T each    2 (T + 1)
//! ```
//!
//! The short path is left for the long one at the first marked node, that is, as soon as somebody
//! replaces or removes a node under the reader. There the key's own nodes are left at the latest
//! with the one number `T + 1`. What is not bounded is how many replacements of *other* keys of
//! the bucket a reader walks through, as long as they go on: one step each.

#[path = "../../tests/hashers/mod.rs"]
mod hashers;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};
use shuttle::{Config, MaxSteps, Runner, current, thread};
use splitmap::HashMap;

use hashers::Quality;

/// A read that takes so many steps never ends.
const ENDLESS: usize = 5_000;

/// By default the key is its own hash, so that the test can choose hashes.
type Map = HashMap<u64, u64, Quality>;

/// What the map makes of a hash: as `mix` in `src/map.rs`.
fn mix(hash: u64) -> u64 {
    let product = u128::from(hash) * 0xa076_1d64_78bd_642f;
    product as u64 ^ (product >> 64) as u64
}

/// The first keys of one bucket, of the sixteen that a small map has, in the order of the list.
fn keys_of_one_bucket(count: usize) -> Vec<u64> {
    let bucket = |key: u64| mix(key) >> 60;
    let mut keys: Vec<u64> = (1..).filter(|&key| bucket(key) == 5).take(count).collect();
    keys.sort_by_key(|&key| mix(key));
    keys
}

// ---------------------------------------------------------------------------------------------
// The scheduler
// ---------------------------------------------------------------------------------------------

/// What the scheduler and the program that it runs tell each other: they share a thread.
#[derive(Default)]
struct Script {
    reader: Option<TaskId>,
    writer: Option<TaskId>,
    /// A thread that is stopped after so many steps, until the read is over.
    stalled: Option<TaskId>,
    stalls_after: usize,
    /// After how many steps of the reader the writer begins, and after how many more it goes on.
    delay: usize,
    pace: usize,
    is_writers_turn: bool,
    is_over: bool,
    /// The steps of the reader, and of the stalled thread.
    steps: usize,
    stalled_steps: usize,
    /// Whether the stalled thread came to its end before.
    has_ended: bool,
    /// How many replacements the writer has made, and may make.
    written: u64,
    may_write: u64,
}

/// The first of the writer's values. They go up by one.
const FIRST: u64 = 100;

impl Script {
    fn begin_read(&mut self) {
        self.reader = Some(current::me());
        self.is_writers_turn = self.delay == 0;
    }

    fn end_read(&mut self) {
        self.is_over = true;
    }

    /// The value of the writer's next replacement, if there is to be one.
    fn next_write(&self) -> Option<u64> {
        (!self.is_over && self.written < self.may_write).then_some(FIRST + self.written)
    }

    fn end_write(&mut self) {
        self.written += 1;
        self.is_writers_turn = false;
    }

    fn choose(&mut self, runnable: &[TaskId]) -> TaskId {
        let can_run = |id: Option<TaskId>| id.filter(|id| runnable.contains(id));
        if self.is_over {
            return runnable[0];
        }
        let Some(reader) = self.reader else {
            if let Some(stalled) = can_run(self.stalled)
                && self.stalled_steps < self.stalls_after
            {
                self.stalled_steps += 1;
                return stalled;
            }
            // Whoever was started last, to where it waits for the read.
            let mut others = runnable.iter().copied().filter(|&id| {
                let waits = self.has_ended || Some(id) != self.stalled;
                waits && Some(id) != self.writer
            });
            return others.next_back().expect("the reader has not begun");
        };
        if self.is_writers_turn
            && let Some(writer) = can_run(self.writer)
        {
            return writer;
        }
        self.steps += 1;
        assert!(
            self.steps < ENDLESS,
            "the read has made {ENDLESS} steps: it never ends"
        );
        let since = self.steps.checked_sub(self.delay);
        self.is_writers_turn = since.is_some_and(|since| since.is_multiple_of(self.pace));
        reader
    }
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs one execution.
struct Between {
    script: Arc<Mutex<Script>>,
    has_run: bool,
}

impl Scheduler for Between {
    fn new_execution(&mut self) -> Option<Schedule> {
        let is_first = !std::mem::replace(&mut self.has_run, true);
        is_first.then(|| Schedule::new(0))
    }

    fn next_task(&mut self, runnable: &[&Task], _: Option<TaskId>, _: bool) -> Option<TaskId> {
        let runnable: Vec<TaskId> = runnable.iter().map(|task| task.id()).collect();
        Some(lock(&self.script).choose(&runnable))
    }

    fn next_u64(&mut self) -> u64 {
        unreachable!("no program here asks for a random number")
    }
}

// ---------------------------------------------------------------------------------------------
// The program
// ---------------------------------------------------------------------------------------------

#[derive(Clone, Copy)]
struct Setting {
    /// The keys of the bucket, by their place in the order of the list.
    nodes: usize,
    /// Which of them is read, and which replaced.
    read: usize,
    replaced: usize,
    replacements: u64,
    /// Owned guards that are alive.
    guards: usize,
    /// After how many steps of the reader the first replacement comes, and after how many more the
    /// next.
    delay: usize,
    pace: usize,
    /// After how many steps a thread is stopped that writes 1 to the key that is read.
    stalls_after: Option<usize>,
}

/// What has come of a read.
#[derive(Clone, Copy, Debug, Default)]
struct Read {
    steps: usize,
    participants: usize,
    /// The key's value before the read, as a walk over the whole map finds it.
    before: u64,
    found: u64,
    /// The replacements that were complete when the read returned.
    written: u64,
    /// The thread that was to be stopped has come to its end.
    has_ended: bool,
}

impl Read {
    /// The most steps that a `get` has in a bucket of so many nodes.
    fn bound(&self, nodes: usize, replaced_others: u64) -> usize {
        let short = 2 + nodes + 1;
        let long = 2 + nodes - 1 + replaced_others as usize + 2 * (self.participants + 1);
        short + long
    }
}

fn read(setting: Setting) -> Read {
    // One test at a time: shuttle's atomics in statics are not for two executions side by side.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let script = Arc::new(Mutex::new(Script {
        delay: setting.delay,
        pace: setting.pace,
        may_write: setting.replacements,
        stalls_after: setting.stalls_after.unwrap_or(0),
        ..Script::default()
    }));
    let scheduler = Between {
        script: Arc::clone(&script),
        has_run: false,
    };
    let mut config = Config::new();
    config.silence_warnings = true;
    config.stack_size = 1 << 18;
    // The scheduler has a bound of its own.
    config.max_steps = MaxSteps::None;
    config
        .ungraceful_shutdown_config
        .immediately_return_on_panic = true;
    let answer: Arc<Mutex<Read>> = Arc::default();
    let theirs = Arc::clone(&answer);
    Runner::new(scheduler, config).run(move || {
        *theirs.lock().unwrap() = play(setting, &script);
    });
    *answer.lock().unwrap()
}

fn play(setting: Setting, script: &Arc<Mutex<Script>>) -> Read {
    let keys = keys_of_one_bucket(setting.nodes);
    let map: Arc<Map> = Arc::new(keys.iter().map(|&key| (key, 0)).collect());
    assert_eq!(map.capacity(), 16);
    assert!(map.pin().keys().eq(&keys), "in the order of their hashes");
    let (key, replaced) = (keys[setting.read], keys[setting.replaced]);
    let guards: Vec<_> = (0..setting.guards).map(|_| map.owned_guard()).collect();

    let writer = {
        let (map, script) = (Arc::clone(&map), Arc::clone(script));
        thread::spawn(move || {
            drop(map.guard());
            lock(&script).writer = Some(current::me());
            // Until the read begins.
            thread::yield_now();
            loop {
                let Some(value) = lock(&script).next_write() else {
                    return;
                };
                map.pin().insert(replaced, value);
                lock(&script).end_write();
                thread::yield_now();
            }
        })
    };
    thread::yield_now();
    let stalled = setting.stalls_after.map(|_| {
        let (map, script) = (Arc::clone(&map), Arc::clone(script));
        let stalled = thread::spawn(move || {
            drop(map.guard());
            lock(&script).stalled = Some(current::me());
            map.pin().insert(key, 1);
            lock(&script).has_ended = true;
        });
        thread::yield_now();
        stalled
    });

    let guard = map.guard();
    let before = map.iter(&guard).find(|&(k, _)| *k == key);
    let before = *before.expect("nobody removes it").1;
    let participants = map.stats().participants.expect("known to `Epoch`");
    lock(script).begin_read();
    let found = map.get(&key, &guard).copied();
    let read = {
        let mut script = lock(script);
        script.end_read();
        Read {
            steps: script.steps,
            participants,
            before,
            found: found.expect("the key is always present"),
            written: script.written,
            has_ended: script.has_ended,
        }
    };
    drop(guard);
    for thread in stalled.into_iter().chain([writer]) {
        thread.join().expect("it only writes");
    }
    drop(guards);
    read
}

// ---------------------------------------------------------------------------------------------
// The bound
// ---------------------------------------------------------------------------------------------

const ALWAYS: u64 = u64::MAX;

/// The numbers of owned guards that the tests run with.
const GUARDS: [usize; 5] = [0, 1, 2, 7, 30];

/// (a) A key that is replaced without end, between any two steps: the read returns all the same.
#[test]
fn of_a_key_that_is_always_replaced() {
    for pace in [1, 2] {
        let mut last = 0;
        for guards in GUARDS {
            let setting = Setting {
                nodes: 1,
                read: 0,
                replaced: 0,
                replacements: ALWAYS,
                guards,
                delay: 0,
                pace,
                stalls_after: None,
            };
            let read = read(setting);
            println!("{guards:>2} guards: {read:?}");
            assert_eq!(read.written, (read.steps / pace) as u64);
            // No less: so it is the number of participants that ends the read.
            assert_eq!(read.steps, read.bound(1, 0));
            assert!(read.participants >= guards + 2 && read.steps > last);
            last = read.steps;

            // Among other nodes, which stand before it and behind it.
            for at in 0..4 {
                let read = self::read(Setting {
                    nodes: 4,
                    read: at,
                    replaced: at,
                    ..setting
                });
                assert!(read.steps <= read.bound(4, 0), "{read:?}");
                // With time for a step over a node that stands before it, the reader finds it.
                assert!(pace > 1 || read.steps > 2 * read.participants, "{read:?}");
            }
        }
    }
}

/// (b) The value that is returned was the key's value at a moment within the read: also where a
/// replacement, stopped at any of its steps, has left a marked node behind, and wherever in the
/// read others begin.
#[test]
fn what_is_found_was_current_within_the_read() {
    let (mut reads, mut old, mut new) = (0, 0, 0);
    for stalls_after in 0.. {
        let mut has_ended = false;
        for delay in 0..12 {
            for (guards, nodes, at) in [(0, 1, 0), (3, 1, 0), (0, 3, 1)] {
                let read = read(Setting {
                    nodes,
                    read: at,
                    replaced: at,
                    replacements: ALWAYS,
                    guards,
                    delay,
                    pace: 1,
                    stalls_after: Some(stalls_after),
                });
                let is_current = read.found == read.before
                    || (FIRST..FIRST + read.written).contains(&read.found);
                assert!(
                    is_current,
                    "replacement stopped after {stalls_after} steps, another begins after {delay}: \
                     {read:?}"
                );
                assert!(read.steps <= read.bound(nodes, 0), "{read:?}");
                has_ended |= read.has_ended;
                reads += 1;
                old += usize::from(read.before == 0);
                new += usize::from(read.before == 1);
            }
        }
        if has_ended {
            break;
        }
    }
    println!("{reads} reads, {old} of them before the stopped replacement, {new} after it");
    assert!(old > 100 && new > 100);
}

/// (c) The honest remainder: as long as another key of the bucket, before the one that is read, is
/// replaced between any two steps, the reader walks along. It is a step for each replacement that
/// completes, and no more: at half the pace, the reader gets away.
#[test]
fn grows_with_replacements_of_other_keys_of_the_bucket() {
    for guards in GUARDS {
        for (nodes, at, replaced) in [(2, 1, 0), (5, 4, 0), (5, 4, 3), (5, 2, 1)] {
            for replacements in [0, 1, 2, 10, 100, 1_000] {
                for pace in [1, 2, 3] {
                    let read = read(Setting {
                        nodes,
                        read: at,
                        replaced,
                        replacements,
                        guards,
                        delay: 0,
                        pace,
                        stalls_after: None,
                    });
                    assert_eq!((read.before, read.found), (0, 0));
                    let bound = read.bound(nodes, read.written);
                    assert!(read.steps <= bound, "{read:?}, at most {bound} steps");
                    if pace == 1 && replacements >= 100 {
                        assert_eq!(read.written, replacements, "the reader walks along");
                        assert!(read.steps as u64 >= replacements, "{read:?}");
                    }
                    if guards == 0 && nodes == 2 {
                        println!("{replacements:>4}, pace {pace}: {read:?}, at most {bound} steps");
                    }
                }
            }
        }
    }
}
