//! What the benches share: one trait over all maps, the maps behind it, and the keys they are fed.

pub mod keys;
pub mod peers;

use splitmap::DefaultHashBuilder;

/// A concurrent map from `u64` to `u64`, as a bench sees it.
pub trait Map: Sync + Sized {
    /// The name in the id of a benchmark.
    const NAME: &'static str;

    /// What a thread holds while it reads: a guard, a lock, or no more than a reference.
    type Session<'a>
    where
        Self: 'a;

    /// An empty map with room for `capacity` entries.
    fn with_capacity(capacity: usize, hasher: DefaultHashBuilder) -> Self;

    /// Opens a session: one for each read, or one for a batch of them.
    fn session(&self) -> Self::Session<'_>;

    /// Reads a value and copies it out.
    fn get(session: &Self::Session<'_>, key: u64) -> Option<u64>;

    /// Inserts or replaces. The calling thread must hold no session: it may be a lock.
    fn insert(&self, key: u64, value: u64);
}

/// What a batch of operations found. It does not depend on the map, nor on what other threads do
/// meanwhile (`keys::value` says why), so every measured batch is checked against it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Reads that found their key.
    pub hits: u64,
    /// The sum of the tags of the values that they found.
    pub tags: u64,
}

impl Outcome {
    /// Counts the answer of one read.
    #[inline]
    pub fn add(&mut self, answer: Option<u64>) {
        if let Some(value) = answer {
            self.hits += 1;
            self.tags += keys::tag(value);
        }
    }
}

/// A map that holds the keys `0..entries` of [`keys::key`] at version 0, put in at random order,
/// so that keys of similar popularity do not lie side by side in memory.
pub fn filled<M: Map>(entries: u64, hasher: DefaultHashBuilder) -> M {
    let map = M::with_capacity(entries as usize, hasher);
    for index in keys::shuffled(entries) {
        let key = keys::key(index);
        map.insert(key, keys::value(key, 0));
    }
    map
}

/// Whether this run only tries each benchmark once (`cargo bench -- --test`, or `cargo test`,
/// which does not pass `--bench`). Criterion decides by the same rule.
pub fn only_tries() -> bool {
    let given = |flag| std::env::args().any(|argument| argument == flag);
    given("--test") || !given("--bench")
}
