//! What is measured, one workload after the other.

mod growth;
mod latency;
mod many;
mod memory;
mod single;
mod throughput;
mod trace;

use std::time::{Duration, Instant};

pub use memory::{CHILD, child};

use crate::map::{Key, Value};
use crate::measure::Wrong;
use crate::progress::Progress;
use crate::requests::Requests;
use crate::runner::{Contestant, Runner};
use crate::table::{Figure, Row, Table};

/// What the workloads are given.
pub struct Setting {
    pub cores: usize,
    /// Numbers of threads, in rising order.
    pub threads: Vec<usize>,
    /// Sizes of maps, in rising order.
    pub entries: Vec<usize>,
    /// Percents of reads in mixed workloads, the rest being writes.
    pub reads: Vec<u32>,
    pub rounds: usize,
    /// How long one turn of one map is measured.
    pub slice: Duration,
    /// Less of everything that has no turns.
    pub quick: bool,
    /// As little as possible: to see that it works.
    pub tiny: bool,
    /// The name of the kind of keys and values.
    pub kind: &'static str,
    pub requests: Requests,
}

/// The tables of a workload, unless a map answered wrongly.
pub type Measured = Result<Vec<Table>, Wrong>;

/// A workload, and how long it will take.
pub struct Workload<K, V> {
    pub name: &'static str,
    pub run: fn(&Context<'_, K, V>) -> Measured,
    /// Turns that each last a slice.
    pub turns: usize,
    /// Seconds of what has no turns.
    pub seconds: f64,
}

/// What a running workload has at hand.
pub struct Context<'a, K, V> {
    pub setting: &'a Setting,
    pub contestants: &'a [Contestant<K, V>],
    pub progress: &'a Progress,
}

/// All workloads, in the order in which they run.
pub fn all<K: Key, V: Value>(setting: &Setting, maps: usize) -> Vec<Workload<K, V>> {
    let mut workloads = throughput::workloads(setting, maps);
    workloads.extend([
        latency::workload(setting, maps),
        growth::workload(setting, maps),
        single::workload(setting, maps),
        memory::workload(setting, maps),
        many::workload(setting, maps),
        trace::workload(setting, maps),
    ]);
    workloads
}

impl<K: Key, V: Value> Context<'_, K, V> {
    /// The contestants that a test admits, each with a map of its own.
    fn maps<'c>(
        &'c self,
        admitted: impl Fn(&Contestant<K, V>) -> bool,
        make: impl Fn(&Contestant<K, V>) -> Box<dyn Runner<K, V>>,
    ) -> Maps<'c, K, V> {
        let admitted = self
            .contestants
            .iter()
            .filter(|contestant| admitted(contestant));
        admitted
            .map(|contestant| {
                self.progress.says(format!("filling {}", contestant.name));
                (contestant, make(contestant))
            })
            .collect()
    }
}

type Maps<'c, K, V> = Vec<(&'c Contestant<K, V>, Box<dyn Runner<K, V>>)>;

/// Rounds of figures for each map and column.
struct Rounds {
    names: Vec<&'static str>,
    /// By map, then by column.
    figures: Vec<Vec<Vec<f64>>>,
}

impl Rounds {
    fn new<K, V>(contestants: &[Contestant<K, V>], columns: usize) -> Self {
        Self {
            names: contestants
                .iter()
                .map(|contestant| contestant.name)
                .collect(),
            figures: vec![vec![Vec::new(); columns]; contestants.len()],
        }
    }

    fn add(&mut self, map: &str, column: usize, figure: f64) {
        let map = self.names.iter().position(|name| *name == map);
        self.figures[map.expect("the map takes part")][column].push(figure);
    }

    /// A row for each map that has a figure at all.
    fn rows(self) -> Vec<Row> {
        let rows = self.names.into_iter().zip(self.figures);
        rows.map(|(map, columns)| Row {
            map,
            figures: columns.into_iter().map(Figure::of).collect(),
        })
        .filter(|row| row.figures.iter().any(Option::is_some))
        .collect()
    }
}

/// Names the map in the error.
fn blame(map: &str, doing: &str) -> impl FnOnce(Wrong) -> Wrong {
    let prefix = format!("{map}, {doing}: ");
    move |Wrong(reason)| Wrong(prefix + &reason)
}

/// Nanoseconds that each of so many operations took.
fn nanoseconds(start: Instant, operations: usize) -> f64 {
    start.elapsed().as_nanos() as f64 / operations as f64
}

/// Words for so many threads.
fn threads(count: usize) -> String {
    match count {
        1 => "1 thread".into(),
        _ => format!("{count} threads"),
    }
}
