//! A count of entries and a clock of writes, in one word.
//!
//! ```text
//! bits 48..64   how many writes were counted here, modulo 2^16: the clock
//! bits  0..48   entries linked minus entries removed, plus BIAS (never negative in the word)
//! ```
//!
//! The clock counts operations and not entries: a map whose writers only remove or replace must
//! still have its resize carried on.

#![forbid(unsafe_code)]

use crate::sync::Ordering;
use crate::sync::tally::AtomicU64;

const CLOCK: u32 = 48;
const BIAS: u64 = 1 << (CLOCK - 1);

/// The clock of a new count: the first write makes it 0, a multiple of every number. So what is done
/// once in so many writes is done at the first.
const BEFORE: u64 = u64::MAX << CLOCK;

/// See the file's header.
#[derive(Debug)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) const fn new() -> Self {
        Count(AtomicU64::new(BEFORE | BIAS))
    }

    fn after(word: u64, by: isize) -> u64 {
        word.wrapping_add(((1 << CLOCK) + by as i64) as u64)
    }

    /// Counts a write that changed the number of entries by `by`. Returns the clock.
    #[cfg(all(
        not(splitmap_loom),
        any(feature = "crossbeam-epoch", feature = "seize", splitmap_leak)
    ))]
    pub(crate) fn add(&self, by: isize) -> u64 {
        let change = Self::after(0, by);
        // Relaxed: a statistic; no answer of an operation on a key depends on it.
        Self::after(self.0.fetch_add(change, Ordering::Relaxed), by) >> CLOCK
    }

    /// As `add`, where nobody else adds meanwhile: without a locked instruction.
    #[inline]
    pub(crate) fn add_alone(&self, by: isize) -> u64 {
        // Relaxed: as in `add`.
        let after = Self::after(self.0.load(Ordering::Relaxed), by);
        // Relaxed: as in `add`.
        self.0.store(after, Ordering::Relaxed);
        after >> CLOCK
    }

    /// The clock.
    pub(crate) fn clock(&self) -> u16 {
        // Relaxed: as in `add`.
        (self.0.load(Ordering::Relaxed) >> CLOCK) as u16
    }

    fn net(&self) -> i64 {
        // Relaxed: as in `add`.
        let biased = self.0.load(Ordering::Relaxed) & ((1 << CLOCK) - 1);
        biased as i64 - BIAS as i64
    }

    /// The entries in all these counts: exact when nobody counts, never negative.
    pub(crate) fn sum<'a>(counts: impl Iterator<Item = &'a Count>) -> usize {
        let net: i64 = counts.map(Count::net).sum();
        usize::try_from(net).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_through_zero_and_ticks_at_every_write() {
        let count = Count::new();
        let first = count.add_alone(-1);
        assert_eq!(Count::sum([&count].into_iter()), 0);
        assert_eq!((first, count.add_alone(1)), (0, 1));
        assert_eq!(count.add_alone(1), first + 2);
        assert_eq!(count.add_alone(0), first + 3);
        assert_eq!(Count::sum([&count].into_iter()), 1);
    }

    #[test]
    fn what_one_thread_removed_another_has_inserted() {
        let (one, other) = (Count::new(), Count::new());
        for _ in 0..3 {
            one.add_alone(1);
        }
        other.add_alone(-1);
        assert_eq!(Count::sum([&one, &other].into_iter()), 2);
    }

    #[test]
    fn the_clock_wraps_without_touching_the_count() {
        let count = Count::new();
        for _ in 0..(1 << 16) + 3 {
            count.add_alone(0);
        }
        count.add_alone(1);
        assert_eq!(Count::sum([&count].into_iter()), 1);
    }
}
