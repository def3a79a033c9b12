//! A cache of slow fetches in async code: single flight, owned guards, and values that outlive both.
//!
//! Many tasks ask for the same pages at the same time. Each page is fetched once, and the others
//! wait for it, without a lock on the map and without a guard held meanwhile. Pages that are there are
//! sent from where they lie, under a guard that is held across an `.await`. Now and then pages expire,
//! while they are sent. See `cache.rs`; `source.rs` is what is slow.
//!
//! Which guard? `pin` for a moment, on one thread, without an `.await`: a few nanoseconds. `pin_owned`
//! across an `.await` that is short. Across a long one, none: clone an `Arc` out of the map.
//!
//! ```text
//! cargo run --release --example async_cache
//! cargo run --release --example async_cache -- --tasks 1000 --pages 50 --fetch-ms 100
//! ```

mod cache;
#[path = "../common/show.rs"]
mod show;
mod source;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use clap::Parser;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use cache::Cache;
use show::{Report, grouped, whole};
use source::{Page, Source};

/// Let many tasks fetch few pages, each once, and send them to clients.
#[derive(Parser)]
struct Arguments {
    /// Tasks that ask, at the same time, 1 to 10000
    #[arg(long, default_value_t = 200, allow_negative_numbers = true)]
    #[arg(value_parser = whole(1..=10_000))]
    tasks: u64,

    /// Pages that there are, 1 to 10000
    #[arg(long, default_value_t = 40, allow_negative_numbers = true)]
    #[arg(value_parser = whole(1..=10_000))]
    pages: u64,

    /// Milliseconds that a fetch takes, 0 to 10000
    #[arg(long, default_value_t = 20, allow_negative_numbers = true)]
    #[arg(value_parser = whole(0..=10_000))]
    fetch_ms: u64,
}

/// How often all pages expire.
const TURNS: u64 = 3;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut runtime = Builder::new_multi_thread();
    let runtime = match runtime.worker_threads(4).enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start tokio's threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    show::end(Ok(runtime.block_on(run(&arguments))))
}

/// What one task has got.
#[derive(Default)]
struct Got {
    pages: u64,
    errors: u64,
    sent: u64,
    wrong: u64,
    kept: Option<Arc<Page>>,
}

async fn run(arguments: &Arguments) -> Report {
    let pages = arguments.pages;
    let source = Source::new(pages, Duration::from_millis(arguments.fetch_ms));
    let cache = Arc::new(Cache::new(source));

    let start = Instant::now();
    let mut all = Got::default();
    let mut kept = Vec::new();
    for _ in 0..TURNS {
        let mut tasks = JoinSet::new();
        for task in 0..arguments.tasks {
            tasks.spawn(ask(Arc::clone(&cache), task, pages));
        }
        while let Some(got) = tasks.join_next().await {
            let got = got.expect("a task does not panic");
            all.pages += got.pages;
            all.errors += got.errors;
            all.sent += got.sent;
            all.wrong += got.wrong;
            kept.extend(got.kept);
        }
        cache.expire(0..pages);
    }
    let took = start.elapsed();

    // All pages have left the cache, and what tasks kept is still there.
    let waiting = cache.waiting();
    let lost = kept
        .iter()
        .filter(|page| !page.is_whole(page.number))
        .count() as u64;
    let source = cache.source();
    let [fetches, failures, doubled] =
        [&source.fetches, &source.failures, &source.doubled].map(|count| count.load(Relaxed));
    let asked = all.pages + all.errors;
    let text = format!(
        "{} tasks ask for {pages} pages, {TURNS} times; a fetch takes {} ms, every tenth fails.\n\n\
         {:>12}  requests\n\
         {:>12}  found their page there\n\
         {:>12}  fetches, {failures} of them failed\n\
         {:>12}  fetches of a page that was being fetched\n\
         {:>12}  bytes sent from where they lie\n\
         {:>12}  pages that tasks kept, though none is in the cache any more\n\
         {:>12}  removed entries that wait to be freed\n\n\
         {:.0} ms; one after the other, the requests take {:.0} ms.\n",
        arguments.tasks,
        arguments.fetch_ms,
        grouped(asked),
        grouped(cache.hits.load(Relaxed)),
        grouped(fetches),
        doubled,
        grouped(all.sent),
        grouped(kept.len() as u64),
        waiting,
        took.as_secs_f64() * 1e3,
        (asked * arguments.fetch_ms) as f64,
    );
    let fault = if all.wrong + lost > 0 {
        Some("a task got a wrong page".into())
    } else if doubled > 0 {
        Some("a page was fetched twice at a time".into())
    } else if waiting > 0 {
        Some(format!("{waiting} entries were not freed"))
    } else {
        None
    };
    Report { text, fault }
}

/// Asks for some pages, keeps the last one, and sends them all.
async fn ask(cache: Arc<Cache>, task: u64, pages: u64) -> Got {
    let wanted = || (0..pages.min(8)).map(|n| (task * 3 + n) % pages);
    let mut got = Got::default();
    for number in wanted() {
        match cache.page(number).await {
            Ok(page) => {
                got.pages += 1;
                got.wrong += u64::from(!page.is_whole(number));
                got.kept = Some(page);
            }
            Err(_) => got.errors += 1,
        }
        if number == task % pages {
            cache.expire([number]);
        }
    }
    got.sent = cache.send(wanted()).await;
    got
}
