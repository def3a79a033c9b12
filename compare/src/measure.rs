//! Turns: threads work on a map until the time is up, and their answers are checked.

use std::fmt::{self, Display, Formatter};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::draw::Op;
use crate::runner::{Runner, Tally, Turn};

/// What each thread does in a turn.
pub type Work<K, V> = fn(&dyn Runner<K, V>, &[Op<K>], &Turn<'_>) -> Tally;

/// A map that gave a wrong answer. No figure is worth anything then.
#[derive(Debug)]
pub struct Wrong(pub String);

impl Display for Wrong {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "wrong answer: {}", self.0)
    }
}

/// What a turn of all threads did.
pub struct Done {
    /// Operations of all threads in a second.
    pub speed: f64,
    /// What was done, the warming included.
    pub tally: Tally,
}

/// Lets one thread work for each list of operations, for so long. They warm up for a quarter of the
/// time before, begin together, and each is counted for the time that it ran.
pub fn turn<K: Send + Sync, V>(
    map: &dyn Runner<K, V>,
    ops: &[Vec<Op<K>>],
    work: Work<K, V>,
    length: Duration,
) -> Done {
    let (warm, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    let start = Barrier::new(ops.len() + 1);
    let run = |ops: &[Op<K>]| {
        let until = |stop| Turn {
            stop,
            operations: usize::MAX,
        };
        let warmed = work(map, ops, &until(&warm));
        start.wait();
        let begin = Instant::now();
        let tally = work(map, ops, &until(&stop));
        let speed = tally.operations as f64 / begin.elapsed().as_secs_f64();
        (speed, warmed.plus(tally))
    };
    thread::scope(|scope| {
        let threads: Vec<_> = ops.iter().map(|ops| scope.spawn(|| run(ops))).collect();
        thread::sleep(length / 4);
        warm.store(true, Ordering::Relaxed);
        start.wait();
        thread::sleep(length);
        stop.store(true, Ordering::Relaxed);
        let mut done = Done {
            speed: 0.0,
            tally: Tally::default(),
        };
        for thread in threads {
            let (speed, tally) = thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            done.speed += speed;
            done.tally = done.tally.plus(tally);
        }
        done
    })
}

impl Done {
    /// Checks what can be known of the answers: values of the right keys, and as many entries as came
    /// and stayed. With `all` every read has to find its key.
    pub fn check<K, V>(
        &self,
        map: &dyn Runner<K, V>,
        before: usize,
        all: bool,
    ) -> Result<(), Wrong> {
        check(&self.tally, map, before, all)
    }
}

/// The same for a turn that was timed otherwise.
pub fn check<K, V>(
    tally: &Tally,
    map: &dyn Runner<K, V>,
    before: usize,
    all: bool,
) -> Result<(), Wrong> {
    if tally.wrong > 0 {
        let wrong = tally.wrong;
        return Err(Wrong(format!(
            "{wrong} reads returned the value of another key"
        )));
    }
    if all && tally.hits < tally.operations {
        let (hits, reads) = (tally.hits, tally.operations);
        return Err(Wrong(format!(
            "only {hits} of {reads} reads found their key, all of which are present"
        )));
    }
    let (found, right) = (map.len() as i64, before as i64 + tally.balance);
    if found != right {
        return Err(Wrong(format!(
            "the map counts {found} entries instead of {right}"
        )));
    }
    Ok(())
}
