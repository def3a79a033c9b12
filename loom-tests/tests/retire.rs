//! Models of the store as maps use it: `retire`, `tick` and `flush`, and no note that a model makes by
//! itself. In most of them a thread pins in the race: it may have read the epoch long before it has
//! stored it in its slot, and the stamp of what it retires must not be that one.

#![cfg(not(splitmap_doubling))]
#![allow(missing_docs, reason = "a test's name is its documentation")]

use std::sync::Arc;

use loom_tests::{Model, explore, stop_exploring};
use splitmap::model::epoch::{Entry, Handle, World};

/// Runs two threads beside the main one; gives back what the second returns.
fn race<T: 'static>(
    a: impl FnOnce() + 'static,
    b: impl FnOnce() -> T + 'static,
    main: impl FnOnce(),
) -> T {
    explore();
    let (a, b) = (loom::thread::spawn(a), loom::thread::spawn(b));
    main();
    a.join().unwrap();
    let answer = b.join().unwrap();
    stop_exploring();
    answer
}

/// A thread that has written before: it has a bag.
fn writer(world: &Arc<World>) -> Handle {
    let handle = world.enter();
    handle.pin().count(1);
    handle
}

fn advance(world: &World, times: usize) {
    for _ in 0..times {
        world.advance();
    }
}

/// Whether a reader found the object, and what came of it.
fn seen_and_fate(was_seen: bool, entry: &Entry) -> String {
    let seen = if was_seen { "seen" } else { "not seen" };
    let fate = if entry.is_freed() { "freed" } else { "kept" };
    format!("{seen}, {fate}")
}

const KEPT: [&str; 2] = ["seen, kept", "not seen, kept"];
const ALL: [&str; 4] = [KEPT[0], KEPT[1], "seen, freed", "not seen, freed"];

/// Pins, removes, and ends the write // a reader // three advances. Whatever epoch the writer's slot
/// says, an object that was retired a moment ago is not freed while the reader may have it.
#[test]
fn old_pin_ticks() {
    Model::new("old_pin_ticks")
        .full_bound(3)
        .reach(KEPT)
        .run(|seen| {
            let world = World::new();
            let (writer, reader, entry) = (writer(&world), world.enter(), world.entry());
            let (removed, found) = (entry.clone(), entry.clone());
            let was_seen = race(
                move || {
                    let guard = writer.pin();
                    guard.remove(&removed);
                    guard.tick();
                },
                move || found.read(&reader.pin()),
                || advance(&world, 3),
            );
            seen.record(seen_and_fate(was_seen, &entry));
            world.end();
        });
}

/// Pins, removes, and is done // a reader // two advances, and a flush by another thread.
#[test]
#[ignore = "a minute: run full"]
fn old_pin_flushed() {
    Model::new("old_pin_flushed")
        .full_bound(3)
        .reach(ALL)
        .run(|seen| {
            let world = World::new();
            let [writer, flushing, reader] = [writer(&world), world.enter(), world.enter()];
            let entry = world.entry();
            let (removed, found) = (entry.clone(), entry.clone());
            let was_seen = race(
                move || writer.pin().remove(&removed),
                move || found.read(&reader.pin()),
                || {
                    advance(&world, 2);
                    flushing.flush();
                },
            );
            seen.record(seen_and_fate(was_seen, &entry));
            world.end();
        });
}

/// Pins, and sends what it removes as a parcel // a reader // three advances, and then the end of
/// another thread's write, which receives it, and frees what is ripe.
#[test]
#[ignore = "run full"]
fn old_pin_sends() {
    Model::new("old_pin_sends")
        .full_bound(3)
        .reach(ALL)
        .run(|seen| {
            let world = World::new();
            let [sender, receiver, reader] = [writer(&world), writer(&world), world.enter()];
            let entry = world.entry();
            world.divert(sender.slot());
            let (removed, found) = (entry.clone(), entry.clone());
            let was_seen = race(
                move || sender.pin().remove(&removed),
                move || found.read(&reader.pin()),
                || {
                    advance(&world, 3);
                    receiver.pin().tick();
                },
            );
            seen.record(seen_and_fate(was_seen, &entry));
            world.end();
        });
}

/// Pins, removes, and writes no more // a reader // the ends of another thread's writes, which advance
/// the epoch and take over what was left behind.
#[test]
#[ignore = "a minute: run full"]
fn old_pin_left_behind() {
    Model::new("old_pin_left_behind")
        .bound(1)
        .full_bound(2)
        .reach(ALL)
        .run(|seen| {
            let world = World::new();
            let [gone, taking, reader] = [writer(&world), writer(&world), world.enter()];
            let entry = world.entry();
            let (removed, found) = (entry.clone(), entry.clone());
            let was_seen = race(
                move || {
                    gone.pin().remove(&removed);
                    gone.leave();
                },
                move || found.read(&reader.pin()),
                || (0..6).for_each(|_| taking.pin().tick()),
            );
            seen.record(seen_and_fate(was_seen, &entry));
            world.end();
        });
}

/// A flush // a reader from before the last advance leaves: an advance that is refused is tried again,
/// as often as there are attempts.
#[test]
fn flush_tries_again() {
    Model::new("flush_tries_again")
        .full_unbounded()
        .reach([
            "0 advances",
            "1 advances",
            "2 advances",
            "3 advances: freed",
        ])
        .run(|seen| {
            let world = World::new();
            let [flushing, reader] = [writer(&world), world.enter()];
            let entry = world.entry();
            let reading = reader.pin();
            assert!(world.advance());
            flushing.pin().remove(&entry);
            let before = world.epoch();
            race(move || drop(reading), || (), || flushing.flush());
            let fate = if entry.is_freed() { ": freed" } else { "" };
            seen.record(format!("{} advances{fate}", world.epoch() - before));
            world.end();
        });
}
