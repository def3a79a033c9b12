//! The requests of a cache: a file with one key a line, or the sample in the repository.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::draw::{Act, Op};
use crate::map::tag;

/// A sample of Twitter's cache cluster 52: numbers of two bytes each, by first appearance.
const SAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../examples/data/twitter-cluster52-250k.u16le"
);

/// Requests in their order.
pub struct Requests {
    pub name: String,
    pub ops: Vec<Op<String>>,
    /// How many different keys there are.
    pub keys: usize,
}

impl Requests {
    /// Of the file, or of the sample.
    pub fn load(file: Option<PathBuf>) -> Result<Self, String> {
        match file {
            Some(file) => Self::of_lines(&file),
            None => Self::sample(),
        }
    }

    /// The first few, for a run that only tries everything.
    pub fn few(mut self) -> Self {
        self.ops.truncate(5_000);
        self.keys = self
            .ops
            .iter()
            .map(|op| op.number as usize + 1)
            .max()
            .unwrap_or(0);
        self
    }

    fn sample() -> Result<Self, String> {
        let bytes = fs::read(SAMPLE)
            .map_err(|error| format!("cannot read the trace {SAMPLE:?}: {error}"))?;
        let (pairs, _) = bytes.as_chunks();
        let numbers = pairs
            .iter()
            .map(|pair| u32::from(u16::from_le_bytes(*pair)));
        let named = numbers.map(|number| (number, format!("cluster52:{number:08x}")));
        Ok(Self::new(
            "250,000 requests of Twitter's cache cluster 52".into(),
            named,
        ))
    }

    fn of_lines(file: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(file).map_err(|error| {
            format!(
                "cannot read the trace {file:?}: {error}; expected a text file with one key a line"
            )
        })?;
        if text.lines().next().is_none() {
            return Err(format!(
                "the trace {file:?} is empty; expected a text file with one key a line"
            ));
        }
        let mut numbers = HashMap::new();
        let named = text.lines().map(|key| {
            let next = numbers.len() as u32;
            (*numbers.entry(key).or_insert(next), key.to_string())
        });
        Ok(Self::new(format!("{}", file.display()), named))
    }

    fn new(name: String, named: impl Iterator<Item = (u32, String)>) -> Self {
        let op = |(number, key)| Op {
            key,
            number,
            tag: tag(u64::from(number)),
            act: Act::Read,
        };
        let ops: Vec<_> = named.map(op).collect();
        let keys = ops
            .iter()
            .map(|op| op.number as usize + 1)
            .max()
            .unwrap_or(0);
        Self { name, ops, keys }
    }
}
