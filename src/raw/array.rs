//! A table: one array of heads, and what a resize has to know of it. A resize puts a new table in
//! the place of an older one.
//!
//! One allocation holds the heads, which come first, a header, and, where the table replaces another,
//! how far that is:
//!
//! ```text
//! heads      one for each bucket; uninitialised memory until the stride is ready
//! header     written before the table is published, and never again: the table that it replaces
//! progress   the next stride to make, and how far all before are settled: on lines of their own
//! bytes      one for each stride: 0, READY or SETTLED
//! ```
//!
//! # Invariant
//!
//! * The heads of a stride are made by the thread that claimed it. They are linked, and have all
//!   their presence bits, when the stride's byte is READY; before that nobody else uses them.
//! * A stride is SETTLED when no head of an older table in its range is in the list, but for the
//!   first, to which nothing leads.
//! * A table that replaces none is complete: all its heads are made before it is published.
//! * A table is *clean* if the one that it replaces was complete when it was published; then the
//!   chain of tables ends there, and what that one has replaced itself may be freed.

use std::alloc::{Layout, alloc, dealloc};
use std::marker::PhantomData;
use std::ops::Range;
use std::ptr::{self, NonNull};

use crate::raw::link::Link;
use crate::raw::order::{Bucket, Order, Strides};
use crate::raw::word::{Word, fits};
use crate::sync::{AtomicU8, AtomicUsize, MODELLED, Ordering, SCHEDULED, Witness};

/// What a stride's byte says: its heads are linked; those of older tables are unlinked.
const READY: u8 = 1;
const SETTLED: u8 = 2;

/// How many bytes one call looks at for a stride that is not settled.
const LOOK: usize = if MODELLED || SCHEDULED { 2 } else { 1024 };

/// The bits of a table's address that [`Array::word`] leaves free.
pub(crate) const ALIGN: usize = 256;

/// The bits of [`Array::word`] that hold the order's shift.
const SHIFT: usize = 0x3f;

#[repr(C)]
struct Header<N> {
    /// The table that this one replaces, as [`Array::word`] gives it; null where there is none.
    older: *mut (),
    bytes: *const AtomicU8,
    progress: *const Progress,
    strides: Strides,
    is_clean: bool,
    witness: Witness,
    /// What the bytes say, for an audit.
    #[cfg(splitmap_loom)]
    newest_bytes: Box<[std::cell::Cell<u8>]>,
    #[cfg(splitmap_loom)]
    _counted: crate::model::audit::Allocation,
    _heads: PhantomData<*const Link<N>>,
}

/// How far a resize is: claims and hints of the threads that carry it on.
struct Progress {
    /// The first stride that no thread has claimed.
    cursor: AtomicUsize,
    /// A stride before which all are settled.
    settled: AtomicUsize,
}

/// The alignment of the progress, and of what follows it. While a resize lasts, readers look at the
/// header and at the bytes: in all but small tables the progress is on lines of its own.
const fn progress_align(order: Order) -> usize {
    const LINES: usize = 128;
    if order.buckets() > 256 {
        LINES
    } else {
        align_of::<Progress>()
    }
}

/// The parts of one allocation.
struct Parts {
    layout: Layout,
    header: usize,
    /// Where the progress and the bytes are, for a table that replaces another.
    resize: Option<(usize, usize)>,
}

impl Parts {
    /// `None` if no allocation can be so large.
    fn of<N>(order: Order, strides: Option<Strides>) -> Option<Parts> {
        let heads = Layout::array::<Link<N>>(order.buckets()).ok()?;
        let (mut layout, header) = heads.extend(Layout::new::<Header<N>>()).ok()?;
        let mut resize = None;
        if let Some(strides) = strides {
            let align = progress_align(order);
            let progress = Layout::new::<Progress>()
                .align_to(align)
                .ok()?
                .pad_to_align();
            let (with_progress, progress) = layout.extend(progress).ok()?;
            let bytes = Layout::array::<AtomicU8>(strides.count()).ok()?;
            let (with_bytes, bytes) = with_progress.extend(bytes).ok()?;
            layout = with_bytes;
            resize = Some((progress, bytes));
        }
        Some(Parts {
            layout: layout.align_to(ALIGN).ok()?,
            header,
            resize,
        })
    }
}

/// A table, under a guard that lives for `'g`.
pub(crate) struct Array<'g, N> {
    heads: NonNull<Link<N>>,
    order: Order,
    _life: PhantomData<&'g Link<N>>,
}

impl<N> Clone for Array<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for Array<'_, N> {}

impl<N> PartialEq for Array<'_, N> {
    fn eq(&self, other: &Self) -> bool {
        self.heads == other.heads
    }
}

impl<'g, N> Array<'g, N> {
    /// The address of the heads, with the order's shift in the low bits. The bits 0x40 and 0x80 are
    /// free.
    pub(crate) fn word(self) -> *mut () {
        let shift = self.order.shift() as usize;
        self.heads
            .as_ptr()
            .cast::<()>()
            .map_addr(|addr| addr | shift)
    }

    /// The table of a [`word`](Self::word), whatever its free bits are.
    ///
    /// # Safety
    ///
    /// The table is not freed while `'g` lasts.
    #[inline(always)]
    pub(crate) unsafe fn from_word(word: *mut ()) -> Self {
        let heads = word.map_addr(|addr| addr & !(ALIGN - 1)).cast();
        Array {
            // SAFETY: not null, as it is the address of an allocation.
            heads: unsafe { NonNull::new_unchecked(heads) },
            order: Order::from_shift((word.addr() & SHIFT) as u32),
            _life: PhantomData,
        }
    }

    pub(crate) fn order(self) -> Order {
        self.order
    }

    #[inline]
    fn header(self) -> &'g Header<N> {
        // SAFETY: the heads of this table, and its order.
        let header = unsafe { Self::header_ptr(self.heads, self.order) };
        // SAFETY: the header stands behind the heads, as `Parts::of` has put it there; written before
        // the table was published.
        let header = unsafe { header.as_ref() };
        header.witness.touch();
        header
    }

    /// # Safety
    ///
    /// `heads` are those of a table of this order.
    unsafe fn header_ptr(heads: NonNull<Link<N>>, order: Order) -> NonNull<Header<N>> {
        let end = order.buckets() * size_of::<Link<N>>();
        // SAFETY: within the allocation.
        unsafe { heads.byte_add(end.next_multiple_of(align_of::<Header<N>>())) }.cast()
    }

    /// The table that this one replaces, and whether that one was complete then. Nothing for a table
    /// whose resize has ended: the answer would be of a table that may be freed.
    pub(in crate::raw) fn older(self) -> (Array<'g, N>, bool) {
        let header = self.header();
        debug_assert!(!header.older.is_null(), "only a resize asks");
        // SAFETY: it is retired by the thread that ends the resize, so not freed while the guard of
        // `'g` lives, under which the state was still in the resize: see `Chain`.
        let older = unsafe { Array::from_word(header.older) };
        (older, header.is_clean)
    }

    /// How a resize to this table is divided.
    pub(crate) fn strides(self) -> Strides {
        self.header().strides
    }

    fn byte(self, stride: usize) -> &'g AtomicU8 {
        let header = self.header();
        assert!(
            !header.bytes.is_null() && stride < header.strides.count(),
            "a stride of the table"
        );
        // SAFETY: one byte a stride, within the allocation.
        let byte = unsafe { header.bytes.add(stride) };
        // SAFETY: written before the table was published.
        unsafe { &*byte }
    }

    fn progress(self) -> Option<&'g Progress> {
        // SAFETY: null, or a part of the allocation that was written before it was published.
        unsafe { self.header().progress.as_ref() }
    }

    /// Whether the head of a hash's bucket has been made and linked.
    #[inline]
    pub(crate) fn is_ready(self, hash: u64) -> bool {
        self.is_stride_ready(self.strides().of(hash))
    }

    pub(crate) fn is_stride_ready(self, stride: usize) -> bool {
        // Acquire: pairs with the Release in `finish`, or in `settle`; publishes the heads of the
        // stride, so it is loaded before a head is.
        self.byte(stride).load(Ordering::Acquire) != 0
    }

    /// The head of a bucket.
    ///
    /// # Safety
    ///
    /// It is made.
    #[inline(always)]
    unsafe fn head(self, bucket: usize) -> &'g Link<N> {
        debug_assert!(bucket < self.order.buckets());
        // SAFETY: within the allocation.
        let head = unsafe { self.heads.add(bucket) };
        // SAFETY: made, as the caller says.
        let head = unsafe { head.as_ref() };
        head.touch();
        head
    }

    /// All heads.
    ///
    /// # Safety
    ///
    /// They are made: the table is complete.
    #[inline(always)]
    pub(crate) unsafe fn heads(self) -> &'g [Link<N>] {
        // SAFETY: they come first in the allocation, and are made, as the caller says.
        unsafe { NonNull::slice_from_raw_parts(self.heads, self.order.buckets()).as_ref() }
    }

    /// The head of a hash's bucket.
    ///
    /// # Safety
    ///
    /// Its stride is ready, or the table is complete.
    #[inline(always)]
    pub(crate) unsafe fn head_of(self, hash: u64) -> &'g Link<N> {
        let bucket = Bucket::of(hash, self.order.shift());
        // SAFETY: the caller's promise.
        unsafe { self.head(bucket.number()) }
    }

    /// The number of a head's bucket, by its address; `None` for a head of another table.
    #[inline]
    pub(crate) fn bucket_of(self, head: &Link<N>) -> Option<usize> {
        let bytes = ptr::from_ref(head)
            .addr()
            .wrapping_sub(self.heads.addr().get());
        let bucket = bytes / size_of::<Link<N>>();
        (bucket < self.order.buckets()).then_some(bucket)
    }

    /// The number of a hash's bucket.
    pub(crate) fn bucket_of_hash(self, hash: u64) -> usize {
        Bucket::of(hash, self.order.shift()).number()
    }

    /// The key of a head, by its address; `None` for a head of another table.
    pub(crate) fn key_of(self, head: &Link<N>) -> Option<u64> {
        self.bucket_of(head).map(|bucket| self.order.key(bucket))
    }

    /// Claims a stride that no other thread will make. `None` when all are claimed.
    pub(crate) fn claim(self) -> Option<Stride> {
        if self.is_exhausted() {
            return None;
        }
        // Relaxed: exclusivity alone; what the stride works on comes from `state`.
        let stride = self.progress()?.cursor.fetch_add(1, Ordering::Relaxed);
        (stride < self.strides().count()).then_some(Stride(stride))
    }

    /// Whether every stride has been claimed.
    pub(crate) fn is_exhausted(self) -> bool {
        self.progress().is_none_or(|progress| {
            // Relaxed: a stale answer leads to one attempt too many or too few.
            progress.cursor.load(Ordering::Relaxed) >= self.strides().count()
        })
    }

    /// What makes the heads of a claimed stride.
    pub(crate) fn maker<'s>(self, stride: &'s Stride) -> Maker<'s, 'g, N> {
        Maker {
            table: self,
            buckets: self.strides().buckets(stride.0, self.order),
            _stride: PhantomData,
        }
    }

    /// Tells every thread that the stride's heads are linked. Returns the stride's number.
    pub(crate) fn finish(self, stride: Stride) -> usize {
        // Release: pairs with the Acquire in `is_stride_ready`; publishes the stride's heads.
        self.byte(stride.0).store(READY, Ordering::Release);
        #[cfg(splitmap_loom)]
        self.note_byte(stride.0, READY);
        stride.0
    }

    /// Tells every thread that the heads of older tables in a stride are unlinked.
    pub(crate) fn settle(self, stride: usize) {
        // Release: pairs with the Acquire in `look`; what this thread has seen of the list, in
        // which none of those heads is left.
        self.byte(stride).store(SETTLED, Ordering::Release);
        #[cfg(splitmap_loom)]
        self.note_byte(stride, SETTLED);
    }

    /// Looks for a stride that is not settled, at a bounded number of them.
    pub(crate) fn look(self) -> Look {
        let Some(progress) = self.progress() else {
            return Look::Settled;
        };
        let strides = self.strides().count();
        // Acquire: pairs with the Release below; all strides before are settled.
        let from = progress.settled.load(Ordering::Acquire);
        let to = strides.min(from + LOOK);
        // Acquire: pairs with the Release in `settle`.
        let is_open = |&stride: &usize| self.byte(stride).load(Ordering::Acquire) != SETTLED;
        if let Some(stride) = (from..to).find(is_open) {
            if stride > from {
                // Release: as below.
                progress.settled.fetch_max(stride, Ordering::Release);
            }
            return Look::Unsettled(stride);
        }
        if to == strides {
            return Look::Settled;
        }
        // Release: pairs with the Acquire above; what this thread has seen of the strides before
        // `to`. A read-modify-write, so that it stands for all that came before, and never falls.
        progress.settled.fetch_max(to, Ordering::Release);
        Look::Further
    }

    /// The bytes that the table takes.
    pub(crate) fn bytes(self) -> usize {
        self.layout(self.header()).size()
    }

    fn layout(self, header: &Header<N>) -> Layout {
        let strides = (!header.bytes.is_null()).then_some(header.strides);
        let parts = Parts::of::<N>(self.order, strides);
        parts.expect("the layout that it was made with").layout
    }

    /// Frees the table.
    ///
    /// # Safety
    ///
    /// Nobody else can reach it, and it is freed once.
    pub(crate) unsafe fn free(self) {
        // SAFETY: as in `header`; the last look at it, which a model does not count as a read.
        let header = unsafe { Self::header_ptr(self.heads, self.order) };
        // SAFETY: as above.
        let layout = self.layout(unsafe { header.as_ref() });
        // SAFETY: written when the table was made. A link has no destructor, nor has an atomic.
        unsafe { header.drop_in_place() };
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.heads.as_ptr().cast(), layout) };
    }
}

/// What audits of models ask.
#[cfg(splitmap_loom)]
impl<'g, N> Array<'g, N> {
    fn note_byte(self, stride: usize, byte: u8) {
        let newest = &self.header().newest_bytes[stride];
        newest.set(newest.get().max(byte));
    }

    /// As `is_ready`, by the newest byte, without a step of the execution.
    pub(crate) fn is_newest_ready(self, hash: u64) -> bool {
        // SAFETY: as in `header`, but it does not count as a read.
        let header = unsafe { Self::header_ptr(self.heads, self.order).as_ref() };
        header.bytes.is_null() || header.newest_bytes[header.strides.of(hash)].get() != 0
    }

    /// As [`older`](Self::older), without a step of the execution.
    pub(in crate::raw) fn newest_older(self) -> (Array<'g, N>, bool) {
        // SAFETY: as above.
        let header = unsafe { Self::header_ptr(self.heads, self.order).as_ref() };
        // SAFETY: as in `older`.
        let older = unsafe { Array::from_word(header.older) };
        (older, header.is_clean)
    }

    /// The head of a bucket, which is made.
    pub(crate) fn newest_head(self, bucket: usize) -> &'g Link<N> {
        // SAFETY: in a model every head is initialised; the caller knows that it is made.
        unsafe { self.heads.add(bucket).as_ref() }
    }

    /// A model's reclaimer frees the table here; its memory goes later.
    pub(crate) fn condemn(self) {
        self.header().witness.free();
        for bucket in 0..self.order.buckets() {
            self.newest_head(bucket).condemn();
        }
    }
}

/// A claimed stride: the right to make its heads.
#[cfg_attr(splitmap_loom, derive(Clone, Copy, Debug))]
pub(crate) struct Stride(usize);

impl Stride {
    pub(crate) fn number(&self) -> usize {
        self.0
    }
}

/// Makes the heads of a stride, which no other thread may use before they are linked.
pub(crate) struct Maker<'s, 'g, N> {
    pub(crate) table: Array<'g, N>,
    buckets: Range<usize>,
    _stride: PhantomData<&'s Stride>,
}

impl<'g, N> Maker<'_, 'g, N> {
    /// Makes the head of a bucket.
    ///
    /// # Panics
    ///
    /// If it is not one of the stride.
    #[inline]
    pub(crate) fn make_head(&self, bucket: usize, word: Word<'g, N>) -> &'g Link<N> {
        assert!(self.buckets.contains(&bucket), "a head of the stride");
        #[cfg(not(splitmap_loom))]
        {
            // SAFETY: within the allocation.
            let head = unsafe { self.table.heads.add(bucket) };
            // SAFETY: the stride is the maker's, and no other thread reads its heads before the maker
            // links them.
            unsafe { head.write(Link::new(word)) };
        }
        // SAFETY: written above, or in a model when the table was made.
        let head = unsafe { self.table.head(bucket) };
        #[cfg(splitmap_loom)]
        head.store_unpublished(word);
        head
    }
}

/// Whether a resize has strides that are not settled.
pub(crate) enum Look {
    Unsettled(usize),
    /// None among those that were looked at: there are more.
    Further,
    Settled,
}

/// A table that is not published.
pub(crate) struct NewArray<N> {
    /// As [`Array::word`] gives it.
    word: *mut (),
    _owns: PhantomData<N>,
}

impl<N> NewArray<N> {
    pub(crate) fn array(&self) -> Array<'_, N> {
        // SAFETY: freed with this value.
        unsafe { Array::from_word(self.word) }
    }

    /// A table without a head, to replace that of a state; `None` if there is no memory for it, or
    /// only at addresses that no link has room for.
    pub(crate) fn replacing(older: Array<'_, N>, is_clean: bool, order: Order) -> Option<Self> {
        let strides = Strides::between(older.order, order);
        Self::allocate(order, Some((older.word(), is_clean, strides)))
    }

    /// A complete table, all of whose heads are linked; `None` as in
    /// [`replacing`](Self::replacing). `fill` is called for each bucket, the last in the list
    /// first: it gets the word that leads behind the bucket, and returns that of the bucket's head.
    pub(crate) fn filled<'a>(
        order: Order,
        mut fill: impl FnMut(usize, Word<'a, N>) -> Word<'a, N>,
    ) -> Option<Self>
    where
        N: 'a,
    {
        let new = Self::allocate(order, None)?;
        let mut behind = Word::END;
        for bucket in (0..order.buckets()).rev() {
            // SAFETY: within the allocation, which nobody else knows yet.
            let head = unsafe { new.array().heads.add(bucket) };
            let link = Link::new(fill(bucket, behind));
            // SAFETY: as above. A link has no destructor, so what was there may be overwritten.
            unsafe { head.write(link) };
            // SAFETY: written just now.
            behind = Word::leading_to(unsafe { &*head.as_ptr() });
        }
        Some(new)
    }

    /// Whether there is memory for a table of this order now.
    pub(crate) fn is_affordable(order: Order) -> bool {
        Self::allocate(order, None).is_some()
    }

    fn allocate(order: Order, replaced: Option<(*mut (), bool, Strides)>) -> Option<Self> {
        let strides = replaced.map(|(_, _, strides)| strides);
        let parts = Parts::of::<N>(order, strides)?;
        // SAFETY: a table has at least one head, so the layout is not zero-sized.
        let memory = NonNull::new(unsafe { alloc(parts.layout) })?;
        let heads = memory.cast::<Link<N>>();
        // Null where the table replaces none.
        let at = |offset: Option<usize>| match offset {
            Some(offset) => memory.as_ptr().wrapping_add(offset),
            None => ptr::null_mut(),
        };
        let progress = at(parts.resize.map(|(progress, _)| progress)).cast::<Progress>();
        let bytes = at(parts.resize.map(|(_, bytes)| bytes)).cast::<AtomicU8>();
        if let Some(strides) = strides {
            // SAFETY: within the allocation, where `Parts` has made room for it.
            unsafe {
                progress.write(Progress {
                    cursor: AtomicUsize::new(0),
                    settled: AtomicUsize::new(0),
                });
            }
            Self::zero(bytes, strides.count());
        }
        let header = memory
            .as_ptr()
            .wrapping_add(parts.header)
            .cast::<Header<N>>();
        let (older, is_clean) = replaced.map_or((ptr::null_mut(), true), |(word, is_clean, _)| {
            (word, is_clean)
        });
        // SAFETY: as above.
        unsafe {
            header.write(Header {
                older,
                bytes,
                progress,
                strides: strides.unwrap_or(Strides::between(order, order)),
                is_clean,
                witness: Witness::new(),
                #[cfg(splitmap_loom)]
                newest_bytes: (0..strides.map_or(0, Strides::count))
                    .map(|_| 0.into())
                    .collect(),
                #[cfg(splitmap_loom)]
                _counted: crate::model::audit::Allocation::new(crate::model::audit::TABLE),
                _heads: PhantomData,
            });
        }
        #[cfg(splitmap_loom)]
        for bucket in 0..order.buckets() {
            // SAFETY: within the allocation.
            unsafe { heads.add(bucket).write(Link::poison()) };
        }
        let array: Array<'_, N> = Array {
            heads,
            order,
            _life: PhantomData,
        };
        let new = NewArray {
            word: array.word(),
            _owns: PhantomData,
        };
        fits(heads.as_ptr(), order.buckets()).then_some(new)
    }

    /// Writes a zero for each stride.
    fn zero(bytes: *mut AtomicU8, strides: usize) {
        #[cfg(not(any(splitmap_loom, splitmap_shuttle)))]
        // SAFETY: the caller has allocated them; an atomic byte of zero is a zero byte.
        unsafe {
            bytes.write_bytes(0, strides);
        }
        #[cfg(any(splitmap_loom, splitmap_shuttle))]
        for stride in 0..strides {
            // SAFETY: as above.
            unsafe { bytes.add(stride).write(AtomicU8::new(0)) };
        }
    }

    pub(crate) fn order(&self) -> Order {
        self.array().order
    }

    /// The table's [`word`](Array::word). The caller frees the table, or lets a state do so.
    pub(crate) fn into_word(self) -> *mut () {
        std::mem::ManuallyDrop::new(self).word
    }

    /// The table of a word that [`into_word`](Self::into_word) gave.
    ///
    /// # Safety
    ///
    /// It was never published, and this is called once.
    pub(crate) unsafe fn from_word(word: *mut ()) -> Self {
        NewArray {
            word,
            _owns: PhantomData,
        }
    }
}

impl<N> Drop for NewArray<N> {
    fn drop(&mut self) {
        // SAFETY: never published.
        unsafe { self.array().free() };
    }
}
