#![doc = include_str!("../README.md")]

mod iter;
mod map;
#[cfg(loom)]
#[doc(hidden)]
pub mod model;
mod pinned;
mod raw;
mod reclaim;
mod sync;

pub use equivalent::Equivalent;
pub use iter::{Iter, Keys, Values};
pub use map::{DefaultHashBuilder, HashMap, HashMapBuilder, OccupiedError};
pub use pinned::HashMapRef;
pub use raw::Retired;
#[cfg(not(loom))]
pub use reclaim::Crossbeam;
pub use reclaim::{DefaultReclaimer, Dispose, Guard, LocalGuard, Reclaim, Reclaimer};
