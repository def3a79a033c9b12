//! Guarantee B: one thread stops for good, at each step of each operation, in each state of the
//! table. All other threads finish every operation meanwhile, grow the table and shrink it, and find
//! what they should.
//!
//! ```text
//! cargo test --release --manifest-path schedule-tests/Cargo.toml --test stopped -- --nocapture
//! ```
//!
//! A step is an atomic access: before each one, shuttle asks the scheduler which thread runs next. The
//! scheduler here lets one thread, the *victim*, make a given number of steps of its operation, and
//! does not choose it again before all others are through. Then the victim continues, and everything
//! is checked. The test stops an operation ever later until it ends first: that is how it learns how
//! many steps the operation has.
//!
//! A victim is stopped in two ways. *Alone*: at every step, before the others begin; they then take
//! turns. (Operations with hundreds of steps are not stopped at every one: see [`EVERY_STEP`].)
//! *Among*: the others run from the start, by a seeded random choice, so the victim has also lost,
//! helped and retried before it stops. This at every fourth step.
//!
//! At the end the others clear the map, except where an iteration was stopped alone: there it has to
//! yield everything that stays. Such operations are stopped at every step in both ways.
//!
//! A bound on the steps of the others shows that none of them waits.
//!
//! # States
//!
//! [`State`] lists the states of a table that the victim starts in. Some exist only while a thread is
//! in the middle of a resize, as the thread that makes a stride settles it at once. There a second
//! thread, the *holder*, is stopped as well, at a step that [`Hold::lead`] finds, and until the end: so
//! in these states the others get on with two threads stopped.
//!
//! # What a stopped thread costs
//!
//! While it is pinned nothing is freed, and while it owns a stride of a resize the table does not
//! shrink. The tables that are printed count the latter as `barred`.

#[path = "../../tests/hashers/mod.rs"]
mod hashers;

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner, current, thread};
use splitmap::{Compute, Cursor, Guard, HashMap, Operation as Wanted};

use hashers::Fixed;

/// More steps than the others ever take if none of them waits: some ten times as many.
const MOST_STEPS: usize = 500_000;

/// More steps than any operation has that runs alone.
const MOST_OF_VICTIM: usize = 20_000;

/// Up to here every step is a stop; then every second, every third and so on, by this number each.
const EVERY_STEP: usize = 450;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// ---------------------------------------------------------------------------------------------
// Values, keys and hashes
// ---------------------------------------------------------------------------------------------

#[derive(Default)]
struct Books {
    made: AtomicUsize,
    dropped: AtomicUsize,
}

impl Books {
    fn alive(&self) -> usize {
        self.made.load(Ordering::SeqCst) - self.dropped.load(Ordering::SeqCst)
    }
}

/// A value that is dropped is marked, and its mark stays: so that whoever comes too late finds it.
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

    /// The number of a value that was found under a guard.
    fn number(&self) -> u64 {
        let is_dropped = self.is_dropped.load(Ordering::SeqCst);
        assert!(!is_dropped, "freed under a guard");
        self.number
    }
}

impl Clone for Value {
    fn clone(&self) -> Value {
        Value::new(self.number(), &self.books)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        let was_dropped = self.is_dropped.swap(true, Ordering::SeqCst);
        assert!(!was_dropped, "dropped twice");
        self.books.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

type Map = HashMap<u64, Value, Fixed>;

/// Keys and the numbers of their values, as a sequential map would have them.
type Model = BTreeMap<u64, u64>;

/// Whose keys are whose: only the owner writes them.
const STABLE: usize = 0;
const VICTIM: usize = 1;
const FIRST: usize = 2;
const SECOND: usize = 3;
const MAIN: usize = 4;
const OWNERS: usize = 5;

const fn key(owner: usize, index: usize) -> u64 {
    owner as u64 * 1_000 + index as u64
}

fn owner(key: u64) -> usize {
    (key / 1_000) as usize
}

// ---------------------------------------------------------------------------------------------
// The scheduler
// ---------------------------------------------------------------------------------------------

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Alone,
    Among,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The map is made; the victim has not begun its operation.
    Before,
    /// The victim is within its operation.
    Within,
    /// The operation is over, or may go on to its end; so may the holder.
    Free,
}

/// What the scheduler and the program that it runs tell each other: they share a thread.
struct Script {
    way: Way,
    /// After how many steps of its operation the victim is stopped.
    stop: usize,
    phase: Phase,
    victim: Option<TaskId>,
    /// The steps that the victim has made of its operation.
    steps: usize,
    /// The steps that the others have made since it began.
    others: usize,
    /// The steps that all have made before it began, or since it is over or may go on.
    outside: usize,
    /// A thread of the state that is stopped within its stride, for as long as the victim is not free.
    holder: Option<TaskId>,
    /// The steps that the holder makes before it is stopped; how many of them are left.
    lead: usize,
    lead_left: usize,
    random: u64,
    /// One choice in so many falls on the victim, where it runs among others.
    weight: u64,
    /// The steps of the whole operation, once it has come to its end alone.
    whole: Option<usize>,
    /// Among others, the next stop is so many steps on.
    stride: usize,
    /// That others waited for the victim, and how it was seen.
    waits: Option<&'static str>,
    row: Row,
}

/// What is printed of an operation.
#[derive(Clone, Copy, Default)]
struct Row {
    executions: usize,
    stops: usize,
    /// Stops of a victim that ran alone, and those of them that kept the table from shrinking.
    alone: usize,
    barred: usize,
    most_others: usize,
}

impl Script {
    fn new(walks: bool, lead: usize) -> Self {
        Script {
            stride: if walks { 1 } else { 4 },
            holder: None,
            lead,
            lead_left: lead,
            way: Way::Alone,
            stop: 0,
            phase: Phase::Before,
            victim: None,
            steps: 0,
            others: 0,
            outside: 0,
            random: 0,
            weight: 0,
            whole: None,
            waits: None,
            row: Row::default(),
        }
    }

    /// The next stop, if there is one.
    fn advance(&mut self) -> bool {
        if self.row.executions > 0 {
            self.row.most_others = self.row.most_others.max(self.others);
            let sampled = 1 + self.stop / EVERY_STEP;
            match (self.way, self.whole) {
                (Way::Alone, None) => {
                    self.stop += sampled;
                    if self.stop > MOST_OF_VICTIM {
                        self.fail("the operation itself does not come to its end");
                    }
                }
                (Way::Alone, Some(_)) => {
                    self.way = Way::Among;
                    self.stop = 0;
                }
                (Way::Among, whole) => {
                    self.stop += sampled * self.stride;
                    if Some(self.stop) >= whole {
                        return false;
                    }
                }
            }
        }
        self.row.executions += 1;
        self.phase = Phase::Before;
        self.victim = None;
        self.holder = None;
        self.lead_left = self.lead;
        self.steps = 0;
        self.others = 0;
        self.outside = 0;
        self.random = self.stop as u64;
        self.weight = [2, 10, 50][self.stop / self.stride % 3];
        true
    }

    /// The step that was made last is the victim's last before its operation.
    fn begin(&mut self, victim: TaskId) {
        self.victim = Some(victim);
        self.phase = Phase::Within;
    }

    fn end(&mut self) {
        if self.phase == Phase::Within && self.way == Way::Alone {
            assert!(self.steps <= self.stop, "it was to be stopped");
            self.whole = Some(self.steps);
        }
        self.phase = Phase::Free;
    }

    /// Lets the victim go on, if it has been stopped.
    fn release(&mut self, is_barred: bool) {
        if self.phase == Phase::Within {
            self.row.stops += 1;
            if self.way == Way::Alone {
                self.row.alone += 1;
                self.row.barred += usize::from(is_barred);
            }
        }
        self.phase = Phase::Free;
    }

    fn fail(&mut self, waits: &'static str) -> ! {
        self.waits = Some(waits);
        panic!("{waits}");
    }

    /// By SplitMix64.
    fn random(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.random;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % below
    }

    fn choose(&mut self, mut runnable: Vec<TaskId>, last: Option<TaskId>) -> TaskId {
        if self.phase != Phase::Within {
            self.outside += 1;
            if self.outside == MOST_STEPS {
                self.fail("threads keep each other from their ends, by the number of steps");
            }
        }
        if let Some(holder) = self.holder
            && self.phase != Phase::Free
        {
            if self.lead_left > 0 && runnable.contains(&holder) {
                self.lead_left -= 1;
                return holder;
            }
            runnable.retain(|&id| id != holder);
        }
        let runnable = &runnable[..];
        match (self.phase, self.victim) {
            // Whoever was started last: the victim, before the others are there.
            (Phase::Before, _) | (_, None) => *runnable.last().expect("somebody can run"),
            (Phase::Within, Some(victim)) => {
                if self.steps < self.stop {
                    let is_its_turn = match self.way {
                        Way::Alone => true,
                        Way::Among => self.random(self.weight) == 0 || *runnable == [victim],
                    };
                    if is_its_turn {
                        self.steps += 1;
                        return victim;
                    }
                }
                self.others += 1;
                if self.others == MOST_STEPS {
                    self.fail("another thread waits, by the number of steps");
                }
                self.one_of(runnable, last, Some(victim))
            }
            (Phase::Free, _) => self.one_of(runnable, last, None),
        }
    }

    /// The next of those that can run, or any, but never `but`.
    fn one_of(&mut self, runnable: &[TaskId], last: Option<TaskId>, but: Option<TaskId>) -> TaskId {
        let others: Vec<TaskId> = runnable
            .iter()
            .copied()
            .filter(|&id| Some(id) != but)
            .collect();
        if others.is_empty() {
            self.fail("all other threads are blocked");
        }
        match self.way {
            Way::Alone => {
                let next = others.iter().find(|&&id| Some(id) > last);
                *next.unwrap_or(&others[0])
            }
            Way::Among => others[self.random(others.len() as u64) as usize],
        }
    }
}

struct Stopping {
    script: Arc<Mutex<Script>>,
    /// There is one execution.
    once: bool,
}

impl Scheduler for Stopping {
    fn new_execution(&mut self) -> Option<Schedule> {
        let mut script = lock(&self.script);
        if self.once && script.row.executions == 1 {
            return None;
        }
        script.advance().then(|| Schedule::new(0))
    }

    fn next_task(&mut self, runnable: &[&Task], last: Option<TaskId>, _: bool) -> Option<TaskId> {
        let runnable: Vec<TaskId> = runnable.iter().map(|task| task.id()).collect();
        Some(lock(&self.script).choose(runnable, last))
    }

    fn next_u64(&mut self) -> u64 {
        unreachable!("no program here asks for a random number")
    }
}

fn run(script: Arc<Mutex<Script>>, once: bool, program: impl Fn() + Send + Sync + 'static) {
    let mut config = Config::new();
    config.silence_warnings = true;
    config.stack_size = 1 << 18;
    // The name of the operation and the step say as much.
    config.failure_persistence = FailurePersistence::None;
    // The scheduler has its own bound, and says whom it is about.
    config.max_steps = MaxSteps::None;
    config
        .ungraceful_shutdown_config
        .immediately_return_on_panic = true;
    Runner::new(Stopping { script, once }, config).run(program);
}

// ---------------------------------------------------------------------------------------------
// The others
// ---------------------------------------------------------------------------------------------

/// A thread that checks each answer against what a sequential map would say.
struct Client {
    map: Arc<Map>,
    books: Arc<Books>,
    owner: usize,
    model: Model,
    stable: Model,
    /// Somebody clears the map: any key may be gone, and stay so.
    may_vanish: bool,
}

impl Client {
    fn value(&self) -> Value {
        let number = self.books.made.load(Ordering::SeqCst) as u64;
        Value::new(number, &self.books)
    }

    fn agree(&mut self, key: u64, found: Option<u64>) {
        let model = if owner(key) == STABLE {
            &mut self.stable
        } else {
            &mut self.model
        };
        if self.may_vanish && found.is_none() {
            model.remove(&key);
        }
        let expected = model.get(&key).copied();
        assert_eq!(found, expected, "the value of key {key}");
    }

    fn get(&mut self, key: u64, guard: &impl Guard) {
        let number = |(found, value): (&u64, &Value)| {
            assert_eq!(*found, key);
            value.number()
        };
        let found = if key.is_multiple_of(2) {
            self.map.get(&key, guard).map(Value::number)
        } else {
            self.map.get_key_value(&key, guard).map(number)
        };
        let is_there = self.map.contains_key(&key, guard);
        assert!(is_there == found.is_some() || self.may_vanish);
        self.agree(key, found);
    }

    fn get_all(&mut self) {
        let map = Arc::clone(&self.map);
        let guard = map.guard();
        let mut keys: Vec<u64> = self.stable.keys().copied().collect();
        keys.extend(self.model.keys());
        // Nobody ever has that many.
        keys.push(key(self.owner, 999));
        for key in keys {
            self.get(key, &guard);
        }
    }

    /// Everything is gone.
    fn find_nothing(&mut self) {
        let known = [
            std::mem::take(&mut self.stable),
            std::mem::take(&mut self.model),
        ];
        let map = Arc::clone(&self.map);
        for &key in known.iter().flat_map(Model::keys) {
            self.get(key, &map.guard());
        }
    }

    fn insert(&mut self, key: u64, guard: &impl Guard) {
        let value = self.value();
        let number = value.number;
        let old = self.map.insert(key, value, guard).map(Value::number);
        self.agree(key, old);
        self.model.insert(key, number);
    }

    fn try_insert(&mut self, key: u64, guard: &impl Guard) {
        let value = self.value();
        let number = value.number;
        let result = self.map.try_insert(key, value, guard);
        let refused = result.map(|new| assert_eq!(new.number(), number));
        let current = refused.err().map(|refused| {
            assert_eq!(refused.not_inserted.number(), number);
            refused.current.number()
        });
        self.agree(key, current);
        self.model.entry(key).or_insert(number);
    }

    fn get_or_insert(&mut self, key: u64, guard: &impl Guard) {
        let mut made = None;
        let make = || {
            let value = self.value();
            made = Some(value.number);
            value
        };
        let found = self.map.get_or_insert_with(key, make, guard).number();
        let current = (made != Some(found)).then_some(found);
        self.agree(key, current);
        self.model.entry(key).or_insert(found);
    }

    fn update(&mut self, key: u64, guard: &impl Guard) {
        let mut old = None;
        let update = |value: &Value| {
            old = Some(value.number());
            self.value()
        };
        let new = self.map.update(key, update, guard).map(Value::number);
        self.agree(key, new.and(old));
        self.model.extend(new.map(|new| (key, new)));
    }

    fn update_or_insert(&mut self, key: u64, guard: &impl Guard) {
        let mut old = None;
        let mut is_made = false;
        let update = |value: &Value| {
            old = Some(value.number());
            self.value()
        };
        let make = || {
            is_made = true;
            self.value()
        };
        let new = self.map.update_or_insert_with(key, update, make, guard);
        let new = new.number();
        // What it saw first may have been gone then.
        let old = old.filter(|_| !is_made);
        self.agree(key, old);
        self.model.insert(key, new);
    }

    /// Inserts and replaces.
    fn compute(&mut self, key: u64, guard: &impl Guard) {
        let compute = |entry: Option<(&u64, &Value)>| {
            if let Some((_, value)) = entry {
                value.number();
            }
            Wanted::<_, ()>::Insert(self.value())
        };
        let (old, new) = match self.map.compute(key, compute, guard) {
            Compute::Inserted(_, new) => (None, new),
            Compute::Updated { old, new } => (Some(old.1.number()), new.1),
            Compute::Removed(..) | Compute::Aborted(()) | Compute::Absent => {
                unreachable!("it wants an entry")
            }
        };
        let new = new.number();
        self.agree(key, old);
        self.model.insert(key, new);
    }

    fn remove_if(&mut self, key: u64, condemns: bool, guard: &impl Guard) {
        let result = self.map.try_remove_if(&key, |_, _| condemns, guard);
        assert!(result.is_ok() || !condemns);
        let entry = result.unwrap_or_else(Some);
        self.agree(key, entry.map(|(_, value)| value.number()));
        if condemns {
            self.model.remove(&key);
        }
    }

    fn remove(&mut self, key: u64, guard: &impl Guard) {
        if key.is_multiple_of(3) {
            return self.remove_if(key, true, guard);
        }
        let old = if key.is_multiple_of(2) {
            self.map.remove(&key, guard)
        } else {
            let entry = self.map.remove_entry(&key, guard);
            entry.map(|(_, value)| value)
        };
        let old = old.map(Value::number);
        self.agree(key, old);
        self.model.remove(&key);
    }

    /// Whether a walk over the whole map has met what has been there throughout.
    fn check_walk(&self, met: &[(u64, u64)]) {
        check_walk(met, &self.model, self.owner, self.may_vanish);
        check_walk(met, &self.stable, STABLE, self.may_vanish);
    }

    fn iterate(&self) {
        self.check_walk(&iterate(&self.map));
    }

    /// A scan with writes between its calls.
    fn scan(&mut self) {
        let map = Arc::clone(&self.map);
        let before = self.model.clone();
        let mut met = Vec::new();
        let mut next = Some(Cursor::START);
        let rewritten = key(self.owner, 1);
        while let Some(cursor) = next {
            let guard = map.guard();
            let mut scan = map.scan(cursor, 8, &guard);
            met.extend(entries(scan.by_ref()));
            next = scan.cursor();
            self.insert(rewritten, &guard);
        }
        // Either of the values of the key that was rewritten.
        for entry in &mut met {
            if entry.0 == rewritten {
                entry.1 = before.get(&rewritten).copied().unwrap_or(entry.1);
            }
        }
        check_walk(&met, &before, self.owner, self.may_vanish);
        check_walk(&met, &self.stable, STABLE, self.may_vanish);
    }

    /// Every operation on a map that gets fuller: grows the table.
    fn fill(&mut self, (keys, room): (usize, usize), reserves_first: bool) {
        let map = Arc::clone(&self.map);
        let reserve = || map.reserve(room);
        self.get_all();
        if reserves_first {
            reserve();
        }
        for index in 0..keys {
            let (key, stable) = (key(self.owner, index), key(STABLE, index % 4));
            let mut guard = map.guard();
            match index % 6 {
                0 => self.insert(key, &guard),
                1 => self.try_insert(key, &guard),
                2 => self.get_or_insert(key, &guard),
                3 => self.update_or_insert(key, &guard),
                4 => self.compute(key, &guard),
                _ => self.insert(key, &map.owned_guard()),
            }
            guard.refresh();
            self.get(stable, &guard);
        }
        let present = key(self.owner, 0);
        {
            let outer = map.owned_guard();
            self.get(present, &outer);
            self.try_insert(present, &outer);
            self.get_or_insert(present, &map.guard());
            self.update(present, &outer);
            self.update_or_insert(present, &map.guard());
            self.compute(present, &outer);
            self.remove_if(present, false, &map.guard());
            self.remove(present, &outer);
            self.insert(present, &map.guard());
        }
        self.iterate();
        self.scan();
        self.check_walk(&copy(&self.map));
        if !reserves_first {
            reserve();
        }
        map.stats();
    }

    /// Every operation on a map that gets emptier: shrinks the table.
    fn empty(&mut self) {
        let map = Arc::clone(&self.map);
        let whose = self.owner;
        let mut asked = Vec::new();
        let keeps = |key| owner(key) != whose || key % 2 == 1;
        let keep = |&key: &u64, value: &Value| {
            asked.push((key, value.number()));
            keeps(key)
        };
        map.retain(keep, &map.guard());
        self.check_walk(&asked);
        self.model.retain(|&key, _| keeps(key));
        let mut keys: Vec<u64> = self.model.keys().copied().collect();
        keys.retain(|key| key % 1_000 > 1);
        for key in keys {
            let guard = map.guard();
            self.remove(key, &guard);
            self.remove(key + 1, &guard);
        }
        map.shrink_to_fit();
        map.flush();
        self.iterate();
        self.get_all();
        assert!(map.capacity() > 0 && (self.may_vanish || !map.is_empty()));
    }
}

fn entries<'g>(walk: impl Iterator<Item = (&'g u64, &'g Value)>) -> Vec<(u64, u64)> {
    walk.map(|(&key, value)| (key, value.number())).collect()
}

/// Whether no key was met twice, and of one owner's keys exactly those of `model`, or at most those.
fn check_walk(met: &[(u64, u64)], model: &Model, whose: usize, may_vanish: bool) {
    let mut all = met.to_vec();
    all.sort_unstable();
    let twice = all.windows(2).find(|pair| pair[0].0 == pair[1].0);
    assert_eq!(twice, None, "a walk has met a key twice");
    all.retain(|&(key, _)| owner(key) == whose);
    let is_right = if may_vanish {
        all.iter()
            .all(|(key, number)| model.get(key) == Some(number))
    } else {
        all.iter().copied().eq(model.clone())
    };
    assert!(is_right, "a walk has met {all:?}, there was {model:?}");
}

// ---------------------------------------------------------------------------------------------
// States of the table
// ---------------------------------------------------------------------------------------------

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No table: the first write makes one of 4 buckets.
    Empty,
    /// 16 buckets.
    Stable,
    /// 16 buckets with 17 entries: the next look at the length publishes a growth.
    Full,
    /// From 16 buckets to 64: published, and the one stride not claimed.
    Growing,
    /// From 64 buckets to 256: two strides of four are settled, and two not claimed.
    GrowingOn,
    /// From 16 buckets to 64: the holder owns the one stride, and is half way through it.
    Held,
    /// From 16 buckets to 64: the holder has just made the stride; it is not settled.
    Made,
    /// From 16 buckets to 64: the stride is settled; the resize is not ended.
    Settled,
    /// As [`State::Held`], and a growth to 256 buckets published over it, of which nothing is claimed.
    Overlapping,
    /// From 16 buckets to 64 and 256: both growths are made, the first one last. The four strides are
    /// not settled.
    Overlapped,
    /// 64 buckets with 8 entries: the next look at the length publishes a shrinking.
    Wide,
    /// From 64 buckets to 16: published, and the one stride not claimed.
    Shrinking,
    /// From 256 buckets to 64: one stride of four is settled, and three not claimed.
    ShrinkingOn,
    /// From 64 buckets to 16, as [`State::Held`], [`State::Made`] and [`State::Settled`].
    ShrinkingHeld,
    ShrinkingMade,
    ShrinkingSettled,
    /// As [`State::ShrinkingHeld`], and a growth to 64 buckets published over it, of which nothing is
    /// claimed.
    Regrowing,
}

struct Start {
    map: Arc<Map>,
    models: [Model; OWNERS],
    holder: Option<thread::JoinHandle<()>>,
}

impl Start {
    /// A map with so many entries of each owner, on the fewest buckets.
    fn new(counts: [usize; OWNERS], books: &Arc<Books>) -> Self {
        let keys =
            (0..OWNERS).flat_map(|owner| (0..counts[owner]).map(move |index| key(owner, index)));
        let mut models = [const { Model::new() }; OWNERS];
        let map = keys.map(|key| {
            let number = 1_000_000 + key;
            models[owner(key)].insert(key, number);
            (key, Value::new(number, books))
        });
        Start {
            map: Arc::new(map.collect()),
            models,
            holder: None,
        }
    }

    fn insert(&mut self, key: u64, books: &Arc<Books>) {
        let number = 2_000_000 + key;
        self.map.pin().insert(key, Value::new(number, books));
        self.models[owner(key)].insert(key, number);
    }

    fn remove(&mut self, owner: usize, from: usize, to: usize) {
        for index in from..to {
            let key = key(owner, index);
            assert!(self.map.pin().remove(&key).is_some());
            self.models[owner].remove(&key);
        }
    }

    /// A write of a thread that has never written: it looks at the length.
    fn write_elsewhere(&mut self, books: &Arc<Books>) {
        let number = 3_000_000;
        let (map, value) = (Arc::clone(&self.map), Value::new(number, books));
        let write = move || {
            map.pin().insert(key(MAIN, 0), value);
        };
        thread::spawn(write).join().expect("it only writes");
        self.models[MAIN].insert(key(MAIN, 0), number);
    }

    /// A write of the holder, which stops as the script says.
    fn write_of_holder(&mut self, books: &Arc<Books>, script: &Arc<Mutex<Script>>) {
        let number = 3_500_000;
        let (map, value) = (Arc::clone(&self.map), Value::new(number, books));
        let script = Arc::clone(script);
        let write = move || {
            // A thread's first guard takes more steps in one execution than in another.
            drop(map.guard());
            lock(&script).holder = Some(current::me());
            map.pin().insert(key(MAIN, 0), value);
        };
        self.holder = Some(thread::spawn(write));
        // Until it has made its steps.
        thread::yield_now();
        self.models[MAIN].insert(key(MAIN, 0), number);
    }

    /// Lets the holder come to its end.
    fn join_holder(&mut self, script: &Arc<Mutex<Script>>) {
        lock(script).lead_left = usize::MAX;
        let holder = self.holder.take().expect("the state has a holder");
        holder.join().expect("it only writes");
    }

    #[track_caller]
    fn expect(self, buckets: usize, entries: usize) -> Self {
        assert_eq!(
            (self.map.capacity(), self.map.len()),
            (buckets, entries),
            "as it was to be made"
        );
        self
    }
}

impl State {
    fn make(self, books: &Arc<Books>, script: &Arc<Mutex<Script>>) -> Start {
        match self {
            State::Empty => Start::new([0; OWNERS], books).expect(0, 0),
            State::Stable => Start::new([4, 3, 1, 1, 1], books).expect(16, 10),
            State::Full => {
                let mut start = Start::new([4, 3, 4, 4, 0], books).expect(16, 15);
                // Writes number 2 and 3 of this thread, after which it does not look at the length.
                start.insert(key(MAIN, 0), books);
                start.insert(key(MAIN, 1), books);
                start.expect(16, 17)
            }
            State::Growing => {
                let mut start = State::Full.make(books, script);
                start.write_elsewhere(books);
                start.expect(64, 17)
            }
            State::GrowingOn => {
                let mut start = Start::new([4, 3, 28, 28, 1], books).expect(64, 64);
                // Of this thread's own writes the first looks at the length, and then the fifth.
                start.insert(key(MAIN, 1), books);
                start.write_elsewhere(books);
                let mut start = start.expect(256, 65);
                start.insert(key(MAIN, 1), books);
                start.insert(key(MAIN, 1), books);
                start.expect(256, 65)
            }
            State::Held | State::Made => {
                let mut start = State::Growing.make(books, script);
                start.write_of_holder(books, script);
                start.expect(64, 17)
            }
            State::Settled => {
                let mut start = State::Growing.make(books, script);
                start.write_elsewhere(books);
                start.expect(64, 17)
            }
            State::Overlapping => {
                let mut start = State::Held.make(books, script);
                // Writes number 4 to 51 of this thread: after the last three it does not look.
                for index in 2..50 {
                    start.insert(key(MAIN, index), books);
                }
                let mut start = start.expect(64, 65);
                start.write_elsewhere(books);
                start.expect(256, 65)
            }
            State::Overlapped => {
                let mut start = State::Overlapping.make(books, script);
                for _ in 0..4 {
                    start.insert(key(MAIN, 1), books);
                }
                start.join_holder(script);
                start.expect(256, 65)
            }
            State::Wide => {
                let mut start = Start::new([4, 3, 5, 4, 1], books).expect(64, 17);
                // After its tenth write this thread does not look, and no earlier look sees so few.
                start.remove(FIRST, 0, 5);
                start.remove(SECOND, 0, 4);
                start.expect(64, 8)
            }
            State::Shrinking => {
                let mut start = State::Wide.make(books, script);
                start.write_elsewhere(books);
                start.expect(16, 8)
            }
            State::ShrinkingOn => {
                let mut start = Start::new([4, 3, 29, 28, 1], books).expect(256, 65);
                start.remove(FIRST, 12, 29);
                start.remove(SECOND, 12, 28);
                let mut start = start.expect(256, 32);
                start.write_elsewhere(books);
                start.write_elsewhere(books);
                start.expect(64, 32)
            }
            State::ShrinkingHeld | State::ShrinkingMade => {
                let mut start = State::Shrinking.make(books, script);
                start.write_of_holder(books, script);
                start.expect(16, 8)
            }
            State::ShrinkingSettled => {
                let mut start = State::Shrinking.make(books, script);
                start.write_elsewhere(books);
                start.expect(16, 8)
            }
            State::Regrowing => {
                let mut start = State::ShrinkingHeld.make(books, script);
                // Writes number 11 to 19 of this thread: after the last three it does not look.
                for index in 1..10 {
                    start.insert(key(MAIN, index), books);
                }
                let mut start = start.expect(16, 17);
                start.write_elsewhere(books);
                start.expect(64, 17)
            }
        }
    }

    /// Where the holder stops, if the state has one.
    fn lead(self) -> usize {
        match self {
            State::Held | State::Overlapping | State::Overlapped => Hold::in_growth().half_way(),
            State::Made => Hold::in_growth().made.end,
            State::ShrinkingHeld | State::Regrowing => Hold::in_shrinking().half_way(),
            State::ShrinkingMade => Hold::in_shrinking().made.end,
            _ => 0,
        }
    }

    /// Whether a holder owns a stride, so that the table does not shrink wherever the victim is.
    fn is_held(self) -> bool {
        matches!(
            self,
            State::Held | State::Overlapping | State::ShrinkingHeld | State::Regrowing
        )
    }

    /// The buckets that there are, or will be when the resize is over.
    fn buckets(self) -> usize {
        match self {
            State::Empty => 4,
            State::Stable
            | State::Full
            | State::Shrinking
            | State::ShrinkingHeld
            | State::ShrinkingMade
            | State::ShrinkingSettled => 16,
            State::Growing
            | State::Held
            | State::Made
            | State::Settled
            | State::Wide
            | State::ShrinkingOn
            | State::Regrowing => 64,
            State::GrowingOn | State::Overlapping | State::Overlapped => 256,
        }
    }

    /// How many keys each of the others fills the map to, and for how many more it reserves. By
    /// either the table grows over the victim, whatever has become of the stride that it stands in.
    fn keys_and_room(self) -> (usize, usize) {
        match self.buckets() {
            4 | 16 => (9, 18),
            64 => (32, 64),
            _ => (32, 256),
        }
    }
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
// Where a holder stops
// ---------------------------------------------------------------------------------------------

/// The steps of a write that makes a stride.
#[derive(Clone, Debug)]
struct Hold {
    /// After these numbers of steps it owns the stride, and has not said that it is made.
    made: Range<usize>,
}

impl Hold {
    fn half_way(&self) -> usize {
        self.made.start + self.made.len() / 2
    }

    fn in_growth() -> &'static Hold {
        static HOLD: OnceLock<Hold> = OnceLock::new();
        HOLD.get_or_init(|| Hold::find(State::Growing))
    }

    fn in_shrinking() -> &'static Hold {
        static HOLD: OnceLock<Hold> = OnceLock::new();
        HOLD.get_or_init(|| Hold::find(State::Shrinking))
    }

    /// Stops the write ever later. While it owns the stride nobody else can end the resize, so the
    /// table does not shrink, not even to no entry.
    fn find(state: State) -> Hold {
        let mut barring = Vec::new();
        for lead in 0.. {
            let (is_barred, has_ended) = Hold::stop_at(state, lead);
            if has_ended {
                break;
            }
            if is_barred {
                barring.push(lead);
            }
        }
        let first = *barring.first().expect("it makes a stride");
        let made = first..first + barring.len();
        assert!(
            barring.iter().copied().eq(made.clone()),
            "it makes one stride"
        );
        Hold { made }
    }

    /// Whether the holder bars a shrinking after so many steps, and whether it came to its end.
    fn stop_at(state: State, lead: usize) -> (bool, bool) {
        let script = Arc::new(Mutex::new(Script::new(false, lead)));
        let answer: Arc<Mutex<Option<(bool, bool)>>> = Arc::default();
        let (theirs, reply) = (Arc::clone(&script), Arc::clone(&answer));
        run(Arc::clone(&script), true, move || {
            let books: Arc<Books> = Arc::default();
            let mut start = state.make(&books, &theirs);
            start.write_of_holder(&books, &theirs);
            let has_ended = lock(&theirs).lead_left > 0;
            start.map.clear(&start.map.guard());
            start.map.shrink_to_fit();
            let is_barred = start.map.capacity() > narrowest(0);
            start.join_holder(&theirs);
            *lock(&reply) = Some((is_barred, has_ended));
        });
        lock(&answer).expect("the execution came to its end")
    }
}

// ---------------------------------------------------------------------------------------------
// The victim's operations
// ---------------------------------------------------------------------------------------------

/// An operation on one key.
#[derive(Clone, Copy)]
enum OnKey {
    Get(u64),
    GetKeyValue(u64),
    ContainsKey(u64),
    Insert(u64),
    TryInsert(u64),
    GetOrInsertWith(u64),
    Remove(u64),
    Update(u64),
    UpdateOrInsert(u64),
    /// Inserts or replaces.
    Compute(u64),
    ComputeRemoves(u64),
    RemoveIf(u64),
    /// `remove_if` that refuses.
    Refuse(u64),
}

const PRESENT: u64 = key(VICTIM, 0);
const PRESENT_TOO: u64 = key(VICTIM, 1);
const ABSENT: u64 = key(VICTIM, 9);

/// The number of each value that the victim makes.
const NEW: u64 = 9_000_000;

impl OnKey {
    /// The number of the value that is found, replaced, removed, or present at the end.
    fn run(self, map: &Map, books: &Arc<Books>, guard: &impl Guard) -> Option<u64> {
        fn seen<T>(value: &Value, answer: T) -> T {
            value.number();
            answer
        }

        let new = || Value::new(NEW, books);
        let value = match self {
            OnKey::Get(key) => map.get(&key, guard),
            OnKey::GetKeyValue(key) => map.get_key_value(&key, guard).map(|(_, value)| value),
            OnKey::ContainsKey(key) => return map.contains_key(&key, guard).then_some(0),
            OnKey::Insert(key) => map.insert(key, new(), guard),
            OnKey::TryInsert(key) => match map.try_insert(key, new(), guard) {
                Ok(value) => Some(value),
                Err(refused) => Some(refused.current),
            },
            OnKey::GetOrInsertWith(key) => Some(map.get_or_insert_with(key, new, guard)),
            OnKey::Remove(key) => map.remove(&key, guard),
            OnKey::Update(key) => map.update(key, |old| seen(old, new()), guard),
            OnKey::UpdateOrInsert(key) => {
                Some(map.update_or_insert_with(key, |old| seen(old, new()), new, guard))
            }
            OnKey::Compute(key) => {
                match map.compute(key, |_| Wanted::<_, ()>::Insert(new()), guard) {
                    Compute::Updated { old, .. } => Some(old.1),
                    _ => None,
                }
            }
            OnKey::ComputeRemoves(key) => {
                let compute = |entry: Option<(&u64, &Value)>| match entry {
                    Some((_, value)) => seen(value, Wanted::Remove),
                    None => Wanted::Abort(()),
                };
                match map.compute(key, compute, guard) {
                    Compute::Removed(_, value) => Some(value),
                    _ => None,
                }
            }
            OnKey::RemoveIf(key) => {
                let removed = map.try_remove_if(&key, |_, value| seen(value, true), guard);
                removed
                    .unwrap_or_else(|_| unreachable!("it condemns all"))
                    .map(|(_, value)| value)
            }
            OnKey::Refuse(key) => {
                let refused = map.try_remove_if(&key, |_, value| seen(value, false), guard);
                refused.err().map(|(_, value)| value)
            }
        };
        value.map(Value::number)
    }

    /// What a sequential map says.
    fn apply(self, model: &mut Model) -> Option<u64> {
        match self {
            OnKey::Get(key) | OnKey::GetKeyValue(key) | OnKey::Refuse(key) => {
                model.get(&key).copied()
            }
            OnKey::ContainsKey(key) => model.contains_key(&key).then_some(0),
            OnKey::Insert(key) | OnKey::Compute(key) => model.insert(key, NEW),
            OnKey::Update(key) => model.get_mut(&key).map(|value| {
                *value = NEW;
                NEW
            }),
            OnKey::UpdateOrInsert(key) => {
                model.insert(key, NEW);
                Some(NEW)
            }
            OnKey::TryInsert(key) | OnKey::GetOrInsertWith(key) => {
                Some(*model.entry(key).or_insert(NEW))
            }
            OnKey::Remove(key) | OnKey::ComputeRemoves(key) | OnKey::RemoveIf(key) => {
                model.remove(&key)
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Operation {
    /// One after the other, under one guard.
    Keyed(&'static [OnKey]),
    /// Under an owned guard.
    Owned(&'static [OnKey]),
    /// Gives the entries that it has met.
    Walk(fn(&Map) -> Vec<(u64, u64)>),
    /// Refuses two keys of the victim.
    Retain,
    Clear,
    /// Changes no entry.
    Other(fn(&Map)),
}

enum Outcome {
    Keyed(Vec<Option<u64>>),
    Walked(Vec<(u64, u64)>),
    Nothing,
}

impl Operation {
    fn run(self, map: &Map, books: &Arc<Books>) -> Outcome {
        fn keyed(all: &[OnKey], map: &Map, books: &Arc<Books>, guard: &impl Guard) -> Outcome {
            Outcome::Keyed(all.iter().map(|one| one.run(map, books, guard)).collect())
        }

        match self {
            Operation::Keyed(all) => keyed(all, map, books, &map.guard()),
            Operation::Owned(all) => keyed(all, map, books, &map.owned_guard()),
            Operation::Walk(walk) => Outcome::Walked(walk(map)),
            Operation::Retain => {
                let mut asked = Vec::new();
                let keep = |&key: &u64, value: &Value| {
                    asked.push((key, value.number()));
                    is_kept(key)
                };
                map.retain(keep, &map.guard());
                Outcome::Walked(asked)
            }
            Operation::Clear => {
                map.clear(&map.guard());
                Outcome::Nothing
            }
            Operation::Other(other) => {
                other(map);
                Outcome::Nothing
            }
        }
    }

    /// Whether the outcome, and what is left of the victim's keys, are those of a sequential map
    /// that somebody else clears at some moment, if `is_cleared`.
    fn check(self, outcome: &Outcome, start: &Start, left: &Model, is_cleared: bool) {
        let before = &start.models[VICTIM];
        match (self, outcome) {
            (Operation::Keyed(all) | Operation::Owned(all), Outcome::Keyed(answers)) => {
                return check_keyed(all, answers, before, left, is_cleared);
            }
            (_, Outcome::Walked(met)) => {
                check_walk(met, before, VICTIM, is_cleared);
                let mut stable = start.models[STABLE].clone();
                if is_cleared {
                    // They were written again after that: the new values may be met as well.
                    let again = met.iter().filter(|&&(key, number)| number == again(key));
                    stable.extend(again.copied());
                }
                check_walk(met, &stable, STABLE, is_cleared);
            }
            _ => {}
        }
        let mut expected = before.clone();
        expected.retain(|&key, _| match self {
            Operation::Clear => false,
            Operation::Retain => !is_cleared && is_kept(key),
            _ => !is_cleared,
        });
        assert_eq!(*left, expected, "what is left of the victim's keys");
    }
}

/// What the victim's `retain` keeps.
fn is_kept(key: u64) -> bool {
    key != PRESENT && key != PRESENT_TOO
}

fn check_keyed(
    all: &[OnKey],
    answers: &[Option<u64>],
    before: &Model,
    left: &Model,
    is_cleared: bool,
) {
    let is_possible = |cleared_before: Option<usize>| {
        let mut model = before.clone();
        let mut said = Vec::new();
        for (index, one) in all.iter().enumerate() {
            if cleared_before == Some(index) {
                model.clear();
            }
            said.push(one.apply(&mut model));
        }
        if cleared_before == Some(all.len()) {
            model.clear();
        }
        said == answers && model == *left
    };
    let is_right = if is_cleared {
        (0..=all.len()).any(|moment| is_possible(Some(moment)))
    } else {
        is_possible(None)
    };
    assert!(
        is_right,
        "the victim was told {answers:?} and left {left:?}, where {before:?} was before"
    );
}

/// The number of a stable key's value that was written after the map had been cleared.
fn again(key: u64) -> u64 {
    4_000_000 + key
}

fn iterate(map: &Map) -> Vec<(u64, u64)> {
    entries(map.iter(&map.guard()))
}

fn scan(map: &Map) -> Vec<(u64, u64)> {
    let (mut met, mut next) = (Vec::new(), Some(Cursor::START));
    while let Some(cursor) = next {
        let guard = map.guard();
        let mut scan = map.scan(cursor, 3, &guard);
        met.extend(entries(scan.by_ref()));
        next = scan.cursor();
    }
    met
}

fn copy(map: &Map) -> Vec<(u64, u64)> {
    iterate(&map.clone())
}

// ---------------------------------------------------------------------------------------------
// One execution
// ---------------------------------------------------------------------------------------------

#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    operation: Operation,
    /// It has at least so many steps.
    least: usize,
    /// The victim's guard is the first of its thread.
    first: bool,
    /// Alone, it owns a stride at some of its steps.
    makes_heads: bool,
}

impl Case {
    const fn new(name: &'static str, operation: Operation, least: usize) -> Case {
        Case {
            name,
            operation,
            least,
            first: false,
            makes_heads: false,
        }
    }

    const fn first(self) -> Case {
        Case {
            first: true,
            ..self
        }
    }

    const fn makes_heads(self) -> Case {
        Case {
            makes_heads: true,
            ..self
        }
    }

    /// The outcome tells which entries were there throughout.
    fn walks(self) -> bool {
        matches!(self.operation, Operation::Walk(_) | Operation::Retain)
    }
}

fn play(state: State, case: Case, script: &Arc<Mutex<Script>>) {
    let (way, stop) = {
        let script = lock(script);
        (script.way, script.stop)
    };
    let books: Arc<Books> = Arc::default();
    let mut start = state.make(&books, script);
    let map = Arc::clone(&start.map);

    let victim = {
        let (map, books, script) = (Arc::clone(&map), Arc::clone(&books), Arc::clone(script));
        thread::spawn(move || {
            if !case.first {
                drop(map.guard());
            }
            lock(&script).begin(current::me());
            let outcome = case.operation.run(&map, &books);
            lock(&script).end();
            outcome
        })
    };
    // The stable keys too are gone when the victim clears the map.
    let clears = matches!(case.operation, Operation::Clear);
    let client = |owner: usize| Client {
        map: Arc::clone(&map),
        books: Arc::clone(&books),
        owner,
        model: start.models[owner].clone(),
        stable: start.models[STABLE].clone(),
        may_vanish: clears,
    };
    let mut others = [client(FIRST), client(SECOND)];
    let mut main = client(MAIN);

    let (sizes, reserves_first) = (state.keys_and_room(), stop.is_multiple_of(2));
    others = in_parallel(others, move |client| client.fill(sizes, reserves_first));
    // The table has grown, or the next few writes see to it.
    let mut writes = 0;
    while map.capacity() < map.len() {
        assert!(writes < 64, "the table does not grow");
        main.insert(key(MAIN, 0), &map.guard());
        writes += 1;
    }
    assert!(
        clears || map.capacity() > state.buckets(),
        "nothing has grown"
    );
    others = in_parallel(others, Client::empty);
    map.shrink_to_fit();
    let is_barred = map.capacity() > narrowest(map.len());
    let check = |others: &mut [Client; 2], main: &mut Client| {
        for client in others.iter_mut().chain([main]) {
            client.get_all();
            client.iterate();
        }
    };
    check(&mut others, &mut main);

    // Not under a victim that clears: whether that takes what is written again, nobody can say.
    let is_cleared = !clears && (way == Way::Among || !case.walks());
    if is_cleared {
        map.clear(&map.guard());
        for client in others.iter_mut().chain([&mut main]) {
            client.find_nothing();
        }
        for &key in start.models[STABLE].keys() {
            let value = Value::new(again(key), &books);
            assert!(map.pin().insert(key, value).is_none(), "{key} is back");
            for client in others.iter_mut().chain([&mut main]) {
                client.stable.insert(key, again(key));
            }
        }
    }

    lock(script).release(is_barred);
    let outcome = victim.join().expect("the victim ends as well");
    if let Some(holder) = start.holder.take() {
        holder.join().expect("the holder ends as well");
    }

    map.shrink_to_fit();
    // It may be narrower, where no write has looked at the length since the map was cleared.
    assert!(
        map.capacity() <= narrowest(map.len()),
        "nothing bars the table from shrinking"
    );
    check(&mut others, &mut main);
    let all = iterate(&map);
    let left = all.iter().copied().filter(|&(k, _)| owner(k) == VICTIM);
    let left = left.collect();
    (case.operation).check(&outcome, &start, &left, is_cleared);
    assert_eq!(map.len(), all.len(), "the number of entries");
    map.flush();
    assert_eq!(map.stats().pending, Some(0), "nobody is left to wait for");
    assert_eq!(
        books.alive(),
        all.len(),
        "all values but those in the map are dropped"
    );

    drop((start, main, others));
    drop(Arc::into_inner(map).expect("all threads are joined"));
    assert_eq!(books.alive(), 0, "all values are dropped");
}

/// Runs each client on a thread of its own.
fn in_parallel(
    clients: [Client; 2],
    program: impl Fn(&mut Client) + Clone + Send + 'static,
) -> [Client; 2] {
    let threads = clients.map(|mut client| {
        let program = program.clone();
        thread::spawn(move || {
            program(&mut client);
            client
        })
    });
    threads.map(|thread| thread.join().expect("its checks hold"))
}

// ---------------------------------------------------------------------------------------------
// The cases
// ---------------------------------------------------------------------------------------------

/// Stops each of these operations at each of its steps.
fn stop(state: State, cases: &[Case]) {
    // One test at a time: shuttle's atomics in statics are not for two executions side by side.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = lock(&TURN);
    let lead = state.lead();
    println!(
        "\n{:<36} {:>6} {:>10} {:>6} {:>6} {:>12}",
        format!("{state:?}"),
        "steps",
        "executions",
        "stops",
        "barred",
        "others' most"
    );
    for &case in cases {
        let script = Arc::new(Mutex::new(Script::new(case.walks(), lead)));
        let theirs = Arc::clone(&script);
        let program = move || play(state, case, &theirs);
        let result = panic::catch_unwind(AssertUnwindSafe(|| {
            run(Arc::clone(&script), false, program);
        }));
        let script = lock(&script);
        if result.is_err() {
            panic!(
                "{state:?}, `{}` stopped at step {}, {:?}: {}",
                case.name,
                script.stop,
                script.way,
                script.waits.unwrap_or("a check has failed, as said above")
            );
        }
        let (steps, row) = (script.whole.expect("it came to its end"), script.row);
        println!(
            "  {:<34} {steps:>6} {:>10} {:>6} {:>6} {:>12}",
            case.name, row.executions, row.stops, row.barred, row.most_others
        );
        assert!(
            steps >= case.least && row.stops >= case.least,
            "`{}` has {steps} steps and was stopped at {}, which are too few to be true",
            case.name,
            row.stops
        );
        if state.is_held() {
            assert_eq!(row.barred, row.alone, "the holder owns a stride");
        } else {
            assert_eq!(
                row.barred > 0,
                case.makes_heads,
                "whether `{}` makes heads",
                case.name
            );
        }
    }
}

const READS: [Case; 13] = {
    use OnKey::*;
    use Operation::*;
    [
        Case::new("get", Keyed(&[Get(PRESENT), Get(ABSENT)]), 4),
        Case::new("get_key_value", Keyed(&[GetKeyValue(PRESENT_TOO)]), 2),
        Case::new("contains_key", Keyed(&[ContainsKey(PRESENT)]), 2),
        Case::new("get, owned guard", Owned(&[Get(PRESENT_TOO)]), 4),
        Case::new("get, first guard", Keyed(&[Get(PRESENT)]), 8).first(),
        Case::new("iter", Walk(iterate), 16),
        Case::new("scan", Walk(scan), 16),
        Case::new("clone", Walk(copy), 16),
        Case::new("len", Other(|map| assert!(map.len() < 1_000)), 1),
        Case::new("capacity", Other(|map| assert!(map.capacity() > 0)), 3),
        Case::new(
            "stats",
            Other(|map| assert!(map.stats().pinned.is_some())),
            4,
        ),
        Case::new("guard", Other(|map| map.guard().refresh()), 4),
        Case::new("owned_guard", Other(|map| map.owned_guard().refresh()), 4),
    ]
};

const INSERT: Case = Case::new("insert", Operation::Keyed(&[OnKey::Insert(ABSENT)]), 20);
const REPLACE: Case = Case::new(
    "insert, replacing",
    Operation::Keyed(&[OnKey::Insert(PRESENT)]),
    20,
);
const REMOVE: Case = Case::new("remove", Operation::Keyed(&[OnKey::Remove(PRESENT)]), 20);
const UPDATE: Case = Case::new("update", Operation::Keyed(&[OnKey::Update(PRESENT)]), 20);
const COMPUTE: Case = Case::new(
    "compute, inserting",
    Operation::Keyed(&[OnKey::Compute(ABSENT)]),
    20,
);
const REMOVE_IF: Case = Case::new(
    "remove_if",
    Operation::Keyed(&[OnKey::RemoveIf(PRESENT)]),
    20,
);
const RETAIN: Case = Case::new("retain", Operation::Retain, 40);
const FLUSH: Case = Case::new("flush", Operation::Other(Map::flush), 10);
const SHRINK_TO_FIT: Case = Case::new("shrink_to_fit", Operation::Other(Map::shrink_to_fit), 5);
/// Makes heads even where no resize is under way.
const RESERVE: Case =
    Case::new("reserve", Operation::Other(|map| map.reserve(100)), 40).makes_heads();

const WRITES: [Case; 13] = {
    use OnKey::*;
    use Operation::*;
    [
        INSERT,
        REPLACE,
        Case::new("try_insert", Keyed(&[TryInsert(ABSENT)]), 20),
        Case::new("get_or_insert_with", Keyed(&[GetOrInsertWith(ABSENT)]), 20),
        REMOVE,
        UPDATE,
        COMPUTE,
        REMOVE_IF,
        RETAIN,
        Case::new("clear", Clear, 100).makes_heads(),
        RESERVE,
        SHRINK_TO_FIT,
        FLUSH,
    ]
};

#[test]
fn in_a_stable_table() {
    use OnKey::*;
    use Operation::*;
    stop(State::Stable, &READS);
    stop(State::Stable, &WRITES);
    stop(
        State::Stable,
        &[
            Case::new("insert, first guard", Keyed(&[Insert(ABSENT)]), 20).first(),
            Case::new("insert, owned guard", Owned(&[Insert(PRESENT)]), 20),
            Case::new("try_insert, present", Keyed(&[TryInsert(PRESENT)]), 3),
            Case::new(
                "get_or_insert_with, present",
                Keyed(&[GetOrInsertWith(PRESENT)]),
                3,
            ),
            Case::new("remove, absent", Keyed(&[Remove(ABSENT)]), 3),
            Case::new("update, absent", Keyed(&[Update(ABSENT)]), 3),
            Case::new("update, owned guard", Owned(&[Update(PRESENT_TOO)]), 20),
            Case::new(
                "update_or_insert_with",
                Keyed(&[UpdateOrInsert(PRESENT), UpdateOrInsert(ABSENT)]),
                40,
            ),
            Case::new("compute, replacing", Keyed(&[Compute(PRESENT)]), 20),
            Case::new("compute, removing", Keyed(&[ComputeRemoves(PRESENT)]), 20),
            Case::new("compute, absent", Keyed(&[ComputeRemoves(ABSENT)]), 3),
            Case::new("remove_if, absent", Keyed(&[RemoveIf(ABSENT)]), 3),
            Case::new("remove_if, refused", Keyed(&[Refuse(PRESENT)]), 3),
        ],
    );
}

#[test]
fn in_a_growing_table() {
    stop(State::Growing, &READS);
    stop(State::Growing, &WRITES.map(Case::makes_heads));
}

#[test]
fn in_a_shrinking_table() {
    stop(State::Shrinking, &READS);
    stop(State::Shrinking, &WRITES.map(Case::makes_heads));
}

#[test]
fn while_a_growth_begins_goes_on_and_ends() {
    use OnKey::*;
    use Operation::*;
    stop(State::Empty, &[INSERT, COMPUTE]);
    stop(State::Full, &[INSERT, REMOVE, REMOVE_IF]);
    let two = Case::new(
        "insert and remove",
        Keyed(&[Insert(ABSENT), Remove(PRESENT)]),
        100,
    );
    stop(State::Full, &[two.makes_heads()]);
    stop(State::GrowingOn, &[INSERT, FLUSH].map(Case::makes_heads));
    stop(State::Made, &[INSERT, REPLACE, FLUSH]);
    stop(State::Settled, &[INSERT, REPLACE, UPDATE, FLUSH]);
}

#[test]
fn while_a_shrinking_begins_goes_on_and_ends() {
    stop(State::Wide, &[REPLACE]);
    stop(State::Wide, &[RETAIN, SHRINK_TO_FIT].map(Case::makes_heads));
    stop(
        State::ShrinkingOn,
        &[REMOVE, COMPUTE].map(Case::makes_heads),
    );
    stop(State::ShrinkingMade, &[INSERT, REPLACE, FLUSH]);
    stop(State::ShrinkingSettled, &[INSERT, REPLACE, UPDATE, FLUSH]);
}

#[test]
fn while_another_thread_owns_a_stride() {
    for state in [State::Held, State::ShrinkingHeld] {
        stop(state, &READS);
        stop(
            state,
            &[
                INSERT,
                REPLACE,
                REMOVE,
                RETAIN,
                RESERVE,
                SHRINK_TO_FIT,
                FLUSH,
            ],
        );
    }
}

#[test]
fn while_growths_overlap() {
    for state in [State::Overlapping, State::Regrowing] {
        stop(state, &READS);
        stop(state, &[INSERT, REPLACE, RESERVE, FLUSH]);
    }
    stop(State::Overlapped, &READS);
    stop(State::Overlapped, &[INSERT, REPLACE, FLUSH]);
}
