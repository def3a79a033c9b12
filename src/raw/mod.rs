//! The core: a split-ordered list with inline heads, and the table that finds its way into it.
//!
//! What it promises to the face, under a pinned section of the map's own reclaimer:
//!
//! * `get` writes nothing that another thread reads, and never waits;
//! * every write takes effect at one compare-and-swap (the table in `section`), and waits for nobody;
//! * a node that was given out stays where it is until the guard is gone;
//! * a key's `Eq` may panic, and may use the map: nothing is half done when it is called.
//!
//! It knows neither hashers nor user-facing types; the caller brings the hash. Imports point down
//! this list:
//!
//! ```text
//! table     the operations, length and capacity: all that the face calls
//! build     a table whose entries are all there at the start
//! sorter    entries in the list's order, for `build`
//! writes    the kinds of writes, and their answers
//! change    a write of one key: one retry loop, and how a write ends
//! reentry   a write that its own thread undoes
//! resize    growing and shrinking: publish, make, settle, end
//! section   a writer's list: find, link, replace, remove, unlink
//! place     a place in the list, for a node or for heads
//! retired   what the reclaimer gets
//! parts     a table with exclusive access, in parts for several threads
//! owned     everything with exclusive access: changing values, taking apart, drop
//! ranges    a walk in ranges of hashes, for several threads
//! walk      iteration, while others write
//! ahead     looking ahead of a walk
//! read      a reader's whole story
//! state     the one word: where a search starts
//! chain     the newest table, and those that it replaces
//! array     a table: heads, and how far its resize is
//! node      an entry in its place
//! link      a word that threads share
//! word      a pointer and its bits
//! order     arithmetic of buckets and strides
//! ```

mod ahead;
mod array;
mod build;
mod chain;
mod change;
mod link;
mod node;
mod order;
mod owned;
#[cfg(feature = "rayon")]
mod parts;
mod place;
#[cfg(any(feature = "rayon", splitmap_loom, splitmap_shuttle))]
mod ranges;
mod read;
mod reentry;
mod resize;
mod retired;
mod section;
mod sorter;
mod state;
mod table;
mod walk;
mod word;
mod writes;

pub(crate) use build::Entries;
pub(crate) use node::Node;
pub(crate) use owned::{Nodes, WalkMut};
#[cfg(feature = "rayon")]
pub(crate) use parts::{OwnedPart, PartMut};
#[cfg(any(feature = "rayon", splitmap_shuttle))]
pub(crate) use ranges::HashRange;
pub(crate) use reentry::Watch;
pub use retired::Retired;
pub(crate) use sorter::Keeps;
pub(crate) use table::Table;
pub(crate) use walk::Walk;
pub(crate) use writes::{Blank, Computed, Decision, Inserted, Removal};

/// What the wing of models looks into.
#[cfg(splitmap_loom)]
pub(crate) mod parts_of_models {
    pub(crate) use super::array::{Look, Stride};
    pub(crate) use super::chain::{Member, UnlinkedArray};
    pub(crate) use super::link::{Link, Linked, Target, Unlinked};
    pub(crate) use super::order::Bucket;
    pub(crate) use super::state::{State, View};
    pub(crate) use super::word::Presence;
}
#[cfg(splitmap_loom)]
pub(crate) use section::Section;
