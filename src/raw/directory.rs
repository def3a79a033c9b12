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
use std::ptr::{self, NonNull};

use crossbeam_utils::CachePadded;

use crate::raw::link::{Drain, Link, Linked, Word, check_address, fits};
use crate::raw::order::{Bucket, Order, Place};
use crate::sync::{AtomicPtr, AtomicU8, AtomicUsize, Ordering, Witness};

/// The parents whose children one helper makes at a time.
pub(crate) const STRIDE: usize = if cfg!(loom) { 1 } else { 16 };

/// Marks a pointer to a partial group's heads in a directory.
const PARTIAL: usize = 1;

/// The low bits of a `state` word: the order's shift, and whether the map is shrinking.
const SHIFT: usize = 0x7f;
const SLOW: usize = 0x80;

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
    /// One byte for each stride of parents; 1 when the stride's heads are linked.
    ready: Box<[AtomicU8]>,
    /// The first stride that nobody has claimed.
    cursor: CachePadded<AtomicUsize>,
    /// How many strides are finished.
    done: CachePadded<AtomicUsize>,
    witness: Witness,
    /// What `ready` will say, for an audit.
    #[cfg(loom)]
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
            witness: Witness::new(),
            #[cfg(loom)]
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
        #[cfg(loom)]
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
        #[cfg(not(loom))]
        // SAFETY: within the group; the stride is the caller's, and nobody reads its heads before
        // the caller links them.
        unsafe {
            head.write(Link::new(word));
        }
        // SAFETY: written above, or under loom when the group was made.
        let head = unsafe { head.as_ref() };
        #[cfg(loom)]
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
    pub(crate) fn parents(&self, stride: &Stride) -> std::ops::Range<usize> {
        let first = stride.0 * STRIDE;
        first..(first + STRIDE).min(self.birth.parents())
    }

    /// Tells everybody that the stride's heads are linked. True if it was the last.
    pub(crate) fn finish(&self, stride: Stride) -> bool {
        // Release: pairs with the Acquire in `is_ready`; publishes the stride's heads.
        self.ready[stride.0].store(1, Ordering::Release);
        #[cfg(loom)]
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
        // Acquire: pairs with the Release in `finish`; read before the head.
        self.ready[stride].load(Ordering::Acquire) != 0
    }
}

impl<N> Drop for Group<N> {
    fn drop(&mut self) {
        let layout = Self::layout(self.birth).expect("the layout that `new` has used");
        // SAFETY: allocated in `new` with this layout; a link has no destructor.
        unsafe { dealloc(self.heads.as_ptr().cast(), layout) };
    }
}

/// A claimed stride: the right to make the heads of its parents.
#[cfg_attr(loom, derive(Clone, Copy, Debug))]
pub(crate) struct Stride(usize);

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
    /// How many groups are partial.
    partial: u32,
    /// The map is shrinking: no shortcut holds.
    slow: bool,
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
            partial: 0,
            slow: false,
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
            partial: self.partial,
            slow: self.slow,
            witness: Witness::new(),
        }
    }

    /// This directory with one more group, of which no head is made.
    ///
    /// # Safety
    ///
    /// That of [`push`](Self::push).
    unsafe fn with_partial(&self, group: *mut Group<N>) -> Box<Self> {
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

    /// A complete directory with `order.buckets()` buckets, all linked; `None` if there is no
    /// memory for it. Each bucket is asked for its contents, the last in the list first: given
    /// where the list goes on behind the bucket, `fill` says how its head's word begins.
    pub(crate) fn filled<'a>(
        order: Order,
        mut fill: impl FnMut(Bucket, Word<'a, N>) -> Word<'a, N>,
    ) -> Option<Box<Self>>
    where
        N: 'a,
    {
        // The largest first: what cannot be is not tried piece by piece.
        let births = (Order::BASE.steps() + 1..=order.steps()).rev();
        let groups = births.map(|steps| Group::new(Order::from_steps(steps)));
        let groups = groups.collect::<Option<Vec<_>>>()?;
        let base = Box::into_raw(Base::new());
        // SAFETY: just made, and owned by the state below.
        let heads = unsafe { &raw const (*base).heads };
        check_address(heads);
        let mut whole = Whole(Box::new(Self::of_base(base, heads.cast())));
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
    #[cfg(loom)]
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

    pub(crate) fn is_slow(&self) -> bool {
        self.slow
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
        Some(unsafe { &*heads.wrapping_add(place.biased) })
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
        let index_in = |heads: *const Link<N>, len: usize| {
            let bytes = ptr::from_ref(head).addr().wrapping_sub(heads.addr());
            let index = bytes / size_of::<Link<N>>();
            (index < len).then_some(index)
        };
        // The youngest group is the largest by far.
        self.groups()
            .rev()
            .find_map(|group| {
                let index = index_in(group.heads.as_ptr(), group.birth.group_len())?;
                Some(group.birth.key(index))
            })
            .or_else(|| {
                let base = self.heads[Order::LEVELS - 1];
                index_in(base, BASE_HEADS).map(Base::<N>::key)
            })
    }

    /// The word of a `state` that points here.
    fn state_word(directory: *const Self, order: Order, slow: bool) -> *mut () {
        let bits = order.shift() as usize | if slow { SLOW } else { 0 };
        directory.cast_mut().cast::<()>().wrapping_byte_add(bits)
    }
}

/// A directory with its base and its groups, none of which anybody else uses.
struct Whole<N>(Box<Directory<N>>);

impl<N> Whole<N> {
    /// The directory alone; the rest is freed with the state that it goes into.
    fn into_directory(self) -> Box<Directory<N>> {
        let whole = std::mem::ManuallyDrop::new(self);
        // SAFETY: read once, as the destructor does not run.
        unsafe { ptr::read(&raw const whole.0) }
    }
}

impl<N> Drop for Whole<N> {
    fn drop(&mut self) {
        for group in self.0.groups {
            if !group.is_null() {
                // SAFETY: made by a box, and in no other live directory.
                drop(unsafe { Box::from_raw(group.cast_mut()) });
            }
        }
        // SAFETY: as for the groups.
        drop(unsafe { Box::from_raw(self.0.base.cast_mut()) });
    }
}

#[cfg(not(loom))]
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
        partial: 0,
        slow: false,
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
#[cfg(loom)]
#[expect(dead_code, reason = "kept until the map is dropped")]
struct Empty<N>(Box<Directory<N>>, Box<[Link<N>]>);

/// The map's one word: the current directory, its order, and whether the map is shrinking.
pub(crate) struct State<N: Linked> {
    /// Invariant: the address of a directory, with [`SHIFT`] and [`SLOW`] in its low byte.
    word: AtomicPtr<()>,
    _owns: PhantomData<Box<Directory<N>>>,
    #[cfg(loom)]
    _empty: Option<Empty<N>>,
}

impl<N: Linked> State<N> {
    /// The state of an empty map.
    #[cfg(loom)]
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
        let (order, slow) = (directory.order, directory.slow);
        let directory = Box::into_raw(directory);
        State {
            word: AtomicPtr::new(Directory::state_word(directory, order, slow)),
            _owns: PhantomData,
            #[cfg(loom)]
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
        let (order, slow) = (to.order, to.slow);
        let to = Box::into_raw(to);
        let swung = self.word.compare_exchange(
            from.word,
            Directory::state_word(to, order, slow),
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
        let directory =
            Directory::filled(Order::BASE, |_, behind| behind).expect("the base needs no group");
        match self.swing(empty, directory) {
            Ok(old) => debug_assert!(old.is_none(), "the empty directory is everybody's"),
            // Never published, so its base is this thread's own.
            Err(lost) => drop(Whole(lost)),
        }
        self.view()
    }

    /// The first head of the list: everything of the map stands behind it.
    pub(crate) fn first_head(&self) -> &Link<N> {
        let first = self.view().directory().heads[Order::LEVELS - 1];
        // SAFETY: the base's first head, or the empty directory's; the base stays for as long as
        // the map, the other for ever.
        unsafe { &*first }
    }
}

/// For models whose threads stop in the middle of a stride, and for the audit, which looks at the
/// newest words without a step of the execution.
#[cfg(loom)]
impl<N: Linked> State<N> {
    /// The view with a word that [`View::word`] gave, under a guard that has lived since.
    pub(crate) fn view_again<'g>(&'g self, word: usize) -> View<'g, N> {
        let word = ptr::with_exposed_provenance_mut(word);
        View { state: self, word }
    }

    pub(crate) fn newest_directory(&self) -> &Directory<N> {
        let word = self.word.newest();
        let directory = word.map_addr(|addr| addr & !(SHIFT | SLOW));
        // SAFETY: as in `View::directory`; the caller is pinned, or alone.
        unsafe { &*directory.cast::<Directory<N>>() }
    }

    pub(crate) fn newest_first_head(&self) -> &Link<N> {
        // SAFETY: as in `first_head`.
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

#[cfg(loom)]
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

impl<N: Linked> Drop for State<N> {
    /// Frees the nodes, in one walk of the list, then the heads and the directory.
    fn drop(&mut self) {
        let first = self.first_head();
        let directory = self.view().pointer();
        // SAFETY: `&mut self`: nobody else uses the map. The empty directory is valid too.
        if unsafe { (*directory).base.is_null() } {
            return;
        }
        // SAFETY: made by a box, and the only one that is not retired.
        let _whole = Whole(unsafe { Box::from_raw(directory) });
        // SAFETY: nobody else reads or writes the list, and `_whole` goes after the walk, even
        // where a destructor panics.
        drop(unsafe { Drain::new(first) });
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
    #[cfg(loom)]
    pub(crate) fn word(self) -> usize {
        self.word.expose_provenance()
    }

    #[inline(always)]
    fn shift(self) -> u32 {
        (self.word.addr() & SHIFT) as u32
    }

    #[inline(always)]
    fn pointer(self) -> *mut Directory<N> {
        self.word.map_addr(|addr| addr & !(SHIFT | SLOW)).cast()
    }

    #[inline(always)]
    pub(crate) fn directory(self) -> &'g Directory<N> {
        // SAFETY: the state's invariant; the directory is retired and not freed while the guard of
        // `'g` lives.
        let directory = unsafe { &*self.pointer() };
        directory.witness.touch();
        directory
    }

    /// Whether `state` still says the same, and the map is not shrinking. Then the next head on
    /// the list ends a bucket.
    #[inline(always)]
    pub(crate) fn is_current(self) -> bool {
        // Relaxed: the caller has just read, with Acquire, the link or head that led to its
        // conclusion. A link to a finer head was published by a thread that had acquired the newer
        // state, so this load cannot miss that state.
        let now = self.state.word.load(Ordering::Relaxed);
        now == self.word.map_addr(|addr| addr & !SLOW)
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
