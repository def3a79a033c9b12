//! Many threads write one map: counting words in two ways.
//!
//! A value in the map is never changed through the map. So a counter is one of two things:
//!
//! - *replaced*: `HashMap<&str, u64>` and `update_or_insert`. Each word makes a new entry, and the
//!   old one waits until no guard can see it: long, where there are more threads than processors, as
//!   some thread always waits for a processor with a guard in hand. Two threads at the same word race,
//!   and one tries again.
//! - *atomic*: `HashMap<&str, AtomicU64>` and `get_or_insert_with`. The entry is made once; from then
//!   on a word is a read of the map and an addition in place. No garbage.
//!
//! Take the atomic where a value is changed often, and the replacement where it has to change as a
//! whole. The keys borrow from the text. Both ways are checked against the standard map on one
//! thread, which is also timed: a small text is counted faster by one thread that shares nothing.
//!
//! ```text
//! cargo run --release --example word_count
//! cargo run --release --example word_count -- --threads 8 --top 20 book.txt
//! cat *.txt | cargo run --release --example word_count -- -
//! ```

mod count;
#[path = "../common/show.rs"]
mod show;
#[path = "../common/text.rs"]
mod text;

use std::collections::HashMap as StdHashMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;

use count::{Counts, Outcome};
use show::{Report, grouped, whole};

/// Count the words of a text by many threads, in two ways.
#[derive(Parser)]
struct Arguments {
    /// Text file, or - for the standard input [default: the documents of this crate]
    file: Option<PathBuf>,

    /// Threads that count, 1 to 256
    #[arg(long, default_value_t = 4, allow_negative_numbers = true)]
    #[arg(value_parser = whole(1..=256))]
    threads: u64,

    /// How often each word is counted, 1 to 1000: a small text takes no time
    #[arg(long, default_value_t = 20, allow_negative_numbers = true)]
    #[arg(value_parser = whole(1..=1000))]
    rounds: u64,

    /// How many of the most frequent words are shown, 0 to 1000
    #[arg(long, default_value_t = 8, allow_negative_numbers = true)]
    #[arg(value_parser = whole(0..=1000))]
    top: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let loaded = text::load(arguments.file.as_deref());
    show::end(loaded.map(|(name, text)| count_all(&arguments, &name, &text)))
}

fn count_all(arguments: &Arguments, name: &str, text: &str) -> Report {
    let words = text::words(text);

    let start = Instant::now();
    let mut expected: Counts<'_> = StdHashMap::new();
    for _ in 0..arguments.rounds {
        for word in &words {
            *expected.entry(word).or_default() += 1;
        }
    }
    let alone = start.elapsed();

    let counted = words.len() as u64 * arguments.rounds;
    let mut text = format!(
        "{name}: {} words, {} different, each counted {} times.\n\n\
         {:12}{:>8}{:>13}{:>14}{:>15}{:>15}\n",
        grouped(words.len() as u64),
        grouped(expected.len() as u64),
        arguments.rounds,
        "",
        "threads",
        "ns per word",
        "entries made",
        "not freed yet",
        "after a flush",
    );
    let mut line = |way: &str, threads: u64, took: Duration, rest: [String; 3]| {
        let each = took.as_nanos() as f64 / counted as f64;
        let [made, waiting, left] = rest;
        writeln!(
            text,
            "{way:12}{threads:>8}{each:>13.1}{made:>14}{waiting:>15}{left:>15}"
        )
        .expect("a string takes all");
    };
    let mut fault = None;
    line("std's map", 1, alone, Default::default());
    for (way, count) in count::WAYS {
        let Outcome {
            counts,
            took,
            made,
            waiting,
            left,
        } = count(&words, arguments.rounds, arguments.threads as usize);
        let rest = [made, waiting as u64, left as u64].map(grouped);
        line(way, arguments.threads, took, rest);
        if counts != expected {
            fault = Some(format!("{way}: the counts are wrong"));
        } else if left != 0 {
            fault = Some(format!("{way}: a flush left {left} entries"));
        }
    }

    let mut top: Vec<(&str, u64)> = expected.into_iter().collect();
    top.sort_unstable_by_key(|&(word, count)| (std::cmp::Reverse(count), word));
    text.push('\n');
    for (word, count) in top.iter().take(arguments.top as usize) {
        writeln!(text, "{:>12}  {word}", grouped(*count)).expect("a string takes all");
    }
    Report { text, fault }
}
