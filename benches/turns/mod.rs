//! Contestants measured in turns, in one process, many rounds; the best round of each counts, and
//! what matters is the ratio.

use std::time::{Duration, Instant};

/// One contestant: its name, and a closure that does the work so many times and says how long that
/// took.
pub struct Contestant<'a> {
    pub name: &'static str,
    work: Box<dyn FnMut(u64) -> Duration + 'a>,
}

/// A contestant all of whose work is timed.
pub fn contestant<'a>(name: &'static str, mut work: impl FnMut(u64) + 'a) -> Contestant<'a> {
    timed(name, move |operations| {
        let start = Instant::now();
        work(operations);
        start.elapsed()
    })
}

/// A contestant that times what counts of its work.
pub fn timed<'a>(name: &'static str, work: impl FnMut(u64) -> Duration + 'a) -> Contestant<'a> {
    Contestant {
        name,
        work: Box::new(work),
    }
}

/// How much is done.
#[derive(Clone, Copy)]
pub struct Effort {
    pub rounds: u32,
    /// Divides the number of operations of a round.
    pub less: u64,
}

impl Effort {
    /// Enough for a ratio.
    pub const FULL: Effort = Effort {
        rounds: 30,
        less: 1,
    };
    /// Only to see that it runs.
    pub const TRIED: Effort = Effort {
        rounds: 1,
        less: 1_000,
    };
}

/// Nanoseconds an operation, the best of all rounds.
pub fn measure(title: &str, operations: u64, mut all: Vec<Contestant<'_>>, effort: Effort) {
    let operations = (operations / effort.less).max(1);
    let mut best = vec![Duration::MAX; all.len()];
    for _ in 0..effort.rounds {
        for (contestant, best) in all.iter_mut().zip(&mut best) {
            *best = (contestant.work)(operations).min(*best);
        }
    }
    println!("\n{title}");
    let nanoseconds = |time: Duration| time.as_nanos() as f64 / operations as f64;
    let first = nanoseconds(best[0]);
    for (contestant, best) in all.iter().zip(best) {
        let time = nanoseconds(best);
        println!(
            "  {:<28} {time:9.2} ns   {:6.2}x",
            contestant.name,
            time / first
        );
    }
}
