//! Guarantees C and D by recorded histories: is there one order of the calls on each key that
//! explains what all threads saw, and do calls on many keys agree with it? `tests/history/mod.rs`
//! says what is checked, and how.
//!
//! - The checker says what another one says, and one that tries every order, of random histories,
//!   linearizable ones and corrupted ones (`agreement`); it finds each kind of wrong answer
//!   (`corruptions`, `bulk`), in large histories too (`large`), and maps that are broken (`broken`).
//! - Histories of the real map hold, on each back end: few keys and many, a table that grows and
//!   shrinks, hashers of any quality (`maps`).
//!
//! Threads are bounded by counts of calls, never by time. That they meet is seen to: keys and walks
//! give up the processor inside of calls, and histories in which hardly any calls overlap do not
//! count.

#![allow(clippy::duplicate_mod, reason = "a suite runs on each back end")]

mod hashers;
#[path = "history/mod.rs"]
mod history;

#[path = "history/suite"]
mod suite {
    mod agreement;
    mod broken;
    mod bulk;
    mod corruptions;
    pub mod generate;
    mod large;
    pub mod workload;
}

#[path = "history/suite"]
mod epoch {
    type R = splitmap::Epoch;
    mod maps;
}

#[cfg(feature = "crossbeam-epoch")]
#[path = "history/suite"]
mod crossbeam {
    type R = splitmap::Crossbeam;
    mod maps;
}

#[cfg(feature = "seize")]
#[path = "history/suite"]
mod seize {
    type R = splitmap::Seize;
    mod maps;
}
