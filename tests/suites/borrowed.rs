//! Guarantee H for what only some back ends take: keys and values that borrow, and such that are
//! bound to one thread.
//!
//! Whoever drops the map afterwards holds it, so a destructor runs on a thread that may run it, and
//! while what it borrows is there. `tests/bounds` has what must not compile.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, ThreadId};

use splitmap::Reclaimer;

use super::R;
use super::maps::HashMap;

#[test]
fn the_back_end_says_so() {
    const { assert!(R::BORROWED_ENTRIES && R::DRAINS) };
}

#[test]
fn threads_share_a_map_of_what_they_borrow() {
    let names: Vec<String> = (0..2_000).map(|n| format!("name {n}")).collect();
    let numbers: Vec<usize> = (0..2_000).collect();
    let map = HashMap::<&str, &usize>::default();
    thread::scope(|scope| {
        let work = |part: usize| {
            let (map, names, numbers) = (&map, &names, &numbers);
            scope.spawn(move || {
                for n in (part..names.len()).step_by(4) {
                    let pinned = map.pin();
                    assert_eq!(pinned.insert(&names[n], &numbers[0]), None);
                    assert_eq!(pinned.insert(&names[n], &numbers[n]), Some(&&numbers[0]));
                    if n % 8 < 4 {
                        let removed = pinned.remove_entry(names[n].as_str());
                        assert_eq!(removed, Some((&names[n].as_str(), &&numbers[n])));
                    }
                }
            })
        };
        let threads: Vec<_> = (0..4).map(work).collect();
        for thread in threads {
            thread.join().unwrap();
        }
    });
    assert_eq!(map.len(), 1_000);
    for (name, number) in &map.pin() {
        assert_eq!(*name, names[**number]);
        assert_eq!(**number % 8 / 4, 1);
    }
}

/// Counts itself in what it borrows.
struct Counted<'c>(&'c AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn destructors_find_what_they_borrow() {
    const THREADS: usize = 4;
    const EACH: usize = 3_000;
    let drops = AtomicUsize::new(0);
    {
        let map = HashMap::<usize, Counted<'_>>::default();
        drop(map.pin());
        thread::scope(|scope| {
            let work = |thread: usize| {
                let (map, drops) = (&map, &drops);
                scope.spawn(move || {
                    for n in 0..EACH {
                        let key = (n * THREADS + thread) % 500;
                        map.pin().insert(key, Counted(drops));
                        if n % 3 == 0 {
                            map.pin().remove(&key);
                        }
                    }
                })
            };
            let threads: Vec<_> = (0..THREADS).map(work).collect();
            for thread in threads {
                thread.join().unwrap();
            }
        });
        assert!(drops.load(Ordering::Relaxed) <= THREADS * EACH - map.len());
    }
    assert_eq!(drops.into_inner(), THREADS * EACH);
}

/// What has no business on any thread but its own.
struct Local<'l> {
    home: ThreadId,
    number: usize,
    ended: &'l RefCell<BTreeSet<usize>>,
    shared: Rc<Cell<usize>>,
}

impl Drop for Local<'_> {
    fn drop(&mut self) {
        assert_eq!(thread::current().id(), self.home);
        self.shared.set(self.shared.get() + 1);
        assert!(self.ended.borrow_mut().insert(self.number), "dropped twice");
    }
}

/// Threads that work on maps of their own, and would collect for everybody if that were how the
/// back end works, free nothing of a map that they do not have.
#[test]
fn what_is_bound_to_a_thread_stays_there() {
    const NUMBERS: usize = 5_000;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let other = HashMap::<u64, String>::default();
                while !done.load(Ordering::Relaxed) {
                    for key in 0..100 {
                        other.pin().insert(key, key.to_string());
                        other.pin().remove(&key);
                    }
                    other.flush();
                }
            });
        }
        // Also if this thread panics.
        struct Leave<'a>(&'a AtomicBool);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _leave = Leave(&done);

        let ended = RefCell::default();
        let shared = Rc::new(Cell::new(0));
        let map = HashMap::<Rc<usize>, Local<'_>>::default();
        let mut number = 0;
        // A guard of another thread may keep all of it for as long as that thread does not run.
        while number < NUMBERS || shared.get() <= number / 2 {
            assert!(
                number < 100 * NUMBERS,
                "{} were freed on the way",
                shared.get()
            );
            let local = Local {
                home: thread::current().id(),
                number,
                ended: &ended,
                shared: Rc::clone(&shared),
            };
            map.pin().insert(Rc::new(number % 100), local);
            if number % 3 == 0 {
                map.pin().remove(&(number % 100));
            }
            if number % 1_000 == 0 {
                map.flush();
            }
            number += 1;
        }
        assert_eq!(ended.borrow().len(), shared.get());
        let copies = Rc::strong_count(&shared);
        assert_eq!(copies, 1 + number - shared.get());
        drop(map);
        assert_eq!(ended.borrow().len(), number);
        assert_eq!(Rc::strong_count(&shared), 1);
    });
}

/// A map of cells is not shared, but may move, and what was removed from it goes along.
#[test]
fn a_map_moves_with_all_that_was_in_it() {
    struct Value<'v> {
        touched: Cell<u32>,
        drops: &'v AtomicUsize,
    }
    impl Drop for Value<'_> {
        fn drop(&mut self) {
            self.touched.set(self.touched.get() + 1);
            self.drops.fetch_add(1, Ordering::Relaxed);
        }
    }
    const STEPS: usize = 6;
    let drops = AtomicUsize::new(0);
    let mut map = HashMap::<usize, Value<'_>>::default();
    for step in 0..STEPS {
        // To a new thread, and back.
        map = thread::scope(|scope| {
            let drops = &drops;
            let work = move || {
                for key in 0..300 {
                    let pinned = map.pin();
                    let touched = Cell::new(0);
                    let old = pinned.insert(key, Value { touched, drops });
                    assert_eq!(old.is_some(), step > 0 && key % 4 > 0);
                    if key % 4 == 0 {
                        let removed = pinned.remove(&key).unwrap();
                        removed.touched.set(1);
                    }
                }
                map
            };
            scope.spawn(work).join().unwrap()
        });
    }
    assert_eq!(map.len(), 225);
    drop(map);
    assert_eq!(drops.into_inner(), 300 * STEPS);
}
