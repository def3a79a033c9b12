//! Writes, on one thread, and reads with writes among them, on one thread and on all.
//!
//! - `replace`: new values for present keys, drawn uniformly. `churn`: removes a present key and inserts
//!   another, so that the number of entries stays.
//! - `insert, presized` and `insert, growing`: all entries into an empty map that has room for them, or
//!   none. The map is dropped outside of the time.
//! - `N % reads, T threads`: of the operations of each thread so many are reads, the others replace;
//!   throughput of all together, in nanoseconds an operation. With as many threads as there are
//!   processors, a round is slow if others use one: the best round counts.
//! - Entries: 1,000 (in the first caches), 100,000 (in the last), 1,000,000 (in memory).
//! - Each operation pins for itself: a lock may not be held while its own thread writes.
//! - Maps: dashmap, splitmap, papaya, scc's `HashIndex`, `RwLock<std HashMap>`; `u64` to `u64`, the same
//!   hash builder.
//! - In turns, as `turns` says; the ratio is that to dashmap.
//!
//! Every round is checked: removals find their keys, and reads find values of theirs. (A read of
//! `HashIndex` may miss a key that is replaced meanwhile: see `mixed`.)
//!
//! Not measured: skewed keys (`mixed`), the latency of one write, large keys or values.
//!
//! ```text
//! cargo bench --bench write [-- [--entries N] [--map NAME] [WORK ...]]
//! ```

#[expect(dead_code, reason = "what is left over is for the other benches")]
mod common;
mod turns;

use std::cell::LazyCell;
use std::process::ExitCode;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use common::peers::{Dashmap, HashIndex, Papaya, RwLocked, Splitmap};
use common::{Map, filled, keys};
use splitmap::DefaultHashBuilder;
use turns::{Contestant, Effort, contestant, measure, timed};

/// The sizes of the maps, and those where each is only tried.
const ENTRIES: [u64; 3] = [1_000, 100_000, 1_000_000];
const FEW_ENTRIES: [u64; 3] = [20, 500, 2_000];

/// Operations of a round.
const ROUND: u64 = 1_000_000;

const ROUNDS: u32 = 12;

/// A map that can be removed from.
trait Removing: Map {
    /// Removes a key; false if it is absent.
    fn remove(&self, key: u64) -> bool;
}

impl Removing for Splitmap {
    fn remove(&self, key: u64) -> bool {
        self.pin().remove(&key).is_some()
    }
}

impl Removing for Dashmap {
    fn remove(&self, key: u64) -> bool {
        Dashmap::remove(self, &key).is_some()
    }
}

impl Removing for Papaya {
    fn remove(&self, key: u64) -> bool {
        self.pin().remove(&key).is_some()
    }
}

impl Removing for HashIndex {
    fn remove(&self, key: u64) -> bool {
        self.remove_sync(&key)
    }
}

impl Removing for RwLocked {
    fn remove(&self, key: u64) -> bool {
        let mut map = self.write().expect("no thread panics under the lock");
        map.remove(&key).is_some()
    }
}

#[derive(Clone, Copy)]
enum Work {
    Replace,
    Churn,
    InsertPresized,
    InsertGrowing,
    /// So many reads of a hundred operations, on one thread or on all.
    Reads(u64, bool),
}

impl Work {
    const ALL: [Work; 10] = [
        Work::Replace,
        Work::Churn,
        Work::InsertPresized,
        Work::InsertGrowing,
        Work::Reads(50, false),
        Work::Reads(90, false),
        Work::Reads(98, false),
        Work::Reads(50, true),
        Work::Reads(90, true),
        Work::Reads(98, true),
    ];

    fn name(self) -> String {
        match self {
            Work::Replace => String::from("replace"),
            Work::Churn => String::from("churn"),
            Work::InsertPresized => String::from("insert, presized"),
            Work::InsertGrowing => String::from("insert, growing"),
            Work::Reads(reads, false) => format!("{reads} % reads, one thread"),
            Work::Reads(reads, true) => format!("{reads} % reads, all threads"),
        }
    }
}

/// What is done with maps of one size.
#[derive(Clone, Copy)]
struct Plan<'a> {
    entries: u64,
    /// The numbers of the entries, in random order.
    order: &'a [u64],
    hasher: &'a DefaultHashBuilder,
}

impl<'a> Plan<'a> {
    fn of<M: Removing + 'a>(self, work: Work) -> Contestant<'a> {
        match work {
            Work::Replace => self.replace::<M>(),
            Work::Churn => self.churn::<M>(),
            Work::InsertPresized => self.insert::<M>(self.entries),
            Work::InsertGrowing => self.insert::<M>(0),
            Work::Reads(reads, is_parallel) => self.reads::<M>(reads, is_parallel),
        }
    }

    fn replace<M: Removing + 'a>(self) -> Contestant<'a> {
        let map = self.filled::<M>();
        let mut random = keys::Random::new(1);
        contestant(M::NAME, move |operations| {
            for _ in 0..operations {
                let bits = random.bits();
                let key = keys::key(bits % self.entries);
                map.insert(key, keys::value(key, (bits >> 32) as u32));
            }
        })
    }

    /// The keys of the numbers from `oldest` on, as many as the map has entries, are present.
    fn churn<M: Removing + 'a>(self) -> Contestant<'a> {
        let map = self.filled::<M>();
        let mut oldest = 0;
        contestant(M::NAME, move |operations| {
            for _ in 0..operations {
                assert!(map.remove(keys::key(oldest)), "{} lost a key", M::NAME);
                let key = keys::key(oldest + self.entries);
                map.insert(key, keys::value(key, 0));
                oldest += 1;
            }
        })
    }

    fn insert<M: Removing + 'a>(self, capacity: u64) -> Contestant<'a> {
        timed(M::NAME, move |operations| {
            let maps = (operations / self.entries).max(1);
            let mut time = Duration::ZERO;
            for _ in 0..maps {
                let map = M::with_capacity(capacity as usize, self.hasher.clone());
                let start = Instant::now();
                for &index in self.order {
                    let key = keys::key(index);
                    map.insert(key, keys::value(key, 0));
                }
                time += start.elapsed();
            }
            time.mul_f64(operations as f64 / (maps * self.entries) as f64)
        })
    }

    fn reads<M: Removing + 'a>(self, reads: u64, is_parallel: bool) -> Contestant<'a> {
        let map = self.filled::<M>();
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let threads = if is_parallel { processors } else { 1 };
        timed(M::NAME, move |operations| {
            let (map, each) = (&*map, operations.div_ceil(threads as u64));
            if threads == 1 {
                let start = Instant::now();
                self.read_and_replace(map, reads, each, 0);
                return start.elapsed();
            }
            let line = Barrier::new(threads);
            let run = |seed| {
                line.wait();
                let start = Instant::now();
                self.read_and_replace(map, reads, each, seed);
                (start, Instant::now())
            };
            let spans: Vec<_> = thread::scope(|scope| {
                let run = &run;
                let all: Vec<_> = (0..threads as u64)
                    .map(|seed| scope.spawn(move || run(seed)))
                    .collect();
                let ends = all.into_iter().map(|thread| thread.join());
                ends.map(|span| span.expect("a thread failed")).collect()
            });
            let start = spans.iter().map(|span| span.0).min();
            let end = spans.iter().map(|span| span.1).max();
            end.zip(start)
                .map_or(Duration::ZERO, |(end, start)| end - start)
        })
    }

    fn read_and_replace<M: Removing>(self, map: &M, reads: u64, operations: u64, seed: u64) {
        let mut random = keys::Random::new(seed);
        let mut missed = 0;
        for _ in 0..operations {
            let bits = random.bits();
            let key = keys::key((bits >> 8) % self.entries);
            if (bits & 0xff) * 100 < reads << 8 {
                match M::get(&map.session(), key) {
                    Some(value) => assert_eq!(keys::tag(value), keys::tag(keys::value(key, 0))),
                    None => missed += 1,
                }
            } else {
                map.insert(key, keys::value(key, (bits >> 32) as u32));
            }
        }
        assert!(
            missed == 0 || M::NAME == HashIndex::NAME,
            "{} lost a key",
            M::NAME
        );
    }

    /// Made when it is first used.
    fn filled<M: Map + 'a>(self) -> LazyCell<M, impl FnOnce() -> M + 'a> {
        LazyCell::new(move || filled(self.entries, self.hasher.clone()))
    }

    fn measure(self, work: Work, map: Option<&str>, effort: Effort) {
        let mut all = vec![
            self.of::<Dashmap>(work),
            self.of::<Splitmap>(work),
            self.of::<Papaya>(work),
            self.of::<HashIndex>(work),
            self.of::<RwLocked>(work),
        ];
        all.retain(|contestant| map.is_none_or(|map| contestant.name == map));
        let title = format!("{}: {} entries", work.name(), self.entries);
        measure(&title, ROUND, all, effort);
    }
}

fn main() -> ExitCode {
    let mut effort = Effort {
        rounds: ROUNDS,
        ..Effort::FULL
    };
    let mut sizes = ENTRIES.to_vec();
    let (mut works, mut map) = (Vec::new(), None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => {}
            "--test" => {
                effort = Effort::TRIED;
                sizes = FEW_ENTRIES.to_vec();
            }
            "--entries" => {
                let entries = arguments.next().and_then(|entries| entries.parse().ok());
                sizes = entries.into_iter().collect();
            }
            "--map" => map = arguments.next(),
            name => match Work::ALL.into_iter().find(|work| work.name() == name) {
                Some(work) => works.push(work),
                None => {
                    eprintln!("write: no argument and no work `{name}`");
                    return ExitCode::from(2);
                }
            },
        }
    }
    if works.is_empty() {
        works = Work::ALL.to_vec();
    }
    for entries in sizes {
        let (order, hasher) = (keys::shuffled(entries), DefaultHashBuilder::default());
        let plan = Plan {
            entries,
            order: &order,
            hasher: &hasher,
        };
        for &work in &works {
            plan.measure(work, map.as_deref(), effort);
        }
    }
    ExitCode::SUCCESS
}
