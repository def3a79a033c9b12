//! The driver of every model.
//!
//! A model is a small scenario of two or three threads. loom runs it again and again, each time
//! with another interleaving and other values that the memory model allows the loads to return,
//! until it has run them all; a panic in any of them fails the test.
//!
//! A model that passes may still have shown nothing. So the driver fails one
//!
//! * that ran out of time or steps, where loom itself would end green;
//! * that ran once only: then nothing was explored;
//! * that never saw an outcome which it says must be reachable.
//!
//! ```
//! use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};
//! use loom_tests::{Model, explore, stop_exploring};
//! use std::sync::Arc;
//!
//! Model::new("two_increments")
//!     .reach(["a first", "b first"])
//!     .run(|seen| {
//!         let counter = Arc::new(AtomicU32::new(7)); // made ready: not explored
//!         explore();
//!         let add = |counter: Arc<AtomicU32>| move || counter.fetch_add(1, Relaxed);
//!         let a = loom::thread::spawn(add(counter.clone()));
//!         let b = loom::thread::spawn(add(counter.clone()));
//!         let (a, b) = (a.join().unwrap(), b.join().unwrap());
//!         stop_exploring(); // the checks and the teardown are not explored either
//!         assert_eq!(counter.load(Relaxed), 9);
//!         seen.record(if a < b { "a first" } else { "b first" });
//!     });
//! ```
//!
//! Share the scenario's objects by `std`'s `Arc`. loom's own adds steps, and looking at its counts
//! is one thing of which the repaired loom may still miss interleavings. Nothing may be random: a
//! scenario has to take the same steps whenever loom makes the same choices.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// From here on every interleaving is run. What comes before it in the main thread, such as
/// filling a map, is run in one way only. Each model calls this once.
pub use loom::explore;

/// From here on nothing new is explored. To be called when all threads are joined.
pub use loom::stop_exploring;

/// A model: its name, how far it is explored, and what must be reachable in it.
#[must_use = "a model does nothing until it is `run`"]
#[derive(Clone, Debug)]
pub struct Model {
    name: &'static str,
    bound: Option<usize>,
    /// The bound of `run full`, where it is another.
    full_bound: Option<Option<usize>>,
    limit: Option<Duration>,
    reach: Vec<String>,
}

impl Model {
    /// A model that explores all executions with at most two preemptions. The name is that of the
    /// test.
    pub fn new(name: &'static str) -> Model {
        Model {
            name,
            bound: Some(2),
            full_bound: None,
            limit: None,
            reach: Vec::new(),
        }
    }

    /// Explores all executions with at most this many preemptions: switches away from a thread
    /// that could have gone on.
    pub fn bound(mut self, preemptions: usize) -> Model {
        self.bound = Some(preemptions);
        self
    }

    /// Explores all executions.
    pub fn unbounded(mut self) -> Model {
        self.bound = None;
        self
    }

    /// The bound of `run full`.
    pub fn full_bound(mut self, preemptions: usize) -> Model {
        self.full_bound = Some(Some(preemptions));
        self
    }

    /// `run full` explores all executions.
    pub fn full_unbounded(mut self) -> Model {
        self.full_bound = Some(None);
        self
    }

    /// Fails if this much time was not enough. `LOOM_TESTS_SECONDS` overrides it.
    pub fn limit(mut self, limit: Duration) -> Model {
        self.limit = Some(limit);
        self
    }

    /// The outcomes that the scenario records: each of these in some execution, and no other.
    pub fn reach<S: Into<String>>(mut self, outcomes: impl IntoIterator<Item = S>) -> Model {
        self.reach = outcomes.into_iter().map(Into::into).collect();
        self
    }

    /// Runs the scenario in all ways within the bound, and prints one line about it.
    ///
    /// # Panics
    ///
    /// If an execution panics, or if what was run shows nothing (see the crate's page).
    pub fn run(mut self, scenario: impl Fn(&Seen) + Send + Sync + 'static) {
        self.obey_environment();

        let mut loom = loom::model::Builder::new();
        loom.preemption_bound = self.bound;
        loom.max_branches = 100_000;
        loom.expect_explicit_explore = true;
        // At these limits loom stops and reports success: the driver has its own.
        loom.max_duration = None;
        loom.max_permutations = None;
        let replayed = loom.checkpoint_file.as_ref().is_some_and(|f| f.exists());

        let executions = Arc::new(AtomicU64::new(0));
        let seen = Seen::new(&self.reach);
        let mut report = Report {
            model: &self,
            executions: executions.clone(),
            start: Instant::now(),
            exploring: true,
        };

        let (limit, start, tally) = (self.limit, report.start, seen.clone());
        logged(|| {
            loom.check(move || {
                let before = executions.fetch_add(1, Relaxed);
                if limit.is_some_and(|limit| start.elapsed() > limit) {
                    panic!("{CUT_OFF} after {before} executions, which show nothing");
                }
                scenario(&tally);
            });
        });

        report.exploring = false;
        report.line(&seen.to_string());
        assert!(!replayed, "a replay from a checkpoint shows nothing");
        assert!(
            report.executions.load(Relaxed) > 1,
            "one execution only: nothing was explored. Is `explore` called, and before the spawns?"
        );
        let missed = seen.missed();
        assert!(missed.is_empty(), "never reached: {}", missed.join(", "));
    }

    /// What the script, or whoever looks for a bug, sets for all models.
    fn obey_environment(&mut self) {
        let value = |name| std::env::var(name).ok();
        if let (Some(bound), Some(_)) = (self.full_bound, value("LOOM_TESTS_FULL")) {
            self.bound = bound;
        }
        if let Some(bound) = value("LOOM_TESTS_BOUND") {
            self.bound = match bound.as_str() {
                "none" => None,
                number => Some(
                    number
                        .parse()
                        .expect("LOOM_TESTS_BOUND: a number or `none`"),
                ),
            };
        }
        if let Some(seconds) = value("LOOM_TESTS_SECONDS") {
            let seconds = seconds.parse().expect("LOOM_TESTS_SECONDS: a number");
            self.limit = Some(Duration::from_secs(seconds));
        }
    }
}

/// How the failure of a model that took too long begins. The mutants' runner looks for it: such a
/// failure has not caught anything.
pub const CUT_OFF: &str = "cut off by the time limit";

/// The outcomes of a model, and how many executions had each. Clones count together.
#[derive(Clone, Debug)]
pub struct Seen(Arc<[(String, AtomicU64)]>);

impl Seen {
    fn new(outcomes: &[String]) -> Seen {
        let unseen = |outcome: &String| (outcome.clone(), AtomicU64::new(0));
        Seen(outcomes.iter().map(unseen).collect())
    }

    /// Says that this execution had this outcome.
    ///
    /// # Panics
    ///
    /// If the model does not name it in [`Model::reach`]: then this execution is a failure.
    pub fn record(&self, outcome: impl AsRef<str>) {
        let outcome = outcome.as_ref();
        match self.0.iter().find(|(expected, _)| expected == outcome) {
            Some((_, count)) => count.fetch_add(1, Relaxed),
            None => panic!("reached what should be unreachable: {outcome}"),
        };
    }

    fn missed(&self) -> Vec<&str> {
        let unseen = self.0.iter().filter(|(_, count)| count.load(Relaxed) == 0);
        unseen.map(|(outcome, _)| outcome.as_str()).collect()
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (outcome, count)) in self.0.iter().enumerate() {
            let before = if index == 0 { "; " } else { ", " };
            write!(f, "{before}{outcome}: {}", count.load(Relaxed))?;
        }
        Ok(())
    }
}

/// Prints the line about a model: at its end, or when an execution panics.
struct Report<'m> {
    model: &'m Model,
    executions: Arc<AtomicU64>,
    start: Instant,
    exploring: bool,
}

impl Report<'_> {
    fn line(&self, more: &str) {
        let (name, n) = (self.model.name, self.executions.load(Relaxed));
        let mut line = format!("{name}: {n} executions, ");
        match self.model.bound {
            Some(bound) => write!(line, "bound {bound}"),
            None => write!(line, "unbounded"),
        }
        .expect("a string takes it");
        let seconds = self.start.elapsed().as_secs_f64();
        // Not by `println`: the test harness would hide the line of a model that passes.
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}, {seconds:.1} s{more}").expect("stdout takes it");
    }
}

impl Drop for Report<'_> {
    fn drop(&mut self) {
        if self.exploring {
            self.line("; FAILED in the last one");
        }
    }
}

/// Runs with loom's trace of each step printed, if `LOOM_LOG` asks for it.
fn logged(run: impl FnOnce()) {
    if std::env::var_os("LOOM_LOG").is_none() {
        return run();
    }
    let log = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("LOOM_LOG"))
        .with_test_writer()
        .with_ansi(false)
        .without_time()
        .finish();
    let _logs_until_dropped = tracing_subscriber::util::SubscriberInitExt::set_default(log);
    run();
}
