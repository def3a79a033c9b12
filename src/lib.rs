#![doc = include_str!("../README.md")]

#[cfg(not(target_has_atomic = "64"))]
compile_error!(
    "splitmap needs 64-bit atomics, which this target does not have (`target_has_atomic = \"64\"`)"
);

mod builder;
mod by_ref;
mod compute;
#[cfg(not(splitmap_loom))]
mod enroll;
mod entry;
pub mod guide;
mod hashing;
mod iter;
mod many;
mod map;
#[cfg(splitmap_loom)]
#[doc(hidden)]
pub mod model;
mod owning;
#[cfg(feature = "rayon")]
pub mod parallel;
mod pinned;
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
pub use set::{HashSet, HashSetBuilder, HashSetRef};
pub use stats::Stats;
