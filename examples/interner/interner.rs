//! An interner: each string once, and a small number for it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use splitmap::{Guard, HashMap, LocalGuard};

/// The number of a name. Equal names have equal numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id(u32);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names and their numbers, in both directions. Nothing is ever removed.
#[derive(Default)]
pub struct Interner {
    ids: HashMap<Arc<str>, Id>,
    names: HashMap<Id, Arc<str>>,
    next: AtomicU32,
}

impl Interner {
    /// A guard for [`name`](Self::name). Guards of the default back end are good for every map, so
    /// one serves both of ours.
    pub fn guard(&self) -> LocalGuard<'_> {
        self.names.guard()
    }

    /// The number of a name, which is given one if it has none.
    pub fn intern(&self, name: &str) -> Id {
        let ids = self.ids.pin();
        // Nearly always it is there. Then nothing is allocated, and nothing shared is written.
        if let Some(id) = ids.get(name) {
            return *id;
        }
        let name: Arc<str> = name.into();
        let mut made = None;
        // The closure runs under no lock, and may use this map or another. It puts the way back in
        // first: a thread that gets the number finds the name.
        let id = *ids.get_or_insert_with(Arc::clone(&name), || {
            let id = Id(self.next.fetch_add(1, Relaxed));
            self.names.pin().insert(id, name);
            *made.insert(id)
        });
        // Another thread was first: nobody has seen our number. So numbers are unique, with gaps.
        if let Some(made) = made.filter(|made| *made != id) {
            self.names.pin().remove(&made);
        }
        id
    }

    /// The name of a number: a plain reference, without a copy or a count, as long as the guard.
    pub fn name<'g>(&'g self, id: Id, guard: &'g impl Guard) -> Option<&'g str> {
        self.names.get(&id, guard).map(|name| &**name)
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// How many numbers were given out and taken back.
    pub fn gaps(&self) -> usize {
        self.next.load(Relaxed) as usize - self.len()
    }
}
