//! The bodies of `tests/owned.rs`.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use splitmap::Reclaimer;

use super::R;
use super::foreign::assert_protects_or_is_refused;
use super::maps::HashMap;
use crate::TURN;

fn turn() -> MutexGuard<'static, ()> {
    // A test that failed says so itself.
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number that is seen to be dropped.
struct Told {
    number: usize,
    drops: Arc<AtomicUsize>,
}

impl Drop for Told {
    fn drop(&mut self) {
        self.number = usize::MAX;
        self.drops.fetch_add(1, Ordering::Relaxed);
    }
}

const ENTRIES: usize = 300;

type Map = HashMap<usize, Told>;

fn filled(drops: &Arc<AtomicUsize>) -> Map {
    let told = |number| {
        let drops = Arc::clone(drops);
        (number, Told { number, drops })
    };
    (0..ENTRIES).map(told).collect()
}

/// Removes all, in every way, and invites the reclaimer to free it.
fn remove_all(map: &Map, drops: &Arc<AtomicUsize>) {
    for number in 0..ENTRIES {
        let pinned = map.pin();
        match number % 3 {
            0 => assert!(pinned.remove(&number).is_some()),
            1 => {
                let drops = Arc::clone(drops);
                assert!(pinned.insert(number, Told { number, drops }).is_some());
            }
            _ => {}
        }
    }
    map.pin().clear();
    for _ in 0..10 {
        map.flush();
    }
}

/// What `remove_all` drops in all.
const REMOVED: usize = ENTRIES + ENTRIES / 3;

#[test]
fn the_back_end_says_so() {
    const { assert!(R::OWNED_GUARDS && R::DRAINS) };
}

#[test]
fn it_keeps_what_it_protects_until_it_is_gone() {
    let _turn = turn();
    let drops = Arc::default();
    let map = filled(&drops);
    let guard = map.owned_guard();
    let kept: Vec<(&usize, &Told)> = map.iter(&guard).collect();
    assert_eq!(kept.len(), ENTRIES);
    thread::scope(|scope| {
        scope.spawn(|| remove_all(&map, &drops)).join().unwrap();
        // Read on yet another thread.
        let read = || {
            for (key, told) in &kept {
                assert_eq!(**key, told.number);
            }
        };
        scope.spawn(read).join().unwrap();
    });
    // What was inserted meanwhile may be gone.
    assert!(drops.load(Ordering::Relaxed) <= REMOVED - ENTRIES);
    drop(guard);
    drop(map);
    assert_eq!(drops.load(Ordering::Relaxed), REMOVED);
}

#[test]
fn when_it_is_gone_a_flush_frees() {
    let _turn = turn();
    let drops = Arc::default();
    let map = filled(&drops);
    let guard = map.owned_guard();
    remove_all(&map, &drops);
    assert!(drops.load(Ordering::Relaxed) <= REMOVED - ENTRIES);
    // On another thread than it was made on.
    thread::scope(|scope| {
        scope.spawn(move || drop(guard)).join().unwrap();
    });
    for _ in 0..3 {
        map.flush();
    }
    assert_eq!(drops.load(Ordering::Relaxed), REMOVED);
}

#[test]
fn a_refreshed_one_lets_go() {
    let _turn = turn();
    let drops = Arc::default();
    let map = filled(&drops);
    let mut view = map.pin_owned();
    assert_eq!(view.get(&7).unwrap().number, 7);
    remove_all(&map, &drops);
    assert!(drops.load(Ordering::Relaxed) <= REMOVED - ENTRIES);
    // The epoch goes at most one further than an old guard, so it takes a few.
    for _ in 0..5 {
        view.refresh();
        map.flush();
    }
    assert_eq!(drops.load(Ordering::Relaxed), REMOVED);
    drop(view);
}

#[test]
fn it_outlives_the_thread_that_made_it() {
    let _turn = turn();
    let drops = Arc::default();
    let map = filled(&drops);
    thread::scope(|scope| {
        let make = || {
            // A guard of the thread too, to go first.
            let local = map.guard();
            let guard = map.owned_guard();
            drop(local);
            let view = map.pin_owned();
            (guard, view)
        };
        let (guard, view) = scope.spawn(make).join().unwrap();
        let (by_guard, by_view) = (map.get(&3, &guard).unwrap(), view.get(&4).unwrap());
        // Threads that take the place of the one that is gone.
        for _ in 0..3 {
            scope.spawn(|| drop(map.guard())).join().unwrap();
        }
        scope.spawn(|| remove_all(&map, &drops)).join().unwrap();
        for _ in 0..3 {
            scope.spawn(|| map.flush()).join().unwrap();
        }
        assert_eq!((by_guard.number, by_view.number), (3, 4));
        drop(view);
        map.flush();
        assert_eq!(by_guard.number, 3);
    });
    drop(map);
    assert_eq!(drops.load(Ordering::Relaxed), REMOVED);
}

#[test]
fn threads_share_one_and_write_under_it() {
    let _turn = turn();
    const THREADS: usize = 4;
    const EACH: usize = 3_000;
    let drops = Arc::default();
    let map = filled(&drops);
    let guard = map.owned_guard();
    let first = map.get(&0, &guard).unwrap();
    thread::scope(|scope| {
        let work = |thread: usize| {
            let (map, guard, drops) = (&map, &guard, &drops);
            scope.spawn(move || {
                let (mut kept, mut refused) = (Vec::new(), 0);
                for n in 0..EACH {
                    let key = n % ENTRIES;
                    let drops = Arc::clone(drops);
                    let number = key;
                    let found = match (n + thread) % 4 {
                        0 => map.insert(key, Told { number, drops }, guard),
                        1 => map.remove(&key, guard),
                        2 => match map.try_insert(key, Told { number, drops }, guard) {
                            Ok(told) => Some(told),
                            Err(occupied) => {
                                refused += 1;
                                Some(occupied.current)
                            }
                        },
                        _ => map.get(&key, guard),
                    };
                    kept.extend(found.map(|told| (key, told)));
                }
                (kept, refused)
            })
        };
        let threads: Vec<_> = (0..THREADS).map(work).collect();
        let (mut met, mut refused) = (0, 0);
        for thread in threads {
            // The threads have ended, but not the guard.
            let (kept, refused_here) = thread.join().unwrap();
            for (key, told) in kept {
                assert_eq!(told.number, key);
                met += 1;
            }
            refused += refused_here;
        }
        assert!(met > THREADS * EACH / 4);
        // Nothing that was ever in the map: the guard sees all of that.
        assert_eq!(drops.load(Ordering::Relaxed), refused);
    });
    assert_eq!(first.number, 0);
    drop(guard);
    drop(map);
    assert_eq!(Arc::strong_count(&drops), 1, "all are dropped");
}

#[test]
fn there_may_be_many_at_a_time() {
    let _turn = turn();
    let drops = Arc::default();
    let map = filled(&drops);
    let mut views: Vec<_> = (0..500).map(|_| map.pin_owned()).collect();
    let told: Vec<&Told> = views.iter().map(|view| view.get(&5).unwrap()).collect();
    remove_all(&map, &drops);
    assert!(told.iter().all(|told| told.number == 5));
    // In an order of no kind, until one is left.
    while views.len() > 1 {
        views.swap_remove(views.len() * 7 / 11);
        map.flush();
        assert!(drops.load(Ordering::Relaxed) <= REMOVED - ENTRIES);
    }
    drop(views);
    for _ in 0..3 {
        map.flush();
    }
    assert_eq!(drops.load(Ordering::Relaxed), REMOVED);
}

/// Comes back at the second poll.
struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[test]
fn a_task_takes_it_from_thread_to_thread() {
    let _turn = turn();
    let drops = Arc::default();
    let map = filled(&drops);
    let task = async {
        let view = map.pin_owned();
        let mut sum = 0;
        for number in 0..10 {
            let told = view.get(&number).expect("nobody can have removed it yet");
            view.remove(&number);
            Pause(false).await;
            sum += told.number;
        }
        sum
    };
    let mut task = pin!(task);
    let mut polls = 0;
    let done = AtomicBool::new(false);
    let sum = thread::scope(|scope| {
        // Others remove, and free what they can.
        let others = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for number in 10..ENTRIES {
                    map.pin().remove(&number);
                }
                map.flush();
            }
        });
        let sum = loop {
            polls += 1;
            let mut poll = || task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            // Each poll on a thread of its own.
            let poll = thread::scope(|scope| scope.spawn(&mut poll).join().unwrap());
            if let Poll::Ready(sum) = poll {
                break sum;
            }
        };
        done.store(true, Ordering::Relaxed);
        others.join().unwrap();
        sum
    });
    assert_eq!((sum, polls), (45, 11));
}

#[test]
fn an_entry_goes_to_another_thread() {
    let map: HashMap<usize, usize> = [(1, 10)].into_iter().collect();
    let guard = map.owned_guard();
    let (present, absent) = (map.entry(1, &guard), map.entry(2, &guard));
    thread::scope(|scope| {
        scope.spawn(move || {
            assert_eq!(present.or_insert(11), &10);
            assert_eq!(absent.or_insert(20), &20);
        });
    });
    assert_eq!(map.get(&2, &guard), Some(&20));
}

#[test]
fn an_owned_guard_of_another_map_protects_here_too_or_is_refused() {
    let map: HashMap<u64, u64> = [(1, 1)].into_iter().collect();
    let other = HashMap::<u64, u64>::default();
    let guard = other.owned_guard();
    let calls: [&dyn Fn() -> Option<u64>; 2] = [&|| map.get(&1, &guard).copied(), &|| {
        map.insert(1, 2, &guard).copied()
    }];
    assert_protects_or_is_refused(&calls);
}
