//! What only models need, under `cfg(splitmap_loom)`: what they drive, single steps, and an audit.
//!
//! ```text
//! map         the core with hashes in hand
//! steps       the steps of a resize one by one
//! audit       the invariants, checked without a step of the execution
//! reclaimer   a back end that frees as early as the contract allows
//! ```
//!
//! [`epoch`] is what models of the reclaimer drive, which the map's own models do not run.

pub(crate) mod audit;
mod map;
pub(crate) mod reclaimer;
mod steps;

use std::cell::Cell;

pub use self::audit::NothingIsLeft;
pub use self::map::{Key, Map, Part, Pin, Wanted};
pub use self::steps::Claim;
pub use crate::reclaim::epoch::handles as epoch;

thread_local! {
    static STRIDE_BITS: Cell<u32> = const { Cell::new(0) };
}

/// Resizes that are published on this thread from now on have strides of so many buckets of the
/// coarser order, a power of two. One, unless a model says otherwise.
pub fn set_stride(buckets: usize) {
    STRIDE_BITS.set(buckets.ilog2());
}

/// Of how many bits a stride is.
pub(crate) fn stride_bits() -> u32 {
    STRIDE_BITS.get()
}
