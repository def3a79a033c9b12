//! Changes by a borrowed key: owned keys are made only for what is written, and no update is lost.

#![allow(clippy::duplicate_mod, reason = "a suite runs on each back end")]

#[path = "suites"]
mod epoch {
    type R = splitmap::Epoch;
    mod by_ref;
    mod maps;
}

#[cfg(feature = "crossbeam-epoch")]
#[path = "suites"]
mod crossbeam {
    type R = splitmap::Crossbeam;
    mod by_ref;
    mod maps;
}

#[cfg(feature = "seize")]
#[path = "suites"]
mod seize {
    type R = splitmap::Seize;
    mod by_ref;
    mod maps;
}
