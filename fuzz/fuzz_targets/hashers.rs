//! Hashers that tell keys apart well or badly, for fuzz targets. None is seeded, so that an input
//! always does the same.

use std::hash::{BuildHasher, Hasher};

use arbitrary::Arbitrary;

/// So many keys may share a few hashes; more would cost more time than they could show.
const CROWD: u64 = 64;

/// What the map mixes into the greatest hash, and into those from 2 to 15 before it.
const GREATEST: [u64; 15] = [
    u64::MAX,
    0xe22d_df1f_1aaf_ef1d,
    0xf116_ef8f_8d57_f78e,
    0xc45b_be3e_355f_de3b,
    0xd344_ceae_a807_e6ac,
    0xa689_9d5d_500f_cd59,
    0xb572_adcd_c2b7_d5ca,
    0x88b7_7c7c_6abf_bc77,
    0x97a0_8cec_dd67_c4e8,
    0x6ae5_5b9b_856f_ab95,
    0x79ce_6c0b_f817_b406,
    0x4d13_3aba_a01f_9ab3,
    0x5bfc_4b2b_12c7_a324,
    0x2f41_19d9_bacf_89d1,
    0x3e2a_2a4a_2d77_9242,
];

/// How well a hasher tells keys apart.
#[derive(Arbitrary, Clone, Copy, Debug, Default, PartialEq)]
pub enum Quality {
    #[default]
    Identity,
    /// One hash for the first keys.
    Constant,
    /// Two hashes for the first keys.
    Parity,
    /// Sixteen hashes, which differ in the lowest bits, for each crowd.
    LowBits,
    /// Sixteen hashes, which differ in the highest bits, for each crowd.
    HighBits,
    /// All bits depend on all bits.
    Good,
    /// The greatest hashes there are, one behind the other, for the first keys.
    Greatest,
}

impl BuildHasher for Quality {
    type Hasher = QualityHasher;

    fn build_hasher(&self) -> QualityHasher {
        QualityHasher {
            quality: *self,
            word: 0,
        }
    }
}

pub struct QualityHasher {
    quality: Quality,
    word: u64,
}

impl Hasher for QualityHasher {
    fn write(&mut self, _: &[u8]) {
        unreachable!("keys hash themselves as one number")
    }

    fn write_u64(&mut self, number: u64) {
        self.word = number;
    }

    fn finish(&self) -> u64 {
        match self.quality {
            Quality::Identity => self.word,
            Quality::Constant if self.word < CROWD => 7,
            Quality::Parity if self.word < CROWD => self.word & 1,
            Quality::Greatest if self.word < CROWD => GREATEST[self.word as usize % GREATEST.len()],
            Quality::Constant | Quality::Parity | Quality::Greatest => self.word,
            Quality::LowBits => (self.word / CROWD * CROWD) | (self.word & 15),
            Quality::HighBits => (self.word << 60) | (self.word / CROWD),
            Quality::Good => {
                let word = (self.word ^ (self.word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                word ^ (word >> 31)
            }
        }
    }
}
