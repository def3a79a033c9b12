//! Code of the user that changes the very key which a call is writing: the call ends, with a panic that
//! says so if it would not end otherwise, and nothing is lost.

#![allow(clippy::duplicate_mod, reason = "a suite runs on each back end")]

#[path = "suites"]
mod epoch {
    type R = splitmap::Epoch;
    mod maps;
    mod reentry;
}

#[cfg(feature = "crossbeam-epoch")]
#[path = "suites"]
mod crossbeam {
    type R = splitmap::Crossbeam;
    mod maps;
    mod reentry;
}

#[cfg(feature = "seize")]
#[path = "suites"]
mod seize {
    type R = splitmap::Seize;
    mod maps;
    mod reentry;
}
