//! Programs of a few threads for one map, which the targets `sched` and `threads` share: how bytes
//! give one, how it reads, how a thread runs its calls and records them, and what has to hold at
//! the end.
//!
//! The target names the crate `subject`: the same sources, built for shuttle or for real threads.
//!
//! ```text
//! byte 0    bits 0, 1 the kind of map; 2, 3 its capacity; 4 and up the number of threads
//! byte 1    the hasher
//! byte 2    the keys that are there at first
//! byte 3    a bit for each thread: one guard for all of its calls
//! byte 4    the number of calls
//! then      two bytes for each call: bits 6, 7 of the first say whose it is
//! the rest  is the target's
//! ```
//!
//! Every input is a program, and what is cut off or changed leaves the rest as it was: so mutations
//! stay near what they started from, and a failure can be made small.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};

use arbitrary::Unstructured;

use crate::hashers::Quality;
use crate::history::{
    Action, Clock, Condition, Count, History, Operation, Outcome, Recorder, Value,
};
use crate::subject::{
    self, Compute, Crossbeam, Cursor, Entry, Epoch, HashMap, HashMapRef, Reclaim, Retired, Seize,
};

/// Calls are on keys below this one. Runs reach further, up to the number of keys for which the
/// hashers are bad.
const FEW: u8 = 8;
/// A program has at most so many calls.
const CALLS: usize = 16;

const QUALITIES: [Quality; 7] = [
    Quality::Identity,
    Quality::Constant,
    Quality::Parity,
    Quality::LowBits,
    Quality::HighBits,
    Quality::Good,
    Quality::Greatest,
];

/// A map by its back end, and its kind of keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// `Epoch`, and keys in memory of their own.
    Epoch,
    /// `Epoch`, and keys that are plain numbers: some searches compare those first.
    EpochOfNumbers,
    Crossbeam,
    Seize,
}

const KINDS: [Kind; 4] = [
    Kind::Epoch,
    Kind::EpochOfNumbers,
    Kind::Crossbeam,
    Kind::Seize,
];

impl Kind {
    /// When nobody works on the map, `flush` frees all that was removed.
    pub fn flushes_all(self) -> bool {
        matches!(self, Kind::Epoch | Kind::EpochOfNumbers)
    }
}

/// Frees what maps on `Crossbeam` have left behind: it is the process's.
pub fn flush_crossbeam() {
    // As often as it may take: the epoch goes on by a few in each.
    for _ in 0..16 {
        let empty = HashMap::<u8, u8>::builder().reclaimer::<Crossbeam>();
        empty.build().flush();
    }
}

/// How an entry ends, by whether the key was there.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// An occupied one by its `insert`, a vacant one by `or_insert`.
    Insert,
    /// An occupied one by the map's `remove` of its key, a vacant one by `insert`.
    RemoveOrTryInsert,
    /// An occupied one by `remove`, a vacant one by `or_insert`.
    RemoveUnchangedOrInsert,
}

#[derive(Clone, Copy, Debug)]
pub enum Op {
    Get(u8),
    Contains(u8),
    Insert(u8),
    TryInsert(u8),
    GetOrInsert(u8),
    Update(u8),
    UpdateOrInsert(u8),
    /// Removes an even value, else inserts one.
    Compute(u8),
    Remove(u8),
    /// If its value is even.
    RemoveIf(u8),
    /// An entry, and what is done with it then.
    Entry(u8, End),
    /// From a key on, so many.
    InsertRun(u8, u8),
    RemoveRun(u8, u8),
    /// `insert_many` from a key on, so many, and of the first once more.
    InsertTogether(u8, u8),
    /// The parts of a parallel iteration.
    Parallel,
    Iterate,
    /// A whole scan, in calls of this budget, each under a guard of its own.
    Scan(u8),
    /// Removes the keys whose bit is set, counted modulo eight.
    Retain(u8),
    Clear,
    Len,
    Reserve(u8),
    ShrinkToFit,
    Flush,
    /// Whoever has one guard renews it.
    Refresh,
}

impl Op {
    fn of(kind: u8, argument: u8) -> Op {
        let (key, number) = (argument % FEW, argument / FEW);
        match kind % 64 {
            31 => return Op::Compute(key),
            32 => return Op::Parallel,
            44 => return Op::InsertTogether(key, number / 8 + 1),
            33 => return Op::Entry(key, End::Insert),
            34 => return Op::Entry(key, End::RemoveOrTryInsert),
            35 => return Op::Entry(key, End::RemoveUnchangedOrInsert),
            61 => return Op::UpdateOrInsert(key),
            62 => return Op::Update(key),
            63 => return Op::RemoveIf(key),
            _ => {}
        }
        match kind % 32 {
            0..4 => Op::Get(key),
            4 => Op::Contains(key),
            5..9 => Op::Insert(key),
            9..11 => Op::TryInsert(key),
            11..13 => Op::GetOrInsert(key),
            13..18 => Op::Remove(key),
            18..20 => Op::InsertRun(key, number / 2),
            20 => Op::RemoveRun(key, number / 2),
            21 => Op::Iterate,
            22 => Op::Scan(number + 1),
            23 => Op::Retain(argument),
            24 => Op::Clear,
            25 => Op::Len,
            26..28 => Op::Reserve(argument),
            28 => Op::ShrinkToFit,
            29 => Op::Flush,
            _ => Op::Refresh,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Thread {
    /// One guard for all calls, and not one for each.
    pub holds: bool,
    pub ops: Vec<Op>,
}

#[derive(Clone)]
pub struct Program {
    pub kind: Kind,
    quality: Quality,
    capacity: usize,
    /// A bit for each key that is there at first.
    initial: u8,
    pub threads: Vec<Thread>,
}

impl Program {
    /// Takes a program off the bytes; where they have come to an end, all others are zero.
    pub fn from_bytes(bytes: &mut Unstructured<'_>) -> arbitrary::Result<Program> {
        let [shape, quality, initial, holds, calls]: [u8; 5] = bytes.arbitrary()?;
        let count = 2 + usize::from(shape >> 4) % 3;
        let mut threads: Vec<Thread> = (0..count)
            .map(|thread| Thread {
                holds: holds & (1 << thread) != 0,
                ops: Vec::new(),
            })
            .collect();
        for _ in 0..usize::from(calls) % (CALLS + 1) {
            let [kind, argument]: [u8; 2] = bytes.arbitrary()?;
            let thread = usize::from(kind >> 6) % count;
            threads[thread].ops.push(Op::of(kind, argument));
        }
        let kind = if cfg!(feature = "epoch") {
            shape & 1
        } else {
            shape & 3
        };
        Ok(Program {
            kind: KINDS[usize::from(kind)],
            quality: QUALITIES[usize::from(quality) % QUALITIES.len()],
            capacity: [0, 16, 64, 0][usize::from((shape >> 2) & 3)],
            initial,
            threads,
        })
    }

    fn initial(&self) -> impl Iterator<Item = (u64, Value)> {
        let is_there = |&key: &u8| self.initial & (1 << key) != 0;
        // The values of thread 0.
        let entry = |key| (u64::from(key), Value::from(key) + 1);
        (0..FEW).filter(is_there).map(entry)
    }

    /// Executes the program on a map of its kind.
    pub fn on_a_map(&self, execution: impl Execution) {
        match self.kind {
            Kind::Epoch => execution.run::<Boxed, Epoch>(self),
            Kind::EpochOfNumbers => execution.run::<Number, Epoch>(self),
            Kind::Crossbeam => execution.run::<Boxed, Crossbeam>(self),
            Kind::Seize => execution.run::<Boxed, Seize>(self),
        }
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.initial().map(|(key, _)| key).collect();
        writeln!(
            f,
            "map of kind {:?}, hasher {:?}, capacity {}, at first with keys {keys:?}",
            self.kind, self.quality, self.capacity
        )?;
        for (number, thread) in (1..).zip(&self.threads) {
            let guards = if thread.holds {
                "one guard"
            } else {
                "a guard for each call"
            };
            writeln!(f, "thread {number}, {guards}:")?;
            for op in &thread.ops {
                writeln!(f, "    {op:?}")?;
            }
        }
        Ok(())
    }
}

/// What a target does with a map and a program for it.
pub trait Execution {
    fn run<K: Key, R: Reclaim<Retired<K, Counted>>>(self, program: &Program);
}

/// Is told what threads are about to do, and have done.
pub trait Observer: Sync {
    fn begins(&self, thread: usize, op: Op);
    fn has_ended(&self, thread: usize, op: Op);
}

/// Values, and keys in memory of their own, that exist.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// Whether all that was made has been dropped, but so many.
pub fn assert_alive(count: usize) {
    // Relaxed, as below: no thread works on a map any more.
    let live = LIVE.load(Ordering::Relaxed);
    assert_eq!(live, count, "keys and values that exist");
}

/// A number in memory of its own that counts itself.
#[derive(Debug)]
pub struct Counted(Box<u64>);

impl Counted {
    fn new(number: u64) -> Counted {
        // Relaxed: it orders nothing that the map has to order by itself.
        LIVE.fetch_add(1, Ordering::Relaxed);
        Counted(Box::new(number))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let live = LIVE.fetch_sub(1, Ordering::Relaxed);
        assert!(live > 0, "more was dropped than ever existed");
    }
}

pub trait Key: Hash + Eq + Send + Sync + 'static {
    /// Counts itself.
    const IS_COUNTED: bool;

    fn new(number: u64) -> Self;
    fn number(&self) -> u64;
}

#[derive(Debug)]
pub struct Boxed(Counted);

impl Key for Boxed {
    const IS_COUNTED: bool = true;

    fn new(number: u64) -> Boxed {
        Boxed(Counted::new(number))
    }

    fn number(&self) -> u64 {
        *self.0.0
    }
}

impl PartialEq for Boxed {
    fn eq(&self, other: &Boxed) -> bool {
        self.number() == other.number()
    }
}

impl Eq for Boxed {}

impl Hash for Boxed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.number());
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Number(u64);

impl Key for Number {
    const IS_COUNTED: bool = false;

    fn new(number: u64) -> Number {
        Number(number)
    }

    fn number(&self) -> u64 {
        self.0
    }
}

/// A map that a program works on.
pub struct Subject<K, R: Reclaim<Retired<K, Counted>>> {
    map: HashMap<K, Counted, Quality, R>,
    clock: Clock,
    history: History,
}

impl<K: Key, R: Reclaim<Retired<K, Counted>>> Subject<K, R> {
    pub fn new(program: &Program) -> Self {
        let map = HashMap::builder()
            .capacity(program.capacity)
            .hasher(program.quality)
            .reclaimer()
            .build();
        for (key, value) in program.initial() {
            map.pin().insert(K::new(key), Counted::new(value));
        }
        Subject {
            map,
            clock: Clock::new(),
            history: History::new(program.initial()),
        }
    }

    /// Runs the calls of the thread with this number, from 1 on, and records them.
    pub fn work(&self, number: usize, thread: &Thread, observer: &impl Observer) -> Recorder<'_> {
        let mut worker = Worker {
            map: &self.map,
            recorder: Recorder::new(&self.clock, number),
            last: number as u64 * 10_000,
        };
        let mut held = None;
        // What is done under one guard.
        let ends = |op: &Op| !thread.holds || matches!(op, Op::Refresh);
        for ops in thread.ops.split_inclusive(ends) {
            let view = if thread.holds {
                held.get_or_insert_with(|| self.map.pin())
            } else {
                // One after the other, and never two.
                drop(held.take());
                held.insert(self.map.pin())
            };
            // What was read under the guard, to be read again at its end.
            let mut kept = Vec::new();
            for &op in ops {
                observer.begins(number, op);
                worker.run(op, view, &mut kept);
                observer.has_ended(number, op);
            }
            for (value, number) in kept {
                assert_eq!(*value.0, number, "a value has changed under a guard");
            }
            if thread.holds {
                view.refresh();
            }
        }
        worker.recorder
    }

    /// Checks what was recorded, and the map that nobody works on any more. Gives back how many of
    /// its keys and values count themselves.
    pub fn check<'s>(&'s self, recorders: impl IntoIterator<Item = Recorder<'s>>) -> usize {
        let mut history = self.history.clone();
        for recorder in recorders {
            history.add(recorder);
        }
        let mut worker = Worker {
            map: &self.map,
            recorder: Recorder::new(&self.clock, 0),
            last: 0,
        };
        let view = self.map.pin();
        let mut kept = Vec::new();
        worker.run(Op::Iterate, &view, &mut kept);
        let found = kept.len();
        // What nobody has seen is not there: the iteration has just said so.
        for &key in history.by_key().keys() {
            worker.call(key, Operation::Get, &view, &mut kept);
        }
        history.add(worker.recorder);
        if let Err(failure) = history.check(Count::Summed) {
            panic!("{failure}");
        }
        assert_eq!(found, self.map.len(), "the entries and the length");
        found * if K::IS_COUNTED { 2 } else { 1 }
    }

    /// Frees what was removed, as far as the back end can.
    pub fn flush(&self) {
        self.map.flush();
    }
}

/// What runs one thread's calls.
struct Worker<'m, K, R: Reclaim<Retired<K, Counted>>> {
    map: &'m HashMap<K, Counted, Quality, R>,
    recorder: Recorder<'m>,
    /// The value that was written last: none is written twice.
    last: Value,
}

pub type View<'m, K, R> = HashMapRef<'m, K, Counted, Quality, R>;
type Kept<'g> = Vec<(&'g Counted, u64)>;

impl<K: Key, R: Reclaim<Retired<K, Counted>>> Worker<'_, K, R> {
    fn run<'g>(&mut self, op: Op, view: &'g View<'_, K, R>, kept: &mut Kept<'g>) {
        let map = self.map;
        match op {
            Op::Get(key) => self.call(key.into(), Operation::Get, view, kept),
            Op::Contains(key) => self.call(key.into(), Operation::Contains, view, kept),
            Op::Insert(key) => self.write(key.into(), Operation::Insert, view, kept),
            Op::TryInsert(key) => self.write(key.into(), Operation::TryInsert, view, kept),
            Op::GetOrInsert(key) => self.write(key.into(), Operation::GetOrInsert, view, kept),
            Op::Update(key) => self.write(key.into(), Operation::Update, view, kept),
            Op::UpdateOrInsert(key) => {
                self.last += 1;
                let update = self.last;
                let either = |insert| Operation::UpdateOrInsert { update, insert };
                self.write(key.into(), either, view, kept);
            }
            Op::Compute(key) => {
                let compute = |value| Operation::Compute {
                    when: Condition::Even,
                    then: Action::Remove,
                    otherwise: Action::Insert(value),
                    absent: Action::Insert(value),
                };
                self.write(key.into(), compute, view, kept);
            }
            Op::Remove(key) => self.call(key.into(), Operation::Remove, view, kept),
            Op::RemoveIf(key) => {
                let remove = Operation::RemoveIf(Condition::Even);
                self.call(key.into(), remove, view, kept);
            }
            Op::Entry(key, end) => self.entry(key.into(), end, view, kept),
            Op::InsertRun(from, count) => {
                for key in from..from + count {
                    self.write(key.into(), Operation::Insert, view, kept);
                }
            }
            Op::RemoveRun(from, count) => {
                for key in from..from + count {
                    self.call(key.into(), Operation::Remove, view, kept);
                }
            }
            Op::InsertTogether(from, count) => {
                let keys = (from..from + count).chain([from]).map(u64::from);
                let entries: Vec<(u64, Value)> = keys
                    .map(|key| {
                        self.last += 1;
                        (key, self.last)
                    })
                    .collect();
                self.recorder.insert_many(&entries, || {
                    let entry = |&(key, value)| (K::new(key), Counted::new(value));
                    view.insert_many(entries.iter().map(entry))
                });
            }
            Op::Parallel => self.recorder.walk(|walker| {
                for (key, value) in crate::in_parts(view) {
                    walker.meet(key.number(), *value.0);
                    kept.push((value, *value.0));
                }
            }),
            Op::Iterate => self.recorder.walk(|walker| {
                for (key, value) in view {
                    walker.meet(key.number(), *value.0);
                    kept.push((value, *value.0));
                }
            }),
            Op::Scan(budget) => self.recorder.walk(|walker| {
                let mut next = Some(Cursor::START);
                while let Some(cursor) = next {
                    let view = map.pin();
                    let mut scan = view.scan(cursor, budget.into());
                    for (key, value) in scan.by_ref() {
                        walker.meet(key.number(), *value.0);
                    }
                    next = scan.cursor();
                }
            }),
            Op::Retain(mask) => self.recorder.walk(|walker| {
                let keeps = |key: u64| mask & (1 << (key % 8)) == 0;
                view.retain(|key, value| {
                    let key = key.number();
                    walker.answer(key, *value.0, keeps(key))
                });
            }),
            Op::Clear => self.recorder.clear(|| view.clear()),
            Op::Len => {
                self.recorder.length(|| view.len());
            }
            Op::Reserve(additional) => view.reserve(additional.into()),
            Op::ShrinkToFit => view.shrink_to_fit(),
            Op::Flush => map.flush(),
            // At the end of what is done under one guard.
            Op::Refresh => {}
        }
    }

    /// The look is a `get`.
    fn entry<'g>(&mut self, key: u64, end: End, view: &'g View<'_, K, R>, kept: &mut Kept<'g>) {
        let mut read = |value: &'g Counted| {
            kept.push((value, *value.0));
            *value.0
        };
        let mut entry = None;
        self.recorder.call(key, Operation::Get, || {
            let seen = match entry.insert(view.entry(K::new(key))) {
                Entry::Occupied(entry) => Some(read(entry.get())),
                Entry::Vacant(_) => None,
            };
            Outcome::Kept(seen)
        });
        self.last += 1;
        let value = self.last;
        match entry.expect("it was made") {
            Entry::Occupied(entry) => {
                let seen = *entry.get().0;
                let operation = match end {
                    End::Insert => Operation::ReplaceIf(Condition::Is(seen), value),
                    End::RemoveOrTryInsert => Operation::RemoveByEntry(seen),
                    End::RemoveUnchangedOrInsert => Operation::RemoveUnchanged(seen),
                };
                self.recorder.call(key, operation, || match end {
                    End::Insert => match entry.insert(Counted::new(value)) {
                        Ok(old) => Outcome::Wrote(Some(read(old))),
                        Err(error) => Outcome::Kept(error.current.map(read)),
                    },
                    End::RemoveOrTryInsert => {
                        Outcome::ThereOrSeen(view.remove(entry.key()).map_or(seen, read))
                    }
                    End::RemoveUnchangedOrInsert => {
                        (entry.remove()).map_or(Outcome::Left, |old| Outcome::Removed(read(old)))
                    }
                });
            }
            Entry::Vacant(entry) => {
                let new = Counted::new(value);
                if let End::RemoveOrTryInsert = end {
                    let try_insert = || match entry.insert(new) {
                        Ok(_) => Outcome::Wrote(None),
                        Err(error) => Outcome::Kept(Some(read(error.current))),
                    };
                    let operation = Operation::TryInsert(value);
                    self.recorder.call(key, operation, try_insert);
                } else {
                    let insert = || Outcome::inserted_or_found(value, read(entry.or_insert(new)));
                    let operation = Operation::GetOrInsert(value);
                    self.recorder.call(key, operation, insert);
                }
            }
        }
    }

    fn write<'g>(
        &mut self,
        key: u64,
        operation: impl FnOnce(Value) -> Operation,
        view: &'g View<'_, K, R>,
        kept: &mut Kept<'g>,
    ) {
        self.last += 1;
        self.call(key, operation(self.last), view, kept);
    }

    fn call<'g>(
        &mut self,
        key: u64,
        operation: Operation,
        view: &'g View<'_, K, R>,
        kept: &mut Kept<'g>,
    ) {
        let mut read = |value: &'g Counted| {
            kept.push((value, *value.0));
            *value.0
        };
        let key_of_map = K::new(key);
        self.recorder.call(key, operation, || match operation {
            Operation::Get => Outcome::Kept(view.get(&key_of_map).map(read)),
            Operation::Contains => Outcome::Present(view.contains_key(&key_of_map)),
            Operation::Insert(value) => {
                Outcome::Wrote(view.insert(key_of_map, Counted::new(value)).map(read))
            }
            Operation::TryInsert(value) => match view.try_insert(key_of_map, Counted::new(value)) {
                Ok(_) => Outcome::Wrote(None),
                Err(error) => Outcome::Kept(Some(read(error.current))),
            },
            Operation::GetOrInsert(value) => {
                let current = view.get_or_insert_with(key_of_map, || Counted::new(value));
                Outcome::inserted_or_found(value, read(current))
            }
            Operation::Remove => {
                let removed = view.remove(&key_of_map).map(read);
                removed.map_or(Outcome::Kept(None), Outcome::Removed)
            }
            Operation::Update(new) => {
                let mut old = None;
                let update = |current: &Counted| {
                    old = Some(*current.0);
                    Counted::new(new)
                };
                let updated = view.update(key_of_map, update).map(read);
                updated.map_or(Outcome::Kept(None), |_| Outcome::Wrote(old))
            }
            Operation::UpdateOrInsert { update, insert } => {
                let mut old = None;
                let change = |current: &Counted| {
                    old = Some(*current.0);
                    Counted::new(update)
                };
                // By an entry, every other time.
                let new = if update.is_multiple_of(2) {
                    let entry = view.entry(key_of_map).and_modify(change);
                    entry.or_insert(Counted::new(insert))
                } else {
                    view.update_or_insert(key_of_map, change, Counted::new(insert))
                };
                Outcome::Wrote(old.filter(|_| read(new) == update))
            }
            Operation::Compute {
                when, otherwise, ..
            } => {
                let Action::Insert(new) = otherwise else {
                    unreachable!("{otherwise:?} is in no program")
                };
                let decide = |current: Option<(&K, &Counted)>| match current {
                    Some((_, value)) if when.holds(*value.0) => subject::Operation::Remove,
                    _ => subject::Operation::<_, ()>::Insert(Counted::new(new)),
                };
                match view.compute(key_of_map, decide) {
                    Compute::Inserted(..) => Outcome::Wrote(None),
                    Compute::Updated { old, .. } => Outcome::Wrote(Some(read(old.1))),
                    Compute::Removed(_, value) => Outcome::Removed(read(value)),
                    Compute::Aborted(()) | Compute::Absent => unreachable!("nothing aborts"),
                }
            }
            Operation::RemoveIf(when) => {
                match view.try_remove_if(&key_of_map, |_, value| when.holds(*value.0)) {
                    Ok(Some((_, value))) => Outcome::Removed(read(value)),
                    Ok(None) => Outcome::Kept(None),
                    Err((_, value)) => Outcome::Kept(Some(read(value))),
                }
            }
            other => unreachable!("{other:?} is in no program"),
        });
    }
}
