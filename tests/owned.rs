//! Guarantees E and F for guards that belong to no thread, on the back ends that have them.
//!
//! - What was read under one stays, wherever the guard goes, whoever removes it, and also when the
//!   thread that made the guard, or any other, has ended. When the guard is gone it is freed.
//! - Threads share one, read and write under it.
//! - A view with one is held across an `.await`, by a task that goes from thread to thread.
//!
//! A guard of one test would keep what another wants freed: tests take turns.

#![allow(clippy::duplicate_mod, reason = "a suite runs on each back end")]

use std::sync::Mutex;

static TURN: Mutex<()> = Mutex::new(());

#[path = "suites"]
mod epoch {
    type R = splitmap::Epoch;
    const GUARDS_ARE_OF_ONE_MAP: bool = false;
    mod foreign;
    mod maps;
    mod owned;
}

// `Crossbeam` has none.

#[cfg(feature = "seize")]
#[path = "suites"]
mod seize {
    type R = splitmap::Seize;
    const GUARDS_ARE_OF_ONE_MAP: bool = true;
    mod foreign;
    mod maps;
    mod owned;
}
