//! Guarantees E, F and H, seen by counting: what a map is given is dropped, never twice and never
//! too early.
//!
//! - Nothing is dropped while a reference to it is protected by a guard.
//! - What is in the map when the map is dropped is dropped then, exactly once.
//! - What never went in (a lost `get_or_insert`, a failed `try_insert`) is dropped at once, exactly
//!   once.
//! - What was removed, replaced, retained away or cleared is dropped at most once, at a time that
//!   the reclaimer chooses; and it is not all kept for ever. With a back end that drains it is
//!   dropped exactly once, with the map at the latest, whichever thread had removed it.
//!
//! - What is taken out by `into_iter` or `drain` is given once, and what is not taken is dropped once;
//!   a destructor that panics there, or while the map is dropped, loses no other.
//! - However many entries there are, no call stack grows with them; nor with destructors that use the
//!   map, while its table shrinks.
//!
//! For keys and values of no size, of great size, of great alignment, and with memory of their own. `SPLITMAP_CROWD=10000000` sets the number of entries where many are
//! dropped on a small stack.

#![allow(clippy::duplicate_mod, reason = "a suite runs on each back end")]

mod poison;

#[path = "suites"]
mod epoch {
    type R = splitmap::Epoch;
    mod drops;
    mod maps;
}

#[cfg(feature = "crossbeam-epoch")]
#[path = "suites"]
mod crossbeam {
    type R = splitmap::Crossbeam;
    mod drops;
    mod maps;
}

#[cfg(feature = "seize")]
#[path = "suites"]
mod seize {
    type R = splitmap::Seize;
    mod drops;
    mod maps;
}
