//! An order: how many leading bits of a hash choose the bucket. Pure arithmetic, no atomics.
//!
//! With order `k` there are `2^k` buckets, and bucket `b` holds the hashes whose top `k` bits are
//! `b`. A bucket's *head* stands in the list where the bucket begins, at the key `b << (64 - k)`.
//! One head therefore serves bucket `b` of order `k`, bucket `b << 1` of order `k + 1`, and so on:
//! what names a head is its *birth*, the smallest order at which its bucket exists.
//!
//! Orders grow in steps of [`STEP`] bits. All heads of one birth are one *group*:
//!
//! ```text
//! order 4 (16 buckets), STEP = 2        bucket   0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15
//!                                       birth    0  4  4  4  2  4  4  4  2  4  4  4  2  4  4  4
//! ```
//!
//! So bucket `b` has its head in the group that is `trailing zeros of b, in whole steps` before the
//! finest, and a bucket whose head is not there yet is served by its *parent*: the bucket that is
//! left when those lowest bits are cleared too.

/// How many bits an order grows by at once: four times the buckets.
///
/// Models also run with two times, where a group of two steps is still small.
pub(crate) const STEP: u32 = if cfg!(splitmap_doubling) { 1 } else { 2 };

/// The heads that each parent gets in one growth.
pub(crate) const CHILDREN: usize = (1 << STEP) - 1;

/// The number of bits in a hash.
const HASH_BITS: u32 = u64::BITS;

/// The number of leading hash bits that choose a bucket.
///
/// Invariant: a multiple of [`STEP`], at least [`Order::BASE`], at most [`Order::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Order(u32);

/// A bucket of some order: the leading bits of its hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bucket(usize);

/// Where a bucket's head is: `level` steps before the finest group, and where in that group.
///
/// The first bucket, whose head is older than all others, has the last level, whatever the order:
/// so a place follows from the bucket alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) level: usize,
    /// One more than the index into the group; 0 for the first bucket.
    pub(crate) biased: usize,
}

impl Order {
    /// The order of a map that has entries and never grew.
    pub(crate) const BASE: Order = Order(if cfg!(splitmap_loom) { 0 } else { 4 });

    /// The largest order; memory ends long before.
    pub(crate) const MAX: Order = Order((usize::BITS - 2) / STEP * STEP);

    /// The levels that a [`Place`] can name; the last is the first bucket's alone.
    pub(crate) const LEVELS: usize = (usize::BITS / STEP) as usize + 1;

    pub(crate) const fn buckets(self) -> usize {
        1 << self.0
    }

    /// Steps between this order and order 0.
    pub(crate) const fn steps(self) -> usize {
        (self.0 / STEP) as usize
    }

    /// The order `steps` steps above order 0.
    pub(crate) const fn from_steps(steps: usize) -> Order {
        Order(steps as u32 * STEP)
    }

    pub(crate) fn next(self) -> Option<Order> {
        (self < Self::MAX).then_some(Order(self.0 + STEP))
    }

    /// The order before this one; none before the base.
    pub(crate) fn previous(self) -> Option<Order> {
        (self > Self::BASE).then(|| Order(self.0 - STEP))
    }

    /// The smallest order with at least `buckets` buckets, if there is one.
    pub(crate) fn at_least(buckets: usize) -> Option<Order> {
        let mut order = Self::BASE;
        while order.buckets() < buckets {
            order = order.next()?;
        }
        Some(order)
    }

    /// All buckets, the last in the list first.
    pub(crate) fn buckets_from_last(self) -> impl Iterator<Item = Bucket> {
        (0..self.buckets()).rev().map(Bucket)
    }

    /// How far a hash is shifted to give its bucket.
    pub(crate) const fn shift(self) -> u32 {
        HASH_BITS - self.0
    }

    /// The heads of the group with this birth, order 0 counting as a group of one.
    pub(crate) const fn group_len(self) -> usize {
        if self.0 == 0 {
            1
        } else {
            self.parents() * CHILDREN
        }
    }

    /// The buckets of the order before, each the parent of [`CHILDREN`] heads of this birth.
    pub(crate) const fn parents(self) -> usize {
        1 << (self.0 - STEP)
    }

    /// The parent of the head at `index` of the group with this birth.
    pub(crate) fn parent_of(self, index: usize) -> usize {
        index / CHILDREN
    }

    /// The key of a parent of heads of this birth.
    pub(crate) fn parent_key(self, parent: usize) -> u64 {
        (parent as u64)
            .checked_shl(self.shift() + STEP)
            .unwrap_or(0)
    }

    /// The key of the head at `index` of the group with this birth.
    pub(crate) fn key(self, index: usize) -> u64 {
        if self.0 == 0 {
            return 0;
        }
        let (parent, child) = (index / CHILDREN, index % CHILDREN + 1);
        ((parent << STEP | child) as u64) << self.shift()
    }
}

impl Bucket {
    /// The bucket of this number, in the order of the list.
    pub(crate) fn at(number: usize) -> Bucket {
        Bucket(number)
    }

    /// The bucket of a hash, by an order's shift.
    #[inline(always)]
    pub(crate) fn of(hash: u64, shift: u32) -> Bucket {
        // Only a base of one bucket, which models use, shifts by the full width.
        if Order::BASE.0 == 0 && shift == HASH_BITS {
            return Bucket(0);
        }
        Bucket((hash >> (shift & (HASH_BITS - 1))) as usize)
    }

    /// The trailing zeros in whole steps: all of them for the first bucket.
    #[inline(always)]
    fn zeros(self) -> u32 {
        self.0.trailing_zeros() & !(STEP - 1)
    }

    /// Where this bucket has its head.
    #[inline(always)]
    pub(crate) fn place(self) -> Place {
        let zeros = self.zeros();
        let prefix = self.0.wrapping_shr(zeros);
        Place {
            level: (zeros / STEP) as usize,
            biased: prefix - (prefix >> STEP),
        }
    }

    /// The bucket that serves this one while its head is missing. Not for the first bucket.
    pub(crate) fn parent(self) -> Bucket {
        debug_assert!(self.0 != 0, "the first bucket has no parent");
        Bucket(self.0 & !(CHILDREN << self.zeros()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders() -> impl Iterator<Item = Order> {
        (Order::BASE.steps()..=7).map(Order::from_steps)
    }

    /// The bucket of order `k` with its key, its birth and its index in the birth's group, worked
    /// out from the definition in the header.
    fn by_definition(bucket: usize, order: Order) -> (u64, Order, usize) {
        let key = (bucket as u64) << order.shift();
        let birth = (0..=order.steps())
            .map(Order::from_steps)
            .find(|birth| birth.0 == 0 && key == 0 || birth.0 > 0 && key << birth.0 == 0)
            .unwrap();
        let before = (0..birth.buckets() as u64)
            .map(|b| if birth.0 == 0 { 0 } else { b << birth.shift() })
            .filter(|&k| k < key && (birth.0 == 0 || k << (birth.0 - STEP) != 0))
            .count();
        (key, birth, before)
    }

    #[test]
    fn place_and_key_agree_with_the_definition() {
        for order in orders() {
            for bucket in 0..order.buckets() {
                let (key, birth, index) = by_definition(bucket, order);
                let place = Bucket(bucket).place();
                let level = if bucket == 0 {
                    Order::LEVELS - 1
                } else {
                    order.steps() - birth.steps()
                };
                assert_eq!(place.level, level);
                assert_eq!(place.biased, index + usize::from(birth.0 > 0));
                assert_eq!(birth.key(index), key);
                assert!(index < birth.group_len());
            }
        }
    }

    #[test]
    fn groups_partition_the_buckets() {
        for order in orders() {
            let heads: usize = (0..=order.steps())
                .map(|s| Order::from_steps(s).group_len())
                .sum();
            assert_eq!(heads, order.buckets());
        }
    }

    #[test]
    fn parent_is_the_bucket_of_the_order_before() {
        for order in orders() {
            for bucket in 1..order.buckets() {
                let place = Bucket(bucket).place();
                let birth = Order::from_steps(order.steps() - place.level);
                let Bucket(parent) = Bucket(bucket).parent();
                let (_, _, index) = by_definition(bucket, order);
                // In its own birth's terms the parent is the bucket without the last step's bits.
                assert_eq!(
                    parent >> (place.level as u32 * STEP),
                    birth.parent_of(index) << STEP
                );
                assert!(Bucket(parent).place().level > place.level);
                let key = (parent as u64) << order.shift();
                assert_eq!(birth.parent_key(birth.parent_of(index)), key);
            }
        }
    }

    #[test]
    fn every_hash_is_in_its_bucket() {
        for order in orders() {
            for hash in [
                0,
                1,
                u64::MAX,
                u64::MAX >> 1,
                1 << 63,
                0x0123_4567_89ab_cdef,
            ] {
                let Bucket(bucket) = Bucket::of(hash, order.shift());
                assert!(bucket < order.buckets());
                assert_eq!(bucket as u64, hash.checked_shr(order.shift()).unwrap_or(0));
            }
        }
    }

    #[test]
    fn at_least_rounds_up_and_ends() {
        assert_eq!(Order::at_least(0), Some(Order::BASE));
        assert_eq!(Order::at_least(17).map(Order::buckets), Some(64));
        assert_eq!(Order::at_least(64).map(Order::buckets), Some(64));
        assert_eq!(Order::at_least(Order::MAX.buckets()), Some(Order::MAX));
        assert_eq!(Order::at_least(usize::MAX), None);
        assert_eq!(Order::MAX.next(), None);
    }

    #[test]
    fn buckets_are_counted_down() {
        let buckets: Vec<_> = Order::BASE.buckets_from_last().collect();
        assert_eq!(buckets.len(), Order::BASE.buckets());
        assert_eq!(buckets.last(), Some(&Bucket(0)));
        assert!(buckets.windows(2).all(|two| two[0].0 == two[1].0 + 1));
    }
}
