//! A write that its own thread undoes: a closure, or a key's `Eq`, that changes the very key which is
//! being written.
//!
//! Such a write fails, tries again, and runs the same code again; if that changes the key each time,
//! the write would never end. So a write that has failed once has noted, from then on, what its own
//! thread changes meanwhile. If that was the node which it was about to change for the
//! [`PATIENCE`]th time, it panics. What other threads change is never noted; nor is it when a nested
//! write changes another key of the very same 64-bit hash in between.

#![forbid(unsafe_code)]

use crate::sync::{MODELLED, SCHEDULED};
use std::cell::Cell;
use std::ptr;

/// Models and schedules run many threads on one of the system's, which would share the note.
const WATCHES: bool = !(MODELLED || SCHEDULED);

/// How often a write lets its own thread undo it. So many that no closure does so by chance: one that
/// gives its thread to other work, as a pool does that steals tasks, may be undone by that now and then.
const PATIENCE: u32 = 1_024;

/// How many writes inside each other are watched; those further in are not.
const DEPTH: usize = 4;

/// What nested writes have done to the hash of the innermost write that wants to know.
#[derive(Clone, Copy)]
struct Note {
    /// The map, by its address; 0: nobody wants to know.
    map: usize,
    hash: u64,
    /// The node that a nested write has replaced or removed, and the one that it put there, by their
    /// addresses: none of them is freed before the outer write ends.
    old: usize,
    new: usize,
}

const NOTHING: Note = Note {
    map: 0,
    hash: 0,
    old: 0,
    new: 0,
};

/// The writes of a thread that want to know, from the outermost in.
struct Notes {
    /// How many there are.
    depth: Cell<usize>,
    notes: [Cell<Note>; DEPTH],
}

thread_local! {
    // No destructor: it can be read for as long as the thread runs.
    static NOTES: Notes = const {
        Notes {
            depth: Cell::new(0),
            notes: [const { Cell::new(NOTHING) }; DEPTH],
        }
    };
}

fn address<T>(node: Option<&T>) -> usize {
    node.map_or(0, |node| ptr::from_ref(node).addr())
}

/// Tells the outer writes of this thread that `old` was replaced or removed, and `new` put there.
#[inline(always)]
pub(crate) fn note<S, N>(state: &S, hash: u64, old: Option<&N>, new: Option<&N>) {
    if WATCHES && NOTES.with(|notes| notes.depth.get()) > 0 {
        note_changes(
            ptr::from_ref(state).addr(),
            hash,
            address(old),
            address(new),
        );
    }
}

#[cold]
fn note_changes(map: usize, hash: u64, old: usize, new: usize) {
    NOTES.with(|notes| {
        for note in notes.notes.iter().take(notes.depth.get()) {
            let mut noted = note.get();
            if noted.map == map && noted.hash == hash {
                // Of several changes in a row the first node is the one that the outer write saw.
                if noted.new != old {
                    noted.old = old;
                }
                noted.new = new;
                note.set(noted);
            }
        }
    });
}

/// A write that wants to know what its own thread does to its hash.
pub(crate) struct Watch {
    /// Its place among the notes, if there is room.
    place: usize,
    map: usize,
    hash: u64,
    /// How often its own thread has undone it.
    undone: u32,
}

impl Watch {
    /// Watches a hash of a map from now on.
    pub(crate) fn new<S>(state: &S, hash: u64) -> Self {
        let watch = Watch {
            place: NOTES.with(|notes| notes.depth.replace(notes.depth.get() + 1)),
            map: ptr::from_ref(state).addr(),
            hash,
            undone: 0,
        };
        watch.begin_turn();
        watch
    }

    pub(crate) fn is_of(&self, hash: u64) -> bool {
        self.hash == hash
    }

    fn with_note<A>(&self, access: impl FnOnce(&Cell<Note>) -> A) -> Option<A> {
        NOTES.with(|notes| notes.notes.get(self.place).map(access))
    }

    fn begin_turn(&self) {
        self.with_note(|note| {
            note.set(Note {
                map: self.map,
                hash: self.hash,
                ..NOTHING
            });
        });
    }

    /// The end of a turn in which the write has failed at `node`; the next one begins.
    ///
    /// # Panics
    ///
    /// If nested writes have changed `node`, once too often. `call` is what the panic names.
    pub(crate) fn failed<N>(&mut self, node: Option<&N>, call: &str) {
        let node = address(node);
        let is_ours = || self.with_note(|note| note.get().old == node) == Some(true);
        if WATCHES && node != 0 && is_ours() {
            self.undone += 1;
            assert!(
                self.undone < PATIENCE,
                "splitmap: `{call}` was called, and code that it runs (a closure, or `Eq` of the \
                 key) has itself replaced or removed the entry of the same key in the same map, \
                 {PATIENCE} times, so that the call would never end. What that code did stands, and \
                 the call has changed nothing. Return the new value from the closure instead of \
                 writing it"
            );
        }
        self.begin_turn();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        NOTES.with(|notes| notes.depth.set(self.place));
    }
}
