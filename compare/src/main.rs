//! splitmap beside other concurrent maps, on your machine.
//!
//! ```text
//! cargo bench --bench compare                       about five minutes
//! cargo bench --bench compare -- --quick            about one
//! cargo bench --bench compare -- --help             what can be chosen
//! ```
//!
//! Prints tables, best first, and writes `target/compare/report.html` and `results.json`.
//!
//! All maps run in one process, one after the other within each round; a figure is the median of the
//! rounds, with the middle half of them as its spread. Where two spreads overlap, the report says that
//! it is a tie. Answers are checked; a wrong one ends the run.

mod allocator;
mod assembled;
mod draw;
mod machine;
mod map;
mod measure;
mod options;
mod peers;
mod plot;
mod progress;
mod report;
mod requests;
mod runner;
mod save;
mod summary;
mod table;
mod workloads;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;

use machine::Machine;
use map::{Key, Value};
use options::{Keys, Options, known};
use progress::Progress;
use report::Report;
use requests::Requests;
use runner::{Contestant, Turn};
use table::Table;
use workloads::{Context, Setting, Workload};

/// The least and the most that a turn lasts.
const SLICES: [Duration; 2] = [Duration::from_millis(6), Duration::from_millis(400)];

/// What has to be available for maps of five million entries.
const MEMORY_FOR_MOST: u64 = 8 << 30;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [first, keys, rest @ ..] = &arguments[..]
        && first == workloads::CHILD
    {
        match keys.as_str() {
            "u64" => workloads::child(&peers::all::<u64, u64>(), rest),
            "string" => workloads::child(&peers::all::<String, u64>(), rest),
            _ => workloads::child(&peers::all::<u64, [u64; 8]>(), rest),
        }
        return ExitCode::SUCCESS;
    }
    if let [first, map, count] = &arguments[..]
        && first == READS_OF
    {
        reads_of(map, count.parse().expect("a number of reads"));
        return ExitCode::SUCCESS;
    }
    let options = Options::parse();
    let words: Vec<_> = arguments
        .into_iter()
        .filter(|word| word != "--bench")
        .collect();
    let words = words.join(" ");
    let outcome = match options.keys {
        Keys::U64 => run::<u64, u64>(&options, words),
        Keys::String => run::<String, u64>(&options, words),
        Keys::Wide => run::<u64, [u64; 8]>(&options, words),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Call(reason)) => {
            eprintln!("error: {reason}");
            ExitCode::from(2)
        }
        Err(Failure::Run(reason)) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// The first argument of a process that `compare/shared-lines.sh` watches.
const READS_OF: &str = "--reads-of";

/// So many reads of one map, and as little else as possible.
fn reads_of(map: &str, count: usize) {
    let contestants = peers::all::<u64, u64>();
    let found = contestants.iter().find(|contestant| contestant.name == map);
    let contestant = found.expect("the script knows the maps");
    let entries = draw::entries(64);
    let map = contestant.filled(&entries);
    let stop = AtomicBool::new(false);
    let turn = Turn {
        stop: &stop,
        operations: count,
    };
    assert_eq!(map.read(&entries, &turn).hits, count as u64);
}

enum Failure {
    /// It was called with something that makes no sense.
    Call(String),
    /// A map answered wrongly, or the report could not be written.
    Run(String),
}

fn run<K: Key, V: Value>(options: &Options, words: String) -> Result<(), Failure> {
    let mut contestants = peers::all::<K, V>();
    let names: Vec<_> = contestants
        .iter()
        .map(|contestant| contestant.name)
        .collect();
    known("maps", &options.maps, &names).map_err(Failure::Call)?;
    if !options.maps.is_empty() {
        contestants.retain(|contestant| options.maps.iter().any(|name| name == contestant.name));
    }
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    let machine = Machine::here(cores, words);
    let mut setting = setting(options, &machine).map_err(Failure::Call)?;
    let mut workloads = workloads::all::<K, V>(&setting, contestants.len());
    let names: Vec<_> = workloads.iter().map(|workload| workload.name).collect();
    known("only", &options.only, &names).map_err(Failure::Call)?;
    if !options.only.is_empty() {
        workloads.retain(|workload| options.only.iter().any(|name| name == workload.name));
    }
    let save = options.save.as_deref().map(at_root);
    if let Some(folder) = &save {
        save::prepare(folder).map_err(Failure::Call)?;
    }
    let all = plan(&mut setting, &workloads, options);

    println!("{}", machine.line());
    if let Some(warning) = machine.warning() {
        println!("{warning}");
    }
    println!(
        "{} maps, about {:.0} seconds, {} rounds of {:.0} ms",
        contestants.len(),
        all.as_secs_f64(),
        setting.rounds,
        setting.slice.as_secs_f64() * 1e3
    );
    let tables = measure(&setting, &contestants, &workloads, all).map_err(Failure::Run)?;
    println!("{}", summary::text(&tables));
    let report = Report {
        machine: &machine,
        tables: &tables,
        trial: setting.tiny,
    };
    let folder = target().join("compare");
    report.write(&folder).map_err(Failure::Run)?;
    println!("The whole report: {}", folder.join("report.html").display());
    if let Some(folder) = &save {
        save::save(&report, folder).map_err(Failure::Run)?;
        println!("Saved in {}", folder.display());
    }
    Ok(())
}

/// What the options ask for.
fn setting(options: &Options, machine: &Machine) -> Result<Setting, String> {
    let cores = machine.cores;
    let mut threads: Vec<_> = (0..)
        .map(|power| 1 << power)
        .take_while(|count| *count < cores)
        .collect();
    threads.extend([cores, 2 * cores]);
    let mut entries = match (options.test, options.quick) {
        (true, _) => vec![1_000],
        (_, true) => vec![1_000, 100_000],
        _ => vec![1_000, 100_000, 1_000_000],
    };
    if !options.quick && !options.test && machine.available_memory > MEMORY_FOR_MOST {
        entries.push(5_000_000);
    }
    let given = |given: &[u64], default: Vec<usize>| {
        let mut numbers: Vec<_> = given.iter().map(|number| *number as usize).collect();
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.is_empty() { default } else { numbers }
    };
    let requests = Requests::load(options.trace.as_deref().map(at_root))?;
    Ok(Setting {
        cores,
        threads: given(&options.threads, threads),
        entries: given(&options.entries, entries),
        reads: options.reads.iter().map(|reads| *reads as u32).collect(),
        rounds: match (options.test, options.quick) {
            (true, _) => 1,
            (_, true) => 3,
            _ => 5,
        },
        slice: SLICES[0],
        quick: options.quick || options.test,
        tiny: options.test,
        kind: options.keys.name(),
        requests: if options.test {
            requests.few()
        } else {
            requests
        },
    })
}

/// Chooses how long a turn lasts, so that all fits into the time. Returns what it will take.
fn plan<K, V>(setting: &mut Setting, workloads: &[Workload<K, V>], options: &Options) -> Duration {
    let default = match (options.test, options.quick) {
        (true, _) => 1,
        (_, true) => 60,
        _ => 300,
    };
    let seconds = options.seconds.unwrap_or(default) as f64;
    let fixed: f64 = workloads.iter().map(|workload| workload.seconds).sum();
    let turns: usize = workloads.iter().map(|workload| workload.turns).sum();
    let turn = (seconds - fixed).max(0.0) / turns.max(1) as f64;
    let [least, most] = SLICES;
    let least = if setting.tiny {
        Duration::from_millis(1)
    } else {
        least
    };
    // Each turn warms up before.
    setting.slice = Duration::from_secs_f64(turn / 1.25).clamp(least, most);
    Duration::from_secs_f64(fixed) + setting.slice * turns as u32 * 5 / 4
}

/// Runs the workloads, and prints each table when it is there.
fn measure<K: Key, V: Value>(
    setting: &Setting,
    contestants: &[Contestant<K, V>],
    workloads: &[Workload<K, V>],
    all: Duration,
) -> Result<Vec<Table>, String> {
    let progress = Progress::new(all, setting.slice);
    let context = Context {
        setting,
        contestants,
        progress: &progress,
    };
    let mut tables = Vec::new();
    for workload in workloads {
        let expected = setting.slice * workload.turns as u32 * 5 / 4
            + Duration::from_secs_f64(workload.seconds);
        progress.begins(expected);
        let start = Instant::now();
        for table in (workload.run)(&context).map_err(|wrong| wrong.to_string())? {
            let table = table.ranked();
            progress.prints(&table.text());
            tables.push(table);
        }
        if env::var_os("COMPARE_TIMES").is_some() {
            let (took, expected) = (start.elapsed().as_secs_f64(), expected.as_secs_f64());
            eprintln!("{}: took {took:.1} s of {expected:.1}", workload.name);
        }
    }
    progress.ends();
    Ok(tables)
}

/// Where cargo builds.
fn target() -> PathBuf {
    at_root(&env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from))
}

/// A path from the root of the repository: cargo starts a bench in the folder of its package.
fn at_root(path: &Path) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
