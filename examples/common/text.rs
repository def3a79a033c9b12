//! A text to work on: a file, the standard input, or the documents of this crate.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Longer texts are refused: they are held in memory.
const MAX_BYTES: u64 = 1 << 30;

const DOCUMENTS: [&str; 4] = [
    include_str!("../../README.md"),
    include_str!("../../docs/ALGORITHM.md"),
    include_str!("../../docs/GUARANTEES.md"),
    include_str!("../../docs/RECLAMATION.md"),
];

/// The text in lower case, and what it is called. `-` is the standard input.
pub fn load(path: Option<&Path>) -> Result<(String, String), String> {
    let Some(path) = path else {
        let text = DOCUMENTS.concat().to_lowercase();
        return Ok(("The documents of this crate".into(), text));
    };
    let read = || -> io::Result<Vec<u8>> {
        let source: Box<dyn Read> = match path.to_str() {
            Some("-") => Box::new(io::stdin()),
            _ => Box::new(File::open(path)?),
        };
        let mut bytes = Vec::new();
        source.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error| format!("cannot read {path:?}: {error}"))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("{path:?} is larger than 1 GiB"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let byte = error.utf8_error().valid_up_to();
        format!("{path:?} is not UTF-8 text (at byte {byte})")
    })?;
    if words(&text).is_empty() {
        return Err(format!("{path:?} has no word"));
    }
    Ok((format!("{path:?}"), text.to_lowercase()))
}

/// The words of a text, where they stand in it.
pub fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect()
}
