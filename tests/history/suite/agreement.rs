//! The search against two others: that of the crate `todc-utils`, and one that tries every order.

use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::Specification;

use super::generate::{CellCall, Draws, Shape, assert_order, assert_prefix, corrupt, linearizable};
use crate::history::{
    Call, Cell, Operation, Outcome, PATIENCE, Spec, Value, check, check_patiently,
};

/// What the search says, patient or not, after the order that it found is looked over.
fn verdict(calls: &[CellCall]) -> bool {
    let cell = Cell(None);
    let verdicts = [0, 1, PATIENCE].map(|patience| match check_patiently(&cell, calls, patience) {
        Ok(order) => {
            assert_order(cell, calls, &order);
            true
        }
        Err(stuck) => {
            assert_eq!(assert_prefix(cell, calls, &stuck.placed), stuck.state);
            assert!(stuck.open.contains(&stuck.due));
            assert!(!stuck.open.iter().any(|open| stuck.placed.contains(open)));
            false
        }
    });
    assert!(
        verdicts.iter().all(|&verdict| verdict == verdicts[0]),
        "{verdicts:?}: {calls:#?}"
    );
    verdicts[0]
}

/// Each choice of those calls that never returned: all others, and the chosen ones as calls that
/// return after everything else.
fn completions(calls: &[CellCall]) -> impl Iterator<Item = Vec<CellCall>> {
    let pending: Vec<usize> = (0..calls.len())
        .filter(|&index| calls[index].returned.is_none())
        .collect();
    (0..1_u32 << pending.len()).map(move |choice| {
        let is_chosen = |index: usize| {
            let bit = pending.iter().position(|&other| other == index);
            bit.is_none_or(|bit| choice & (1 << bit) != 0)
        };
        let chosen = (0..calls.len()).filter(|&index| is_chosen(index));
        chosen
            .map(|index| Call {
                returned: calls[index].returned.or(Some(1 << 40 | index as u64)),
                ..calls[index]
            })
            .collect()
    })
}

/// The cell as the other crate knows it.
struct TheirCell;

impl Specification for TheirCell {
    type State = Option<Value>;
    type Operation = (Operation, Option<Outcome>);

    fn init() -> Self::State {
        None
    }

    fn apply(&(operation, seen): &Self::Operation, state: &Self::State) -> (bool, Self::State) {
        let (after, outcome) = operation.on(*state);
        (seen.is_none_or(|seen| seen == outcome), after)
    }
}

fn their_verdict(calls: &[CellCall]) -> bool {
    completions(calls).any(|calls| {
        let mut events = Vec::new();
        // A call is a process of its own: they match a process's calls by their order.
        for (index, call) in calls.iter().enumerate() {
            let content = (call.operation, call.outcome);
            let returned = call.returned.expect("a completion");
            events.push((call.invoked, (index, Action::Call(content))));
            events.push((returned, (index, Action::Response(content))));
        }
        events.sort_by_key(|&(stamp, _)| stamp);
        let actions = events
            .into_iter()
            .map(|(_, action)| action)
            .collect::<Vec<_>>();
        // They take no empty history.
        actions.is_empty()
            || WGLChecker::<TheirCell>::is_linearizable(History::from_actions(actions))
    })
}

/// Tries every order of all calls.
fn brute_force(calls: &[CellCall]) -> bool {
    completions(calls).any(|mut calls| any_order(&mut calls, 0))
}

/// Whether some order of the calls from `from` on makes all of them one.
fn any_order(calls: &mut [CellCall], from: usize) -> bool {
    if from == calls.len() {
        return is_order(calls);
    }
    (from..calls.len()).any(|index| {
        calls.swap(from, index);
        let is_one = any_order(calls, from + 1);
        calls.swap(from, index);
        is_one
    })
}

fn is_order(calls: &[CellCall]) -> bool {
    let keeps_time = (0..calls.len())
        .all(|later| (0..later).all(|earlier| !calls[later].precedes(&calls[earlier])));
    let mut state = None;
    keeps_time
        && calls.iter().all(|call| {
            let (after, outcome) = call.operation.on(state);
            state = after;
            call.outcome.is_none_or(|seen| seen == outcome)
        })
}

/// Random histories, as they are and corrupted, by both checkers. Each verdict must be frequent.
fn agree(seed: u64, histories: usize, shape: Shape, other: fn(&[CellCall]) -> bool) {
    let mut draws = Draws(seed);
    let (mut linearizable_ones, mut others) = (0, 0);
    for _ in 0..histories {
        let mut calls = linearizable(&mut draws, shape);
        assert!(verdict(&calls), "linearizable by construction: {calls:#?}");
        assert!(other(&calls), "the other checker errs: {calls:#?}");
        if corrupt(&mut draws, &mut calls) {
            let is_linearizable = verdict(&calls);
            assert_eq!(
                is_linearizable,
                other(&calls),
                "ours and theirs: {calls:#?}"
            );
            if is_linearizable {
                linearizable_ones += 1;
            } else {
                others += 1;
            }
        }
    }
    assert!(
        linearizable_ones > histories / 50 && others > histories / 4,
        "{linearizable_ones} of {histories} corrupted histories are linearizable, {others} are not"
    );
}

fn shape(threads: usize, calls: usize, pending: usize) -> Shape {
    Shape {
        threads,
        calls,
        values: None,
        silent: true,
        pending,
    }
}

#[test]
fn small_histories_as_todc_says() {
    agree(1, 3_000, shape(3, 8, 0), their_verdict);
    agree(2, 3_000, shape(4, 10, 2), their_verdict);
}

#[test]
fn values_written_again_as_todc_says() {
    let few = |values| Shape {
        values: Some(values),
        ..shape(4, 10, 1)
    };
    agree(3, 1_000, few(1), their_verdict);
    agree(4, 1_500, few(3), their_verdict);
}

#[test]
fn long_histories_as_todc_says() {
    agree(5, 100, shape(6, 30, 2), their_verdict);
    agree(6, 60, shape(12, 20, 0), their_verdict);
}

#[test]
fn every_order_of_few_calls() {
    agree(7, 2_000, shape(3, 5, 1), brute_force);
    agree(8, 150, shape(4, 6, 0), brute_force);
    agree(9, 30, shape(4, 7, 2), brute_force);
}

/// Forty values come and go in any order, while one is read after its end: there are 2^40 sets of
/// pairs to look at, if the search does not look ahead.
#[test]
fn many_calls_at_a_time() {
    let call = |operation, outcome, (invoked, returned)| Call {
        thread: 0,
        operation,
        outcome: Some(outcome),
        invoked,
        returned: Some(returned),
    };
    let removed = |value, span| call(Operation::Remove, Outcome::Removed(value), span);
    let inserted = |value, span| call(Operation::Insert(value), Outcome::Wrote(None), span);
    let read = |value, span| call(Operation::Get, Outcome::Kept(Some(value)), span);
    let mut calls = vec![inserted(1, (1, 2)), removed(1, (3, 4))];
    for value in 100..140 {
        calls.push(inserted(value, (5, 50)));
        calls.push(removed(value, (5, 50)));
    }
    assert!(check(&Cell(None), &calls).is_ok());
    for wrong in [1, 99] {
        calls.push(read(wrong, (10, 40)));
        assert!(check(&Cell(None), &calls).is_err());
        calls.pop();
    }
}

/// A queue, to have a specification whose state is no cell and which names no reads.
struct Queue;

#[derive(Clone, Copy, Debug)]
enum QueueCall {
    Push(u8),
    Pop,
}

impl Spec for Queue {
    type State = Vec<u8>;
    type Operation = QueueCall;
    type Outcome = Option<u8>;

    fn initial(&self) -> Vec<u8> {
        Vec::new()
    }

    fn step(&self, state: &Vec<u8>, call: &QueueCall) -> (Vec<u8>, Option<u8>) {
        let mut state = state.clone();
        let outcome = match *call {
            QueueCall::Push(item) => {
                state.push(item);
                None
            }
            QueueCall::Pop if state.is_empty() => None,
            QueueCall::Pop => Some(state.remove(0)),
        };
        (state, outcome)
    }
}

#[test]
fn any_specification() {
    let call = |thread, operation, outcome, invoked, returned| Call {
        thread,
        operation,
        outcome: Some(outcome),
        invoked,
        returned: Some(returned),
    };
    // Two pushes side by side, and what comes out first.
    let pop_first = |first| {
        check(
            &Queue,
            &[
                call(0, QueueCall::Push(1), None, 1, 3),
                call(1, QueueCall::Push(2), None, 2, 4),
                call(0, QueueCall::Pop, Some(first), 5, 6),
            ],
        )
    };
    assert_eq!(pop_first(1), Ok(vec![0, 1, 2]));
    assert_eq!(pop_first(2), Ok(vec![1, 0, 2]));
    let stuck = pop_first(3).unwrap_err();
    assert_eq!((stuck.placed.len(), stuck.due), (2, 2));
}

/// A history that leaves nothing to place, and one that never does anything.
#[test]
fn histories_without_calls() {
    assert_eq!(check(&Cell(None), &[]), Ok(vec![]));
    let never = Call {
        thread: 0,
        operation: Operation::Insert(1),
        outcome: None,
        invoked: 1,
        returned: None,
    };
    assert_eq!(check(&Cell(None), &[never]), Ok(vec![]));
}
