//! Sorting entries by hash, which is the list's order.
//!
//! Hashes are spread over all their bits, so their leading bits divide entries into piles of about
//! the same size: twice, until a pile is so small that comparing is cheap. Each entry is moved once
//! for each division, to the end of a pile, so the memory that is written is in the caches.

#![forbid(unsafe_code)]

/// How many leading bits of a hash choose a part, once there are many entries.
const PART_BITS: u32 = 8;

/// Up to so many entries are one part.
const FEW: usize = 1_024;

/// The entries that are left in a pile at the end, about: few enough to be sorted by comparing.
const PILE: usize = 8;

/// The most leading bits that choose a pile of a part: more piles would not fit in the caches.
const MOST_PILE_BITS: u32 = 10;

/// Which of equal keys are kept, with their values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    First,
    Last,
}

/// Entries that are to be sorted, each with its hash.
pub(crate) struct Sorter<T> {
    /// All entries, as long as they are few.
    few: Vec<(u64, T)>,
    /// Once there are many: one part for each value of the leading bits.
    parts: Vec<Vec<(u64, T)>>,
    /// How many entries are expected in all.
    expected: usize,
}

impl<T> Sorter<T> {
    /// Without entries or memory, if none are expected; about so many are.
    pub(crate) fn new(expected: usize) -> Self {
        Sorter {
            few: Vec::with_capacity(expected.min(FEW)),
            parts: Vec::new(),
            expected,
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, hash: u64, entry: T) {
        if self.parts.is_empty() {
            if self.few.len() < FEW {
                return self.few.push((hash, entry));
            }
            self.divide();
        }
        self.parts[leading(hash, PART_BITS)].push((hash, entry));
    }

    /// Makes parts of the few.
    #[cold]
    fn divide(&mut self) {
        // A sixteenth more, as no part has exactly its share.
        let share = self.expected >> PART_BITS;
        let part = || Vec::with_capacity(share + share / 16);
        self.parts.resize_with(1 << PART_BITS, part);
        for (hash, entry) in std::mem::take(&mut self.few) {
            self.parts[leading(hash, PART_BITS)].push((hash, entry));
        }
    }

    /// The entries by hash, those of one hash in the order in which they came. Of those that are the
    /// same there is one, in the place of the first.
    pub(crate) fn sorted(self, keeps: Keeps, is_same: impl Fn(&T, &T) -> bool) -> Vec<(u64, T)> {
        let count = self.few.len() + self.parts.iter().map(Vec::len).sum::<usize>();
        let mut sorted = Sorted {
            entries: Vec::with_capacity(count),
            run: 0,
            keeps,
            is_same,
        };
        let mut piles = Vec::new();
        sorted.append(self.few, 0, &mut piles);
        for part in self.parts {
            sorted.append(part, PART_BITS, &mut piles);
        }
        sorted.entries
    }
}

/// The number that the leading bits of a hash are.
#[inline(always)]
fn leading(hash: u64, bits: u32) -> usize {
    ((hash >> 1) >> (63 - bits)) as usize
}

/// Entries that are sorted.
struct Sorted<T, F> {
    entries: Vec<(u64, T)>,
    /// Where those with the last hash begin.
    run: usize,
    keeps: Keeps,
    is_same: F,
}

impl<T, F: Fn(&T, &T) -> bool> Sorted<T, F> {
    /// Appends the entries of a part, all of which have the same `bits` leading bits. `piles` are
    /// empty, and kept for their memory.
    fn append(&mut self, mut part: Vec<(u64, T)>, bits: u32, piles: &mut Vec<Vec<(u64, T)>>) {
        let pile_bits = (part.len() / PILE).checked_ilog2().unwrap_or(0);
        let pile_bits = pile_bits.min(MOST_PILE_BITS);
        if pile_bits == 0 {
            self.append_pile(&mut part);
            return;
        }
        if piles.len() < 1 << pile_bits {
            piles.resize_with(1 << pile_bits, || Vec::with_capacity(PILE * 4));
        }
        for (hash, entry) in part {
            piles[leading(hash << bits, pile_bits)].push((hash, entry));
        }
        for pile in &mut piles[..1 << pile_bits] {
            self.append_pile(pile);
        }
    }

    fn append_pile(&mut self, pile: &mut Vec<(u64, T)>) {
        // Stable, so that equal keys stay in the order in which they came.
        pile.sort_by_key(|&(hash, _)| hash);
        for (hash, entry) in pile.drain(..) {
            if self.entries.last().is_none_or(|last| last.0 != hash) {
                self.run = self.entries.len();
            }
            let mut same = self.entries[self.run..].iter_mut();
            match same.find(|(_, seen)| (self.is_same)(seen, &entry)) {
                Some(_) if self.keeps == Keeps::First => {}
                Some((_, seen)) => *seen = entry,
                None => self.entries.push((hash, entry)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sorts pairs of a key and a number; equal keys have equal hashes.
    fn sort(entries: &[(u64, u64, usize)], keeps: Keeps) -> Vec<(u64, u64, usize)> {
        let mut sorter = Sorter::new(entries.len() / 2);
        for &(hash, key, number) in entries {
            sorter.push(hash, (key, number));
        }
        let sorted = sorter.sorted(keeps, |one, other| one.0 == other.0);
        let flat = |(hash, (key, number))| (hash, key, number);
        sorted.into_iter().map(flat).collect()
    }

    /// The same by std's sort.
    fn expected(entries: &[(u64, u64, usize)], keeps: Keeps) -> Vec<(u64, u64, usize)> {
        let mut sorted = entries.to_vec();
        sorted.sort_by_key(|entry| entry.0);
        let mut kept: Vec<(u64, u64, usize)> = Vec::new();
        for entry in sorted {
            match kept.iter_mut().rev().find(|seen| seen.1 == entry.1) {
                Some(_) if keeps == Keeps::First => {}
                Some(seen) => *seen = entry,
                None => kept.push(entry),
            }
        }
        kept
    }

    #[test]
    fn sorts_as_std_does_and_keeps_one_of_each_key() {
        let lengths = [0, 1, 15, 16, FEW - 1, FEW, FEW + 1, 9_999];
        let lengths = &lengths[..if cfg!(miri) { 6 } else { lengths.len() }];
        // All different, two keys a hash, few hashes, one hash.
        let hash_of: [fn(u64) -> u64; 4] = [
            |key| key.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            |key| (key / 2).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            |key| ((key % 64) << 58) | (key % 3),
            |_| u64::MAX,
        ];
        for &len in lengths {
            for hash_of in hash_of {
                // Each key is there about three times, and one hash has up to 16 keys.
                let keys = (len as u64 / 3).clamp(1, 1_000);
                let keys = if hash_of(0) == hash_of(1) && hash_of(2) == hash_of(1) {
                    keys.min(16)
                } else {
                    keys
                };
                let entries: Vec<(u64, u64, usize)> = (0..len)
                    .map(|number| {
                        let key = (number as u64).wrapping_mul(7_919) % keys;
                        (hash_of(key), key, number)
                    })
                    .collect();
                for keeps in [Keeps::First, Keeps::Last] {
                    assert_eq!(
                        sort(&entries, keeps),
                        expected(&entries, keeps),
                        "{len} entries, {keeps:?}"
                    );
                }
            }
        }
    }
}
