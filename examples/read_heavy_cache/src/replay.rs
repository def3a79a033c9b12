//! One round: an empty cache, the threads that read through it, and the thread that refreshes it. The
//! first pass over the trace fills the cache; what comes after is measured on the warm one.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use splitmap::DefaultHashBuilder;

use crate::cache::Cache;
use crate::record::Record;
use crate::trace::Trace;

/// Of so many requests one is timed: reading the clock twice costs as much as a fast hit. A prime,
/// so that another pass over the trace times other requests.
pub const TIMED_OF: usize = 17;

/// Requests that a thread takes from the trace at a time.
const CHUNK: usize = 256;

/// What is replayed, the same for every map.
pub struct Replay<'a> {
    pub trace: &'a Trace,
    pub threads: u64,
    pub refresh: u64,
    pub length: Duration,
    pub hasher: DefaultHashBuilder,
}

/// What threads did in a round.
pub struct Round {
    pub elapsed: Duration,
    /// The first pass over the trace, on an empty cache: how long it took, and its requests.
    pub cold: (Duration, u64),
    pub hits: u64,
    pub misses: u64,
    pub refreshes: u64,
    /// Nanoseconds of the timed hits.
    pub hit: Histogram<u64>,
    /// Nanoseconds of all inserts.
    pub write: Histogram<u64>,
}

impl Round {
    /// Nothing done yet.
    pub fn new() -> Self {
        let longest = Duration::from_secs(60).as_nanos() as u64;
        let histogram = Histogram::new_with_bounds(1, longest, 3).expect("the bounds are valid");
        Self {
            elapsed: Duration::ZERO,
            cold: (Duration::ZERO, 0),
            hits: 0,
            misses: 0,
            refreshes: 0,
            hit: histogram.clone(),
            write: histogram,
        }
    }

    /// Adds what another thread, or another round, did.
    pub fn add(&mut self, other: &Round) {
        self.elapsed += other.elapsed;
        self.cold.0 += other.cold.0;
        self.cold.1 += other.cold.1;
        self.hits += other.hits;
        self.misses += other.misses;
        self.refreshes += other.refreshes;
        self.hit
            .add(&other.hit)
            .expect("all histograms have the same bounds");
        self.write
            .add(&other.write)
            .expect("all histograms have the same bounds");
    }

    /// Requests in a second.
    pub fn speed(&self) -> f64 {
        (self.hits + self.misses) as f64 / self.elapsed.as_secs_f64()
    }

    /// Requests in a second of the pass over an empty cache.
    pub fn cold_speed(&self) -> f64 {
        self.cold.1 as f64 / self.cold.0.as_secs_f64()
    }

    fn insert(&mut self, cache: &impl Cache, key: &str, record: Record) {
        let key = key.into();
        let start = Instant::now();
        cache.insert(key, record);
        self.write
            .saturating_record(start.elapsed().as_nanos() as u64);
    }
}

impl Replay<'_> {
    /// Replays the trace once on an empty cache; then over and over, until the time is up.
    ///
    /// # Panics
    ///
    /// If a record was wrong, or is not in the cache at the end.
    pub fn play<C: Cache>(&self, progress: &ProgressBar) -> Round {
        let cache = C::new(self.hasher.clone());
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let mut round = Round::new();

        // The cold cache: requests are dealt out until the trace is through.
        let start = Instant::now();
        thread::scope(|scope| {
            let readers: Vec<_> = (0..self.threads)
                .map(|_| scope.spawn(|| self.read_through(&cache, &next, self.trace.len(), &stop)))
                .collect();
            for thread in readers {
                let cold = thread.join().unwrap_or_else(|panic| resume_unwind(panic));
                round.cold.1 += cold.hits + cold.misses;
            }
        });
        round.cold.0 = start.elapsed();
        stop.store(false, Relaxed);

        let start = Instant::now();
        thread::scope(|scope| {
            let end = End(&stop);
            let refresher = scope.spawn(|| self.refresh(&cache, &next, &stop));
            let readers: Vec<_> = (0..self.threads)
                .map(|_| scope.spawn(|| self.read_through(&cache, &next, usize::MAX, &stop)))
                .collect();
            self.wait(progress, &stop);
            drop(end);
            for thread in readers.into_iter().chain([refresher]) {
                round.add(&thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
        });
        round.elapsed = start.elapsed();

        // Nothing is ever removed, so what was asked for is there, and nothing else.
        let keys = self.trace.keys_of_first(next.into_inner());
        assert_eq!(
            cache.len(),
            keys.len(),
            "the cache counts its records wrongly"
        );
        for key in keys {
            cache
                .read(key, |record| record.check(key))
                .expect("the cache lost a record");
        }
        round
    }

    /// The look-aside cache: get; on a miss, load and insert. Ends before the request `end`, or when
    /// the round is stopped.
    fn read_through(
        &self,
        cache: &impl Cache,
        next: &AtomicUsize,
        end: usize,
        stop: &AtomicBool,
    ) -> Round {
        let _end = End(stop);
        let mut done = Round::new();
        // A key as it arrives with a request: in a buffer of its own, recently written.
        let mut key = String::new();
        while !stop.load(Relaxed) {
            let first = next.fetch_add(CHUNK, Relaxed);
            if first >= end {
                break;
            }
            for position in first..(first + CHUNK).min(end) {
                key.clear();
                key.push_str(self.trace.request(position));
                let start = position.is_multiple_of(TIMED_OF).then(Instant::now);
                if cache.read(&key, |record| record.check(&key)).is_some() {
                    if let Some(start) = start {
                        done.hit
                            .saturating_record(start.elapsed().as_nanos() as u64);
                    }
                    done.hits += 1;
                } else {
                    done.insert(cache, &key, Record::load(&key));
                    done.misses += 1;
                }
            }
        }
        done
    }

    /// Replaces records that are in the cache, popular ones more often, at a steady rate.
    fn refresh(&self, cache: &impl Cache, next: &AtomicUsize, stop: &AtomicBool) -> Round {
        let _end = End(stop);
        let mut done = Round::new();
        let start = Instant::now();
        let mut random = 0_u64;
        while !stop.load(Relaxed) {
            let due = (start.elapsed().as_secs_f64() * self.refresh as f64) as u64;
            let seen = next.load(Relaxed).min(self.trace.len());
            while done.refreshes < due && seen > 0 && !stop.load(Relaxed) {
                random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
                let key = self.trace.request((random >> 32) as usize % seen);
                if cache.read(key, |_| ()).is_some() {
                    done.refreshes += 1;
                    done.insert(cache, key, Record::new(key, done.refreshes));
                }
            }
            thread::sleep(Duration::from_millis(1));
        }
        done
    }

    /// Waits for the end of the round, which comes early if a thread fails.
    fn wait(&self, progress: &ProgressBar, stop: &AtomicBool) {
        const STEP: Duration = Duration::from_millis(100);
        let (start, before) = (Instant::now(), progress.position());
        while let Some(left) = self.length.checked_sub(start.elapsed()) {
            if stop.load(Relaxed) {
                break;
            }
            thread::sleep(left.min(STEP));
            let done = start.elapsed().min(self.length);
            progress.set_position(before + done.as_millis() as u64);
        }
    }
}

/// Ends the round when it is dropped: by whoever is through, or unwinds.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
