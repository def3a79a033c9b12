//! Work on whole maps: iterating, cloning, collecting, draining, dropping.
//!
//! - Entries: 1,000 (in the first caches), 100,000 (in the last), 1,000,000 (in memory).
//! - `iterate`, `clone`, `drain` and `drop` get a map that was presized and filled in random order, so
//!   that its entries lie anywhere in memory; `iterate, collected` and `drop, collected` one that was
//!   collected. `drop, boxed values` has a `Box<u64>` for each value.
//! - Filling, and what is not named by the row, is not timed. A clone or a collected map is dropped
//!   outside of the time.
//! - Maps: dashmap, splitmap, papaya, scc's `HashIndex`, `RwLock<std HashMap>`; `u64` to `u64`, the
//!   same hash builder. Papaya and `HashIndex` have nothing that gives their entries back, so they do
//!   not drain. They and splitmap free what was removed later, but all of it when they are dropped.
//! - In turns, as `turns` says; the ratio is that to dashmap.
//!
//! Every walk is checked: it adds up the values that it meets.
//!
//! Not measured: several threads, `retain` and `scan`, large keys or values.
//!
//! ```text
//! cargo bench --bench walk [-- [--entries N] [--map NAME] [WORK ...]]
//! ```

#[expect(dead_code, reason = "what is left over is for the other benches")]
#[path = "common/keys.rs"]
mod keys;
#[expect(dead_code, reason = "what is left over is for the other benches")]
mod turns;

use std::collections::HashMap as StdHashMap;
use std::process::ExitCode;
use std::sync::RwLock;
use std::time::{Duration, Instant};

use splitmap::{DefaultHashBuilder, Epoch};
use turns::{Contestant, Effort, measure, timed};

/// The sizes of the maps, and those where each is only tried.
const ENTRIES: [u64; 3] = [1_000, 100_000, 1_000_000];
const FEW_ENTRIES: [u64; 3] = [20, 500, 2_000];

/// Entries that one round meets, in one map or in several.
const ROUND: u64 = 1_000_000;

const ROUNDS: u32 = 10;

/// What a map holds: a number, in a box or not.
trait Value: Clone + Send + Sync + 'static {
    fn of(number: u64) -> Self;
    fn number(&self) -> u64;
}

impl Value for u64 {
    fn of(number: u64) -> Self {
        number
    }

    fn number(&self) -> u64 {
        *self
    }
}

impl Value for Box<u64> {
    fn of(number: u64) -> Self {
        Box::new(number)
    }

    fn number(&self) -> u64 {
        **self
    }
}

/// A map, as this bench sees it.
trait Walked<V: Value>: Sized {
    const NAME: &'static str;

    fn with_capacity(capacity: usize, hasher: DefaultHashBuilder) -> Self;

    fn put(&mut self, key: u64, value: V);

    fn collected(entries: impl Iterator<Item = (u64, V)>) -> Self;

    /// The sum of all values.
    fn sum(&self) -> u64;

    fn copy(&self) -> Self;

    /// The sum of all values, which are taken out; `None` where they cannot be.
    fn drain(self) -> Option<u64>;
}

type Splitmap<V> = splitmap::HashMap<u64, V, DefaultHashBuilder, Epoch>;

impl<V: Value> Walked<V> for Splitmap<V> {
    const NAME: &'static str = "splitmap";

    fn with_capacity(capacity: usize, hasher: DefaultHashBuilder) -> Self {
        Self::with_capacity_and_hasher(capacity, hasher)
    }

    fn put(&mut self, key: u64, value: V) {
        self.pin().insert(key, value);
    }

    fn collected(entries: impl Iterator<Item = (u64, V)>) -> Self {
        entries.collect()
    }

    fn sum(&self) -> u64 {
        self.pin()
            .values()
            .fold(0, |sum, value| sum.wrapping_add(value.number()))
    }

    fn copy(&self) -> Self {
        self.clone()
    }

    fn drain(mut self) -> Option<u64> {
        let drained = Self::drain(&mut self);
        Some(drained.fold(0, |sum, (_, value)| sum.wrapping_add(value.number())))
    }
}

type Dashmap<V> = dashmap::DashMap<u64, V, DefaultHashBuilder>;

impl<V: Value> Walked<V> for Dashmap<V> {
    const NAME: &'static str = "dashmap";

    fn with_capacity(capacity: usize, hasher: DefaultHashBuilder) -> Self {
        Self::with_capacity_and_hasher(capacity, hasher)
    }

    fn put(&mut self, key: u64, value: V) {
        self.insert(key, value);
    }

    fn collected(entries: impl Iterator<Item = (u64, V)>) -> Self {
        entries.collect()
    }

    fn sum(&self) -> u64 {
        self.iter()
            .fold(0, |sum, entry| sum.wrapping_add(entry.value().number()))
    }

    fn copy(&self) -> Self {
        self.clone()
    }

    fn drain(self) -> Option<u64> {
        Some(
            self.into_iter()
                .fold(0, |sum, (_, value)| sum.wrapping_add(value.number())),
        )
    }
}

type Papaya<V> = papaya::HashMap<u64, V, DefaultHashBuilder>;

impl<V: Value> Walked<V> for Papaya<V> {
    const NAME: &'static str = "papaya";

    fn with_capacity(capacity: usize, hasher: DefaultHashBuilder) -> Self {
        Self::with_capacity_and_hasher(capacity, hasher)
    }

    fn put(&mut self, key: u64, value: V) {
        self.pin().insert(key, value);
    }

    fn collected(entries: impl Iterator<Item = (u64, V)>) -> Self {
        entries.collect()
    }

    fn sum(&self) -> u64 {
        self.pin()
            .values()
            .fold(0, |sum, value| sum.wrapping_add(value.number()))
    }

    fn copy(&self) -> Self {
        self.clone()
    }

    fn drain(self) -> Option<u64> {
        None
    }
}

type HashIndex<V> = scc::HashIndex<u64, V, DefaultHashBuilder>;

impl<V: Value> Walked<V> for HashIndex<V> {
    const NAME: &'static str = "scc_HashIndex";

    fn with_capacity(capacity: usize, hasher: DefaultHashBuilder) -> Self {
        Self::with_capacity_and_hasher(capacity, hasher)
    }

    fn put(&mut self, key: u64, value: V) {
        assert!(self.insert_sync(key, value).is_ok(), "a key twice");
    }

    fn collected(entries: impl Iterator<Item = (u64, V)>) -> Self {
        let map = Self::default();
        for (key, value) in entries {
            assert!(map.insert_sync(key, value).is_ok(), "a key twice");
        }
        map
    }

    fn sum(&self) -> u64 {
        let guard = scc::Guard::new();
        self.iter(&guard)
            .fold(0, |sum, (_, value)| sum.wrapping_add(value.number()))
    }

    fn copy(&self) -> Self {
        self.clone()
    }

    fn drain(self) -> Option<u64> {
        None
    }
}

type RwLocked<V> = RwLock<StdHashMap<u64, V, DefaultHashBuilder>>;

impl<V: Value> Walked<V> for RwLocked<V> {
    const NAME: &'static str = "RwLock_std";

    fn with_capacity(capacity: usize, hasher: DefaultHashBuilder) -> Self {
        Self::new(StdHashMap::with_capacity_and_hasher(capacity, hasher))
    }

    fn put(&mut self, key: u64, value: V) {
        self.get_mut().expect("no panic").insert(key, value);
    }

    fn collected(entries: impl Iterator<Item = (u64, V)>) -> Self {
        Self::new(entries.collect())
    }

    fn sum(&self) -> u64 {
        let map = self.read().expect("no panic");
        map.values()
            .fold(0, |sum, value| sum.wrapping_add(value.number()))
    }

    fn copy(&self) -> Self {
        Self::new(self.read().expect("no panic").clone())
    }

    fn drain(self) -> Option<u64> {
        let map = self.into_inner().expect("no panic");
        Some(
            map.into_iter()
                .fold(0, |sum, (_, value)| sum.wrapping_add(value.number())),
        )
    }
}

/// What is done with maps of one size.
#[derive(Clone, Copy)]
struct Plan<'a> {
    entries: u64,
    order: &'a [u64],
    hasher: &'a DefaultHashBuilder,
}

impl<'a> Plan<'a> {
    fn entries<V: Value>(self) -> impl Iterator<Item = (u64, V)> + 'a {
        self.order.iter().map(|&index| {
            let key = keys::key(index);
            (key, V::of(keys::value(key, 0)))
        })
    }

    fn sum(self) -> u64 {
        self.entries::<u64>()
            .fold(0, |sum, (_, value)| sum.wrapping_add(value))
    }

    fn filled<V: Value, M: Walked<V>>(self) -> M {
        let mut map = M::with_capacity(self.entries as usize, self.hasher.clone());
        for (key, value) in self.entries() {
            map.put(key, value);
        }
        map
    }

    fn collected<V: Value, M: Walked<V>>(self) -> M {
        M::collected(self.entries())
    }

    /// A contestant that does `work` with maps that `make` makes, and times that alone.
    fn contestant<M: 'a, T>(
        self,
        name: &'static str,
        make: impl Fn(Self) -> M + 'a,
        work: impl Fn(M) -> T + 'a,
        check: impl Fn(T) + 'a,
    ) -> Contestant<'a> {
        timed(name, move |entries| {
            let maps = (entries / self.entries).max(1);
            let mut time = Duration::ZERO;
            for _ in 0..maps {
                let map = make(self);
                let start = Instant::now();
                let result = work(map);
                time += start.elapsed();
                check(result);
            }
            time.mul_f64(entries as f64 / (maps * self.entries) as f64)
        })
    }

    /// As above for work that leaves the map as it is.
    fn shared<M: 'a, T>(
        self,
        name: &'static str,
        make: impl Fn(Self) -> M + 'a,
        work: impl Fn(&M) -> T + 'a,
        check: impl Fn(T) + 'a,
    ) -> Contestant<'a> {
        let map = std::cell::LazyCell::new(move || make(self));
        timed(name, move |entries| {
            let maps = (entries / self.entries).max(1);
            let mut time = Duration::ZERO;
            for _ in 0..maps {
                let map = &*map;
                let start = Instant::now();
                let result = work(map);
                time += start.elapsed();
                check(result);
            }
            time.mul_f64(entries as f64 / (maps * self.entries) as f64)
        })
    }

    fn of<M: Walked<u64> + 'a>(self, work: Work) -> Option<Contestant<'a>> {
        let expected = self.sum();
        let check = move |sum| assert_eq!(sum, expected, "{} walks wrongly", M::NAME);
        let name = M::NAME;
        Some(match work {
            Work::Iterate => self.shared(name, Self::filled::<_, M>, M::sum, check),
            Work::IterateCollected => self.shared(name, Self::collected::<_, M>, M::sum, check),
            Work::Clone => self.shared(name, Self::filled::<_, M>, M::copy, drop),
            Work::Collect => self.contestant(name, |plan| plan, Self::collected::<_, M>, drop),
            Work::Drain => {
                self.entries_of_one::<M>().drain()?;
                let drain = |map: M| map.drain().expect("it drains");
                self.contestant(name, Self::filled::<_, M>, drain, check)
            }
            Work::Drop => self.contestant(name, Self::filled::<_, M>, drop, drop),
            Work::DropCollected => self.contestant(name, Self::collected::<_, M>, drop, drop),
            Work::DropBoxed => unreachable!("by `boxed`"),
        })
    }

    fn entries_of_one<M: Walked<u64>>(self) -> M {
        M::with_capacity(0, self.hasher.clone())
    }

    fn boxed<M: Walked<Box<u64>> + 'a>(self) -> Contestant<'a> {
        self.contestant(M::NAME, Self::filled::<_, M>, drop, drop)
    }

    fn measure(self, work: Work, map: Option<&str>, effort: Effort) {
        let mut all = match work {
            Work::DropBoxed => vec![
                self.boxed::<Dashmap<_>>(),
                self.boxed::<Splitmap<_>>(),
                self.boxed::<Papaya<_>>(),
                self.boxed::<HashIndex<_>>(),
                self.boxed::<RwLocked<_>>(),
            ],
            work => [
                self.of::<Dashmap<_>>(work),
                self.of::<Splitmap<_>>(work),
                self.of::<Papaya<_>>(work),
                self.of::<HashIndex<_>>(work),
                self.of::<RwLocked<_>>(work),
            ]
            .into_iter()
            .flatten()
            .collect(),
        };
        all.retain(|contestant| map.is_none_or(|map| contestant.name == map));
        let title = format!("{}: {} entries", work.name(), self.entries);
        measure(&title, ROUND, all, effort);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Work {
    Iterate,
    IterateCollected,
    Clone,
    Collect,
    Drain,
    Drop,
    DropCollected,
    DropBoxed,
}

impl Work {
    const ALL: [Work; 8] = [
        Work::Iterate,
        Work::IterateCollected,
        Work::Clone,
        Work::Collect,
        Work::Drain,
        Work::Drop,
        Work::DropCollected,
        Work::DropBoxed,
    ];

    fn name(self) -> &'static str {
        match self {
            Work::Iterate => "iterate",
            Work::IterateCollected => "iterate, collected",
            Work::Clone => "clone",
            Work::Collect => "collect",
            Work::Drain => "drain",
            Work::Drop => "drop",
            Work::DropCollected => "drop, collected",
            Work::DropBoxed => "drop, boxed values",
        }
    }
}

fn main() -> ExitCode {
    let mut effort = Effort {
        rounds: ROUNDS,
        less: 1,
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
                    eprintln!("walk: no argument and no work `{name}`");
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
