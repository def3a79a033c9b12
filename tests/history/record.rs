//! Calls with the moments of their invocation and return, and how they are recorded.

use std::sync::atomic::{AtomicU64, Ordering};

/// A moment. No two events that a clock stamped have the same.
pub type Stamp = u64;

/// Stamps events in the order in which they happen.
#[derive(Debug)]
pub struct Clock(AtomicU64);

impl Clock {
    pub const fn new() -> Clock {
        Clock(AtomicU64::new(1))
    }

    pub fn stamp(&self) -> Stamp {
        // AcqRel: what was done before a smaller stamp happens before what is done after this one.
        self.0.fetch_add(1, Ordering::AcqRel)
    }
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::new()
    }
}

/// One call of a history. Histories that are built by hand may use a stamp several times: events
/// with the same stamp count as concurrent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call<O, T> {
    pub thread: usize,
    pub operation: O,
    /// `None` if nobody knows: the call never returned, or returned without a word.
    pub outcome: Option<T>,
    pub invoked: Stamp,
    /// `None` if it never returned: it may have taken effect or not.
    pub returned: Option<Stamp>,
}

impl<O, T> Call<O, T> {
    /// Whether this call was over when that one began.
    pub fn precedes<P, U>(&self, other: &Call<P, U>) -> bool {
        self.returned
            .is_some_and(|returned| returned < other.invoked)
    }
}

/// What one thread records: a vector of its own, and the clock that all share.
#[derive(Debug)]
pub struct Tape<'c, O, T> {
    clock: &'c Clock,
    thread: usize,
    calls: Vec<Call<O, T>>,
}

impl<'c, O, T: Clone> Tape<'c, O, T> {
    pub fn new(clock: &'c Clock, thread: usize) -> Self {
        Tape {
            clock,
            thread,
            calls: Vec::new(),
        }
    }

    /// Runs a call and records it. If `run` panics, the call stays one that never returned.
    pub fn call(&mut self, operation: O, run: impl FnOnce() -> T) -> T {
        self.begin(operation);
        let outcome = run();
        self.end(Some(outcome.clone()));
        outcome
    }

    /// Records that a call begins. The thread ends it before it begins the next one, or never.
    /// Gives the operation back, as one may come to be known while it runs.
    pub fn begin(&mut self, operation: O) -> &mut O {
        self.calls.push(Call {
            thread: self.thread,
            operation,
            outcome: None,
            invoked: 0,
            returned: None,
        });
        let call = self.calls.last_mut().expect("just pushed");
        // Last, when there is room for the call.
        call.invoked = self.clock.stamp();
        &mut call.operation
    }

    /// Records that the call which was begun last has returned, with this outcome if one is known.
    pub fn end(&mut self, outcome: Option<T>) {
        let returned = self.clock.stamp();
        let call = self.calls.last_mut().expect("a call was begun");
        assert!(call.returned.is_none(), "a call ends once");
        call.returned = Some(returned);
        call.outcome = outcome;
    }

    /// Runs calls that are made together, of which nobody knows which said what, and records them.
    pub fn together<A>(
        &mut self,
        operations: impl IntoIterator<Item = O>,
        run: impl FnOnce() -> A,
    ) -> A {
        let first = self.calls.len();
        for operation in operations {
            self.begin(operation);
        }
        let answer = run();
        for call in &mut self.calls[first..] {
            call.returned = Some(self.clock.stamp());
        }
        answer
    }

    pub fn into_calls(self) -> Vec<Call<O, T>> {
        self.calls
    }
}
