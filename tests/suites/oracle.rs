//! Guarantees C and H, seen by one thread: every operation answers as `std::collections::HashMap`
//! does.
//!
//! A proptest state machine. The reference is std's map and applies a step to it; the test applies
//! the same step to a splitmap and compares the answers, then the whole content. Steps cover every
//! operation, through a guard, a pinned view and an owned one, singly and several under one guard;
//! hashers of any quality; key spaces from one key to thousands, so that a table grows several
//! times and shrinks again; tables of any first capacity.
//!
//! What std's map has no answer to is compared with what the operation promises: a scan that goes on
//! while the others are at work yields once what was there throughout, and the table is as wide as
//! was asked for at least, and not wider than that and its entries ask for after whatever shrinks it.
//!
//! Every value carries a number that is never used twice, and so does every key beside what makes
//! it equal. A stale value, a value of another key or a rejected key that comes back changed is
//! therefore seen. What a guard protects is read again when the steps under it are over: a
//! reference must still say what it said, whatever happened to its entry since (guarantee E).
//!
//! `PROPTEST_CASES` sets how many programs are tried. A failure leaves its seed in
//! `tests/suites/oracle.regressions`, which is to be committed.

use std::collections::{BTreeMap, BTreeSet, HashMap as Reference};
use std::fmt::Debug;
use std::hash::{BuildHasher, Hash, Hasher};

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use splitmap::{Compute, Cursor, Equivalent, Operation};

use super::maps::{HashMap, builder};
use crate::hashers::Quality;

/// A key: equal by `id` alone. `number` tells one instance from another.
#[derive(Clone, Debug)]
struct Key {
    id: u16,
    number: u64,
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.id == other.id
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(self.id));
    }
}

/// What looks a `Key` up without being one.
struct Id(u16);

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(self.0));
    }
}

impl Equivalent<Key> for Id {
    fn equivalent(&self, key: &Key) -> bool {
        self.0 == key.id
    }
}

/// Looks up with a whole `Key`, whose number plays no part.
fn probe(id: u16) -> Key {
    Key {
        id,
        number: u64::MAX,
    }
}

/// By how much a value grows that is changed in place: beyond all numbers.
const CHANGED: u64 = 1 << 32;

/// A value: a number in memory of its own, so that a sanitizer sees a read after its end.
type Value = Box<u64>;
type Subject = HashMap<Key, Value, Quality>;

/// One call, or several of the same kind.
#[derive(Clone, Debug)]
enum Op {
    Get(u16),
    GetKeyValue(u16),
    ContainsKey(u16),
    Insert(u16),
    TryInsert(u16),
    GetOrInsert(u16),
    GetOrInsertWith(u16),
    Remove(u16),
    RemoveEntry(u16),
    /// Removes it if its value is even, or is odd.
    RemoveIf(u16, bool),
    Update(u16),
    UpdateOrInsert(u16),
    UpdateOrInsertWith(u16),
    /// What is done if the id is present, and if it is absent.
    Compute(u16, Wanted, Wanted),
    /// Without the guard.
    View(u16),
    /// Without the guard.
    GetCloned(u16),
    /// Inserts so many ids from the first on.
    InsertMany(u16, u16),
    /// `insert_many` of so many ids from the first on, and of the first once more.
    InsertTogether(u16, u16),
    /// `get_many` of so many ids from the first on.
    GetMany(u16, u16),
    /// A parallel iteration, where there is one.
    Parallel,
    /// Removes so many ids from the first on.
    RemoveMany(u16, u16),
    /// Keeps what `id % divisor` is not `rest` of.
    Retain {
        divisor: u16,
        rest: u16,
    },
    Clear,
    Len,
    Iterate,
    Keys,
    Values,
    /// A whole scan in calls of this budget.
    Scan(usize),
    /// One call, of this budget, of a scan that goes on from operation to operation.
    ScanOn(usize),
    Reserve(u16),
    ShrinkToFit,
    Flush,
}

/// So many ids from the first on, and within the first sixteen the first once more.
fn together(first: u16, many: u16) -> impl Iterator<Item = u16> {
    let ids = first..first.saturating_add(many);
    ids.clone().take(5).chain([first]).chain(ids.skip(5))
}

/// What a closure says.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wanted {
    Insert,
    /// Of an id that is present.
    Remove,
    Abort,
}

#[derive(Clone, Debug)]
enum Step {
    /// All through one guard that is passed to each.
    Guarded(Vec<Op>),
    /// All through one pinned view.
    Pinned(Vec<Op>),
    /// All through one guard that belongs to no thread, where the back end has such.
    Owned(Vec<Op>),
    /// Goes on with a clone; its original must stay as it was.
    Clone,
    /// Goes on with a map collected from the content, some of it given twice.
    Collect,
    /// `Extend` of a map that is borrowed mutably.
    Extend(Vec<u16>),
    /// `Extend` of a shared map.
    ExtendShared(Vec<u16>),
    /// Changes a value in place.
    GetMut(u16),
    /// Changes all values in place.
    IterMut,
    /// Changes so many values in place, all at a time, and takes that back.
    ValuesMut(u16),
    /// Drains the map: takes so many entries out, and drops the rest.
    Drain(u16),
    /// Drains the map, and puts everything back.
    Refill,
    /// Takes the map apart: takes so many entries out, and drops the rest.
    IntoIter(u16),
    /// Takes the map apart, and goes on with a map that all entries are inserted into.
    Rebuild,
}

/// What a call said, in terms that both maps share.
#[derive(Clone, Debug, PartialEq)]
enum Answer {
    Nothing,
    Flag(bool),
    Count(usize),
    Value(Option<u64>),
    Pair(Option<(u16, u64)>),
    /// A try that failed: the number of the key and of the value that came back, and what is there.
    Occupied {
        key: u64,
        value: u64,
        current: u64,
    },
    /// What was there, and what is there now; `None` if the closure has left it at that.
    Changed(Option<(Option<u64>, Option<u64>)>),
    /// An entry that was removed, if there was one; or that was refused.
    RemovedIf(Result<Option<(u16, u64)>, (u16, u64)>),
    /// The value that is in the map now, and whether a closure ran for it.
    Present {
        value: u64,
        made: bool,
    },
    /// Sorted.
    Pairs(Vec<(u16, u64)>),
    /// Sorted.
    Ids(Vec<u16>),
    /// Sorted.
    Numbers(Vec<u64>),
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items
}

/// Numbers for keys and values. Both sides draw in the same sequence.
#[derive(Clone, Debug, Default)]
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

/// The reference: std's map, and what its last step answered.
#[derive(Clone, Debug)]
struct Model {
    quality: Quality,
    capacity: usize,
    ids: u16,
    entries: Reference<u16, u64>,
    numbers: Numbers,
    answers: Vec<Answer>,
}

impl Model {
    fn pairs(&self) -> Vec<(u16, u64)> {
        sorted(self.entries.iter().map(|(&id, &value)| (id, value)))
    }

    fn perform(&mut self, op: &Op) -> Answer {
        let Model {
            entries, numbers, ..
        } = self;
        match *op {
            Op::Get(id) => Answer::Value(entries.get(&id).copied()),
            Op::GetKeyValue(id) => Answer::Pair(entries.get(&id).map(|&value| (id, value))),
            Op::ContainsKey(id) => Answer::Flag(entries.contains_key(&id)),
            Op::Insert(id) => {
                numbers.next();
                Answer::Value(entries.insert(id, numbers.next()))
            }
            Op::TryInsert(id) => {
                let key = numbers.next();
                let value = numbers.next();
                match entries.get(&id) {
                    Some(&current) => Answer::Occupied {
                        key,
                        value,
                        current,
                    },
                    None => {
                        entries.insert(id, value);
                        Answer::Value(Some(value))
                    }
                }
            }
            Op::GetOrInsert(id) => {
                numbers.next();
                let value = numbers.next();
                let value = *entries.entry(id).or_insert(value);
                Answer::Present { value, made: false }
            }
            Op::GetOrInsertWith(id) => {
                numbers.next();
                let made = !entries.contains_key(&id);
                let value = *entries.entry(id).or_insert_with(|| numbers.next());
                Answer::Present { value, made }
            }
            Op::Remove(id) => Answer::Value(entries.remove(&id)),
            Op::RemoveEntry(id) => Answer::Pair(entries.remove_entry(&id)),
            Op::RemoveIf(id, even) => {
                let entry = entries.get(&id).map(|&value| (id, value));
                Answer::RemovedIf(match entry {
                    Some((id, value)) if value.is_multiple_of(2) != even => Err((id, value)),
                    entry => {
                        entries.remove(&id);
                        Ok(entry)
                    }
                })
            }
            Op::Update(id) => {
                numbers.next();
                let value = entries.get_mut(&id).map(|value| {
                    *value = numbers.next();
                    *value
                });
                Answer::Value(value)
            }
            Op::UpdateOrInsert(id) => {
                numbers.next();
                let value = numbers.next();
                let is_new = !entries.contains_key(&id);
                let updated = if is_new { value } else { numbers.next() };
                entries.insert(id, updated);
                Answer::Present {
                    value: updated,
                    made: !is_new,
                }
            }
            Op::UpdateOrInsertWith(id) => {
                numbers.next();
                let made = !entries.contains_key(&id);
                let value = numbers.next();
                entries.insert(id, value);
                Answer::Present { value, made }
            }
            Op::Compute(id, present, absent) => {
                numbers.next();
                let old = entries.get(&id).copied();
                let wanted = if old.is_some() { present } else { absent };
                Answer::Changed(match wanted {
                    Wanted::Insert => {
                        let value = numbers.next();
                        entries.insert(id, value);
                        Some((old, Some(value)))
                    }
                    Wanted::Remove => {
                        entries.remove(&id);
                        Some((old, None))
                    }
                    Wanted::Abort => None,
                })
            }
            Op::View(id) | Op::GetCloned(id) => Answer::Value(entries.get(&id).copied()),
            Op::InsertMany(first, many) => {
                let mut old = 0;
                for id in first..first.saturating_add(many) {
                    numbers.next();
                    old += usize::from(entries.insert(id, numbers.next()).is_some());
                }
                Answer::Count(old)
            }
            Op::InsertTogether(first, many) => {
                let mut absent = 0;
                for id in together(first, many) {
                    numbers.next();
                    absent += usize::from(entries.insert(id, numbers.next()).is_none());
                }
                Answer::Count(absent)
            }
            Op::GetMany(first, many) => {
                let found = together(first, many).filter_map(|id| entries.get(&id).copied());
                Answer::Numbers(found.collect())
            }
            Op::RemoveMany(first, many) => Answer::Count(
                (first..first.saturating_add(many))
                    .filter(|id| entries.remove(id).is_some())
                    .count(),
            ),
            Op::Retain { divisor, rest } => {
                let seen = sorted(entries.iter().map(|(&id, &value)| (id, value)));
                entries.retain(|&id, _| id % divisor != rest);
                Answer::Pairs(seen)
            }
            Op::Clear => {
                entries.clear();
                Answer::Nothing
            }
            // What these leave behind is looked at where the map is.
            Op::ScanOn(_) | Op::Reserve(_) | Op::ShrinkToFit | Op::Flush => Answer::Nothing,
            Op::Len => Answer::Count(entries.len()),
            Op::Iterate | Op::Parallel | Op::Scan(_) => {
                Answer::Pairs(sorted(entries.iter().map(|(&id, &value)| (id, value))))
            }
            Op::Keys => Answer::Ids(sorted(entries.keys().copied())),
            Op::Values => Answer::Numbers(sorted(entries.values().copied())),
        }
    }
}

/// The least capacity that a table has.
const LEAST: usize = 3;

/// The least capacity that a table with room for so many entries can have: a growth makes four times
/// as many buckets, and small tables have four of them for three entries.
fn rounded(entries: usize) -> usize {
    let mut buckets = 4;
    loop {
        let capacity = if buckets > 4_096 {
            buckets
        } else {
            buckets / 4 * 3
        };
        if capacity >= entries {
            return capacity;
        }
        buckets *= 4;
    }
}

/// What outlasts an operation and shows in no answer.
#[derive(Default)]
struct Memory {
    /// The entries that the table was asked to have room for.
    asked: usize,
    scan: Option<UnderWay>,
}

impl Memory {
    /// Whether the capacity is what was asked for at least.
    fn assert_room(&self, capacity: usize) {
        // A table of the smallest width is given up whole, and made again by the next write.
        let is_none = capacity == 0 && self.asked <= LEAST;
        assert!(
            capacity >= self.asked || is_none,
            "{capacity} buckets, {} asked for",
            self.asked
        );
    }

    /// Whether the capacity is no more than what was asked for and `least` ask for.
    fn assert_narrow(&self, capacity: usize, least: usize) {
        self.assert_room(capacity);
        let most = rounded(self.asked.max(least));
        assert!(
            capacity <= most,
            "{capacity} buckets; for {least} and {} asked for {most} do",
            self.asked
        );
    }
}

/// A scan that goes on from operation to operation.
struct UnderWay {
    cursor: Cursor,
    /// The ids that were there at each call.
    throughout: BTreeSet<u16>,
    met: Vec<u16>,
}

impl UnderWay {
    fn of(ids: impl Iterator<Item = u16>) -> Self {
        UnderWay {
            cursor: Cursor::START,
            throughout: ids.collect(),
            met: Vec::new(),
        }
    }

    /// Goes on at `next`; at the end, guarantee D.
    fn on(self, next: Option<Cursor>) -> Option<Self> {
        if let Some(cursor) = next {
            assert!(cursor > self.cursor, "the scan does not get on");
            return Some(UnderWay { cursor, ..self });
        }
        let met: BTreeSet<u16> = self.met.iter().copied().collect();
        assert_eq!(met.len(), self.met.len(), "an entry came twice");
        let missed = self.throughout.difference(&met).next();
        assert_eq!(missed, None, "an entry did not come");
        None
    }
}

/// Performs one `Op` on a map with a guard, or on a pinned view, which takes none. What the answer
/// refers to is kept in `$kept`, to be read again later.
macro_rules! perform {
    ($op:expr, $owner:expr, $numbers:expr, $memory:expr, $kept:expr, $map:expr $(, $guard:expr)?) => {{
        let map = $map;
        let numbers: &mut Numbers = $numbers;
        let memory: &mut Memory = $memory;
        let mut keep = |value| -> u64 {
            let value: &Value = value;
            $kept.push((value, **value));
            **value
        };
        match *$op {
            Op::Get(id) => Answer::Value(map.get(&Id(id) $(, $guard)?).map(keep)),
            Op::GetKeyValue(id) => Answer::Pair(
                map.get_key_value(&probe(id) $(, $guard)?)
                    .map(|(key, value)| (key.id, keep(value))),
            ),
            Op::ContainsKey(id) => {
                let found = map.contains_key(&probe(id) $(, $guard)?);
                assert_eq!(found, map.contains_key(&Id(id) $(, $guard)?));
                Answer::Flag(found)
            }
            Op::Insert(id) => {
                let key = Key { id, number: numbers.next() };
                let value = Box::new(numbers.next());
                Answer::Value(map.insert(key, value $(, $guard)?).map(keep))
            }
            Op::TryInsert(id) => {
                let key = Key { id, number: numbers.next() };
                let value = Box::new(numbers.next());
                match map.try_insert(key, value $(, $guard)?) {
                    Ok(value) => Answer::Value(Some(keep(value))),
                    Err(occupied) => Answer::Occupied {
                        key: occupied.key.number,
                        value: *occupied.not_inserted,
                        current: keep(occupied.current),
                    },
                }
            }
            Op::GetOrInsert(id) => {
                let key = Key { id, number: numbers.next() };
                let value = Box::new(numbers.next());
                let value = keep(map.get_or_insert(key, value $(, $guard)?));
                Answer::Present { value, made: false }
            }
            Op::GetOrInsertWith(id) => {
                let mut made = false;
                let key = Key { id, number: numbers.next() };
                let make = || {
                    made = true;
                    Box::new(numbers.next())
                };
                let value = keep(map.get_or_insert_with(key, make $(, $guard)?));
                Answer::Present { value, made }
            }
            Op::Remove(id) => Answer::Value(map.remove(&Id(id) $(, $guard)?).map(keep)),
            Op::RemoveEntry(id) => Answer::Pair(
                map.remove_entry(&probe(id) $(, $guard)?)
                    .map(|(key, value)| (key.id, keep(value))),
            ),
            Op::RemoveIf(id, even) => {
                let mut asked = 0;
                let condemns = |key: &Key, value: &Value| {
                    assert_eq!(key.id, id);
                    asked += 1;
                    value.is_multiple_of(2) == even
                };
                let removed = map.try_remove_if(&Id(id), condemns $(, $guard)?);
                let is_there = !matches!(removed, Ok(None));
                assert_eq!(asked, usize::from(is_there), "asked for an entry once");
                let mut pair = |(key, value): (&Key, _)| (key.id, keep(value));
                Answer::RemovedIf(match removed {
                    Ok(entry) => Ok(entry.map(pair)),
                    Err(entry) => Err(pair(entry)),
                })
            }
            Op::Update(id) => {
                let key = Key { id, number: numbers.next() };
                let update = |_: &Value| Box::new(numbers.next());
                Answer::Value(map.update(key, update $(, $guard)?).map(keep))
            }
            Op::UpdateOrInsert(id) => {
                let mut made = false;
                let key = Key { id, number: numbers.next() };
                let value = Box::new(numbers.next());
                let update = |_: &Value| {
                    made = true;
                    Box::new(numbers.next())
                };
                let value = keep(map.update_or_insert(key, update, value $(, $guard)?));
                Answer::Present { value, made }
            }
            Op::UpdateOrInsertWith(id) => {
                let mut made = false;
                let key = Key { id, number: numbers.next() };
                // Either of the two closures draws it.
                let next = numbers.next();
                let update = |_: &Value| Box::new(next);
                let make = || {
                    made = true;
                    Box::new(next)
                };
                let value = keep(map.update_or_insert_with(key, update, make $(, $guard)?));
                Answer::Present { value, made }
            }
            Op::Compute(id, present, absent) => {
                let key = Key { id, number: numbers.next() };
                let number = key.number;
                let mut asked = 0;
                let compute = |entry: Option<(&Key, &Value)>| {
                    asked += 1;
                    assert!(entry.is_none_or(|(key, _)| key.id == id));
                    match if entry.is_some() { present } else { absent } {
                        Wanted::Insert => Operation::Insert(Box::new(numbers.next())),
                        Wanted::Remove => Operation::Remove,
                        Wanted::Abort => Operation::Abort(entry.map(|(_, value)| **value)),
                    }
                };
                let computed = map.compute(key, compute $(, $guard)?);
                assert_eq!(asked, 1, "nobody else is there");
                Answer::Changed(match computed {
                    Compute::Inserted(key, value) => {
                        assert_eq!(key.number, number);
                        Some((None, Some(keep(value))))
                    }
                    Compute::Updated { old, new } => {
                        assert_eq!(new.0.number, number, "the key is the one that was given");
                        assert_ne!(old.0.number, number);
                        Some((Some(keep(old.1)), Some(keep(new.1))))
                    }
                    Compute::Removed(_, value) => Some((Some(keep(value)), None)),
                    Compute::Absent => None,
                    Compute::Aborted(answer) => {
                        assert_eq!(answer, map.get(&Id(id) $(, $guard)?).map(|value| **value));
                        None
                    }
                })
            }
            Op::View(id) => Answer::Value($owner.view(&Id(id), |value| **value)),
            Op::GetCloned(id) => Answer::Value($owner.get_cloned(&Id(id)).map(|value| *value)),
            Op::InsertMany(first, many) => {
                let mut old = 0;
                for id in first..first.saturating_add(many) {
                    let key = Key { id, number: numbers.next() };
                    let value = Box::new(numbers.next());
                    old += usize::from(map.insert(key, value $(, $guard)?).is_some());
                }
                Answer::Count(old)
            }
            Op::InsertTogether(first, many) => {
                let entries = together(first, many).map(|id| {
                    let key = Key { id, number: numbers.next() };
                    (key, Box::new(numbers.next()))
                });
                Answer::Count(map.insert_many(entries $(, $guard)?))
            }
            Op::GetMany(first, many) => {
                let ids: Vec<_> = together(first, many).map(Id).collect();
                let found = map.get_many(&ids $(, $guard)?).flatten();
                Answer::Numbers(found.map(keep).collect())
            }
            Op::Parallel => Answer::Pairs(sorted({
                #[cfg(feature = "rayon")]
                let pairs = rayon::iter::ParallelIterator::collect::<Vec<_>>(map.par_iter($($guard)?));
                #[cfg(not(feature = "rayon"))]
                let pairs = map.iter($($guard)?);
                pairs.into_iter().map(|(key, value)| (key.id, keep(value)))
            })),
            Op::RemoveMany(first, many) => Answer::Count(
                (first..first.saturating_add(many))
                    .filter(|&id| map.remove(&Id(id) $(, $guard)?).is_some())
                    .count(),
            ),
            Op::Retain { divisor, rest } => {
                let mut seen = Vec::new();
                map.retain(|key, value| {
                    seen.push((key.id, **value));
                    key.id % divisor != rest
                } $(, $guard)?);
                memory.assert_narrow(map.capacity(), 2 * map.len());
                Answer::Pairs(sorted(seen.into_iter()))
            }
            Op::Clear => {
                map.clear($($guard)?);
                memory.assert_narrow(map.capacity(), 0);
                Answer::Nothing
            }
            Op::Len => Answer::Count(map.len()),
            Op::Iterate => Answer::Pairs(sorted(
                map.iter($($guard)?).map(|(key, value)| (key.id, keep(value))),
            )),
            Op::Keys => Answer::Ids(sorted(map.keys($($guard)?).map(|key| key.id))),
            Op::Values => Answer::Numbers(sorted(map.values($($guard)?).map(keep))),
            Op::Scan(budget) => {
                let mut pairs = Vec::new();
                let mut next = Some(Cursor::START);
                while let Some(cursor) = next {
                    let before = pairs.len();
                    let mut scan = map.scan(cursor, budget $(, $guard)?);
                    pairs.extend(scan.by_ref().map(|(key, value)| (key.id, keep(value))));
                    next = scan.cursor();
                    assert!(next.is_none() || pairs.len() - before >= budget.max(1));
                    assert!(pairs.len() <= map.len(), "the scan does not get on");
                }
                Answer::Pairs(sorted(pairs.into_iter()))
            }
            Op::ScanOn(budget) => {
                let ids = map.keys($($guard)?).map(|key| key.id);
                let mut under_way = memory.scan.take().unwrap_or_else(|| UnderWay::of(ids));
                let is_there = |id: &u16| map.contains_key(&Id(*id) $(, $guard)?);
                under_way.throughout.retain(is_there);
                let mut scan = map.scan(under_way.cursor, budget $(, $guard)?);
                for (key, value) in scan.by_ref() {
                    let current = map.get(&Id(key.id) $(, $guard)?);
                    assert_eq!(current.map(|value| **value), Some(keep(value)));
                    under_way.met.push(key.id);
                }
                memory.scan = under_way.on(scan.cursor());
                Answer::Nothing
            }
            Op::Reserve(additional) => {
                let additional = usize::from(additional);
                map.reserve(additional);
                if additional > 0 {
                    memory.asked = memory.asked.max(map.len() + additional);
                }
                memory.assert_room(map.capacity());
                Answer::Nothing
            }
            Op::ShrinkToFit => {
                map.shrink_to_fit();
                memory.asked = 0;
                memory.assert_narrow(map.capacity(), map.len());
                Answer::Nothing
            }
            Op::Flush => {
                $owner.flush();
                memory.assert_narrow(map.capacity(), 2 * map.len());
                Answer::Nothing
            }
        }
    }};
}

/// What the guard still protects says what it said when it was handed out.
fn assert_unchanged(kept: &[(&Value, u64)]) {
    for (value, said) in kept {
        assert_eq!(***value, *said, "a value changed under its guard");
    }
}

/// The machine: with `GROWING` the key spaces are large and steps come in bulk.
struct Oracle<const GROWING: bool>;

fn budgets() -> impl Strategy<Value = usize> {
    prop_oneof![
        3 => 0_usize..4,
        3 => 4_usize..400,
        1 => Just(usize::MAX),
    ]
}

fn ops(ids: u16, growing: bool) -> BoxedStrategy<Op> {
    let id = 0..ids;
    let single = prop_oneof![
        2 => id.clone().prop_map(Op::Get),
        1 => id.clone().prop_map(Op::GetKeyValue),
        1 => id.clone().prop_map(Op::ContainsKey),
        4 => id.clone().prop_map(Op::Insert),
        2 => id.clone().prop_map(Op::TryInsert),
        1 => id.clone().prop_map(Op::GetOrInsert),
        2 => id.clone().prop_map(Op::GetOrInsertWith),
        4 => id.clone().prop_map(Op::Remove),
        2 => id.clone().prop_map(Op::RemoveEntry),
    ];
    let present = prop::sample::select(vec![Wanted::Insert, Wanted::Remove, Wanted::Abort]);
    let absent = prop::sample::select(vec![Wanted::Insert, Wanted::Abort]);
    let decided = prop_oneof![
        2 => (id.clone(), any::<bool>()).prop_map(|(id, even)| Op::RemoveIf(id, even)),
        2 => id.clone().prop_map(Op::Update),
        1 => id.clone().prop_map(Op::UpdateOrInsert),
        2 => id.clone().prop_map(Op::UpdateOrInsertWith),
        4 => (id.clone(), present, absent)
            .prop_map(|(id, present, absent)| Op::Compute(id, present, absent)),
        1 => id.clone().prop_map(Op::View),
        1 => id.clone().prop_map(Op::GetCloned),
    ];
    let single = prop_oneof![3 => single, 2 => decided];
    let whole = prop_oneof![
        3 => (2u16..5, 0u16..5).prop_map(|(divisor, draw)| {
            let rest = draw % divisor;
            Op::Retain { divisor, rest }
        }),
        1 => Just(Op::Clear),
        2 => Just(Op::Len),
        2 => Just(Op::Iterate),
        1 => Just(Op::Parallel),
        1 => Just(Op::Keys),
        1 => Just(Op::Values),
        2 => budgets().prop_map(Op::Scan),
        3 => budgets().prop_map(Op::ScanOn),
        1 => (0..2 * ids).prop_map(Op::Reserve),
        2 => Just(Op::ShrinkToFit),
        4 => Just(Op::Flush),
    ];
    let many = if growing { ids / 2 } else { ids };
    let bulk = prop_oneof![
        3 => (id.clone(), 1..=many).prop_map(|(first, many)| Op::InsertMany(first, many)),
        2 => (id.clone(), 1..=many).prop_map(|(first, many)| Op::InsertTogether(first, many)),
        1 => (id.clone(), 1..=many).prop_map(|(first, many)| Op::GetMany(first, many)),
        1 => (id.clone(), 1..=many).prop_map(|(first, many)| Op::RemoveMany(first, many)),
        // Nearly all, so that the table shrinks.
        1 => (0..ids / 8 + 1).prop_map(move |first| Op::RemoveMany(first, ids)),
    ];
    if growing {
        prop_oneof![4 => single, 3 => whole, 6 => bulk].boxed()
    } else {
        prop_oneof![12 => single, 4 => whole, 1 => bulk].boxed()
    }
}

impl<const GROWING: bool> ReferenceStateMachine for Oracle<GROWING> {
    type State = Model;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Model> {
        let quality = prop::sample::select(Quality::ALL.to_vec());
        let capacity = prop::sample::select(vec![0, 0, 0, 1, 2, 3, 7, 8, 9, 64, 1000, 5000]);
        let space = if GROWING { 512u16..4096 } else { 1u16..24 };
        (quality, capacity, space)
            .prop_map(|(quality, capacity, ids)| Model {
                quality,
                capacity,
                ids: if GROWING && quality.crowds() {
                    ids / 16
                } else {
                    ids
                },
                entries: Reference::new(),
                numbers: Numbers::default(),
                answers: Vec::new(),
            })
            .boxed()
    }

    fn transitions(model: &Model) -> BoxedStrategy<Step> {
        let one = ops(model.ids, GROWING);
        let run = prop::collection::vec(one.clone(), 1..8);
        let given = prop::collection::vec(0..model.ids, 0..if GROWING { 400 } else { 12 });
        prop_oneof![
            5 => one.clone().prop_map(|op| Step::Guarded(vec![op])),
            5 => one.prop_map(|op| Step::Pinned(vec![op])),
            3 => run.clone().prop_map(Step::Guarded),
            3 => run.clone().prop_map(Step::Pinned),
            2 => run.prop_map(Step::Owned),
            1 => Just(Step::Clone),
            1 => Just(Step::Collect),
            1 => given.clone().prop_map(Step::Extend),
            1 => given.prop_map(Step::ExtendShared),
            2 => (0..model.ids).prop_map(Step::GetMut),
            1 => Just(Step::IterMut),
            1 => (0..=model.ids).prop_map(Step::ValuesMut),
            1 => (0..=model.ids).prop_map(Step::Drain),
            1 => Just(Step::Refill),
            1 => (0..=model.ids).prop_map(Step::IntoIter),
            1 => Just(Step::Rebuild),
        ]
        .boxed()
    }

    fn apply(mut model: Model, step: &Step) -> Model {
        model.answers = match step {
            Step::Guarded(ops) | Step::Pinned(ops) | Step::Owned(ops) => {
                ops.iter().map(|op| model.perform(op)).collect()
            }
            Step::Clone | Step::Collect | Step::Refill | Step::Rebuild => Vec::new(),
            Step::GetMut(id) => {
                let value = model.entries.get_mut(id).map(|value| {
                    *value += CHANGED;
                    *value
                });
                vec![Answer::Value(value)]
            }
            Step::IterMut => {
                model
                    .entries
                    .values_mut()
                    .for_each(|value| *value += CHANGED);
                vec![Answer::Pairs(model.pairs())]
            }
            // Which ones they are is up to the map.
            Step::ValuesMut(_) => Vec::new(),
            Step::Drain(_) | Step::IntoIter(_) => {
                model.entries.clear();
                Vec::new()
            }
            Step::Extend(ids) | Step::ExtendShared(ids) => {
                for &id in ids {
                    model.numbers.next();
                    let value = model.numbers.next();
                    model.entries.insert(id, value);
                }
                Vec::new()
            }
        };
        model
    }
}

/// The map under test.
struct Tested {
    map: Subject,
    numbers: Numbers,
    memory: Memory,
}

impl Tested {
    fn pairs(&self, ids: &[u16]) -> Vec<(Key, Value)> {
        let mut numbers = self.numbers.clone();
        let mut pair = |&id| {
            let number = numbers.next();
            (Key { id, number }, Box::new(numbers.next()))
        };
        ids.iter().map(&mut pair).collect()
    }

    fn content(&self) -> BTreeMap<u16, u64> {
        let view = self.map.pin();
        let content = view.iter().map(|(key, value)| (key.id, **value));
        content.collect()
    }

    /// An empty map with this map's hasher takes its place.
    fn take(&mut self) -> Subject {
        let empty = builder().hasher(*self.map.hasher()).build();
        self.memory.asked = 0;
        std::mem::replace(&mut self.map, empty)
    }
}

/// Takes so many entries, if there are that many, of an iterator that owns the entries of a map
/// with this content. The rest is dropped.
fn taken(
    mut entries: impl ExactSizeIterator<Item = (Key, Value)>,
    most: usize,
    content: &BTreeMap<u16, u64>,
) -> Vec<(Key, Value)> {
    let mut taken = Vec::new();
    let mut ids = BTreeSet::new();
    while taken.len() < most {
        assert_eq!(entries.len(), content.len() - taken.len());
        let Some((key, value)) = entries.next() else {
            assert_eq!(taken.len(), content.len(), "an entry is missing");
            break;
        };
        assert_eq!(content.get(&key.id), Some(&*value));
        assert!(ids.insert(key.id), "an entry came twice");
        taken.push((key, value));
    }
    taken
}

/// Whether two maps are equal, asked both ways: one is walked and the other searched.
fn equal<K: Hash + Eq + Send + 'static, V: PartialEq + Send + 'static, S: BuildHasher>(
    one: &HashMap<K, V, S>,
    other: &HashMap<K, V, S>,
) -> bool {
    let equal = one == other;
    assert_eq!(equal, other == one);
    equal
}

/// A map equals its copy until either changes, in both directions.
fn assert_separate(original: &Subject, copy: &Subject, ids: u16) {
    assert!(equal(original, copy));
    let guard = copy.guard();
    let changed = copy
        .iter(&guard)
        .next()
        .map(|(key, value)| (key.clone(), value.clone()));
    match changed {
        Some((key, value)) => {
            copy.insert(key.clone(), Box::new(*value + 1), &guard);
            assert!(!equal(original, copy));
            copy.remove(&key, &guard);
            assert!(!equal(original, copy));
            copy.insert(key, value, &guard);
        }
        None => {
            copy.insert(probe(ids), Box::new(0), &guard);
            assert!(!equal(original, copy));
            copy.remove(&Id(ids), &guard);
        }
    }
    assert!(equal(original, copy));
}

impl<const GROWING: bool> StateMachineTest for Oracle<GROWING> {
    type SystemUnderTest = Tested;
    type Reference = Self;

    fn init_test(model: &Model) -> Tested {
        // The builder may be told in any order.
        let map = match (model.capacity, model.ids % 2) {
            (0, 0) => builder().hasher(model.quality).build(),
            (capacity, 0) => builder().hasher(model.quality).capacity(capacity).build(),
            (capacity, _) => builder().capacity(capacity).hasher(model.quality).build(),
        };
        assert_eq!(*map.hasher(), model.quality);
        Tested {
            map,
            numbers: Numbers::default(),
            memory: Memory {
                asked: model.capacity,
                scan: None,
            },
        }
    }

    fn apply(mut tested: Tested, model: &Model, step: Step) -> Tested {
        let Tested {
            map,
            numbers,
            memory,
        } = &mut tested;
        match step {
            Step::Guarded(ops) => {
                let map = &*map;
                let guard = map.guard();
                let mut kept = Vec::new();
                for (op, answer) in ops.iter().zip(&model.answers) {
                    let got = perform!(op, map, numbers, memory, kept, map, &guard);
                    assert_eq!(&got, answer, "{op:?}");
                }
                assert_unchanged(&kept);
            }
            Step::Pinned(ops) => {
                let pinned = map.pin();
                let mut kept = Vec::new();
                for (op, answer) in ops.iter().zip(&model.answers) {
                    let got = perform!(op, map, numbers, memory, kept, &pinned);
                    assert_eq!(&got, answer, "{op:?}");
                }
                assert_unchanged(&kept);
            }
            Step::Owned(ops) => {
                let pinned = pin_owned!(map);
                let mut kept = Vec::new();
                for (op, answer) in ops.iter().zip(&model.answers) {
                    let got = perform!(op, map, numbers, memory, kept, &pinned);
                    assert_eq!(&got, answer, "{op:?}");
                }
                assert_unchanged(&kept);
            }
            Step::Clone => {
                let copy = tested.map.clone();
                assert_eq!(copy.hasher(), tested.map.hasher());
                assert_separate(&tested.map, &copy, model.ids);
                tested.map = copy;
                tested.memory.asked = 0;
            }
            Step::Collect => {
                let guard = tested.map.guard();
                let stale = |(key, _): (&Key, &Value)| (key.clone(), Box::new(0));
                let fresh = |(key, value): (&Key, &Value)| (key.clone(), value.clone());
                let copy: Subject = tested
                    .map
                    .iter(&guard)
                    .map(stale)
                    .chain(tested.map.iter(&guard).map(fresh))
                    .collect();
                drop(guard);
                assert_separate(&tested.map, &copy, model.ids);
                tested.map = copy;
                // And it has another hasher.
                tested.memory = Memory::default();
            }
            Step::Extend(ids) => {
                let pairs = tested.pairs(&ids);
                tested.map.extend(pairs);
            }
            Step::ExtendShared(ids) => {
                let pairs = tested.pairs(&ids);
                (&tested.map).extend(pairs);
            }
            Step::GetMut(id) => {
                let value = tested.map.get_mut(&Id(id)).map(|value| {
                    **value += CHANGED;
                    **value
                });
                assert_eq!([Answer::Value(value)][..], model.answers);
            }
            Step::IterMut => {
                let changed = tested.map.iter_mut().map(|(key, value)| {
                    **value += CHANGED;
                    (key.id, **value)
                });
                let changed = Answer::Pairs(sorted(changed));
                assert_eq!([changed][..], model.answers);
            }
            Step::ValuesMut(most) => {
                let content = tested.content();
                let most = usize::from(most);
                let changed: Vec<_> = tested.map.values_mut().take(most).collect();
                let count = changed.len();
                assert_eq!(count, most.min(content.len()));
                // All of them at a time.
                changed.into_iter().for_each(|value| **value += CHANGED);
                let after = tested.content();
                let pairs = content.iter().zip(&after);
                let differ = pairs.filter(|(before, after)| before != after);
                assert!(
                    differ
                        .clone()
                        .all(|(before, after)| *after.1 == before.1 + CHANGED)
                );
                assert_eq!((differ.count(), after.len()), (count, content.len()));
                // The model knows nothing of it.
                let values = tested.map.values_mut();
                values.for_each(|value| **value %= CHANGED);
                for (id, value) in &mut tested.map {
                    let before = content[&id.id];
                    assert_eq!(**value, before % CHANGED);
                    **value = before;
                }
            }
            Step::Drain(most) => {
                let content = tested.content();
                drop(taken(tested.map.drain(), most.into(), &content));
                tested.memory.assert_narrow(tested.map.capacity(), 0);
            }
            Step::Refill => {
                let content = tested.content();
                let entries = taken(tested.map.drain(), usize::MAX, &content);
                assert!(tested.map.is_empty());
                assert_eq!(tested.content(), BTreeMap::new());
                tested.map.extend(entries);
            }
            Step::IntoIter(most) => {
                let content = tested.content();
                drop(taken(tested.take().into_iter(), most.into(), &content));
            }
            Step::Rebuild => {
                let content = tested.content();
                let entries = taken(tested.take().into_iter(), usize::MAX, &content);
                tested.map.extend(entries);
            }
        }
        tested.numbers = model.numbers.clone();
        tested
    }

    fn check_invariants(tested: &Tested, model: &Model) {
        let map = &tested.map;
        let pairs = model.pairs();
        assert_eq!(map.len(), pairs.len());
        assert_eq!(map.is_empty(), pairs.is_empty());
        tested.memory.assert_room(map.capacity());

        let guard = map.guard();
        for id in 0..model.ids {
            let found = map.get(&Id(id), &guard).map(|value| **value);
            assert_eq!(found, model.entries.get(&id).copied(), "id {id}");
        }
        let (least, most) = map.iter(&guard).size_hint();
        assert!(least <= pairs.len() && most.is_none_or(|most| pairs.len() <= most));
        let met = sorted(map.iter(&guard).map(|(key, value)| (key.id, **value)));
        assert_eq!(met, pairs);

        let pinned = map.pin();
        let met = sorted((&pinned).into_iter().map(|(key, value)| (key.id, **value)));
        assert_eq!(met, pairs);
        assert_eq!(pinned.len(), pairs.len());
        assert_eq!(pinned.is_empty(), pairs.is_empty());
        assert_eq!(pinned.capacity(), map.capacity());
    }

    /// Most of what is left goes, key by key. Then the table is as narrow as it can be.
    fn teardown(tested: Tested, model: Model) {
        let map = &tested.map;
        for id in model.ids / 16..model.ids {
            let removed = map.pin().remove(&Id(id)).map(|value| **value);
            assert_eq!(removed, model.entries.get(&id).copied());
        }
        map.flush();
        tested.memory.assert_narrow(map.capacity(), 2 * map.len());
    }
}

fn config(cases: u32) -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let standard = ProptestConfig::default();
    ProptestConfig {
        cases: if asked { standard.cases } else { cases },
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..standard
    }
}

prop_state_machine! {
    #![proptest_config(config(192))]
    #[test]
    fn few_keys_answer_as_std(sequential 1..120 => Oracle<false>);
}

prop_state_machine! {
    #![proptest_config(config(40))]
    #[test]
    fn growing_maps_answer_as_std(sequential 1..40 => Oracle<true>);
}

// What the machine cannot reach through its one key type.

#[test]
fn strings_are_found_by_str() {
    let map = HashMap::<String, usize>::default();
    let pinned = map.pin();
    for n in 0..500 {
        assert_eq!(pinned.insert(n.to_string(), n), None);
    }
    for n in 0..500 {
        let name: &str = &n.to_string();
        assert_eq!(pinned.get(name), Some(&n));
        assert_eq!(
            pinned.get_key_value(name).map(|(k, _)| k.as_str()),
            Some(name)
        );
        assert!(pinned.contains_key(name));
        assert_eq!(pinned.remove(name), Some(&n));
        assert_eq!(pinned.get(name), None);
    }
    assert!(map.is_empty());
}

#[test]
fn maps_with_the_default_hasher_compare_and_print_as_std() {
    let collect = |entries: &[(&'static str, i32)]| -> HashMap<&'static str, i32> {
        entries.iter().copied().collect()
    };
    let map = collect(&[("a", 1), ("b", 2), ("a", 3)]);
    let other = collect(&[("b", 2), ("a", 3)]);
    assert!(equal(&map, &other));
    assert_eq!(map, other);
    assert_eq!(map.len(), 2);
    let larger = collect(&[("a", 3), ("b", 2), ("c", 4)]);
    assert!(!equal(&map, &larger));

    let none = HashMap::<&str, u8>::default();
    assert_eq!(none, HashMap::default());
    assert_eq!(format!("{none:?}"), "{}");
    let one = builder::<&str, u8>().capacity(10).build();
    one.pin().insert("key", 7);
    assert_eq!(format!("{one:?}"), r#"{"key": 7}"#);
    assert_eq!(format!("{one:#?}"), "{\n    \"key\": 7,\n}");
}

#[test]
fn an_occupied_error_says_what_happened() {
    fn is_error<E: std::error::Error>(error: &E) -> String {
        error.to_string()
    }
    let map = HashMap::<u32, char>::default();
    let pinned = map.pin();
    assert_eq!(pinned.try_insert(1, 'a').unwrap(), &'a');
    let error = pinned.try_insert(1, 'b').unwrap_err();
    assert_eq!(
        (error.key, error.not_inserted, error.current),
        (1, 'b', &'a')
    );
    assert!(!is_error(&error).is_empty());
    assert!(!format!("{error:?}").is_empty());
}

/// All 64-bit hashes are legal, those at either end and those that differ only far down included.
#[test]
fn hashes_at_the_edges_are_found() {
    let map = builder().hasher(Quality::Identity).build();
    let edges = (0..64)
        .flat_map(|bit| {
            let power = 1u64 << bit;
            [power, power - 1, power + 1, !power, power.wrapping_neg()]
        })
        .chain([0, u64::MAX]);
    let edges = {
        let mut edges = sorted(edges);
        edges.dedup();
        edges
    };
    let pinned = map.pin();
    for &edge in &edges {
        assert_eq!(pinned.insert(edge, !edge), None);
    }
    for &edge in &edges {
        assert_eq!(pinned.get(&edge), Some(&!edge));
    }
    assert_eq!(sorted(pinned.keys().copied()), edges);
    for (gone, &edge) in edges.iter().enumerate() {
        assert_eq!(pinned.remove(&edge), Some(&!edge));
        assert_eq!(pinned.get(&edge), None);
        assert_eq!(pinned.len(), edges.len() - gone - 1);
    }
}
