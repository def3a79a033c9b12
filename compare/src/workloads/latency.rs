//! (c) What one reader waits while a writer writes.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use hdrhistogram::Histogram;

use crate::draw::{Mix, Op, Popularity, draw, entries};
use crate::map::{Key, Value};
use crate::measure::{Wrong, check};
use crate::runner::{Contestant, Runner, Tally, Turn, Writes};
use crate::table::{Better, Plot, Table, grouped};

use super::{Context, Rounds, Setting, Workload, blame};

/// The points of the distribution that are shown.
const POINTS: [(&str, f64); 4] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

/// A distribution needs more than a slice.
const SLICES: u32 = 5;

pub fn workload<K: Key, V: Value>(setting: &Setting, maps: usize) -> Workload<K, V> {
    Workload {
        name: "latency",
        run: latency,
        turns: maps * setting.rounds * SLICES as usize,
        seconds: 0.5,
    }
}

fn latency<K: Key, V: Value>(context: &Context<'_, K, V>) -> Result<Vec<Table>, Wrong> {
    let setting = context.setting;
    let size = if setting.tiny { 1_000 } else { 100_000 };
    let filling: Vec<Op<K>> = entries(size * 2);
    let filling = &filling[..size];
    let [reads, writes] = [Mix::READS, Mix::of_writes(100)]
        .map(|mix| draw(1, size * 2, Popularity::Uniform, mix).remove(0));
    let admitted = |contestant: &Contestant<K, V>| contestant.writes != Writes::Alone;
    let maps = context.maps(admitted, |contestant| contestant.filled(filling));
    let mut lengths = vec![size; maps.len()];
    let mut rounds = Rounds::new(context.contestants, POINTS.len());
    for _ in 0..setting.rounds {
        for ((contestant, map), length) in maps.iter().zip(&mut lengths) {
            context
                .progress
                .turns(SLICES, format!("{}: latency of reads", contestant.name));
            let (times, tally) = beside_a_writer(&**map, &reads, &writes, setting);
            check(&tally, &**map, *length, false)
                .map_err(blame(contestant.name, "reads beside a writer"))?;
            *length = (*length as i64 + tally.balance) as usize;
            for (column, (_, point)) in POINTS.iter().enumerate().filter(|_| !times.is_empty()) {
                let time = times.value_at_quantile(*point).max(1);
                rounds.add(contestant.name, column, time as f64);
            }
        }
    }
    Ok(vec![Table {
        workload: "latency",
        title: format!("One reader's latency while one thread only writes, {} entries", grouped(size)),
        about: "Nanoseconds of every single read, the clock's own 20 to 50 included. The writer inserts, \
                replaces and removes as fast as it can. Where there are fewer cores than busy threads, the \
                last columns show waits for a core."
            .into(),
        unit: "nanoseconds",
        better: Better::Lower,
        columns: POINTS.map(|(name, _)| name.to_string()).to_vec(),
        rank: 2,
        plot: Plot::Bars,
        rows: rounds.rows(),
    }])
}

/// One thread reads and takes times, another one writes.
fn beside_a_writer<K: Key, V: Value>(
    map: &dyn Runner<K, V>,
    reads: &[Op<K>],
    writes: &[Op<K>],
    setting: &Setting,
) -> (Histogram<u64>, Tally) {
    let mut times = Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are valid");
    let stop = AtomicBool::new(false);
    let start = Barrier::new(3);
    let turn = || {
        start.wait();
        Turn {
            stop: &stop,
            operations: usize::MAX,
        }
    };
    let tally = thread::scope(|scope| {
        let reader = scope.spawn(|| map.time_reads(reads, &turn(), &mut times));
        let writer = scope.spawn(|| map.mix(writes, &turn()));
        start.wait();
        thread::sleep(setting.slice * SLICES);
        stop.store(true, Ordering::Relaxed);
        let done = [reader, writer].map(|thread| match thread.join() {
            Ok(tally) => tally,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        done[0].plus(done[1])
    });
    (times, tally)
}
