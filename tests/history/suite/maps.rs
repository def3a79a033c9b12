//! The real map on the back end `R`.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use splitmap::{Compute, Cursor, Entry, Operation as Wanted};

use super::R;
use crate::hashers::Quality;
use crate::history::{
    Action, Condition, Count, History, Key, Operation, Outcome, Recorder, Value, Walker,
};
use crate::suite::workload::{Map, Plan, record};

/// Gives up the processor one time in so many: threads are then inside of calls while others run,
/// also where there are few processors.
fn pause(one_in: u32) {
    thread_local! {
        static COUNT: Cell<u32> = const { Cell::new(0) };
    }
    let count = COUNT.get().wrapping_add(1);
    COUNT.set(count);
    if count.is_multiple_of(one_in) {
        thread::yield_now();
    }
}

/// A key that pauses now and then when it is hashed or compared.
#[derive(Clone, Copy, Debug)]
struct Restless(Key);

impl Restless {
    const PAUSE: u32 = 61;
}

impl Hash for Restless {
    fn hash<H: Hasher>(&self, state: &mut H) {
        pause(Restless::PAUSE);
        state.write_u64(self.0);
    }
}

impl PartialEq for Restless {
    fn eq(&self, other: &Restless) -> bool {
        pause(Restless::PAUSE);
        self.0 == other.0
    }
}

impl Eq for Restless {}

/// The map, and how its table fared.
struct Watched {
    /// How often walks pause.
    pause: u32,
    map: splitmap::HashMap<Restless, Value, Quality, R>,
    widest: AtomicUsize,
    has_shrunk: AtomicBool,
}

impl Watched {
    fn new(quality: Quality, keys: u64) -> Watched {
        Watched {
            pause: (keys as u32 / 40).max(5),
            map: splitmap::HashMap::builder()
                .hasher(quality)
                .reclaimer()
                .build(),
            widest: AtomicUsize::new(0),
            has_shrunk: AtomicBool::new(false),
        }
    }
}

impl Watched {
    fn compute(
        &self,
        key: Restless,
        when: Condition,
        [then, otherwise]: [Action; 2],
        absent: Action,
    ) -> Outcome {
        let map = self.map.pin();
        let computed = map.compute(key, |entry| {
            let seen = entry.map(|(_, &value)| value);
            pause(Restless::PAUSE / 8);
            let action = match seen {
                Some(value) if when.holds(value) => then,
                Some(_) => otherwise,
                None => absent,
            };
            match action {
                Action::Insert(value) => Wanted::Insert(value),
                Action::Remove => Wanted::Remove,
                Action::Abort => Wanted::Abort(seen),
            }
        });
        match computed {
            Compute::Inserted(..) => Outcome::Wrote(None),
            Compute::Updated { old, .. } => Outcome::Wrote(Some(*old.1)),
            Compute::Removed(_, &value) => Outcome::Removed(value),
            Compute::Aborted(seen) => Outcome::Kept(seen),
            Compute::Absent => Outcome::Kept(None),
        }
    }
}

impl Map for Watched {
    fn call(&self, key: Key, operation: Operation) -> Outcome {
        let map = self.map.pin();
        let key = Restless(key);
        match operation {
            Operation::Get => Outcome::Kept(map.get(&key).copied()),
            Operation::Contains => Outcome::Present(map.contains_key(&key)),
            Operation::Insert(value) => Outcome::Wrote(map.insert(key, value).copied()),
            Operation::TryInsert(value) => match map.try_insert(key, value) {
                Ok(_) => Outcome::Wrote(None),
                Err(error) => Outcome::Kept(Some(*error.current)),
            },
            Operation::GetOrInsert(value) => Outcome::inserted_or_found(
                value,
                // By an entry, every other time.
                *if value.is_multiple_of(2) {
                    map.entry(key).or_insert_with(|| value)
                } else {
                    map.get_or_insert_with(key, || value)
                },
            ),
            Operation::Remove => {
                let removed = map.remove(&key).copied();
                removed.map_or(Outcome::Kept(None), Outcome::Removed)
            }
            // What the closure saw last is what has been replaced: else there is no order.
            Operation::Update(value) => {
                let mut old = None;
                let update = |seen: &Value| {
                    old = Some(*seen);
                    pause(Restless::PAUSE / 8);
                    value
                };
                let updated = map.update(key, update).is_some();
                if updated {
                    Outcome::Wrote(old)
                } else {
                    Outcome::Kept(None)
                }
            }
            Operation::UpdateOrInsert { update, insert } => {
                let mut old = None;
                let change = |seen: &Value| {
                    old = Some(*seen);
                    pause(Restless::PAUSE / 8);
                    update
                };
                let make = || {
                    pause(Restless::PAUSE / 8);
                    insert
                };
                let is_new = *if update.is_multiple_of(2) {
                    map.entry(key).and_modify(change).or_insert_with(make)
                } else {
                    map.update_or_insert_with(key, change, make)
                } == insert;
                Outcome::Wrote(old.filter(|_| !is_new))
            }
            Operation::RemoveIf(when) => {
                let condemns = |_: &Restless, &value: &Value| {
                    pause(Restless::PAUSE / 8);
                    when.holds(value)
                };
                match map.try_remove_if(&key, condemns) {
                    Ok(Some((_, &value))) => Outcome::Removed(value),
                    Ok(None) => Outcome::Kept(None),
                    Err((_, &value)) => Outcome::Kept(Some(value)),
                }
            }
            Operation::ReplaceIf(when, value) => self.compute(
                key,
                when,
                [Action::Insert(value), Action::Abort],
                Action::Abort,
            ),
            Operation::Compute {
                when,
                then,
                otherwise,
                absent,
            } => self.compute(key, when, [then, otherwise], absent),
            other => unreachable!("{other:?} is in no plan"),
        }
    }

    fn entry(
        &self,
        key: Key,
        end: impl FnOnce(Option<Value>) -> Operation,
        recorder: &mut Recorder<'_>,
    ) {
        let map = self.map.pin();
        let mut entry = None;
        recorder.call(key, Operation::Get, || {
            let seen = match entry.insert(map.entry(Restless(key))) {
                Entry::Occupied(entry) => Some(*entry.get()),
                Entry::Vacant(_) => None,
            };
            Outcome::Kept(seen)
        });
        pause(Restless::PAUSE / 8);
        match entry.expect("it was made") {
            Entry::Occupied(entry) => {
                let end = end(Some(*entry.get()));
                recorder.call(key, end, || match end {
                    Operation::InsertByEntry { seen, value } => {
                        Outcome::ThereOrSeen(entry.put(value).copied().unwrap_or(seen))
                    }
                    Operation::RemoveByEntry(seen) => {
                        Outcome::ThereOrSeen(map.remove(entry.key()).copied().unwrap_or(seen))
                    }
                    // The condition: that the value is the one that was seen.
                    Operation::ReplaceIf(_, value) => match entry.insert(value) {
                        Ok(old) => Outcome::Wrote(Some(*old)),
                        Err(error) => Outcome::Kept(error.current.copied()),
                    },
                    Operation::RemoveUnchanged(_) => entry
                        .remove()
                        .map_or(Outcome::Left, |&old| Outcome::Removed(old)),
                    other => unreachable!("{other:?} is no end of an occupied entry"),
                })
            }
            Entry::Vacant(entry) => {
                let end = end(None);
                recorder.call(key, end, || match end {
                    Operation::TryInsert(value) => match entry.insert(value) {
                        Ok(_) => Outcome::Wrote(None),
                        Err(error) => Outcome::Kept(Some(*error.current)),
                    },
                    Operation::GetOrInsert(value) => {
                        Outcome::inserted_or_found(value, *entry.or_insert(value))
                    }
                    Operation::Insert(value) => Outcome::Wrote(entry.put(value).copied()),
                    other => unreachable!("{other:?} is no end of a vacant entry"),
                })
            }
        };
    }

    /// One iteration, or a scan in parts, each under a guard of its own.
    fn insert_many(&self, entries: &[(Key, Value)]) -> usize {
        let entries = (entries.iter()).map(|&(key, value)| (Restless(key), value));
        self.map.pin().insert_many(entries)
    }

    fn walk(&self, part: usize, walker: &mut Walker<'_>) {
        #[cfg(feature = "rayon")]
        if part.is_multiple_of(3) {
            use rayon::iter::{IntoParallelIterator, ParallelIterator};

            let map = self.map.pin();
            let met: Vec<(&Restless, &Value)> = (&map).into_par_iter().collect();
            for (key, &value) in met {
                walker.meet(key.0, value);
            }
            return;
        }
        if part.is_multiple_of(2) {
            for (key, &value) in &self.map.pin() {
                walker.meet(key.0, value);
                pause(self.pause);
            }
            return;
        }
        let mut next = Some(Cursor::START);
        while let Some(cursor) = next {
            let map = self.map.pin();
            let mut scan = map.scan(cursor, part);
            for (key, &value) in scan.by_ref() {
                walker.meet(key.0, value);
                pause(self.pause);
            }
            next = scan.cursor();
        }
    }

    fn retain(&self, mut keep: impl FnMut(Key, Value) -> bool) {
        self.map.pin().retain(|key, &value| {
            let is_kept = keep(key.0, value);
            pause(self.pause);
            is_kept
        });
    }

    fn clear(&self) {
        self.map.pin().clear();
    }

    fn len(&self) -> usize {
        let capacity = self.map.capacity();
        let widest = self.widest.fetch_max(capacity, Ordering::Relaxed);
        if capacity <= widest / 4 {
            self.has_shrunk.store(true, Ordering::Relaxed);
        }
        self.map.len()
    }
}

/// Records histories and checks them, until two have shown what they are to show, and that threads
/// have met: that is up to the scheduler, so it is given some tries.
fn holds(quality: Quality, plan: Plan, shows: fn(&Watched) -> bool) {
    let mut count = 0;
    for seed in 0..TRIES {
        let map = Watched::new(quality, plan.keys);
        let history = record(&map, plan, seed);
        if let Err(failure) = history.check(Count::Summed) {
            panic!("{quality:?}, seed {seed}: {failure}");
        }
        if overlapping(&history) > history.calls.len() / 200 && shows(&map) {
            count += 1;
        }
        if count == 2 {
            return;
        }
    }
    panic!("nothing is shown: hardly any calls overlap, or the table was not resized");
}

const TRIES: u64 = 50;

fn anything(_: &Watched) -> bool {
    true
}

fn growth_and_shrinking(map: &Watched) -> bool {
    map.widest.load(Ordering::Relaxed) >= 1_024 && map.has_shrunk.load(Ordering::Relaxed)
}

/// How many calls begin before the one that began before them is over.
fn overlapping(history: &History) -> usize {
    let mut calls = history.calls.clone();
    calls.sort_by_key(|call| call.invoked);
    let pairs = calls.windows(2);
    pairs.filter(|pair| !pair[0].precedes(&pair[1])).count()
}

/// All threads at the same few keys, with calls on all keys every now and then.
const CROWDED: Plan = Plan {
    threads: 4,
    calls: 4_000,
    keys: 4,
    present_from: 2,
    walks: 40,
    lengths: 20,
    sweeps: 100,
    entries: 10,
    tide: 50,
};

/// So many keys that the table grows and shrinks several times, and walks meet that.
const WIDE: Plan = Plan {
    threads: 4,
    calls: 10_000,
    keys: 3_000,
    present_from: 2_950,
    walks: 2_000,
    lengths: 200,
    sweeps: 8_000,
    entries: 10,
    tide: 2_500,
};

#[test]
fn few_keys() {
    holds(Quality::Default, CROWDED, anything);
}

#[test]
fn few_keys_in_one_bucket() {
    let plan = Plan { keys: 6, ..CROWDED };
    holds(Quality::Constant, plan, anything);
}

#[test]
fn few_keys_without_sweeps() {
    let plan = Plan {
        calls: 8_000,
        sweeps: 0,
        entries: 0,
        walks: 200,
        lengths: 5,
        ..CROWDED
    };
    holds(Quality::Default, plan, anything);
}

#[test]
fn many_keys() {
    for quality in [Quality::Default, Quality::Sequential] {
        holds(quality, WIDE, growth_and_shrinking);
    }
}

#[test]
fn many_keys_in_few_buckets() {
    let plan = Plan {
        calls: 1_500,
        keys: 60,
        present_from: 30,
        walks: 200,
        tide: 500,
        ..WIDE
    };
    for quality in [Quality::Constant, Quality::LowBits, Quality::HighBits] {
        holds(quality, plan, anything);
    }
}
