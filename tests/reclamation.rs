//! Guarantee F: what is removed is freed, when nobody can see it any more, by whom the back end
//! says it is, and at the latest when the map is dropped where the back end promises that.
//!
//! - A guard protects what could be read under it, however guards are nested, ordered, moved or
//!   kept; when it is gone, `flush` frees.
//! - Garbage of threads that are idle or gone is freed too.
//! - Destructors run where they may: not on readers, and not on threads that do not hold the map;
//!   they may use the map, and they may panic.
//! - Guards may be leaked, kept in thread-locals, or inherited by a fork; threads may be many.
//!
//! The epoch belongs to the process, so a guard of one test would keep what another test wants
//! freed. Tests take turns, and such that leave something behind run in a process of their own.

#![allow(clippy::duplicate_mod, reason = "a suite runs on each back end")]

mod own_process;
mod poison;

use std::sync::Mutex;

static TURN: Mutex<()> = Mutex::new(());

#[path = "suites"]
mod epoch {
    type R = splitmap::Epoch;
    const COUNTS_GARBAGE: bool = true;
    mod maps;
    mod reclamation;
}

#[cfg(feature = "crossbeam-epoch")]
#[path = "suites"]
mod crossbeam {
    type R = splitmap::Crossbeam;
    const COUNTS_GARBAGE: bool = false;
    mod maps;
    mod reclamation;
}

#[cfg(feature = "seize")]
#[path = "suites"]
mod seize {
    type R = splitmap::Seize;
    const COUNTS_GARBAGE: bool = true;
    mod maps;
    mod reclamation;
}
