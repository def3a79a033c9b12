//! Configurations that are replaced while all threads read them, and how many old ones wait to be freed.
//!
//! Readers look their service up for every request and check that what they see is whole, and never
//! older than what they saw before. A reloader replaces all configurations, over and over. An old one
//! is freed when no guard can see it: a table shows how many wait, with a short guard for each request,
//! and with one request that takes far too long.
//!
//! What has to change together is *one value*. Two keys are replaced at two instants, and a reader may
//! come in between.
//!
//! ```text
//! cargo run --release --example config_reload
//! cargo run --release --example config_reload -- --readers 8 --reloads 5000
//! ```

mod config;
#[path = "../common/show.rs"]
mod show;

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use clap::Parser;
use splitmap::HashMap;

use config::Config;
use show::{Report, grouped, whole};

const SERVICES: [&str; 5] = ["orders", "search", "billing", "mail", "login"];

/// Between two reloads.
const PAUSE: Duration = Duration::from_micros(100);

/// What each service has to go by, now.
type Configs = HashMap<&'static str, Config>;

/// Replace configurations while they are read, and watch the old ones go.
#[derive(Parser)]
struct Arguments {
    /// Threads that read, 1 to 256
    #[arg(long, default_value_t = 3, allow_negative_numbers = true)]
    #[arg(value_parser = whole(1..=256))]
    readers: u64,

    /// How often all configurations are replaced, 1 to 100000
    #[arg(long, default_value_t = 500, allow_negative_numbers = true)]
    #[arg(value_parser = whole(1..=100_000))]
    reloads: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    show::end(Ok(run(&arguments)))
}

fn run(arguments: &Arguments) -> Report {
    let mut text = format!(
        "{} services, replaced {} times in each part, read by {} threads meanwhile.\n\n",
        SERVICES.len(),
        grouped(arguments.reloads),
        arguments.readers
    );
    let titles = ["made", "freed", "waiting", "bytes"];
    let [made, freed, waiting, bytes] = titles;
    writeln!(
        text,
        "{:48}{made:>10}{freed:>10}{waiting:>10}{bytes:>12}",
        ""
    )
    .expect("a string takes all");

    let configs: Configs = SERVICES.iter().map(|s| (*s, Config::load(s, 0))).collect();
    let mut version = 0;
    let stop = AtomicBool::new(false);
    let (requests, faults) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..arguments.readers {
            scope.spawn(|| read(&configs, &requests, &faults, &stop));
        }
        let mut reload = |configs: &Configs| {
            for _ in 0..arguments.reloads {
                version += 1;
                for service in SERVICES {
                    configs
                        .pin()
                        .insert(service, Config::load(service, version));
                }
                thread::sleep(PAUSE);
            }
        };
        show_line(&mut text, "at the start", &configs);

        reload(&configs);
        show_line(&mut text, "reloaded; a guard for each request", &configs);

        // A request that takes as long as all reloads. Its configuration stays as it was.
        let slow = configs.pin();
        let before = slow.get("orders").expect("it is never removed");
        let (version, timeout) = (before.version, before.timeout_ms);
        reload(&configs);
        if !before.is_whole() || (before.version, before.timeout_ms) != (version, timeout) {
            faults.fetch_add(1, Relaxed);
        }
        show_line(&mut text, "reloaded; one guard held all along", &configs);
        drop(slow);
        configs.flush();
        show_line(&mut text, "that guard dropped, and a flush", &configs);

        reload(&configs);
        show_line(&mut text, "reloaded; a guard for each request", &configs);
        stop.store(true, Relaxed);
    });
    configs.flush();
    show_line(&mut text, "readers gone, and a flush", &configs);
    let waiting = configs.stats().pending;
    let left = configs.len() as u64;
    drop(configs);
    let (made, freed) = config::made_and_freed();
    writeln!(
        text,
        "{:48}{:>10}{:>10}",
        "map dropped",
        grouped(made),
        grouped(freed)
    )
    .expect("a string takes all");

    let requests = requests.into_inner();
    let faults = faults.into_inner();
    writeln!(
        text,
        "\n{} requests; {faults} saw a configuration that was not whole, or went back.\n\
         waiting, bytes: what `stats` says: entries themselves, without the strings they own.",
        grouped(requests),
    )
    .expect("a string takes all");
    let fault = if faults > 0 {
        Some(format!("{faults} requests saw what was never there"))
    } else if waiting != Some(0) || left != SERVICES.len() as u64 || made != freed {
        Some("a configuration was lost, or not freed".into())
    } else {
        None
    };
    Report { text, fault }
}

/// Serves requests: each looks its service up and goes by one configuration.
fn read(configs: &Configs, requests: &AtomicU64, faults: &AtomicU64, stop: &AtomicBool) {
    let mut seen = [0; SERVICES.len()];
    let (mut done, mut wrong) = (0, 0);
    while !stop.load(Relaxed) {
        let number = done as usize % SERVICES.len();
        // As long as `configs` here lives, so does the configuration. A request is short.
        let configs = configs.pin();
        match configs.get(SERVICES[number]) {
            Some(config) if config.is_whole() && config.version >= seen[number] => {
                seen[number] = config.version;
            }
            _ => wrong += 1,
        }
        drop(configs);
        // The wait for the next request is without a guard. If threads lost their processors where
        // they hold one, hardly anything would be freed.
        thread::yield_now();
        done += 1;
    }
    requests.fetch_add(done, Relaxed);
    faults.fetch_add(wrong, Relaxed);
}

fn show_line(text: &mut String, when: &str, configs: &Configs) {
    let (made, freed) = config::made_and_freed();
    let stats = configs.stats();
    let [waiting, bytes] = [stats.pending, stats.pending_bytes].map(|n| grouped(n.unwrap_or(0)));
    let [made, freed] = [made, freed].map(grouped);
    writeln!(
        text,
        "{when:48}{made:>10}{freed:>10}{waiting:>10}{bytes:>12}"
    )
    .expect("a string takes all");
}
