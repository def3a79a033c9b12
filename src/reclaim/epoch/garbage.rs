//! Garbage: retired objects in the order in which they came, in batches that share a stamp.
//!
//! A batch is stamped with the epoch of the *last* object that went into it, so all of it is ripe
//! when the batch is. An object waits at most for its batch to be full, or to be left alone for as
//! long as garbage waits anyway.

use std::collections::VecDeque;

use super::slot::Epoch;

/// How many objects share a stamp: so many that a batch costs nothing, so few that it does not
/// matter for how long they wait for each other.
const BATCH: usize = 64;

/// A retired object, as the map passed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Object(pub(super) *mut ());

// SAFETY: it is a name. Whoever frees the object holds the map or drops it, and so is where the
// map's entries may be.
unsafe impl Send for Object {}

#[derive(Debug)]
struct Batch {
    stamp: Epoch,
    objects: Vec<Object>,
}

/// See the file's header.
#[derive(Debug, Default)]
pub(super) struct Garbage {
    /// The oldest first. Only the last may take more.
    batches: VecDeque<Batch>,
    /// How many objects of the first batch are gone.
    gone: usize,
    len: usize,
    /// Room for a batch, so that a steady state allocates nothing.
    spare: Vec<Object>,
}

impl Garbage {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, object: Object, now: Epoch) {
        self.len += 1;
        if let Some(last) = self.batches.back_mut()
            && last.objects.len() < BATCH
        {
            last.objects.push(object);
            last.stamp = now;
            return;
        }
        let mut objects = std::mem::take(&mut self.spare);
        if !self.batches.is_empty() {
            // The first grows as it is needed: a map that retires little pays little.
            objects.reserve_exact(BATCH);
        }
        objects.push(object);
        self.batches.push_back(Batch {
            stamp: now,
            objects,
        });
    }

    /// Makes the first batch one that is not begun, as only the first of all may be.
    fn settle(&mut self) {
        let gone = std::mem::take(&mut self.gone);
        if let Some(first) = self.batches.front_mut() {
            first.objects.drain(..gone);
        }
    }

    /// Sorts by stamp, so that [`pop`](Self::pop) gives all that is ripe.
    pub(super) fn sort(&mut self, now: Epoch) {
        self.settle();
        let batches = self.batches.make_contiguous();
        batches.sort_by_key(|batch| std::cmp::Reverse(batch.stamp.age(now)));
    }

    /// Puts more behind; its stamps stay.
    pub(super) fn append(&mut self, mut more: Garbage) {
        more.settle();
        self.len += more.len;
        self.batches.append(&mut more.batches);
    }

    /// Whether [`pop`](Self::pop) has something.
    #[inline]
    pub(super) fn is_ripe(&self, now: Epoch) -> bool {
        self.batches
            .front()
            .is_some_and(|first| first.stamp.is_over(now))
    }

    /// Whether all of it is ripe.
    pub(super) fn is_all_ripe(&self, now: Epoch) -> bool {
        self.batches.iter().all(|batch| batch.stamp.is_over(now))
    }

    /// The oldest object, if nobody can see it any more.
    pub(super) fn pop(&mut self, now: Epoch) -> Option<Object> {
        self.is_ripe(now).then(|| self.pop_any()).flatten()
    }

    /// The oldest object, whoever can see it.
    pub(super) fn pop_any(&mut self) -> Option<Object> {
        let first = self.batches.front()?;
        let object = first.objects[self.gone];
        self.gone += 1;
        self.len -= 1;
        if self.gone == first.objects.len() {
            self.gone = 0;
            let mut emptied = self.batches.pop_front().map(|batch| batch.objects)?;
            emptied.clear();
            self.spare = emptied;
            // What a burst needed goes when it is over.
            if self.batches.is_empty() && self.batches.capacity() > BATCH {
                self.batches = VecDeque::new();
            }
        }
        Some(object)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn object(number: usize) -> Object {
        Object(std::ptr::without_provenance_mut(number))
    }

    fn at(number: u64) -> Epoch {
        (0..number).fold(Epoch::FIRST, |epoch, _| epoch.next())
    }

    #[test]
    fn comes_out_in_order_three_epochs_after_its_batch() {
        let mut garbage = Garbage::default();
        for number in 0..=BATCH {
            garbage.push(object(number), at(number as u64));
        }
        assert_eq!(garbage.len(), BATCH + 1);
        let full = BATCH as u64 - 1;
        assert_eq!(garbage.pop(at(full + 2)), None);
        for number in 0..BATCH {
            assert_eq!(garbage.pop(at(full + 3)), Some(object(number)));
        }
        assert_eq!(garbage.pop(at(full + 3)), None);
        assert!(!garbage.is_all_ripe(at(full + 3)));
        assert_eq!(garbage.pop(at(full + 4)), Some(object(BATCH)));
        assert_eq!((garbage.len(), garbage.pop_any()), (0, None));
    }

    #[test]
    fn what_is_put_behind_comes_behind_each_object_once() {
        let (mut ours, mut theirs) = (Garbage::default(), Garbage::default());
        for number in 0..100 {
            theirs.push(object(number), at(0));
        }
        for number in 0..10 {
            assert_eq!(theirs.pop_any(), Some(object(number)));
        }
        ours.push(object(1_000), at(1));
        ours.append(theirs);
        ours.push(object(2_000), at(2));
        let all: Vec<_> = std::iter::from_fn(|| ours.pop_any()).collect();
        let expected = std::iter::once(1_000).chain(10..100).chain([2_000]);
        assert_eq!(all, expected.map(object).collect::<Vec<_>>());
        assert_eq!(ours.len(), 0);
    }

    #[test]
    fn sorted_nothing_ripe_waits_behind_what_is_not() {
        let mut garbage = Garbage::default();
        for (number, stamp) in [(1, 0), (2, 7), (3, 0), (4, 5)] {
            let mut more = Garbage::default();
            more.push(object(10 * number), at(stamp));
            more.push(object(number), at(stamp));
            assert_eq!(more.pop_any(), Some(object(10 * number)));
            garbage.append(more);
        }
        assert_eq!(garbage.pop(at(3)), Some(object(1)));
        assert_eq!(garbage.pop(at(3)), None);
        garbage.sort(at(3));
        assert_eq!(garbage.pop(at(3)), Some(object(3)));
        assert_eq!(garbage.pop(at(3)), None);
        assert_eq!(garbage.pop(at(8)), Some(object(4)));
        assert_eq!(garbage.pop_any(), Some(object(2)));
        assert_eq!((garbage.pop_any(), garbage.len()), (None, 0));
    }

    #[test]
    fn a_batch_after_a_begun_one_of_others_is_whole() {
        let mut garbage = Garbage::default();
        garbage.push(object(1), at(0));
        let mut more = Garbage::default();
        more.push(object(2), at(5));
        more.push(object(3), at(5));
        assert_eq!(more.pop_any(), Some(object(2)));
        garbage.append(more);
        assert_eq!(garbage.pop(at(3)), Some(object(1)));
        assert_eq!(garbage.pop(at(3)), None);
        assert_eq!(garbage.pop(at(8)), Some(object(3)));
    }
}
