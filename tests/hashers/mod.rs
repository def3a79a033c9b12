//! Hashers of every quality, from hopeless to the crate's own.
//!
//! A map that mixes what it is given must answer the same with all of them. They are one type, so
//! that a test can choose among them at run time.

#![allow(dead_code, reason = "each test binary uses the part that it needs")]

use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;

use splitmap::DefaultHashBuilder;

/// How well a hasher tells keys apart, for keys that hash themselves by one `write_u64`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quality {
    /// Every key has the same hash: one bucket holds everything.
    Constant,
    /// The key is its own hash.
    #[default]
    Identity,
    /// Consecutive keys have consecutive hashes, which wrap from the last one to zero.
    Sequential,
    /// Only the three lowest bits differ.
    LowBits,
    /// Only the three highest bits differ.
    HighBits,
    /// What a user gets who names no hasher; seeded anew in each process.
    Default,
}

impl Quality {
    pub const ALL: [Quality; 6] = [
        Quality::Constant,
        Quality::Identity,
        Quality::Sequential,
        Quality::LowBits,
        Quality::HighBits,
        Quality::Default,
    ];

    /// Whether so few hashes exist that a bucket grows with the map. Tests keep such maps small:
    /// every operation then walks a good part of them.
    pub fn crowds(self) -> bool {
        matches!(
            self,
            Quality::Constant | Quality::LowBits | Quality::HighBits
        )
    }
}

/// One seed for the process: two builders of `Quality::Default` must hash alike, as `Quality` is
/// `Copy` and compares equal to itself.
static SEEDED: LazyLock<DefaultHashBuilder> = LazyLock::new(DefaultHashBuilder::default);

impl BuildHasher for Quality {
    type Hasher = QualityHasher;

    fn build_hasher(&self) -> QualityHasher {
        match self {
            Quality::Default => QualityHasher::Seeded(SEEDED.build_hasher()),
            weak => QualityHasher::Weak {
                quality: *weak,
                word: 0,
            },
        }
    }
}

pub enum QualityHasher {
    Weak { quality: Quality, word: u64 },
    Seeded(<DefaultHashBuilder as BuildHasher>::Hasher),
}

impl Hasher for QualityHasher {
    fn write(&mut self, bytes: &[u8]) {
        match self {
            QualityHasher::Seeded(hasher) => hasher.write(bytes),
            QualityHasher::Weak { word, .. } => {
                for &byte in bytes {
                    *word = (*word << 8) | u64::from(byte);
                }
            }
        }
    }

    fn write_u64(&mut self, number: u64) {
        match self {
            QualityHasher::Seeded(hasher) => hasher.write_u64(number),
            QualityHasher::Weak { word, .. } => *word = number,
        }
    }

    fn finish(&self) -> u64 {
        match self {
            QualityHasher::Seeded(hasher) => hasher.finish(),
            QualityHasher::Weak { quality, word } => match quality {
                Quality::Constant => 0x5eed,
                Quality::Sequential => word.wrapping_sub(16),
                Quality::LowBits => word & 7,
                Quality::HighBits => word << 61,
                Quality::Identity | Quality::Default => *word,
            },
        }
    }
}

/// A good hasher without a seed, for executions in which chance is a scheduler's alone: hashes have to
/// be the same in each run.
#[derive(Clone, Default)]
pub struct Fixed(u64);

impl BuildHasher for Fixed {
    type Hasher = Fixed;

    fn build_hasher(&self) -> Fixed {
        Fixed(0)
    }
}

impl Hasher for Fixed {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
