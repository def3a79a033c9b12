//! Guarantees C, D and E for a few real threads: the bytes are a program, and how long threads wait
//! before each of their calls. It runs several times on a map of its own each; what the threads saw
//! is checked for linearizability, and at the end the map's length, its entries and that all is
//! dropped once.
//!
//! ```text
//! fuzz/run threads 300                fuzzes for 300 seconds
//! fuzz/run replay threads             runs the old failures again
//! fuzz/run show threads FILE          prints an input as a program
//! fuzz/run minimise threads FILE      makes a failing input small
//! ```
//!
//! When threads meet is up to the machine: a failure need not come again. `docs/FUZZING.md` says what
//! to do then, and how it runs under ThreadSanitizer.

#![no_main]

mod hashers;
#[path = "../../tests/history/mod.rs"]
mod history;
mod program;

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use subject::{Reclaim, Retired};

use program::{Counted, Execution, Key, Kind, Observer, Op, Program, Subject, View};

extern crate splitmap as subject;

/// How often a program runs: threads meet elsewhere each time.
const ROUNDS: usize = 8;

#[derive(Clone)]
struct Input {
    program: Program,
    /// Before its calls a thread waits so long, one after the other and over again.
    pauses: Vec<u8>,
}

impl<'a> Arbitrary<'a> for Input {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Input> {
        let program = Program::from_bytes(bytes)?;
        let pauses = bytes.bytes(bytes.len())?.to_vec();
        Ok(Input { program, pauses })
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}pauses: {:?}", self.program, self.pauses)
    }
}

/// A place that all threads reach before any goes on. They spin, so that they go on together.
struct Line {
    arrived: AtomicUsize,
    threads: usize,
}

impl Line {
    fn wait(&self, round: usize) {
        self.arrived.fetch_add(1, Ordering::AcqRel);
        while self.arrived.load(Ordering::Acquire) < (round + 1) * self.threads {
            // There may be fewer processors than threads.
            thread::yield_now();
        }
    }
}

/// Waits before calls.
struct Pausing<'p> {
    pauses: &'p [u8],
    next: AtomicUsize,
}

impl Observer for Pausing<'_> {
    fn begins(&self, _: usize, _: Op) {
        if self.pauses.is_empty() {
            return;
        }
        // Relaxed: whose pause it is does not matter.
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        match self.pauses[next % self.pauses.len()] {
            // Others run, also where there is one processor.
            255 => thread::yield_now(),
            pause => (0..u32::from(pause) * 4).for_each(|_| std::hint::spin_loop()),
        }
    }

    fn has_ended(&self, _: usize, _: Op) {}
}

/// The program that is under way, or was the last.
static UNDER_WAY: Mutex<Option<Input>> = Mutex::new(None);

fn report() {
    match UNDER_WAY.try_lock() {
        Ok(input) => {
            if let Some(input) = &*input {
                eprintln!("\n{input:?}\n");
            }
        }
        Err(_) => eprintln!("\nthe input is in use"),
    }
}

/// AddressSanitizer calls this before it prints what it has found.
#[unsafe(no_mangle)]
extern "C" fn __asan_on_error() {
    report();
}

/// A parallel iteration, on rayon's threads.
fn in_parts<'g, K: Key, R: Reclaim<Retired<K, Counted>>>(
    view: &'g View<'_, K, R>,
) -> Vec<(&'g K, &'g Counted)> {
    view.into_par_iter().collect()
}

struct Real<'p>(&'p [u8]);

impl Execution for Real<'_> {
    fn run<K: Key, R: Reclaim<Retired<K, Counted>>>(self, program: &Program) {
        let subjects: Vec<_> = (0..ROUNDS).map(|_| Subject::<K, R>::new(program)).collect();
        let line = Line {
            arrived: AtomicUsize::new(0),
            threads: program.threads.len(),
        };
        let pausing = Pausing {
            pauses: self.0,
            next: AtomicUsize::new(0),
        };
        let recorders: Vec<Vec<_>> = thread::scope(|scope| {
            let spawn = |(number, thread)| {
                let (subjects, line, pausing) = (&subjects, &line, &pausing);
                scope.spawn(move || {
                    let rounds = subjects.iter().enumerate().map(|(round, subject)| {
                        line.wait(round);
                        subject.work(number, thread, pausing)
                    });
                    rounds.collect()
                })
            };
            let threads: Vec<_> = (1..).zip(&program.threads).map(spawn).collect();
            let results = threads.into_iter().map(thread::ScopedJoinHandle::join);
            results
                .map(|result| result.expect("a panic ends the process"))
                .collect()
        });
        let mut recorders: Vec<_> = recorders.into_iter().map(Vec::into_iter).collect();
        let mut alive = 0;
        for subject in &subjects {
            let of_round = recorders.iter_mut().filter_map(Iterator::next);
            alive += subject.check(of_round);
            subject.flush();
        }
        if program.kind.flushes_all() {
            program::assert_alive(alive);
        }
        drop(recorders);
        drop(subjects);
        if program.kind == Kind::Crossbeam {
            program::flush_crossbeam();
        }
        program::assert_alive(0);
    }
}

fn execute(input: Input) {
    let Input { program, pauses } = input.clone();
    *UNDER_WAY.lock().expect("a panic ends the process") = Some(input);
    program.on_a_map(Real(&pauses));
}

/// Makes a panic end the process, with the program.
fn set_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        report();
        eprintln!("{panic}");
        std::process::abort();
    }));
}

fuzz_target!(init: set_panic_hook(), |input: Input| {
    execute(input);
});
