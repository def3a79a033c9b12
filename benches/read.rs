//! Reads alone, on one thread.
//!
//! Ids: `read/ENTRIES/{hit, miss}/{pin_per_get, pin_per_batch}/MAP`. Time is for 1,024 lookups.
//!
//! - Entries: 1,000 (in the first caches), 100,000 (in the last), 5,000,000 (in memory).
//! - A hit looks for a present key, uniformly drawn; a miss for one that was never there.
//! - A pin for each get, or one for the batch. For `RwLock` the pin is its read lock; DashMap
//!   has none to hold, so its two figures measure the same.
//! - Maps: splitmap, on the default back end and on those whose feature is on, dashmap, papaya,
//!   scc's `HashIndex`, `RwLock<std HashMap>`; `u64` to `u64`, the same hash builder for all, each
//!   presized and filled in the same random order.
//!
//! Every batch is checked: its hits and the sum of its values' tags are known in advance.
//!
//! Not measured: several threads and writes (`mixed`), growth, removal, iteration, memory, large
//! keys or values, latency of a single lookup, and each map's own default hasher. The maps run
//! one after another, not interleaved: on a busy machine repeat a run before believing a ratio.

mod common;

use std::cell::LazyCell;
use std::time::Duration;

use common::peers::{Dashmap, HashIndex, Papaya, RwLocked, Splitmap};
use common::{Map, Outcome, filled, keys, only_tries};
use criterion::{Criterion, Throughput};
use splitmap::DefaultHashBuilder;

/// Lookups in one iteration.
const BATCH: usize = 1024;

/// Batches drawn for one benchmark: enough that neither a cache nor the branch predictor can
/// learn them by heart.
const BATCHES: usize = 1024;

/// The sizes of the maps.
const ENTRIES: [u64; 3] = [1_000, 100_000, 5_000_000];

/// The same sizes where each benchmark is only tried.
const FEW_ENTRIES: [u64; 3] = [20, 2_000, 100_000];

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_500))
        .nresamples(10_000)
        .configure_from_args();

    for entries in if only_tries() { FEW_ENTRIES } else { ENTRIES } {
        let hits = LazyCell::new(|| Lookups::draw(0, entries, true));
        let misses = LazyCell::new(|| Lookups::draw(entries, entries, false));
        let plan = Plan {
            entries,
            hits: &hits,
            misses: &misses,
            hasher: Default::default(),
        };
        // One map after another, so that only one of the large ones is in memory at a time.
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
    criterion.final_summary();
}

/// Batches of keys to look for, and what each batch must find.
struct Lookups {
    keys: Vec<u64>,
    outcomes: Vec<Outcome>,
}

impl Lookups {
    /// Draws from the keys of the numbers `first..first + count`.
    fn draw(first: u64, count: u64, present: bool) -> Self {
        let mut random = keys::Random::new(first);
        let keys: Vec<u64> = (0..BATCH * BATCHES)
            .map(|_| keys::key(first + random.below(count)))
            .collect();
        let outcomes = keys.chunks(BATCH).map(|batch| {
            let mut outcome = Outcome::default();
            batch
                .iter()
                .for_each(|&key| outcome.add(present.then(|| keys::value(key, 0))));
            outcome
        });
        Self {
            outcomes: outcomes.collect(),
            keys,
        }
    }

    /// The batches, over and over.
    fn batches(&self) -> impl Iterator<Item = (&[u64], Outcome)> {
        self.keys
            .chunks(BATCH)
            .zip(self.outcomes.iter().copied())
            .cycle()
    }
}

/// What is measured at one size. Nothing is drawn or built before a benchmark asks for it, so a
/// filter on the command line costs no waiting.
struct Plan<'a, F: FnOnce() -> Lookups, G: FnOnce() -> Lookups> {
    entries: u64,
    hits: &'a LazyCell<Lookups, F>,
    misses: &'a LazyCell<Lookups, G>,
    hasher: DefaultHashBuilder,
}

impl<F: FnOnce() -> Lookups, G: FnOnce() -> Lookups> Plan<'_, F, G> {
    fn measure<M: Map>(&self, criterion: &mut Criterion) {
        let map = LazyCell::new(|| filled::<M>(self.entries, self.hasher.clone()));
        for kind in ["hit", "miss"] {
            let lookups = || {
                if kind == "hit" {
                    &**self.hits
                } else {
                    &**self.misses
                }
            };
            let name = format!("read/{}/{kind}", self.entries);
            let mut group = criterion.benchmark_group(&name);
            group.throughput(Throughput::Elements(BATCH as u64));
            group.bench_function(format!("pin_per_get/{}", M::NAME), |bencher| {
                let (map, mut batches) = (&*map, lookups().batches());
                bencher.iter(|| {
                    let (keys, outcome) = batches.next().expect("the batches never end");
                    assert_eq!(
                        pin_per_get(map, keys),
                        outcome,
                        "{} answers wrongly",
                        M::NAME
                    );
                });
            });
            group.bench_function(format!("pin_per_batch/{}", M::NAME), |bencher| {
                let (map, mut batches) = (&*map, lookups().batches());
                bencher.iter(|| {
                    let (keys, outcome) = batches.next().expect("the batches never end");
                    assert_eq!(
                        pin_per_batch(map, keys),
                        outcome,
                        "{} answers wrongly",
                        M::NAME
                    );
                });
            });
        }
    }
}

fn pin_per_get<M: Map>(map: &M, keys: &[u64]) -> Outcome {
    let mut outcome = Outcome::default();
    for &key in keys {
        outcome.add(M::get(&map.session(), key));
    }
    outcome
}

fn pin_per_batch<M: Map>(map: &M, keys: &[u64]) -> Outcome {
    let mut outcome = Outcome::default();
    let session = map.session();
    for &key in keys {
        outcome.add(M::get(&session, key));
    }
    outcome
}
