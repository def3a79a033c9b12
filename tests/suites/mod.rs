//! The suites that run on every back end. Each back end has a binary (`tests/epoch.rs`,
//! `tests/crossbeam.rs`, `tests/seize.rs`), which defines what this module imports.
//!
//! `tests/README.md` says which suites are not here, and why.

use super::{GUARDS_ARE_OF_ONE_MAP, LATE_PANICS_COME_OUT, R};

mod by_ref;
mod entry;
mod foreign;
mod growth;
mod many;
pub mod maps;
mod oracle;
mod panics;
#[cfg(feature = "rayon")]
mod parallel;
mod reentry;
mod scan;
#[cfg(feature = "serde")]
mod serde;
pub mod set;
mod shrinking;
