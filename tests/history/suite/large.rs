//! Large histories: of a locked map, and one call of them corrupted.

use std::time::Instant;

use super::generate::Draws;
use super::workload::{Locked, Plan, record};
use crate::history::{Count, Failure, History, Key, Operation, Outcome};

const LARGE: Plan = Plan {
    threads: 4,
    calls: 25_000,
    keys: 16,
    present_from: 8,
    walks: 0,
    lengths: 0,
    sweeps: 0,
    entries: 10,
    tide: 100,
};

/// Says how long a check took: nothing depends on it.
fn check(what: &str, history: &History) -> Result<(), Failure> {
    let start = Instant::now();
    let result = history.check(Count::AtOnce).map(drop);
    println!(
        "{what}: {} calls in {:?}",
        history.calls.len(),
        start.elapsed()
    );
    result
}

#[test]
fn recorded_on_a_locked_map() {
    for keys in [1, 1_000] {
        let plan = Plan {
            keys,
            present_from: keys / 2,
            ..LARGE
        };
        let mut history = record(&Locked::default(), plan, 1);
        assert_eq!(check("as recorded", &history), Ok(()));
        let key = make_one_read_stale(&mut history);
        match check("one stale read", &history) {
            Err(Failure::Key { key: found, .. }) => assert_eq!(found, key),
            other => panic!("{other:?}"),
        }
    }
}

/// Has a read see a value that was gone before it. Returns its key.
fn make_one_read_stale(history: &mut History) -> Key {
    let mut draws = Draws(7);
    loop {
        let read = history.calls[draws.below(history.calls.len())];
        let (key, operation) = read.operation;
        if operation != Operation::Get {
            continue;
        }
        let gone = history.calls.iter().rev().find_map(|call| {
            let is_over = call.operation.0 == key && call.precedes(&read);
            let removed = match call.outcome? {
                Outcome::Removed(value) => Some(value),
                Outcome::Wrote(value) => value,
                _ => None,
            };
            removed.filter(|_| is_over)
        });
        if gone.is_some() {
            let call = history.calls.iter_mut().find(|call| **call == read);
            call.expect("it was taken from there").outcome = Some(Outcome::Kept(gone));
            return key;
        }
    }
}

#[test]
fn recorded_with_calls_on_all_keys() {
    let plan = Plan {
        calls: 5_000,
        walks: 100,
        lengths: 50,
        sweeps: 500,
        ..LARGE
    };
    let history = record(&Locked::default(), plan, 2);
    assert_eq!(check("with walks", &history), Ok(()));
    assert_eq!(history.check(Count::Summed).map(drop), Ok(()));
    let plan = Plan {
        keys: 500,
        present_from: 250,
        calls: 5_000,
        walks: 400,
        lengths: 50,
        sweeps: 5_000,
        tide: 1_000,
        ..LARGE
    };
    let history = record(&Locked::default(), plan, 3);
    assert_eq!(check("with walks", &history), Ok(()));
    assert_eq!(history.check(Count::Summed).map(drop), Ok(()));
}
