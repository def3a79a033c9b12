//! A cache of slow fetches, for async code.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use splitmap::HashMap;
use tokio::sync::OnceCell;

use crate::source::{Page, Source, Unreachable};

/// The place of one page: empty, being fetched, or there for good.
///
/// In an `Arc`, as a fetch outlives the guard under which its place was found. The page is in one
/// of its own, for a task that keeps it longer than the cache does.
type Place = Arc<OnceCell<Arc<Page>>>;

/// Pages by their number.
pub struct Cache {
    places: HashMap<u64, Place>,
    source: Source,
    pub hits: AtomicU64,
}

impl Cache {
    pub fn new(source: Source) -> Self {
        Self {
            places: HashMap::new(),
            source,
            hits: AtomicU64::new(0),
        }
    }

    pub fn source(&self) -> &Source {
        &self.source
    }

    /// A page, which is fetched if it is not here: once, however many tasks ask for it meanwhile
    /// (*single flight*). The others wait for that one fetch. If it fails, or its task is dropped, the
    /// next in line fetches.
    ///
    /// What is returned is owned: it may live as long as it likes.
    pub async fn page(&self, number: u64) -> Result<Arc<Page>, Unreachable> {
        // The guard is gone at the end of this statement. **No guard is held while a page is
        // fetched**: that takes long, and nothing that any thread removes would be freed meanwhile.
        let place = Arc::clone(self.places.pin().get_or_insert_with(number, Place::default));
        // All tasks share one place, whichever task inserted it: the map makes one entry per key.
        if place.initialized() {
            self.hits.fetch_add(1, Relaxed);
        }
        let fetched = place.get_or_try_init(|| self.source.fetch(number)).await;
        fetched.cloned()
    }

    /// The bytes of some pages that are here, sent one after the other; those that are not are left
    /// out. Nothing is copied and nothing counted: pages are read where they lie.
    ///
    /// This is what an *owned* guard is for. It is held across each `.await`, and the task may go
    /// on upon another thread. (With `pin`, whose guard is bound to its thread, this future could not
    /// be spawned: it would not be `Send`.) A page that others drop meanwhile stays until the end.
    /// So keep such a function short, or call `refresh`, as here, between two pages.
    pub async fn send(&self, numbers: impl IntoIterator<Item = u64>) -> u64 {
        let mut sent = 0;
        let mut places = self.places.pin_owned();
        for number in numbers {
            if let Some(page) = places.get(&number).and_then(|place| place.get()) {
                sent += self.source.send(page).await;
            }
            // References from above are gone; what they kept may be freed.
            places.refresh();
        }
        sent
    }

    /// Drops some pages, so that they are fetched again. One that is being fetched stays, as a second
    /// fetch of it would begin else.
    pub fn expire(&self, numbers: impl IntoIterator<Item = u64>) {
        let places = self.places.pin();
        for number in numbers {
            // What is removed is the very entry that was looked at.
            places.remove_if(&number, |_, place| place.initialized());
        }
    }

    /// How many removed places wait for guards to go, after a flush.
    pub fn waiting(&self) -> usize {
        self.places.flush();
        self.places.stats().pending.unwrap_or(0)
    }
}
