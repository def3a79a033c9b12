//! The core: a split-ordered list with inline heads, and the table that finds its way into it.
//!
//! What it promises to the face, under a pinned section of the map's own reclaimer:
//!
//! * `get` writes nothing that another thread reads, and never waits;
//! * every write takes effect at one compare-and-swap (the table in `list`), and waits for nobody;
//! * a node that was given out stays where it is until the section ends;
//! * a key's `Eq` may panic, and may use the map: nothing is half done when it is called.
//!
//! It knows neither hashers nor user-facing types; whoever calls it brings the hash. Imports point
//! down this list:
//!
//! ```text
//! table       hash -> where its search starts; the operations
//! build       a table whose entries are all there at the start
//! drain       a table whose entries are all taken out at the end
//! exclusive   a table that is borrowed mutably
//! parts       a table that nobody else uses, in parts for several threads
//! ranges      a table in ranges of hashes, for several threads
//! resize      growth and shrinking: published at once, done in strides
//! list        find, link, replace, remove; the readers' walk
//! retired     what is handed to the reclaimer
//! directory   bucket -> head; the state word
//! node        an entry in its place
//! link        a pointer and its bits
//! order       arithmetic of buckets
//! ```

mod build;
mod directory;
mod drain;
mod exclusive;
mod link;
mod list;
mod node;
mod order;
#[cfg(feature = "rayon")]
mod parts;
#[cfg(feature = "rayon")]
mod ranges;
mod resize;
mod retired;
mod table;

#[cfg(splitmap_loom)]
mod audit;

pub(crate) use drain::Nodes;
pub(crate) use exclusive::WalkMut;
pub(crate) use list::Walk;
pub(crate) use node::Node;
#[cfg(feature = "rayon")]
pub(crate) use parts::{OwnedPart, PartMut};
#[cfg(feature = "rayon")]
pub(crate) use ranges::HashRange;
#[cfg(splitmap_loom)]
pub use resize::Claim;
pub use retired::Retired;
pub(crate) use table::{Computed, Decision, Inserted, Removal, Table};
