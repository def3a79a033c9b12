//! The back end of a measurement: it never frees anything. What a real one costs with a guard
//! that is never dropped is compared with this (`benches/reclaim.rs`).

#![allow(missing_docs, reason = "built with `--cfg splitmap_leak` only")]

use super::counter::Counter;
use super::{Dispose, Reclaim, Reclaimer, sealed::Sealed};
use crate::stats::Stats;

#[derive(Debug)]
pub enum Leak {}

impl Sealed for Leak {}

// SAFETY: nothing is ever freed.
unsafe impl Reclaimer for Leak {
    const DRAINS: bool = false;
    const WAIT_FREE_PIN: bool = true;
    const OWNED_GUARDS: bool = false;
    const BORROWED_ENTRIES: bool = true;

    type Store = Counter;
    type Pin = ();
    type Place<'p> = ();

    fn store() -> Counter {
        Counter::new()
    }

    unsafe fn pin(_: &Counter) {}

    unsafe fn refresh((): &mut ()) {}

    fn covers(_: &Counter, (): &()) -> bool {
        true
    }

    fn participants(_: &Counter) -> Option<usize> {
        None
    }

    fn len(counter: &Counter) -> usize {
        counter.len()
    }

    unsafe fn place(_: &Counter, (): &()) {}

    unsafe fn retire<D: Dispose>(_: &Counter, (): &(), (): (), _: *mut ()) {}

    unsafe fn count<D: Dispose>(counter: &Counter, (): &(), (): (), by: isize) -> u64 {
        counter.count(by)
    }

    unsafe fn tick<D: Dispose>(_: &Counter, (): &(), (): (), _: u64) {}

    unsafe fn flush<D: Dispose>(_: &Counter) {}

    fn stats(_: &Counter) -> Stats {
        Stats::default()
    }
}

// SAFETY: as above.
unsafe impl<D: Dispose> Reclaim<D> for Leak {}
