//! References, iterators and shares of a map that own their guard: what they lead to stays, wherever they
//! go, and is dropped once when they are gone.

#![allow(clippy::duplicate_mod, reason = "a suite runs on each back end")]

#[path = "suites"]
mod epoch {
    type R = splitmap::Epoch;
    mod maps;
    mod owning;
}

// `Crossbeam` has no guards that can be sent, and takes nothing that borrows.

#[cfg(feature = "seize")]
#[path = "suites"]
mod seize {
    type R = splitmap::Seize;
    mod maps;
    mod owning;
}
