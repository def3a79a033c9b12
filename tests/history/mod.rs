//! Histories of a concurrent map, and whether the map can have behaved so.
//!
//! A **history** is what threads saw: calls with their outcome, each with the stamps of its
//! invocation and its return. It is **linearizable** if all calls can be put in one order in which
//! (1) a call that returned before another was invoked comes first, and (2) a map that is used by
//! one thread alone gives the same outcomes.
//!
//! # The search (`search`)
//!
//! Wing and Gong (*Testing and verifying concurrent objects*, 1993) find the order step by step.
//! Only a call that is invoked before any call without a place has returned can be next. One of
//! those whose outcome fits the present state gets the next place. Where none fits, the last
//! choice is taken back.
//!
//! Lowe (*Testing for linearizability*, 2017) keeps in mind where the search has been: the set of
//! the calls that have a place, and the state. Arriving there by another order, it turns round. So
//! it looks at each such configuration once, and not at each order.
//!
//! Here the set is short: a call that has returned before the first one without a place does has a
//! place; one that is invoked after that has none. So the set is that return, and a bit for each
//! call that is open at it. Calls that change no state are not chosen but take their place as soon
//! as they fit: an order in which such a call comes later stays one if it is moved there. The
//! events of calls without a place are a doubly linked list (Horn and Kroening, *Faster
//! linearizability checking via P-compositionality*, 2015): a call leaves it and comes back in
//! constant time, and nothing recurses.
//!
//! Where the search has taken back many choices, it also looks ahead: there is no way on if a call
//! without a place needs a state that is not there and that no such call can make. It stays
//! exponential in the number of calls that are open together; not in the length of the history.
//!
//! # Many keys (`map`)
//!
//! Linearizability is local (Herlihy and Wing, 1990): a map of keys that do not know of each other
//! is linearizable if each key's history is. So keys are checked one by one, each as a cell that
//! holds a value or none (`cell`). Values may be written twice, but are best not: then each outcome
//! says which call came before, and the search hardly ever takes anything back.
//!
//! # Entries
//!
//! An entry holds no lock, so it is two calls: the look, which is a `get`, and what it does later,
//! which is done to the map as it is then. An occupied one then says what was there, or if nothing
//! was any more, what it had seen; and its outcome does not tell which of the two.
//!
//! # Calls that never returned
//!
//! They may have taken effect, at any moment after their invocation, or not.
//!
//! # Calls on many keys
//!
//! They are no one instant. What is checked of them is weaker, and this:
//!
//! * A **walk** (`iter`, `keys`, a whole scan) is one read of each key, by itself. An entry that it
//!   meets was current at a moment between the walk's start and the meeting. A key that it does not
//!   meet was absent at a moment of the walk; one whose walk never returned says nothing. These
//!   reads are calls of the key's history, so all of them agree with one order of its writes. It
//!   follows that a key which is there throughout is met, and one which is absent throughout is
//!   not. And no key is met twice. Nothing is said of the order of two keys' reads.
//! * A **retain** is a walk that answers. A key whose entry was refused is, between the answer and
//!   the end of the call (or the key's next entry that it asks for), removed if it still is that
//!   entry. It may be asked for again then, and only then.
//! * An **insertion of many** is an insertion of each, at a moment of the call; which of them replaced
//!   what is not known.
//! * The parts of a **parallel iteration** are a walk together.
//! * A **clear** removes each key at a moment of the call, whether it is there or not.
//! * The **length** has two statements ([`Count`]), as it may be taken at an instant or be summed
//!   up. Both are bounds: that no number outside them comes is checked, and not more.
//!
//! # What cannot be seen
//!
//! A stamp is a read-modify-write of one word that all threads share, so that the order of time is
//! exact: if a call's return has a smaller stamp than another's invocation, it happens before it.
//! For that very reason the stamps order more than the map does, and may hide a fence that it lacks.
//!
//! # Where it is used
//!
//! It needs std alone. In a test: `#[path = "history/mod.rs"] mod history;` (there is a test of this
//! name, so `mod history;` does not say which). In a fuzz target:
//! `#[path = "../../tests/history/mod.rs"] mod history;`.

#![allow(
    dead_code,
    unused_imports,
    reason = "each test and fuzz target uses the part that it needs"
)]

mod cell;
mod length;
mod map;
mod record;
mod search;
mod show;

pub use cell::{Action, Cell, Condition, Operation, Outcome, Value};
pub use length::{Bounds, Count};
pub use map::{Failure, History, Key, Met, Recorder, Walker, Witness};
pub use record::{Call, Clock, Stamp, Tape};
pub use search::{PATIENCE, Spec, Stuck, check, check_patiently};
