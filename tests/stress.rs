//! Guarantees C, D and E under threads: what one thread was told stays true while others write and
//! the table grows from nothing.
//!
//! - Threads with keys of their own see a map that is theirs alone, checked call by call against
//!   std's.
//! - Keys that are always there are found by every `get` and met exactly once by every iteration,
//!   also when their values are replaced; no iteration meets any key twice.
//! - A value belongs to the key that it is found under. If one thread alone writes a key, what
//!   others read there never goes back.
//! - What goes into a key comes out of it: each value that was inserted with success is displaced,
//!   removed or left at the end, exactly once.
//! - An entry stays where it is: threads that are given it add to one and the same number.
//!
//! Work is bounded by counts of operations, never by time, and nothing waits for a time. Writers
//! pause between phases until each reader has gone through the whole map once more, so that both
//! sides are certain to meet. Outcomes that a test depends on are counted, and a count of zero
//! fails it.

#![allow(clippy::duplicate_mod, reason = "a suite runs on each back end")]

mod hashers;
mod poison;

#[path = "suites"]
mod epoch {
    type R = splitmap::Epoch;
    mod maps;
    mod stress;
}

#[cfg(feature = "crossbeam-epoch")]
#[path = "suites"]
mod crossbeam {
    type R = splitmap::Crossbeam;
    mod maps;
    mod stress;
}

#[cfg(feature = "seize")]
#[path = "suites"]
mod seize {
    type R = splitmap::Seize;
    mod maps;
    mod stress;
}
