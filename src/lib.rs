#![doc = include_str!("../README.md")]

mod builder;
mod compute;
#[cfg(not(loom))]
mod enroll;
mod entry;
pub mod guide;
mod hashing;
mod iter;
mod many;
mod map;
#[cfg(loom)]
#[doc(hidden)]
pub mod model;
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
pub use compute::{Compute, Operation};
pub use entry::{Entry, EntryRef, Modified, OccupiedEntry, VacantEntry};
pub use equivalent::Equivalent;
pub use hashing::{DefaultHashBuilder, DefaultHasher};
pub use iter::{Cursor, Drain, IntoIter, Iter, IterMut, Keys, Scan, Values, ValuesMut};
pub use many::GetMany;
pub use map::{HashMap, OccupiedError};
pub use pinned::HashMapRef;
pub use raw::Retired;
#[cfg(all(feature = "crossbeam-epoch", not(loom)))]
pub use reclaim::Crossbeam;
#[cfg(all(splitmap_leak, not(loom)))]
#[doc(hidden)]
pub use reclaim::Leak;
#[cfg(all(feature = "seize", not(loom)))]
pub use reclaim::Seize;
pub use reclaim::{
    DefaultReclaimer, Dispose, Guard, LocalGuard, OwnedGuard, Reclaim, ReclaimOwned, Reclaimer,
};
#[cfg(not(loom))]
pub use reclaim::{Epoch, flush_all};
pub use set::{HashSet, HashSetBuilder, HashSetRef};
pub use stats::Stats;
