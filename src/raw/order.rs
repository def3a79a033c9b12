//! An order: how many leading bits of a hash choose the bucket. Pure arithmetic, no atomics.
//!
//! With order `k` there are `2^k` buckets, and bucket `b` holds the hashes whose top `k` bits are
//! `b`. A bucket's *head* stands in the list where the bucket begins, at the key `b << (64 - k)`.
//! The key of a bucket is the key of a bucket of every finer order too: the heads of two tables
//! that share a key are *twins*.
//!
//! A resize goes from one order to another in *strides*: runs of buckets of the coarser of the two,
//! and the finer buckets in the same range of hashes.

use crate::sync::{MODELLED, SCHEDULED};
use std::ops::Range;

/// How many bits an order grows by at once: four times the buckets.
///
/// Some models double instead, so that two growths stay small enough to explore.
pub(crate) const STEP: u32 = if cfg!(splitmap_doubling) { 1 } else { 2 };

/// The heads that take the place of one in a growth.
pub(crate) const CHILDREN: usize = 1 << STEP;

/// How many bits of a hash tell apart the buckets of the coarser order in one stride.
#[cfg(not(splitmap_loom))]
fn stride_bits() -> u32 {
    4
}

#[cfg(splitmap_loom)]
use crate::model::stride_bits;

/// Up to this order a table has four buckets for three entries, and beyond one for each: what is in
/// the caches gains most by short chains, and a small table can afford them (`docs/PERFORMANCE.md`).
///
/// Models and schedules count buckets.
const SPARSE: Option<u32> = if MODELLED || SCHEDULED {
    None
} else {
    Some(12)
};

/// The number of bits in a hash.
const HASH_BITS: u32 = u64::BITS;

/// The number of leading hash bits that choose a bucket.
///
/// Invariant: at most [`Order::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Order(u32);

/// A bucket of some order: the leading bits of its hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bucket(usize);

impl Order {
    /// The order of a map that has entries and never grew.
    pub(crate) const BASE: Order = Order(if MODELLED { 0 } else { 2 });

    /// The order of the table that all empty maps share. No other table has it.
    #[cfg(not(splitmap_loom))]
    pub(crate) const EMPTY: Order = Order(1);

    /// The largest order; memory ends long before.
    pub(crate) const MAX: Order = Order((usize::BITS - 4) / STEP * STEP);

    /// The order with this [`shift`](Self::shift).
    #[inline(always)]
    pub(crate) const fn from_shift(shift: u32) -> Order {
        Order((HASH_BITS - shift) % HASH_BITS)
    }

    /// How far a hash is shifted to give its bucket, in six bits: 0 stands for all 64, the order
    /// with one bucket, which only models use.
    #[inline(always)]
    pub(crate) const fn shift(self) -> u32 {
        (HASH_BITS - self.0) % HASH_BITS
    }

    /// The width of a bucket in bits of the hash.
    const fn width(self) -> u32 {
        HASH_BITS - self.0
    }

    #[inline(always)]
    pub(crate) const fn buckets(self) -> usize {
        1 << self.0
    }

    pub(crate) fn next(self) -> Option<Order> {
        (self < Self::MAX).then_some(Order(self.0 + STEP))
    }

    /// The order before this one; none before the base.
    pub(crate) fn previous(self) -> Option<Order> {
        (self > Self::BASE).then(|| Order(self.0 - STEP))
    }

    /// The entries that a table has room for: with more it grows.
    pub(crate) const fn capacity(self) -> usize {
        match SPARSE {
            Some(sparse) if self.0 <= sparse => self.buckets() / 4 * 3,
            _ => self.buckets(),
        }
    }

    /// The smallest order with room for that many entries, if there is one.
    pub(crate) fn at_least(entries: usize) -> Option<Order> {
        let mut order = Self::BASE;
        while order.capacity() < entries {
            order = order.next()?;
        }
        Some(order)
    }

    /// The order as a small number, and back.
    pub(crate) const fn bits(self) -> u8 {
        self.0 as u8
    }

    pub(crate) const fn from_bits(bits: u8) -> Order {
        Order(bits as u32)
    }

    /// The key of a bucket's head: the smallest hash in it.
    pub(crate) fn key(self, bucket: usize) -> u64 {
        (bucket as u64).checked_shl(self.width()).unwrap_or(0)
    }

    /// How many buckets of this order the buckets of a coarser one are divided into.
    pub(crate) fn buckets_in(self, coarser: Order) -> usize {
        1 << (self.0 - coarser.0)
    }
}

impl Bucket {
    /// The bucket of a hash, by an order's shift.
    #[inline(always)]
    pub(crate) fn of(hash: u64, shift: u32) -> Bucket {
        // Only a table of one bucket, which models use, shifts by the full width.
        if Order::BASE.0 == 0 && shift == 0 {
            return Bucket(0);
        }
        Bucket((hash >> (shift % HASH_BITS)) as usize)
    }

    #[inline(always)]
    pub(crate) fn number(self) -> usize {
        self.0
    }
}

/// How the hashes are divided for a resize between two orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strides {
    /// The width of a stride in bits of the hash: 1 to 64.
    width: u32,
}

impl Strides {
    pub(crate) fn between(one: Order, other: Order) -> Strides {
        let coarser = one.min(other);
        Strides {
            width: coarser.width() + stride_bits().min(coarser.0),
        }
    }

    pub(crate) fn count(self) -> usize {
        1 << (HASH_BITS - self.width)
    }

    /// The stride of a hash.
    pub(crate) fn of(self, hash: u64) -> usize {
        ((hash >> 1) >> (self.width - 1)) as usize
    }

    /// The first hash and the last of a stride.
    fn ends(self, stride: usize) -> (u64, u64) {
        let first = (stride as u64).checked_shl(self.width).unwrap_or(0);
        (first, first | (u64::MAX >> (HASH_BITS - self.width)))
    }

    /// The buckets of an order whose keys are in a stride: perhaps none, if the order is coarser
    /// than the two.
    pub(crate) fn buckets(self, stride: usize, order: Order) -> Range<usize> {
        let (first, last) = self.ends(stride);
        let bucket = |hash| Bucket::of(hash, order.shift()).number();
        let begins_before = order.key(bucket(first)) < first;
        bucket(first) + usize::from(begins_before)..bucket(last) + 1
    }

    /// The strides of a division that have a hash of this one's `stride`.
    pub(crate) fn covering(self, stride: usize, division: Strides) -> Range<usize> {
        let (first, last) = self.ends(stride);
        division.of(first)..division.of(last) + 1
    }
}

// No table but the shared one of empty maps has its order.
#[cfg(not(splitmap_loom))]
const _: () = assert!(Order::EMPTY.0 < Order::BASE.0);

const _: () = assert!(Order::BASE.0.is_multiple_of(STEP) && Order::MAX.0.is_multiple_of(STEP));

#[cfg(test)]
mod tests {
    use super::*;

    fn orders() -> impl Iterator<Item = Order> {
        (Order::BASE.0..=12).step_by(STEP as usize).map(Order)
    }

    const HASHES: [u64; 7] = [
        0,
        1,
        u64::MAX,
        u64::MAX >> 1,
        1 << 63,
        0xf000_0000_0000_0000,
        0x0123_4567_89ab_cdef,
    ];

    #[test]
    fn a_bucket_begins_at_its_key() {
        for order in orders() {
            assert_eq!(Order::from_shift(order.shift()), order);
            for bucket in 0..order.buckets() {
                let key = order.key(bucket);
                assert_eq!(Bucket::of(key, order.shift()), Bucket(bucket));
                if bucket > 0 {
                    assert_eq!(Bucket::of(key - 1, order.shift()), Bucket(bucket - 1));
                }
            }
            for hash in HASHES {
                let bucket = Bucket::of(hash, order.shift()).number();
                assert!(bucket < order.buckets());
                assert!(order.key(bucket) <= hash);
            }
        }
    }

    #[test]
    fn a_key_is_a_key_of_every_finer_order() {
        let orders: Vec<_> = orders().collect();
        for two in orders.windows(2) {
            let (coarse, fine) = (two[0], two[1]);
            assert_eq!(fine.buckets_in(coarse), CHILDREN);
            for bucket in 0..coarse.buckets() {
                assert_eq!(coarse.key(bucket), fine.key(bucket * CHILDREN));
            }
        }
    }

    #[test]
    fn strides_divide_the_buckets_of_both_orders() {
        for one in orders() {
            for other in orders() {
                let strides = Strides::between(one, other);
                for order in [one, other] {
                    let all = (0..strides.count()).flat_map(|s| strides.buckets(s, order));
                    assert!(all.eq(0..order.buckets()), "{one:?} {other:?} {order:?}");
                }
                for stride in 0..strides.count() {
                    for bucket in strides.buckets(stride, other) {
                        assert_eq!(strides.of(other.key(bucket)), stride);
                    }
                }
            }
        }
    }

    #[test]
    fn a_coarse_bucket_is_in_the_stride_of_its_key() {
        let orders: Vec<_> = orders().collect();
        for &coarse in &orders {
            for two in orders.windows(2) {
                let strides = Strides::between(two[0], two[1]);
                let all = (0..strides.count()).flat_map(|s| strides.buckets(s, coarse));
                assert!(all.eq(0..coarse.buckets()), "{coarse:?} {two:?}");
            }
        }
    }

    #[test]
    fn a_stride_is_covered_by_those_that_share_a_hash_with_it() {
        let orders: Vec<_> = orders().collect();
        for two in orders.windows(3) {
            let fine = Strides::between(two[1], two[2]);
            let coarse = Strides::between(two[0], two[1]);
            for stride in 0..fine.count() {
                let (first, last) = fine.ends(stride);
                let covering = fine.covering(stride, coarse);
                assert!(covering.contains(&coarse.of(first)));
                assert!(covering.contains(&coarse.of(last)));
                assert_eq!(covering.len(), coarse.of(last) - coarse.of(first) + 1);
            }
            for stride in 0..coarse.count() {
                let covering: Vec<_> = coarse.covering(stride, fine).collect();
                let buckets = covering.iter().flat_map(|&s| fine.buckets(s, two[2]));
                assert!(buckets.eq(coarse.buckets(stride, two[2])));
            }
        }
    }

    #[test]
    fn at_least_rounds_up_and_ends() {
        assert_eq!(Order::at_least(0), Some(Order::BASE));
        for order in orders() {
            assert_eq!(Order::at_least(order.capacity()), Some(order));
            assert_eq!(Order::at_least(order.capacity() + 1), order.next());
        }
        assert_eq!(Order::at_least(Order::MAX.capacity()), Some(Order::MAX));
        assert_eq!(Order::at_least(usize::MAX), None);
        assert_eq!(Order::MAX.next(), None);
        assert_eq!(Order::BASE.previous(), None);
    }
}
