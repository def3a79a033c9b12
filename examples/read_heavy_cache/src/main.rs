//! A read-heavy look-aside cache: splitmap beside DashMap and a locked standard map.
//!
//! Threads replay a trace of a production cache of Twitter (see `examples/data/README.md`): get;
//! on a miss load the record from a store that takes 5 µs, and insert it. Meanwhile one more
//! thread keeps replacing records that are already there. Every record that is read is checked.
//! Each round replays the whole trace once on a cold cache, and then measures the warm one.
//!
//! ```text
//! cargo run --release --example read_heavy_cache
//! cargo run --release --example read_heavy_cache -- --threads 1,2,4 --seconds 60 --refresh 100000
//! cargo run --release --example read_heavy_cache -- --trace keys.txt      # one key a line
//! ```
//!
//! - `cache.rs` shows how the map is used, beside the two others.
//! - `replay.rs` is one round: an empty cache that is filled and then measured, the reading threads and
//!   the refreshing thread.
//! - `record.rs` is what a cache holds and where it comes from.
//! - `trace.rs` is the requests, `report.rs` the table at the end.

mod cache;
mod record;
mod replay;
mod report;
mod trace;

use std::io::{self, ErrorKind, Write};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use splitmap::DefaultHashBuilder;

use cache::{Dashmap, RwLocked, Splitmap};
use replay::{Replay, Round};
use report::Report;
use trace::Trace;

/// Rounds of each map. The maps take turns, so that a busy moment of the machine hits them alike.
const ROUNDS: usize = 4;

/// Replay a cache's trace on splitmap, DashMap and RwLock<HashMap>, with writes going on.
#[derive(Parser)]
struct Arguments {
    /// Text file with one key a line [default: a sample of Twitter's cache cluster 52]
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,

    /// Threads that replay the trace, 1 to 256; several numbers, separated by commas, are compared one
    /// after the other
    #[arg(long, default_values_t = [cores().min(256)], allow_negative_numbers = true)]
    #[arg(value_delimiter = ',', value_parser = whole(1..=256))]
    threads: Vec<u64>,

    /// Seconds that the warm caches are measured for in all, 1 to 3600
    #[arg(long, default_value_t = 20, allow_negative_numbers = true)]
    #[arg(value_parser = whole(1..=3600))]
    seconds: u64,

    /// Records that one more thread replaces every second, 0 to 1000000
    #[arg(long, default_value_t = 10_000, allow_negative_numbers = true)]
    #[arg(value_parser = whole(0..=1_000_000))]
    refresh: u64,
}

/// A parser of the whole numbers in a range.
fn whole(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<u64, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let (least, most) = (range.start(), range.end());
        number.ok_or_else(|| format!("not a whole number from {least} to {most}"))
    }
}

/// How many threads can run at once.
fn cores() -> u64 {
    thread::available_parallelism().map_or(2, |cores| cores.get() as u64)
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let loaded = match &arguments.trace {
        Some(path) => Trace::from_text(path),
        None => Trace::bundled(),
    };
    let trace = match loaded {
        Ok(trace) => trace,
        Err(reason) => {
            eprintln!("error: {reason}");
            return ExitCode::from(2);
        }
    };

    for &threads in &arguments.threads {
        let report = compare(&arguments, threads, &trace).to_string();
        match io::stdout().write_all(report.as_bytes()) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
            Err(error) => {
                eprintln!("error: cannot write the report: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

/// Plays all rounds of all maps with so many threads.
fn compare(arguments: &Arguments, threads: u64, trace: &Trace) -> Report {
    type Play<'a> = fn(&Replay<'a>, &ProgressBar) -> Round;
    let contenders: [(&str, Play<'_>); 3] = [
        ("splitmap", Replay::play::<Splitmap>),
        ("DashMap", Replay::play::<Dashmap>),
        ("RwLock<HashMap>", Replay::play::<RwLocked>),
    ];
    let turns = (ROUNDS * contenders.len()) as u32;
    let replay = Replay {
        trace,
        threads,
        refresh: arguments.refresh,
        length: Duration::from_secs(arguments.seconds) / turns / arguments.threads.len() as u32,
        // All maps hash alike: with clones of one builder.
        hasher: DefaultHashBuilder::default(),
    };

    // Drawn on stderr, and only where that is a terminal.
    let style = ProgressStyle::with_template("{msg:26} [{bar:30}] {eta} left");
    let progress = ProgressBar::new(replay.length.as_millis() as u64 * u64::from(turns))
        .with_style(style.expect("the template is well-formed"));
    let mut report = Report::new(&replay, ROUNDS, contenders.map(|(name, _)| name));
    for round in 0..ROUNDS {
        for turn in 0..contenders.len() {
            let contender = (round + turn) % contenders.len();
            let (name, play) = contenders[contender];
            progress.set_message(format!("{name}, {} of {ROUNDS}", round + 1));
            report.add(contender, &play(&replay, &progress));
        }
    }
    progress.finish_and_clear();
    report
}
