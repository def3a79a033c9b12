//! Where pages come from: slow, now and then unreachable, and counted.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::sleep;

pub struct Page {
    pub number: u64,
    pub body: Vec<u8>,
}

impl Page {
    /// Whether it is the page that was asked for, and all there.
    pub fn is_whole(&self, number: u64) -> bool {
        self.number == number && self.body.iter().all(|byte| *byte == number as u8)
    }
}

/// The source could not be reached.
#[derive(Debug)]
pub struct Unreachable(u64);

impl Display for Unreachable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "the source of page {} cannot be reached", self.0)
    }
}

impl std::error::Error for Unreachable {}

pub struct Source {
    fetch_time: Duration,
    pub fetches: AtomicU64,
    pub failures: AtomicU64,
    /// For each page whether it is being fetched: to see that it is not fetched twice at a time.
    under_way: Vec<AtomicBool>,
    pub doubled: AtomicU64,
}

impl Source {
    pub fn new(pages: u64, fetch_time: Duration) -> Self {
        Self {
            fetch_time,
            fetches: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            under_way: (0..pages).map(|_| AtomicBool::new(false)).collect(),
            doubled: AtomicU64::new(0),
        }
    }

    /// Fetches a page. Every tenth attempt fails.
    pub async fn fetch(&self, number: u64) -> Result<Arc<Page>, Unreachable> {
        let under_way = &self.under_way[number as usize];
        if under_way.swap(true, Relaxed) {
            self.doubled.fetch_add(1, Relaxed);
        }
        let attempt = self.fetches.fetch_add(1, Relaxed);
        sleep(self.fetch_time).await;
        under_way.store(false, Relaxed);
        if attempt % 10 == 9 {
            self.failures.fetch_add(1, Relaxed);
            return Err(Unreachable(number));
        }
        let body = vec![number as u8; 1000];
        Ok(Arc::new(Page { number, body }))
    }

    /// Sends a page to a client that is not always ready: how many bytes.
    pub async fn send(&self, page: &Page) -> u64 {
        tokio::task::yield_now().await;
        page.body.len() as u64
    }
}
