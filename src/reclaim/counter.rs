//! The length of a map whose back end keeps nothing of a thread's own: without a shared line.
//!
//! Each thread counts in one of several stripes, every stripe on a cache line of its own, so a
//! write pays one uncontended read-modify-write.

#![forbid(unsafe_code)]

use std::cell::Cell;

use crossbeam_utils::CachePadded;

use super::count::Count;
use super::lazy::LazyBox;
use crate::sync::Ordering;
use crate::sync::tally::AtomicUsize;

const MOST_STRIPES: usize = 64;

/// See the file's header. The stripes are made by the first write.
pub struct Counter {
    stripes: LazyBox<Box<[CachePadded<Count>]>>,
}

impl Counter {
    pub(crate) const fn new() -> Self {
        Counter {
            stripes: LazyBox::new(),
        }
    }

    /// Counts one write that changed the number of entries by `by`. Returns the stripe's clock.
    pub(crate) fn count(&self, by: isize) -> u64 {
        let stripe = || CachePadded::new(Count::new());
        let make = || (0..stripes()).map(|_| stripe()).collect();
        let stripes = self.stripes.get_or_make(make);
        stripes[thread() & (stripes.len() - 1)].add(by)
    }

    /// The number of entries: exact when no write is under way, never negative.
    pub(crate) fn len(&self) -> usize {
        let stripes = self.stripes.get().map_or(&[][..], |stripes| stripes);
        Count::sum(stripes.iter().map(|stripe| &**stripe))
    }
}

/// A power of two: twice the processors, at most [`MOST_STRIPES`].
fn stripes() -> usize {
    // Asking the system is dear. Not behind a `OnceLock`: whoever comes meanwhile would wait.
    static STRIPES: AtomicUsize = AtomicUsize::new(0);
    // Relaxed: any answer will do; a counter keeps the number that it was made with.
    match STRIPES.load(Ordering::Relaxed) {
        0 => {
            let processors = std::thread::available_parallelism().map_or(1, usize::from);
            let stripes = (2 * processors).next_power_of_two().min(MOST_STRIPES);
            // Relaxed: as above.
            STRIPES.store(stripes, Ordering::Relaxed);
            stripes
        }
        known => known,
    }
}

/// A small number that this thread shares with few others.
fn thread() -> usize {
    const UNKNOWN: usize = usize::MAX;
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        // No destructor: it can be read while the thread's other locals are being destroyed.
        static NUMBER: Cell<usize> = const { Cell::new(UNKNOWN) };
    }
    NUMBER.with(|number| {
        if number.get() == UNKNOWN {
            // Relaxed: any distinct numbers will do.
            number.set(NEXT.fetch_add(1, Ordering::Relaxed) & !(1 << (usize::BITS - 1)));
        }
        number.get()
    })
}

#[cfg(test)]
mod tests {
    use super::Counter;

    #[test]
    fn is_made_by_the_first_write() {
        let counter = Counter::new();
        assert_eq!(counter.len(), 0);
        let first = counter.count(1);
        assert_eq!(counter.count(1), first + 1);
        assert_eq!(counter.len(), 2);
    }
}
