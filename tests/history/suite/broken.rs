//! Maps with a fault are found out.

use std::collections::HashMap;
use std::sync::{Barrier, Mutex};
use std::thread;

use super::workload::{Locked, Map, Plan, record};
use crate::history::{
    Action, Clock, Condition, Count, Failure, History, Key, Operation, Outcome, Recorder, Value,
    Walker,
};

/// A locked map with a fault in one of these.
struct Broken<F> {
    map: Locked,
    call: F,
    walk: fn(&Locked, &mut Walker<'_>),
    len: fn(&Locked) -> usize,
}

impl<F: Fn(&Locked, Key, Operation) -> Outcome> Broken<F> {
    fn call(call: F) -> Self {
        Broken {
            map: Locked::default(),
            call,
            walk: |map, walker| map.walk(0, walker),
            len: Locked::len,
        }
    }
}

impl<F: Fn(&Locked, Key, Operation) -> Outcome + Sync> Map for Broken<F> {
    fn call(&self, key: Key, operation: Operation) -> Outcome {
        (self.call)(&self.map, key, operation)
    }

    fn walk(&self, _: usize, walker: &mut Walker<'_>) {
        (self.walk)(&self.map, walker);
    }

    fn insert_many(&self, entries: &[(Key, Value)]) -> usize {
        self.map.insert_many(entries)
    }

    fn retain(&self, keep: impl FnMut(Key, Value) -> bool) {
        self.map.retain(keep);
    }

    fn clear(&self) {
        self.map.clear();
    }

    fn len(&self) -> usize {
        (self.len)(&self.map)
    }
}

const PLAN: Plan = Plan {
    threads: 4,
    calls: 1_000,
    keys: 4,
    present_from: 2,
    walks: 50,
    lengths: 50,
    sweeps: 200,
    entries: 10,
    tide: 50,
};

fn failure(map: &impl Map) -> Failure {
    let result = record(map, PLAN, 1).check(Count::AtOnce);
    result.expect_err("the map is broken")
}

/// A number that says yes to every hundredth call.
#[derive(Default)]
struct Seldom(Mutex<u64>);

impl Seldom {
    fn is_now(&self) -> bool {
        let mut count = self.0.lock().expect("no thread has panicked");
        *count += 1;
        count.is_multiple_of(100)
    }
}

/// Now and then a read says what was there before the last change, which is over.
#[test]
fn stale_reads() {
    let seldom = Seldom::default();
    let displaced = Mutex::new(HashMap::new());
    let map = Broken::call(|map, key, operation| {
        // Held throughout: the change is over when it is remembered.
        let mut displaced = displaced.lock().expect("no thread has panicked");
        if operation == Operation::Get
            && let Some(&old) = displaced.get(&key)
            && seldom.is_now()
        {
            return Outcome::Kept(Some(old));
        }
        let outcome = map.call(key, operation);
        if let Outcome::Removed(old) | Outcome::Wrote(Some(old)) = outcome {
            displaced.insert(key, old);
        }
        outcome
    });
    assert!(matches!(failure(&map), Failure::Key { .. }));
}

/// Now and then an insert is forgotten.
#[test]
fn lost_inserts() {
    let seldom = Seldom::default();
    let map = Broken::call(|map, key, operation| {
        let outcome = map.call(key, operation);
        if outcome == Outcome::Wrote(None) && seldom.is_now() {
            map.call(key, Operation::Remove);
        }
        outcome
    });
    assert!(matches!(failure(&map), Failure::Key { .. }));
}

/// Replaces by a removal and an insertion; something happens in between.
fn with_a_gap(between: impl Fn()) -> impl Fn(&Locked, Key, Operation) -> Outcome {
    move |map, key, operation| {
        if !matches!(operation, Operation::Insert(_)) {
            return map.call(key, operation);
        }
        match map.call(key, Operation::Remove) {
            Outcome::Removed(old) => {
                between();
                map.call(key, operation);
                Outcome::Wrote(Some(old))
            }
            _ => map.call(key, operation),
        }
    }
}

/// Who reads in the gap is told that the key is absent, which it never is.
#[test]
fn a_gap_in_a_replacement() {
    let (clock, gate) = (Clock::new(), Barrier::new(2));
    let map = Broken::call(with_a_gap(|| {
        gate.wait();
        gate.wait();
    }));
    map.map.call(0, Operation::Insert(1));
    let mut history = History::new([(0, 1)]);
    let mut writer = Recorder::new(&clock, 0);
    let reader = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reader = Recorder::new(&clock, 1);
            gate.wait();
            reader.call(0, Operation::Get, || Map::call(&map, 0, Operation::Get));
            gate.wait();
            reader
        });
        let insert = Operation::Insert(2);
        writer.call(0, insert, || Map::call(&map, 0, insert));
        reader.join().expect("the reader does not panic")
    });
    history.add(writer);
    history.add(reader);
    let Err(Failure::Key { key: 0, stuck, .. }) = history.check(Count::AtOnce) else {
        panic!("the map is broken");
    };
    // The write can be first, and the read cannot be second, nor first.
    assert_eq!(stuck.placed, [0]);
}

/// An operation that looks at a key and then acts, as if nothing could come between; something does.
fn looks_then_acts(between: impl Fn()) -> impl Fn(&Locked, Key, Operation) -> Outcome {
    move |map, key, operation| {
        let depends = matches!(
            operation,
            Operation::Update(_)
                | Operation::UpdateOrInsert { .. }
                | Operation::Compute { .. }
                | Operation::RemoveIf(_)
                | Operation::RemoveUnchanged(_)
        );
        if !depends {
            return map.call(key, operation);
        }
        let Outcome::Kept(seen) = map.call(key, Operation::Get) else {
            unreachable!("it is what a read says");
        };
        between();
        let (after, outcome) = operation.on(seen);
        match after {
            _ if after == seen => {}
            Some(value) => drop(map.call(key, Operation::Insert(value))),
            None => drop(map.call(key, Operation::Remove)),
        }
        outcome
    }
}

/// A write comes between the look and the deed: what it wrote is lost, and nobody says so.
#[test]
fn decisions_that_are_old() {
    let even = Condition::Even;
    let compute = Operation::Compute {
        when: even,
        then: Action::Insert(4),
        otherwise: Action::Abort,
        absent: Action::Abort,
    };
    let both = Operation::UpdateOrInsert {
        update: 4,
        insert: 6,
    };
    for operation in [
        Operation::Update(4),
        both,
        compute,
        Operation::RemoveIf(even),
        Operation::RemoveUnchanged(2),
    ] {
        let (clock, gate) = (Clock::new(), Barrier::new(2));
        let map = Broken::call(looks_then_acts(|| {
            gate.wait();
            gate.wait();
        }));
        map.map.call(0, Operation::Insert(2));
        let mut history = History::new([(0, 2)]);
        let mut slow = Recorder::new(&clock, 0);
        let quick = thread::scope(|scope| {
            let quick = scope.spawn(|| {
                let mut quick = Recorder::new(&clock, 1);
                gate.wait();
                let insert = Operation::Insert(3);
                quick.call(0, insert, || Map::call(&map, 0, insert));
                gate.wait();
                quick
            });
            slow.call(0, operation, || Map::call(&map, 0, operation));
            quick.join().expect("it does not panic")
        });
        history.add(slow);
        history.add(quick);
        let result = history.check(Count::AtOnce);
        assert!(
            matches!(result, Err(Failure::Key { key: 0, .. })),
            "{operation:?}: {result:?}"
        );
    }
}

/// The same, where nobody waits until somebody comes between.
#[test]
fn decisions_that_are_old_by_chance() {
    let is_found = |seed| {
        let map = Broken::call(looks_then_acts(thread::yield_now));
        record(&map, PLAN, seed).check(Count::AtOnce).is_err()
    };
    assert!((0..100).any(is_found));
}

/// The same gap, where nobody waits in it until a reader comes.
#[test]
fn a_gap_that_is_met_by_chance() {
    let is_found = |seed| {
        let map = Broken::call(with_a_gap(thread::yield_now));
        record(&map, PLAN, seed).check(Count::AtOnce).is_err()
    };
    assert!((0..100).any(is_found));
}

#[test]
fn walks_that_leave_an_entry_out() {
    let map = Broken {
        walk: |map, walker| {
            let mut number = 0;
            map.retain(|key, value| {
                number += 1;
                number == 1 || walker.answer(key, value, true)
            });
        },
        ..Broken::call(Locked::call)
    };
    assert!(matches!(failure(&map), Failure::Key { .. }));
}

#[test]
fn walks_that_meet_an_entry_twice() {
    let map = Broken {
        walk: |map, walker| {
            map.walk(0, walker);
            map.walk(0, walker);
        },
        ..Broken::call(Locked::call)
    };
    assert!(matches!(failure(&map), Failure::MetTwice { .. }));
}

/// `retain` and `clear` that do nothing.
#[test]
fn sweeps_that_sweep_nothing() {
    struct Idle(Locked);

    impl Map for Idle {
        fn call(&self, key: Key, operation: Operation) -> Outcome {
            self.0.call(key, operation)
        }

        fn walk(&self, part: usize, walker: &mut Walker<'_>) {
            self.0.walk(part, walker);
        }

        fn insert_many(&self, entries: &[(Key, Value)]) -> usize {
            self.0.insert_many(entries)
        }

        fn retain(&self, mut keep: impl FnMut(Key, Value) -> bool) {
            self.0.retain(|key, value| {
                keep(key, value);
                true
            });
        }

        fn clear(&self) {}

        fn len(&self) -> usize {
            self.0.len()
        }
    }

    assert!(matches!(
        failure(&Idle(Locked::default())),
        Failure::Key { .. }
    ));
}

#[test]
fn lengths_that_are_one_too_many() {
    for count in [Count::AtOnce, Count::Summed] {
        let map = Broken {
            len: |map| map.len() + 1,
            ..Broken::call(Locked::call)
        };
        let result = record(&map, PLAN, 1).check(count);
        assert!(matches!(result, Err(Failure::Length { .. })));
    }
}
