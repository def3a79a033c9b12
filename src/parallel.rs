//! Parallel iterators, on rayon's threads (feature `rayon`).
//!
//! A map is divided by ranges of its hashes, down to buckets; nothing is gathered first, and no
//! snapshot is taken. While others write, guarantee **D** holds for all threads together: an entry
//! that is present from the start to the end is yielded exactly once, to one of them.
//!
//! One guard protects the whole iteration: that of the caller, which it borrows. A guard of its
//! thread is enough. The threads that help pin nothing. (A thread of rayon's that waits for others
//! runs other tasks meanwhile: if the caller is one, its guard is held while it does.)
//!
//! `par_iter`, `par_keys` and `par_values` are methods of maps and views, `par_iter_mut` and
//! `into_par_iter` come by rayon's traits too, and so do `par_extend` and `collect`:
//!
//! ```
//! use rayon::prelude::*;
//! use splitmap::HashMap;
//!
//! let squares: HashMap<u64, u64> = (0..1_000).into_par_iter().map(|n| (n, n * n)).collect();
//! assert_eq!(squares.pin().par_values().max(), Some(&(999 * 999)));
//! ```

#![forbid(unsafe_code)]

mod collect;
mod exclusive;
mod set;
mod shared;

pub use exclusive::{IntoParIter, ParIterMut, ParValuesMut};
pub use set::{IntoParValues, ParSetIter};
pub use shared::{ParIter, ParKeys, ParValues};

use rayon::iter::plumbing::{Folder, UnindexedProducer};

/// What can be divided, and is a sequence in the end.
trait Divide: Send + Sized {
    type Piece;

    /// Two halves, or all that there is.
    fn divide(self) -> (Self, Option<Self>);

    /// The pieces, one after the other.
    fn pieces(self) -> impl Iterator<Item = Self::Piece>;
}

/// What rayon divides among its threads: `source`, and what an item is made of a piece by.
struct Producer<D, F> {
    source: D,
    item: F,
}

impl<D, F, T> UnindexedProducer for Producer<D, F>
where
    D: Divide,
    F: Fn(D::Piece) -> T + Copy + Send,
{
    type Item = T;

    fn split(self) -> (Self, Option<Self>) {
        let item = self.item;
        let (left, right) = self.source.divide();
        let producer = |source| Producer { source, item };
        (producer(left), right.map(producer))
    }

    fn fold_with<C: Folder<T>>(self, folder: C) -> C {
        folder.consume_iter(self.source.pieces().map(self.item))
    }
}
