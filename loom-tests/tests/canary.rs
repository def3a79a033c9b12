//! Scenarios whose outcomes are known, and which the published loom 0.7.3 does not explore in full.
//!
//! They fail if the models run on a loom that is not repaired. `run` starts them with whatever
//! else it starts, and checks that they did run.

use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use loom::sync::atomic::{AtomicUsize, fence};
use loom_tests::{Model, explore, stop_exploring};
use std::sync::Arc;

/// The shape of every search that ends in a compare-exchange: two threads load a word, then swap
/// it; a third reads it once. The published loom never lets the reader see a swap.
#[test]
fn canary() {
    Model::new("canary")
        .unbounded()
        .reach(["reader saw none", "saw one", "saw two", "saw both"])
        .run(|seen| {
            let word = Arc::new(AtomicUsize::new(0));
            explore();
            let writers = [1, 2].map(|bit| {
                let word = word.clone();
                loom::thread::spawn(move || set(&word, bit))
            });
            let outcome = match word.load(Acquire) {
                0 => "reader saw none",
                1 => "saw one",
                2 => "saw two",
                _ => "saw both",
            };
            for writer in writers {
                writer.join().unwrap();
            }
            stop_exploring();
            seen.record(outcome);
        });
}

/// Sets a bit by a load and a compare-exchange.
fn set(word: &AtomicUsize, bit: usize) {
    let mut old = word.load(Acquire);
    while let Err(now) = word.compare_exchange(old, old | bit, AcqRel, Acquire) {
        old = now;
    }
}

/// Without a single preemption three threads can still run in six orders. The published loom, with
/// the bound of none, runs them in one.
#[test]
fn canary_bound() {
    Model::new("canary_bound")
        .bound(0)
        .reach(["123", "132", "213", "231", "312", "321"])
        .run(|seen| {
            let digits = Arc::new(AtomicUsize::new(0));
            explore();
            let threads = [1, 2, 3].map(|digit| {
                let digits = digits.clone();
                let append = move |old| Some(10 * old + digit);
                loom::thread::spawn(move || digits.fetch_update(AcqRel, Acquire, append).unwrap())
            });
            for thread in threads {
                thread.join().unwrap();
            }
            stop_exploring();
            seen.record(digits.load(Acquire).to_string());
        });
}

/// A message that is passed on by a thread which has read the first flag, but did not acquire it. A
/// fence of the receiver, which has read the second flag alone, does not make up for that. The
/// published loom never lets it miss the message.
#[test]
fn canary_fence() {
    Model::new("canary_fence")
        .unbounded()
        .reach(["not told", "told, and missed", "told, and seen"])
        .run(|seen| {
            let words = Arc::new([0; 3].map(AtomicUsize::new));
            let (first, second) = (words.clone(), words.clone());
            explore();
            let writer = loom::thread::spawn(move || {
                let [message, flag, _] = &*first;
                message.store(1, Relaxed);
                flag.store(1, Release);
            });
            let teller = loom::thread::spawn(move || {
                let [_, flag, told] = &*second;
                told.store(flag.load(Relaxed), Release);
            });
            let [message, _, told] = &*words;
            let told = told.load(Acquire) == 1;
            fence(Acquire);
            let message = message.load(Relaxed) == 1;
            writer.join().unwrap();
            teller.join().unwrap();
            stop_exploring();
            seen.record(match (told, message) {
                (false, _) => "not told",
                (true, false) => "told, and missed",
                (true, true) => "told, and seen",
            });
        });
}
