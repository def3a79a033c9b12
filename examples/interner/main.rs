//! An interner: strings to small numbers and back, by many threads at once.
//!
//! - Nearly every call finds its string there, and then it is a read that writes nothing shared.
//! - An entry never moves, so a number leads back to a `&str` that is good as long as its guard,
//!   without a copy or a count.
//! - `get_or_insert_with` calls its closure at most once and under no lock; the closure writes the
//!   other map first. If two threads are first, one closure's number goes unused: see `interner.rs`.
//!
//! Each thread interns the whole text, from a place of its own. All have to get the same numbers, and
//! from the numbers the text has to come back.
//!
//! ```text
//! cargo run --release --example interner
//! cargo run --release --example interner -- --threads 8 book.txt
//! ```

mod interner;
#[path = "../common/show.rs"]
mod show;
#[path = "../common/text.rs"]
mod text;

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use clap::Parser;

use interner::{Id, Interner};
use show::{Report, grouped, whole};

/// Number the words of a text by many threads, and turn the numbers back into words.
#[derive(Parser)]
struct Arguments {
    /// Text file, or - for the standard input [default: the documents of this crate]
    file: Option<PathBuf>,

    /// Threads that intern the text, 1 to 256
    #[arg(long, default_value_t = 4, allow_negative_numbers = true)]
    #[arg(value_parser = whole(1..=256))]
    threads: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let loaded = text::load(arguments.file.as_deref());
    show::end(loaded.map(|(name, text)| intern_all(arguments.threads as usize, &name, &text)))
}

fn intern_all(threads: usize, name: &str, text: &str) -> Report {
    let words = text::words(text);
    let interner = Interner::default();

    let start = Instant::now();
    let texts: Vec<Vec<Id>> = thread::scope(|scope| {
        let intern = |thread: usize| {
            // New words come up everywhere at once.
            let from = words.len() * thread / threads;
            let (later, sooner) = words.split_at(from);
            let mut ids: Vec<Id> = sooner
                .iter()
                .chain(later)
                .map(|w| interner.intern(w))
                .collect();
            ids.rotate_right(from);
            ids
        };
        let threads: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || intern(thread)))
            .collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().expect("no panic");
        threads.into_iter().map(join).collect()
    });
    let interned = start.elapsed();

    // One guard for the whole text: nothing is removed meanwhile that it would keep.
    let guard = interner.guard();
    let start = Instant::now();
    let back = texts[0].iter().map(|id| interner.name(*id, &guard));
    let fault = if texts.iter().any(|ids| *ids != texts[0]) {
        Some("threads disagree about numbers".into())
    } else if !back.clone().eq(words.iter().map(|word| Some(*word))) {
        Some("the numbers do not give the text back".into())
    } else {
        None
    };
    let named = start.elapsed();

    // For comparison: one thread, which shares nothing.
    let start = Instant::now();
    let mut alone: std::collections::HashMap<&str, usize> = Default::default();
    for word in &words {
        let next = alone.len();
        std::hint::black_box(*alone.entry(word).or_insert(next));
    }
    let alone = start.elapsed();

    let per_word = |took: std::time::Duration, of: usize| took.as_nanos() as f64 / of as f64;
    let beginning: Vec<&str> = back.flatten().take(12).collect();
    let numbers = texts[0][..beginning.len()].iter().map(ToString::to_string);
    let numbers: Vec<String> = numbers.collect();
    let text = format!(
        "{name}: {} words, {} different, threads that each intern all of them: {threads}.\n\n\
         word to number        {:>7.1} ns per word, in each of the threads\n\
         the same by std       {:>7.1} ns per word: std's map, one thread, nothing shared\n\
         number to word        {:>7.1} ns per word\n\
         unused numbers        {:>7}    two threads interned the same word at the same time\n\n\
         the text begins       {}\n\
         as numbers            {}\n",
        grouped(words.len() as u64),
        grouped(interner.len() as u64),
        per_word(interned, words.len()),
        per_word(alone, words.len()),
        per_word(named, words.len()),
        interner.gaps(),
        beginning.join(" "),
        numbers.join(" "),
    );
    Report { text, fault }
}
