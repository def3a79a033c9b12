// The README's links lead to files of the repository. The first definition of a link counts: here the
// pages of this documentation, and addresses.
#![doc = "[guide]: crate::guide"]
#![doc = "[Coming from]: crate::guide::coming_from"]
#![doc = "[guarantees]: crate::guide::guarantees"]
#![doc = concat!("[algorithm]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/ALGORITHM.md")]
#![doc = concat!("[Apache-2.0]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/main/LICENSE-APACHE")]
#![doc = concat!("[changelog]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/main/CHANGELOG.md")]
#![doc = concat!("[contributing]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/main/CONTRIBUTING.md")]
#![doc = concat!("[examples]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/main/examples/README.md")]
#![doc = concat!("[fuzzing]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/FUZZING.md")]
#![doc = concat!("[MIT]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/main/LICENSE-MIT")]
#![doc = concat!("[models]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/TESTING.md")]
#![doc = concat!("[orderings]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/ORDERINGS.md")]
#![doc = concat!("[performance]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/PERFORMANCE.md")]
#![doc = concat!("[planted bugs]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/main/loom-tests/mutants/README.md")]
#![doc = concat!("[reclamation]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/RECLAMATION.md")]
#![doc = concat!("[security]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/main/SECURITY.md")]
#![doc = ""]
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(target_has_atomic = "64"))]
compile_error!(
    "splitmap needs 64-bit atomics, which this target does not have (`target_has_atomic = \"64\"`)"
);

// In the order in which the documentation of `HashMap` is to show its methods;
// blank lines keep rustfmt from sorting them.
mod map;

mod pinned;

mod many;

mod entry;

mod compute;

mod by_ref;

mod builder;
#[cfg(not(splitmap_loom))]
mod enroll;
pub mod guide;
mod hashing;
mod iter;
#[cfg(splitmap_loom)]
#[doc(hidden)]
pub mod model;
mod owning;
#[cfg(feature = "rayon")]
pub mod parallel;
mod raw;
mod reclaim;
#[cfg(feature = "serde")]
mod serialize;
pub mod set;
mod stats;
mod sync;

pub use builder::HashMapBuilder;
pub use compute::{ChangedError, Compute, Operation};
pub use entry::{Entry, EntryRef, Modified, OccupiedEntry, VacantEntry};
pub use equivalent::Equivalent;
pub use hashing::{DefaultHashBuilder, DefaultHasher};
pub use iter::{Cursor, Drain, IntoIter, Iter, IterMut, Keys, Scan, Values, ValuesMut};
pub use many::GetMany;
pub use map::{HashMap, OccupiedError};
pub use owning::{PinnedArc, Ref, RefIter, SetRefIter};
pub use pinned::HashMapRef;
pub use raw::Retired;
#[cfg(feature = "crossbeam-epoch")]
pub use reclaim::Crossbeam;
#[cfg(splitmap_leak)]
#[doc(hidden)]
pub use reclaim::Leak;
#[cfg(feature = "seize")]
pub use reclaim::Seize;
pub use reclaim::{
    DefaultReclaimer, Dispose, Guard, LocalGuard, OwnedGuard, Reclaim, ReclaimOwned, Reclaimer,
};
#[cfg(not(splitmap_loom))]
pub use reclaim::{Epoch, flush_all};
#[doc(inline)]
pub use set::{HashSet, HashSetBuilder, HashSetRef};
pub use stats::Stats;
