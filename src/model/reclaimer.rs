//! The back end of models: it frees as early as the contract allows, and checks its users.
//!
//! "Freed" means condemned: the object's witness is told, so that a later touch panics and a touch
//! that does not happen before it is a race; the memory goes back when the store is dropped, so a
//! bug is a report and no crash. Its books stand behind `std`'s lock, which adds no step and no
//! happens-before edge to a model. What a real back end orders, it orders with fences, which are
//! no steps either: one where a guard is pinned, dropped, or something is retired or freed.
//!
//! A guard that is pinned after the object was retired sees, by those fences, that it is unlinked.
//! That edge is real: an epoch only passes when every pinned thread has seen it. But it also shows
//! a late guard everything else the retiring thread did, so a model pins its threads' first guards
//! before it starts them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use loom::sync::atomic::{Ordering, fence};

use crate::reclaim::sealed::Sealed;
use crate::reclaim::{Dispose, Reclaim, ReclaimOwned, Reclaimer};
use crate::stats::Stats;

/// Reclamation for models: frees as soon as the last guard that could see an object is gone.
#[derive(Debug)]
pub enum Model {}

impl Sealed for Model {}

/// What one map has retired, and who is pinned.
#[derive(Debug, Default)]
pub struct Store(Arc<Mutex<Books>>);

#[derive(Debug, Default)]
struct Books {
    next: usize,
    pinned: BTreeSet<usize>,
    pending: Vec<Pending>,
    condemned: Vec<Object>,
    most: usize,
    entries: isize,
    writes: u64,
}

#[derive(Debug)]
struct Pending {
    object: Object,
    waits_for: BTreeSet<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Object {
    address: *mut (),
    dispose: unsafe fn(*mut ()),
    condemn: unsafe fn(*mut ()),
}

// SAFETY: a model's threads are coroutines of one thread.
unsafe impl Send for Object {}

/// One pinned thread; models may pin it before they start it, and move it there.
#[derive(Debug)]
pub struct Pin {
    id: usize,
    store: Arc<Mutex<Books>>,
}

fn open(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Pin {
    fn enter(store: &Arc<Mutex<Books>>) -> Pin {
        // Fence: - if ours comes first, this guard is in the books before the other retires, and
        //          the object waits for it;
        //        - if theirs comes first, this guard's reads see the unlink.
        fence(Ordering::SeqCst);
        let mut books = open(store);
        let id = books.next;
        books.next += 1;
        books.pinned.insert(id);
        books.most = books.most.max(books.pinned.len());
        Pin {
            id,
            store: Arc::clone(store),
        }
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // Fence: - if ours comes first, what was read under the guard happens before the free;
        //        - if theirs comes first, the guard is still in the books, and nothing is freed
        //          that waits for it.
        fence(Ordering::SeqCst);
        let mut books = open(&self.store);
        books.pinned.remove(&self.id);
        for pending in &mut books.pending {
            pending.waits_for.remove(&self.id);
        }
    }
}

// SAFETY: an object is condemned only when every guard that was in the books when it was retired
// has left; by the fences in `enter` and `retire`, any other guard sees that it is unlinked.
unsafe impl Reclaimer for Model {
    const DRAINS: bool = true;
    const WAIT_FREE_PIN: bool = true;
    const OWNED_GUARDS: bool = true;
    const BORROWED_ENTRIES: bool = true;

    type Store = Store;
    type Pin = Pin;
    type Place<'p> = ();

    fn store() -> Store {
        Store::default()
    }

    unsafe fn pin(store: &Store) -> Pin {
        Pin::enter(&store.0)
    }

    unsafe fn refresh(pin: &mut Pin) {
        *pin = Pin::enter(&pin.store);
    }

    fn covers(store: &Store, pin: &Pin) -> bool {
        Arc::ptr_eq(&store.0, &pin.store)
    }

    fn participants(store: &Store) -> Option<usize> {
        Some(open(&store.0).most)
    }

    fn len(store: &Store) -> usize {
        usize::try_from(open(&store.0).entries).unwrap_or(0)
    }

    unsafe fn place(_: &Store, _: &Pin) {}

    unsafe fn retire<D: Dispose>(store: &Store, _: &Pin, (): (), address: *mut ()) {
        // Fence: see `enter`.
        fence(Ordering::SeqCst);
        let mut books = open(&store.0);
        let twice = |object: &Object| object.address == address;
        assert!(
            !books.pending.iter().any(|p| twice(&p.object)) && !books.condemned.iter().any(twice),
            "retired twice"
        );
        let waits_for = books.pinned.clone();
        books.pending.push(Pending {
            object: Object {
                address,
                dispose: D::dispose,
                condemn: D::condemn,
            },
            waits_for,
        });
    }

    unsafe fn count<D: Dispose>(store: &Store, _: &Pin, (): (), by: isize) -> u64 {
        let mut books = open(&store.0);
        books.entries += by;
        books.writes += 1;
        books.writes
    }

    unsafe fn tick<D: Dispose>(store: &Store, _: &Pin, (): (), _: u64) {
        store.condemn_ripe();
    }

    unsafe fn flush<D: Dispose>(store: &Store) {
        store.condemn_ripe();
    }

    fn stats(store: &Store) -> Stats {
        Stats {
            pending: Some(open(&store.0).pending.len()),
            ..Stats::default()
        }
    }
}

// SAFETY: as above; the books do not ask on which thread a pin is.
unsafe impl ReclaimOwned for Model {
    type OwnedPin = Pin;

    unsafe fn pin_owned(store: &Store) -> Pin {
        Pin::enter(&store.0)
    }

    unsafe fn refresh_owned(pin: &mut Pin) {
        *pin = Pin::enter(&pin.store);
    }

    fn covers_owned(store: &Store, pin: &Pin) -> bool {
        Arc::ptr_eq(&store.0, &pin.store)
    }
}

// SAFETY: as above. `retire` only pushes.
unsafe impl<D: Dispose> Reclaim<D> for Model {}

impl Store {
    /// Pins, with a pin that keeps the books alive by itself.
    pub(crate) fn enter(&self) -> Pin {
        Pin::enter(&self.0)
    }

    fn condemn_ripe(&self) {
        let ripe: Vec<_> = {
            let mut books = open(&self.0);
            let (ripe, pending) = std::mem::take(&mut books.pending)
                .into_iter()
                .partition::<Vec<_>, _>(|pending| pending.waits_for.is_empty());
            books.pending = pending;
            books.condemned.extend(ripe.iter().map(|r| r.object));
            ripe
        };
        if !ripe.is_empty() {
            // Fence: see `drop` of a pin.
            fence(Ordering::SeqCst);
        }
        for Pending { object, .. } in ripe {
            // SAFETY: retired, and every guard that could reach it is gone.
            unsafe { (object.condemn)(object.address) };
        }
    }

    /// How many objects were freed while the map was in use: a model in which it is always none
    /// shows nothing of reclamation.
    pub fn freed(&self) -> usize {
        open(&self.0).condemned.len()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let (pending, condemned) = {
            let mut books = open(&self.0);
            (
                std::mem::take(&mut books.pending),
                std::mem::take(&mut books.condemned),
            )
        };
        let pending = pending.into_iter().map(|pending| pending.object);
        for object in condemned.into_iter().chain(pending) {
            // SAFETY: retired once, and the map is gone: nobody can reach it.
            unsafe { (object.dispose)(object.address) };
        }
    }
}
