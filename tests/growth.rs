//! The table grows whatever else its writers do (guarantee A: a read's steps are bounded by the
//! entries of its bucket, which are few), and stays wide enough when it shrinks.
//!
//! Keys of equal hash are in no table apart: there the work grows with their number, and no faster.
//!
//! The work of reads is counted in comparisons of keys: keys this small are compared with every
//! node of the bucket that a read passes.

#![allow(clippy::duplicate_mod, reason = "a suite runs on each back end")]

mod hashers;

#[path = "suites"]
mod epoch {
    type R = splitmap::Epoch;
    mod growth;
    mod maps;
}

#[cfg(feature = "crossbeam-epoch")]
#[path = "suites"]
mod crossbeam {
    type R = splitmap::Crossbeam;
    mod growth;
    mod maps;
}

#[cfg(feature = "seize")]
#[path = "suites"]
mod seize {
    type R = splitmap::Seize;
    mod growth;
    mod maps;
}
