//! What the driver refuses: each way in which a model can pass and show nothing.

use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom_tests::{Model, Seen, explore, stop_exploring};
use std::sync::Arc;
use std::time::Duration;

/// One thread stores while another loads: what was loaded.
fn store_and_load(from: impl FnOnce()) -> usize {
    let word = Arc::new(AtomicUsize::new(0));
    from();
    let thread = loom::thread::spawn({
        let word = word.clone();
        move || word.store(1, Relaxed)
    });
    let loaded = word.load(Relaxed);
    thread.join().unwrap();
    loaded
}

fn scenario(seen: &Seen) {
    let loaded = store_and_load(explore);
    stop_exploring();
    seen.record(loaded.to_string());
}

#[test]
fn passes_when_all_outcomes_were_seen_and_no_other() {
    Model::new("driver_passes").reach(["0", "1"]).run(scenario);
}

#[test]
#[should_panic(expected = "never reached: 2, 3")]
fn fails_if_an_outcome_was_never_seen() {
    Model::new("driver_never")
        .reach(["0", "1", "2", "3"])
        .run(scenario);
}

#[test]
#[should_panic(expected = "reached what should be unreachable: 1")]
fn fails_at_an_outcome_nobody_expects() {
    Model::new("driver_unreachable").reach(["0"]).run(scenario);
}

#[test]
#[should_panic(expected = "nothing was explored")]
fn fails_if_nothing_was_explored() {
    Model::new("driver_unexplored").run(|_| {
        store_and_load(|| ());
    });
}

#[test]
#[should_panic(expected = "cut off by the time limit after")]
fn fails_if_time_ran_out() {
    Model::new("driver_time")
        .limit(Duration::ZERO)
        .reach(["0", "1"])
        .run(scenario);
}

#[test]
#[should_panic(expected = "Model exceeded maximum number of branches")]
fn fails_if_a_thread_never_ends() {
    Model::new("driver_endless").run(|_| {
        let word = AtomicUsize::new(0);
        explore();
        while word.load(Relaxed) == 0 {}
    });
}
