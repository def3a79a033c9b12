//! Guarantees C, D and E for a few threads: the bytes are a program *and its schedule*. The map runs
//! under shuttle, one thread at a time; what the threads saw is checked for linearizability, and at
//! the end the map's length, its entries and that all is dropped once. AddressSanitizer sees what is
//! freed too early.
//!
//! ```text
//! fuzz/run sched 300                fuzzes for 300 seconds
//! fuzz/run replay sched             runs the old failures again
//! fuzz/run show sched FILE          prints an input as a program
//! fuzz/run minimise sched FILE      makes a failing input small
//! ```
//!
//! A byte of the schedule is a thread and a number of steps, each an access to an atomic. Where
//! they have come to an end, threads run in turn, so that each execution ends. The same bytes do
//! the same every time. `docs/FUZZING.md` says how to read a failure.

#![no_main]

mod hashers;
#[path = "../../tests/history/mod.rs"]
mod history;
mod program;

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, Mutex};

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner, thread};
use subject::{Reclaim, Retired};

use program::{Counted, Execution, Key, Kind, Observer, Op, Program, Subject, View};

extern crate splitmap_scheduled as subject;

/// Far more steps than any program takes whose threads get on.
const MOST_STEPS: usize = 200_000;
/// So much of how it ran is printed, from its beginning and up to its end.
const FIRST_SPANS: usize = 200;
const LAST_SPANS: usize = 20;
/// A schedule has at most so many turns.
const MOST_TURNS: usize = 256;

#[derive(Clone)]
struct Input {
    program: Program,
    turns: Vec<Turn>,
}

/// A thread, from 1 on, and how many steps it takes.
#[derive(Clone, Copy)]
struct Turn {
    thread: usize,
    steps: usize,
}

impl<'a> Arbitrary<'a> for Input {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Input> {
        let program = Program::from_bytes(bytes)?;
        let rest = bytes.bytes(bytes.len().min(MOST_TURNS))?;
        let turn = |&byte: &u8| Turn {
            thread: usize::from(byte & 3) % program.threads.len() + 1,
            steps: usize::from(byte >> 2) + 1,
        };
        let turns = rest.iter().map(turn).collect();
        Ok(Input { program, turns })
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}schedule:", self.program)?;
        for turns in self.turns.chunk_by(|one, next| one.thread == next.thread) {
            let steps: usize = turns.iter().map(|turn| turn.steps).sum();
            write!(f, " thread {} for {steps},", turns[0].thread)?;
        }
        write!(f, " then all in turn")
    }
}

/// Lets threads take their turns; then each as many steps as this, unless it yields.
const FAIR: usize = 256;

struct ByBytes {
    turns: std::vec::IntoIter<Turn>,
    now: Turn,
    steps: usize,
    is_new: bool,
}

impl ByBytes {
    fn new(turns: Vec<Turn>) -> ByBytes {
        ByBytes {
            turns: turns.into_iter(),
            now: Turn {
                thread: 0,
                steps: 0,
            },
            steps: 0,
            is_new: true,
        }
    }
}

impl Scheduler for ByBytes {
    fn new_execution(&mut self) -> Option<Schedule> {
        std::mem::take(&mut self.is_new).then(|| Schedule::new(0))
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        _: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        let runs = |thread: usize| {
            let of_thread = |task: &&&Task| usize::from(task.id()) == thread;
            runnable.iter().find(of_thread).map(|task| task.id())
        };
        self.steps += 1;
        assert!(
            self.steps < MOST_STEPS,
            "the threads do not come to an end: they keep each other from it"
        );
        // The main thread is alone, or has just to start or to await the others.
        if let Some(main) = runs(0) {
            log(|log| log.step(0));
            return Some(main);
        }
        // Whoever yields waits for somebody. A turn is as long as it says all the same.
        if is_yielding && self.turns.len() == 0 {
            self.now.steps = 0;
        }
        let task = loop {
            if let Some(task) = runs(self.now.thread)
                && self.now.steps > 0
            {
                self.now.steps -= 1;
                break task;
            }
            self.now = self.turns.next().unwrap_or_else(|| {
                let ids = || runnable.iter().map(|task| usize::from(task.id()));
                let next = ids().filter(|&thread| thread > self.now.thread).min();
                Turn {
                    thread: next.or_else(|| ids().min()).expect("one is runnable"),
                    steps: FAIR,
                }
            });
        };
        log(|log| log.step(self.now.thread));
        Some(task)
    }

    fn next_u64(&mut self) -> u64 {
        0
    }
}

/// The execution that is under way, or was the last.
#[derive(Default)]
struct Log {
    input: Option<Input>,
    spans: Vec<Span>,
}

/// Steps of one thread with no step of another in between.
struct Span {
    thread: usize,
    steps: usize,
    /// The calls that began then, or ended.
    calls: Vec<(Moment, Op)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Moment {
    Begins,
    HasEnded,
}

thread_local! {
    static LOG: RefCell<Log> = RefCell::default();
}

fn log(change: impl FnOnce(&mut Log)) {
    LOG.with_borrow_mut(change);
}

impl Log {
    fn step(&mut self, thread: usize) {
        match self.spans.last_mut() {
            Some(span) if span.thread == thread => span.steps += 1,
            _ => self.spans.push(Span {
                thread,
                steps: 1,
                calls: Vec::new(),
            }),
        }
    }

    fn call(&mut self, moment: Moment, op: Op) {
        let span = self.spans.last_mut().expect("a thread has run");
        span.calls.push((moment, op));
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(input) = &self.input {
            writeln!(f, "{input:?}")?;
        }
        writeln!(
            f,
            "\nas it ran: threads, their steps, and their calls (.. goes on)"
        )?;
        let last = self.spans.len().saturating_sub(LAST_SPANS);
        for (number, span) in self.spans.iter().enumerate() {
            if (FIRST_SPANS..last).contains(&number) {
                if number == FIRST_SPANS {
                    writeln!(f, "   ...")?;
                }
                continue;
            }
            let name = match span.thread {
                0 => String::from("main"),
                thread => thread.to_string(),
            };
            write!(f, "{name:>6} {:>5}", span.steps)?;
            let mut calls = span.calls.iter();
            while let Some((moment, op)) = calls.next() {
                let is_whole = *moment == Moment::Begins && calls.next().is_some();
                match moment {
                    _ if is_whole => write!(f, "  {op:?}")?,
                    Moment::Begins => write!(f, "  {op:?} ..")?,
                    Moment::HasEnded => write!(f, "  .. {op:?}")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// Prints what is under way.
fn report() {
    // Whatever fails may hold the log.
    LOG.with(|log| match log.try_borrow() {
        Ok(log) => eprintln!("\n{log}"),
        Err(_) => eprintln!("\nthe log is in use"),
    });
}

/// AddressSanitizer calls this before it prints what it has found.
#[unsafe(no_mangle)]
extern "C" fn __asan_on_error() {
    report();
}

/// What a parallel iteration does, on this thread: rayon's own are no threads of shuttle.
fn in_parts<'g, K: Key, R: Reclaim<Retired<K, Counted>>>(
    view: &'g View<'_, K, R>,
) -> impl Iterator<Item = (&'g K, &'g Counted)> {
    view.in_parts()
}

struct Logged;

impl Observer for Logged {
    fn begins(&self, _: usize, op: Op) {
        log(|log| log.call(Moment::Begins, op));
    }

    fn has_ended(&self, _: usize, op: Op) {
        log(|log| log.call(Moment::HasEnded, op));
    }
}

struct Scheduled;

impl Execution for Scheduled {
    fn run<K: Key, R: Reclaim<Retired<K, Counted>>>(self, program: &Program) {
        let subject = Subject::<K, R>::new(program);
        let recorders = Mutex::new(Vec::new());
        // Not joined one by one: with shuttle 0.9.10 that goes wrong where the last of them ends
        // while it is joined, and still has thread-locals to destroy.
        thread::scope(|scope| {
            for (number, thread) in (1..).zip(&program.threads) {
                let (subject, recorders) = (&subject, &recorders);
                scope.spawn(move || {
                    let recorder = subject.work(number, thread, &Logged);
                    recorders
                        .lock()
                        .expect("a panic ends the process")
                        .push(recorder);
                });
            }
        });
        let recorders = recorders.into_inner().expect("as above");
        let alive = subject.check(recorders);
        subject.flush();
        if program.kind.flushes_all() {
            program::assert_alive(alive);
        }
        drop(subject);
        if program.kind == Kind::Crossbeam {
            program::flush_crossbeam();
        }
        program::assert_alive(0);
    }
}

fn execute(input: Input) {
    let mut config = Config::new();
    config.silence_warnings = true;
    config.stack_size = 1 << 18;
    config.failure_persistence = FailurePersistence::None;
    // Ours is reported before anything is torn down.
    config.max_steps = MaxSteps::None;
    let scheduler = ByBytes::new(input.turns.clone());
    let program = Arc::new(input.program.clone());
    log(|log| {
        log.spans.clear();
        log.input = Some(input);
    });
    Runner::new(scheduler, config).run(move || program.on_a_map(Scheduled));
}

/// Makes a panic end the process, with all that is known of it. shuttle sets a hook of its own when
/// it first runs, which says less: so it runs first.
fn set_panic_hook() {
    let nothing = Unstructured::new(&[]).arbitrary();
    execute(nothing.expect("no bytes are a program"));
    std::panic::set_hook(Box::new(|panic| {
        report();
        eprintln!("{panic}");
        std::process::abort();
    }));
}

fuzz_target!(init: set_panic_hook(), |input: Input| {
    execute(input);
});
