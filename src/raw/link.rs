//! A link: a pointer and its bits in one atomic word. The only file that knows either.
//!
//! ```text
//! bit 0       MARK   about the owner: deleted, replaced or (a head) frozen; the word leads to the
//!                    same target ever after
//! bit 1              free; under loom it poisons heads that nobody has made yet
//! bit 2       SENT   about the target: it is a head; with a null pointer, the end of the list
//! bits 3..48         the pointer
//! bits 48..64        presence bits, in heads only (where pointers leave these bits free)
//! ```
//!
//! That is for pointers of 64 bits. Where they have 32, a head has only two bits to spare: SENT is
//! bit 1, and there are no presence bits.
//!
//! # Invariant
//!
//! * A link holds pointers to objects that were made by `Box` or stand in a group, and that stay
//!   allocated for as long as the guard lives under which the link was read: nodes are retired,
//!   never freed, by whoever unlinked them.
//! * A published link is written by read-modify-writes only. So an Acquire load of it synchronizes
//!   with *every* earlier Release write of that word, not only with the newest: each
//!   read-modify-write carries the release sequences of those before it.
//! * A presence bit that is clear in a head says that no node with that bit stands between this
//!   head and the next one. A bit that is set says nothing.

use std::fmt;
use std::marker::PhantomData;
use std::ptr;

use crate::sync::{AtomicPtr, Ordering, Witness};

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

/// What a [`Link`] leads to: a node of the list.
pub(crate) trait Linked {
    /// The link that the node owns.
    fn next(&self) -> &Link<Self>
    where
        Self: Sized;
}

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

    pub(crate) fn and(self, other: Presence) -> Presence {
        Presence(self.0 | other.0)
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

// SAFETY: as `&'g N`: whoever has it can read what it leads to, and nothing else. That stays while the
// guard of `'g` lives, whichever thread that is of: what a guard protects is what could be reached when
// it was made, and what is retired later (the contract of `reclaim`), whoever reads it. The reads of
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

/// Where a word leads.
pub(crate) enum Target<'g, N> {
    Node(&'g N),
    Head(&'g Link<N>),
    End,
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

    /// The word of a link to `head`.
    pub(crate) fn to_head(head: &'g Link<N>) -> Self {
        let head = ptr::from_ref(head).cast_mut().cast::<()>();
        Word::new(head.map_addr(|addr| addr | SENT))
    }

    /// The word of a link to a node that nobody else can reach, and that this word owns.
    pub(crate) fn to_owned_node(node: Box<N>) -> Self {
        Word::new(Box::into_raw(node).cast())
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

    /// The target alone: without the mark and the presence bits, which belong to the owner.
    #[inline(always)]
    pub(crate) fn bare(self) -> Self {
        Word::new(self.word.map_addr(|addr| addr & !(MARK | PRESENCE)))
    }

    /// The same target, with these presence bits for the owning head.
    pub(crate) fn with(self, presence: Presence) -> Self {
        Word::new(self.word.map_addr(|addr| addr & !PRESENCE | presence.0))
    }

    fn marked(self) -> Self {
        Word::new(self.word.map_addr(|addr| addr | MARK))
    }

    /// What the owner's word becomes when its target becomes `next`'s: presence bits stay until
    /// nothing is behind the head, and then all go.
    pub(crate) fn relinked(self, next: Self) -> Self {
        let presence = if next.leads_to_head() {
            Presence::NONE
        } else {
            self.presence()
        };
        next.bare().with(presence)
    }

    fn pointer(self) -> *mut () {
        self.word.map_addr(|addr| addr & !(MARK | SENT | PRESENCE))
    }

    /// Asks for the target to be brought into the cache.
    #[inline(always)]
    pub(crate) fn prefetch(self) {
        prefetch(self.pointer());
    }
}

/// Asks for the line at an address to be brought into the cache.
#[inline(always)]
fn prefetch(_address: *const ()) {
    #[cfg(all(target_arch = "x86_64", not(miri), not(splitmap_loom)))]
    // SAFETY: a prefetch reads nothing and faults at no address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(_address.cast());
    }
}

impl<'g, N: Linked> Word<'g, N> {
    /// Where the word leads.
    #[inline]
    pub(crate) fn target(self) -> Target<'g, N> {
        let target = self.target_unwitnessed();
        match target {
            Target::Node(node) => node.next().touch(),
            Target::Head(head) => head.touch(),
            Target::End => {}
        }
        target
    }

    /// As [`target`](Self::target), for audits: does not count as a read of it.
    #[inline(always)]
    pub(crate) fn target_unwitnessed(self) -> Target<'g, N> {
        let pointer = self.pointer();
        if !self.leads_to_head() {
            // SAFETY: without SENT the pointer is one that a `publish` or a `replace` stored. The
            // node is not freed before the guard of `'g` is dropped (the file's invariant), and is
            // only ever shared.
            Target::Node(unsafe { &*pointer.cast::<N>() })
        } else if pointer.is_null() {
            Target::End
        } else {
            // SAFETY: with SENT the pointer is one that `to_head` made from a reference to a head
            // of this map. Groups are not freed before the guard of `'g` is dropped.
            Target::Head(unsafe { &*pointer.cast::<Link<N>>() })
        }
    }

    /// The target of a word that says nothing but "a node": no mark, no head, no presence bits
    /// (take [`bare`](Self::bare) of a head's word first).
    #[inline(always)]
    pub(crate) fn plain(self) -> Option<&'g N> {
        debug_assert!(
            self.presence() == Presence::NONE,
            "a head's word is not plain"
        );
        if self.word.addr() & (MARK | SENT) != 0 {
            return None;
        }
        // SAFETY: as in `target`; there are no bits to take off.
        let node = unsafe { &*self.word.cast::<N>() };
        node.next().touch();
        Some(node)
    }
}

// Heads stand one behind the other: it is their own alignment that keeps the low bits free.
const _: () = assert!(
    align_of::<Link<()>>() > MARK | SENT,
    "no room for MARK and SENT"
);

/// A link of a node, or a head, which is a link that no node owns.
#[cfg_attr(not(splitmap_loom), repr(transparent))]
pub(crate) struct Link<N> {
    word: AtomicPtr<()>,
    /// Stands for the plain fields of the node, or for the head.
    witness: Witness,
    _target: PhantomData<fn() -> *const N>,
}

impl<N> Link<N> {
    /// A link that nobody else can reach yet.
    pub(crate) fn new(word: Word<'_, N>) -> Self {
        Link {
            word: AtomicPtr::new(word.word),
            witness: Witness::new(),
            _target: PhantomData,
        }
    }

    /// The end of the list, for statics.
    #[cfg(not(splitmap_loom))]
    pub(crate) const fn end() -> Self {
        Link {
            word: AtomicPtr::new(ptr::without_provenance_mut(SENT)),
            witness: Witness::new(),
            _target: PhantomData,
        }
    }

    /// A head that nobody has made yet.
    #[cfg(splitmap_loom)]
    pub(crate) fn poison() -> Self {
        Link {
            word: AtomicPtr::new(ptr::without_provenance_mut(POISON)),
            witness: Witness::new(),
            _target: PhantomData,
        }
    }

    /// Whoever is about to read the owner calls this; only models listen.
    #[inline(always)]
    pub(crate) fn touch(&self) {
        self.witness.touch();
    }

    /// A model's reclaimer frees the owner here; its memory goes later.
    #[cfg(splitmap_loom)]
    pub(crate) fn condemn(&self) {
        self.witness.free();
    }

    /// Reads the link. `'g` must be the life of a guard, as it is for every reference to a node or
    /// a head that came out of a `Word`.
    #[inline(always)]
    pub(crate) fn load<'g>(&'g self) -> Word<'g, N> {
        // Acquire: pairs with the Release in `swing`, which `publish`, `publish_head`, `replace`,
        // `mark`, `unlink` and `unlink_head` end in, and in `freeze`; publishes the target's fields,
        // and what its writer had seen of `state`.
        let word = self.word.load(Ordering::Acquire);
        #[cfg(splitmap_loom)]
        assert!(word.addr() & POISON == 0, "uninitialised head used");
        Word::new(word)
    }

    /// Writes a link that nobody else can reach yet: the next link that is published carries it.
    pub(crate) fn store_unpublished(&self, word: Word<'_, N>) {
        // Relaxed: only this thread can reach the link; the Release in `publish` or `replace`
        // publishes it with the rest of the node.
        self.word.store(word.word, Ordering::Relaxed);
    }

    /// Adds presence bits to a head. Returns the word before.
    pub(crate) fn add<'g>(&'g self, presence: Presence) -> Word<'g, N> {
        // Relaxed: the node with this presence is published by the Release in `publish`, which
        // follows; whoever reads the node sees the bit, or a later word of this head. The
        // release sequences of this word go on through any read-modify-write.
        Word::new(self.word.fetch_or(presence.0, Ordering::Relaxed))
    }

    /// Freezes a head: it leads where it leads ever after, until it is unlinked and beyond.
    pub(crate) fn freeze(&self) {
        // Release: pairs with the Acquire in `load`: whoever meets the mark has a `state` without
        // the head, or gets one when it loads it again.
        self.word.fetch_or(MARK, Ordering::Release);
    }

    /// One attempt to change the link from `from` to `to`.
    ///
    /// `order` is Release or AcqRel.
    /// Release: pairs with the Acquire in `load`; publishes the target and every link that this thread
    /// stored unpublished behind it.
    /// Acquire: pairs with the Release of `unlink_head`. The caller has loaded `from` with Acquire, but
    /// since then a head may have been linked behind this link, frozen and unlinked, so that it is as
    /// it was. The frozen head leads where it led for ever. So whoever changes what stands there has to
    /// know of a `state` without that head: else its own next search may start from it.
    fn swing(&self, from: Word<'_, N>, to: Word<'_, N>, order: Ordering) -> bool {
        debug_assert!(!from.is_marked(), "a marked link never changes again");
        self.word
            // Relaxed: what the link holds instead is not looked at; the caller searches again.
            .compare_exchange(from.word, to.word, order, Ordering::Relaxed)
            .is_ok()
    }

    /// Makes this link lead to `head`, with everything behind it already stored.
    pub(crate) fn publish_head<'g>(&'g self, from: Word<'g, N>, head: &'g Link<N>) -> bool {
        // Release: see `swing`. No Acquire: the stride that is being made bars every shrinking.
        self.swing(from, from.relinked(Word::to_head(head)), Ordering::Release)
    }

    /// Cuts the frozen head that `from` leads to out of the list: this link goes to its target
    /// instead. If it is a head, it takes over `presence`, that of the nodes behind. Returns what
    /// it holds now, or `None` if it has changed.
    ///
    /// `frozen` is the final word of the head.
    pub(crate) fn unlink_head<'g>(
        &'g self,
        from: Word<'g, N>,
        frozen: Word<'g, N>,
        presence: Presence,
    ) -> Option<Word<'g, N>> {
        debug_assert!(frozen.is_marked(), "only frozen heads are unlinked");
        let to = frozen.bare().with(presence);
        // Release: see `swing`. No Acquire: any head that came and went before this one left before
        // it was frozen, and its mark was read with Acquire; and none is linked before it has left.
        self.swing(from, to, Ordering::Release).then_some(to)
    }
}

impl<N: Linked> Link<N> {
    /// Makes this link lead to `node` instead of `from`'s target, with these presence bits. The
    /// node comes back if the link has changed.
    pub(crate) fn publish<'g>(
        &'g self,
        from: Word<'g, N>,
        node: Box<N>,
        presence: Presence,
    ) -> Result<&'g N, Box<N>> {
        let pointer = Box::into_raw(node);
        let to = Word::<N>::new(pointer.cast()).with(presence);
        // Release, Acquire: see `swing`.
        if self.swing(from, to, Ordering::AcqRel) {
            // SAFETY: the node was just linked, by this thread, under the guard of `'g`.
            Ok(unsafe { &*pointer })
        } else {
            // SAFETY: the pointer came out of the box above, and nobody else has seen it.
            Err(unsafe { Box::from_raw(pointer) })
        }
    }

    /// Marks the owner of this link as replaced and makes `node` its successor, in one step.
    /// Returns the replacement, and the word of a link to it; the node comes back if the link has
    /// changed.
    pub(crate) fn replace<'g>(
        &'g self,
        from: Word<'g, N>,
        node: Box<N>,
    ) -> Result<(&'g N, Word<'g, N>), Box<N>> {
        let pointer = Box::into_raw(node);
        let to = Word::new(pointer.cast());
        // Release, Acquire: see `swing`.
        if self.swing(from, to.marked(), Ordering::AcqRel) {
            // SAFETY: the node was just linked, by this thread, under the guard of `'g`.
            Ok((unsafe { &*pointer }, to))
        } else {
            // SAFETY: the pointer came out of the box above, and nobody else has seen it.
            Err(unsafe { Box::from_raw(pointer) })
        }
    }

    /// Asks for the link itself to be brought into the cache.
    #[inline(always)]
    pub(crate) fn prefetch(&self) {
        prefetch(ptr::from_ref(self).cast());
    }

    /// Marks the owner of this link as removed. False if the link has changed.
    pub(crate) fn mark(&self, from: Word<'_, N>) -> bool {
        // Release, Acquire: see `swing`. By the latter the final word says all that this link's earlier
        // ones have said.
        self.swing(from, from.marked(), Ordering::AcqRel)
    }

    /// Cuts the node that `from` leads to out of the list: this link goes to `next`'s target
    /// instead. Returns what this link holds now, and the proof that nobody else unlinked the node.
    ///
    /// `next` is the final word of a marked node.
    pub(crate) fn unlink<'g>(
        &'g self,
        from: Word<'g, N>,
        next: Word<'g, N>,
    ) -> Option<(Word<'g, N>, Unlinked<'g, N>)> {
        debug_assert!(!from.leads_to_head(), "only nodes are unlinked");
        let to = from.relinked(next);
        // Release, Acquire: see `swing`. Besides, a head that came before the node and went leads to
        // it for ever: by what the retiring thread knows, no guard that is made later starts there.
        self.swing(from, to, Ordering::AcqRel).then(|| {
            let node = from.pointer().cast();
            (
                to,
                Unlinked {
                    node,
                    _guard: PhantomData,
                },
            )
        })
    }

    /// The newest word, for an audit: no step of the execution.
    #[cfg(splitmap_loom)]
    pub(crate) fn newest<'g>(&'g self) -> Word<'g, N> {
        Word::new(self.word.newest())
    }
}

/// A node that this thread's one successful [`Link::unlink`] cut out of the list.
///
/// Only this can be retired, so nothing is retired twice or while it can be reached.
#[must_use = "an unlinked node must be retired"]
pub(crate) struct Unlinked<'g, N> {
    node: *mut N,
    _guard: PhantomData<&'g N>,
}

impl<N> Unlinked<'_, N> {
    #[cfg(splitmap_loom)]
    pub(crate) fn is(&self, node: &N) -> bool {
        std::ptr::eq(self.node, node)
    }

    /// The node, as `Box::into_raw` gave it.
    pub(crate) fn into_raw(self) -> *mut N {
        self.node
    }
}

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

/// A walk along a list that nobody else can reach: over every node that is linked in it, marked
/// ones too. Each node is read before it is given out, and never again.
pub(crate) struct Chain<N> {
    word: *mut (),
    /// The head that the walk ends at; null for the end of the list.
    end: *const Link<N>,
    _nodes: PhantomData<N>,
}

/// What stands next in a list that nobody else can reach.
pub(crate) enum Step<N> {
    Head,
    /// The node, as `Box::into_raw` gave it.
    Node(*mut N),
}

impl<N: Linked> Chain<N> {
    /// The nodes behind `head`.
    ///
    /// # Safety
    ///
    /// Until the last step nobody else reads or writes the list, and its heads are there.
    pub(crate) unsafe fn new(head: &Link<N>) -> Self {
        Chain {
            word: head.load().word,
            end: ptr::null(),
            _nodes: PhantomData,
        }
    }

    /// Ends at `head`, which stands behind what comes next; the chain behind it is returned.
    #[cfg(feature = "rayon")]
    pub(crate) fn cut(&mut self, head: &Link<N>) -> Self {
        Chain {
            word: head.load().word,
            end: std::mem::replace(&mut self.end, head),
            _nodes: PhantomData,
        }
    }

    /// What stands next; `None` at the end.
    pub(crate) fn step(&mut self) -> Option<Step<N>> {
        let word = Word::<N>::new(self.word);
        match word.target() {
            Target::End => None,
            Target::Head(head) if ptr::eq(head, self.end) => None,
            Target::Head(head) => {
                self.word = head.load().word;
                Some(Step::Head)
            }
            Target::Node(node) => {
                self.word = node.next().load().word;
                Some(Step::Node(word.pointer().cast()))
            }
        }
    }
}

#[cfg(all(test, not(splitmap_loom), target_pointer_width = "64"))]
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
