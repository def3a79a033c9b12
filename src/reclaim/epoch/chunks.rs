//! A sequence that grows by chunks, each twice as long as the one before: elements are made when
//! first needed, never move, and are found by two loads.

use std::ptr;

use crate::sync::{AtomicPtr, Ordering};

#[cfg(not(splitmap_loom))]
const CHUNKS: usize = 22;
#[cfg(splitmap_loom)]
const CHUNKS: usize = 3;

/// See the file's header. The first chunk has `FIRST` elements, a power of two.
///
/// # Invariant
///
/// Each pointer is null, or to the first element of a boxed slice as long as its chunk, which stays
/// until the sequence is dropped.
pub(super) struct Chunks<T, const FIRST: usize> {
    chunks: [AtomicPtr<T>; CHUNKS],
}

impl<T, const FIRST: usize> Chunks<T, FIRST> {
    #[cfg(not(splitmap_loom))]
    pub(super) const fn new() -> Self {
        Chunks {
            chunks: [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS],
        }
    }

    #[cfg(splitmap_loom)]
    pub(super) fn new() -> Self {
        Chunks {
            chunks: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        }
    }

    /// The chunk of an element, and its place there.
    #[inline]
    fn place(index: usize) -> (usize, usize) {
        let chunk = (index / FIRST + 1).ilog2() as usize;
        (chunk, index - Self::start(chunk))
    }

    /// The index of a chunk's first element.
    #[inline]
    fn start(chunk: usize) -> usize {
        FIRST * ((1 << chunk) - 1)
    }

    fn length(chunk: usize) -> usize {
        FIRST << chunk
    }

    #[inline(always)]
    fn chunk(&self, chunk: usize) -> Option<&[T]> {
        // Acquire: pairs with the Release in `make`; publishes the elements.
        let first = self.chunks.get(chunk)?.load(Ordering::Acquire);
        // SAFETY: by the invariant.
        (!first.is_null())
            .then(|| unsafe { std::slice::from_raw_parts(first, Self::length(chunk)) })
    }

    /// The element at `index`, if its chunk is there.
    #[inline(always)]
    pub(super) fn get(&self, index: usize) -> Option<&T> {
        if index < FIRST {
            // Nearly always.
            return self.chunk(0).map(|elements| &elements[index]);
        }
        let (chunk, place) = Self::place(index);
        self.chunk(chunk).map(|elements| &elements[place])
    }

    /// The element at `index`. Makes its chunk first if it is not there: each element by its index.
    ///
    /// # Panics
    ///
    /// If the sequence has no such place: there are `FIRST` times 2^22, less `FIRST`.
    #[inline]
    pub(super) fn get_or_make(&self, index: usize, make: impl Fn(usize) -> T) -> &T {
        let (chunk, place) = Self::place(index);
        let elements = self.chunk(chunk).unwrap_or_else(|| self.make(chunk, make));
        &elements[place]
    }

    #[cold]
    fn make(&self, chunk: usize, make: impl Fn(usize) -> T) -> &[T] {
        assert!(
            chunk < CHUNKS,
            "a sequence of more than {}",
            Self::start(CHUNKS)
        );
        let start = Self::start(chunk);
        let indices = start..start + Self::length(chunk);
        let ours: Box<[T]> = indices.map(make).collect();
        let ours = Box::into_raw(ours);
        let null = ptr::null_mut();
        // Release: pairs with the Acquire in `chunk`; publishes the elements.
        // Relaxed: the loser looks again, by `chunk`.
        let swing = self.chunks[chunk].compare_exchange(
            null,
            ours.cast(),
            Ordering::Release,
            Ordering::Relaxed,
        );
        if swing.is_err() {
            // SAFETY: from the box above; no other thread has seen it.
            drop(unsafe { Box::from_raw(ours) });
        }
        self.chunk(chunk).expect("made by us or by the winner")
    }

    /// The elements that there are, with their indices.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        let chunks = (0..CHUNKS).filter_map(|chunk| Some((chunk, self.chunk(chunk)?)));
        chunks.flat_map(|(chunk, elements)| (Self::start(chunk)..).zip(elements))
    }
}

impl<T, const FIRST: usize> Drop for Chunks<T, FIRST> {
    fn drop(&mut self) {
        for chunk in 0..CHUNKS {
            // Relaxed: exclusive access.
            let first = self.chunks[chunk].load(Ordering::Relaxed);
            if !first.is_null() {
                let elements = ptr::slice_from_raw_parts_mut(first, Self::length(chunk));
                // SAFETY: by the invariant; exclusive access, so no thread uses it any more.
                drop(unsafe { Box::from_raw(elements) });
            }
        }
    }
}

// SAFETY: the elements move with it.
unsafe impl<T: Send, const FIRST: usize> Send for Chunks<T, FIRST> {}

// SAFETY: elements are made on one thread, used on any, and dropped on any.
unsafe impl<T: Send + Sync, const FIRST: usize> Sync for Chunks<T, FIRST> {}

#[cfg(test)]
mod tests {
    use super::Chunks;

    #[test]
    fn every_index_has_a_place_of_its_own() {
        fn check<const FIRST: usize>() {
            let chunks = Chunks::<usize, FIRST>::new();
            assert_eq!(chunks.iter().count(), 0);
            for index in (0..1_000).rev() {
                assert_eq!(*chunks.get_or_make(index, |index| index), index);
            }
            for index in 0..1_000 {
                assert_eq!(chunks.get(index), Some(&index));
            }
            assert!(chunks.iter().all(|(index, element)| index == *element));
            assert!(chunks.iter().count() >= 1_000);
            assert_eq!(chunks.get(10_000), None);
        }
        check::<1>();
        check::<2>();
        check::<16>();
    }

    #[test]
    #[should_panic(expected = "a sequence of more than")]
    fn a_place_that_cannot_be_is_refused() {
        Chunks::<u8, 1>::new().get_or_make(usize::MAX / 2, |_| 0);
    }
}
