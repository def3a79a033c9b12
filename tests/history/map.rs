//! Histories of a whole map: recorded, taken apart by key, and checked.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::cell::{Cell, Operation, Outcome, Value};
use super::length::{Bounds, Count, Lengths};
use super::record::{Call, Clock, Stamp, Tape};
use super::search::{Stuck, check};
use super::show;

pub type Key = u64;

/// A call on one key.
pub type KeyCall = Call<Operation, Outcome>;

/// An entry that a walk met, or that `retain` asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Met {
    pub key: Key,
    pub value: Value,
    pub at: Stamp,
    /// When `retain` was told to remove it, if it was.
    pub refused: Option<Stamp>,
}

/// What threads did to a map, in any order: the stamps say when.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// What was in the map at first.
    pub initial: BTreeMap<Key, Value>,
    pub calls: Vec<Call<(Key, Operation), Outcome>>,
    /// Iterations, and calls of `retain`.
    pub walks: Vec<Call<Vec<Met>, ()>>,
    pub clears: Vec<Call<(), ()>>,
    pub lengths: Vec<Call<(), usize>>,
}

/// What one thread does to a map, recorded. Each method runs the real call.
pub struct Recorder<'c> {
    clock: &'c Clock,
    calls: Tape<'c, (Key, Operation), Outcome>,
    walks: Tape<'c, Vec<Met>, ()>,
    clears: Tape<'c, (), ()>,
    lengths: Tape<'c, (), usize>,
}

/// What a walk meets on its way.
pub struct Walker<'r> {
    clock: &'r Clock,
    met: &'r mut Vec<Met>,
}

impl Walker<'_> {
    /// The walk met an entry.
    pub fn meet(&mut self, key: Key, value: Value) {
        self.met.push(Met {
            key,
            value,
            at: self.clock.stamp(),
            refused: None,
        });
    }

    /// `retain` asks for an entry, and this is the answer, which is given back.
    pub fn answer(&mut self, key: Key, value: Value, keep: bool) -> bool {
        self.meet(key, value);
        if !keep {
            let met = self.met.last_mut().expect("just pushed");
            met.refused = Some(self.clock.stamp());
        }
        keep
    }
}

impl<'c> Recorder<'c> {
    pub fn new(clock: &'c Clock, thread: usize) -> Self {
        Recorder {
            clock,
            calls: Tape::new(clock, thread),
            walks: Tape::new(clock, thread),
            clears: Tape::new(clock, thread),
            lengths: Tape::new(clock, thread),
        }
    }

    /// An operation on one key.
    pub fn call(
        &mut self,
        key: Key,
        operation: Operation,
        run: impl FnOnce() -> Outcome,
    ) -> Outcome {
        self.calls.call((key, operation), run)
    }

    /// `insert_many`: each insertion takes effect by itself, at a moment of the call. `run` says how
    /// many keys were absent, which is not more than there are insertions.
    pub fn insert_many(&mut self, entries: &[(Key, Value)], run: impl FnOnce() -> usize) {
        let inserts = (entries.iter()).map(|&(key, value)| (key, Operation::Insert(value)));
        let absent = self.calls.together(inserts, run);
        assert!(absent <= entries.len(), "{absent} of {entries:?} absent");
    }

    /// `iter`, the parts of a parallel iteration, or a whole scan, each entry given to `meet`; or `retain`, which is given what
    /// `answer` gives back.
    pub fn walk(&mut self, run: impl FnOnce(&mut Walker<'_>)) {
        let met = self.walks.begin(Vec::new());
        run(&mut Walker {
            clock: self.clock,
            met,
        });
        self.walks.end(Some(()));
    }

    pub fn clear(&mut self, run: impl FnOnce()) {
        self.clears.call((), run);
    }

    pub fn length(&mut self, run: impl FnOnce() -> usize) -> usize {
        self.lengths.call((), run)
    }
}

/// An order of each key's calls that the map can have done them in.
pub type Witness = BTreeMap<Key, Vec<KeyCall>>;

/// Why a history is not one of a map.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The calls on this key have no order.
    Key {
        key: Key,
        calls: Vec<KeyCall>,
        stuck: Stuck<Option<Value>>,
    },
    /// A walk met a key that it had met.
    MetTwice { key: Key, walk: Call<Vec<Met>, ()> },
    Length {
        call: Call<(), usize>,
        bounds: Bounds,
    },
}

impl History {
    pub fn new(initial: impl IntoIterator<Item = (Key, Value)>) -> History {
        History {
            initial: initial.into_iter().collect(),
            ..History::default()
        }
    }

    /// Adds what a thread recorded.
    pub fn add(&mut self, recorder: Recorder<'_>) {
        self.calls.extend(recorder.calls.into_calls());
        self.walks.extend(recorder.walks.into_calls());
        self.clears.extend(recorder.clears.into_calls());
        self.lengths.extend(recorder.lengths.into_calls());
    }

    /// Checks all that the module's documentation says, the length by `count`.
    pub fn check(&self, count: Count) -> Result<Witness, Failure> {
        self.meets_none_twice()?;
        let keys = self.by_key();
        let mut witness = Witness::new();
        for (&key, calls) in &keys {
            let initial = self.initial.get(&key).copied();
            match check(&Cell(initial), calls) {
                Ok(order) => {
                    witness.insert(key, order.into_iter().map(|index| calls[index]).collect());
                }
                Err(stuck) => {
                    let calls = calls.clone();
                    return Err(Failure::Key { key, calls, stuck });
                }
            }
        }
        if !self.lengths.is_empty() {
            let lengths = Lengths::new(&self.initial, &keys);
            for call in &self.lengths {
                let bounds = lengths.bounds(call, count);
                if call.outcome.is_some_and(|length| !bounds.allow(length)) {
                    let call = *call;
                    return Err(Failure::Length { call, bounds });
                }
            }
        }
        Ok(witness)
    }

    fn meets_none_twice(&self) -> Result<(), Failure> {
        for walk in &self.walks {
            let mut was_refused = HashMap::new();
            for met in &walk.operation {
                if was_refused.insert(met.key, met.refused.is_some()) == Some(false) {
                    let walk = walk.clone();
                    return Err(Failure::MetTwice { key: met.key, walk });
                }
            }
        }
        Ok(())
    }

    /// The calls on each key that occurs, with what calls on many keys did to it.
    pub fn by_key(&self) -> BTreeMap<Key, Vec<KeyCall>> {
        let mut keys: BTreeMap<Key, Vec<KeyCall>> = BTreeMap::new();
        for &key in self.initial.keys() {
            keys.entry(key).or_default();
        }
        for call in &self.calls {
            let (key, operation) = call.operation;
            let outcome = call.outcome;
            let calls = keys.entry(key).or_default();
            calls.push(part(call, operation, outcome));
        }
        for met in self.walks.iter().flat_map(|walk| &walk.operation) {
            keys.entry(met.key).or_default();
        }
        for walk in &self.walks {
            add_walk(&mut keys, walk);
        }
        for clear in &self.clears {
            for calls in keys.values_mut() {
                calls.push(part(clear, Operation::Clear, None));
            }
        }
        keys
    }
}

/// What a call did to one key.
fn part<O, T>(call: &Call<O, T>, operation: Operation, outcome: Option<Outcome>) -> KeyCall {
    Call {
        thread: call.thread,
        operation,
        outcome,
        invoked: call.invoked,
        returned: call.returned,
    }
}

/// A walk as calls on each key: a read, and after each refusal what it does.
fn add_walk(keys: &mut BTreeMap<Key, Vec<KeyCall>>, walk: &Call<Vec<Met>, ()>) {
    let mut by_key: HashMap<Key, Vec<&Met>> = HashMap::new();
    for met in &walk.operation {
        by_key.entry(met.key).or_default().push(met);
    }
    for (key, calls) in keys {
        let Some(all_met) = by_key.get(key) else {
            // If the walk never returned, nor did this read: it says nothing.
            calls.push(part(walk, Operation::Walk, Some(Outcome::Kept(None))));
            continue;
        };
        let mut since = walk.invoked;
        for (index, met) in all_met.iter().enumerate() {
            let next = all_met.get(index + 1);
            calls.push(Call {
                invoked: since,
                returned: Some(met.at),
                ..part(walk, Operation::Walk, Some(Outcome::Kept(Some(met.value))))
            });
            if let Some(refused) = met.refused {
                calls.push(Call {
                    invoked: refused,
                    returned: next.map(|next| next.at).or(walk.returned),
                    ..part(walk, Operation::Refuse(met.value), None)
                });
                since = refused;
            }
        }
    }
}

impl KeyCall {
    /// Whether both are about one value: one may have written it, say, that the other saw.
    fn has_value_of(&self, other: &KeyCall) -> bool {
        let seen = |call: &KeyCall| call.outcome.and_then(Outcome::value);
        let value = seen(other);
        value.is_some() && (seen(self) == value || self.operation.may_write().contains(&value))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Key { key, calls, stuck } => {
                writeln!(f, "the history of key {key} is not linearizable")?;
                f.write_str(&show::stuck(calls, stuck, KeyCall::has_value_of))
            }
            Failure::MetTwice { key, walk } => {
                let of_key: Vec<_> = walk
                    .operation
                    .iter()
                    .filter(|met| met.key == *key)
                    .collect();
                writeln!(f, "a walk met key {key} more than once: {of_key:?}")?;
                write!(
                    f,
                    "thread {}, from {} to {:?}",
                    walk.thread, walk.invoked, walk.returned
                )
            }
            Failure::Length { call, bounds } => {
                write!(f, "a length outside its bounds: {bounds:?}, {call:?}")
            }
        }
    }
}
