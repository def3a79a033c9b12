//! What is under way, and how long it will take.

use std::cell::Cell;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on stderr, and only where that is a terminal.
pub struct Progress {
    bar: ProgressBar,
    slice: Duration,
    /// Where the bar stands when the workload that is under way has ended.
    end: Cell<Duration>,
}

impl Progress {
    /// For work that takes so long.
    pub fn new(all: Duration, slice: Duration) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {eta} left, {wide_msg}");
        let bar = ProgressBar::new(all.as_millis() as u64)
            .with_style(style.expect("the template is well-formed"));
        Self {
            bar,
            slice,
            end: Cell::new(Duration::ZERO),
        }
    }

    /// What is being done.
    pub fn says(&self, doing: String) {
        self.bar.set_message(doing);
        self.bar.tick();
    }

    /// A turn begins.
    pub fn turn(&self, doing: String) {
        self.turns(1, doing);
    }

    /// Turns begin.
    pub fn turns(&self, count: u32, doing: String) {
        self.bar.set_message(doing);
        let time = (self.slice * 5 / 4 * count).as_millis() as u64;
        let end = self.end.get().as_millis() as u64;
        self.bar.set_position((self.bar.position() + time).min(end));
    }

    /// A workload begins that is expected to take so long.
    pub fn begins(&self, takes: Duration) {
        self.bar.set_position(self.end.get().as_millis() as u64);
        self.end.set(self.end.get() + takes);
    }

    /// Prints lines above the bar.
    pub fn prints(&self, text: &str) {
        self.bar.suspend(|| print!("{text}"));
    }

    pub fn ends(&self) {
        self.bar.finish_and_clear();
    }
}
