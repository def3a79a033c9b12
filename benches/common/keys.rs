//! Keys and values: drawn from a fixed seed, before any clock runs.

/// A stream of random numbers (splitmix64). Benches need no better one.
pub struct Random(u64);

impl Random {
    /// The stream that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number below `bound`, off uniform by less than `bound` / 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }
}

/// The key of a number. `mix` is a bijection: different numbers never share a key, so the keys of
/// `n..2 * n` are all absent from a map that holds those of `0..n`.
pub fn key(index: u64) -> u64 {
    mix(index)
}

/// The value of a key at a version: the lower half, its tag, depends on the key alone. Whichever
/// version a read sees, it must find the right tag.
pub fn value(key: u64, version: u32) -> u64 {
    u64::from(version) << 32 | mix(key) >> 32
}

/// The part of a value that all its versions share.
#[inline]
pub fn tag(value: u64) -> u64 {
    value & 0xFFFF_FFFF
}

/// The numbers `0..n` in random order.
pub fn shuffled(n: u64) -> Vec<u64> {
    let mut random = Random::new(n);
    let mut numbers: Vec<u64> = (0..n).collect();
    for end in (1..numbers.len()).rev() {
        numbers.swap(end, random.below(end as u64 + 1) as usize);
    }
    numbers
}

/// The finisher of splitmix64.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ bits >> 31
}
