//! The command line.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Compares splitmap with other concurrent maps on this machine, and writes a report.
#[derive(Parser)]
#[command(name = "compare", bin_name = "cargo bench --bench compare --")]
pub struct Options {
    /// About one minute instead of five: fewer rounds, smaller maps
    #[arg(long)]
    pub quick: bool,

    /// Only these maps, separated by commas [default: all]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub maps: Vec<String>,

    /// Numbers of threads [default: 1, 2, 4 ... as many as there are cores, and twice that]
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = whole(1..=1024))]
    #[arg(allow_negative_numbers = true)]
    pub threads: Vec<u64>,

    /// Sizes of maps [default: 1000,100000,1000000, and 5000000 where there is memory for it]
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = whole(1..=100_000_000))]
    #[arg(allow_negative_numbers = true)]
    pub entries: Vec<u64>,

    /// Percents of reads in mixed workloads
    #[arg(
        long,
        value_name = "PERCENT,...",
        value_delimiter = ',',
        default_value = "98,90,50,10"
    )]
    #[arg(value_parser = whole(0..=100), allow_negative_numbers = true)]
    pub reads: Vec<u64>,

    /// Keys and values: u64 to u64, 24-byte strings to u64, or u64 to 64 bytes
    #[arg(long, value_enum, default_value_t = Keys::U64)]
    pub keys: Keys,

    /// About how many seconds the whole comparison takes [default: 300; 60 with --quick]
    #[arg(long, value_name = "N", value_parser = whole(5..=36_000))]
    #[arg(allow_negative_numbers = true)]
    pub seconds: Option<u64>,

    /// Only these workloads, separated by commas: reads, mixes, crossings, keys, hashers, latency,
    /// growth, operations, memory, many, trace [default: all]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub only: Vec<String>,

    /// Requests to replay: a text file with one key a line; a relative path begins at the root of the
    /// repository [default: a sample of a Twitter cache]
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,

    /// Also writes the pictures, the tables and the results into this folder; a relative path begins at
    /// the root of the repository
    #[arg(long, value_name = "DIR")]
    pub save: Option<PathBuf>,

    /// Tries everything once, in seconds. The figures are worth nothing
    #[arg(long)]
    pub test: bool,

    /// What cargo passes.
    #[arg(long, hide = true)]
    pub bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Keys {
    U64,
    String,
    #[value(name = "64b")]
    Wide,
}

impl Keys {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::U64 => "u64",
            Self::String => "string",
            Self::Wide => "64b",
        }
    }
}

/// A parser of the whole numbers in a range.
fn whole(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<u64, String> + Clone + Send + Sync {
    move |text| {
        let number = text
            .trim()
            .parse()
            .ok()
            .filter(|number| range.contains(number));
        let (least, most) = (range.start(), range.end());
        number.ok_or_else(|| format!("expected a whole number from {least} to {most}"))
    }
}

/// Fails with the known names if one of these is none of them.
pub fn known(option: &str, given: &[String], names: &[&str]) -> Result<(), String> {
    match given.iter().find(|name| !names.contains(&name.as_str())) {
        Some(name) => Err(format!(
            "invalid value '{name}' for '--{option}': expected some of {}",
            names.join(", ")
        )),
        None => Ok(()),
    }
}
