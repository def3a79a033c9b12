//! Entries: what they saw stands, what they do is done to the map as it is then, and no update of
//! another thread is lost.

#![allow(clippy::duplicate_mod, reason = "a suite runs on each back end")]

#[path = "suites"]
mod epoch {
    type R = splitmap::Epoch;
    mod entry;
    mod maps;
}

#[cfg(feature = "crossbeam-epoch")]
#[path = "suites"]
mod crossbeam {
    type R = splitmap::Crossbeam;
    mod entry;
    mod maps;
}

#[cfg(feature = "seize")]
#[path = "suites"]
mod seize {
    type R = splitmap::Seize;
    mod entry;
    mod maps;
}
