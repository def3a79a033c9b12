//! Guarantee F for the table: it shrinks by itself when entries are removed, as it grows when they
//! come, and what others do with it meanwhile stays right (guarantees C, D and E).
//!
//! - Removals alone bring a large table down; `clear`, `retain` and `flush` end what they have left
//!   half done. What was asked for by `with_capacity` or `reserve` stays, until `shrink_to_fit`.
//! - A number of entries that goes up and down within a factor of two resizes nothing.
//! - A capacity that cannot be is refused, and the map is as it was. (That it leaves no memory behind
//!   is looked at in `tests/empty.rs`.)
//! - Keys that are always there are found by every read, and yielded exactly once by every iteration
//!   of every kind, while the table grows and shrinks under them. References stay valid under their
//!   guard.
//!
//! ```text
//! SPLITMAP_STABLE=100000 SPLITMAP_TRIES=10000 cargo test --release --all-features --test shrinking
//! ```
//!
//! runs 10,000 iterations of each back end over 100,000 such keys, while two threads resize the
//! table; without the variables there are few of both. Every try draws its own pauses and its own
//! numbers of entries that come and go, from a seed that is its number.
//!
//! Under AddressSanitizer set `ASAN_OPTIONS=allocator_may_return_null=1`: one test asks for more
//! memory than there is.

#![allow(clippy::duplicate_mod, reason = "a suite runs on each back end")]

mod poison;

#[path = "suites"]
mod epoch {
    type R = splitmap::Epoch;
    mod maps;
    mod shrinking;
}

#[cfg(feature = "crossbeam-epoch")]
#[path = "suites"]
mod crossbeam {
    type R = splitmap::Crossbeam;
    mod maps;
    mod shrinking;
}

#[cfg(feature = "seize")]
#[path = "suites"]
mod seize {
    type R = splitmap::Seize;
    mod maps;
    mod shrinking;
}
