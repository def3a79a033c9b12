//! Guarantee H for what only some back ends take: keys and values that borrow, and such that are
//! bound to one thread.
//!
//! Whoever drops the map afterwards holds it, so a destructor runs on a thread that may run it, and
//! while what it borrows is there. `tests/bounds` has what must not compile.

#![allow(clippy::duplicate_mod, reason = "a suite runs on each back end")]

#[path = "suites"]
mod epoch {
    type R = splitmap::Epoch;
    mod borrowed;
    mod maps;
}

// `Crossbeam` takes none of these.

#[cfg(feature = "seize")]
#[path = "suites"]
mod seize {
    type R = splitmap::Seize;
    mod borrowed;
    mod maps;
}
