//! Operations, drawn before any clock runs.

use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};

use crate::map::{Key, Value, tag};

/// An operation on one key.
#[derive(Clone)]
pub struct Op<K> {
    pub key: K,
    /// The number that the key was made from.
    pub number: u32,
    /// The tag that the key's value has to have.
    pub tag: u32,
    pub act: Act,
}

/// What is done with the key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Read,
    /// Inserts, or replaces.
    Insert,
    Remove,
}

impl<K: Key> Op<K> {
    fn new(number: u64, act: Act) -> Self {
        Self {
            key: K::of(number),
            number: number.try_into().expect("there are fewer keys"),
            tag: tag(number),
            act,
        }
    }

    /// An entry of the key with its first value.
    pub fn entry<V: Value>(&self) -> (K, V) {
        (self.key.clone(), V::of(self.tag, 0))
    }
}

/// How keys are drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Popularity {
    Uniform,
    /// Zipf's with exponent 0.99: the n-th key is drawn about n times more rarely than the first.
    Zipf,
}

/// Of a hundred operations, so many read, insert a key of the universe, remove one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    pub reads: u32,
    pub inserts: u32,
    pub removes: u32,
}

impl Mix {
    pub const READS: Self = Self {
        reads: 100,
        inserts: 0,
        removes: 0,
    };

    /// So many writes of a hundred, half of them insertions, half removals.
    pub fn of_writes(writes: u32) -> Self {
        Self {
            reads: 100 - writes,
            inserts: writes - writes / 2,
            removes: writes / 2,
        }
    }
}

/// The entries of the numbers `0..count` in random order: keys that are drawn alike do not lie side
/// by side in memory.
pub fn entries<K: Key>(count: usize) -> Vec<Op<K>> {
    numbers(0..count as u64)
}

/// Entries of these numbers in random order.
pub fn numbers<K: Key>(range: std::ops::Range<u64>) -> Vec<Op<K>> {
    let mut random = SmallRng::seed_from_u64(range.end);
    let mut entries: Vec<_> = range.map(|number| Op::new(number, Act::Insert)).collect();
    entries.shuffle(&mut random);
    entries
}

/// Operations for each of so many threads on the keys of `0..universe`.
pub fn draw<K: Key>(
    threads: usize,
    universe: usize,
    popularity: Popularity,
    mix: Mix,
) -> Vec<Vec<Op<K>>> {
    // Enough that neither a cache nor the branch predictor can learn them by heart.
    let most = ((1 << 21) / threads).clamp(1 << 15, 1 << 19);
    let count = (universe * 2).clamp(1 << 15, most);
    (0..threads)
        .map(|thread| {
            let mut random = SmallRng::seed_from_u64(thread as u64);
            let zipf = Zipf::new(universe as f64, 0.99).expect("there is a key at least");
            let op = |_| {
                let number = match popularity {
                    Popularity::Uniform => random.random_range(0..universe as u64),
                    Popularity::Zipf => zipf.sample(&mut random) as u64 - 1,
                };
                let point = random.random_range(0..mix.reads + mix.inserts + mix.removes);
                let act = match point {
                    point if point < mix.reads => Act::Read,
                    point if point < mix.reads + mix.inserts => Act::Insert,
                    _ => Act::Remove,
                };
                Op::new(number, act)
            };
            (0..count).map(op).collect()
        })
        .collect()
}
