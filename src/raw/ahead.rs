//! Looking ahead of a walk, by heads.
//!
//! The nodes of a list lie anywhere in memory, so a walk that only follows links waits for one node
//! after the other. But the heads of a table stand side by side in the order of the list. So at each
//! head that a walk passes it asks for what stands behind the heads that come next: far ahead for the
//! first node of a bucket, and nearer for those behind it, whose links are in the cache by then.
//!
//! Models and schedules do not look ahead: it changes no answer, and each load would be one more step.

#![forbid(unsafe_code)]

use crate::raw::chain::Member;
use crate::raw::link::{Link, Linked};
use crate::sync::{MODELLED, SCHEDULED};

/// How many buckets ahead of the walk the first node of one is asked for, the second, and the third.
/// Measured on one machine: from 24 / 12 / 6 to 40 / 24 / 12 differ by a tenth.
const FIRST: usize = 32;
const SECOND: usize = 20;
const THIRD: usize = 10;

/// What a walk looks ahead by: the table that was the newest when it looked.
pub(crate) struct Ahead<'g, N> {
    table: Member<'g, N>,
    /// The heads of the buckets before `end`; none while the table is not complete.
    heads: &'g [Link<N>],
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
            reads: true,
            ..Self::exclusive(table, table.array.order().buckets())
        }
    }

    /// For a walk that has the nodes of the buckets before `end` to itself. While a resize is under
    /// way a head may be linked or not, so that no head shows where the nodes of others begin.
    pub(crate) fn exclusive(table: Member<'g, N>, end: usize) -> Self {
        Ahead {
            table,
            heads: table.heads().map_or(&[], |heads| &heads[..end]),
            end,
            reads: table.is_last,
        }
    }

    /// Asks for the first nodes of the buckets from that of a hash on, for a walk that begins there
    /// and is to meet about so many entries.
    pub(crate) fn begin(&self, hash: u64, entries: usize) {
        if MODELLED || SCHEDULED {
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
        if MODELLED || SCHEDULED {
            return true;
        }
        let Some(bucket) = self.table.array.bucket_of(head) else {
            return false;
        };
        let near = self.heads.get(bucket..);
        if let Some(near) = near.and_then(|heads| heads.first_chunk::<{ FIRST + 1 }>()) {
            near[FIRST].load().prefetch();
            ask_for_second(&near[SECOND]);
            ask_for_third(&near[THIRD]);
        } else {
            self.look_from(bucket);
        }
        true
    }

    /// The same near the end, and while the table is not complete.
    #[cold]
    fn look_from(&self, bucket: usize) {
        self.ask_for_first(bucket + FIRST);
        if !self.reads {
            return;
        }
        if let Some(head) = self.head(bucket + SECOND) {
            ask_for_second(head);
        }
        // Behind an empty bucket it reads the first node of the next.
        if let Some(head) = self.head(bucket + THIRD)
            && bucket + THIRD + 1 < self.end
        {
            ask_for_third(head);
        }
    }

    fn head(&self, bucket: usize) -> Option<&'g Link<N>> {
        (bucket < self.end)
            .then(|| self.table.head_at(bucket))
            .flatten()
    }

    fn ask_for_first(&self, bucket: usize) {
        if let Some(head) = self.head(bucket) {
            head.load().prefetch();
        }
    }
}

#[inline(always)]
fn ask_for_second<N: Linked>(head: &Link<N>) {
    if let Some(first) = head.load().link() {
        first.load().prefetch();
    }
}

#[inline(always)]
fn ask_for_third<N: Linked>(head: &Link<N>) {
    if let Some(first) = head.load().link()
        && let Some(second) = first.load().link()
    {
        second.load().prefetch();
    }
}

const _: () = assert!(THIRD < SECOND && SECOND < FIRST && THIRD > 0);
