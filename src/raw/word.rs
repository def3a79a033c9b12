//! A word: a pointer and its bits. The only file that knows either.
//!
//! ```text
//! bit 0       MARK   about the owner: deleted, replaced or (a head) frozen; the word leads to the
//!                    same target ever after
//! bit 1              free; models poison with it the heads that nobody has made yet
//! bit 2       SENT   about the target: it is a head; with a null pointer, the end of the list
//! bits 3..48         the pointer
//! bits 48..64        presence bits, in heads only (where pointers leave these bits free)
//! ```
//!
//! That is for pointers of 64 bits. Where they have 32, a head has only two bits to spare: SENT is
//! bit 1, and there are no presence bits.

use std::fmt;
use std::marker::PhantomData;
use std::ptr;

const MARK: usize = 1;
#[cfg(splitmap_loom)]
const POISON: usize = 2;
const SENT: usize = if cfg!(target_pointer_width = "64") {
    4
} else {
    2
};

/// Whether heap pointers leave the top sixteen bits of a word free. Known of these systems; others
/// use the high half of their addresses, or, as Android, tag the top byte.
const FILTER: bool = cfg!(all(
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    any(
        target_os = "linux",
        target_os = "windows",
        target_os = "macos",
        target_os = "ios",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd"
    )
));
const PRESENCE_SHIFT: u32 = 48;
const PRESENCE: usize = if FILTER {
    (0xffff_u64 << PRESENCE_SHIFT) as usize
} else {
    0
};

const _: () = assert!(!FILTER || PRESENCE != 0, "no room for presence bits");

/// The presence bits of a head, one for each value of a hash's low four bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Presence(usize);

impl Presence {
    /// No node at all.
    pub(crate) const NONE: Presence = Presence(0);
    /// Nothing known.
    pub(crate) const ALL: Presence = Presence(PRESENCE);

    /// The bit of a node with this hash.
    #[inline(always)]
    pub(crate) fn of(hash: u64) -> Presence {
        if FILTER {
            Presence(((1_u64 << PRESENCE_SHIFT) << (hash & 15)) as usize)
        } else {
            Presence::NONE
        }
    }

    pub(crate) fn union(self, other: Presence) -> Presence {
        Presence(self.0 | other.0)
    }

    /// These bits but for those of `other`.
    pub(crate) fn without(self, other: Presence) -> Presence {
        Presence(self.0 & !other.0)
    }

    /// These bits as bits of a word.
    pub(crate) fn mask(self) -> usize {
        self.0
    }

    pub(crate) fn covers(self, other: Presence) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A word as it was read from a link, under a guard that lives for `'g`.
pub(crate) struct Word<'g, N> {
    word: *mut (),
    _target: PhantomData<&'g N>,
}

// SAFETY: as `&'g N`: a thread that has it can read what it leads to, and nothing else. That stays while the
// guard of `'g` lives, whichever thread that is of: what a guard protects is what could be reached when
// it was made, and what is retired later (the contract of `reclaim`), on any thread. The reads of
// another thread happen after the guard was made, as the word came from its thread; and before it is
// gone, as a guard that is borrowed for `'g` is not dropped before.
unsafe impl<N: Sync> Send for Word<'_, N> {}

// SAFETY: as above.
unsafe impl<N: Sync> Sync for Word<'_, N> {}

impl<N> Clone for Word<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for Word<'_, N> {}

// The audit of models compares words.
#[cfg(splitmap_loom)]
impl<N> PartialEq for Word<'_, N> {
    fn eq(&self, other: &Self) -> bool {
        self.word == other.word
    }
}

impl<N> fmt::Debug for Word<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Word({:#x})", self.word.addr())
    }
}

impl<'g, N> Word<'g, N> {
    /// The word that ends the list.
    pub(crate) const END: Self = Word::new(ptr::without_provenance_mut(SENT));

    const fn new(word: *mut ()) -> Self {
        Word {
            word,
            _target: PhantomData,
        }
    }

    /// The word with these bits, as [`bits`](Self::bits) gave them.
    ///
    /// # Safety
    ///
    /// The target is not freed while `'g` lasts, and is only ever shared.
    #[inline(always)]
    pub(crate) const unsafe fn from_bits(word: *mut ()) -> Self {
        Word::new(word)
    }

    /// The word of a link to a head.
    ///
    /// # Safety
    ///
    /// As for [`from_bits`](Self::from_bits).
    pub(crate) unsafe fn to_head(head: *const ()) -> Self {
        Word::new(head.cast_mut().map_addr(|addr| addr | SENT))
    }

    /// The word of a link to a node that no other thread can reach; the word owns it.
    pub(crate) fn to_owned_node(node: Box<N>) -> Self {
        Word::new(Box::into_raw(node).cast())
    }

    /// The word as it stands in a link.
    #[inline(always)]
    pub(crate) const fn bits(self) -> *mut () {
        self.word
    }

    /// The owner of the link is deleted, replaced or frozen.
    #[inline(always)]
    pub(crate) fn is_marked(self) -> bool {
        self.word.addr() & MARK != 0
    }

    /// The target is a head, or the list ends here.
    #[inline(always)]
    pub(crate) fn leads_to_head(self) -> bool {
        self.word.addr() & SENT != 0
    }

    /// The presence bits, where the owner is a head.
    pub(crate) fn presence(self) -> Presence {
        Presence(self.word.addr() & PRESENCE)
    }

    /// Whether nodes of this presence may stand behind the head that owns the link.
    #[inline(always)]
    pub(crate) fn may_hold(self, presence: Presence) -> bool {
        !FILTER || self.word.addr() & presence.0 != 0
    }

    /// As [`may_hold`](Self::may_hold), for the nodes of a hash.
    #[inline(always)]
    pub(crate) fn may_hold_hash(self, hash: u64) -> bool {
        // The shift is taken modulo 64: one instruction less than to make the presence.
        const { assert!(PRESENCE_SHIFT == 0x30) };
        !FILTER || (self.word.addr() as u64) >> ((hash | 0x30) & 0x3f) & 1 != 0
    }

    /// The target alone: without the mark and the presence bits, which belong to the owner.
    #[inline(always)]
    pub(crate) fn bare(self) -> Self {
        Word::new(self.word.map_addr(|addr| addr & !(MARK | PRESENCE)))
    }

    /// The same target, with these presence bits for the owning head.
    pub(crate) fn with(self, presence: Presence) -> Self {
        Word::new(self.word.map_addr(|addr| addr & !PRESENCE | presence.0))
    }

    /// The same word, with the owner deleted, replaced or frozen.
    pub(crate) fn marked(self) -> Self {
        Word::new(self.word.map_addr(|addr| addr | MARK))
    }

    /// The owner's word once its target is `next`'s. The presence bits stay, even where the target
    /// is a head now: nodes behind that head may rely on them while a resize is under way.
    pub(crate) fn relinked(self, next: Self) -> Self {
        next.bare().with(self.presence())
    }

    /// The word leads to a node, and says nothing else: no mark and no presence bits.
    #[inline(always)]
    pub(crate) fn is_plain(self) -> bool {
        debug_assert!(
            self.presence() == Presence::NONE,
            "a head's word is not plain"
        );
        self.word.addr() & (MARK | SENT) == 0
    }

    /// The address of the target; null at the end of the list.
    #[inline(always)]
    pub(crate) fn pointer(self) -> *mut () {
        self.word.map_addr(|addr| addr & !(MARK | SENT | PRESENCE))
    }

    /// Asks for the target to be brought into the cache.
    #[inline(always)]
    pub(crate) fn prefetch(self) {
        prefetch(self.pointer());
    }
}

/// The word of a head that nobody has made yet.
#[cfg(splitmap_loom)]
pub(crate) fn poison() -> *mut () {
    ptr::without_provenance_mut(POISON)
}

/// The word that ends the list, for statics.
#[cfg(not(splitmap_loom))]
pub(crate) const fn end() -> *mut () {
    ptr::without_provenance_mut(SENT)
}

/// What freezing a head adds to its word.
pub(crate) const FROZEN: usize = MARK;

/// Whether a word is that of a head that nobody has made yet.
#[cfg(splitmap_loom)]
pub(crate) fn is_poison(word: *mut ()) -> bool {
    word.addr() & POISON != 0
}

/// Asks for the line at an address to be brought into the cache.
#[inline(always)]
pub(crate) fn prefetch(_address: *const ()) {
    #[cfg(all(target_arch = "x86_64", not(miri), not(splitmap_loom)))]
    // SAFETY: a prefetch reads nothing and faults at no address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(_address.cast());
    }
}

/// The alignment of what a word leads to must be more than this.
pub(crate) const LOW_BITS: usize = MARK | SENT;

/// Whether words have room for these addresses beside their bits.
pub(crate) fn fits<T>(first: *const T, len: usize) -> bool {
    let last = first.wrapping_add(len).wrapping_byte_sub(1);
    first.addr() & (MARK | SENT | PRESENCE) == 0 && last.addr() & PRESENCE == 0
}

/// Panics unless a word has room for this address beside its bits.
///
/// # Panics
///
/// If the allocator handed out an address of more than 48 bits: five-level page tables with a
/// mapping that asked for it, or a tagged pointer.
pub(crate) fn check_address<T>(pointer: *const T) {
    assert!(
        fits(pointer, 1),
        "splitmap: the allocator returned the address {:#x}; a map needs addresses of at most 48 \
         bits",
        pointer.addr()
    );
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    fn at(address: usize) -> *const u64 {
        ptr::without_provenance(address)
    }

    #[test]
    fn addresses_that_have_bits_of_words_do_not_fit() {
        assert!(fits(at(64), 1));
        assert!(!fits(at(64 | MARK), 1));
        assert!(!fits(at(64 | SENT), 1));
        if FILTER {
            let end = 1 << PRESENCE_SHIFT;
            assert!(fits(at(end - 64), 8));
            assert!(!fits(at(end - 64), 9), "the last of them");
            assert!(!fits(at(end), 1));
            assert!(!fits(at(1 << 63), 1));
        }
    }

    #[test]
    #[should_panic(expected = "a map needs addresses of at most 48 bits")]
    fn an_address_that_does_not_fit_is_refused() {
        check_address(at(64 | MARK));
    }
}
