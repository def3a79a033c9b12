//! A counter: the map's length, and the clock of its writers, without a shared line.
//!
//! Each thread adds to one of several stripes, every stripe on a cache line of its own. A stripe
//! is one word, so a write pays one uncontended read-modify-write for both:
//!
//! ```text
//! bits 48..64   how many writes this stripe has seen, modulo 2^16: the clock
//! bits  0..48   entries linked minus entries removed, plus BIAS (never negative in the word)
//! ```
//!
//! The clock counts operations and not entries: a map whose writers only remove or replace must
//! still have its resize carried on.

use std::cell::Cell;

use crossbeam_utils::CachePadded;

use crate::sync::Ordering;
use crate::sync::tally::{AtomicU64, AtomicUsize};

const CLOCK: u32 = 48;
const BIAS: u64 = 1 << (CLOCK - 1);
const MOST_STRIPES: usize = 64;

/// See the file's header.
pub(crate) struct Counter {
    stripes: Box<[CachePadded<AtomicU64>]>,
}

impl Counter {
    pub(crate) fn new() -> Self {
        let stripe = || CachePadded::new(AtomicU64::new(BIAS));
        Counter {
            stripes: (0..stripes()).map(|_| stripe()).collect(),
        }
    }

    /// Counts one write that changed the number of entries by `by`. Returns the stripe's clock.
    pub(crate) fn count(&self, by: i64) -> u64 {
        let stripe = &self.stripes[thread() & (self.stripes.len() - 1)];
        let change = (1 << CLOCK) + by;
        // Relaxed: a statistic; no answer of an operation on a key depends on it.
        let before = stripe.fetch_add(change as u64, Ordering::Relaxed);
        (before >> CLOCK) + 1
    }

    /// The number of entries: exact when no write is under way, never negative.
    pub(crate) fn len(&self) -> usize {
        let net: i64 = self
            .stripes
            .iter()
            // Relaxed: as above.
            .map(|stripe| stripe.load(Ordering::Relaxed) & ((1 << CLOCK) - 1))
            .map(|biased| biased as i64 - BIAS as i64)
            .sum();
        usize::try_from(net).unwrap_or(0)
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn counts_through_zero_and_ticks_at_every_write() {
        let counter = Counter::new();
        let first = counter.count(-1);
        assert_eq!(counter.len(), 0);
        assert_eq!(counter.count(1), first + 1);
        assert_eq!(counter.count(1), first + 2);
        assert_eq!(counter.count(0), first + 3);
        assert_eq!(counter.len(), 1);
    }

    #[test]
    fn the_clock_wraps_without_touching_the_count() {
        let counter = Counter::new();
        for _ in 0..(1 << 16) + 3 {
            counter.count(0);
        }
        counter.count(1);
        assert_eq!(counter.len(), 1);
    }
}
