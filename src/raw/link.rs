//! A link: a word that threads share, and every way in which it changes.
//!
//! # Invariant
//!
//! * A link holds pointers to objects that were made by `Box` or stand in a table, and that stay
//!   allocated for as long as the guard lives under which the link was read: nodes and tables are
//!   retired, never freed, by the thread that unlinked them.
//! * A published link is written by read-modify-writes only. So an Acquire load of it synchronizes
//!   with *every* earlier Release write of that word, not only with the newest: each
//!   read-modify-write carries the release sequences of those before it.
//! * Which presence bits a head must have is told in `section`.

use std::marker::PhantomData;
use std::ptr;

use crate::raw::word::{self, Presence, Word};
use crate::sync::{AtomicPtr, Ordering, Witness};

/// What a [`Link`] leads to: a node of the list.
pub(crate) trait Linked {
    /// The link that the node owns.
    fn next(&self) -> &Link<Self>
    where
        Self: Sized;
}

/// Where a word leads.
pub(crate) enum Target<'g, N> {
    Node(&'g N),
    Head(&'g Link<N>),
    End,
}

impl<'g, N> Word<'g, N> {
    /// The word of a link to `head`.
    pub(crate) fn leading_to(head: &'g Link<N>) -> Self {
        // SAFETY: a reference, for `'g`.
        unsafe { Word::to_head(ptr::from_ref(head).cast()) }
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
            // of this map. Tables are not freed before the guard of `'g` is dropped.
            Target::Head(unsafe { &*pointer.cast::<Link<N>>() })
        }
    }

    /// The link that the target owns or is; `None` at the end of the list.
    #[inline(always)]
    pub(crate) fn link(self) -> Option<&'g Link<N>> {
        // A node begins with its link. So this compiles to a test for the end, and to none of what the
        // target is, which nothing can predict.
        if self.pointer().is_null() {
            return None;
        }
        match self.target() {
            Target::Node(node) => Some(node.next()),
            Target::Head(head) => Some(head),
            Target::End => None,
        }
    }

    /// The target of a word that says nothing but "a node": no mark, no head, no presence bits
    /// (take [`bare`](Self::bare) of a head's word first).
    #[inline(always)]
    pub(crate) fn plain(self) -> Option<&'g N> {
        if !self.is_plain() {
            return None;
        }
        // SAFETY: as in `target`; there are no bits to take off.
        let node = unsafe { &*self.bits().cast::<N>() };
        node.next().touch();
        Some(node)
    }
}

// Heads stand one behind the other: it is their own alignment that keeps the low bits free.
const _: () = assert!(
    align_of::<Link<()>>() > word::LOW_BITS,
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
            word: AtomicPtr::new(word.bits()),
            witness: Witness::new(),
            _target: PhantomData,
        }
    }

    /// The end of the list, for statics.
    #[cfg(not(splitmap_loom))]
    pub(crate) const fn end() -> Self {
        Link {
            word: AtomicPtr::new(word::end()),
            witness: Witness::new(),
            _target: PhantomData,
        }
    }

    /// A head that nobody has made yet.
    #[cfg(splitmap_loom)]
    pub(crate) fn poison() -> Self {
        Link {
            word: AtomicPtr::new(word::poison()),
            witness: Witness::new(),
            _target: PhantomData,
        }
    }

    /// Call this before reading the owner. Only models check it.
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
        assert!(!word::is_poison(word), "uninitialised head used");
        // SAFETY: the file's invariant.
        unsafe { Word::from_bits(word) }
    }

    /// Writes a link that nobody else can reach yet: the next link that is published carries it.
    pub(crate) fn store_unpublished(&self, word: Word<'_, N>) {
        // Relaxed: only this thread can reach the link; the Release in `publish` or `replace`
        // publishes it with the rest of the node.
        self.word.store(word.bits(), Ordering::Relaxed);
    }

    /// Adds presence bits to a head. False if the head does not speak for what stands behind it any
    /// more: it leads to a head (it is closed, or was emptied) or is frozen.
    pub(crate) fn add(&self, presence: Presence) -> bool {
        // Relaxed: the node with this presence is published by the Release in `publish`, which
        // follows; a thread that reads the node sees the bit, or a later word of this head. The
        // release sequences of this word go on through any read-modify-write.
        let before = self.word.fetch_or(presence.mask(), Ordering::Relaxed);
        // SAFETY: the file's invariant; the target is not even looked at.
        let before: Word<'_, N> = unsafe { Word::from_bits(before) };
        !before.is_marked() && !before.leads_to_head()
    }

    /// Adds presence bits to a head whose stride is not ready: before that no search relies on them.
    pub(crate) fn add_unready(&self, presence: Presence) {
        // Relaxed: the Release of the ready byte, which follows, publishes the bits.
        self.word.fetch_or(presence.mask(), Ordering::Relaxed);
    }

    /// Freezes a head: from now on its word leads to the same target, also after it is unlinked.
    pub(crate) fn freeze(&self) {
        // Release: pairs with the Acquire in `load`: a thread that meets the mark has a `state` that
        // is newer than the head, or gets one when it loads it again, and finds the stride ready.
        self.word.fetch_or(word::FROZEN, Ordering::Release);
    }

    /// One attempt to change the link from `from` to `to`.
    ///
    /// `order` is Release or AcqRel.
    /// Release: pairs with the Acquire in `load`; publishes the target and every link that this thread
    /// stored unpublished behind it.
    /// Acquire: pairs with the Release of `unlink_head`. The caller has loaded `from` with Acquire, but
    /// since then a head may have been linked behind this link, frozen and unlinked, so that it is as
    /// it was. The frozen head keeps its successor. So a thread that changes what stands there has to
    /// know of a `state` without that head: else its own next search may start from it.
    fn swing(&self, from: Word<'_, N>, to: Word<'_, N>, order: Ordering) -> bool {
        debug_assert!(!from.is_marked(), "a marked link never changes again");
        self.word
            // Relaxed: what the link holds instead is not looked at; the caller searches again.
            .compare_exchange(from.bits(), to.bits(), order, Ordering::Relaxed)
            .is_ok()
    }

    /// Makes this link lead to `head`, with everything behind it already stored. The owner, if it is
    /// a head, has `presence` then.
    pub(crate) fn publish_head<'g>(
        &'g self,
        from: Word<'g, N>,
        head: &'g Link<N>,
        presence: Presence,
    ) -> bool {
        let to = Word::leading_to(head).with(presence);
        // Release: see `swing`. No Acquire: the stride that is being made keeps every older table.
        self.swing(from, to, Ordering::Release)
    }

    /// Cuts the frozen head that `from` leads to out of the list: this link goes to its target
    /// instead. The owner, if it is a head, has `presence` then. Returns what this link holds now,
    /// or `None` if it has changed.
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
        // Release: see `swing`; it publishes the target again, a head that another thread may have
        // made. No Acquire: if another head came and went meanwhile, the release sequences of this
        // link go on through the swap to every reader, and this thread retires no head by what it saw
        // here.
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
        // SAFETY: the node lives: it is this thread's own until the next line links it, under the guard
        // of `'g`.
        let to = unsafe { Word::<N>::from_bits(pointer.cast()) }.with(presence);
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
        // SAFETY: as in `publish`.
        let to = unsafe { Word::from_bits(pointer.cast()) };
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
        word::prefetch(ptr::from_ref(self).cast());
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
        // it permanently: by what the retiring thread knows, no guard that is made later starts there.
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
        // SAFETY: the file's invariant.
        unsafe { Word::from_bits(self.word.newest()) }
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
