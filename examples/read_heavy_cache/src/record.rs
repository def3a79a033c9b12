//! What the cache holds, and the store that it spares.

use std::hint;
use std::time::{Duration, Instant};

/// How long the store takes: a fast local database. The thread spins meanwhile, because no sleep
/// is that short.
pub const LOAD_TIME: Duration = Duration::from_micros(5);

/// 100 to 200 bytes that belong to one key.
pub struct Record {
    body: Box<[u8]>,
    checksum: u64,
}

impl Record {
    /// Makes up the record of `key` at a version.
    pub fn new(key: &str, version: u64) -> Self {
        let mut seed = fold(version, key.as_bytes());
        let mut body = vec![0; 100 + (seed % 101) as usize].into_boxed_slice();
        for chunk in body.chunks_mut(8) {
            seed = fold(seed, b"record");
            chunk.copy_from_slice(&seed.to_le_bytes()[..chunk.len()]);
        }
        let checksum = checksum(key, &body);
        Self { body, checksum }
    }

    /// Loads a record from the store.
    pub fn load(key: &str) -> Self {
        let start = Instant::now();
        let record = Self::new(key, 0);
        while start.elapsed() < LOAD_TIME {
            hint::spin_loop();
        }
        record
    }

    /// Reads the whole record.
    ///
    /// # Panics
    ///
    /// If it is not whole, or belongs to another key: the map gave a wrong answer.
    pub fn check(&self, key: &str) {
        let sum = checksum(key, &self.body);
        assert_eq!(
            sum, self.checksum,
            "the cache has a wrong record for {key:?}"
        );
    }
}

fn checksum(key: &str, body: &[u8]) -> u64 {
    fold(fold(body.len() as u64, key.as_bytes()), body)
}

/// Folds bytes into a sum, eight at a time.
fn fold(sum: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    words.iter().chain([&last]).fold(sum, |sum, word| {
        (sum ^ u64::from_le_bytes(*word))
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left(29)
    })
}
