//! Hashes: the hasher of a map that names none, and the mixing of every hash.

#![forbid(unsafe_code)]

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;

use foldhash::fast::RandomState;

/// The hasher of a map that names none: `foldhash`, seeded at random for each map; for each process
/// by [`new_const`](Self::new_const).
///
/// It resists accidents and simple attacks, not a determined one; a map whose keys an adversary
/// chooses wants `std::hash::RandomState`.
#[derive(Clone, Debug)]
pub struct DefaultHashBuilder {
    /// None of a builder that was made in a constant: there is no randomness.
    own: Option<RandomState>,
}

/// The seed of all builders that were made in constants: drawn at random by the first of them that
/// is used.
static OF_THE_PROCESS: LazyLock<RandomState> = LazyLock::new(RandomState::default);

impl DefaultHashBuilder {
    /// A builder whose seed is that of the process and not its own: it can be made in a constant.
    /// All builders that are made so hash alike.
    ///
    /// ```
    /// use std::hash::BuildHasher;
    /// use splitmap::DefaultHashBuilder;
    ///
    /// const ONE: DefaultHashBuilder = DefaultHashBuilder::new_const();
    /// assert_eq!(ONE.hash_one("key"), DefaultHashBuilder::new_const().hash_one("key"));
    /// ```
    pub const fn new_const() -> Self {
        DefaultHashBuilder { own: None }
    }
}

impl Default for DefaultHashBuilder {
    /// A builder with a random seed of its own.
    fn default() -> Self {
        DefaultHashBuilder {
            own: Some(RandomState::default()),
        }
    }
}

impl BuildHasher for DefaultHashBuilder {
    type Hasher = DefaultHasher;

    #[inline(always)]
    fn build_hasher(&self) -> DefaultHasher {
        let state = self.own.as_ref().unwrap_or_else(|| &OF_THE_PROCESS);
        DefaultHasher(state.build_hasher())
    }
}

/// What [`DefaultHashBuilder`] builds: the hasher of one key.
#[derive(Clone)]
pub struct DefaultHasher(foldhash::fast::FoldHasher<'static>);

impl fmt::Debug for DefaultHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DefaultHasher").finish_non_exhaustive()
    }
}

macro_rules! forward {
    ($($write:ident: $type:ty),*) => {
        $(#[inline(always)]
        fn $write(&mut self, value: $type) {
            self.0.$write(value);
        })*
    };
}

impl Hasher for DefaultHasher {
    forward!(write: &[u8], write_u8: u8, write_u16: u16, write_u32: u32, write_u64: u64,
        write_u128: u128, write_usize: usize, write_i8: i8, write_i16: i16, write_i32: i32,
        write_i64: i64, write_i128: i128, write_isize: isize);

    #[inline(always)]
    fn finish(&self) -> u64 {
        self.0.finish()
    }
}

/// Spreads a hash over all its bits by one folded multiplication. Buckets go by the top bits and
/// presence by the lowest, while the hashes that a weak hasher makes may differ in any.
#[inline(always)]
pub(crate) fn mix(hash: u64) -> u64 {
    // Odd, about half of its bits set, and without a pattern.
    const FACTOR: u64 = 0xa076_1d64_78bd_642f;
    let product = u128::from(hash) * u128::from(FACTOR);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::mix;

    #[test]
    fn mixing_spreads_sequences_over_buckets_and_presence_bits() {
        for shift in [0, 4, 16, 32, 48, 60 - 12] {
            let hashes: Vec<u64> = (0..1 << 12).map(|n: u64| mix(n << shift)).collect();
            let distinct = |of: &dyn Fn(u64) -> u64| {
                let mut seen: Vec<u64> = hashes.iter().map(|&hash| of(hash)).collect();
                seen.sort_unstable();
                seen.dedup();
                seen.len()
            };
            // At random, 4,096 balls in 4,096 urns leave 2,589 of them with at least one.
            assert!(
                distinct(&|hash| hash >> 52) > 2_300,
                "buckets, shift {shift}"
            );
            assert_eq!(distinct(&|hash| hash & 15), 16, "presence, shift {shift}");
        }
    }
}
