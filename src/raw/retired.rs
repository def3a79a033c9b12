//! What the core hands to the reclaimer, and how each kind is freed.
//!
//! A retired object travels as one pointer. Its kind stands in the low bits, which the alignment
//! of every kind leaves free; a table's order stands beside it.

use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use crate::raw::array::{ALIGN, Array};
use crate::raw::chain::UnlinkedArray;
#[cfg(splitmap_loom)]
use crate::raw::link::Linked;
use crate::raw::link::Unlinked;
use crate::raw::node::Node;
use crate::reclaim::{Dispose, Pinned, Reclaimer};

const KIND: usize = 3;
const NODE: usize = 0;
const TABLE: usize = 1;

/// How far the shift of a table is shifted.
const SHIFT: u32 = 2;

/// What a map of `K` and `V` retires: its entries and its tables.
///
/// It appears in bounds only: `R: Reclaimer` says that the back end `R` can free what
/// a map of `K` and `V` retires.
pub struct Retired<K, V, M = ()> {
    _owns: PhantomData<(K, V, M)>,
}

impl<K, V, M> fmt::Debug for Retired<K, V, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Retired")
    }
}

/// The memory of a node.
pub(crate) type Vacant<K, V, M> = MaybeUninit<Node<K, V, M>>;

/// Whether the memory of a freed node is used for the next one. Not under tools that watch the
/// allocator for uses after free.
const REUSES: bool = !cfg!(any(
    fuzzing,
    miri,
    splitmap_boxes,
    splitmap_loom,
    splitmap_shuttle
));

/// What a byte of a freed node is set to, where it may help to find a use after free.
const FREED: u8 = 0xa5;

/// Of how many nodes of a size a thread keeps the memory.
const fn most_spare(size: usize) -> usize {
    const MOST: usize = 32;
    const BYTES: usize = 4096;
    if BYTES / size < MOST {
        BYTES / size
    } else {
        MOST
    }
}

/// Memory for a node: of one that this thread has freed, if there is some.
///
/// # Panics
///
/// If the allocator's address does not fit a link.
#[inline(always)]
pub(crate) fn vacant<K, V, M, R>(pinned: Pinned<'_, '_, R>) -> Box<Vacant<K, V, M>>
where
    R: Reclaimer,
{
    match pinned.spare::<Retired<K, V, M>>() {
        // SAFETY: from the box in `empty`, and given out once.
        Some(memory) => unsafe { Box::from_raw(memory.as_ptr().cast()) },
        None => Node::vacant(),
    }
}

/// Retires a node.
#[inline(always)]
pub(crate) fn node<'g, K, V, M, R>(pinned: Pinned<'_, 'g, R>, node: Unlinked<'g, Node<K, V, M>>)
where
    R: Reclaimer,
{
    const { assert!(align_of::<Node<K, V, M>>() > KIND, "no room for the kind") };
    let object = node.into_raw().cast::<()>();
    // SAFETY: an `Unlinked` is cut out of the list by this thread, and gone with this call.
    unsafe { pinned.retire::<Retired<K, V, M>>(object) };
}

/// Retires a table, none of whose heads is in the list any more.
pub(crate) fn table<'g, K, V, M, R>(
    pinned: Pinned<'_, 'g, R>,
    table: UnlinkedArray<'g, Node<K, V, M>>,
) where
    R: Reclaimer,
{
    let shifted = |addr: usize| addr & !(ALIGN - 1) | (addr & (ALIGN - 1)) << SHIFT | TABLE;
    let object = table.into_word().map_addr(shifted);
    // SAFETY: no state leads to an `UnlinkedArray` any more, and it is gone with this call.
    unsafe { pinned.retire::<Retired<K, V, M>>(object) };
}

/// Frees what no guard can still see of the garbage of a map of `K` and `V`: its own store.
pub(crate) fn flush<K, V, M, R>(store: &R::Store)
where
    R: Reclaimer,
{
    // SAFETY: the only caller is the table whose store it is.
    unsafe { R::flush::<Retired<K, V, M>>(store) };
}

/// An object by its kind.
enum Kind<'g, K, V, M> {
    Node(*mut Node<K, V, M>),
    Table(Array<'g, Node<K, V, M>>),
}

impl<K, V, M> Kind<'_, K, V, M> {
    /// # Safety
    ///
    /// `object` is what `node` or `table` have retired, and not freed before the answer is gone.
    unsafe fn of(object: *mut ()) -> Self {
        match object.addr() & KIND {
            NODE => Kind::Node(object.cast()),
            TABLE => {
                let word = |addr: usize| addr & !(ALIGN - 1) | (addr & (ALIGN - 1)) >> SHIFT;
                // SAFETY: the caller's promise.
                Kind::Table(unsafe { Array::from_word(object.map_addr(word)) })
            }
            kind => unreachable!("a retired object of kind {kind}"),
        }
    }
}

// SAFETY: the kind says how the object was made.
unsafe impl<K, V, M> Dispose for Retired<K, V, M> {
    const ENTRY: usize = size_of::<Node<K, V, M>>();

    const DROPS: bool = std::mem::needs_drop::<Node<K, V, M>>();

    const SPARE: usize = if REUSES { most_spare(Self::ENTRY) } else { 0 };

    #[inline]
    unsafe fn dispose(object: *mut ()) {
        // SAFETY: the caller's promise.
        match unsafe { Kind::<K, V, M>::of(object) } {
            // SAFETY: a node is made by a box; the caller says that nobody else has it.
            Kind::Node(node) => drop(unsafe { Box::from_raw(node) }),
            // SAFETY: the caller says that nobody else has it.
            Kind::Table(table) => unsafe { table.free() },
        }
    }

    #[inline(always)]
    unsafe fn empty(object: *mut ()) -> Option<NonNull<()>> {
        if Self::SPARE == 0 || object.addr() & KIND != NODE {
            // SAFETY: the caller's promise.
            unsafe { Self::dispose(object) };
            return None;
        }
        // SAFETY: a node is made by a box; the caller says that nobody else has it. From here on the
        // box drops no entry: so it frees the memory if a destructor panics.
        let mut memory = unsafe { Box::from_raw(object.cast::<Vacant<K, V, M>>()) };
        // SAFETY: the entry is still there, and is dropped once.
        unsafe { memory.assume_init_drop() };
        if cfg!(debug_assertions) {
            // SAFETY: the memory is ours, and without contents.
            unsafe { memory.as_mut_ptr().write_bytes(FREED, 1) };
        }
        NonNull::new(Box::into_raw(memory).cast())
    }

    unsafe fn release(memory: NonNull<()>) {
        // SAFETY: from the box in `empty`.
        drop(unsafe { Box::from_raw(memory.as_ptr().cast::<Vacant<K, V, M>>()) });
    }

    #[inline]
    unsafe fn bytes(object: *mut ()) -> usize {
        // SAFETY: not freed yet, as the caller says.
        match unsafe { Kind::<K, V, M>::of(object) } {
            Kind::Node(_) => size_of::<Node<K, V, M>>(),
            Kind::Table(table) => table.bytes(),
        }
    }

    #[cfg(splitmap_loom)]
    unsafe fn condemn(object: *mut ()) {
        // SAFETY: the memory goes back later, by `dispose`.
        match unsafe { Kind::<K, V, M>::of(object) } {
            // SAFETY: as above.
            Kind::Node(node) => unsafe { &*node }.next().condemn(),
            Kind::Table(table) => table.condemn(),
        }
    }
}
