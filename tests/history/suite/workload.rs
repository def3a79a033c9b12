//! Threads that work on a map, and what they recorded.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};

use super::generate::Draws;
use crate::history::{
    Action, Clock, Condition, History, Key, Operation, Outcome, Recorder, Value, Walker,
};

/// A map that can be worked on.
pub trait Map: Sync {
    /// Does one of the operations that [`Plan`] may ask for.
    fn call(&self, key: Key, operation: Operation) -> Outcome;

    /// Makes an entry, which is recorded as a `get`, and ends it by one of the operations that
    /// [`ends`] may ask for, by what it saw.
    fn entry(
        &self,
        key: Key,
        end: impl FnOnce(Option<Value>) -> Operation,
        recorder: &mut Recorder<'_>,
    ) {
        let look = Operation::Get;
        let Outcome::Kept(seen) = recorder.call(key, look, || self.call(key, look)) else {
            unreachable!("it is what a read says");
        };
        let end = end(seen);
        recorder.call(key, end, || self.call(key, end));
    }

    /// Iterates. `part` says how much at a time, for a map that can do so in parts.
    fn walk(&self, part: usize, walker: &mut Walker<'_>);

    /// Inserts all, and says how many keys were absent.
    fn insert_many(&self, entries: &[(Key, Value)]) -> usize;

    fn retain(&self, keep: impl FnMut(Key, Value) -> bool);

    fn clear(&self);

    fn len(&self) -> usize;
}

/// What is done to a map.
#[derive(Clone, Copy)]
pub struct Plan {
    pub threads: usize,
    /// By each thread.
    pub calls: usize,
    pub keys: u64,
    /// Keys from here on are there at first.
    pub present_from: u64,
    /// One in so many calls is a walk, a length, or a `retain`, `clear` or `insert_many`; 0 for none.
    pub walks: usize,
    pub lengths: usize,
    pub sweeps: usize,
    /// One call on a key in so many is an entry; 0 for none. What an entry says may leave open
    /// whether the number of entries has changed, and then lengths are known less closely.
    pub entries: usize,
    /// For so many calls a thread inserts prevail, then for as many removals, and so on.
    pub tide: usize,
}

/// Runs a plan. At the end each key is read once more, when nobody writes: what was lost is seen.
pub fn record(map: &impl Map, plan: Plan, seed: u64) -> History {
    let clock = Clock::new();
    let barrier = Barrier::new(plan.threads);
    let progress = AtomicUsize::new(0);
    let initial: Vec<(Key, Value)> = (plan.present_from..plan.keys)
        .map(|key| (key, INITIAL + key))
        .collect();
    for &(key, value) in &initial {
        assert_eq!(
            map.call(key, Operation::Insert(value)),
            Outcome::Wrote(None)
        );
    }
    let mut history = History::new(initial);
    let recorders = thread::scope(|scope| {
        let spawn = |thread| {
            let (clock, barrier, progress) = (&clock, &barrier, &progress);
            scope.spawn(move || {
                let mut recorder = Recorder::new(clock, thread);
                let mut worker = Worker {
                    map,
                    plan,
                    draws: Draws(seed << 8 | thread as u64),
                    value: (thread as u64 + 1) << 32,
                };
                barrier.wait();
                for _ in 0..plan.calls {
                    // Relaxed: a number of its own for each call of all threads.
                    let number = progress.fetch_add(1, Ordering::Relaxed);
                    let is_flood = (number / plan.threads / plan.tide).is_multiple_of(2);
                    worker.call(is_flood, &mut recorder);
                }
                recorder
            })
        };
        join((0..plan.threads).map(spawn).collect())
    });
    for recorder in recorders {
        history.add(recorder);
    }
    let mut last = Recorder::new(&clock, plan.threads);
    last.length(|| map.len());
    last.walk(|walker| map.walk(usize::MAX, walker));
    for key in 0..plan.keys {
        last.call(key, Operation::Get, || map.call(key, Operation::Get));
    }
    history.add(last);
    history
}

/// Values that are there at first, by key.
const INITIAL: Value = 1 << 24;

/// Waits for the threads one by one and passes the first panic on.
fn join<T>(threads: Vec<ScopedJoinHandle<'_, T>>) -> Vec<T> {
    let pass_on = |thread: ScopedJoinHandle<'_, T>| {
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    };
    threads.into_iter().map(pass_on).collect()
}

/// One thread's work.
struct Worker<'m, M> {
    map: &'m M,
    plan: Plan,
    draws: Draws,
    /// The value that was written last: none is written twice.
    value: Value,
}

impl<M: Map> Worker<'_, M> {
    fn call(&mut self, is_flood: bool, recorder: &mut Recorder<'_>) {
        let (map, plan) = (self.map, self.plan);
        let mut is_turn = |of: usize| of > 0 && self.draws.one_in(of);
        if is_turn(plan.walks) {
            let part = 1 + self.draws.below(plan.keys as usize);
            recorder.walk(|walker| map.walk(part, walker));
        } else if is_turn(plan.lengths) {
            recorder.length(|| map.len());
        } else if is_turn(plan.sweeps) {
            self.sweep(recorder);
        } else if is_turn(plan.entries) {
            let key = self.write_to();
            map.entry(key, ends(&mut self.draws, self.value), recorder);
        } else {
            let key = self.write_to();
            let operation = operation(&mut self.draws, is_flood, self.value);
            recorder.call(key, operation, || map.call(key, operation));
        }
    }

    /// The key of the next call, whose value is a new one.
    fn write_to(&mut self) -> Key {
        // An operation may write up to three values.
        self.value += 5;
        self.draws.next() % self.plan.keys
    }

    fn sweep(&mut self, recorder: &mut Recorder<'_>) {
        let map = self.map;
        if self.draws.one_in(4) {
            recorder.clear(|| map.clear());
        } else if self.draws.one_in(2) {
            // One key comes twice, where there are so few.
            let entries: Vec<_> = (0..3).map(|_| (self.write_to(), self.value)).collect();
            recorder.insert_many(&entries, || map.insert_many(&entries));
        } else {
            let remainder = self.draws.next() % 3;
            recorder.walk(|walker| {
                let keep = |value| value % 3 != remainder;
                map.retain(|key, value| walker.answer(key, value, keep(value)));
            });
        }
    }
}

fn operation(draws: &mut Draws, is_flood: bool, value: Value) -> Operation {
    match draws.below(28) {
        0..7 => Operation::Get,
        7..9 => Operation::Contains,
        9 => Operation::Insert(value),
        10..14 => Operation::Remove,
        number @ 20..28 => by_what_is_there(number, draws, is_flood, value),
        _ if !is_flood => Operation::Remove,
        14..16 => Operation::TryInsert(value),
        16..18 => Operation::GetOrInsert(value),
        _ => Operation::Insert(value),
    }
}

/// An operation that depends on the value that is there.
fn by_what_is_there(number: usize, draws: &mut Draws, is_flood: bool, value: Value) -> Operation {
    let inserted = if is_flood {
        Action::Insert(value + 1)
    } else {
        Action::Abort
    };
    match number {
        20 => Operation::Update(value),
        21 if is_flood => Operation::UpdateOrInsert {
            update: value,
            insert: value + 1,
        },
        22 => Operation::ReplaceIf(Condition::Even, value),
        23..26 => Operation::Compute {
            when: Condition::Even,
            then: Action::Insert(value),
            otherwise: draws.pick(&[Action::Remove, Action::Abort, Action::Insert(value + 2)]),
            absent: inserted,
        },
        _ => Operation::RemoveIf(Condition::Even),
    }
}

/// By which operation an entry ends.
fn ends(draws: &mut Draws, value: Value) -> impl FnOnce(Option<Value>) -> Operation + use<> {
    let number = draws.below(4);
    move |seen| match (seen, number) {
        (Some(seen), 0) => Operation::InsertByEntry { seen, value },
        (Some(seen), 1) => Operation::RemoveByEntry(seen),
        (Some(seen), 2) => Operation::ReplaceIf(Condition::Is(seen), value),
        (Some(seen), _) => Operation::RemoveUnchanged(seen),
        (None, 0) => Operation::TryInsert(value),
        (None, 1) => Operation::Insert(value),
        (None, _) => Operation::GetOrInsert(value),
    }
}

/// std's map behind a lock, which is linearizable for certain.
#[derive(Default)]
pub struct Locked(std::sync::Mutex<std::collections::HashMap<Key, Value>>);

impl Locked {
    fn lock(&self) -> std::sync::MutexGuard<'_, std::collections::HashMap<Key, Value>> {
        self.0.lock().expect("no thread has panicked")
    }
}

impl Map for Locked {
    fn call(&self, key: Key, operation: Operation) -> Outcome {
        let mut map = self.lock();
        match operation {
            Operation::Get => Outcome::Kept(map.get(&key).copied()),
            Operation::Contains => Outcome::Present(map.contains_key(&key)),
            Operation::Insert(value) => Outcome::Wrote(map.insert(key, value)),
            Operation::TryInsert(value) | Operation::GetOrInsert(value) => {
                match map.get(&key).copied() {
                    Some(current) => Outcome::Kept(Some(current)),
                    None => Outcome::Wrote(map.insert(key, value)),
                }
            }
            Operation::Remove => map
                .remove(&key)
                .map_or(Outcome::Kept(None), Outcome::Removed),
            Operation::Update(value) => match map.get_mut(&key) {
                Some(current) => Outcome::Wrote(Some(std::mem::replace(current, value))),
                None => Outcome::Kept(None),
            },
            Operation::UpdateOrInsert { update, insert } => {
                let value = if map.contains_key(&key) {
                    update
                } else {
                    insert
                };
                Outcome::Wrote(map.insert(key, value))
            }
            Operation::RemoveIf(when) => match map.get(&key).copied() {
                Some(current) if when.holds(current) => {
                    map.remove(&key);
                    Outcome::Removed(current)
                }
                current => Outcome::Kept(current),
            },
            Operation::InsertByEntry { seen, value } => {
                Outcome::ThereOrSeen(map.insert(key, value).unwrap_or(seen))
            }
            Operation::RemoveByEntry(seen) => {
                Outcome::ThereOrSeen(map.remove(&key).unwrap_or(seen))
            }
            Operation::RemoveUnchanged(seen) => match map.get(&key) {
                Some(&current) if current == seen => {
                    map.remove(&key);
                    Outcome::Removed(seen)
                }
                _ => Outcome::Left,
            },
            Operation::ReplaceIf(when, value) => match map.get(&key).copied() {
                Some(current) if when.holds(current) => Outcome::Wrote(map.insert(key, value)),
                current => Outcome::Kept(current),
            },
            Operation::Compute {
                when,
                then,
                otherwise,
                absent,
            } => {
                let current = map.get(&key).copied();
                let action = match current {
                    Some(value) if when.holds(value) => then,
                    Some(_) => otherwise,
                    None => absent,
                };
                match action {
                    Action::Insert(value) => Outcome::Wrote(map.insert(key, value)),
                    Action::Remove => map
                        .remove(&key)
                        .map_or(Outcome::Kept(None), Outcome::Removed),
                    Action::Abort => Outcome::Kept(current),
                }
            }
            other => unreachable!("{other:?} is in no plan"),
        }
    }

    fn walk(&self, _: usize, walker: &mut Walker<'_>) {
        for (&key, &value) in self.lock().iter() {
            walker.meet(key, value);
        }
    }

    fn insert_many(&self, entries: &[(Key, Value)]) -> usize {
        let mut map = self.lock();
        let is_absent = |&&(key, value): &&(Key, Value)| map.insert(key, value).is_none();
        entries.iter().filter(is_absent).count()
    }

    fn retain(&self, mut keep: impl FnMut(Key, Value) -> bool) {
        self.lock().retain(|&key, &mut value| keep(key, value));
    }

    fn clear(&self) {
        self.lock().clear();
    }

    fn len(&self) -> usize {
        self.lock().len()
    }
}
