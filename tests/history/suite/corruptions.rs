//! Wrong answers of every kind are found in random histories, and told plainly.

use super::generate::{CellCall, Draws, Shape, linearizable};
use crate::history::{
    Action, Call, Cell, Condition, Count, Failure, History, Operation, Outcome, Value, check,
};

const NEVER_WRITTEN: Value = 1 << 40;

/// The indices of calls for which this is something.
fn all<T>(calls: &[CellCall], of: impl Fn(&CellCall) -> Option<T>) -> Vec<(usize, T)> {
    let indexed = calls.iter().enumerate();
    indexed
        .filter_map(|(index, call)| Some((index, of(call)?)))
        .collect()
}

fn read(call: &CellCall) -> Option<Option<Value>> {
    match (call.operation, call.outcome?) {
        (Operation::Get, Outcome::Kept(value)) => Some(value),
        _ => None,
    }
}

/// The value that a call did away with.
fn ended(call: &CellCall) -> Option<Value> {
    match call.outcome? {
        Outcome::Removed(value) | Outcome::Wrote(Some(value)) => Some(value),
        _ => None,
    }
}

/// Reads, each with a value that was gone before, or with one that was written after.
fn reads_out_of_time(calls: &[CellCall], is_stale: bool) -> Vec<(usize, Value)> {
    let mut found = Vec::new();
    for (index, _) in all(calls, read) {
        if is_stale {
            let gone = all(calls, ended)
                .into_iter()
                .filter(|&(end, _)| calls[end].precedes(&calls[index]));
            found.extend(gone.map(|(_, value)| (index, value)));
        } else {
            let insert = |call: &CellCall| match (call.operation, call.outcome?) {
                (Operation::Insert(value), Outcome::Wrote(_)) => Some(value),
                _ => None,
            };
            let to_come = all(calls, insert)
                .into_iter()
                .filter(|&(write, _)| calls[index].precedes(&calls[write]));
            found.extend(to_come.map(|(_, value)| (index, value)));
        }
    }
    found
}

/// Corrupts a history so that it is certainly not linearizable; values are written once, and all
/// calls say what they did. False if the history has no place for it.
type Corruption = fn(&mut Draws, &mut [CellCall]) -> bool;

fn pick<T: Copy>(draws: &mut Draws, of: &[T]) -> Option<T> {
    (!of.is_empty()).then(|| draws.pick(of))
}

fn stale_read(draws: &mut Draws, calls: &mut [CellCall]) -> bool {
    let read = pick(draws, &reads_out_of_time(calls, true));
    read.inspect(|&(index, value)| calls[index].outcome = Some(Outcome::Kept(Some(value))))
        .is_some()
}

fn read_of_the_future(draws: &mut Draws, calls: &mut [CellCall]) -> bool {
    let read = pick(draws, &reads_out_of_time(calls, false));
    read.inspect(|&(index, value)| calls[index].outcome = Some(Outcome::Kept(Some(value))))
        .is_some()
}

fn value_never_written(draws: &mut Draws, calls: &mut [CellCall]) -> bool {
    let outcome = |call: &CellCall| match call.outcome? {
        Outcome::Kept(Some(_)) => Some(Outcome::Kept(Some(NEVER_WRITTEN))),
        Outcome::Wrote(Some(_)) => Some(Outcome::Wrote(Some(NEVER_WRITTEN))),
        Outcome::Removed(_) => Some(Outcome::Removed(NEVER_WRITTEN)),
        _ => None,
    };
    pick(draws, &all(calls, outcome))
        .inspect(|&(index, outcome)| calls[index].outcome = Some(outcome))
        .is_some()
}

/// Two reads have each other's result, and one of them comes after the end of what it says now.
fn swapped_results(draws: &mut Draws, calls: &mut [CellCall]) -> bool {
    let reads = all(calls, read);
    let stale = reads_out_of_time(calls, true);
    let swaps: Vec<_> = stale
        .iter()
        .flat_map(|&(index, value)| {
            let others = reads
                .iter()
                .filter(move |&&(_, other)| other == Some(value));
            others.map(move |&(other, _)| (index, other))
        })
        .collect();
    pick(draws, &swaps)
        .inspect(|&(one, other)| {
            let outcome = calls[one].outcome;
            calls[one].outcome = calls[other].outcome;
            calls[other].outcome = outcome;
        })
        .is_some()
}

/// Two writes replace the same value: the first one's is lost.
fn lost_update(draws: &mut Draws, calls: &mut [CellCall]) -> bool {
    let writes = all(calls, |call| match call.outcome? {
        Outcome::Wrote(Some(old)) => Some(old),
        _ => None,
    });
    if writes.len() < 2 {
        return false;
    }
    let first = draws.below(writes.len() - 1);
    let (_, old) = writes[first];
    let (second, _) = writes[first + 1];
    calls[second].outcome = Some(Outcome::Wrote(Some(old)));
    // A condition that is asked for a value would not fit any more: not what is to be found.
    let fits = calls[second].operation.on(Some(old)).1;
    fits == Outcome::Wrote(Some(old))
}

/// Two calls remove the same entry.
fn removed_twice(draws: &mut Draws, calls: &mut [CellCall]) -> bool {
    let removals = all(calls, |call| match (call.operation, call.outcome?) {
        (Operation::Remove, Outcome::Removed(value)) => Some(value),
        _ => None,
    });
    let misses = all(calls, |call| {
        (call.operation == Operation::Remove && call.outcome == Some(Outcome::Kept(None)))
            .then_some(())
    });
    let (Some((_, value)), Some((miss, ()))) = (pick(draws, &removals), pick(draws, &misses))
    else {
        return false;
    };
    calls[miss].outcome = Some(Outcome::Removed(value));
    true
}

/// An insert of an absent key succeeds although it is present; somebody sees another value later.
fn inserted_twice(draws: &mut Draws, calls: &mut [CellCall]) -> bool {
    let refused = all(calls, |call| match (call.operation, call.outcome?) {
        (Operation::TryInsert(_) | Operation::GetOrInsert(_), Outcome::Kept(_)) => Some(()),
        _ => None,
    });
    let refused: Vec<_> = refused
        .into_iter()
        .filter(|&(index, ())| {
            let sees_another = |later: &CellCall| {
                calls[index].precedes(later) && (read(later).is_some() || ended(later).is_some())
            };
            calls.iter().any(sees_another)
        })
        .collect();
    pick(draws, &refused)
        .inspect(|&(index, ())| calls[index].outcome = Some(Outcome::Wrote(None)))
        .is_some()
}

/// A condition that held is said not to have held, or the other way round: what the operation did is
/// seen by a write whose outcome tells, right after it.
fn condition_turned_round(draws: &mut Draws, calls: &mut [CellCall]) -> bool {
    let turned = all(calls, |call| match (call.operation, call.outcome?) {
        (Operation::RemoveIf(_), Outcome::Removed(value)) => Some(Outcome::Kept(Some(value))),
        (Operation::RemoveIf(_), Outcome::Kept(Some(value))) => Some(Outcome::Removed(value)),
        (Operation::ReplaceIf(..), Outcome::Wrote(old)) => Some(Outcome::Kept(old)),
        (Operation::ReplaceIf(..), Outcome::Kept(old @ Some(_))) => Some(Outcome::Wrote(old)),
        _ => None,
    });
    pick(draws, &turned)
        .inspect(|&(index, outcome)| calls[index].outcome = Some(outcome))
        .is_some()
}

/// An update, or a computation, says that it has changed a value that another had replaced or removed
/// before: one of two updates is lost.
fn update_of_what_was_gone(draws: &mut Draws, calls: &mut [CellCall]) -> bool {
    let updates = all(calls, |call| match (call.operation, call.outcome?) {
        (
            Operation::Update(_) | Operation::UpdateOrInsert { .. },
            Outcome::Wrote(old @ Some(_)),
        )
        | (Operation::Compute { .. }, Outcome::Wrote(old @ Some(_))) => Some(old),
        _ => None,
    });
    let gone = all(calls, ended);
    let mut stale = Vec::new();
    for &(index, old) in &updates {
        let operation = calls[index].operation;
        let values = gone.iter().map(|&(_, value)| Some(value));
        let others = values.filter(|&value| value != old);
        let fits = others.filter(|&value| operation.on(value).1 == Outcome::Wrote(value));
        stale.extend(fits.map(|value| (index, value)));
    }
    pick(draws, &stale)
        .inspect(|&(index, value)| calls[index].outcome = Some(Outcome::Wrote(value)))
        .is_some()
}

#[test]
fn are_found() {
    let corruptions: [(&str, Corruption); 9] = [
        ("stale read", stale_read),
        ("read of the future", read_of_the_future),
        ("value never written", value_never_written),
        ("swapped results", swapped_results),
        ("lost update", lost_update),
        ("removed twice", removed_twice),
        ("inserted twice", inserted_twice),
        ("condition turned round", condition_turned_round),
        ("update of what was gone", update_of_what_was_gone),
    ];
    for (name, corrupt) in corruptions {
        let mut draws = Draws(11);
        let mut corrupted = 0;
        for threads in [2, 4, 8] {
            let shape = Shape {
                threads,
                calls: 150,
                values: None,
                silent: false,
                pending: 0,
            };
            for _ in 0..25 {
                let mut calls = linearizable(&mut draws, shape);
                assert!(check(&Cell(None), &calls).is_ok());
                if corrupt(&mut draws, &mut calls) {
                    corrupted += 1;
                    assert!(check(&Cell(None), &calls).is_err(), "{name}: {calls:#?}");
                }
            }
        }
        assert!(corrupted >= 50, "{name}: {corrupted} of 75 histories");
    }
}

/// What an operation on a cell says, and leaves there.
type Right = (Operation, Option<Value>, Outcome, Option<Value>);

/// Each operation that depends on what is there, by hand.
const RIGHT: [Right; 26] = {
    use Condition::*;
    use Operation::*;
    use Outcome::*;
    const BOTH: Operation = UpdateOrInsert {
        update: 20,
        insert: 21,
    };
    const COMPUTE: Operation = Compute {
        when: Even,
        then: Action::Insert(20),
        otherwise: Action::Remove,
        absent: Action::Insert(21),
    };
    const LEAVE: Operation = Compute {
        when: Even,
        then: Action::Abort,
        otherwise: Action::Insert(20),
        absent: Action::Abort,
    };
    const INSERT: Operation = InsertByEntry { seen: 1, value: 20 };
    [
        (Update(20), None, Kept(None), None),
        (Update(20), Some(1), Wrote(Some(1)), Some(20)),
        (BOTH, None, Wrote(None), Some(21)),
        (BOTH, Some(1), Wrote(Some(1)), Some(20)),
        (RemoveIf(Even), None, Kept(None), None),
        (RemoveIf(Even), Some(1), Kept(Some(1)), Some(1)),
        (RemoveIf(Even), Some(2), Removed(2), None),
        (RemoveIf(Is(1)), Some(1), Removed(1), None),
        (ReplaceIf(Even, 20), None, Kept(None), None),
        (ReplaceIf(Even, 20), Some(1), Kept(Some(1)), Some(1)),
        (ReplaceIf(Even, 20), Some(2), Wrote(Some(2)), Some(20)),
        (COMPUTE, None, Wrote(None), Some(21)),
        (COMPUTE, Some(1), Removed(1), None),
        (COMPUTE, Some(2), Wrote(Some(2)), Some(20)),
        (LEAVE, None, Kept(None), None),
        (LEAVE, Some(1), Wrote(Some(1)), Some(20)),
        (LEAVE, Some(2), Kept(Some(2)), Some(2)),
        (INSERT, None, ThereOrSeen(1), Some(20)),
        (INSERT, Some(1), ThereOrSeen(1), Some(20)),
        (INSERT, Some(2), ThereOrSeen(2), Some(20)),
        (RemoveByEntry(1), None, ThereOrSeen(1), None),
        (RemoveByEntry(1), Some(1), ThereOrSeen(1), None),
        (RemoveByEntry(1), Some(2), ThereOrSeen(2), None),
        (RemoveUnchanged(1), None, Left, None),
        (RemoveUnchanged(1), Some(1), Removed(1), None),
        (RemoveUnchanged(1), Some(2), Left, Some(2)),
    ]
};

/// Of all that an operation may say, and a read after it, one thing is right.
#[test]
fn each_wrong_answer_of_what_depends_on_what_is_there() {
    const VALUES: [Option<Value>; 5] = [None, Some(1), Some(2), Some(20), Some(21)];
    let outcomes: Vec<Outcome> = (VALUES.iter())
        .flat_map(|&value| {
            let of_value =
                value.map(|value| [Outcome::Removed(value), Outcome::ThereOrSeen(value)]);
            [Outcome::Kept(value), Outcome::Wrote(value)]
                .into_iter()
                .chain(of_value.into_iter().flatten())
        })
        .chain([false, true].map(Outcome::Present))
        .chain([Outcome::Left])
        .collect();
    let call = |operation, outcome, invoked| Call {
        thread: 0,
        operation,
        outcome: Some(outcome),
        invoked,
        returned: Some(invoked + 1),
    };
    for (operation, before, right, after) in RIGHT {
        for &outcome in &outcomes {
            for read in VALUES {
                let calls = [
                    call(operation, outcome, 1),
                    call(Operation::Get, Outcome::Kept(read), 3),
                ];
                assert_eq!(
                    check(&Cell(before), &calls).is_ok(),
                    (outcome, read) == (right, after),
                    "{operation:?} on {before:?}, {outcome:?}, then {read:?}"
                );
            }
        }
    }
}

#[test]
fn computations_depend_on_what_is_there() {
    let compute = Operation::Compute {
        when: crate::history::Condition::Even,
        then: Action::Remove,
        otherwise: Action::Insert(8),
        absent: Action::Insert(4),
    };
    assert_eq!(compute.on(None), (Some(4), Outcome::Wrote(None)));
    assert_eq!(compute.on(Some(4)), (None, Outcome::Removed(4)));
    assert_eq!(compute.on(Some(7)), (Some(8), Outcome::Wrote(Some(7))));
}

#[test]
fn are_told_plainly() {
    let mut history = History::new([(3, 5)]);
    let mut call = |thread, operation, outcome, invoked, returned| {
        history.calls.push(crate::history::Call {
            thread,
            operation: (3, operation),
            outcome,
            invoked,
            returned,
        });
    };
    call(
        0,
        Operation::Insert(6),
        Some(Outcome::Wrote(Some(5))),
        1,
        Some(4),
    );
    call(1, Operation::Get, Some(Outcome::Kept(Some(6))), 2, Some(5));
    call(2, Operation::Insert(7), None, 3, None);
    call(0, Operation::Get, Some(Outcome::Kept(Some(5))), 6, Some(8));
    call(
        1,
        Operation::Contains,
        Some(Outcome::Present(true)),
        7,
        Some(9),
    );
    let failure = history.check(Count::AtOnce).unwrap_err();
    assert!(matches!(failure, Failure::Key { key: 3, .. }));
    let expected = "\
the history of key 3 is not linearizable
4 of 5 calls have a place, and leave Some(7). No call marked ! or ? can be next, or leads further; the one marked ! returns first.
   place  thread  call                         invoked  returned
   1      0       Insert(6) -> Wrote(Some(5))  1        4         |--|
   2      1       Get -> Kept(Some(6))         2        5          |--|
   4      2       Insert(7) -> unknown         3        never       |------>
!         0       Get -> Kept(Some(5))         6        8              |-|
   3      1       Contains -> Present(true)    7        9               |-|
";
    assert_eq!(failure.to_string(), expected);
}
