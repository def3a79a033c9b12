//! Throughput: reads, mixes, other keys and hashers, and where the curves cross.

use crate::draw::{Mix, Op, Popularity, draw, entries};
use crate::map::{Key, Value};
use crate::measure::{Work, Wrong, turn};
use crate::peers;
use crate::runner::{Contestant, Runner, Writes};
use crate::table::{Better, Plot, Table, grouped};

use super::{Context, Maps, Rounds, Setting, Workload, blame, threads};

const UNIT: &str = "million operations a second, all threads";

/// Maps that copy or publish with every write are not written at more entries than this.
const MOST_TO_COPY: usize = 2_000;

/// Maps that hold everything twice, or are filled by a message, are left out of larger maps.
const MOST_FOR_ALL: usize = 2_000_000;

pub fn workloads<K: Key, V: Value>(setting: &Setting, maps: usize) -> Vec<Workload<K, V>> {
    let rounds = setting.rounds;
    let (sizes, counts) = (setting.entries.len(), setting.threads.len());
    let filling = |times: f64| {
        let entries: usize = setting.entries.iter().sum();
        times * (entries * maps) as f64 * 2e-7
    };
    vec![
        Workload {
            name: "reads",
            run: reads,
            turns: sizes * 2 * counts * maps * rounds,
            seconds: filling(1.0),
        },
        Workload {
            name: "mixes",
            run: mixes,
            turns: mixed_sizes(setting).len() * setting.reads.len() * counts * maps * rounds,
            seconds: filling(0.1),
        },
        Workload {
            name: "crossings",
            run: crossings,
            turns: mixed_sizes(setting).len() * 2 * shares(setting).len() * maps * rounds.min(3),
            seconds: filling(0.1),
        },
        Workload {
            name: "keys",
            run: kinds,
            turns: 2 * 3 * maps * rounds,
            seconds: 1.0,
        },
        Workload {
            name: "hashers",
            run: hashers,
            turns: 3 * maps * rounds,
            seconds: 0.5,
        },
    ]
}

/// Mixed workloads run at sizes that copies of are made in a moment.
fn mixed_sizes(setting: &Setting) -> Vec<usize> {
    let sizes = setting.entries.iter().copied();
    let small: Vec<_> = sizes.filter(|size| *size <= MOST_FOR_ALL).collect();
    if setting.quick {
        return small.into_iter().take(2).collect();
    }
    small
}

/// Percents of writes at which it is asked who wins.
fn shares(setting: &Setting) -> &'static [u32] {
    match setting.quick {
        false => &[0, 1, 2, 5, 10, 20, 30, 50, 75, 100],
        true => &[0, 2, 10, 30, 50, 100],
    }
}

/// (a) Only reads, all of which find their key.
fn reads<K: Key, V: Value>(context: &Context<'_, K, V>) -> Result<Vec<Table>, Wrong> {
    let setting = context.setting;
    let mut tables = Vec::new();
    for &size in &setting.entries {
        let filling = entries(size);
        let small = |contestant: &Contestant<K, V>| {
            let twice = [Writes::Published, Writes::ByMessage].contains(&contestant.writes);
            size <= MOST_FOR_ALL || !twice
        };
        let maps = context.maps(small, |contestant| contestant.filled(&filling));
        for popularity in [Popularity::Uniform, Popularity::Zipf] {
            let name = match popularity {
                Popularity::Uniform => "all keys alike",
                Popularity::Zipf => "popular keys (Zipf 0.99)",
            };
            let most = *setting.threads.last().expect("there is a thread at least");
            let ops = draw(most, size, popularity, Mix::READS);
            let mut rounds = Rounds::new(context.contestants, setting.threads.len());
            for (column, &count) in setting.threads.iter().enumerate() {
                let case = Case {
                    ops: &ops[..count],
                    work: |map, ops, turn| map.read(ops, turn),
                    all_hit: true,
                    doing: &format!("reads at {size} entries by {}", threads(count)),
                };
                case.measure(
                    context,
                    setting.rounds,
                    &maps,
                    &mut vec![size; maps.len()],
                    |map, speed| {
                        rounds.add(map, column, speed);
                    },
                )?;
            }
            tables.push(Table {
                workload: "reads",
                title: format!("Only reads, {} entries, {name}", grouped(size)),
                about:
                    "Every read finds its key and looks at the value; each pins or locks by itself."
                        .into(),
                unit: UNIT,
                better: Better::Higher,
                columns: setting
                    .threads
                    .iter()
                    .map(|count| threads(*count))
                    .collect(),
                rank: busy(setting),
                plot: Plot::Lines,
                rows: rounds.rows(),
            });
        }
    }
    Ok(tables)
}

/// The column with a thread for each core, or the last one.
fn busy(setting: &Setting) -> usize {
    let busy = setting
        .threads
        .iter()
        .position(|count| *count >= setting.cores);
    busy.unwrap_or(setting.threads.len() - 1)
}

/// (b) Reads with insertions and removals among them.
fn mixes<K: Key, V: Value>(context: &Context<'_, K, V>) -> Result<Vec<Table>, Wrong> {
    let setting = context.setting;
    let mut tables = Vec::new();
    for size in mixed_sizes(setting) {
        for &reads in &setting.reads {
            let mix = Mix::of_writes(100 - reads);
            let mut rounds = Rounds::new(context.contestants, setting.threads.len());
            mixed(
                context,
                size,
                mix,
                &setting.threads,
                setting.rounds,
                &mut rounds,
                0,
            )?;
            tables.push(Table {
                workload: "mixes",
                title: format!(
                    "{} reads, {} insertions, {} removals of a hundred, {} entries",
                    mix.reads,
                    mix.inserts,
                    mix.removes,
                    grouped(size)
                ),
                about: MIXED.into(),
                unit: UNIT,
                better: Better::Higher,
                columns: setting
                    .threads
                    .iter()
                    .map(|count| threads(*count))
                    .collect(),
                rank: busy(setting),
                plot: Plot::Lines,
                rows: rounds.rows(),
            });
        }
    }
    Ok(tables)
}

const MIXED: &str = "All threads work on the same keys, twice as many as there are entries, all drawn \
    alike: so half of the reads find their key, and half of the insertions replace a value. Each \
    operation pins or locks by itself. Entries are counted at the end.";

/// (4) Who wins at which share of writes.
fn crossings<K: Key, V: Value>(context: &Context<'_, K, V>) -> Result<Vec<Table>, Wrong> {
    let setting = context.setting;
    let mut counts = vec![1, setting.cores.max(2)];
    counts.retain(|count| setting.threads.contains(count));
    if counts.is_empty() {
        counts = setting.threads[..1].to_vec();
    }
    let shares = shares(setting);
    let mut tables = Vec::new();
    for size in mixed_sizes(setting) {
        for &count in &counts {
            let mut rounds = Rounds::new(context.contestants, shares.len());
            for (column, share) in shares.iter().enumerate() {
                let mix = Mix::of_writes(*share);
                mixed(
                    context,
                    size,
                    mix,
                    &[count],
                    setting.rounds.min(3),
                    &mut rounds,
                    column,
                )?;
            }
            tables.push(Table {
                workload: "crossings",
                title: format!(
                    "By share of writes: {} entries, {}",
                    grouped(size),
                    threads(count)
                ),
                about: MIXED.into(),
                unit: UNIT,
                better: Better::Higher,
                columns: shares.iter().map(|share| format!("{share} %")).collect(),
                rank: 0,
                plot: Plot::Heat,
                rows: rounds.rows(),
            });
        }
    }
    Ok(tables)
}

/// Measures a mix at these numbers of threads, into columns from `first` on.
fn mixed<K: Key, V: Value>(
    context: &Context<'_, K, V>,
    size: usize,
    mix: Mix,
    counts: &[usize],
    times: usize,
    rounds: &mut Rounds,
    first: usize,
) -> Result<(), Wrong> {
    let filling: Vec<Op<K>> = entries(size * 2);
    // Of the keys, which stand in random order, every other one.
    let filling = &filling[..size];
    let most = *counts.last().expect("there is a thread at least");
    let ops = draw(most, size * 2, Popularity::Uniform, mix);
    for (column, &count) in counts.iter().enumerate() {
        let admitted = |contestant: &Contestant<K, V>| match contestant.writes {
            Writes::Any | Writes::ByMessage => true,
            Writes::Alone => count == 1,
            Writes::ByCopy | Writes::Published => size <= MOST_TO_COPY,
        };
        let maps = context.maps(admitted, |contestant| contestant.filled(filling));
        let case = Case {
            ops: &ops[..count],
            work: |map, ops, turn| map.mix(ops, turn),
            all_hit: false,
            doing: &format!(
                "a mix with {} % reads at {size} entries by {}",
                mix.reads,
                threads(count)
            ),
        };
        case.measure(
            context,
            times,
            &maps,
            &mut vec![size; maps.len()],
            |map, speed| {
                rounds.add(map, first + column, speed);
            },
        )?;
    }
    Ok(())
}

/// One situation in which all maps are measured in turns.
struct Case<'a, K, V> {
    ops: &'a [Vec<Op<K>>],
    work: Work<K, V>,
    /// Whether every operation is a read that has to find its key.
    all_hit: bool,
    doing: &'a str,
}

impl<K: Key, V: Value> Case<'_, K, V> {
    /// Measures so many rounds, in millions of operations a second. `lengths` says how many entries each
    /// map has.
    fn measure(
        &self,
        context: &Context<'_, impl Key, impl Value>,
        rounds: usize,
        maps: &Maps<'_, K, V>,
        lengths: &mut [usize],
        mut add: impl FnMut(&str, f64),
    ) -> Result<(), Wrong> {
        for round in 0..rounds {
            for turned in 0..maps.len() {
                // Each round begins with another map.
                let at = (round + turned) % maps.len();
                let (contestant, map) = &maps[at];
                context
                    .progress
                    .turn(format!("{}: {}", contestant.name, self.doing));
                let done = turn(&**map, self.ops, self.work, context.setting.slice);
                done.check(&**map, lengths[at], self.all_hit)
                    .map_err(blame(contestant.name, self.doing))?;
                lengths[at] = (lengths[at] as i64 + done.tally.balance) as usize;
                add(contestant.name, done.speed / 1e6);
            }
        }
        Ok(())
    }
}

/// (h) Keys and values of other kinds.
fn kinds<K: Key, V: Value>(context: &Context<'_, K, V>) -> Result<Vec<Table>, Wrong> {
    let text = "`String` keys of 24 bytes, `u64` values";
    let wide = "`u64` keys, values of 64 bytes";
    let mut tables = Vec::new();
    if context.setting.kind != "string" {
        let contestants = chosen(peers::all::<String, u64>(), context);
        tables.push(three(context, &contestants, "keys", text)?);
    }
    if context.setting.kind != "64b" {
        let contestants = chosen(peers::all::<u64, [u64; 8]>(), context);
        tables.push(three(context, &contestants, "keys", wide)?);
    }
    Ok(tables)
}

/// Everybody's own default hasher.
fn hashers<K: Key, V: Value>(context: &Context<'_, K, V>) -> Result<Vec<Table>, Wrong> {
    let contestants = chosen(peers::with_their_own_hashers::<K, V>(), context);
    let title = "each map with its own default hasher";
    Ok(vec![three(context, &contestants, "hashers", title)?])
}

/// Those of the contestants that take part.
fn chosen<K, V>(
    mut contestants: Vec<Contestant<K, V>>,
    context: &Context<'_, impl Sized, impl Sized>,
) -> Vec<Contestant<K, V>> {
    contestants.retain(|contestant| {
        context
            .contestants
            .iter()
            .any(|other| other.name == contestant.name)
    });
    contestants
}

/// Three figures that stand for the rest: reads by one thread and by all, and a mix by all.
fn three<K: Key, V: Value>(
    context: &Context<'_, impl Key, impl Value>,
    contestants: &[Contestant<K, V>],
    workload: &'static str,
    title: &str,
) -> Result<Table, Wrong> {
    let setting = context.setting;
    let size = if setting.tiny { 1_000 } else { 100_000 };
    let all = setting.cores.max(2);
    let inner = Context {
        setting,
        contestants,
        progress: context.progress,
    };
    let mut rounds = Rounds::new(contestants, 3);
    {
        let filling = entries(size);
        let maps = inner.maps(|_| true, |contestant| contestant.filled(&filling));
        let ops = draw(all, size, Popularity::Uniform, Mix::READS);
        for (column, count) in [1, all].into_iter().enumerate() {
            let case = Case {
                ops: &ops[..count],
                work: |map: &dyn Runner<K, V>, ops, turn| map.read(ops, turn),
                all_hit: true,
                doing: &format!("reads, {title}, by {}", threads(count)),
            };
            case.measure(
                &inner,
                setting.rounds,
                &maps,
                &mut vec![size; maps.len()],
                |map, speed| {
                    rounds.add(map, column, speed);
                },
            )?;
        }
    }
    mixed(
        &inner,
        size,
        Mix::of_writes(10),
        &[all],
        setting.rounds,
        &mut rounds,
        2,
    )?;
    Ok(Table {
        workload,
        title: format!("{} entries, {title}", grouped(size)),
        about: format!("Only reads; then a mix. {MIXED}"),
        unit: UNIT,
        better: Better::Higher,
        columns: vec![
            "reads, 1 thread".into(),
            format!("reads, {}", threads(all)),
            format!("90 % reads, {}", threads(all)),
        ],
        rank: 1,
        plot: Plot::Bars,
        rows: rounds.rows(),
    })
}
