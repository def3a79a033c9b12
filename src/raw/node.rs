//! A node: one entry of the map, where it stands in the list, and the link to its successor.
//!
//! # Invariant
//!
//! Only `next` changes once a node is published. The entry is read through shared references
//! alone until the node is freed, so a `&V` stays where it is for as long as its guard lives.

use std::mem::MaybeUninit;

use crate::raw::link::{Link, Linked};
use crate::raw::word::{Word, check_address};

/// An entry with its place in the list.
///
/// The alignment keeps the low bits of a pointer free, and is the one that an allocator gives
/// anyway: what asks for more goes through `posix_memalign`, which in glibc cost 128 bytes for such
/// a node instead of 48. A key or value that wants more gets more. The link comes first: a walk
/// that only passes by reads one line.
#[repr(C)]
#[cfg_attr(target_pointer_width = "64", repr(align(16)))]
#[cfg_attr(target_pointer_width = "32", repr(align(8)))]
pub(crate) struct Node<K, V, M = ()> {
    next: Link<Self>,
    hash: u64,
    /// What a cache that stands on this core wants to know of an entry; nothing for a map.
    meta: M,
    key: K,
    value: V,
    #[cfg(splitmap_loom)]
    _counted: crate::model::audit::Allocation,
}

impl<K, V, M: Default> Node<K, V, M> {
    /// A node that nobody can reach yet, in memory for one.
    #[inline]
    pub(crate) fn new(
        mut memory: Box<MaybeUninit<Self>>,
        hash: u64,
        key: K,
        value: V,
    ) -> Box<Self> {
        let (next, meta) = (Link::new(Word::END), M::default());
        let place = memory.as_mut_ptr();
        // Field by field: a node that is built on the stack has a large value there twice more in a
        // debug build.
        #[expect(
            clippy::multiple_unsafe_ops_per_block,
            reason = "one reason for all fields"
        )]
        // SAFETY: `place` is memory for a node, which is the caller's alone; all its fields are
        // written, and nothing between panics.
        unsafe {
            #[cfg(splitmap_loom)]
            {
                use crate::model::audit::{Allocation, NODE};
                (&raw mut (*place)._counted).write(Allocation::new(NODE));
            }
            (&raw mut (*place).next).write(next);
            (&raw mut (*place).hash).write(hash);
            (&raw mut (*place).meta).write(meta);
            (&raw mut (*place).key).write(key);
            (&raw mut (*place).value).write(value);
            memory.assume_init()
        }
    }
}

impl<K, V, M> Node<K, V, M> {
    /// Memory for a node.
    ///
    /// # Panics
    ///
    /// If the allocator's address does not fit a link.
    pub(crate) fn vacant() -> Box<MaybeUninit<Self>> {
        let memory = Box::new_uninit();
        check_address(memory.as_ptr());
        memory
    }

    #[inline(always)]
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    #[inline(always)]
    pub(crate) fn key(&self) -> &K {
        &self.key
    }

    #[inline(always)]
    pub(crate) fn value(&self) -> &V {
        &self.value
    }

    /// The entry of a node that nobody else can reach.
    pub(crate) fn entry_mut(&mut self) -> (&K, &mut V) {
        (&self.key, &mut self.value)
    }

    /// The entry of a node that nobody else can reach.
    #[expect(clippy::boxed_local, reason = "a node on the stack is one copy more")]
    pub(crate) fn into_entry(self: Box<Self>) -> (K, V) {
        (self.key, self.value)
    }

    /// The key of a node that nobody else can reach. Its value is dropped where it is.
    #[expect(clippy::boxed_local, reason = "a node on the stack is one copy more")]
    pub(crate) fn into_key(self: Box<Self>) -> K {
        self.key
    }
}

impl<K, V, M> Linked for Node<K, V, M> {
    #[inline(always)]
    fn next(&self) -> &Link<Self> {
        &self.next
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::Node;

    #[test]
    fn a_node_of_two_words_is_half_a_cache_line() {
        assert_eq!(size_of::<Node<u64, u64>>(), 32);
        assert_eq!(align_of::<Node<u8, ()>>(), 16);
        #[repr(align(128))]
        struct Wide;
        assert_eq!(align_of::<Node<u8, Wide>>(), 128);
    }
}
