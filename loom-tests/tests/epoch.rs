//! Models of the reclaimer: the real registry and store, with a handle for each thread.
//!
//! Those that "note" and "free if over" are lemmas: they ask the registry alone, with no store whose
//! own fences and flags would hide what it does wrong. An object that was freed while a reader
//! could use it is a panic or a race.
//!
//! Where it says so, a scenario starts in the middle, with a thread that is pinned already: the
//! bugs need several switches, and each that setting up saves lets the others be explored. For the
//! same reason mostly a third thread advances: the writer's own fences would publish its unlink.

#![cfg(not(splitmap_doubling))]
#![allow(missing_docs, reason = "a test's name is its documentation")]

use std::sync::Arc;

use loom_tests::{Model, explore, stop_exploring};
use splitmap::model::epoch::{Entry, Guard, Handle, World};

/// Runs two threads beside the main one.
fn race<A: 'static, B: 'static, C>(
    a: impl FnOnce() -> A + 'static,
    b: impl FnOnce() -> B + 'static,
    main: impl FnOnce() -> C,
) -> (A, B, C) {
    explore();
    let (a, b) = (loom::thread::spawn(a), loom::thread::spawn(b));
    let main = main();
    let (a, b) = (a.join().unwrap(), b.join().unwrap());
    stop_exploring();
    (a, b, main)
}

/// Runs one thread beside the main one.
fn duel<A: 'static, B>(a: impl FnOnce() -> A + 'static, main: impl FnOnce() -> B) -> (A, B) {
    explore();
    let a = loom::thread::spawn(a);
    let main = main();
    let a = a.join().unwrap();
    stop_exploring();
    (a, main)
}

fn advance(world: &World, times: usize) {
    for _ in 0..times {
        world.advance();
    }
}

/// A reader's section.
fn read(handle: &Handle, entry: &Entry) -> bool {
    entry.read(&handle.pin())
}

/// What came of an object by the time when all threads had ended.
fn fate(entry: &Entry) -> &'static str {
    if entry.is_freed() { "freed" } else { "kept" }
}

/// Whether a reader found the object, and what came of it.
fn seen_and_fate(was_seen: bool, entry: &Entry) -> String {
    let seen = if was_seen { "seen" } else { "not seen" };
    format!("{seen}, {}", fate(entry))
}

// The registry.

/// Two advances: a section that was there before them is over, and happened before.
/// In the middle: the reader is pinned. It pins again, twice on top of each other.
#[test]
fn section_over() {
    Model::new("section_over")
        .full_unbounded()
        .reach(["kept", "freed"])
        .run(|seen| {
            let world = World::new();
            let (reader, entry) = (world.enter(), world.entry());
            let guard = reader.pin();
            let found = entry.clone();
            duel(
                move || {
                    found.read(&guard);
                    drop(guard);
                    let outer = reader.pin();
                    let inner = reader.pin();
                    drop(outer);
                    drop(inner);
                },
                || free_after_two(&world, &entry),
            );
            seen.record(fate(&entry));
            world.end();
        });
}

/// The same with a guard that is refreshed.
#[test]
fn section_over_by_refresh() {
    Model::new("section_over_by_refresh")
        .full_unbounded()
        .reach(["kept", "freed"])
        .run(|seen| {
            let world = World::new();
            let (reader, entry) = (world.enter(), world.entry());
            let mut guard = reader.pin();
            let found = entry.clone();
            duel(
                move || {
                    found.read(&guard);
                    guard.refresh();
                    drop(guard);
                },
                || free_after_two(&world, &entry),
            );
            seen.record(fate(&entry));
            world.end();
        });
}

fn free_after_two(world: &World, entry: &Entry) {
    if world.advance() && world.advance() {
        entry.free();
    }
}

/// The epoch only grows: three threads advance, and each looks before and after.
#[test]
fn advance_never_back() {
    Model::new("advance_never_back")
        .full_bound(3)
        .reach(["2", "3", "4"])
        .run(|seen| {
            let world = World::new();
            let (a, b) = (world.clone(), world.clone());
            let look_after = |world: &World, times| {
                let mut last = world.epoch();
                for _ in 0..times {
                    let advanced = world.advance();
                    let now = world.epoch();
                    assert!(now >= last, "the epoch went back");
                    assert!(now > last || !advanced, "an advance that was none");
                    last = now;
                }
            };
            race(
                move || look_after(&a, 1),
                move || look_after(&b, 1),
                || look_after(&world, 2),
            );
            seen.record(world.epoch().to_string());
            world.end();
        });
}

/// Why it takes three advances: a writer that notes an old epoch // a reader that pins // all
/// advances, and the free. In the middle: the writer is pinned.
#[test]
fn hole_old_slot() {
    Model::new("hole_old_slot")
        .full_bound(4)
        .reach([
            "seen, kept",
            "not seen, kept",
            "seen, freed",
            "not seen, freed",
        ])
        .run(|seen| {
            let world = World::new();
            let (writer, reader, entry) = (world.enter(), world.enter(), world.entry());
            let guard = writer.pin();
            let (removed, found) = (entry.clone(), entry.clone());
            let (_, was_seen, _) = race(
                move || removed.unlink_and_stamp(&guard),
                move || read(&reader, &found),
                || {
                    advance(&world, 3);
                    entry.free_if_over();
                },
            );
            seen.record(seen_and_fate(was_seen, &entry));
            world.end();
        });
}

/// The same with a reader that has no slot yet: the first that was made are taken.
#[test]
fn hole_new_slot() {
    Model::new("hole_new_slot")
        .full_bound(3)
        .reach([
            "seen, kept",
            "not seen, kept",
            "seen, freed",
            "not seen, freed",
        ])
        .run(|seen| {
            let world = World::new();
            let (writer, _other, entry) = (world.enter(), world.enter(), world.entry());
            let guard = writer.pin();
            let (removed, found) = (entry.clone(), entry.clone());
            let registering = world.clone();
            let (_, was_seen, _) = race(
                move || removed.unlink_and_stamp(&guard),
                move || read(&registering.enter(), &found),
                || {
                    advance(&world, 3);
                    entry.free_if_over();
                },
            );
            seen.record(seen_and_fate(was_seen, &entry));
            world.end();
        });
}

/// What the writer does in models of two threads: in the middle, it is pinned.
fn unlink_and_free(world: &World, entry: &Entry, guard: Guard) {
    entry.unlink_and_stamp(&guard);
    drop(guard);
    advance(world, 3);
    entry.free_if_over();
}

/// A slot that appears during scans.
#[test]
fn register() {
    Model::new("register")
        .bound(3)
        .full_unbounded()
        .reach([
            "seen, kept",
            "not seen, kept",
            "seen, freed",
            "not seen, freed",
        ])
        .run(|seen| {
            let world = World::new();
            let (writer, _other, entry) = (world.enter(), world.enter(), world.entry());
            let guard = writer.pin();
            let (registering, found) = (world.clone(), entry.clone());
            let (was_seen, _) = duel(
                move || {
                    let reader = registering.enter();
                    let guard = reader.pin();
                    assert!(registering.participants() > reader.slot());
                    found.read(&guard)
                },
                || unlink_and_free(&world, &entry, guard),
            );
            seen.record(seen_and_fate(was_seen, &entry));
            world.end();
        });
}

/// Two threads register at once, and make the slots that they need // an advance that scans them.
#[test]
fn register_twice() {
    Model::new("register_twice")
        .full_bound(3)
        .reach(["2 and 3", "3 and 2"])
        .run(|seen| {
            let world = World::new();
            let _others = (world.enter(), world.enter());
            let register = |world: Arc<World>| {
                move || {
                    let handle = world.enter();
                    handle.pin().is_alone();
                    handle.slot()
                }
            };
            let (a, b, _) = race(register(world.clone()), register(world.clone()), || {
                world.advance()
            });
            assert_eq!(world.looked_at(), 4, "a slot that no scan sees");
            assert_eq!(world.participants(), 4, "a participant that nobody counts");
            seen.record(format!("{a} and {b}"));
            world.end();
        });
}

/// A reader's section ends // its slot is lowered away // the writer, and all advances.
/// In the middle: both are pinned.
#[test]
fn lowered_after_a_section() {
    Model::new("lowered_after_a_section")
        .full_bound(3)
        .reach([
            "seen, freed",
            "seen, kept",
            "not seen, freed",
            "not seen, kept",
        ])
        .run(|seen| {
            let world = World::new();
            let writer = world.enter();
            let (writing, reading) = (writer.pin(), world.pin_alone());
            let entry = world.entry();
            let reader = {
                let entry = entry.clone();
                move || entry.read(&reading)
            };
            let lowering = {
                let world = world.clone();
                move || world.lower()
            };
            let (was_seen, (), ()) = race(reader, lowering, || {
                entry.unlink_and_stamp(&writing);
                drop(writing);
                advance(&world, 3);
                entry.free_if_over();
            });
            seen.record(seen_and_fate(was_seen, &entry));
            world.end();
        });
}

/// A reader claims a slot // the same slot is lowered away // the writer, and all advances.
/// In the middle: the writer is pinned.
#[test]
fn lowered_and_claimed() {
    Model::new("lowered_and_claimed")
        .full_bound(3)
        .reach([
            "seen, freed",
            "seen, kept",
            "not seen, freed",
            "not seen, kept",
        ])
        .run(|seen| {
            let world = World::new();
            let writer = world.enter();
            world.enter().leave();
            let writing = writer.pin();
            let entry = world.entry();
            let reader = {
                let (world, entry) = (world.clone(), entry.clone());
                move || {
                    let guard = world.pin_alone();
                    let was_seen = entry.read(&guard);
                    if was_seen {
                        entry.read_on(&guard);
                    }
                    was_seen
                }
            };
            let lowering = {
                let world = world.clone();
                move || world.lower()
            };
            let (was_seen, (), ()) = race(reader, lowering, || {
                entry.unlink_and_stamp(&writing);
                drop(writing);
                advance(&world, 3);
                entry.free_if_over();
            });
            seen.record(seen_and_fate(was_seen, &entry));
            world.end();
        });
}

/// A reader that unpins and pins again // the writer, with an advance // two more, and the free.
/// In the middle: both are pinned.
#[test]
fn repin() {
    again("repin", |reader, guard, entry| {
        let first = entry.read(&guard);
        drop(guard);
        (first, entry.read(&reader.pin()))
    });
}

/// The same with a guard that is refreshed.
#[test]
fn refresh() {
    again("refresh", |_, mut guard, entry| {
        let first = entry.read(&guard);
        guard.refresh();
        (first, entry.read(&guard))
    });
}

fn again(
    name: &'static str,
    read: impl Fn(&Handle, Guard, &Entry) -> (bool, bool) + Copy + Send + Sync + 'static,
) {
    Model::new(name)
        .full_bound(3)
        .reach([
            "kept, seen by both",
            "kept, seen by the first",
            "kept, seen by none",
            "freed, seen by both",
            "freed, seen by the first",
            "freed, seen by none",
        ])
        .run(move |seen| {
            let world = World::new();
            let (writer, reader, entry) = (world.enter(), world.enter(), world.entry());
            let (guard, reading) = (writer.pin(), reader.pin());
            let (removed, found, advancing) = (entry.clone(), entry.clone(), world.clone());
            let (_, by, _) = race(
                move || {
                    removed.unlink_and_stamp(&guard);
                    drop(guard);
                    advancing.advance();
                },
                move || read(&reader, reading, &found),
                || {
                    advance(&world, 2);
                    entry.free_if_over();
                },
            );
            let by = match by {
                (true, true) => "both",
                (true, false) => "the first",
                (false, false) => "none",
                (false, true) => "the second alone",
            };
            seen.record(format!("{}, seen by {by}", fate(&entry)));
            world.end();
        });
}

/// A pin without a thread, sent to another one that reads on and drops it // the writer.
/// In the middle: the writer is pinned.
#[test]
fn owned() {
    Model::new("owned")
        .bound(3)
        .full_unbounded()
        .reach([
            "seen, kept",
            "not seen, kept",
            "seen, freed",
            "not seen, freed",
        ])
        .run(|seen| {
            let world = World::new();
            let (writer, entry) = (world.enter(), world.entry());
            let guard = writer.pin();
            let (removed, removing) = (entry.clone(), world.clone());
            let (pinning, found) = (world.clone(), entry.clone());
            let (_, was_seen) = duel(
                move || unlink_and_free(&removing, &removed, guard),
                move || {
                    let guard = pinning.pin_alone();
                    let was_seen = found.read(&guard);
                    let receiver = loom::thread::spawn(move || {
                        if was_seen {
                            found.read_on(&guard);
                        }
                    });
                    receiver.join().unwrap();
                    was_seen
                },
            );
            seen.record(seen_and_fate(was_seen, &entry));
            world.end();
        });
}

/// Guards on top of each other, dropped in either order: what was found under one stays while any
/// of them is there. In the middle: reader and writer are pinned.
#[test]
fn nested() {
    on_top("nested", |reader, outer, entry| {
        let was_seen = entry.read(&outer);
        let inner = reader.pin();
        drop(outer);
        let third = reader.pin();
        drop(third);
        if was_seen {
            entry.read_on(&inner);
        }
        was_seen
    });
}

/// A guard that is refreshed on top of another stays where it is.
#[test]
fn nested_refresh() {
    on_top("nested_refresh", |reader, outer, entry| {
        let was_seen = entry.read(&outer);
        let mut inner = reader.pin();
        inner.refresh();
        inner.refresh();
        drop(inner);
        if was_seen {
            entry.read_on(&outer);
        }
        was_seen
    });
}

fn on_top(
    name: &'static str,
    read: impl Fn(&Handle, Guard, &Entry) -> bool + Copy + Send + Sync + 'static,
) {
    Model::new(name)
        .unbounded()
        .reach([
            "seen, kept",
            "not seen, kept",
            "seen, freed",
            "not seen, freed",
        ])
        .run(move |seen| {
            let world = World::new();
            let (writer, reader, entry) = (world.enter(), world.enter(), world.entry());
            let (guard, outer) = (writer.pin(), reader.pin());
            let found = entry.clone();
            let (was_seen, _) = duel(
                move || read(&reader, outer, &found),
                || unlink_and_free(&world, &entry, guard),
            );
            seen.record(seen_and_fate(was_seen, &entry));
            world.end();
        });
}

/// All slots are free: three that enter take the first three.
fn none_is_lost(world: &Arc<World>) {
    let mut slots = [world.enter(), world.enter(), world.enter()].map(|handle| handle.slot());
    slots.sort_unstable();
    assert_eq!(slots, [0, 1, 2], "a slot is lost");
}

/// A slot that was given up with a guard on it, which is dropped // a thread that looks for a slot
/// // a pin that looks for one: nobody is on a slot with another, and none is lost.
#[test]
fn given_up_with_a_guard() {
    Model::new("given_up_with_a_guard")
        .full_bound(4)
        .reach(["0, 0", "0, 1", "1, 0", "1, 1", "1, 2", "2, 1"])
        .run(|seen| {
            let world = World::new();
            let guard = world.pin_alone();
            let (entering, pinning) = (world.clone(), world.clone());
            let (_, thread, pin) = race(
                move || guard.is_alone(),
                move || {
                    let handle = entering.enter();
                    handle.pin().is_alone();
                    let slot = handle.slot();
                    handle.leave();
                    slot
                },
                || {
                    let guard = pinning.pin_alone();
                    guard.is_alone();
                    guard.slot()
                },
            );
            none_is_lost(&world);
            seen.record(format!("{thread}, {pin}"));
            world.end();
        });
}

/// Two threads look for a slot // a pin without a thread looks for one, and stays: it leaves its
/// slot to nobody, though nobody owns it. Who loses a slot puts it back in good order.
#[test]
fn claims() {
    Model::new("claims")
        .bound(1)
        .full_bound(2)
        .reach([
            "0, 0", "0, 1", "0, 2", "1, 0", "2, 0", "1, 1", "1, 2", "2, 1",
        ])
        .run(|seen| {
            let world = World::new();
            world.enter().leave();
            let enter = |world: Arc<World>| {
                move || {
                    let handle = world.enter();
                    handle.pin().is_alone();
                    let slot = handle.slot();
                    handle.leave();
                    slot
                }
            };
            let pinning = world.clone();
            let (a, b, guard) = race(enter(world.clone()), enter(world.clone()), || {
                let guard = pinning.pin_alone();
                guard.is_alone();
                guard
            });
            guard.is_alone();
            drop(guard);
            none_is_lost(&world);
            seen.record(format!("{a}, {b}"));
            world.end();
        });
}

// The store.

/// A slot and its bag change hands // a thread that enters meanwhile.
#[test]
fn reuse() {
    Model::new("reuse")
        .full_unbounded()
        .reach(["the same slot", "another slot"])
        .run(|seen| {
            let world = World::new();
            let (leaving, entries) = (world.enter(), [world.entry(), world.entry()]);
            leaving.pin().count(1);
            let (entering, [first, second]) = (world.clone(), entries);
            let (_, slot) = duel(
                move || {
                    let guard = leaving.pin();
                    guard.is_alone();
                    guard.remove(&first);
                    drop(guard);
                    leaving.leave();
                },
                move || {
                    let handle = entering.enter();
                    let guard = handle.pin();
                    guard.is_alone();
                    guard.remove(&second);
                    guard.tick();
                    handle.slot()
                },
            );
            seen.record(if slot == 0 {
                "the same slot"
            } else {
                "another slot"
            });
            world.end();
        });
}

/// Two threads write for the first time, and make what they need // a flush.
#[test]
fn first_writes() {
    Model::new("first_writes")
        .full_bound(3)
        .reach(["none freed", "one freed", "both freed"])
        .run(|seen| {
            let world = World::new();
            let [flushing, a, b] = [world.enter(), world.enter(), world.enter()];
            let entries = [world.entry(), world.entry()];
            let [first, second] = entries.clone();
            race(
                move || a.pin().remove(&first),
                move || b.pin().remove(&second),
                || flushing.flush(),
            );
            seen.record(match entries.map(|entry| entry.is_freed()) {
                [true, true] => "both freed",
                [false, false] => "none freed",
                _ => "one freed",
            });
            world.end();
        });
}

/// A writer that has written before: it has a bag.
fn writer(world: &Arc<World>) -> Handle {
    let handle = world.enter();
    handle.pin().count(1);
    handle
}

/// The writer removes, advances twice, and frees at the end of its next write // a reader // one
/// advance. In the middle: the writer is pinned.
#[test]
fn unlink() {
    Model::new("unlink")
        .full_bound(3)
        .reach([
            "seen, kept",
            "not seen, kept",
            "seen, freed",
            "not seen, freed",
        ])
        .run(|seen| {
            let world = World::new();
            let (writer, reader, entry) = (writer(&world), world.enter(), world.entry());
            let guard = writer.pin();
            let (removed, found, removing) = (entry.clone(), entry.clone(), world.clone());
            let (_, was_seen, _) = race(
                move || {
                    guard.remove(&removed);
                    drop(guard);
                    advance(&removing, 2);
                    writer.pin().tick();
                },
                move || read(&reader, &found),
                || world.advance(),
            );
            seen.record(seen_and_fate(was_seen, &entry));
            world.end();
        });
}

/// The same where another makes all advances: the writer acquires by the epoch alone.
#[test]
fn unlink_a() {
    Model::new("unlink_a")
        .full_bound(3)
        .reach([
            "seen, kept",
            "not seen, kept",
            "seen, freed",
            "not seen, freed",
        ])
        .run(|seen| {
            let world = World::new();
            let (writer, reader, entry) = (writer(&world), world.enter(), world.entry());
            let guard = writer.pin();
            let (removed, found) = (entry.clone(), entry.clone());
            let (_, was_seen, _) = race(
                move || {
                    guard.remove(&removed);
                    drop(guard);
                    writer.pin().tick();
                },
                move || read(&reader, &found),
                || advance(&world, 3),
            );
            seen.record(seen_and_fate(was_seen, &entry));
            world.end();
        });
}

/// A writer that does all by its writes' ends // a reader.
#[test]
fn ticks() {
    Model::new("ticks")
        .bound(3)
        .full_unbounded()
        .reach([
            "seen, kept",
            "not seen, kept",
            "seen, freed",
            "not seen, freed",
        ])
        .run(|seen| {
            let world = World::new();
            let (writer, reader, entry) = (writer(&world), world.enter(), world.entry());
            let guard = writer.pin();
            guard.tick();
            let found = entry.clone();
            let (was_seen, _) = duel(
                move || read(&reader, &found),
                || {
                    guard.remove(&entry);
                    guard.tick();
                    drop(guard);
                    (0..3).for_each(|_| writer.pin().tick());
                },
            );
            seen.record(seen_and_fate(was_seen, &entry));
            world.end();
        });
}

/// An object joins a batch that began long ago, behind a batch that keeps it from being ended // a
/// reader // advances, of which one would do for the batch's first object.
#[test]
fn batch() {
    Model::new("batch")
        .full_bound(3)
        .reach([
            "seen, kept",
            "not seen, kept",
            "seen, freed",
            "not seen, freed",
        ])
        .run(|seen| {
            let world = World::new();
            let (writer, reader) = (writer(&world), world.enter());
            let (oldest, old, entry) = (world.entry(), world.entry(), world.entry());
            writer.pin().remove(&oldest);
            advance(&world, 1);
            writer.pin().remove(&old);
            advance(&world, 2);
            let guard = writer.pin();
            let (removed, found) = (entry.clone(), entry.clone());
            let (_, was_seen, _) = race(
                move || {
                    guard.remove(&removed);
                    drop(guard);
                    // It frees one at a time: `entry` is the third.
                    (0..3).for_each(|_| writer.pin().tick());
                },
                move || read(&reader, &found),
                || advance(&world, 3),
            );
            assert!(!entry.is_freed() || old.is_freed(), "the old one waits");
            seen.record(seen_and_fate(was_seen, &entry));
            world.end();
        });
}

/// A bag is taken while its owner comes back.
#[test]
fn flush() {
    Model::new("flush")
        .bound(3)
        .full_bound(4)
        .reach([
            "into the bag: old kept, new kept",
            "into the bag: old freed, new kept",
            "into the bag: old freed, new freed",
            "sent: old kept, new kept",
            "sent: old kept, new freed",
            "sent: old freed, new kept",
            "sent: old freed, new freed",
        ])
        .run(|seen| {
            let world = World::new();
            let (owner, flushing) = (writer(&world), world.enter());
            let (old, new) = (world.entry(), world.entry());
            owner.pin().remove(&old);
            let (writing, removed) = (world.clone(), new.clone());
            let (was_sent, _) = duel(
                move || {
                    let guard = owner.pin();
                    guard.remove(&removed);
                    let was_sent = writing.in_parcels() > 0;
                    guard.tick();
                    was_sent
                },
                || flushing.flush(),
            );
            let how = if was_sent { "sent" } else { "into the bag" };
            seen.record(format!("{how}: old {}, new {}", fate(&old), fate(&new)));
            world.end();
        });
}

/// Two threads flush what a third has left.
#[test]
fn flush_flush() {
    Model::new("flush_flush")
        .bound(3)
        .full_unbounded()
        .reach(["kept", "freed"])
        .run(|seen| {
            let world = World::new();
            let [gone, a, b] = [writer(&world), world.enter(), world.enter()];
            let entry = world.entry();
            gone.pin().remove(&entry);
            gone.leave();
            duel(move || a.flush(), || b.flush());
            seen.record(fate(&entry));
            world.end();
        });
}

/// An owner that takes spare memory // a flush, which gives it back.
#[test]
fn spare_and_flush() {
    Model::new("spare_and_flush")
        .bound(3)
        .full_unbounded()
        .reach(["taken", "given back"])
        .run(|seen| {
            let world = World::new();
            let (owner, flushing) = (writer(&world), world.enter());
            let entry = world.entry();
            owner.pin().remove(&entry);
            (0..3).for_each(|_| assert!(world.advance()));
            owner.pin().tick();
            assert!(entry.is_freed());
            let (was_taken, ()) = duel(move || owner.pin().use_spare(), || flushing.flush());
            seen.record(if was_taken { "taken" } else { "given back" });
            world.end();
        });
}

/// A flush // a writer // a reader. In the middle: the writer is pinned.
#[test]
fn flush_read() {
    Model::new("flush_read")
        .full_bound(4)
        .reach([
            "seen, kept",
            "not seen, kept",
            "seen, freed",
            "not seen, freed",
        ])
        .run(|seen| {
            let world = World::new();
            let [writer, reader, flushing] = [writer(&world), world.enter(), world.enter()];
            let (guard, entry) = (writer.pin(), world.entry());
            let (removed, found) = (entry.clone(), entry.clone());
            let (_, was_seen, _) = race(
                move || guard.remove(&removed),
                move || read(&reader, &found),
                || flushing.flush(),
            );
            seen.record(seen_and_fate(was_seen, &entry));
            world.end();
        });
}

/// A reader's whole life, from its slot's claim to its end // a writer that pins, removes and unpins //
/// who advances, and flushes.
#[test]
fn whole_life() {
    Model::new("whole_life")
        .full_bound(3)
        .reach([
            "seen, kept",
            "not seen, kept",
            "seen, freed",
            "not seen, freed",
        ])
        .run(|seen| {
            let world = World::new();
            let [writer, flushing] = [writer(&world), world.enter()];
            let entry = world.entry();
            let (removed, found, entering) = (entry.clone(), entry.clone(), world.clone());
            let (was_seen, (), ()) = race(
                move || {
                    let reader = entering.enter();
                    let was_seen = read(&reader, &found);
                    reader.leave();
                    was_seen
                },
                move || writer.pin().remove(&removed),
                || {
                    world.advance();
                    flushing.flush();
                },
            );
            seen.record(seen_and_fate(was_seen, &entry));
            world.end();
        });
}

/// Two threads send parcels, as their bags are taken for ever // a third receives.
#[test]
fn parcels() {
    Model::new("parcels")
        .full_unbounded()
        .reach(["none received", "one received", "both received"])
        .run(|seen| {
            let world = World::new();
            let [receiver, a, b] = [writer(&world), writer(&world), writer(&world)];
            let (guards, entries) = ([a.pin(), b.pin()], [world.entry(), world.entry()]);
            world.divert(a.slot());
            world.divert(b.slot());
            let ([a, b], [first, second]) = (guards, entries);
            race(
                move || a.remove(&first),
                move || b.remove(&second),
                || receiver.pin().tick(),
            );
            seen.record(match world.in_parcels() {
                0 => "both received",
                1 => "one received",
                _ => "none received",
            });
            world.end();
        });
}

/// A parcel that is newer than the epoch that its receiver has read. In the middle: the receiver is
/// pinned, and has something that is ripe // its sender, after an advance // a reader.
#[test]
fn parcel_from_the_future() {
    Model::new("parcel_from_the_future")
        .full_unbounded()
        .reach([
            "seen, received",
            "not seen, received",
            "seen, not received",
            "not seen, not received",
        ])
        .run(|seen| {
            let world = World::new();
            let [receiver, sender, reader] = [writer(&world), writer(&world), world.enter()];
            world.divert(sender.slot());
            let (old, entry) = (world.entry(), world.entry());
            receiver.pin().remove(&old);
            advance(&world, 3);
            let guard = receiver.pin();
            let (removed, found, sending) = (entry.clone(), entry.clone(), world.clone());
            let (_, was_seen, _) = race(
                move || {
                    sending.advance();
                    sender.pin().remove(&removed);
                },
                move || read(&reader, &found),
                || guard.tick(),
            );
            assert!(old.is_freed() && !entry.is_freed());
            drop(guard);
            let seen_by = if was_seen { "seen" } else { "not seen" };
            let received = if world.in_parcels() == 0 {
                "received"
            } else {
                "not received"
            };
            seen.record(format!("{seen_by}, {received}"));
            world.end();
        });
}

/// At the end of a window, a parcel is received // a flush takes the receiver's bag meanwhile.
#[test]
fn received_and_flushed() {
    Model::new("received_and_flushed")
        .bound(3)
        .full_bound(4)
        .reach(["kept", "freed"])
        .run(|seen| {
            let world = World::new();
            let [receiver, sender, flushing] = [writer(&world), writer(&world), world.enter()];
            world.divert(sender.slot());
            let entry = world.entry();
            sender.pin().remove(&entry);
            duel(move || receiver.pin().tick(), || flushing.flush());
            seen.record(fate(&entry));
            world.end();
        });
}

/// At the end of a window, a bag whose owner has gone is taken // the slot's next owner, who writes
/// // a reader from before. In the middle: the reader is pinned.
#[test]
fn left_behind() {
    Model::new("left_behind")
        .full_bound(3)
        .reach([
            "kept, into the same bag",
            "kept, sent",
            "freed, into the same bag",
            "freed, sent",
        ])
        .run(|seen| {
            let world = World::new();
            let [gone, taking, reader] = [writer(&world), writer(&world), world.enter()];
            let (old, new) = (world.entry(), world.entry());
            taking.pin().tick();
            let reading = reader.pin();
            gone.pin().remove(&old);
            gone.leave();
            let (entering, found, advancing) = (world.clone(), old.clone(), world.clone());
            let (how, _, _) = race(
                move || {
                    let handle = entering.enter();
                    let guard = handle.pin();
                    assert_eq!(handle.slot(), 0);
                    guard.remove(&new);
                    if entering.in_parcels() > 0 {
                        "sent"
                    } else {
                        "into the same bag"
                    }
                },
                move || found.read_on(&reading),
                || {
                    taking.pin().tick();
                    advance(&advancing, 2);
                    taking.pin().tick();
                },
            );
            seen.record(format!("{}, {how}", fate(&old)));
            world.end();
        });
}
