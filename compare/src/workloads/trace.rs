//! (i) A look-aside cache that replays real requests.

use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Instant;

use crate::draw::Op;
use crate::map::{Key, Value};
use crate::measure::{Wrong, check};
use crate::peers;
use crate::runner::{Contestant, Runner, Tally, Turn, Writes};
use crate::table::{Better, Plot, Table, grouped};

use super::{Context, Rounds, Setting, Workload, blame, threads};

pub fn workload<K: Key, V: Value>(setting: &Setting, maps: usize) -> Workload<K, V> {
    Workload {
        name: "trace",
        run: trace,
        turns: 0,
        seconds: (maps * setting.rounds * setting.requests.ops.len()) as f64 * 4e-7,
    }
}

fn trace<K: Key, V: Value>(context: &Context<'_, K, V>) -> Result<Vec<Table>, Wrong> {
    let setting = context.setting;
    let requests = &setting.requests;
    let mut contestants: Vec<Contestant<String, u64>> = peers::all();
    contestants.retain(|contestant| {
        let taking_part = context
            .contestants
            .iter()
            .any(|other| other.name == contestant.name);
        taking_part && matches!(contestant.writes, Writes::Any | Writes::Alone)
    });
    let counts = [1, setting.cores.max(2)];
    let mut rounds = Rounds::new(&contestants, 2 * counts.len());
    for _ in 0..setting.rounds {
        for contestant in &contestants {
            for (half, &count) in counts.iter().enumerate() {
                if contestant.writes == Writes::Alone && count > 1 {
                    continue;
                }
                context
                    .progress
                    .says(format!("{}: trace by {}", contestant.name, threads(count)));
                let map = contestant.empty(0);
                let mut length = 0;
                // The first pass fills the map; in the second one every request hits.
                for (pass, all_hit) in [(0, false), (1, true)] {
                    let (speed, tally) = replay(&*map, &requests.ops, count);
                    check(&tally, &*map, length, all_hit)
                        .map_err(blame(contestant.name, "the trace"))?;
                    length = map.len();
                    rounds.add(contestant.name, 2 * half + pass, speed);
                }
                if length != requests.keys {
                    let reason = format!("{length} keys of {} are there", requests.keys);
                    return Err(blame(contestant.name, "the trace")(Wrong(reason)));
                }
            }
        }
    }
    let columns = counts.iter().flat_map(|&count| {
        [
            format!("cold, {}", threads(count)),
            format!("warm, {}", threads(count)),
        ]
    });
    Ok(vec![Table {
        workload: "trace",
        title: format!("A cache that replays {}", requests.name),
        about: format!(
            "{} requests for {} keys (`String`), in chunks that the threads share out: get, and on a miss insert; a \
             load takes no time. Cold: from an empty map, which grows. Warm: the same requests again.",
            grouped(requests.ops.len()),
            grouped(requests.keys)
        ),
        unit: "million requests a second, all threads",
        better: Better::Higher,
        columns: columns.collect(),
        rank: 3,
        plot: Plot::Bars,
        rows: rounds.rows(),
    }])
}

/// All requests once: each thread takes every so-many-th chunk.
fn replay(map: &dyn Runner<String, u64>, ops: &[Op<String>], count: usize) -> (f64, Tally) {
    const CHUNK: usize = 256;
    let stop = AtomicBool::new(false);
    let start = Instant::now();
    let work = |first: usize| {
        let chunks = ops.chunks(CHUNK).skip(first).step_by(count);
        chunks.fold(Tally::default(), |sum, chunk| {
            let turn = Turn {
                stop: &stop,
                operations: chunk.len(),
            };
            sum.plus(map.look_aside(chunk, &turn))
        })
    };
    let tally = thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|first| scope.spawn(move || work(first)))
            .collect();
        threads
            .into_iter()
            .fold(Tally::default(), |sum, thread| match thread.join() {
                Ok(tally) => sum.plus(tally),
                Err(panic) => std::panic::resume_unwind(panic),
            })
    });
    (
        ops.len() as f64 / start.elapsed().as_secs_f64() / 1e6,
        tally,
    )
}
