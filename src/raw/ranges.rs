//! A table in ranges of hashes, each of which a thread may walk on its own, while others write.
//!
//! The list is in the order of the hashes, and a walk may begin at any: so a range is two numbers,
//! and an entry that is present throughout is met in the one range that its hash is in, and there once.

use std::{iter, ptr};

use crate::raw::link::Link;
use crate::raw::node::Node;
use crate::raw::order::Bucket;
use crate::raw::state::State;
use crate::raw::walk::Walk;

/// The nodes of a range of hashes.
pub(crate) struct HashRange<'g, K, V, M = ()> {
    state: &'g State<Node<K, V, M>>,
    first: u64,
    last: u64,
}

// SAFETY: as `Walk`, which is all that it makes. Tables stay allocated while the guard lives, as nodes do.
unsafe impl<K: Sync, V: Sync, M: Sync> Send for HashRange<'_, K, V, M> {}

// SAFETY: as above; a shared reference can do no more.
unsafe impl<K: Sync, V: Sync, M: Sync> Sync for HashRange<'_, K, V, M> {}

impl<K, V, M> Clone for HashRange<'_, K, V, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V, M> Copy for HashRange<'_, K, V, M> {}

impl<'g, K, V, M> HashRange<'g, K, V, M> {
    /// All nodes. `'g` must be the life of a guard.
    pub(crate) fn all(state: &'g State<Node<K, V, M>>) -> Self {
        HashRange {
            state,
            first: 0,
            last: u64::MAX,
        }
    }

    /// Two halves; only one, if the range is no wider than a bucket.
    pub(crate) fn split(self) -> (Self, Option<Self>) {
        let width = self.last - self.first;
        let order = self.state.view().order();
        if Bucket::of(width, order.shift()).number() == 0 {
            return (self, None);
        }
        let last = self.first + width / 2;
        let first = last + 1;
        (
            HashRange { last, ..self },
            Some(HashRange { first, ..self }),
        )
    }

    /// The range in parts that are divided no further, in order: as the threads of a parallel
    /// iteration take it, for models and schedules, which cannot run that.
    #[cfg(any(splitmap_loom, splitmap_shuttle))]
    pub(crate) fn parts(self) -> Vec<Self> {
        match self.split() {
            (first, Some(second)) => [first.parts(), second.parts()].concat(),
            (whole, None) => vec![whole],
        }
    }

    /// The first hash and the last.
    #[cfg(splitmap_loom)]
    pub(crate) fn ends(self) -> (u64, u64) {
        (self.first, self.last)
    }

    /// The part with these ends.
    #[cfg(splitmap_loom)]
    pub(crate) fn part(self, (first, last): (u64, u64)) -> Self {
        HashRange {
            first,
            last,
            ..self
        }
    }

    /// A walk over the nodes of the range. Ends at the head behind the range if that is met, or else
    /// at the first node behind: so in a table of few nodes no range walks over the heads of others.
    pub(crate) fn nodes(self) -> impl Iterator<Item = &'g Node<K, V, M>> {
        let mut walk = Walk::new(self.first, usize::MAX, self.state);
        let behind = self.head_behind();
        let is_end = move |head: &_| behind.is_some_and(|behind| ptr::eq(head, behind));
        iter::from_fn(move || walk.next_before(is_end))
            .take_while(move |node| node.hash() <= self.last)
    }

    /// The head of the bucket that begins where the range has ended, if there is one.
    fn head_behind(self) -> Option<&'g Link<Node<K, V, M>>> {
        let key = self.last.checked_add(1)?;
        let view = self.state.view();
        let order = view.order();
        let bucket = Bucket::of(key, order.shift()).number();
        let is_first_of_bucket = order.key(bucket) == key;
        is_first_of_bucket.then(|| view.own_head(key)).flatten()
    }
}

#[cfg(test)]
pub(in crate::raw) mod tests {
    use super::*;
    use crate::raw::build;

    type Table = State<Node<u64, u64>>;

    /// What a whole is split into, down to the last, in order.
    pub(in crate::raw) fn split_up<T>(whole: T, split: fn(T) -> (T, Option<T>)) -> Vec<T> {
        let mut open = vec![whole];
        let mut pieces = Vec::new();
        while let Some(piece) = open.pop() {
            match split(piece) {
                (left, Some(right)) => open.extend([right, left]),
                (piece, None) => pieces.push(piece),
            }
        }
        pieces
    }

    fn ranges(state: &Table) -> Vec<HashRange<'_, u64, u64>> {
        split_up(HashRange::all(state), HashRange::split)
    }

    fn buckets(state: &Table) -> usize {
        state.view().order().buckets()
    }

    #[test]
    fn ranges_are_all_hashes() {
        for capacity in [0, 1, 17, 1_000] {
            let state = build::state(capacity, Vec::new());
            let ranges = ranges(&state);
            assert_eq!(ranges.len(), buckets(&state));
            let mut next = Some(0);
            for range in ranges {
                assert_eq!(Some(range.first), next);
                next = range.last.checked_add(1);
            }
            assert_eq!(next, None);
        }
    }

    #[test]
    fn an_empty_range_ends_at_the_head_behind_it() {
        let state: Table = build::state(1_000, Vec::new());
        let ranges = ranges(&state);
        let (last, others) = ranges.split_last().unwrap();
        assert!(last.head_behind().is_none());
        for range in others {
            let behind = range.head_behind().unwrap();
            let key = state.view().known(behind).map(|known| known.key);
            assert_eq!(key, Some(range.last + 1));
            let mut heads = 0;
            let mut walk = Walk::new(range.first, 0, range.state);
            let node = walk.next_before(|head| {
                heads += 1;
                ptr::eq(head, behind)
            });
            assert!(node.is_none());
            assert_eq!(heads, 1, "the one behind is the first that it meets");
        }
    }

    #[test]
    fn nodes_at_the_ends_of_ranges_are_met_once() {
        let width = u64::MAX / 64 + 1;
        let ends = (0..64).flat_map(|n| [n * width, n * width + (width - 1)]);
        // Each twice: of different keys.
        let hashes: Vec<u64> = ends.flat_map(|hash| [hash, hash]).collect();
        let nodes = hashes.iter().zip(0..);
        let nodes = nodes.map(|(&hash, key)| Node::new(Node::vacant(), hash, key, hash));
        let state = build::state(0, nodes.collect());
        assert!(buckets(&state) >= 64);
        let ranges = ranges(&state).into_iter();
        let met: Vec<u64> = ranges.flat_map(HashRange::nodes).map(Node::hash).collect();
        assert_eq!(met, hashes);
    }
}
