//! (e) What each operation takes on one thread.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::draw::{Act, Op, entries, numbers};
use crate::map::{Key, Value};
use crate::measure::Wrong;
use crate::runner::{Contestant, Runner, Turn, Writes};
use crate::table::{Better, Plot, Table, grouped};

use super::{Context, Rounds, Setting, Workload, nanoseconds};

const COLUMNS: [&str; 11] = [
    "hit",
    "miss",
    "hit, one guard",
    "insert",
    "insert, growing",
    "replace",
    "remove",
    "iterate",
    "clone",
    "collect",
    "drop",
];

pub fn workload<K: Key, V: Value>(setting: &Setting, maps: usize) -> Workload<K, V> {
    let entries: usize = sizes(setting).iter().map(|size| size * copies(*size)).sum();
    Workload {
        name: "operations",
        run: single,
        turns: 0,
        seconds: (entries * maps * (setting.rounds + 1)) as f64 * 9e-7,
    }
}

fn sizes(setting: &Setting) -> &'static [usize] {
    match setting {
        Setting { tiny: true, .. } => &[1_000],
        Setting { quick: true, .. } => &[1_000, 100_000],
        _ => &[1_000, 100_000, 1_000_000],
    }
}

/// Small maps are measured several times over.
fn copies(size: usize) -> usize {
    (20_000 / size).max(1)
}

fn single<K: Key, V: Value>(context: &Context<'_, K, V>) -> Result<Vec<Table>, Wrong> {
    let sizes = sizes(context.setting).iter();
    sizes.map(|size| operations(context, *size)).collect()
}

fn operations<K: Key, V: Value>(context: &Context<'_, K, V>, size: usize) -> Result<Table, Wrong> {
    let keys = Keys {
        present: entries(size),
        // Another order than that of insertion.
        asked: numbers(0..size as u64 * 2).into_iter().fold(
            (Vec::new(), Vec::new()),
            |(mut present, mut absent), op: Op<K>| {
                let half = if (op.number as usize) < size {
                    &mut present
                } else {
                    &mut absent
                };
                half.push(op);
                (present, absent)
            },
        ),
    };
    let mut rounds = Rounds::new(context.contestants, COLUMNS.len());
    // The first round only warms up the allocator and the branch predictor.
    for round in 0..=context.setting.rounds {
        for contestant in context.contestants {
            if [Writes::ByMessage, Writes::Published].contains(&contestant.writes) {
                continue;
            }
            context.progress.says(format!(
                "{}: each operation, {size} entries",
                contestant.name
            ));
            let mut sums = [None; COLUMNS.len()];
            for _ in 0..copies(size) {
                let times = keys.times(contestant)?;
                for (sum, time) in sums.iter_mut().zip(times) {
                    *sum = time.map(|time| sum.unwrap_or(0.0) + time);
                }
            }
            for (column, sum) in sums.into_iter().enumerate() {
                if let Some(sum) = sum.filter(|_| round > 0) {
                    rounds.add(contestant.name, column, sum / copies(size) as f64);
                }
            }
        }
    }
    Ok(Table {
        workload: "operations",
        title: format!("Each operation on one thread, {} entries", grouped(size)),
        about: "Nanoseconds an entry or a lookup, each key once, in random order. \"One guard\" is for 64 lookups, \
                where the map has such a thing. \"Insert\" has room from the start. arc-swap copies the map with \
                each write, which is not measured at these sizes."
            .into(),
        unit: "nanoseconds an entry",
        better: Better::Lower,
        columns: COLUMNS.map(String::from).to_vec(),
        rank: 0,
        plot: Plot::Bars,
        rows: rounds.rows(),
    })
}

/// The keys that are present, and in other orders those that are asked for and that are absent.
struct Keys<K> {
    present: Vec<Op<K>>,
    asked: (Vec<Op<K>>, Vec<Op<K>>),
}

impl<K: Key> Keys<K> {
    fn times<V: Value>(
        &self,
        contestant: &Contestant<K, V>,
    ) -> Result<[Option<f64>; COLUMNS.len()], Wrong> {
        let size = self.present.len();
        let (present, _) = &self.asked;
        let wrong = |what: &str| Wrong(format!("{}, {what} at {size} entries", contestant.name));
        let (time, stop) = (
            |start| Some(nanoseconds(start, size)),
            AtomicBool::new(false),
        );
        let turn = Turn {
            stop: &stop,
            operations: size,
        };
        // Writes need a copy each with a map that copies itself.
        let writable = contestant.writes != Writes::ByCopy;
        let [mut insert, mut growing, mut replace, mut remove] = [None; 4];
        let map: Box<dyn Runner<K, V>> = if writable {
            let map = contestant.empty(0);
            let start = Instant::now();
            map.mix(&self.present, &turn);
            growing = time(start);
            drop(map);
            let map = contestant.empty(size);
            let start = Instant::now();
            let tally = map.mix(&self.present, &turn);
            insert = time(start);
            if tally.balance != size as i64 {
                return Err(wrong("insertions lost"));
            }
            map
        } else {
            contestant.filled(&self.present)
        };

        let [hit, miss, batch] = self.reads(&*map, contestant.name)?;
        let start = Instant::now();
        let visited = map.visit();
        let iterate = time(start);
        let sum = present.iter().map(|op| u64::from(op.tag)).sum();
        if visited != (size, sum) {
            return Err(wrong("wrong iteration"));
        }

        let start = Instant::now();
        let copy = map.copied();
        let clone = copy.is_some().then(|| nanoseconds(start, size));
        if copy.is_some_and(|copy| copy.len() != size) {
            return Err(wrong("wrong clone"));
        }

        if writable {
            [replace, remove] = self.writes(&*map, contestant.name)?;
        }
        drop(map);

        let start = Instant::now();
        let collected = contestant.collected(&self.present);
        let collect = collected.is_some().then(|| nanoseconds(start, size));
        if collected.is_some_and(|map| map.len() != size) {
            return Err(wrong("wrong collect"));
        }

        let full = contestant.filled(&self.present);
        let start = Instant::now();
        drop(full);
        let drop = time(start);
        Ok([
            hit, miss, batch, insert, growing, replace, remove, iterate, clone, collect, drop,
        ])
    }

    /// A hit, a miss, and a hit among 64 under one guard.
    fn reads<V: Value>(
        &self,
        map: &dyn Runner<K, V>,
        name: &str,
    ) -> Result<[Option<f64>; 3], Wrong> {
        let (present, absent) = &self.asked;
        let size = self.present.len();
        let wrong = |what: &str| Wrong(format!("{name}, {what} at {size} entries"));
        let (time, stop) = (
            |start| Some(nanoseconds(start, size)),
            AtomicBool::new(false),
        );
        let turn = Turn {
            stop: &stop,
            operations: size,
        };
        let start = Instant::now();
        let hits = map.read(present, &turn);
        let hit = time(start);
        let start = Instant::now();
        let misses = map.read(absent, &turn);
        let miss = time(start);
        let start = Instant::now();
        let batched = map.read_batches(present, &turn);
        let batch = time(start);
        if (hits.hits, misses.hits, batched.hits) != (size as u64, 0, size as u64)
            || hits.wrong + batched.wrong > 0
        {
            return Err(wrong("wrong reads"));
        }
        Ok([hit, miss, batch])
    }

    /// Replacing all values, and removing all entries.
    fn writes<V: Value>(
        &self,
        map: &dyn Runner<K, V>,
        name: &str,
    ) -> Result<[Option<f64>; 2], Wrong> {
        let (present, _) = &self.asked;
        let size = self.present.len();
        let wrong = |what: &str| Wrong(format!("{name}, {what} at {size} entries"));
        let (time, stop) = (
            |start| Some(nanoseconds(start, size)),
            AtomicBool::new(false),
        );
        let turn = Turn {
            stop: &stop,
            operations: size,
        };
        let with = |act| -> Vec<Op<K>> {
            let ops = present.iter().cloned();
            ops.map(|op| Op { act, ..op }).collect()
        };

        let ops = with(Act::Insert);
        let start = Instant::now();
        let tally = map.mix(&ops, &turn);
        let replace = time(start);
        if tally.balance != 0 {
            return Err(wrong("replacing changed the number of entries"));
        }
        let ops = with(Act::Remove);
        let start = Instant::now();
        let tally = map.mix(&ops, &turn);
        let remove = time(start);
        if tally.balance != -(size as i64) || map.len() != 0 {
            return Err(wrong("removals lost"));
        }
        Ok([replace, remove])
    }
}
