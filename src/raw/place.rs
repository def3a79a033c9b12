//! A place in the list: between two neighbours, as a search has left it.

#![forbid(unsafe_code)]

use crate::raw::link::Link;
use crate::raw::word::{Presence, Word};

/// A place in the list between two neighbours, as a search left it.
pub(crate) struct Cursor<'g, N> {
    /// The link before the place.
    pub(crate) prev: &'g Link<N>,
    /// What it held, unmarked.
    pub(crate) word: Word<'g, N>,
    /// The last head before the place, and what it held when it was passed.
    pub(crate) head: &'g Link<N>,
    pub(crate) head_word: Word<'g, N>,
    /// The head behind the place ends the bucket, whose own head is `head`: presence bits of that
    /// may be dropped.
    pub(crate) ends_bucket: bool,
}

impl<N> Clone for Cursor<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for Cursor<'_, N> {}

impl<'g, N> Cursor<'g, N> {
    /// The place behind a head, which holds `word`.
    pub(crate) fn behind(head: &'g Link<N>, word: Word<'g, N>) -> Self {
        Cursor {
            prev: head,
            word,
            head,
            head_word: word,
            ends_bucket: false,
        }
    }

    /// The place is directly behind its head.
    pub(crate) fn is_at_head(&self) -> bool {
        std::ptr::eq(self.prev, self.head)
    }

    /// The link before the place now holds `word`.
    pub(crate) fn now_holds(&mut self, word: Word<'g, N>) {
        self.word = word;
        if self.is_at_head() {
            self.head_word = word;
        }
    }

    /// Whether nothing stands between this place and one that the same walk came to later.
    pub(crate) fn is_same_place(&self, later: &Self) -> bool {
        std::ptr::eq(self.prev, later.prev)
    }

    /// The place for a new head.
    pub(crate) fn place(&self) -> Place<'g, N> {
        let head_word = if self.is_at_head() {
            self.word
        } else {
            self.head_word
        };
        Place {
            prev: self.prev,
            word: self.word,
            presence: head_word.presence(),
        }
    }
}

/// A place in the list for new heads.
pub(crate) struct Place<'g, N> {
    prev: &'g Link<N>,
    word: Word<'g, N>,
    /// The presence bits of the last head before the place, when it was passed.
    pub(crate) presence: Presence,
}

impl<N> Clone for Place<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for Place<'_, N> {}

impl<'g, N> Place<'g, N> {
    /// Whether nothing stands between this place and one that the same walk came to later.
    pub(crate) fn is_same(&self, later: &Self) -> bool {
        std::ptr::eq(self.prev, later.prev)
    }

    /// What stands behind the place.
    pub(crate) fn behind_it(&self) -> Word<'g, N> {
        self.word.bare()
    }

    /// Links a chain of heads here, of which `first` is the first. False if the place has changed.
    ///
    /// If `first` is the twin of the head before the place, that head is closed by this, and its
    /// presence bits, which are [`presence`](Self::presence), go.
    pub(crate) fn publish_heads(&self, first: &'g Link<N>, closes: bool) -> bool {
        let presence = if closes {
            Presence::NONE
        } else {
            self.word.presence()
        };
        self.prev.publish_head(self.word, first, presence)
    }
}
