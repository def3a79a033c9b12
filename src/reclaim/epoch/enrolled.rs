//! The maps that [`flush_all`] flushes: of any type, as long as any thread may free what they retire,
//! at any time.
//!
//! A map's bags are in an `Arc`. The list has weak handles to them, so it keeps no garbage alive: a
//! map that is dropped frees all that it has retired. Only if it is dropped while `flush_all` works
//! on its bags, `flush_all` frees the rest.

use std::sync::Weak;

use super::slot::Pin;
use super::store::{Bags, Store};
use super::thread::{REGISTRY, pin};
use crate::reclaim::Dispose;
use crate::reclaim::stack::Stack;

#[cfg(splitmap_shuttle)]
use shuttle::lazy_static;

/// One map's bags.
#[derive(Clone)]
struct Enrolled {
    bags: Weak<Bags>,
    flush: fn(&Bags),
}

#[cfg(not(splitmap_shuttle))]
static LIST: Stack<Enrolled> = Stack::new();

// One for each execution.
#[cfg(splitmap_shuttle)]
lazy_static! {
    static ref LIST: Stack<Enrolled> = Stack::new();
}

/// Lets `flush_all` flush a store.
///
/// # Safety
///
/// The store's map retires for `D`. What it retires may be freed on any thread, and for as long as
/// the process lasts.
pub(crate) unsafe fn enroll<D: Dispose>(store: &Store) {
    fn flush<D: Dispose>(bags: &Bags) {
        // SAFETY: the promise of `enroll`'s caller.
        unsafe { bags.flush::<D>(&REGISTRY, pin as fn() -> Pin<'static>) };
    }

    LIST.push(Enrolled {
        bags: store.weak::<D>(),
        flush: flush::<D>,
    });
}

/// Frees everything that was removed or replaced in **enrolled** maps and that no guard can still see:
/// [`HashMap::enroll`](crate::HashMap::enroll) enrolls a map.
///
/// For programs with many maps, each of which is written rarely. Only writes to a map free what was
/// removed from it. So what was removed from a map that is not written any more waits for a call of
/// [`flush`](crate::HashMap::flush), which needs the map, or of this function, which does not. As with
/// `flush`, call it while you hold no guard. Unlike `flush` it shrinks no table.
///
/// Lock-free; visits all enrolled maps. If two calls overlap, one may find that the other is using the
/// list, and return early.
///
/// # Panics
///
/// If a destructor panics. What is not freed yet stays for a later call.
///
/// ```
/// static NAMES: std::sync::LazyLock<splitmap::HashMap<u32, String>> =
///     std::sync::LazyLock::new(Default::default);
///
/// NAMES.enroll();
/// NAMES.pin().insert(1, "one".to_owned());
/// NAMES.pin().remove(&1);
/// splitmap::flush_all();
/// assert_eq!(NAMES.stats().pending, Some(0));
/// ```
pub fn flush_all() {
    let mut all = LIST.take();
    all.sort_by_key(|enrolled| enrolled.bags.as_ptr().addr());
    all.dedup_by(|one, other| one.bags.ptr_eq(&other.bags));
    all.retain(|enrolled| enrolled.bags.strong_count() > 0);
    // Put back before a destructor runs: it may panic, or call this function.
    for enrolled in &all {
        LIST.push(enrolled.clone());
    }
    for Enrolled { bags, flush } in all {
        if let Some(bags) = bags.upgrade() {
            flush(&bags);
        }
    }
}
