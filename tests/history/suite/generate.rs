//! Random histories of a cell, with known answers.

use crate::history::{Action, Call, Cell, Condition, Operation, Outcome, Spec, Value};

pub type CellCall = Call<Operation, Outcome>;

/// Pseudo-random numbers (splitmix64), the same ones in each run.
pub struct Draws(pub u64);

impl Draws {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// What a random history is like.
#[derive(Clone, Copy)]
pub struct Shape {
    pub threads: usize,
    pub calls: usize,
    /// How many values there are to write; the same may be written again, unless there are as many
    /// as needed.
    pub values: Option<u64>,
    /// Whether there are calls that return without a word.
    pub silent: bool,
    /// So many calls at most never return, of those that are under way at the end.
    pub pending: usize,
}

/// A random operation, of any kind. `write` makes values to be written, `known` is one that was.
fn operation(
    draws: &mut Draws,
    silent: bool,
    known: Value,
    mut write: impl FnMut(&mut Draws) -> Value,
) -> Operation {
    let when = if draws.one_in(3) {
        Condition::Even
    } else {
        Condition::Is(known)
    };
    match draws.below(18) {
        0 | 1 => Operation::Get,
        2 => Operation::Contains,
        3 | 4 => Operation::Insert(write(draws)),
        5 => Operation::TryInsert(write(draws)),
        6 => Operation::GetOrInsert(write(draws)),
        7 => Operation::Update(write(draws)),
        8 => Operation::UpdateOrInsert {
            update: write(draws),
            insert: write(draws),
        },
        9 | 10 => {
            let mut action = || match draws.below(3) {
                0 => Action::Insert(write(draws)),
                1 => Action::Remove,
                _ => Action::Abort,
            };
            Operation::Compute {
                when,
                then: action(),
                otherwise: action(),
                absent: action(),
            }
        }
        11 => Operation::RemoveIf(when),
        12 => Operation::ReplaceIf(when, write(draws)),
        13 => match draws.below(3) {
            0 => Operation::InsertByEntry {
                seen: known,
                value: write(draws),
            },
            1 => Operation::RemoveByEntry(known),
            _ => Operation::RemoveUnchanged(known),
        },
        14 if silent && draws.one_in(2) => Operation::Refuse(known),
        14 if silent => Operation::Clear,
        _ => Operation::Remove,
    }
}

/// What a simulated thread is about.
enum Doing {
    Nothing,
    /// It has invoked this call.
    Invoked(usize),
    /// The call has taken effect, with this outcome.
    Done(usize, Outcome),
}

/// A linearizable history of a cell that is empty at first: threads take turns at random to invoke,
/// to take effect and to return.
pub fn linearizable(draws: &mut Draws, shape: Shape) -> Vec<CellCall> {
    let mut calls: Vec<CellCall> = Vec::new();
    let mut threads: Vec<Doing> = (0..shape.threads).map(|_| Doing::Nothing).collect();
    let (mut cell, mut stamp, mut values, mut known) = (None, 0, 0, 0);
    loop {
        let running = threads
            .iter()
            .filter(|doing| !matches!(doing, Doing::Nothing));
        let running = running.count();
        if calls.len() == shape.calls
            && running <= shape.pending
            && (running == 0 || draws.one_in(4))
        {
            // A call that never returned may have an outcome that is known from elsewhere.
            for doing in threads {
                if let Doing::Done(call, outcome) = doing {
                    calls[call].outcome = draws.one_in(2).then_some(outcome);
                }
            }
            return calls;
        }
        stamp += 1;
        let thread = draws.below(shape.threads);
        threads[thread] = match threads[thread] {
            Doing::Nothing if calls.len() < shape.calls => {
                let write = |draws: &mut Draws| match shape.values {
                    Some(bound) => draws.next() % bound,
                    None => {
                        values += 1;
                        values
                    }
                };
                calls.push(Call {
                    thread,
                    operation: operation(draws, shape.silent, known, write),
                    outcome: None,
                    invoked: stamp,
                    returned: None,
                });
                Doing::Invoked(calls.len() - 1)
            }
            Doing::Nothing => Doing::Nothing,
            Doing::Invoked(call) => {
                let (after, outcome) = calls[call].operation.on(cell);
                cell = after;
                known = cell.unwrap_or(known);
                Doing::Done(call, outcome)
            }
            Doing::Done(call, outcome) => {
                calls[call].returned = Some(stamp);
                let says_nothing = matches!(
                    calls[call].operation,
                    Operation::Clear | Operation::Refuse(_)
                );
                calls[call].outcome = (!says_nothing).then_some(outcome);
                Doing::Nothing
            }
        };
    }
}

/// Gives one call the outcome that it would have had in another state. Most histories are not
/// linearizable then. False if there is no call to corrupt.
pub fn corrupt(draws: &mut Draws, calls: &mut [CellCall]) -> bool {
    const NEVER_WRITTEN: Value = 1 << 40;
    let states: Vec<Option<Value>> = calls
        .iter()
        .filter_map(|call| match call.outcome? {
            Outcome::Kept(value) | Outcome::Wrote(value) => Some(value),
            Outcome::Removed(value) | Outcome::ThereOrSeen(value) => Some(Some(value)),
            Outcome::Present(_) | Outcome::Left => None,
        })
        .chain([None, Some(NEVER_WRITTEN)])
        .collect();
    let candidates: Vec<usize> = (0..calls.len())
        .filter(|&index| calls[index].outcome.is_some())
        .collect();
    if candidates.is_empty() {
        return false;
    }
    for _ in 0..20 {
        let call = &mut calls[draws.pick(&candidates)];
        let outcome = call.operation.on(draws.pick(&states)).1;
        if call.outcome != Some(outcome) {
            call.outcome = Some(outcome);
            return true;
        }
    }
    false
}

/// Checks that an order is one: it has each call at most once and each that returned, keeps the
/// order of time, and gives the outcomes.
pub fn assert_order(cell: Cell, calls: &[CellCall], order: &[usize]) {
    let mut place = vec![None; calls.len()];
    for (number, &index) in order.iter().enumerate() {
        assert_eq!(
            place[index].replace(number),
            None,
            "call {index} has two places"
        );
    }
    for (index, call) in calls.iter().enumerate() {
        assert!(
            place[index].is_some() || call.returned.is_none(),
            "{call:?} has no place"
        );
    }
    assert_prefix(cell, calls, order);
}

/// Checks that calls can begin in this order, and leaves out that all are in it. Returns the state
/// after them.
pub fn assert_prefix(cell: Cell, calls: &[CellCall], order: &[usize]) -> Option<Value> {
    let mut state = cell.initial();
    // The latest invocation of those that have a place: who returned before it has one too.
    let mut latest = 0;
    for &index in order {
        let call = &calls[index];
        assert!(
            call.returned.is_none_or(|at| at >= latest),
            "{call:?} comes too late"
        );
        latest = latest.max(call.invoked);
        let (after, outcome) = call.operation.on(state);
        assert!(
            call.outcome.is_none_or(|seen| seen == outcome),
            "{call:?} in {state:?}"
        );
        state = after;
    }
    state
}
