//! One key of a map: a cell that holds a value or none, and every operation on a key.

use super::search::Spec;

/// What a cell holds. Checking is fast, and errors are plain, if no value is written twice.
pub type Value = u64;

/// An operation on a key. Values that a closure makes are fixed before the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Get,
    Contains,
    /// `insert`: replaces what is there.
    Insert(Value),
    /// `try_insert`, and a vacant entry's: if there is nothing.
    TryInsert(Value),
    /// `get_or_insert`, an entry's `or_insert` and a vacant one's `insert`: as `TryInsert`.
    GetOrInsert(Value),
    /// `update`: replaces what is there, if anything is.
    Update(Value),
    /// `update_or_insert`, and an entry's `and_modify` with `or_insert`: one value if something is
    /// there, else another.
    UpdateOrInsert {
        update: Value,
        insert: Value,
    },
    /// `compute`: what is done depends on what is there.
    Compute {
        /// What is asked of a value that is there.
        when: Condition,
        then: Action,
        otherwise: Action,
        absent: Action,
    },
    Remove,
    RemoveIf(Condition),
    ReplaceIf(Condition, Value),
    /// `put` of an entry that was occupied: replaces what is there by now. (`insert_entry` does
    /// not say what was there: no history has it.)
    InsertByEntry {
        seen: Value,
        value: Value,
    },
    /// The map's `remove` of an entry's key that had this value: removes what is there by now.
    RemoveByEntry(Value),
    /// `remove` of an entry with this value, which no other ever has.
    RemoveUnchanged(Value),
    /// What a walk saw of the key: a read.
    Walk,
    /// What becomes of an entry with this value that `retain` was told to remove: it goes if it is
    /// still there.
    Refuse(Value),
    /// What `clear` does to the key: it is absent then.
    Clear,
}

/// What is asked of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Is(Value),
    Even,
}

impl Condition {
    pub fn holds(self, value: Value) -> bool {
        match self {
            Condition::Is(expected) => value == expected,
            Condition::Even => value.is_multiple_of(2),
        }
    }
}

/// What `compute` may decide to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Insert(Value),
    /// Nothing happens if nothing is there.
    Remove,
    Abort,
}

/// What an operation did, and what was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It changed nothing: what is there. (A read; a write that was refused, or found nothing.)
    Kept(Option<Value>),
    /// It wrote its value: what was there.
    Wrote(Option<Value>),
    /// It removed this.
    Removed(Value),
    /// Of `contains`.
    Present(bool),
    /// Of an entry that was occupied: what was there, or if nothing was, what the entry had seen.
    ThereOrSeen(Value),
    /// It left all as it was, and does not say what is there.
    Left,
}

impl Outcome {
    /// Of a call whose value nobody else writes: whose value is there now tells who inserted it.
    pub fn inserted_or_found(value: Value, current: Value) -> Outcome {
        if current == value {
            Outcome::Wrote(None)
        } else {
            Outcome::Kept(Some(current))
        }
    }

    /// The value that it names.
    pub(super) fn value(self) -> Option<Value> {
        match self {
            Outcome::Kept(value) | Outcome::Wrote(value) => value,
            Outcome::Removed(value) | Outcome::ThereOrSeen(value) => Some(value),
            Outcome::Present(_) | Outcome::Left => None,
        }
    }
}

/// A cell that holds this at first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cell(pub Option<Value>);

impl Operation {
    pub(super) fn only_reads(self) -> bool {
        matches!(self, Operation::Get | Operation::Contains | Operation::Walk)
    }

    /// Whether it can make an entry where there was none.
    pub(super) fn may_add(self) -> bool {
        match self {
            Operation::Insert(_)
            | Operation::TryInsert(_)
            | Operation::GetOrInsert(_)
            | Operation::UpdateOrInsert { .. }
            | Operation::InsertByEntry { .. } => true,
            Operation::Compute { absent, .. } => matches!(absent, Action::Insert(_)),
            _ => false,
        }
    }

    /// Whether it can make an entry go away.
    pub(super) fn may_remove(self) -> bool {
        match self {
            Operation::Remove
            | Operation::RemoveIf(_)
            | Operation::RemoveByEntry(_)
            | Operation::RemoveUnchanged(_)
            | Operation::Refuse(_)
            | Operation::Clear => true,
            Operation::Compute {
                then, otherwise, ..
            } => [then, otherwise].contains(&Action::Remove),
            _ => false,
        }
    }

    /// Whether the value that the outcome names was there for certain: an occupied entry may name what
    /// it saw.
    fn was_there(self, value: Value) -> bool {
        match self {
            Operation::InsertByEntry { seen, .. } | Operation::RemoveByEntry(seen) => value != seen,
            _ => true,
        }
    }

    /// By how many entries the map changed, if the outcome says so.
    pub(super) fn change(self, outcome: Option<Outcome>) -> Option<i64> {
        use Outcome::*;
        match (self, outcome?) {
            (_, Wrote(None)) => Some(1),
            (_, Removed(_)) => Some(-1),
            (_, Wrote(Some(_)) | Kept(_) | Present(_) | Left) => Some(0),
            (_, ThereOrSeen(value)) if !self.was_there(value) => None,
            (Operation::InsertByEntry { .. }, ThereOrSeen(_)) => Some(0),
            (_, ThereOrSeen(_)) => Some(-1),
        }
    }

    /// Whether the key is there after it, if the outcome says so.
    pub(super) fn leaves_entry(self, outcome: Option<Outcome>) -> Option<bool> {
        match (self, outcome?) {
            (_, Outcome::Kept(current)) => Some(current.is_some()),
            (_, Outcome::Wrote(_)) => Some(true),
            (_, Outcome::Removed(_)) => Some(false),
            (_, Outcome::Present(is_present)) => Some(is_present),
            (Operation::InsertByEntry { .. }, Outcome::ThereOrSeen(_)) => Some(true),
            (_, Outcome::ThereOrSeen(_)) => Some(false),
            (_, Outcome::Left) => None,
        }
    }

    /// The values that it may write.
    pub(super) fn may_write(self) -> [Option<Value>; 3] {
        let written = |action| match action {
            Action::Insert(value) => Some(value),
            Action::Remove | Action::Abort => None,
        };
        match self {
            Operation::Insert(value)
            | Operation::TryInsert(value)
            | Operation::GetOrInsert(value)
            | Operation::Update(value)
            | Operation::ReplaceIf(_, value)
            | Operation::InsertByEntry { value, .. } => [Some(value), None, None],
            Operation::UpdateOrInsert { update, insert } => [Some(update), Some(insert), None],
            Operation::Compute {
                then,
                otherwise,
                absent,
                ..
            } => [then, otherwise, absent].map(written),
            _ => [None; 3],
        }
    }

    /// What it does to a cell, and the cell after it.
    pub fn on(self, current: Option<Value>) -> (Option<Value>, Outcome) {
        let kept = (current, Outcome::Kept(current));
        let write = |value| (Some(value), Outcome::Wrote(current));
        let act = |action| match (action, current) {
            (Action::Insert(value), _) => write(value),
            (Action::Remove, Some(value)) => (None, Outcome::Removed(value)),
            (Action::Remove, None) | (Action::Abort, _) => kept,
        };
        match (self, current) {
            (Operation::Get | Operation::Walk, _) => kept,
            (Operation::Contains, _) => (current, Outcome::Present(current.is_some())),
            (Operation::Insert(value), _) => write(value),
            (Operation::TryInsert(value) | Operation::GetOrInsert(value), None) => write(value),
            (Operation::TryInsert(_) | Operation::GetOrInsert(_), Some(_)) => kept,
            (Operation::Update(value), Some(_)) => write(value),
            (Operation::Update(_), None) => kept,
            (Operation::UpdateOrInsert { update, .. }, Some(_)) => write(update),
            (Operation::UpdateOrInsert { insert, .. }, None) => write(insert),
            (Operation::Compute { absent, .. }, None) => act(absent),
            (
                Operation::Compute {
                    when,
                    then,
                    otherwise,
                    ..
                },
                Some(value),
            ) => act(if when.holds(value) { then } else { otherwise }),
            (Operation::Remove | Operation::Clear, _) => act(Action::Remove),
            (Operation::RemoveIf(when), Some(value)) if when.holds(value) => act(Action::Remove),
            (Operation::RemoveIf(_), _) => kept,
            (Operation::ReplaceIf(when, new), Some(value)) if when.holds(value) => write(new),
            (Operation::ReplaceIf(..), _) => kept,
            (Operation::InsertByEntry { seen, value }, _) => {
                (Some(value), Outcome::ThereOrSeen(current.unwrap_or(seen)))
            }
            (Operation::RemoveByEntry(seen), _) => {
                (None, Outcome::ThereOrSeen(current.unwrap_or(seen)))
            }
            (Operation::RemoveUnchanged(seen), _) if current == Some(seen) => act(Action::Remove),
            (Operation::RemoveUnchanged(_), _) => (current, Outcome::Left),
            (Operation::Refuse(refused), _) if current == Some(refused) => act(Action::Remove),
            (Operation::Refuse(_), _) => kept,
        }
    }
}

impl Spec for Cell {
    type State = Option<Value>;
    type Operation = Operation;
    type Outcome = Outcome;

    fn initial(&self) -> Option<Value> {
        self.0
    }

    fn step(&self, state: &Option<Value>, operation: &Operation) -> (Option<Value>, Outcome) {
        operation.on(*state)
    }

    fn is_read(&self, operation: &Operation, outcome: Option<&Outcome>) -> bool {
        let keeps = |outcome: &Outcome| {
            use Outcome::*;
            matches!(outcome, Kept(_) | Present(_) | Left)
        };
        operation.only_reads() || outcome.is_some_and(keeps)
    }

    /// Only of values: what makes a cell empty is not looked for.
    fn needs(&self, operation: &Operation, outcome: &Outcome) -> Option<Option<Value>> {
        let value = outcome.value();
        value.filter(|&value| operation.was_there(value)).map(Some)
    }

    fn makes(
        &self,
        operation: &Operation,
        outcome: Option<&Outcome>,
    ) -> impl Iterator<Item = Option<Value>> {
        let writes = matches!(
            outcome,
            None | Some(Outcome::Wrote(_) | Outcome::ThereOrSeen(_))
        );
        let values = operation.may_write().into_iter().flatten();
        values.filter(move |_| writes).map(Some)
    }
}
