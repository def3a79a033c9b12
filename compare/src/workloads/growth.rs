//! (d) How long an insertion takes while the map grows, and how fast all threads fill one.

use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Instant;

use crate::draw::{Op, entries};
use crate::map::{Key, Value};
use crate::measure::{Wrong, check};
use crate::runner::{Contestant, Tally, Turn, Writes};
use crate::table::{Better, Plot, Table, grouped};

use super::{Context, Rounds, Setting, Workload, blame, threads};

/// Like runs: the least time of each insertion counts, so that it is not the scheduler's.
const RUNS: usize = 3;

const POINTS: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
    ("max", 1.0),
];

pub fn workload<K: Key, V: Value>(setting: &Setting, maps: usize) -> Workload<K, V> {
    Workload {
        name: "growth",
        run: growth,
        turns: 0,
        seconds: (maps * (RUNS + 2 * fillings(setting)) * size(setting)) as f64 * 2.2e-7,
    }
}

fn size(setting: &Setting) -> usize {
    match setting {
        Setting { tiny: true, .. } => 10_000,
        Setting { quick: true, .. } => 500_000,
        _ => 4_000_000,
    }
}

fn fillings(setting: &Setting) -> usize {
    if setting.quick { 1 } else { 2 }
}

/// A map that is filled one by one in reasonable time.
fn grows<K: Key, V: Value>(contestant: &Contestant<K, V>) -> bool {
    matches!(contestant.writes, Writes::Any | Writes::Alone)
}

fn growth<K: Key, V: Value>(context: &Context<'_, K, V>) -> Result<Vec<Table>, Wrong> {
    let size = size(context.setting);
    let entries = entries(size);
    Ok(vec![
        pauses(context, &entries)?,
        filling(context, &entries)?,
    ])
}

fn pauses<K: Key, V: Value>(
    context: &Context<'_, K, V>,
    entries: &[Op<K>],
) -> Result<Table, Wrong> {
    let grown: Vec<_> = context
        .contestants
        .iter()
        .filter(|contestant| grows(contestant))
        .collect();
    let mut least = vec![vec![u32::MAX; entries.len()]; grown.len()];
    for _ in 0..RUNS {
        for (contestant, least) in grown.iter().zip(&mut least) {
            context.progress.says(format!("{}: grows", contestant.name));
            let map = contestant.empty(0);
            let tally = map.time_inserts(entries, least);
            check(&tally, &*map, 0, false).map_err(blame(contestant.name, "growing"))?;
        }
    }
    let mut rounds = Rounds::new(context.contestants, POINTS.len());
    for (contestant, mut least) in grown.into_iter().zip(least) {
        least.sort_unstable();
        for (column, (_, point)) in POINTS.iter().enumerate() {
            let position = (point * (least.len() - 1) as f64) as usize;
            rounds.add(contestant.name, column, f64::from(least[position]));
        }
    }
    Ok(Table {
        workload: "growth",
        title: format!(
            "Insertion latency while growing from empty to {} entries",
            grouped(entries.len())
        ),
        about: format!(
            "One thread inserts. Of {RUNS} like runs, each insertion counts with its shortest time, so that \
             what remains is the map's own work and not that of the scheduler. The clock's own 20 to 50 ns \
             are included."
        ),
        unit: "nanoseconds",
        better: Better::Lower,
        columns: POINTS.map(|(name, _)| name.to_string()).to_vec(),
        rank: 4,
        plot: Plot::Bars,
        rows: rounds.rows(),
    })
}

fn filling<K: Key, V: Value>(
    context: &Context<'_, K, V>,
    entries: &[Op<K>],
) -> Result<Table, Wrong> {
    let counts = [1, context.setting.cores.max(2)];
    let mut rounds = Rounds::new(context.contestants, counts.len());
    for _ in 0..fillings(context.setting) {
        for contestant in context
            .contestants
            .iter()
            .filter(|contestant| grows(contestant))
        {
            for (column, &count) in counts.iter().enumerate() {
                if contestant.writes == Writes::Alone && count > 1 {
                    continue;
                }
                context
                    .progress
                    .says(format!("{}: filled by {}", contestant.name, threads(count)));
                let map = contestant.empty(0);
                let (start, stop) = (Instant::now(), AtomicBool::new(false));
                let insert = |part: &[Op<K>]| {
                    let turn = Turn {
                        stop: &stop,
                        operations: part.len(),
                    };
                    map.mix(part, &turn)
                };
                let tally = thread::scope(|scope| {
                    let parts = entries.chunks(entries.len().div_ceil(count));
                    let parts: Vec<_> = parts.map(|part| scope.spawn(|| insert(part))).collect();
                    parts
                        .into_iter()
                        .fold(Tally::default(), |sum, part| match part.join() {
                            Ok(tally) => sum.plus(tally),
                            Err(panic) => std::panic::resume_unwind(panic),
                        })
                });
                let speed = entries.len() as f64 / start.elapsed().as_secs_f64() / 1e6;
                check(&tally, &*map, 0, false).map_err(blame(contestant.name, "filling"))?;
                rounds.add(contestant.name, column, speed);
            }
        }
    }
    Ok(Table {
        workload: "growth",
        title: format!("Filling an empty map with {} entries, one by one", grouped(entries.len())),
        about: "The map has no room at the start, and grows. (conc-map-bench's RapidGrow starts with room for \
                all.)"
            .into(),
        unit: "million insertions a second, all threads",
        better: Better::Higher,
        columns: counts.map(threads).to_vec(),
        rank: 1,
        plot: Plot::Bars,
        rows: rounds.rows(),
    })
}
