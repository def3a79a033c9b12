//! Reads with writes among them, on one thread and on two.
//!
//! Ids: `mixed/SHARE_reads/{uniform, zipf}/THREADS_threads/MAP`. Time is for 1,024 operations on
//! every thread at once.
//!
//! - Read share: 100, 98, 90 and 50 %. A write replaces the value of a present key, so the
//!   number of entries stays, and every read must hit.
//! - Keys: uniform, or by Zipf's law with exponent 0.99 (the hottest key takes 8 %), over 100,000
//!   entries. Every thread draws its own operations from the same law.
//! - Each operation pins for itself: a lock may not be held while its own thread writes.
//! - Maps: splitmap, on the default back end and on those whose feature is on, dashmap, papaya,
//!   scc's `HashIndex`, `RwLock<std HashMap>`; `u64` to `u64`, the same hash builder for all, each
//!   presized and filled afresh in the same random order.
//!
//! Every batch is checked: its hits, and the sum of the tags of the values that it read, do not
//! depend on what the other thread does meanwhile, and are known in advance. scc's `HashIndex`
//! is the exception: while one thread replaces a value, a read on another may find no entry at
//! all. Its lost reads are counted and reported on stderr.
//!
//! Not measured: more than two threads, other sizes (`read`), insertion of new keys and removal,
//! growth, large keys or values, latency of a single operation (the example `read_heavy_cache`
//! does), and each map's own default hasher. Memory reclamation is measured as far as its costs
//! fall into writes and pins. The maps run one after another, not interleaved: on a busy
//! machine, or one with fewer than two free cores, repeat a run before believing a ratio.

mod common;

use std::cell::LazyCell;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use common::peers::{Dashmap, HashIndex, Papaya, RwLocked, Splitmap};
use common::{Map, Outcome, filled, keys, only_tries};
use criterion::{Criterion, SamplingMode, Throughput};
use splitmap::DefaultHashBuilder;

/// Operations of a thread in one iteration.
const BATCH: usize = 1024;

/// Batches drawn for a thread.
const BATCHES: usize = 256;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_500))
        .nresamples(10_000)
        .configure_from_args();

    let entries = if only_tries() { 2_000 } else { 100_000 };
    let zipf = Zipf::new(entries, 0.99);
    for reads in [100, 98, 90, 50] {
        for law in [Law::Uniform(entries), Law::Zipf(&zipf)] {
            for threads in [1, 2] {
                let plan = Plan {
                    entries,
                    reads,
                    law,
                    threads,
                    hasher: Default::default(),
                };
                plan.measure::<Splitmap>(&mut criterion);
                #[cfg(feature = "crossbeam-epoch")]
                plan.measure::<Splitmap<splitmap::Crossbeam>>(&mut criterion);
                #[cfg(feature = "seize")]
                plan.measure::<Splitmap<splitmap::Seize>>(&mut criterion);
                plan.measure::<Dashmap>(&mut criterion);
                plan.measure::<Papaya>(&mut criterion);
                plan.measure::<HashIndex>(&mut criterion);
                plan.measure::<RwLocked>(&mut criterion);
            }
        }
    }
    criterion.final_summary();
}

/// How often a key is asked for.
#[derive(Clone, Copy)]
enum Law<'a> {
    Uniform(u64),
    Zipf(&'a Zipf),
}

impl Law<'_> {
    fn name(self) -> &'static str {
        match self {
            Law::Uniform(_) => "uniform",
            Law::Zipf(_) => "zipf",
        }
    }

    fn key(self, random: &mut keys::Random) -> u64 {
        keys::key(match self {
            Law::Uniform(entries) => random.below(entries),
            Law::Zipf(zipf) => zipf.rank(random),
        })
    }
}

/// Zipf's law over the ranks `0..n`: rank `r` has a share in proportion to `1 / (r + 1)^exponent`.
/// Exact, by binary search in the table of cumulative shares.
struct Zipf {
    up_to: Vec<f64>,
}

impl Zipf {
    fn new(n: u64, exponent: f64) -> Self {
        let mut sum = 0.0;
        let up_to = (1..=n).map(|rank| {
            sum += (rank as f64).powf(-exponent);
            sum
        });
        Self {
            up_to: up_to.collect(),
        }
    }

    fn rank(&self, random: &mut keys::Random) -> u64 {
        let total = self.up_to.last().expect("a law has at least one rank");
        let unit = (random.bits() >> 11) as f64 / (1_u64 << 53) as f64;
        self.up_to.partition_point(|sum| *sum <= unit * total) as u64
    }
}

#[derive(Clone, Copy)]
enum Operation {
    Get(u64),
    Replace { key: u64, value: u64 },
}

/// What one thread does, in batches, and what the reads of each batch must find.
struct Program {
    operations: Vec<Operation>,
    outcomes: Vec<Outcome>,
}

impl Program {
    fn draw(law: Law<'_>, reads: u64, seed: u64) -> Self {
        let mut random = keys::Random::new(seed);
        let mut operations = Vec::with_capacity(BATCH * BATCHES);
        let mut outcomes = Vec::with_capacity(BATCHES);
        for _ in 0..BATCHES {
            let mut outcome = Outcome::default();
            for _ in 0..BATCH {
                let key = law.key(&mut random);
                if random.below(100) < reads {
                    outcome.add(Some(keys::value(key, 0)));
                    operations.push(Operation::Get(key));
                } else {
                    let version = random.bits() as u32;
                    let value = keys::value(key, version);
                    operations.push(Operation::Replace { key, value });
                }
            }
            outcomes.push(outcome);
        }
        Self {
            operations,
            outcomes,
        }
    }

    /// The batches, over and over.
    fn batches(&self) -> impl Iterator<Item = (&[Operation], Outcome)> {
        self.operations
            .chunks(BATCH)
            .zip(self.outcomes.iter().copied())
            .cycle()
    }
}

/// One cell of the comparison.
struct Plan<'a> {
    entries: u64,
    reads: u64,
    law: Law<'a>,
    threads: u64,
    hasher: DefaultHashBuilder,
}

impl Plan<'_> {
    fn measure<M: Map>(&self, criterion: &mut Criterion) {
        // Neither is made before it is wanted, so a filter on the command line costs no waiting.
        let map = LazyCell::new(|| filled::<M>(self.entries, self.hasher.clone()));
        let programs = LazyCell::new(|| -> Vec<Program> {
            (0..self.threads)
                .map(|seed| Program::draw(self.law, self.reads, seed))
                .collect()
        });
        let (reads, law, threads) = (self.reads, self.law.name(), self.threads);
        let mut group = criterion.benchmark_group(format!("mixed/{reads}_reads/{law}"));
        // Samples of equal length, each long beside the moment that two threads need to start.
        group.sampling_mode(SamplingMode::Flat);
        group.throughput(Throughput::Elements(BATCH as u64 * threads));
        let losses = Losses::default();
        group.bench_function(format!("{threads}_threads/{}", M::NAME), |bencher| {
            let (map, programs) = (&*map, &*programs);
            bencher.iter_custom(|iterations| run(map, programs, iterations, &losses));
        });
        losses.report::<M>();
    }
}

/// Lets every thread do `batches` batches; from the first start to the last end.
fn run<M: Map>(map: &M, programs: &[Program], batches: u64, losses: &Losses) -> Duration {
    let start_line = Barrier::new(programs.len());
    let work = |program: &Program| {
        start_line.wait();
        let start = Instant::now();
        for (operations, outcome) in program.batches().take(batches as usize) {
            losses.check::<M>(apply(map, operations), outcome);
        }
        (start, Instant::now())
    };
    let spans: Vec<(Instant, Instant)> = thread::scope(|scope| {
        let threads: Vec<_> = programs
            .iter()
            .map(|program| scope.spawn(|| work(program)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a thread failed"))
            .collect()
    });
    let start = spans
        .iter()
        .map(|span| span.0)
        .min()
        .expect("there is at least one thread");
    let end = spans
        .iter()
        .map(|span| span.1)
        .max()
        .expect("there is at least one thread");
    end - start
}

/// Reads that did not find a key which was there all the time.
#[derive(Default)]
struct Losses(AtomicU64);

impl Losses {
    /// Compares what a batch found with what it must find.
    fn check<M: Map>(&self, found: Outcome, expected: Outcome) {
        if found != expected {
            // `HashIndex` replaces by adding a second entry and then marking the first as removed.
            // A read that looks for the second too early and for the first too late finds none.
            let lost = M::NAME == HashIndex::NAME && found.hits < expected.hits;
            assert!(
                lost,
                "{} answers {found:?} instead of {expected:?}",
                M::NAME
            );
            self.0.fetch_add(expected.hits - found.hits, Relaxed);
        }
    }

    fn report<M: Map>(&self) {
        let lost = self.0.load(Relaxed);
        if lost > 0 {
            eprintln!(
                "{}: {lost} reads did not find a key that was never removed",
                M::NAME
            );
        }
    }
}

fn apply<M: Map>(map: &M, operations: &[Operation]) -> Outcome {
    let mut outcome = Outcome::default();
    for &operation in operations {
        match operation {
            Operation::Get(key) => outcome.add(M::get(&map.session(), key)),
            Operation::Replace { key, value } => map.insert(key, value),
        }
    }
    outcome
}
