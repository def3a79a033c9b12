//! A directory: from a bucket to its head. Heads stand in groups by birth (see `order`), made when
//! a growth first needs them; a directory is an immutable table of groups, and `state`, one word of
//! the map, points to the current one.
//!
//! # Invariant
//!
//! * A directory never changes once it is published. Every step of a resize builds a new one and
//!   swings `state` to it; whoever swung retires the old one. So a word of `state` read long ago
//!   still goes with its own groups, and two equal words mean that nothing happened between
//!   (the address cannot be used again while the guard lives).
//! * A group is *partial* in a directory for as long as a stride of it may be unfinished. The heads
//!   of a partial group are uninitialised memory until the *ready* byte of their stride is set.
//! * The finest group *leaves* when the table shrinks: its buckets are no longer those of the
//!   directory, but its heads may still be in the list. Only a complete group leaves, and none is
//!   partial meanwhile. The directory after that does not know it, and it is retired.
//! * The base, the heads that a map starts with, is complete, and stays until the map is dropped.
//! * An empty map has a directory of its own, which is read only: the first writer swings `state`
//!   to a base, and nothing ever swings it back.
//!
//! # Orderings
//!
//! `state` is swung with Release and read with Acquire: that publishes a directory, its groups and
//! their zeroed ready bytes. A ready byte is stored with Release and read with Acquire *before* the
//! head it speaks of: that publishes the head itself.

use std::alloc::{Layout, alloc, dealloc};
use std::marker::PhantomData;
use std::ops::Range;
use std::ptr::{self, NonNull};

use crossbeam_utils::CachePadded;

use crate::raw::link::{Link, Linked, Word, check_address, fits};
use crate::raw::order::{Bucket, CHILDREN, Order, Place};
use crate::sync::{AtomicPtr, AtomicU8, AtomicUsize, Ordering, Witness};

/// The parents whose children one helper makes at a time.
pub(crate) const STRIDE: usize = if cfg!(splitmap_loom) { 1 } else { 16 };

/// Marks a pointer to a partial group's heads in a directory.
const PARTIAL: usize = 1;

/// What a stride's ready byte says: its heads are linked; its heads are unlinked again.
const READY: u8 = 1;
const SETTLED: u8 = 2;

/// How many ready bytes one call looks at for a stride that is not settled.
const LOOK: usize = if cfg!(any(splitmap_loom, splitmap_shuttle)) {
    2
} else {
    1024
};

/// The low bits of a `state` word: the order's shift, and whether the table is shrinking.
const SHIFT: usize = 0x7f;
const SHRINKING: usize = 0x80;

const BASE_HEADS: usize = Order::BASE.buckets();

/// The heads that a map starts with.
pub(crate) struct Base<N> {
    /// By birth, then by key: the group of birth `k` follows all earlier ones.
    heads: [Link<N>; BASE_HEADS],
}

impl<N> Base<N> {
    fn new() -> Box<Self> {
        Box::new(Base {
            heads: std::array::from_fn(|_| Link::new(Word::END)),
        })
    }

    /// The key of the head at `index`.
    fn key(index: usize) -> u64 {
        let mut birth = Order::from_steps(0);
        while index >= birth.buckets() {
            birth = Order::from_steps(birth.steps() + 1);
        }
        birth.key(index - (birth.buckets() - birth.group_len()))
    }
}

/// The heads of one birth.
pub(crate) struct Group<N> {
    birth: Order,
    /// `birth.group_len()` links. Uninitialised where `ready` says so.
    heads: NonNull<Link<N>>,
    /// One byte for each stride of parents: 0, [`READY`] or [`SETTLED`].
    ready: Box<[AtomicU8]>,
    /// The first stride that nobody has claimed.
    cursor: CachePadded<AtomicUsize>,
    /// How many strides are finished.
    done: CachePadded<AtomicUsize>,
    /// When the group leaves: the first stride that nobody has begun to settle, and one before
    /// which all are settled.
    settling: CachePadded<AtomicUsize>,
    settled: CachePadded<AtomicUsize>,
    witness: Witness,
    /// What `ready` will say, for an audit.
    #[cfg(splitmap_loom)]
    newest_ready: Box<[std::cell::Cell<bool>]>,
}

impl<N> Group<N> {
    /// A group without a single head; `None` if there is no memory for it, or only at addresses
    /// that no link has room for.
    pub(crate) fn new(birth: Order) -> Option<Box<Self>> {
        let layout = Self::layout(birth)?;
        // SAFETY: a group has at least one head, so the layout is not zero-sized.
        let heads = NonNull::new(unsafe { alloc(layout) })?.cast::<Link<N>>();
        // From here on the heads' memory goes with the group.
        let mut group = Box::new(Group {
            birth,
            heads,
            ready: Box::default(),
            cursor: CachePadded::new(AtomicUsize::new(0)),
            done: CachePadded::new(AtomicUsize::new(0)),
            settling: CachePadded::new(AtomicUsize::new(0)),
            settled: CachePadded::new(AtomicUsize::new(0)),
            witness: Witness::new(),
            #[cfg(splitmap_loom)]
            newest_ready: Box::default(),
        });
        if !fits(heads.as_ptr(), birth.group_len()) {
            return None;
        }
        let strides = birth.parents().div_ceil(STRIDE);
        let mut ready = Vec::new();
        ready.try_reserve_exact(strides).ok()?;
        ready.resize_with(strides, || AtomicU8::new(0));
        group.ready = ready.into_boxed_slice();
        #[cfg(splitmap_loom)]
        {
            group.newest_ready = (0..strides).map(|_| false.into()).collect();
            for index in 0..birth.group_len() {
                // SAFETY: within the allocation just made.
                let head = unsafe { heads.add(index) };
                // SAFETY: as above; the memory is ours alone.
                unsafe { head.write(Link::poison()) };
            }
        }
        Some(group)
    }

    fn layout(birth: Order) -> Option<Layout> {
        Layout::array::<Link<N>>(birth.group_len()).ok()
    }

    pub(crate) fn birth(&self) -> Order {
        self.birth
    }

    /// Makes the head at `index`, which no other thread may use before its stride is ready.
    pub(crate) fn make_head(&self, stride: &Stride, index: usize, word: Word<'_, N>) -> &Link<N> {
        let head = self.head_ptr(stride, index);
        #[cfg(not(splitmap_loom))]
        // SAFETY: within the group; the stride is the caller's, and nobody reads its heads before
        // the caller links them.
        unsafe {
            head.write(Link::new(word));
        }
        // SAFETY: written above, or under loom when the group was made.
        let head = unsafe { head.as_ref() };
        #[cfg(splitmap_loom)]
        head.store_unpublished(word);
        head
    }

    /// The head at `index`, which this thread has made.
    pub(crate) fn made_head(&self, stride: &Stride, index: usize) -> &Link<N> {
        // SAFETY: within the group; the caller made it, in a stride that is its own.
        unsafe { self.head_ptr(stride, index).as_ref() }
    }

    fn head_ptr(&self, stride: &Stride, index: usize) -> NonNull<Link<N>> {
        assert!(
            index < self.birth.group_len() && self.stride_of(index) == stride.0,
            "the head is one of the stride"
        );
        // SAFETY: within the allocation, by the assertion.
        unsafe { self.heads.add(index) }
    }

    fn stride_of(&self, index: usize) -> usize {
        self.birth.parent_of(index) / STRIDE
    }

    /// Claims a stride that nobody else will make: its parents. `None` when all are claimed.
    pub(crate) fn claim(&self) -> Option<Stride> {
        // Relaxed: exclusivity alone; what the stride works on comes from `state`.
        if self.is_exhausted() {
            return None;
        }
        let stride = self.cursor.fetch_add(1, Ordering::Relaxed);
        (stride < self.ready.len()).then_some(Stride(stride))
    }

    /// Whether every stride has been claimed.
    pub(crate) fn is_exhausted(&self) -> bool {
        // Relaxed: a stale answer leads to one attempt too many or too few.
        self.cursor.load(Ordering::Relaxed) >= self.ready.len()
    }

    /// The parents of a stride.
    pub(crate) fn parents(&self, stride: &Stride) -> Range<usize> {
        self.parents_of(stride.0)
    }

    fn parents_of(&self, stride: usize) -> Range<usize> {
        let first = stride * STRIDE;
        first..(first + STRIDE).min(self.birth.parents())
    }

    /// Tells everybody that the stride's heads are linked. True if it was the last.
    pub(crate) fn finish(&self, stride: Stride) -> bool {
        // Release: pairs with the Acquire in `is_ready`; publishes the stride's heads.
        self.ready[stride.0].store(READY, Ordering::Release);
        #[cfg(splitmap_loom)]
        self.newest_ready[stride.0].set(true);
        // Release: pairs with the Acquire here and in `is_finished`; whoever sees all strides
        // counted sees all heads, and hands that on through `state`.
        // Acquire: the last one takes over what the others counted.
        self.done.fetch_add(1, Ordering::AcqRel) + 1 == self.ready.len()
    }

    /// Whether every stride is finished.
    pub(crate) fn is_finished(&self) -> bool {
        // Acquire: pairs with the Release in `finish`.
        self.done.load(Ordering::Acquire) == self.ready.len()
    }

    /// Whether the head at `index` has been made and linked.
    fn is_ready(&self, index: usize) -> bool {
        let stride = self.stride_of(index);
        // Acquire: pairs with the Release in `finish`, or in `settle` where the directory is an old
        // one; read before the head.
        self.ready[stride].load(Ordering::Acquire) != 0
    }

    /// The index of a head of this group.
    fn index_of(&self, head: &Link<N>) -> Option<usize> {
        index_in(self.heads.as_ptr(), self.birth.group_len(), head)
    }

    /// The bytes of the group and its heads.
    pub(crate) fn bytes(&self) -> usize {
        let heads = self.birth.group_len() * size_of::<Link<N>>();
        size_of::<Self>() + heads + self.ready.len()
    }

    /// Whether a head is one of this group.
    #[cfg(splitmap_loom)]
    pub(crate) fn has(&self, head: &Link<N>) -> bool {
        self.index_of(head).is_some()
    }

    /// A model's reclaimer frees the group and its heads here; their memory goes later.
    #[cfg(splitmap_loom)]
    pub(crate) fn condemn(&self) {
        self.witness.free();
        for index in 0..self.birth.group_len() {
            // SAFETY: within the allocation, and always made under loom.
            unsafe { self.heads.add(index).as_ref() }.condemn();
        }
    }
}

/// The index of `head` in an array of heads.
fn index_in<N>(heads: *const Link<N>, len: usize, head: &Link<N>) -> Option<usize> {
    let bytes = ptr::from_ref(head).addr().wrapping_sub(heads.addr());
    let index = bytes / size_of::<Link<N>>();
    (index < len).then_some(index)
}

impl<N> Drop for Group<N> {
    fn drop(&mut self) {
        let layout = Self::layout(self.birth).expect("the layout that `new` has used");
        // SAFETY: allocated in `new` with this layout; a link has no destructor.
        unsafe { dealloc(self.heads.as_ptr().cast(), layout) };
    }
}

/// A claimed stride: the right to make the heads of its parents.
#[cfg_attr(splitmap_loom, derive(Clone, Copy, Debug))]
pub(crate) struct Stride(usize);

/// The group that leaves a table which shrinks. It was complete, so all its heads are made.
///
/// Its strides are *settled* one by one: their heads frozen and unlinked. Unlike the making of heads
/// that can be done twice, so a stride that somebody has begun to settle is anybody's.
pub(crate) struct Leaving<'g, N>(&'g Group<N>);

impl<N> Clone for Leaving<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for Leaving<'_, N> {}

/// Whether a group that leaves has strides which are not settled.
pub(crate) enum Look {
    Unsettled(usize),
    /// None among those that were looked at: there are more.
    Further,
    Settled,
}

impl<'g, N> Leaving<'g, N> {
    pub(crate) fn birth(self) -> Order {
        self.0.birth
    }

    /// A stride that nobody has begun to settle. `None` when all are begun.
    pub(crate) fn begin(self) -> Option<usize> {
        // Relaxed: spreads the work, no more; what it works on comes from `state`.
        if self.0.settling.load(Ordering::Relaxed) >= self.0.ready.len() {
            return None;
        }
        // Relaxed: as above.
        let stride = self.0.settling.fetch_add(1, Ordering::Relaxed);
        (stride < self.0.ready.len()).then_some(stride)
    }

    /// The parents of a stride.
    pub(crate) fn parents(self, stride: usize) -> Range<usize> {
        self.0.parents_of(stride)
    }

    /// The heads of a stride.
    pub(crate) fn heads(self, stride: usize) -> impl Iterator<Item = &'g Link<N>> {
        let parents = self.0.parents_of(stride);
        let indices = parents.start * CHILDREN..parents.end * CHILDREN;
        indices.map(move |index| {
            // SAFETY: within the allocation.
            let head = unsafe { self.0.heads.add(index) };
            // SAFETY: made (the type's invariant), and there as long as the group.
            unsafe { head.as_ref() }
        })
    }

    /// Tells everybody that the heads of a stride are unlinked.
    pub(crate) fn settle(self, stride: usize) {
        // Release: pairs with the Acquire in `look`; what this thread has seen of the list, in
        // which none of the stride's heads is left.
        self.0.ready[stride].store(SETTLED, Ordering::Release);
    }

    /// Looks for a stride that is not settled, at a bounded number of them.
    pub(crate) fn look(self) -> Look {
        let strides = self.0.ready.len();
        // Acquire: pairs with the Release below; all strides before are settled.
        let from = self.0.settled.load(Ordering::Acquire);
        let to = strides.min(from + LOOK);
        // Acquire: pairs with the Release in `settle`.
        let is_open = |&stride: &usize| self.0.ready[stride].load(Ordering::Acquire) != SETTLED;
        if let Some(stride) = (from..to).find(is_open) {
            return Look::Unsettled(stride);
        }
        if to == strides {
            return Look::Settled;
        }
        // Release: pairs with the Acquire above; what this thread has seen of the strides before
        // `to`. A read-modify-write, so that it stands for all that came before, and never falls.
        self.0.settled.fetch_max(to, Ordering::Release);
        Look::Further
    }
}

/// See the file's header.
///
/// Aligned so that the low byte of its address is free for `state`.
#[repr(C, align(256))]
pub(crate) struct Directory<N> {
    /// By level of a [`Place`]: one link before the group's first head,
    /// as the index of a place is biased, or the first bucket's head. [`PARTIAL`] in bit 0.
    heads: [*const Link<N>; Order::LEVELS],
    /// By the steps of the birth; null up to the base's order.
    groups: [*const Group<N>; Order::LEVELS],
    /// Null in an empty map.
    base: *const Base<N>,
    order: Order,
    /// The table does not shrink below this order.
    floor: Order,
    /// How many groups are partial.
    partial: u32,
    /// The group that leaves, while the table shrinks; null otherwise.
    leaving: *const Group<N>,
    witness: Witness,
}

impl<N> Directory<N> {
    /// The directory of `base` alone.
    fn of_base(base: *const Base<N>, heads: *const Link<N>) -> Self {
        let mut directory = Directory {
            heads: [ptr::null(); Order::LEVELS],
            groups: [ptr::null(); Order::LEVELS],
            base,
            order: Order::BASE,
            floor: Order::BASE,
            partial: 0,
            leaving: ptr::null(),
            witness: Witness::new(),
        };
        directory.heads[Order::LEVELS - 1] = heads;
        for level in 0..Order::BASE.steps() {
            let birth = Order::from_steps(Order::BASE.steps() - level);
            directory.heads[level] = heads.wrapping_add(birth.buckets() - birth.group_len() - 1);
        }
        directory
    }

    /// This directory without anything of its own changed.
    fn copy(&self) -> Self {
        Directory {
            heads: self.heads,
            groups: self.groups,
            base: self.base,
            order: self.order,
            floor: self.floor,
            partial: self.partial,
            leaving: self.leaving,
            witness: Witness::new(),
        }
    }

    /// This directory with one more group, of which no head is made.
    ///
    /// # Safety
    ///
    /// That of [`push`](Self::push).
    unsafe fn with_partial(&self, group: *mut Group<N>) -> Box<Self> {
        debug_assert!(self.leaving.is_null(), "one resize at a time");
        let mut directory = self.copy();
        // SAFETY: the caller's promise.
        unsafe { directory.push(group, PARTIAL) };
        directory.partial += 1;
        Box::new(directory)
    }

    /// This directory with `group` complete; `None` if it is not partial here.
    pub(crate) fn with_complete(&self, group: &Group<N>) -> Option<Box<Self>> {
        let steps = group.birth.steps();
        if group.birth > self.order || !ptr::eq(self.groups[steps], group) {
            return None;
        }
        let level = self.order.steps() - steps;
        if self.heads[level].addr() & PARTIAL == 0 {
            return None;
        }
        let mut directory = self.copy();
        directory.heads[level] = directory.heads[level].map_addr(|addr| addr & !PARTIAL);
        directory.partial -= 1;
        Some(Box::new(directory))
    }

    /// This directory with the finest group leaving, if `least` buckets are left then; `None` if
    /// they are not, or a resize is under way, or the floor is reached.
    pub(crate) fn narrowed(&self, least: usize) -> Option<Box<Self>> {
        let order = self.order.previous()?;
        if self.is_resizing() || order < self.floor || order.buckets() < least {
            return None;
        }
        let mut directory = self.copy();
        let steps = self.order.steps();
        directory.leaving = std::mem::replace(&mut directory.groups[steps], ptr::null());
        directory.heads.copy_within(1..steps, 0);
        directory.heads[steps - 1] = ptr::null();
        directory.order = order;
        Some(Box::new(directory))
    }

    /// This directory with another floor.
    pub(crate) fn with_floor(&self, floor: Order) -> Box<Self> {
        let mut directory = self.copy();
        directory.floor = floor;
        Box::new(directory)
    }

    /// Adds a group, by the pointer with which it will be freed.
    ///
    /// # Safety
    ///
    /// `group` came out of a box, and lives as long as directories lead to it.
    unsafe fn push(&mut self, group: *mut Group<N>, flag: usize) {
        // SAFETY: the caller's promise.
        let &Group { birth, heads, .. } = unsafe { &*group };
        debug_assert!(birth > self.order, "a group is finer than all before");
        self.heads.copy_within(0..self.order.steps(), 1);
        let heads = heads.as_ptr().cast_const().wrapping_sub(1);
        self.heads[0] = heads.map_addr(|addr| addr | flag);
        self.groups[birth.steps()] = group;
        self.order = birth;
    }

    /// A complete directory with `order.buckets()` buckets, all linked, that is not to shrink below
    /// `floor`; `None` if there is no memory for it. Each bucket is asked for its contents, the last
    /// in the list first: given where the list goes on behind the bucket, `fill` says how its head's
    /// word begins.
    pub(crate) fn filled<'a>(
        order: Order,
        floor: Order,
        mut fill: impl FnMut(Bucket, Word<'a, N>) -> Word<'a, N>,
    ) -> Option<Box<Self>>
    where
        N: 'a,
    {
        // The largest first: what cannot be is not tried piece by piece.
        let births = (Order::BASE.steps() + 1..=order.steps()).rev();
        let groups = births.map(|steps| Group::new(Order::from_steps(steps)));
        let groups = groups.collect::<Option<Vec<_>>>()?;
        let base = Base::new();
        check_address(&raw const base.heads);
        let base = Box::into_raw(base);
        // SAFETY: just made, and owned by the state below.
        let heads = unsafe { &raw const (*base).heads };
        let mut whole = Whole(Box::new(Self::of_base(base, heads.cast())));
        whole.0.floor = floor;
        for group in groups.into_iter().rev() {
            // SAFETY: from a box, and freed with `whole` or the state that it goes into.
            unsafe { whole.0.push(Box::into_raw(group), 0) };
        }
        let directory = &whole.0;
        let mut behind = Word::END;
        for bucket in order.buckets_from_last() {
            let place = bucket.place();
            let head = directory.heads[place.level]
                .wrapping_add(place.biased)
                .cast_mut();
            // SAFETY: within a group or the base, which nobody else knows yet. A link has no
            // destructor, so what was there may be overwritten.
            unsafe { head.write(Link::new(fill(bucket, behind))) };
            // SAFETY: written just now.
            behind = Word::to_head(unsafe { &*head });
        }
        Some(whole.into_directory())
    }

    /// A model's reclaimer frees the directory here; its memory goes later.
    #[cfg(splitmap_loom)]
    pub(crate) fn condemn(&self) {
        self.witness.free();
    }

    pub(crate) fn order(&self) -> Order {
        self.order
    }

    /// Whether a stride of some group may be unfinished.
    pub(crate) fn has_partial(&self) -> bool {
        self.partial > 0
    }

    /// Whether strides are left to make, or to settle.
    pub(crate) fn is_resizing(&self) -> bool {
        self.has_partial() || self.is_shrinking()
    }

    pub(crate) fn is_shrinking(&self) -> bool {
        !self.leaving.is_null()
    }

    /// The order below which the table does not shrink; it may be below it already.
    pub(crate) fn floor(&self) -> Order {
        self.floor
    }

    /// The group that leaves, while the table shrinks.
    pub(crate) fn leaving(&self) -> Option<Leaving<'_, N>> {
        // SAFETY: null, or a group that this directory leads to: not freed while a guard protects
        // the directory. It was complete in the directory before.
        let group = unsafe { self.leaving.as_ref() }?;
        group.witness.touch();
        Some(Leaving(group))
    }

    /// The base, unless the map is empty.
    #[inline]
    pub(crate) fn base(&self) -> Option<&Base<N>> {
        // SAFETY: null, or the base of this map, which stays until the map is dropped.
        unsafe { self.base.as_ref() }
    }

    /// The groups after the base, the coarsest first.
    pub(crate) fn groups(&self) -> impl DoubleEndedIterator<Item = &Group<N>> {
        self.groups[Order::BASE.steps() + 1..=self.order.steps()]
            .iter()
            // SAFETY: a group of this directory, which is not freed while a guard protects the
            // directory: `&self` is bound to it.
            .filter_map(|&group| unsafe { group.as_ref() })
    }

    /// The groups that may have unfinished strides, the coarsest first.
    pub(crate) fn partial_groups(&self) -> impl DoubleEndedIterator<Item = &Group<N>> {
        self.groups().filter(|group| {
            group.witness.touch();
            let level = self.order.steps() - group.birth.steps();
            self.heads[level].addr() & PARTIAL != 0
        })
    }

    /// The head of `bucket`, unless it is not ready.
    #[inline(always)]
    fn head(&self, bucket: Bucket) -> Option<&Link<N>> {
        let place = bucket.place();
        let mut heads = self.heads[place.level];
        if heads.addr() & PARTIAL != 0 {
            heads = self.ready_heads(place)?;
        }
        // SAFETY: `place` is exact for a bucket of this directory's order, so the head is one of
        // the level's group (tested exhaustively in `order`); it is made, as the group is complete
        // or its ready byte was read just now.
        let head = unsafe { &*heads.wrapping_add(place.biased) };
        head.touch();
        Some(head)
    }

    /// The head of the bucket of this number, unless it is not ready.
    #[cfg(feature = "rayon")]
    pub(crate) fn head_at(&self, bucket: usize) -> Option<&Link<N>> {
        self.head(Bucket::at(bucket))
    }

    /// The heads of a partial group, if the one at `place` is ready.
    #[cold]
    fn ready_heads(&self, place: Place) -> Option<*const Link<N>> {
        let group = self.groups[self.order.steps() - place.level];
        // SAFETY: only groups of this directory are partial in it.
        let group = unsafe { &*group };
        group.witness.touch();
        let heads = self.heads[place.level].map_addr(|addr| addr & !PARTIAL);
        group.is_ready(place.biased - 1).then_some(heads)
    }

    /// The key of a head, by its address; `None` for a head of a group that is not in here.
    fn key_of(&self, head: &Link<N>) -> Option<u64> {
        let leaving = self.leaving().map(|Leaving(group)| group);
        // The finest first: it is the largest by far.
        let mut groups = leaving.into_iter().chain(self.groups().rev());
        groups
            .find_map(|group| Some(group.birth.key(group.index_of(head)?)))
            .or_else(|| {
                let base = self.heads[Order::LEVELS - 1];
                index_in(base, BASE_HEADS, head).map(Base::<N>::key)
            })
    }

    /// The word of a `state` that points here.
    fn state_word(directory: *const Self, order: Order, is_shrinking: bool) -> *mut () {
        let bits = order.shift() as usize | if is_shrinking { SHRINKING } else { 0 };
        directory.cast_mut().cast::<()>().wrapping_byte_add(bits)
    }
}

/// A directory with its base and its groups, none of which anybody else uses.
pub(crate) struct Whole<N>(Box<Directory<N>>);

impl<N> Whole<N> {
    /// The first head of the list.
    pub(crate) fn first_head(&self) -> &Link<N> {
        let base = self.0.base().expect("made with a base");
        &base.heads[0]
    }

    /// The buckets in the order of the list, as [`prefetch`](Self::prefetch) takes them.
    pub(crate) fn buckets(&self) -> Range<usize> {
        0..self.0.order.buckets()
    }

    /// Asks for the first node of a bucket to be brought into the cache.
    pub(crate) fn prefetch(&self, bucket: usize) {
        if let Some(head) = self.0.head(Bucket::at(bucket)) {
            head.load().prefetch();
        }
    }

    #[cfg(feature = "rayon")]
    pub(crate) fn directory(&self) -> &Directory<N> {
        &self.0
    }

    /// The directory alone; the rest is freed with the state that it goes into.
    fn into_directory(self) -> Box<Directory<N>> {
        let whole = std::mem::ManuallyDrop::new(self);
        // SAFETY: read once, as the destructor does not run.
        unsafe { ptr::read(&raw const whole.0) }
    }
}

impl<N> Drop for Whole<N> {
    fn drop(&mut self) {
        for group in self.0.groups.into_iter().chain([self.0.leaving]) {
            if !group.is_null() {
                // SAFETY: made by a box, and in no other live directory.
                drop(unsafe { Box::from_raw(group.cast_mut()) });
            }
        }
        // SAFETY: as for the groups.
        drop(unsafe { Box::from_raw(self.0.base.cast_mut()) });
    }
}

#[cfg(not(splitmap_loom))]
mod empty {
    use super::*;

    /// The one directory of all empty maps. Whatever the type of the nodes, it holds none.
    struct Empty(Directory<()>);

    // SAFETY: read only: its heads are never written, as a writer makes a base first.
    unsafe impl Sync for Empty {}

    static HEADS: [Link<()>; BASE_HEADS] = [const { Link::end() }; BASE_HEADS];

    static EMPTY: Empty = Empty(Directory {
        // Any place of a bucket is at most `BASE_HEADS` links from here.
        heads: [(&raw const HEADS).cast(); Order::LEVELS],
        groups: [ptr::null(); Order::LEVELS],
        base: ptr::null(),
        order: Order::BASE,
        floor: Order::BASE,
        partial: 0,
        leaving: ptr::null(),
        witness: Witness::new(),
    });

    impl<N: Linked> State<N> {
        /// The state of an empty map.
        pub(crate) const fn new() -> Self {
            let directory = (&raw const EMPTY.0).cast_mut().cast::<()>();
            State {
                word: AtomicPtr::new(directory.wrapping_byte_add(Order::BASE.shift() as usize)),
                _owns: PhantomData,
            }
        }
    }
}

/// The directory of one empty map, and its heads: loom's atomics cannot be static.
#[cfg(splitmap_loom)]
#[expect(dead_code, reason = "kept until the map is dropped")]
struct Empty<N>(Box<Directory<N>>, Box<[Link<N>]>);

/// The map's one word: the current directory, its order, and whether the table is shrinking.
pub(crate) struct State<N: Linked> {
    /// Invariant: the address of a directory, with [`SHIFT`] and [`SHRINKING`] in its low byte.
    word: AtomicPtr<()>,
    _owns: PhantomData<Box<Directory<N>>>,
    #[cfg(splitmap_loom)]
    _empty: Option<Empty<N>>,
}

impl<N: Linked> State<N> {
    /// The state of an empty map.
    #[cfg(splitmap_loom)]
    pub(crate) fn new() -> Self {
        let heads: Box<[_]> = (0..BASE_HEADS).map(|_| Link::new(Word::END)).collect();
        let mut directory = Box::new(Directory::of_base(ptr::null(), heads.as_ptr()));
        directory.heads = [heads.as_ptr(); Order::LEVELS];
        let word = Directory::state_word(&raw const *directory, Order::BASE, false);
        State {
            word: AtomicPtr::new(word),
            _owns: PhantomData,
            _empty: Some(Empty(directory, heads)),
        }
    }

    pub(crate) fn holding(directory: Box<Directory<N>>) -> Self {
        let (order, is_shrinking) = (directory.order, directory.is_shrinking());
        let directory = Box::into_raw(directory);
        State {
            word: AtomicPtr::new(Directory::state_word(directory, order, is_shrinking)),
            _owns: PhantomData,
            #[cfg(splitmap_loom)]
            _empty: None,
        }
    }

    /// The current directory. `'g` must be the life of a guard.
    #[inline(always)]
    pub(crate) fn view<'g>(&'g self) -> View<'g, N> {
        // Acquire: pairs with the Release in `swing`; publishes the directory, its groups, and all
        // heads of the groups that are complete in it.
        let word = self.word.load(Ordering::Acquire);
        View { state: self, word }
    }

    /// Makes `to` the current directory if `from` still is. The directory that was current comes
    /// back for the reclaimer (nothing where the map was empty), or `to` if it lost.
    pub(crate) fn swing<'g>(
        &'g self,
        from: View<'g, N>,
        to: Box<Directory<N>>,
    ) -> Result<Option<UnlinkedDirectory<'g, N>>, Box<Directory<N>>> {
        let (order, is_shrinking) = (to.order, to.is_shrinking());
        let to = Box::into_raw(to);
        let swung = self.word.compare_exchange(
            from.word,
            Directory::state_word(to, order, is_shrinking),
            // Release: pairs with the Acquire in `view`; publishes the directory and its groups.
            // No Acquire: `from` was loaded with one, and its word cannot have gone and come back.
            Ordering::Release,
            // Relaxed: the loser loads the state anew.
            Ordering::Relaxed,
        );
        if swung.is_err() {
            // SAFETY: from the box above, and nobody else has seen it.
            return Err(unsafe { Box::from_raw(to) });
        }
        let occupied = from.directory().base().is_some();
        Ok(occupied.then_some(UnlinkedDirectory {
            // From the word, and not from a reference: it is what the box gave.
            directory: from.pointer(),
            _guard: PhantomData,
        }))
    }

    /// Publishes a growth: makes a directory with `group`, of which no head is made, the current
    /// one if `from` still is. If not, the group comes back. As [`swing`](Self::swing) otherwise.
    pub(crate) fn grow<'g>(
        &'g self,
        from: View<'g, N>,
        group: Box<Group<N>>,
    ) -> Result<Option<UnlinkedDirectory<'g, N>>, Box<Group<N>>> {
        let group = Box::into_raw(group);
        // SAFETY: from the box just now.
        let directory = unsafe { from.directory().with_partial(group) };
        self.swing(from, directory).map_err(|_lost| {
            // SAFETY: from the box above; the directory that led to it was never published.
            unsafe { Box::from_raw(group) }
        })
    }

    /// Ends a shrinking, all of whose strides are settled: makes a directory without `group` the
    /// current one. `None` if somebody else did.
    pub(crate) fn narrow<'g>(
        &'g self,
        group: Leaving<'g, N>,
    ) -> Option<(UnlinkedDirectory<'g, N>, UnlinkedGroup<'g, N>)> {
        loop {
            let from = self.view();
            let directory = from.directory();
            if !ptr::eq(directory.leaving, group.0) {
                return None;
            }
            let mut to = directory.copy();
            to.leaving = ptr::null();
            // It fails too where the floor has changed.
            if let Ok(old) = self.swing(from, Box::new(to)) {
                let unlinked = UnlinkedGroup {
                    // From the directory, and not from a reference: it is what the box gave.
                    group: directory.leaving.cast_mut(),
                    _guard: PhantomData,
                };
                return Some((old.expect("an empty map does not shrink"), unlinked));
            }
        }
    }

    /// The current directory of a map that is not empty: an empty map gets its base first.
    #[inline]
    pub(crate) fn occupied<'g>(&'g self) -> View<'g, N> {
        let view = self.view();
        if view.directory().base().is_some() {
            return view;
        }
        self.occupy(view)
    }

    #[cold]
    fn occupy<'g>(&'g self, empty: View<'g, N>) -> View<'g, N> {
        let directory = Directory::filled(Order::BASE, Order::BASE, |_, behind| behind);
        let directory = directory.expect("the base needs no group");
        match self.swing(empty, directory) {
            Ok(old) => debug_assert!(old.is_none(), "the empty directory is everybody's"),
            // Never published, so its base is this thread's own.
            Err(lost) => drop(Whole(lost)),
        }
        self.view()
    }

    /// Takes the table out, if there is one: the state may be dropped now, and nothing else.
    pub(crate) fn end(&mut self) -> Option<Whole<N>> {
        let directory = self.view().pointer();
        self.word = AtomicPtr::new(ptr::null_mut());
        // SAFETY: taken out before, or a directory; `&mut self`: nobody else uses the map.
        if unsafe { directory.as_ref() }?.base.is_null() {
            return None;
        }
        // SAFETY: made by a box, and the only one that is not retired.
        Some(Whole(unsafe { Box::from_raw(directory) }))
    }
}

/// For models whose threads stop in the middle of a stride, and for the audit, which looks at the
/// newest words without a step of the execution.
#[cfg(splitmap_loom)]
impl<N: Linked> State<N> {
    /// The view with a word that [`View::word`] gave, under a guard that has lived since.
    pub(crate) fn view_again<'g>(&'g self, word: usize) -> View<'g, N> {
        let word = ptr::with_exposed_provenance_mut(word);
        View { state: self, word }
    }

    pub(crate) fn newest_directory(&self) -> &Directory<N> {
        let word = self.word.newest();
        let directory = word.map_addr(|addr| addr & !(SHIFT | SHRINKING));
        // SAFETY: as in `View::directory`; the caller is pinned, or alone.
        unsafe { &*directory.cast::<Directory<N>>() }
    }

    pub(crate) fn newest_first_head(&self) -> &Link<N> {
        // SAFETY: the base's first head, or the empty directory's; the base stays for as long as
        // the map, the other as long as the state.
        unsafe { &*self.newest_directory().heads[Order::LEVELS - 1] }
    }

    pub(crate) fn newest_key_of(&self, head: &Link<N>) -> Option<u64> {
        self.newest_directory().key_of(head)
    }

    /// All heads that a search may start from, those of partial groups only where ready.
    pub(crate) fn newest_heads(&self) -> impl Iterator<Item = &Link<N>> {
        let directory = self.newest_directory();
        directory
            .order
            .buckets_from_last()
            .filter_map(|bucket| directory.newest_head(bucket))
    }
}

#[cfg(splitmap_loom)]
impl<N> Directory<N> {
    fn newest_head(&self, bucket: Bucket) -> Option<&Link<N>> {
        let place = bucket.place();
        let heads = self.heads[place.level];
        if heads.addr() & PARTIAL != 0 {
            let group = self.groups[self.order.steps() - place.level];
            // SAFETY: as in `ready_heads`.
            let group = unsafe { &*group };
            let stride = group.stride_of(place.biased - 1);
            if !group.newest_ready[stride].get() {
                return None;
            }
        }
        let heads = heads.map_addr(|addr| addr & !PARTIAL);
        // SAFETY: as in `head`.
        Some(unsafe { &*heads.wrapping_add(place.biased) })
    }
}

/// A directory that this thread's one successful [`State::swing`] replaced.
#[must_use = "a replaced directory must be retired"]
pub(crate) struct UnlinkedDirectory<'g, N> {
    directory: *mut Directory<N>,
    _guard: PhantomData<&'g N>,
}

impl<N> UnlinkedDirectory<'_, N> {
    /// The directory, as `Box::into_raw` gave it.
    pub(crate) fn into_raw(self) -> *mut Directory<N> {
        self.directory
    }
}

/// A group that this thread's one successful [`State::narrow`] took out of the directory, after
/// all its heads had been taken out of the list.
#[must_use = "a group that has left must be retired"]
pub(crate) struct UnlinkedGroup<'g, N> {
    group: *mut Group<N>,
    _guard: PhantomData<&'g N>,
}

impl<N> UnlinkedGroup<'_, N> {
    /// The group, for an audit.
    #[cfg(splitmap_loom)]
    pub(crate) fn group(&self) -> &Group<N> {
        // SAFETY: not even retired yet.
        unsafe { &*self.group }
    }

    /// The group, as `Box::into_raw` gave it.
    pub(crate) fn into_raw(self) -> *mut Group<N> {
        self.group
    }
}

/// Where a search starts: a head at or before every node that it may find.
pub(crate) struct Start<'g, N> {
    pub(crate) head: &'g Link<N>,
    /// The head is the bucket's own, and no ancestor's.
    pub(crate) own: bool,
}

/// The state as one moment of a pinned section saw it.
pub(crate) struct View<'g, N: Linked> {
    state: &'g State<N>,
    word: *mut (),
}

impl<N: Linked> Clone for View<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N: Linked> Copy for View<'_, N> {}

impl<N: Linked> PartialEq for View<'_, N> {
    fn eq(&self, other: &Self) -> bool {
        self.word == other.word
    }
}

impl<'g, N: Linked> View<'g, N> {
    /// The state's word.
    #[cfg(splitmap_loom)]
    pub(crate) fn word(self) -> usize {
        self.word.expose_provenance()
    }

    #[inline(always)]
    fn shift(self) -> u32 {
        (self.word.addr() & SHIFT) as u32
    }

    #[inline(always)]
    fn pointer(self) -> *mut Directory<N> {
        self.word
            .map_addr(|addr| addr & !(SHIFT | SHRINKING))
            .cast()
    }

    #[inline(always)]
    pub(crate) fn directory(self) -> &'g Directory<N> {
        // SAFETY: the state's invariant; the directory is retired and not freed while the guard of
        // `'g` lives.
        let directory = unsafe { &*self.pointer() };
        directory.witness.touch();
        directory
    }

    /// Whether `state` still says the same, and the table is not shrinking. Then the next head on
    /// the list ends a bucket.
    #[inline(always)]
    pub(crate) fn is_current(self) -> bool {
        // Relaxed: the caller has just read, with Acquire, the link or head that led to its
        // conclusion. A link to a finer head was published by a thread that had acquired the newer
        // state, so this load cannot miss that state.
        let now = self.state.word.load(Ordering::Relaxed);
        now == self.word.map_addr(|addr| addr & !SHRINKING)
    }

    /// The head of the hash's own bucket, unless it is not ready.
    #[inline(always)]
    pub(crate) fn own_head(self, hash: u64) -> Option<&'g Link<N>> {
        self.directory().head(Bucket::of(hash, self.shift()))
    }

    /// The head of the hash's bucket, or of the nearest ancestor that is ready.
    pub(crate) fn start(self, hash: u64) -> Start<'g, N> {
        let directory = self.directory();
        let mut bucket = Bucket::of(hash, self.shift());
        let mut own = true;
        loop {
            if let Some(head) = directory.head(bucket) {
                return Start { head, own };
            }
            bucket = bucket.parent();
            own = false;
        }
    }

    /// The key of a head, if this view's directory knows it.
    pub(crate) fn key_of(self, head: &Link<N>) -> Option<u64> {
        self.directory().key_of(head)
    }
}

#[cfg(all(test, not(any(splitmap_loom, splitmap_shuttle))))]
mod tests {
    use super::*;

    fn base() -> Box<Directory<()>> {
        Directory::filled(Order::BASE, Order::BASE, |_, behind| behind).unwrap()
    }

    #[test]
    fn a_head_behind_the_last_is_none_of_the_group() {
        let heads = [(); 4].map(|()| Link::<()>::new(Word::END));
        let index_in =
            |first: usize, len, head: usize| index_in(&raw const heads[first], len, &heads[head]);
        assert_eq!(index_in(0, 3, 2), Some(2));
        assert_eq!(index_in(0, 3, 3), None);
        assert_eq!(index_in(1, 3, 0), None, "nor is one before the first");
    }

    #[test]
    fn a_group_counts_its_heads_and_ready_bytes() {
        let group = Group::<()>::new(Order::from_steps(Order::BASE.steps() + 3)).unwrap();
        let strides = group.ready.len();
        assert!(strides > 1);
        let heads = group.birth.group_len() * size_of::<Link<()>>();
        assert_eq!(
            group.bytes(),
            [size_of::<Group<()>>(), heads, strides].iter().sum()
        );
    }

    #[test]
    fn a_group_is_completed_once_and_where_it_is_partial() {
        let births = [1, 1, 2].map(|more| Order::from_steps(Order::BASE.steps() + more));
        let [older, other, younger] = births.map(|birth| Box::into_raw(Group::new(birth).unwrap()));
        let before = base();
        // SAFETY: from boxes, and freed below.
        let grown = unsafe { before.with_partial(older) };
        // SAFETY: as above; freed below.
        let other = unsafe { Box::from_raw(other) };
        assert!(
            grown.with_complete(&other).is_none(),
            "another of the same birth"
        );
        // SAFETY: as above.
        let grown_over = unsafe { grown.with_partial(younger) };
        // SAFETY: not freed yet.
        let older = unsafe { &*older };
        let complete = grown_over
            .with_complete(older)
            .expect("partial, and not the youngest");
        assert_eq!(complete.partial_groups().count(), 1);
        assert!(complete.with_complete(older).is_none(), "complete already");
        drop(Whole(complete));
    }
}
