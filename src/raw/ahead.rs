//! Looking ahead of a walk, by heads.
//!
//! The nodes of a list lie anywhere in memory, so a walk that only follows links waits for one node
//! after the other. But the heads of a table stand side by side in the order of the list. So at each
//! head that a walk passes it asks for what stands behind the heads that come next: far ahead for the
//! first node of a bucket, and nearer for those behind it, whose links are in the cache by then.
//!
//! Models do not look ahead: it changes no answer, and each load would be one more step to explore.

#![forbid(unsafe_code)]

use crate::raw::chain::Member;
use crate::raw::link::{Link, Linked};
use crate::sync::{MODELLED, SCHEDULED};

/// How many buckets ahead of the walk the first node of one is asked for, the second, and the third.
/// Measured on one machine: from 24 / 12 / 6 to 40 / 24 / 12 differ by a tenth.
const FIRST: usize = if SCHEDULED { 3 } else { 32 };
const SECOND: usize = if SCHEDULED { 2 } else { 20 };
const THIRD: usize = if SCHEDULED { 1 } else { 10 };

/// What a walk looks ahead by: the table that was the newest when it looked.
pub(crate) struct Ahead<'g, N> {
    table: Member<'g, N>,
    /// The bucket before which the walk ends.
    end: usize,
    /// Nodes may be read, and not only asked for.
    reads: bool,
}

impl<N> Clone for Ahead<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for Ahead<'_, N> {}

impl<'g, N: Linked> Ahead<'g, N> {
    /// For a walk while others write, under the guard of `'g`. A node that a head of this table leads
    /// to is not freed while it lives, even if the head is frozen meanwhile.
    pub(crate) fn shared(table: Member<'g, N>) -> Self {
        Ahead {
            table,
            end: table.array.order().buckets(),
            reads: true,
        }
    }

    /// For a walk that has the nodes of the buckets before `end` to itself. While a resize is under
    /// way a head may be linked or not, so that no head shows where the nodes of others begin.
    pub(crate) fn exclusive(table: Member<'g, N>, end: usize) -> Self {
        Ahead {
            table,
            end,
            reads: table.is_last,
        }
    }

    /// Asks for the first nodes of the buckets from that of a hash on, for a walk that begins there
    /// and is to meet about so many entries.
    pub(crate) fn begin(&self, hash: u64, entries: usize) {
        if MODELLED {
            return;
        }
        let first = self.table.array.bucket_of_hash(hash);
        for bucket in first..first.saturating_add(entries.min(FIRST)) {
            self.ask_for_first(bucket);
        }
    }

    /// Looks ahead from a head that the walk passes. False if the head is of another table.
    #[inline(always)]
    pub(crate) fn pass(&self, head: &Link<N>) -> bool {
        if MODELLED {
            return true;
        }
        let Some(bucket) = self.table.array.bucket_of(head) else {
            return false;
        };
        self.ask_for_first(bucket + FIRST);
        if self.reads {
            self.ask_for_second(bucket + SECOND);
            self.ask_for_third(bucket + THIRD);
        }
        true
    }

    #[inline(always)]
    fn head(&self, bucket: usize) -> Option<&'g Link<N>> {
        (bucket < self.end)
            .then(|| self.table.head_at(bucket))
            .flatten()
    }

    #[inline(always)]
    fn ask_for_first(&self, bucket: usize) {
        if let Some(head) = self.head(bucket) {
            head.load().prefetch();
        }
    }

    #[inline(always)]
    fn ask_for_second(&self, bucket: usize) {
        if let Some(first) = self.head(bucket).and_then(|head| head.load().link()) {
            first.load().prefetch();
        }
    }

    /// In an empty bucket what is read here is the first node of the next.
    #[inline(always)]
    fn ask_for_third(&self, bucket: usize) {
        if bucket + 1 < self.end
            && let Some(first) = self.head(bucket).and_then(|head| head.load().link())
            && let Some(second) = first.load().link()
        {
            second.load().prefetch();
        }
    }
}
