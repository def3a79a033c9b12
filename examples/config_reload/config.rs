//! A configuration, and how one can tell that it is whole. Counts those that are alive.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

static MADE: AtomicU64 = AtomicU64::new(0);
static FREED: AtomicU64 = AtomicU64::new(0);

/// What one service needs to know. Belongs together, so it is one value, and is replaced as one.
pub struct Config {
    pub version: u64,
    pub upstreams: Vec<String>,
    pub timeout_ms: u64,
    checksum: u64,
}

impl Config {
    /// As if it were read from a file of this version.
    pub fn load(service: &str, version: u64) -> Self {
        MADE.fetch_add(1, Relaxed);
        let upstreams: Vec<String> = (0..1 + version % 3)
            .map(|number| format!("{service}-v{version}-{number}.internal:443"))
            .collect();
        let timeout_ms = 100 + version % 900;
        let checksum = checksum(version, &upstreams, timeout_ms);
        Self {
            version,
            upstreams,
            timeout_ms,
            checksum,
        }
    }

    /// Whether all parts are of one version.
    pub fn is_whole(&self) -> bool {
        self.checksum == checksum(self.version, &self.upstreams, self.timeout_ms)
    }
}

impl Drop for Config {
    fn drop(&mut self) {
        FREED.fetch_add(1, Relaxed);
        // Who still read it would see that it is not whole.
        self.checksum = !self.checksum;
    }
}

/// How many configurations were made so far, and how many freed.
pub fn made_and_freed() -> (u64, u64) {
    // Freed first: so that it is not more.
    let freed = FREED.load(Relaxed);
    (MADE.load(Relaxed), freed)
}

fn checksum(version: u64, upstreams: &[String], timeout_ms: u64) -> u64 {
    let bytes = upstreams.iter().flat_map(|upstream| upstream.bytes());
    let numbers = bytes.map(u64::from).chain([version, timeout_ms]);
    numbers.fold(0, |sum, number| {
        (sum ^ number)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left(29)
    })
}
