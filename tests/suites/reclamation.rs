//! The bodies of `tests/reclamation.rs`.

use std::cell::{Cell, RefCell};
use std::hash::BuildHasherDefault;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, LazyLock, MutexGuard};
use std::thread;

use splitmap::{HashMapRef, LocalGuard, Reclaimer};

use super::maps::HashMap;
use super::{COUNTS_GARBAGE, R};

/// One test at a time: see the head of the file.
fn turn() -> MutexGuard<'static, ()> {
    crate::TURN
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Whether this is the process that a test of this suite has for itself.
fn in_own_process(test: &str) -> bool {
    let (_, module) = module_path!()
        .split_once("::")
        .expect("a module of the test");
    crate::own_process::is_for(&format!("{module}::{test}"))
}

/// Drops, and how many of them were where none should be. (No lock: ThreadSanitizer does not see
/// std's when two threads want one.)
#[derive(Default)]
struct Drops {
    count: AtomicUsize,
    misplaced: AtomicUsize,
}

thread_local! {
    /// This thread only reads, or has another map.
    static IS_STRANGER: Cell<bool> = const { Cell::new(false) };
}

impl Drops {
    fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

/// A value that tells that it is dropped, and where.
struct Told(Arc<Drops>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.count.fetch_add(1, Ordering::SeqCst);
        self.0
            .misplaced
            .fetch_add(usize::from(IS_STRANGER.get()), Ordering::SeqCst);
    }
}

fn told() -> (Arc<Drops>, impl Fn() -> Told) {
    let drops = Arc::new(Drops::default());
    let tell = Arc::clone(&drops);
    (drops, move || Told(Arc::clone(&tell)))
}

/// Frees all that can be freed, whatever the back end's `flush` leaves for later.
fn flush<V: Send + 'static>(map: &HashMap<u64, V>) {
    for _ in 0..10 {
        map.flush();
    }
}

/// What `flush` promises, where it promises anything: `Epoch` alone knows other threads' garbage.
const FLUSH_FREES_ALL: bool = R::DRAINS && R::WAIT_FREE_PIN;

#[test]
fn nothing_is_freed_under_a_guard_and_all_of_it_after() {
    let _turn = turn();
    let (drops, value) = told();
    let map = HashMap::<u64, Told>::default();
    map.pin().insert(1, value());
    let guard = map.guard();
    let old = map.get(&1, &guard).expect("inserted");
    map.pin().insert(1, value());
    for round in 0..2_000 {
        map.pin().insert(2 + round % 7, value());
    }
    flush(&map);
    assert!(Arc::ptr_eq(&old.0, &drops), "readable as long as the guard");
    let entries = map.len();
    drop(guard);
    flush(&map);
    let freed = drops.count();
    if FLUSH_FREES_ALL {
        assert_eq!(freed, 2_002 - entries);
        assert_eq!(map.stats().pending, Some(0));
        assert_eq!(map.stats().pending_bytes, Some(0));
    }
    drop(map);
    if R::DRAINS {
        assert_eq!(drops.count(), 2_002);
    }
}

#[test]
fn guards_nest_and_are_dropped_in_any_order() {
    let _turn = turn();
    for first_to_go in 0..3 {
        let (drops, value) = told();
        let map = HashMap::<u64, Told>::default();
        map.pin().insert(1, value());
        let mut guards: Vec<_> = (0..3).map(|_| map.guard()).collect();
        map.pin().remove(&1);
        guards.remove(first_to_go);
        flush(&map);
        assert_eq!(drops.count(), 0, "two guards are left");
        guards.remove(0);
        flush(&map);
        assert_eq!(drops.count(), 0, "one guard is left");
        guards.clear();
        flush(&map);
        assert!(!FLUSH_FREES_ALL || drops.count() == 1);
    }
}

#[test]
fn a_hundred_thousand_guards_on_one_thread() {
    if !in_own_process("a_hundred_thousand_guards_on_one_thread") {
        return;
    }
    let (drops, value) = told();
    let map = HashMap::<u64, Told>::default();
    map.pin().insert(1, value());
    let guards: Vec<_> = (0..100_000).map(|_| map.guard()).collect();
    let old = map.get(&1, &guards[99_999]);
    map.pin().remove(&1);
    flush(&map);
    assert!(old.is_some_and(|old| Arc::ptr_eq(&old.0, &drops)));
    assert_eq!(drops.count(), 0);
    drop(guards);
    flush(&map);
    assert!(!FLUSH_FREES_ALL || drops.count() == 1);
}

#[test]
fn what_waits_is_counted() {
    let _turn = turn();
    let map: HashMap<u64, u64> = (0..4_096).map(|key| (key, key)).collect();
    let wide = map.capacity();
    let guard = map.guard();
    flush(&map);
    let before = map.stats();
    assert_eq!(before.pending, COUNTS_GARBAGE.then_some(0));
    for key in 0..4_096 {
        map.remove(&key, &guard);
    }
    let removed = map.stats();
    assert!(!COUNTS_GARBAGE || removed.pending >= Some(4_096));

    // The tables that go: the widest, and those between it and the last, each a quarter of the one
    // before. A head is a word; beside it there is a byte for each stride.
    map.shrink_to_fit();
    assert!(map.capacity() < wide / 8);
    if let Some(bytes) = map.stats().pending_bytes {
        let heads = (wide - map.capacity()) * size_of::<usize>();
        let nodes = 4_096 * 32;
        let (least, most) = (nodes + heads, nodes + heads + heads / 2 + 4_096);
        assert!(
            (least..most).contains(&bytes),
            "{bytes} bytes, and not {least} to {most}"
        );
    }
}

#[test]
fn a_refreshed_view_lets_go() {
    let _turn = turn();
    let (drops, value) = told();
    let map = HashMap::<u64, Told>::default();
    let mut view = map.pin();
    view.insert(1, value());
    view.remove(&1);
    flush(&map);
    assert_eq!(drops.count(), 0);
    for _ in 0..10 {
        view.refresh();
        map.flush();
    }
    assert!(!FLUSH_FREES_ALL || drops.count() == 1);
    drop(view);
}

#[test]
fn garbage_of_idle_and_gone_threads_is_freed_by_flush() {
    let _turn = turn();
    let (drops, value) = told();
    let map = HashMap::<u64, Told>::default();
    let (wrote, go) = (Barrier::new(3), Barrier::new(2));
    thread::scope(|scope| {
        let gone = scope.spawn(|| {
            for key in 0..10 {
                map.pin().insert(key, value());
                map.pin().remove(&key);
            }
            wrote.wait();
        });
        let idle = scope.spawn(|| {
            for key in 10..30 {
                map.pin().insert(key, value());
                map.pin().remove(&key);
            }
            wrote.wait();
            go.wait();
        });
        wrote.wait();
        gone.join().unwrap();
        flush(&map);
        let freed = drops.count();
        // Before anything is asserted: a failure would leave it waiting for ever.
        go.wait();
        idle.join().unwrap();
        assert!(!FLUSH_FREES_ALL || freed == 30, "{freed} of 30");
    });
    drop(map);
    assert!(!R::DRAINS || drops.count() == 30);
}

#[test]
fn garbage_of_idle_and_gone_threads_does_not_wait_for_a_flush() {
    let _turn = turn();
    if !FLUSH_FREES_ALL {
        return;
    }
    let (drops, value) = told();
    let map = HashMap::<u64, Option<Told>>::default();
    let busy = HashMap::<u64, u64>::default();
    let (removed, done) = (Barrier::new(2), Barrier::new(3));
    let remove = |from: u64| {
        for key in from..from + 50 {
            map.pin().insert(key, Some(value()));
            map.pin().remove(&key);
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| remove(0)).join().unwrap();
        // Has the place of the one that is gone, and another map to write.
        let elsewhere = scope.spawn(|| {
            removed.wait();
            for round in 0..20_000 {
                busy.pin().insert(round % 10, round);
            }
            done.wait();
        });
        removed.wait();
        let idle = scope.spawn(|| {
            remove(1_000);
            done.wait();
        });
        for round in 0..1_000_000 {
            map.pin().insert(round % 10, None);
            if round > 10_000 && drops.count() == 100 {
                break;
            }
        }
        let freed = drops.count();
        // Before anything is asserted: a failure would leave them waiting for ever.
        done.wait();
        elsewhere.join().unwrap();
        idle.join().unwrap();
        assert_eq!(freed, 100);
    });
}

#[test]
fn a_burst_drains_with_the_writes_that_follow() {
    let _turn = turn();
    if !FLUSH_FREES_ALL {
        return;
    }
    let (drops, value) = told();
    let map = HashMap::<u64, Option<Told>>::default();
    let guard = map.guard();
    for key in 0..5_000 {
        map.pin().insert(key, Some(value()));
        map.pin().remove(&key);
    }
    assert_eq!(drops.count(), 0);
    drop(guard);
    for round in 0..5_000 {
        map.pin().insert(round % 10, None);
    }
    assert!(
        drops.count() > 4_500,
        "{} of 5,000 are freed",
        drops.count()
    );
}

#[test]
fn destructors_run_on_threads_that_hold_the_map_and_not_on_readers() {
    let _turn = turn();
    if !R::WAIT_FREE_PIN {
        return;
    }
    let (drops, value) = told();
    let map = HashMap::<u64, Told>::default();
    let stranger = HashMap::<u64, u64>::default();
    let writers_are_done = AtomicUsize::new(0);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            IS_STRANGER.set(true);
            while writers_are_done.load(Ordering::SeqCst) < 2 {
                for key in 0..100 {
                    map.pin().get(&key);
                }
            }
        });
        let other = scope.spawn(|| {
            IS_STRANGER.set(true);
            let mut round = 0;
            while writers_are_done.load(Ordering::SeqCst) < 2 {
                round += 1;
                stranger.pin().insert(round % 10, round);
            }
            stranger.flush();
        });
        let writers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    // A reader that is not running may be pinned, and then nothing is freed.
                    for round in 0..10_000_000 {
                        map.pin().insert(round % 100, value());
                        if round > 20_000 && drops.count() > 0 {
                            break;
                        }
                    }
                    writers_are_done.fetch_add(1, Ordering::SeqCst);
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        reader.join().unwrap();
        other.join().unwrap();
    });
    assert!(drops.count() > 0);
    assert_eq!(drops.misplaced.load(Ordering::SeqCst), 0);
}

#[test]
fn ten_thousand_threads_use_few_places() {
    let _turn = turn();
    let (drops, value) = told();
    let map = HashMap::<u64, Told>::default();
    for round in 0..2_500 {
        thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|thread| {
                    let (map, value) = (&map, &value);
                    scope.spawn(move || {
                        map.pin().insert(thread, value());
                        map.pin().insert(thread + round % 5, value());
                    })
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
        });
    }
    if let Some(participants) = map.stats().participants {
        assert!(
            participants < 64,
            "{participants} places for 4 threads at a time"
        );
    }
    let entries = map.len();
    flush(&map);
    if FLUSH_FREES_ALL {
        assert_eq!(drops.count(), 20_000 - entries);
    }
    drop(map);
    assert!(!R::DRAINS || drops.count() == 20_000);
}

/// A hasher that a constant can make, for maps in statics.
type Plain = BuildHasherDefault<std::collections::hash_map::DefaultHasher>;

#[test]
fn a_destructor_may_use_the_map() {
    static MAP: LazyLock<HashMap<u64, Reenters, Plain>> = LazyLock::new(HashMap::default);
    static DROPPED: AtomicUsize = AtomicUsize::new(0);

    struct Reenters(u64);

    impl Drop for Reenters {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Ordering::SeqCst);
            let map = MAP.pin();
            map.get(&0);
            if self.0 > 0 {
                map.insert(self.0 % 10, Reenters(self.0 - 1));
                map.remove(&(self.0 % 7));
                map.get_or_insert_with(self.0 % 3, || Reenters(0));
                drop(map);
                if self.0.is_multiple_of(16) {
                    MAP.flush();
                }
            }
        }
    }

    let _turn = turn();
    for round in 0..3_000 {
        MAP.pin().insert(round % 10, Reenters(round % 40));
    }
    MAP.pin().clear();
    for _ in 0..10 {
        MAP.flush();
    }
    assert!(DROPPED.load(Ordering::SeqCst) > 2_000);
}

#[test]
fn a_chain_of_values_that_remove_the_next_is_freed_without_deep_recursion() {
    static MAP: LazyLock<HashMap<u64, Next, Plain>> = LazyLock::new(HashMap::default);
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    const LINKS: u64 = 20_000;

    struct Next(u64);

    impl Drop for Next {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Ordering::SeqCst);
            MAP.pin().remove(&(self.0 + 1));
        }
    }

    let _turn = turn();
    if !FLUSH_FREES_ALL {
        return;
    }
    for key in 0..LINKS {
        MAP.pin().insert(key, Next(key));
    }
    MAP.pin().remove(&0);
    while !MAP.is_empty() {
        MAP.flush();
    }
    MAP.flush();
    assert_eq!(DROPPED.load(Ordering::SeqCst), LINKS as usize);
}

/// A value whose destructor panics, if it is told to.
struct Panics {
    armed: bool,
    told: Told,
}

impl Drop for Panics {
    fn drop(&mut self) {
        assert!(!self.armed, "a destructor that panics");
        let _ = &self.told;
    }
}

#[test]
fn a_destructor_that_panics_comes_out_of_flush_and_loses_no_other() {
    let _turn = turn();
    if !FLUSH_FREES_ALL {
        return;
    }
    let (drops, value) = told();
    let map = HashMap::<u64, Panics>::default();
    for key in 0..1_000 {
        let armed = key % 100 == 50;
        map.pin().insert(
            key,
            Panics {
                armed,
                told: value(),
            },
        );
    }
    let guard = map.guard();
    map.pin().clear();
    drop(guard);
    let panics = (0..100)
        .filter(|_| catch_unwind(AssertUnwindSafe(|| map.flush())).is_err())
        .count();
    assert_eq!((panics, drops.count()), (10, 1_000));
    assert_eq!(map.stats().pending, Some(0));
    assert!(map.is_empty());
}

#[test]
fn a_destructor_that_panics_comes_out_of_a_write_that_is_complete() {
    let _turn = turn();
    if !FLUSH_FREES_ALL {
        return;
    }
    let (drops, value) = told();
    let map = HashMap::<u64, Panics>::default();
    let mut panics = 0;
    const ROUNDS: u64 = 10_000;
    for round in 0..ROUNDS {
        let new = Panics {
            armed: round % 1_000 == 500,
            told: value(),
        };
        let write = AssertUnwindSafe(|| map.pin().insert(0, new).is_some());
        panics += usize::from(catch_unwind(write).is_err());
        assert_eq!(map.len(), 1, "the write has taken effect");
    }
    let guard = map.guard();
    let present = usize::from(map.get(&0, &guard).is_some());
    drop(guard);
    while map.stats().pending > Some(0) {
        panics += usize::from(catch_unwind(AssertUnwindSafe(|| map.flush())).is_err());
    }
    assert_eq!((panics, drops.count()), (10, ROUNDS as usize - present));
}

#[test]
fn a_destructor_that_panics_while_the_map_is_dropped_loses_no_garbage() {
    let _turn = turn();
    if !FLUSH_FREES_ALL {
        return;
    }
    let (drops, value) = told();
    let map = HashMap::<u64, Panics>::default();
    for key in 0..1_000 {
        let armed = key == 300;
        map.pin().insert(
            key,
            Panics {
                armed,
                told: value(),
            },
        );
    }
    let guard = map.guard();
    map.pin().clear();
    drop(guard);
    assert_eq!(drops.count(), 0);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(map))).is_err());
    assert_eq!(drops.count(), 1_000);
}

/// A flusher that comes while a writer's destructors run must not end the writer's own freeing.
#[test]
fn a_writer_goes_on_freeing_after_others_have_flushed() {
    let _turn = turn();
    if !FLUSH_FREES_ALL {
        return;
    }
    let (drops, value) = told();
    let map = HashMap::<u64, Told>::default();
    let stop = AtomicUsize::new(0);
    thread::scope(|scope| {
        let flusher = scope.spawn(|| {
            while stop.load(Ordering::SeqCst) == 0 {
                map.flush();
            }
        });
        for round in 0..200_000 {
            map.pin().insert(round % 10, value());
        }
        stop.store(1, Ordering::SeqCst);
        flusher.join().unwrap();
        for round in 0..20_000 {
            map.pin().insert(round % 10, value());
        }
        let pending = map.stats().pending.expect("known");
        assert!(pending < 2_000, "{pending} pending");
        assert!(drops.count() > 200_000);
    });
}

/// A search that finds its key, or finds it absent, may unlink what another thread has replaced.
#[test]
fn what_searches_clean_up_does_not_pile_up() {
    let _turn = turn();
    if !FLUSH_FREES_ALL {
        return;
    }
    let (_, value) = told();
    let map = HashMap::<u64, Told>::default();
    let stop = AtomicUsize::new(0);
    thread::scope(|scope| {
        let finder = scope.spawn(|| {
            while stop.load(Ordering::SeqCst) == 0 {
                for key in 0..4 {
                    map.pin().get_or_insert_with(key, &value);
                    map.pin().remove(&(key + 4));
                }
            }
        });
        for round in 0..300_000 {
            map.pin().insert(round % 4, value());
        }
        stop.store(1, Ordering::SeqCst);
        finder.join().unwrap();
        for round in 0..20_000 {
            map.pin().insert(round % 4, value());
        }
        assert!(map.stats().pending < Some(2_000), "{:?}", map.stats());
    });
}

#[test]
fn a_stalled_guard_is_seen_in_the_stats() {
    let _turn = turn();
    if !FLUSH_FREES_ALL {
        return;
    }
    let map = HashMap::<u64, u64>::default();
    map.pin().insert(0, 0);
    let (held, done) = (Barrier::new(2), Barrier::new(2));
    thread::scope(|scope| {
        let holder = scope.spawn(|| {
            let guard = map.guard();
            held.wait();
            done.wait();
            drop(guard);
        });
        held.wait();
        let before = std::time::SystemTime::now();
        for round in 0..5_000 {
            map.pin().insert(0, round);
        }
        let [stats, later] = [(); 2].map(|()| map.stats());
        let after = std::time::SystemTime::now();
        // Before anything is asserted: a failure would leave it waiting for ever.
        done.wait();
        holder.join().unwrap();
        assert!(stats.pending >= Some(4_000), "{stats:?}");
        assert!(stats.pending_bytes >= stats.pending.map(|pending| pending * 32));
        assert!(stats.pinned >= Some(1), "{stats:?}");
        assert!(stats.blocked_advances >= Some(10), "{stats:?}");
        let since = stats.blocked_since.expect("blocked");
        assert!(since >= before && since <= after);
        assert_eq!(later.blocked_since, Some(since), "since the first");
    });
    map.flush();
    let stats = map.stats();
    assert_eq!((stats.pending, stats.blocked_advances), (Some(0), Some(0)));
    assert_eq!(stats.blocked_since, None);
}

#[test]
fn a_leaked_guard_costs_memory_and_nothing_else() {
    if !in_own_process("a_leaked_guard_costs_memory_and_nothing_else") {
        return;
    }
    let (drops, value) = told();
    let map = HashMap::<u64, Told>::default();
    thread::scope(|scope| {
        let leaking = scope.spawn(|| {
            map.pin().insert(0, value());
            std::mem::forget(map.guard());
        });
        leaking.join().unwrap();
    });
    std::mem::forget(map.guard());
    for round in 0..10_000 {
        map.pin().insert(round % 10, value());
    }
    flush(&map);
    if R::WAIT_FREE_PIN {
        assert_eq!(map.stats().pinned, Some(2));
    }
    drop(map);
    // With `Seize`, what a leaked guard could see is never freed.
    assert!(!FLUSH_FREES_ALL || drops.count() == 10_001);
}

thread_local! {
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

static KEEPER: LazyLock<HashMap<u64, u64, Plain>> = LazyLock::new(HashMap::default);

/// Lives in a thread-local, with a guard, and uses the map when it is dropped.
struct Kept {
    view: Option<HashMapRef<'static, u64, u64, Plain, R>>,
    guard: Option<LocalGuard<'static, R>>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(view) = &self.view {
            assert_eq!(view.get(&1), Some(&1));
            view.insert(2, 2);
        }
        for round in 0..300 {
            KEEPER.pin().insert(3, round);
        }
        let late = KEEPER.guard();
        drop(self.view.take());
        assert_eq!(KEEPER.get(&1, &late), Some(&1));
        KEEPER.flush();
        drop(late);
        drop(self.guard.take());
        KEEPER.pin().remove(&3);
    }
}

#[test]
fn guards_in_thread_locals_and_maps_used_from_their_destructors() {
    if !in_own_process("guards_in_thread_locals_and_maps_used_from_their_destructors") {
        return;
    }
    KEEPER.pin().insert(1, 1);
    for round in 0..200 {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                thread::spawn(move || {
                    let kept = || Kept {
                        view: (thread % 2 == 0).then(|| KEEPER.pin()),
                        guard: Some(KEEPER.guard()),
                    };
                    if (round + thread) % 3 == 0 {
                        // The reclaimer's own thread-local first: it goes after ours.
                        drop(KEEPER.pin());
                    } else if (round + thread) % 3 == 1 {
                        // Ours first: it goes after the reclaimer's.
                        KEPT.set(None);
                        KEPT.with(|_| {});
                    }
                    KEPT.set(Some(kept()));
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no destructor panics");
        }
    }
    KEEPER.flush();
    if FLUSH_FREES_ALL {
        assert_eq!(KEEPER.stats().pending, Some(0));
        assert_eq!(KEEPER.stats().pinned, Some(0));
        assert!(KEEPER.stats().participants < Some(64));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_fork_under_load_hangs_nobody() {
    if !in_own_process("a_fork_under_load_hangs_nobody") {
        return;
    }
    let map = HashMap::<u64, u64>::default();
    let stop = AtomicUsize::new(0);
    let _inherited = map.guard();
    thread::scope(|scope| {
        let load: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut round = 0;
                    while stop.load(Ordering::SeqCst) == 0 {
                        round += 1;
                        map.pin().insert(round % 100, round);
                        if round.is_multiple_of(1_000) {
                            map.flush();
                        }
                    }
                })
            })
            .collect();
        for _ in 0..10 {
            // SAFETY: the child uses this map and memory, both of which survive a fork, and ends
            // without running anything of its parent's.
            match unsafe { libc::fork() } {
                0 => {
                    for round in 0..5_000 {
                        map.pin().insert(round % 200, round);
                        map.pin().get(&(round % 200));
                    }
                    map.flush();
                    let healthy = map.pin().get(&199) == Some(&4_999);
                    // SAFETY: ends the process.
                    unsafe { libc::_exit(i32::from(!healthy)) };
                }
                child => {
                    let mut status = 0;
                    // SAFETY: our own child, and a place for its status.
                    let waited = unsafe { libc::waitpid(child, &mut status, 0) };
                    assert_eq!((waited, status), (child, 0));
                }
            }
        }
        stop.store(1, Ordering::SeqCst);
        for load in load {
            load.join().unwrap();
        }
    });
}
