//! The suites for back ends with guards that can be sent, and with entries that may borrow:
//! `Epoch` and `Seize`.

use super::R;
use crate::suites::{maps, set};

mod borrowed;
mod owning;
#[cfg(feature = "rayon")]
mod parallel_owned;
mod set_owned;
