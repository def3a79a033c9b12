//! Guarantee A, how long a read can be made to last: under a scheduler that lets a writer run a
//! whole replacement, or a whole resize, between any two steps of the reader.
//!
//! ```text
//! cargo test --release --manifest-path schedule-tests/Cargo.toml --test read_bound -- --nocapture
//! ```
//!
//! A step is an atomic access. These are the steps of a `get` whose bucket holds `n` nodes, where `T`
//! threads and guards take part. The quick path runs once, while no resize is under way, and the long
//! one at most once after it: it never starts again.
//!
//! ```text
//! quick  state, head                                 2
//!        the nodes, of which the first perhaps twice n + 1
//!        state again, for a miss                     1
//! long   state, head                                 2
//!        state again, for a miss by presence bits    1
//!        a ready byte for each table of the chain    tables - 1
//!        but the last
//!        the nodes of other keys                     n - 1, and one for each replacement
//!        the node behind the bucket, for a miss      1
//!        the key's own nodes, and the number T each  2 (T + 1)
//!        the heads that it meets: state, state anew  3 each
//!        if the head is unknown, the head
//! ```
//!
//! The quick path loads a node's link before it compares the node; the first node's link twice if that
//! node has the key. It ends at the first link with a mark: at a marked node, whether or not it has the
//! key. A replacement that is complete puts a node in the place of another, so it makes the quick path
//! no longer.
//!
//! The long path steps over marked nodes. It leaves the key's own at the latest with `T + 1` of them:
//! each costs its link and a look at the number T. What is not bounded is how many replacements of
//! *other* keys of the bucket, and how many new heads, a reader walks through as long as they keep
//! coming: one step for each node, three for each head.

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

/// The bucket of a key in a table of so many.
fn bucket(key: u64, buckets: usize) -> u64 {
    mix(key) >> (64 - buckets.ilog2())
}

/// The first keys of bucket 5 of sixteen, in the order of the list.
fn keys_of_one_bucket(count: usize) -> Vec<u64> {
    let keys = (1..).filter(|&key| bucket(key, 16) == 5);
    let mut keys: Vec<u64> = keys.take(count).collect();
    keys.sort_by_key(|&key| mix(key));
    keys
}

/// The smallest table with a bucket for each of so many entries.
fn narrowest(entries: usize) -> usize {
    let mut buckets = 4;
    while buckets < entries {
        buckets *= 4;
    }
    buckets
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
        self.steps = 0;
        self.is_over = false;
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
    /// Which of them is read; the one behind the last is absent.
    read: usize,
    /// Which of them is replaced. `None`: the table grows to 64 buckets, then shrinks to the fewest.
    replaced: Option<usize>,
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
    before: Option<u64>,
    found: Option<u64>,
    /// The replacements that were complete when the read returned.
    written: u64,
    /// The thread that was to be stopped has come to its end.
    has_ended: bool,
}

impl Read {
    /// The most steps of a `get` that finds its key in a bucket of so many nodes, in a table that is
    /// not resized. There it takes none of the steps of a miss, and meets no head.
    fn bound(&self, nodes: usize, replaced_others: u64) -> usize {
        let quick = 2 + nodes + 1;
        let long = 2 + nodes - 1 + replaced_others as usize + 2 * (self.participants + 1);
        quick + long
    }
}

fn read(setting: Setting) -> Read {
    let script = Arc::new(Mutex::new(Script {
        delay: setting.delay,
        pace: setting.pace,
        may_write: setting.replacements,
        stalls_after: setting.stalls_after.unwrap_or(0),
        ..Script::default()
    }));
    run(&Arc::clone(&script), move || play(setting, &script))
}

fn run<A: Clone + Send + 'static>(
    script: &Arc<Mutex<Script>>,
    program: impl Fn() -> A + Send + Sync + 'static,
) -> A {
    // One test at a time: shuttle's atomics in statics are not for two executions side by side.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let scheduler = Between {
        script: Arc::clone(script),
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
    let answer: Arc<Mutex<Option<A>>> = Arc::default();
    let theirs = Arc::clone(&answer);
    Runner::new(scheduler, config).run(move || {
        *theirs.lock().unwrap() = Some(program());
    });
    let answer = answer.lock().unwrap().clone();
    answer.expect("the execution came to its end")
}

fn play(setting: Setting, script: &Arc<Mutex<Script>>) -> Read {
    let mut keys = keys_of_one_bucket(setting.nodes + 1);
    let key = keys[setting.read];
    keys.pop();
    let replaced = setting.replaced.map(|place| keys[place]);
    let map: Arc<Map> = Arc::new(keys.iter().map(|&key| (key, 0)).collect());
    // All stand in one bucket of this table too, and replacements leave it as it is.
    assert_eq!(map.capacity(), narrowest(setting.nodes));
    assert!(map.capacity() <= 16);
    assert!(map.pin().keys().eq(&keys), "in the order of their hashes");
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
                match replaced {
                    Some(replaced) => {
                        map.pin().insert(replaced, value);
                    }
                    None if value % 2 == 0 => {
                        map.reserve(WIDE - map.len());
                        assert_eq!(map.capacity(), WIDE);
                    }
                    None => {
                        map.shrink_to_fit();
                        assert_eq!(map.capacity(), narrowest(map.len()));
                    }
                }
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
    let before = before.map(|(_, value)| *value);
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
            found,
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

/// The buckets of the wider table, where the table is resized.
const WIDE: usize = 64;

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
                replaced: Some(0),
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
                    replaced: Some(at),
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
                    replaced: Some(at),
                    replacements: ALWAYS,
                    guards,
                    delay,
                    pace: 1,
                    stalls_after: Some(stalls_after),
                });
                let is_current = read.found == read.before
                    || (read.found)
                        .is_some_and(|found| (FIRST..FIRST + read.written).contains(&found));
                assert!(
                    is_current,
                    "replacement stopped after {stalls_after} steps, another begins after {delay}: \
                     {read:?}"
                );
                assert!(read.steps <= read.bound(nodes, 0), "{read:?}");
                has_ended |= read.has_ended;
                reads += 1;
                old += usize::from(read.before == Some(0));
                new += usize::from(read.before == Some(1));
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
                        replaced: Some(replaced),
                        replacements,
                        guards,
                        delay: 0,
                        pace,
                        stalls_after: None,
                    });
                    assert_eq!((read.before, read.found), (Some(0), Some(0)));
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

/// (d) Two resizes, one after the other, come between any two steps of the reader: it finds what is
/// there, and walks on.
///
/// It meets a bounded number of heads for each resize. From one head it goes to one of a greater key,
/// of which the bucket has as many as the wide table has heads there, or to a twin, which is of a newer
/// table. Where the key changes, the twins begin with an older table again: that from which the last
/// table took over.
#[test]
fn is_bounded_by_the_heads_that_come() {
    /// The heads of the wide table in a bucket of the narrowest.
    const KEYS: usize = WIDE / 4;
    let mut walked_along = 0;
    for guards in [0, 7] {
        for (nodes, at) in [(1, 0), (1, 1), (4, 0), (4, 3), (4, 4)] {
            for resizes in [0, 1, 2, 3, 10, 100] {
                for (delay, pace) in (0..8).flat_map(|delay| [(delay, 1), (delay, 2), (delay, 4)]) {
                    let read = read(Setting {
                        nodes,
                        read: at,
                        replaced: None,
                        replacements: resizes,
                        guards,
                        delay,
                        pace,
                        stalls_after: None,
                    });
                    let present = (at < nodes).then_some(0);
                    assert_eq!((read.before, read.found), (present, present));
                    // From 4 buckets to 16 and 64, or back.
                    let tables = 1 + 2 * read.written as usize;
                    let heads = 2 * KEYS + tables;
                    // Between two steps no resize is under way, so no ready byte is asked for.
                    let quick = 2 + nodes + 1 + 1;
                    let long = 2 + 1 + nodes + 1 + 3 * heads;
                    assert!(read.steps <= quick + long, "{read:?}");
                    walked_along += usize::from(read.written == 100);
                    if guards == 0 && delay == 0 {
                        println!("{nodes} nodes, read {at}, {resizes:>3}, pace {pace}: {read:?}");
                    }
                }
            }
        }
    }
    assert!(walked_along > 0, "the reader walks along");
}

/// (e) A resize that stands still: every write carries it on by a step, and after each one all keys are
/// read, and others that are absent.
#[test]
fn in_the_middle_of_a_resize() {
    let script: Arc<Mutex<Script>> = Arc::default();
    run(&Arc::clone(&script), move || {
        let keys: Vec<u64> = (1..=17).collect();
        let absent = 18..=40;
        let map: Arc<Map> = Arc::new(keys[..16].iter().map(|&key| (key, key)).collect());
        assert_eq!(map.capacity(), 16);
        // Each of these threads takes the place of the one before: the first write looks at the length,
        // and so does the fifth.
        let insert = |key: u64| {
            let map = Arc::clone(&map);
            let write = move || {
                map.pin().insert(key, key);
            };
            thread::spawn(write).join().expect("it only writes");
        };
        let read = |coarser: usize, present: usize| {
            let guard = map.guard();
            let mut most = 0;
            for key in keys.iter().copied().chain(absent.clone()) {
                lock(&script).begin_read();
                let found = map.get(&key, &guard).copied();
                let mut script = lock(&script);
                script.end_read();
                assert_eq!(found, (key <= present as u64).then_some(key));
                // The two tables have five heads in a bucket of the coarser one, and the first of the
                // next bucket is met as well, but the search starts behind one of them.
                let present = &keys[..present];
                let in_bucket = |&&one: &&u64| bucket(one, coarser) == bucket(key, coarser);
                let nodes = present.iter().filter(in_bucket).count();
                let states_byte_and_head = 4;
                let bound = states_byte_and_head + 1 + nodes + 1 + 3 * 5;
                assert!(
                    script.steps <= bound,
                    "{} steps, at most {bound}",
                    script.steps
                );
                most = most.max(script.steps);
            }
            println!(
                "{:>3} buckets, {present} entries: {most} steps",
                map.capacity()
            );
        };
        read(16, 16);
        // Published; made and settled; ended. And once more.
        for _ in 0..4 {
            insert(17);
            assert_eq!(map.capacity(), 64);
            read(16, 17);
        }
        for key in 9..=17 {
            map.pin().remove(&key);
        }
        assert_eq!(map.capacity(), 64, "this thread has not looked");
        for _ in 0..3 {
            insert(8);
            assert_eq!(map.capacity(), 16);
            read(16, 8);
        }
    });
}
