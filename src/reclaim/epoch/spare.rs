//! The memory of freed entries, kept for the next ones: a list that is stored in that memory.
//!
//! An entry that is inserted takes it from here, as long as there is some, and so calls no allocator.
//! That runs no destructor: the memory here is already empty.

use std::ptr::{self, NonNull};

/// See the file's header. The list owns the memory in it.
#[derive(Debug)]
pub(super) struct Spare {
    first: *mut (),
    len: u32,
}

// SAFETY: memory without contents, of the global allocator, which takes it back on any thread.
unsafe impl Send for Spare {}

impl Default for Spare {
    fn default() -> Self {
        Spare {
            first: ptr::null_mut(),
            len: 0,
        }
    }
}

impl Spare {
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// # Safety
    ///
    /// `Dispose::empty` has returned the memory, and nothing else uses it.
    #[inline(always)]
    pub(super) unsafe fn push(&mut self, memory: NonNull<()>) {
        // SAFETY: the contract of `empty`: there is room for a pointer.
        unsafe { memory.cast::<*mut ()>().write(self.first) };
        self.first = memory.as_ptr();
        self.len += 1;
    }

    #[inline(always)]
    pub(super) fn pop(&mut self) -> Option<NonNull<()>> {
        let memory = NonNull::new(self.first)?;
        // SAFETY: written by `push`; the memory is still in the list.
        self.first = unsafe { memory.cast::<*mut ()>().read() };
        self.len -= 1;
        Some(memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_comes_out_once() {
        let mut cells = [[0_usize; 2]; 5];
        let places: Vec<NonNull<()>> = cells.iter_mut().map(|c| NonNull::from(c).cast()).collect();
        let mut spare = Spare::default();
        assert_eq!(spare.pop(), None);
        for &place in &places {
            // SAFETY: room for two pointers each, which this test alone uses.
            unsafe { spare.push(place) };
        }
        assert_eq!(spare.len(), 5);
        let taken: Vec<_> = std::iter::from_fn(|| spare.pop()).collect();
        assert!(taken.iter().eq(places.iter().rev()));
        assert_eq!((spare.len(), spare.pop()), (0, None));
    }
}
