//! The chain of tables: the newest, the one that it replaces, and so on to a complete one.
//!
//! While nothing is resized the chain is one table. A resize makes it two; a growth that is published
//! over an unfinished resize makes it longer. A search starts in the first table of the chain whose
//! stride is ready there: the last one always is.

use std::marker::PhantomData;

use crate::raw::array::Array;
use crate::raw::link::Link;

/// A table in the chain of a state.
pub(crate) struct Member<'g, N> {
    pub(crate) array: Array<'g, N>,
    /// The oldest of the chain, which is complete.
    pub(crate) is_last: bool,
}

impl<N> Clone for Member<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for Member<'_, N> {}

impl<'g, N> Array<'g, N> {
    /// The table that this one replaces, in the chain of a state that is still in the resize.
    pub(crate) fn replaced(self) -> Member<'g, N> {
        let (array, is_last) = self.older();
        Member { array, is_last }
    }
}

impl<'g, N> Member<'g, N> {
    /// The head of a hash's bucket, unless it is not ready.
    pub(crate) fn head_of(self, hash: u64) -> Option<&'g Link<N>> {
        // SAFETY: the stride is ready, or the table is complete.
        (self.is_last || self.array.is_ready(hash)).then(|| unsafe { self.array.head_of(hash) })
    }

    /// The head with the key of a bucket, unless it is not ready.
    pub(crate) fn head_at(self, bucket: usize) -> Option<&'g Link<N>> {
        self.head_of(self.array.order().key(bucket))
    }

    /// All heads of a table that is complete.
    #[inline(always)]
    pub(crate) fn heads(self) -> Option<&'g [Link<N>]> {
        // SAFETY: it is.
        self.is_last.then(|| unsafe { self.array.heads() })
    }
}

/// The tables of a state, from the newest to the oldest that still matters.
pub(crate) struct Chain<'g, N> {
    next: Option<(Array<'g, N>, bool)>,
    #[cfg(splitmap_loom)]
    is_audit: bool,
}

impl<'g, N> Chain<'g, N> {
    /// The chain of a state whose table is `newest`, loaded under the guard of `'g`.
    pub(crate) fn new(newest: Array<'g, N>, is_resizing: bool) -> Self {
        Chain {
            next: Some((newest, is_resizing)),
            #[cfg(splitmap_loom)]
            is_audit: false,
        }
    }

    /// The same without a step of the execution.
    #[cfg(splitmap_loom)]
    pub(crate) fn audited(newest: Array<'g, N>, is_resizing: bool) -> Self {
        Chain {
            next: Some((newest, is_resizing)),
            is_audit: true,
        }
    }
}

impl<'g, N> Iterator for Chain<'g, N> {
    type Item = Member<'g, N>;

    fn next(&mut self) -> Option<Member<'g, N>> {
        let (array, replaces) = self.next.take()?;
        if replaces {
            #[cfg(not(splitmap_loom))]
            let (older, is_clean) = array.older();
            #[cfg(splitmap_loom)]
            let (older, is_clean) = if self.is_audit {
                array.newest_older()
            } else {
                array.older()
            };
            self.next = Some((older, !is_clean));
        }
        Some(Member {
            array,
            is_last: !replaces,
        })
    }
}

/// A table that this thread's one successful `State::end` took out of the chain, after all its heads
/// had been taken out of the list.
#[must_use = "a table that was replaced must be retired"]
pub(crate) struct UnlinkedArray<'g, N> {
    array: Array<'g, N>,
}

impl<'g, N> UnlinkedArray<'g, N> {
    /// # Safety
    ///
    /// What the type says.
    pub(in crate::raw) unsafe fn new(member: Member<'g, N>) -> Self {
        UnlinkedArray {
            array: member.array,
        }
    }

    /// The table's [`word`](Array::word).
    pub(crate) fn into_word(self) -> *mut () {
        self.array.word()
    }

    /// The table, for an audit.
    #[cfg(splitmap_loom)]
    pub(crate) fn array(&self) -> Array<'g, N> {
        self.array
    }
}

/// The tables of a map that nobody else uses. They are freed with this.
pub(crate) struct Tables<N> {
    /// As [`Array::word`] gives them.
    newest: *mut (),
    oldest: *mut (),
    is_resizing: bool,
    _owns: PhantomData<N>,
}

impl<N> Tables<N> {
    /// # Safety
    ///
    /// The chain is that of a state which nobody uses any more, and this is called once.
    pub(crate) unsafe fn new(newest: Array<'_, N>, is_resizing: bool) -> Self {
        let oldest = Chain::new(newest, is_resizing).last();
        let oldest = oldest.expect("a chain has a table").array;
        Tables {
            newest: newest.word(),
            oldest: oldest.word(),
            is_resizing,
            _owns: PhantomData,
        }
    }

    fn newest(&self) -> Array<'_, N> {
        // SAFETY: freed with this value.
        unsafe { Array::from_word(self.newest) }
    }

    fn oldest(&self) -> Array<'_, N> {
        // SAFETY: as above.
        unsafe { Array::from_word(self.oldest) }
    }

    pub(crate) fn chain(&self) -> Chain<'_, N> {
        Chain::new(self.newest(), self.is_resizing)
    }

    /// The first head of the list.
    pub(crate) fn first_head(&self) -> &Link<N> {
        // SAFETY: the oldest table of a chain is complete.
        unsafe { self.oldest().head_of(0) }
    }

    /// The newest table.
    #[inline]
    pub(crate) fn newest_member(&self) -> Member<'_, N> {
        Member {
            array: self.newest(),
            is_last: !self.is_resizing,
        }
    }
}

impl<N> Drop for Tables<N> {
    fn drop(&mut self) {
        let mut chain = self.chain();
        let mut next = chain.next();
        while let Some(member) = next {
            // Before the memory goes that leads to the next.
            next = chain.next();
            // SAFETY: nobody else uses the tables, and each is in the chain once.
            unsafe { member.array.free() };
        }
    }
}
