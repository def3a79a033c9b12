//! The requests to replay: which key each asks for.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Where the sample is.
const BUNDLED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../data/twitter-cluster52-250k.u16le"
);

/// Larger files are refused: a trace is held in memory.
const MAX_BYTES: u64 = 1 << 30;

/// Requests in order. Keys are numbered by their first appearance.
pub struct Trace {
    pub name: String,
    keys: Vec<Box<str>>,
    requests: Vec<u32>,
}

impl Trace {
    /// The sample of Twitter's cluster 52: little-endian `u16` numbers, already by first
    /// appearance. They become keys of the length that such keys have.
    pub fn bundled() -> Result<Self, String> {
        let bytes = bytes_of(Path::new(BUNDLED))?;
        let (pairs, rest) = bytes.as_chunks();
        let requests: Vec<u32> = pairs
            .iter()
            .map(|pair| u32::from(u16::from_le_bytes(*pair)))
            .collect();
        let Some(last) = requests.iter().max().filter(|_| rest.is_empty()) else {
            return Err(format!("the bundled trace {BUNDLED:?} is damaged"));
        };
        let keys = (0..=*last)
            .map(|number| format!("cluster52:{number:08x}").into())
            .collect();
        Ok(Self {
            name: "Twitter's cache cluster 52".into(),
            keys,
            requests,
        })
    }

    /// A text file with one key a line. Any line is a key, an empty one too.
    pub fn from_text(path: &Path) -> Result<Self, String> {
        let text = String::from_utf8(bytes_of(path)?).map_err(|error| {
            let byte = error.utf8_error().valid_up_to();
            format!("the trace {path:?} is not UTF-8 text (at byte {byte})")
        })?;
        let mut numbers = HashMap::new();
        let mut keys = Vec::new();
        let requests = text.lines().map(|key| {
            *numbers.entry(key).or_insert_with(|| {
                keys.push(key.into());
                // No overflow: the file would be larger than `MAX_BYTES`.
                keys.len() as u32 - 1
            })
        });
        Ok(Self {
            name: format!("{path:?}"),
            requests: requests.collect(),
            keys,
        })
    }

    /// How many requests there are: at least one.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// The key of a request. After the last one comes the first again.
    pub fn request(&self, position: usize) -> &str {
        &self.keys[self.requests[position % self.len()] as usize]
    }

    /// The different keys of the first `count` requests.
    pub fn keys_of_first(&self, count: usize) -> &[Box<str>] {
        let requests = &self.requests[..count.min(self.len())];
        &self.keys[..requests.iter().max().map_or(0, |last| *last as usize + 1)]
    }
}

/// Reads a file that is neither empty nor too large.
fn bytes_of(path: &Path) -> Result<Vec<u8>, String> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) if bytes.is_empty() => Err(format!("the trace {path:?} is empty")),
        Ok(bytes) if bytes.len() as u64 > MAX_BYTES => {
            Err(format!("the trace {path:?} is larger than 1 GiB"))
        }
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(format!("cannot read the trace {path:?}: {error}")),
    }
}
