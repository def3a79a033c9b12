//! Guarantee G: whatever a user's `Hash`, `Eq`, `Clone`, `Drop` or closure does, a panic included,
//! the map is whole afterwards.
//!
//! Each operation is run with a fuse that makes the n-th call of one kind panic, for n from zero
//! until the operation gets through. After each panic the content is as before (for an operation on
//! many entries: each entry is as before or as after), what was passed in is dropped exactly once,
//! every operation works, and in the end nothing was dropped twice and nothing in the map was
//! forgotten.
//!
//! The second half is about user code that uses the map while it is being called by it.
//!
//! A fuse unwinds by `resume_unwind`, which calls no panic hook: the tests stay silent.

#![allow(clippy::duplicate_mod, reason = "a suite runs on each back end")]

mod hashers;

mod poison;

#[path = "suites"]
mod epoch {
    type R = splitmap::Epoch;
    const LATE_PANICS_COME_OUT: bool = true;
    const GUARDS_ARE_OF_ONE_MAP: bool = false;
    mod foreign;
    mod maps;
    mod panics;
}

#[cfg(feature = "crossbeam-epoch")]
#[path = "suites"]
mod crossbeam {
    type R = splitmap::Crossbeam;
    const LATE_PANICS_COME_OUT: bool = false;
    const GUARDS_ARE_OF_ONE_MAP: bool = false;
    mod foreign;
    mod maps;
    mod panics;
}

#[cfg(feature = "seize")]
#[path = "suites"]
mod seize {
    type R = splitmap::Seize;
    const LATE_PANICS_COME_OUT: bool = false;
    const GUARDS_ARE_OF_ONE_MAP: bool = true;
    mod foreign;
    mod maps;
    mod panics;
}
