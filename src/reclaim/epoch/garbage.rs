//! Garbage: retired objects in the order in which they came, in batches that share a stamp.
//!
//! A batch is stamped with the epoch of the *last* object that went into it, so all of it is ripe
//! when the batch is. So that nobody who writes rarely waits for a batch to be full, a batch also
//! ends when the epoch has changed: if there is none before it, or if it has a few objects.
//!
//! What ends with `in_place` calls no allocator, and so may be done to garbage that is borrowed
//! from a bag. All else is done to garbage that was taken out of one: see `bag`.

use std::collections::VecDeque;

use super::slot::Epoch;

/// How many objects share a stamp: so many that a batch costs nothing, so few that it does not
/// matter for how long they wait for each other.
const BATCH: usize = 64;

/// How many objects are worth a batch of their own when the epoch has changed.
const FEW: usize = 16;

/// A retired object, as the map passed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Object(pub(super) *mut ());

// SAFETY: it is a name. Whoever frees the object holds the map or drops it, and so is where the
// map's entries may be; or the map is enrolled, and these may be anywhere.
unsafe impl Send for Object {}

#[derive(Debug, Default)]
struct Batch {
    stamp: Epoch,
    objects: Vec<Object>,
}

/// It takes the allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotInPlace;

/// See the file's header.
#[derive(Debug, Default)]
pub(super) struct Garbage {
    /// The oldest first, and before those in `open`. None is empty.
    closed: VecDeque<Batch>,
    /// Takes what comes.
    open: Batch,
    /// How many objects of the first closed batch are gone.
    gone: usize,
    len: usize,
}

impl Garbage {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Puts an object behind all others. `now` is no older than what was pushed before.
    pub(super) fn push(&mut self, object: Object, now: Epoch) {
        if self.open.objects.len() >= BATCH || self.ends_before(now) {
            // As much as it came to before: a map that retires little pays little.
            let room = self.open.objects.capacity().min(BATCH);
            self.close();
            self.open.objects.reserve_exact(room);
        }
        debug_assert!(self.may_be_stamped(now), "an older stamp");
        self.open.objects.push(object);
        self.open.stamp = now;
        self.len += 1;
    }

    /// Whether a stamp is the newest of its batch.
    fn may_be_stamped(&self, now: Epoch) -> bool {
        self.open.objects.is_empty() || self.open.stamp.age(now) >= 0
    }

    /// Whether the open batch ends, full or not, before an object of this epoch.
    fn ends_before(&self, now: Epoch) -> bool {
        let least = if self.closed.is_empty() { 1 } else { FEW };
        self.open.stamp != now && self.open.objects.len() >= least
    }

    /// As `push`, if there is room. False: nothing is done.
    #[inline]
    pub(super) fn push_in_place(&mut self, object: Object, now: Epoch) -> bool {
        // A batch that has all the room that it ever gets is full when it has none left.
        let has_room = self.open.objects.len() < self.open.objects.capacity()
            && (self.open.stamp == now || !self.ends_before(now));
        if has_room {
            debug_assert!(self.may_be_stamped(now), "an older stamp");
            self.open.objects.push(object);
            self.open.stamp = now;
            self.len += 1;
        }
        has_room
    }

    /// Ends the open batch.
    #[cold]
    fn close(&mut self) {
        let Batch { stamp, objects } = std::mem::take(&mut self.open);
        if !objects.is_empty() {
            self.closed.push_back(Batch { stamp, objects });
        }
    }

    /// Ends the open batch, and makes the first one that is not begun.
    fn settle(&mut self) {
        self.close();
        let gone = std::mem::take(&mut self.gone);
        if let Some(first) = self.closed.front_mut() {
            first.objects.drain(..gone);
        }
    }

    /// Sorts by stamp, so that [`pop`](Self::pop) gives all that is ripe.
    pub(super) fn sort(&mut self, now: Epoch) {
        self.settle();
        let batches = self.closed.make_contiguous();
        batches.sort_by_key(|batch| std::cmp::Reverse(batch.stamp.age(now)));
    }

    /// Puts more behind what is closed; its stamps stay.
    pub(super) fn append(&mut self, mut more: Garbage) {
        self.close();
        more.settle();
        self.len += more.len;
        self.closed.append(&mut more.closed);
    }

    /// Whether [`pop`](Self::pop) has something.
    #[inline]
    pub(super) fn is_ripe(&self, now: Epoch) -> bool {
        let first = self.closed.front().unwrap_or(&self.open);
        first.stamp.is_over(now) && self.len > 0
    }

    /// Whether all of it is ripe.
    pub(super) fn is_all_ripe(&self, now: Epoch) -> bool {
        let open = (!self.open.objects.is_empty()).then_some(&self.open);
        let mut all = self.closed.iter().chain(open);
        all.all(|batch| batch.stamp.is_over(now))
    }

    /// The oldest object, if nobody can see it any more.
    pub(super) fn pop(&mut self, now: Epoch) -> Option<Object> {
        self.is_ripe(now).then(|| self.pop_any()).flatten()
    }

    /// As `pop`, unless that object is the last one of its batch.
    #[inline]
    pub(super) fn pop_in_place(&mut self, now: Epoch) -> Result<Option<Object>, NotInPlace> {
        if !self.is_ripe(now) {
            return Ok(None);
        }
        let first = self.closed.front().ok_or(NotInPlace)?;
        if self.gone + 1 == first.objects.len() {
            return Err(NotInPlace);
        }
        let object = first.objects[self.gone];
        self.gone += 1;
        self.len -= 1;
        Ok(Some(object))
    }

    /// The oldest object, whoever can see it.
    pub(super) fn pop_any(&mut self) -> Option<Object> {
        if self.closed.is_empty() {
            if self.len == 0 {
                return None;
            }
            self.close();
        }
        let first = self.closed.front()?;
        let object = first.objects[self.gone];
        self.gone += 1;
        self.len -= 1;
        if self.gone == first.objects.len() {
            self.gone = 0;
            self.closed.pop_front();
            // What a burst needed goes when it is over.
            if self.closed.is_empty() && self.closed.capacity() > BATCH {
                self.closed = VecDeque::new();
            }
        }
        Some(object)
    }
}

#[cfg(test)]
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
        for number in 0..BATCH {
            garbage.push(object(number), at(5));
        }
        garbage.push(object(BATCH), at(6));
        assert_eq!(garbage.len(), BATCH + 1);
        assert_eq!(garbage.pop(at(7)), None);
        for number in 0..BATCH {
            assert_eq!(garbage.pop(at(8)), Some(object(number)));
        }
        assert_eq!(garbage.pop(at(8)), None);
        assert!(!garbage.is_all_ripe(at(8)));
        assert_eq!(garbage.pop(at(9)), Some(object(BATCH)));
        assert_eq!((garbage.len(), garbage.pop_any()), (0, None));
    }

    /// A thread that writes once an epoch, and frees two at a time, keeps what a few epochs bring.
    #[test]
    fn one_an_epoch_do_not_wait_for_a_batch_to_be_full() {
        let mut garbage = Garbage::default();
        for number in 0..1_000 {
            let now = at(number as u64);
            if !garbage.push_in_place(object(number), now) {
                garbage.push(object(number), now);
            }
            assert!(garbage.pop(at(number as u64 + 2)) != Some(object(number)));
            garbage.pop(now);
            assert!(garbage.len() < FEW, "{} wait", garbage.len());
        }
    }

    #[test]
    fn what_joins_a_batch_in_a_later_epoch_keeps_all_of_it_waiting() {
        let mut garbage = Garbage::default();
        garbage.push(object(1), at(0));
        garbage.push(object(2), at(1));
        assert!(garbage.push_in_place(object(3), at(4)));
        assert_eq!(garbage.pop(at(4)), Some(object(1)));
        assert_eq!(garbage.pop(at(6)), None);
        assert_eq!(garbage.pop(at(7)), Some(object(2)));
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
