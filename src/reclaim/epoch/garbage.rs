//! Garbage: retired objects, the oldest first, and how far the epoch has advanced since.
//!
//! ```text
//!   over      stamp - 2   stamp - 1   stamp
//! ├─────────┼───────────┼───────────┼──────────►  pushed here
//!   popped here
//! ```
//!
//! The stamp of an object is the epoch in which it was pushed. What is three epochs old is over, so
//! at most three stamps are not, and three numbers say where each begins. An object costs its
//! pointer, and neither push nor pop looks at another stamp than the last.
//!
//! Functions whose names end with `in_place` call no allocator, and so may work on garbage that is
//! borrowed from a bag. All others work on garbage that was taken out of one: see `bag`.

use std::collections::VecDeque;

use super::slot::Epoch;

/// The room that a first object makes.
const LEAST: usize = 4;

/// Up to so much room stays when it is not needed any more.
const KEPT: usize = 64;

/// A retired object, as the map passed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Object(pub(super) *mut ());

// SAFETY: it is only an address. The thread that frees the object holds the map or drops it, so the
// map's entries may be on that thread; or the map is enrolled, and they may be on any.
unsafe impl Send for Object {}

/// See the file's header.
#[derive(Debug, Default)]
pub(super) struct Garbage {
    objects: VecDeque<Object>,
    /// The epoch of the last push or `settle`.
    stamp: Epoch,
    /// How many are over.
    over: usize,
    /// How many were pushed two epochs before `stamp`, and one epoch before it.
    waiting: [usize; 2],
    /// The bytes of all, less those that as many entries have. Modulo 2^64: a table may be smaller.
    excess: usize,
}

impl Garbage {
    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    /// See the field.
    pub(super) fn excess(&self) -> usize {
        self.excess
    }

    /// An object was pushed that has more bytes than an entry.
    #[inline(always)]
    pub(super) fn count_in(&mut self, excess: usize) {
        if excess != 0 {
            self.excess = self.excess.wrapping_add(excess);
        }
    }

    /// Such an object was popped.
    #[inline(always)]
    pub(super) fn count_out(&mut self, excess: usize) {
        if excess != 0 {
            self.excess = self.excess.wrapping_sub(excess);
        }
    }

    /// How many [`pop_in_place`](Self::pop_in_place) gives, as far as the epoch of the last push or
    /// `settle` says.
    #[inline(always)]
    pub(super) fn over(&self) -> usize {
        self.over
    }

    /// Puts an object behind all others. `now` was loaded after the object was unlinked.
    pub(super) fn push(&mut self, object: Object, now: Epoch) {
        if self.objects.capacity() == 0 {
            self.objects.reserve_exact(LEAST);
        }
        self.settle(now);
        self.objects.push_back(object);
    }

    /// As `push`, if there is room. False: the object is not there.
    #[inline(always)]
    pub(super) fn push_in_place(&mut self, object: Object, now: Epoch) -> bool {
        self.settle(now);
        let has_room = self.objects.len() < self.objects.capacity();
        if has_room {
            self.objects.push_back(object);
        }
        has_room
    }

    /// Whether the epoch has advanced since the last push or `settle`.
    #[inline(always)]
    pub(super) fn is_older(&self, now: Epoch) -> bool {
        self.stamp != now
    }

    /// Looks what is over now. A `now` that is older than the stamp changes nothing.
    #[inline(always)]
    pub(super) fn settle(&mut self, now: Epoch) {
        if self.is_older(now) {
            self.settle_later(now);
        }
    }

    #[cold]
    #[inline(never)]
    fn settle_later(&mut self, now: Epoch) {
        if self.objects.is_empty() {
            // Whatever the stamp was: a new queue has one that may be very old.
            self.stamp = now;
            return;
        }
        let [second, first] = self.waiting;
        let rest = self.objects.len() - self.over - second - first;
        match self.stamp.steps(now) {
            0 => return,
            1 => {
                self.over += second;
                self.waiting = [first, rest];
            }
            2 => {
                self.over += second + first;
                self.waiting = [rest, 0];
            }
            _ => {
                self.over = self.objects.len();
                self.waiting = [0, 0];
            }
        }
        self.stamp = now;
    }

    /// The oldest object, if no thread can see it any more.
    #[inline(always)]
    pub(super) fn pop_in_place(&mut self) -> Option<Object> {
        self.over = self.over.checked_sub(1)?;
        self.objects.pop_front()
    }

    /// The oldest object, even if a thread can still see it.
    pub(super) fn pop_any(&mut self) -> Option<Object> {
        // Counts all of it as over, so that `pop_in_place` returns it.
        self.over = self.objects.len();
        self.waiting = [0, 0];
        self.pop_in_place()
    }

    /// Takes the objects of `more`, which keep their stamps. Moves what is not of the last epoch, and
    /// all of `more`.
    pub(super) fn adopt(&mut self, mut more: Garbage) {
        more.settle(self.stamp);
        self.settle(more.stamp);
        if self.objects.len() < more.objects.len() {
            std::mem::swap(self, &mut more);
        }
        if more.objects.is_empty() {
            return;
        }
        let (own, theirs) = (self.take_older(), more.take_older());
        self.objects.append(&mut more.objects);
        for (own, theirs) in own.into_iter().zip(theirs).rev() {
            let both = own.into_iter().chain(theirs);
            both.rev()
                .for_each(|object| self.objects.push_front(object));
        }
        self.over += more.over;
        for (own, theirs) in self.waiting.iter_mut().zip(more.waiting) {
            *own += theirs;
        }
        self.count_in(more.excess);
    }

    /// Takes out what is not of the last epoch, by stamp. For a moment the numbers are wrong.
    fn take_older(&mut self) -> [Vec<Object>; 3] {
        let [second, first] = self.waiting;
        [self.over, second, first].map(|count| self.objects.drain(..count).collect())
    }
    /// Whether there is far more room than objects: a burst is over.
    #[inline]
    pub(super) fn is_sparse(&self) -> bool {
        let room = self.objects.capacity();
        room > KEPT && self.objects.len() < room / 8
    }

    /// Gives back room that is not needed.
    pub(super) fn shrink(&mut self) {
        self.objects.shrink_to((2 * self.objects.len()).max(KEPT));
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

    fn pop_at(garbage: &mut Garbage, now: u64) -> Option<Object> {
        garbage.settle(at(now));
        garbage.pop_in_place()
    }

    #[test]
    fn each_comes_out_in_order_three_epochs_after_it_went_in() {
        let mut garbage = Garbage::default();
        for number in 0..10 {
            garbage.push(object(2 * number), at(number as u64));
            garbage.push(object(2 * number + 1), at(number as u64));
            let over = number.checked_sub(3).map(|old| [2 * old, 2 * old + 1]);
            for old in over.into_iter().flatten() {
                assert_eq!(pop_at(&mut garbage, number as u64), Some(object(old)));
            }
            assert_eq!(pop_at(&mut garbage, number as u64), None);
        }
        assert_eq!(garbage.len(), 6);
    }

    /// Every way in which three epochs pass.
    #[test]
    fn nothing_is_over_early_and_nothing_late_however_the_epoch_goes_on() {
        for steps in 0..4_u64.pow(5) {
            let mut garbage = Garbage::default();
            let (mut now, mut pushed) = (0, std::collections::VecDeque::new());
            for turn in 0..5 {
                now += steps / 4_u64.pow(turn) % 4;
                garbage.push(object(turn as usize), at(now));
                pushed.push_back((object(turn as usize), now));
                while let Some((object, stamp)) = pushed.front().copied() {
                    let popped = pop_at(&mut garbage, now);
                    assert_eq!(popped, (stamp + 3 <= now).then_some(object), "{steps}");
                    if popped.is_none() {
                        break;
                    }
                    pushed.pop_front();
                }
            }
        }
    }

    #[test]
    fn an_older_epoch_changes_nothing() {
        let mut garbage = Garbage::default();
        garbage.push(object(1), at(5));
        assert_eq!(pop_at(&mut garbage, 1), None);
        assert_eq!(pop_at(&mut garbage, 7), None);
        assert_eq!(pop_at(&mut garbage, 8), Some(object(1)));
    }

    #[test]
    fn without_room_nothing_is_pushed_in_place() {
        let mut garbage = Garbage::default();
        assert!(!garbage.push_in_place(object(1), at(0)));
        garbage.push(object(1), at(0));
        while garbage.push_in_place(object(2), at(0)) {}
        assert_eq!(garbage.len(), garbage.objects.capacity());
        assert!(garbage.len() >= LEAST);
    }

    #[test]
    fn what_is_adopted_keeps_its_stamp() {
        // Stamps of ours, of theirs, and the last epoch of each.
        for bits in 0..4_u64.pow(6) {
            let digit = |n: u32| bits / 4_u64.pow(n) % 4;
            let (mut ours, mut theirs) = (Garbage::default(), Garbage::default());
            let (mut stamps, mut last) = (Vec::new(), 0);
            for (garbage, start) in [(&mut ours, 0), (&mut theirs, 3)] {
                let mut now = 0;
                for n in 0..2 {
                    now += digit(start + n);
                    garbage.push(object(stamps.len()), at(now));
                    stamps.push(now);
                }
                now += digit(start + 2);
                garbage.settle(at(now));
                last = last.max(now);
            }
            theirs.count_in(100);
            ours.adopt(theirs);
            assert_eq!((ours.len(), ours.excess()), (4, 100));
            for now in 0..20 {
                ours.settle(at(now));
                while let Some(Object(number)) = ours.pop_in_place() {
                    let stamp = &mut stamps[number.addr()];
                    assert!(*stamp + 3 <= now.max(last), "{bits}: over early");
                    *stamp = u64::MAX;
                }
                let late = |&&stamp: &&u64| stamp != u64::MAX && stamp + 3 <= now;
                assert_eq!(stamps.iter().find(late), None, "{bits}: late");
            }
            assert_eq!(ours.len(), 0);
        }
    }

    #[test]
    fn the_room_of_a_burst_goes_when_it_is_over() {
        let mut garbage = Garbage::default();
        (0..10_000).for_each(|number| garbage.push(object(number), at(0)));
        assert!(!garbage.is_sparse());
        garbage.settle(at(3));
        while !garbage.is_sparse() {
            garbage.pop_in_place().expect("all are over");
        }
        garbage.shrink();
        assert!(!garbage.is_sparse() && garbage.len() > 0);
        assert_eq!(garbage.pop_any(), Some(object(10_000 - garbage.len() - 1)));
        while garbage.pop_any().is_some() {}
        garbage.shrink();
        assert!(!garbage.is_sparse() && garbage.objects.capacity() <= KEPT);
    }
}
