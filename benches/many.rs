//! Many keys at a time against one after the other, on one thread, under one guard.
//!
//! Among 1,000 entries (in the first caches), 100,000 (in the last) and 5,000,000 (in memory); the
//! keys are drawn from them, all present, and an insertion replaces. In turns, as `turns` says.
//!
//! ```text
//! cargo bench --bench many
//! ```

mod turns;

use std::hint::black_box;
use std::process::ExitCode;

use splitmap::HashMap;
use turns::{Effort, contestant, measure};

type Map = HashMap<u64, u64>;

/// Keys that one batch has.
const BATCH: u64 = 1_024;

/// Keys below `entries` in no order, other ones for each `turn`.
fn keys(turn: u64, entries: u64) -> impl Iterator<Item = u64> {
    let spread = move |n: u64| (n ^ n >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (turn..turn + BATCH).map(move |n| spread(n.wrapping_mul(0xd134_2543_de82_ef95)) % entries)
}

/// Work of so many operations, in batches of drawn keys; `batch` returns how many it found.
fn batches<'a>(entries: u64, mut batch: impl FnMut(&[u64]) -> u64 + 'a) -> impl FnMut(u64) + 'a {
    let mut turn = 0;
    move |operations| {
        for _ in 0..operations.div_ceil(BATCH) {
            turn += BATCH;
            let keys: Vec<u64> = keys(turn, entries).collect();
            assert_eq!(batch(&keys), BATCH, "a key was not there");
        }
    }
}

fn compare(entries: u64, operations: u64, effort: Effort) {
    let map: Map = (0..entries).map(|key| (key, key)).collect();
    let map = &map;
    let get = |keys: &[u64]| {
        let map = map.pin();
        let found = keys.iter().filter_map(|key| map.get(key));
        found.map(black_box).count() as u64
    };
    let get_many = |keys: &[u64]| {
        let map = map.pin();
        map.get_many(keys).flatten().map(black_box).count() as u64
    };
    let insert = |keys: &[u64]| {
        let map = map.pin();
        let replaced = keys.iter().filter_map(|&key| map.insert(key, key));
        replaced.count() as u64
    };
    let insert_many = |keys: &[u64]| {
        let absent = map.pin().insert_many(keys.iter().map(|&key| (key, key)));
        BATCH - absent as u64
    };
    measure(
        &format!("look for keys among {entries} entries"),
        operations,
        vec![
            contestant("get", batches(entries, get)),
            contestant("get_many", batches(entries, get_many)),
        ],
        effort,
    );
    measure(
        &format!("replace values among {entries} entries"),
        operations,
        vec![
            contestant("insert", batches(entries, insert)),
            contestant("insert_many", batches(entries, insert_many)),
        ],
        effort,
    );
}

fn main() -> ExitCode {
    let mut effort = Effort::FULL;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--bench" => {}
            "--test" => effort = Effort::TRIED,
            other => {
                eprintln!("many: no argument `{other}`; there are --bench and --test");
                return ExitCode::from(2);
            }
        }
    }
    for entries in [1_000, 100_000, 5_000_000] {
        compare((entries / effort.less).max(100), 1 << 18, effort);
    }
    ExitCode::SUCCESS
}
