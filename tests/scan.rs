//! Guarantee D for scans: a map is read in calls, each of which says where the next goes on.
//!
//! - A whole scan yields every entry once and in the map's order, whatever the budget; a call ends
//!   between two hashes, also where they are neighbours, and behind the greatest there is.
//! - A cursor is a place: of any map it is one in any other, and it may be resumed by any thread.
//! - Between the calls, and within them, the map may be written, grow and shrink: what is there
//!   throughout comes once.

#![allow(clippy::duplicate_mod, reason = "a suite runs on each back end")]

mod hashers;
mod poison;

#[path = "suites"]
mod epoch {
    type R = splitmap::Epoch;
    mod maps;
    mod scan;
}

#[cfg(feature = "crossbeam-epoch")]
#[path = "suites"]
mod crossbeam {
    type R = splitmap::Crossbeam;
    mod maps;
    mod scan;
}

#[cfg(feature = "seize")]
#[path = "suites"]
mod seize {
    type R = splitmap::Seize;
    mod maps;
    mod scan;
}
