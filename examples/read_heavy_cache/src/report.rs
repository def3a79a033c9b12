//! The table at the end: what was measured, where splitmap is behind, and what the figures mean.

use std::fmt::{self, Display, Formatter};
use std::hint;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::cores;
use crate::record::LOAD_TIME;
use crate::replay::{Replay, Round, TIMED_OF};

/// The points of a latency distribution that are shown.
const POINTS: [(&str, f64); 4] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

/// What all rounds of all maps gave.
pub struct Report {
    setting: String,
    busy_threads: u64,
    /// Ours is the first.
    contenders: Vec<Contender>,
}

struct Contender {
    name: &'static str,
    total: Round,
    slowest: f64,
    fastest: f64,
}

impl Report {
    /// A report without a round yet. The first of the names is ours.
    pub fn new(
        replay: &Replay<'_>,
        rounds: usize,
        names: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        let setting = format!(
            "{}: {} requests for {} keys, repeated by {}.\n\
             One more thread replaces {} records a second. A load on a miss takes {}.\n\
             {rounds} rounds for each map, in turns: the trace once from an empty cache (cold), then {:.2} s \
             of the warm one.",
            replay.trace.name,
            grouped(replay.trace.len() as u64),
            grouped(replay.trace.keys_of_first(usize::MAX).len() as u64),
            count_of(replay.threads, "thread"),
            grouped(replay.refresh),
            time(LOAD_TIME.as_nanos() as f64),
            replay.length.as_secs_f64(),
        );
        let contenders = names.into_iter().map(|name| Contender {
            name,
            total: Round::new(),
            slowest: f64::INFINITY,
            fastest: 0.0,
        });
        let busy_threads = replay.threads + u64::from(replay.refresh > 0);
        Self {
            setting,
            busy_threads,
            contenders: contenders.collect(),
        }
    }

    /// Adds a round of the map with this number.
    pub fn add(&mut self, contender: usize, round: &Round) {
        let contender = &mut self.contenders[contender];
        contender.total.add(round);
        contender.slowest = contender.slowest.min(round.speed());
        contender.fastest = contender.fastest.max(round.speed());
    }

    /// Each figure, against the best other map: those in which ours is better by more than 2 %, and those
    /// in which it is worse by as much.
    fn wins_and_losses(&self) -> [Vec<String>; 2] {
        let (ours, others) = self.contenders.split_first().expect("there is a first map");
        let [mut wins, mut losses] = [Vec::new(), Vec::new()];
        let mut compare = |figure: &str, cost: &dyn Fn(&Round) -> f64| {
            let cheaper =
                |a: &&Contender, b: &&Contender| cost(&a.total).total_cmp(&cost(&b.total));
            let best = others.iter().min_by(cheaper).expect("there are other maps");
            let ratio = cost(&ours.total) / cost(&best.total);
            let name = best.name;
            if ratio > 1.02 {
                losses.push(format!("{figure}: {name} is {ratio:.2} times as good"));
            } else if ratio < 1.0 / 1.02 {
                wins.push(format!(
                    "{figure}: {:.2} times as good as {name}",
                    ratio.recip()
                ));
            }
        };
        compare("cold requests/s", &|round| round.cold_speed().recip());
        compare("warm requests/s", &|round| round.speed().recip());
        for (name, point) in POINTS {
            compare(&format!("hit {name}"), &|round| quantile(&round.hit, point));
        }
        for (name, point) in POINTS {
            compare(&format!("write {name}"), &|round| {
                quantile(&round.write, point)
            });
        }
        [wins, losses]
    }

    fn write_standing(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let [wins, losses] = self.wins_and_losses();
        for (word, figures) in [("ahead", wins), ("behind", losses)] {
            match figures.is_empty() {
                true => writeln!(f, "splitmap is {word} in none of these.")?,
                false => writeln!(f, "splitmap is {word} in\n  {}", figures.join("\n  "))?,
            }
        }
        Ok(())
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.setting)?;

        let titles = [
            "cold requests/s",
            "warm requests/s",
            "lowest",
            "highest",
            "hits",
            "misses",
            "refreshes/s",
        ];
        let mut table = vec![line("", "", titles.map(String::from))];
        for Contender {
            name,
            total,
            slowest,
            fastest,
        } in &self.contenders
        {
            let refreshes = total.refreshes as f64 / total.elapsed.as_secs_f64();
            let cells = [
                millions(total.cold_speed()),
                millions(total.speed()),
                millions(*slowest),
                millions(*fastest),
                grouped(total.hits),
                grouped(total.misses),
                grouped(refreshes.round() as u64),
            ];
            table.push(line("all", name, cells));
        }
        write_aligned(f, &table)?;

        let mut table = vec![line("", "", POINTS.map(|(name, _)| name.to_string()))];
        let mut latency = |kind, histogram: fn(&Round) -> &Histogram<u64>| {
            table.extend(self.contenders.iter().map(|Contender { name, total, .. }| {
                let cells = POINTS.map(|(_, point)| time(quantile(histogram(total), point)));
                line(kind, name, cells)
            }));
        };
        latency("hit", |round| &round.hit);
        latency("write", |round| &round.write);
        write_aligned(f, &table)?;

        self.write_standing(f)?;
        write!(
            f,
            "\nrequests/s  hits and misses of all threads in a second, loads included\n\
             hit         a get that found its record: pin or lock, find, read all 100 to 200\n\
             {0:12}bytes, unpin or unlock; one request of {TIMED_OF} is timed\n\
             write       an insert, of a loaded or a refreshed record, with all that the map\n\
             {0:12}frees or grows meanwhile; every one is timed\n\
             Reading the clock adds about {1} to every hit and every write.\n",
            "",
            time(clock_time()),
        )?;
        if self.busy_threads > cores() {
            writeln!(
                f,
                "{} threads share {} cores here: the largest figures are waits for a core.",
                self.busy_threads,
                cores(),
            )?;
        }
        Ok(())
    }
}

/// A line of a table: what was done, by which map, and the figures.
fn line<const N: usize>(kind: &str, name: &str, figures: [String; N]) -> Vec<String> {
    [kind, name]
        .map(String::from)
        .into_iter()
        .chain(figures)
        .collect()
}

/// A number of things, in the singular or the plural.
fn count_of(number: u64, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{s}")
}

/// Writes a table whose lines all have as many cells: words to the left, figures to the right.
fn write_aligned(f: &mut Formatter<'_>, table: &[Vec<String>]) -> fmt::Result {
    for line in table {
        for (column, cell) in line.iter().enumerate() {
            let width = table
                .iter()
                .map(|line| line[column].chars().count())
                .max()
                .unwrap_or(0);
            match column {
                0 | 1 => write!(f, "{cell:<width$}  ")?,
                _ => write!(f, "  {cell:>width$}")?,
            }
        }
        writeln!(f)?;
    }
    writeln!(f)
}

/// Nanoseconds, or no number if nothing was timed.
fn quantile(histogram: &Histogram<u64>, point: f64) -> f64 {
    if histogram.is_empty() {
        return f64::NAN;
    }
    histogram.value_at_quantile(point).max(1) as f64
}

/// What reading the clock adds to a measured time, in nanoseconds: the least of many trials.
fn clock_time() -> f64 {
    let readings = (0..1000).map(|_| {
        let start = Instant::now();
        (0..100).for_each(|_| {
            hint::black_box(Instant::now());
        });
        start.elapsed() / 100
    });
    readings
        .min()
        .map_or(0.0, |shortest| Duration::as_nanos(&shortest) as f64)
}

/// A time with its unit.
fn time(nanos: f64) -> String {
    match nanos {
        _ if nanos.is_nan() => "none".into(),
        ..1e3 => format!("{nanos:.0} ns"),
        ..1e6 => format!("{:.2} µs", nanos / 1e3),
        ..1e9 => format!("{:.2} ms", nanos / 1e6),
        _ => format!("{:.2} s", nanos / 1e9),
    }
}

fn millions(count: f64) -> String {
    format!("{:.2} M", count / 1e6)
}

/// A number with a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
