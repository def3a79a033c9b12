//! What the core hands to the reclaimer, and how each kind is freed.
//!
//! A retired object travels as one pointer. Its kind stands in the low bits, which the alignment
//! of every kind leaves free.

use std::fmt;
use std::marker::PhantomData;

use crate::raw::directory::{Directory, Group, UnlinkedDirectory, UnlinkedGroup};
#[cfg(splitmap_loom)]
use crate::raw::link::Linked;
use crate::raw::link::Unlinked;
use crate::raw::node::Node;
use crate::reclaim::{Dispose, Pinned, Reclaim};

const KIND: usize = 3;
const NODE: usize = 0;
const DIRECTORY: usize = 1;
const GROUP: usize = 2;

/// The address of an object, with its kind in the bits that its alignment leaves free.
fn tagged<T>(object: *mut T, kind: usize) -> *mut () {
    const { assert!(align_of::<T>() > KIND, "no room for the kind") };
    object.cast::<()>().map_addr(|addr| addr | kind)
}

/// What a map of `K` and `V` retires: entries, and the directories and groups of its table.
///
/// It appears in bounds only: `R: Reclaim<Retired<K, V>>` says that the back end `R` can free what
/// a map of `K` and `V` retires.
pub struct Retired<K, V, M = ()> {
    _owns: PhantomData<(K, V, M)>,
}

impl<K, V, M> fmt::Debug for Retired<K, V, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Retired")
    }
}

/// Retires a node.
pub(crate) fn node<'g, K, V, M, R>(pinned: Pinned<'g, R>, node: Unlinked<'g, Node<K, V, M>>)
where
    R: Reclaim<Retired<K, V, M>>,
{
    let object = tagged(node.into_raw(), NODE);
    // SAFETY: an `Unlinked` is cut out of the list by this thread, and gone with this call.
    unsafe { pinned.retire::<Retired<K, V, M>>(object) };
}

/// Retires a directory.
pub(crate) fn directory<'g, K, V, M, R>(
    pinned: Pinned<'g, R>,
    directory: UnlinkedDirectory<'g, Node<K, V, M>>,
) where
    R: Reclaim<Retired<K, V, M>>,
{
    let object = tagged(directory.into_raw(), DIRECTORY);
    // SAFETY: `state` does not lead to an `UnlinkedDirectory` any more, and it is gone with this
    // call.
    unsafe { pinned.retire::<Retired<K, V, M>>(object) };
}

/// Retires a group, none of whose heads is in the list any more.
pub(crate) fn group<'g, K, V, M, R>(pinned: Pinned<'g, R>, group: UnlinkedGroup<'g, Node<K, V, M>>)
where
    R: Reclaim<Retired<K, V, M>>,
{
    let object = tagged(group.into_raw(), GROUP);
    // SAFETY: no directory that `state` will ever lead to has an `UnlinkedGroup`, and it is gone
    // with this call.
    unsafe { pinned.retire::<Retired<K, V, M>>(object) };
}

/// Frees what no guard can still see of the garbage of a map of `K` and `V`: its own store.
pub(crate) fn flush<K, V, M, R>(store: &R::Store)
where
    R: Reclaim<Retired<K, V, M>>,
{
    // SAFETY: the only caller is the table whose store it is.
    unsafe { R::flush(store) };
}

/// An object by its kind.
enum Kind<K, V, M> {
    Node(*mut Node<K, V, M>),
    Directory(*mut Directory<Node<K, V, M>>),
    Group(*mut Group<Node<K, V, M>>),
}

impl<K, V, M> Kind<K, V, M> {
    fn of(object: *mut ()) -> Self {
        let pointer = object.map_addr(|addr| addr & !KIND);
        match object.addr() & KIND {
            NODE => Kind::Node(pointer.cast()),
            DIRECTORY => Kind::Directory(pointer.cast()),
            GROUP => Kind::Group(pointer.cast()),
            kind => unreachable!("a retired object of kind {kind}"),
        }
    }
}

// SAFETY: the kind says which box the pointer came out of.
unsafe impl<K, V, M> Dispose for Retired<K, V, M> {
    unsafe fn dispose(object: *mut ()) {
        match Kind::<K, V, M>::of(object) {
            // SAFETY: a node is made by a box; the caller says that nobody else has it.
            Kind::Node(node) => drop(unsafe { Box::from_raw(node) }),
            // SAFETY: as for a node.
            Kind::Directory(directory) => drop(unsafe { Box::from_raw(directory) }),
            // SAFETY: as for a node.
            Kind::Group(group) => drop(unsafe { Box::from_raw(group) }),
        }
    }

    unsafe fn bytes(object: *mut ()) -> usize {
        match Kind::<K, V, M>::of(object) {
            Kind::Node(_) => size_of::<Node<K, V, M>>(),
            Kind::Directory(_) => size_of::<Directory<Node<K, V, M>>>(),
            // SAFETY: not freed yet, as the caller says.
            Kind::Group(group) => unsafe { &*group }.bytes(),
        }
    }

    #[cfg(splitmap_loom)]
    unsafe fn condemn(object: *mut ()) {
        match Kind::<K, V, M>::of(object) {
            // SAFETY: the memory goes back later, by `dispose`.
            Kind::Node(node) => unsafe { &*node }.next().condemn(),
            // SAFETY: as for a node.
            Kind::Directory(directory) => unsafe { &*directory }.condemn(),
            // SAFETY: as for a node.
            Kind::Group(group) => unsafe { &*group }.condemn(),
        }
    }
}
