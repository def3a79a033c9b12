//! (g) Many small maps.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::draw::{Op, entries};
use crate::map::{Key, Value};
use crate::measure::Wrong;
use crate::runner::{Turn, Writes};
use crate::table::{Better, Plot, Table, grouped};

use super::{Context, Rounds, Setting, Workload, nanoseconds};

/// Entries of each.
const ENTRIES: usize = 8;

pub fn workload<K: Key, V: Value>(setting: &Setting, maps: usize) -> Workload<K, V> {
    Workload {
        name: "many",
        run: many,
        turns: 0,
        seconds: (maps * count(setting) * setting.rounds) as f64 * 5e-6,
    }
}

fn count(setting: &Setting) -> usize {
    match setting {
        Setting { tiny: true, .. } => 100,
        Setting { quick: true, .. } => 2_000,
        _ => 10_000,
    }
}

fn many<K: Key, V: Value>(context: &Context<'_, K, V>) -> Result<Vec<Table>, Wrong> {
    let count = count(context.setting);
    let entries: Vec<Op<K>> = entries(ENTRIES);
    let stop = AtomicBool::new(false);
    let turn = Turn {
        stop: &stop,
        operations: ENTRIES,
    };
    let mut rounds = Rounds::new(context.contestants, 3);
    for _ in 0..context.setting.rounds {
        for contestant in context.contestants {
            // A thread for each map, a copy for each write, or a table for each of two readers.
            if [Writes::ByMessage, Writes::ByCopy, Writes::Published].contains(&contestant.writes) {
                continue;
            }
            context
                .progress
                .says(format!("{}: {count} small maps", contestant.name));
            let start = Instant::now();
            let maps: Vec<_> = (0..count)
                .map(|_| {
                    let map = contestant.empty(0);
                    map.mix(&entries, &turn);
                    map
                })
                .collect();
            rounds.add(contestant.name, 0, nanoseconds(start, count));
            let start = Instant::now();
            let hits: u64 = maps.iter().map(|map| map.read(&entries, &turn).hits).sum();
            rounds.add(contestant.name, 1, nanoseconds(start, count));
            if hits != (count * ENTRIES) as u64 {
                return Err(Wrong(format!(
                    "{}: a small map lost entries",
                    contestant.name
                )));
            }
            let start = Instant::now();
            drop(maps);
            rounds.add(contestant.name, 2, nanoseconds(start, count));
        }
    }
    Ok(vec![Table {
        workload: "many",
        title: format!("{} maps of {ENTRIES} entries", grouped(count)),
        about: "Nanoseconds a map on one thread: made and filled, all entries read, dropped. What they take of memory \
                is in the table of small maps."
            .into(),
        unit: "nanoseconds a map",
        better: Better::Lower,
        columns: ["make and fill", "read all", "drop"].map(String::from).to_vec(),
        rank: 0,
        plot: Plot::None,
        rows: rounds.rows(),
    }])
}
