//! (f) Memory: each figure from a process of its own, whose allocator has served nothing else.

use std::env;
use std::fs;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use crate::allocator;
use crate::draw::{Act, Op, entries};
use crate::map::{Key, Value};
use crate::measure::Wrong;
use crate::runner::{Contestant, Runner, Turn, Writes};
use crate::table::{Better, Plot, Table, grouped};

use super::{Context, Rounds, Setting, Workload};

/// The first argument of a process that measures memory.
pub const CHILD: &str = "--memory-of";

/// Entries that a process holds, over all its maps: so its own fixed costs vanish.
const TOTAL: usize = 200_000;

pub fn workload<K: Key, V: Value>(setting: &Setting, maps: usize) -> Workload<K, V> {
    let entries: usize = sizes(setting).iter().map(|size| size.max(&TOTAL)).sum();
    Workload {
        name: "memory",
        run: memory,
        turns: 0,
        seconds: (maps * entries) as f64 * 4e-7,
    }
}

fn sizes(setting: &Setting) -> &'static [usize] {
    match setting {
        Setting { tiny: true, .. } => &[1_000],
        Setting { quick: true, .. } => &[1_000, 100_000],
        _ => &[1_000, 100_000, 1_000_000, (1 << 20) + 1],
    }
}

fn memory<K: Key, V: Value>(context: &Context<'_, K, V>) -> Result<Vec<Table>, Wrong> {
    let sizes = sizes(context.setting);
    let most = *sizes.last().expect("there is a size");
    let mut entry = Rounds::new(context.contestants, 2 * sizes.len());
    let mut whole = Rounds::new(context.contestants, 5);
    for contestant in context.contestants {
        let name = contestant.name;
        context.progress.says(format!("{name}: memory"));
        let taken = |entries: usize, removed| taken(context, name, entries, removed);
        for (column, &size) in sizes.iter().enumerate() {
            let [asked, resident] = taken(size, false)?;
            entry.add(name, 2 * column, asked / size as f64);
            entry.add(name, 2 * column + 1, resident / size as f64);
        }
        for (column, size) in [0, 1, 8].into_iter().enumerate() {
            whole.add(name, column, taken(size, false)?[0] / 1024.0);
        }
        if contestant.writes != Writes::ByCopy {
            let [asked, resident] = taken(most, true)?;
            whole.add(name, 3, asked / 1024.0);
            whole.add(name, 4, resident / 1024.0);
        }
    }
    let both = |size: &usize| {
        let size = grouped(*size);
        [format!("{size}: asked"), format!("{size}: resident")]
    };
    let about = "\"Asked\" is what the map's allocations ask for, less what it gives back; \"resident\" is what the \
                 process grows by, with the system's allocator. Maps grow from empty, one entry after the \
                 other (arc-swap, evmap and the actor are filled at once). Each figure is from a process of \
                 its own, and they repeat almost exactly.";
    Ok(vec![
        Table {
            workload: "memory",
            title: format!("Memory an entry, {} keys", context.setting.kind),
            about: about.into(),
            unit: "bytes an entry",
            better: Better::Lower,
            columns: sizes.iter().flat_map(both).collect(),
            rank: 2 * sizes.len() - 2,
            plot: Plot::Bars,
            rows: entry.rows(),
        },
        Table {
            workload: "memory",
            title: format!("Memory of a small map, and of one whose {} entries were all removed", grouped(most)),
            about: "The last two columns: everything was removed one by one, and nothing else was called; what waits \
                    to be freed or to be reused counts."
                .into(),
            unit: "KiB a map",
            better: Better::Lower,
            columns: ["empty", "1 entry", "8 entries", "all removed: asked", "all removed: resident"]
                .map(String::from)
                .to_vec(),
            rank: 0,
            plot: Plot::None,
            rows: whole.rows(),
        },
    ])
}

/// Bytes that a map takes: asked for, and resident, which is no number where it cannot be measured.
fn taken<K, V>(
    context: &Context<'_, K, V>,
    map: &str,
    entries: usize,
    removed: bool,
) -> Result<[f64; 2], Wrong> {
    let failed = |reason: String| Wrong(format!("{map}, memory of {entries} entries: {reason}"));
    let program = env::current_exe().map_err(|error| failed(error.to_string()))?;
    let arguments = [
        context.setting.kind,
        map,
        &entries.to_string(),
        &removed.to_string(),
    ];
    let output = Command::new(program).arg(CHILD).args(arguments).output();
    let output = output.map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map(|number| number.parse());
    match (numbers.next(), numbers.next()) {
        (Some(Ok(asked)), Some(Ok(resident))) => Ok([asked, resident]),
        _ => Err(failed(format!("the process printed {text:?}"))),
    }
}

/// What a process of its own does: `[map, entries, removed]`.
pub fn child<K: Key, V: Value>(contestants: &[Contestant<K, V>], arguments: &[String]) {
    let [map, size, removed] = arguments else {
        panic!("the parent gives a map, a number of entries, and whether they are removed");
    };
    let found = contestants.iter().find(|contestant| contestant.name == map);
    let contestant = found.expect("the parent knows the maps");
    let size: usize = size.parse().expect("the parent gives a number");
    let copies = match size {
        0..1_000 => 200,
        _ => (TOTAL / size).max(1),
    };
    let entries: Vec<Op<K>> = entries(size);
    let gone: Vec<_> = entries
        .iter()
        .cloned()
        .map(|op| Op {
            act: Act::Remove,
            ..op
        })
        .collect();
    let mut maps: Vec<Box<dyn Runner<K, V>>> = Vec::with_capacity(copies);
    // What only the first map of a process needs.
    drop(contestant.filled(&entries[..size.min(10)]));

    allocator::count();
    let (asked, resident) = (allocator::asked(), resident());
    for _ in 0..copies {
        let map = contestant.empty(0);
        map.fill(&entries);
        if removed == "true" {
            let stop = AtomicBool::new(false);
            let turn = Turn {
                stop: &stop,
                operations: size,
            };
            map.mix(&gone, &turn);
        }
        maps.push(map);
    }
    let asked = allocator::asked().wrapping_sub(asked) as isize as f64 / copies as f64;
    let grown = self::resident()
        .zip(resident)
        .map(|(after, before)| after - before);
    let left = if removed == "true" { 0 } else { size };
    assert!(
        maps.iter().all(|map| map.len() == left),
        "the map lost or kept entries"
    );
    println!(
        "{asked} {}",
        grown.map_or(f64::NAN, |grown| grown / copies as f64)
    );
}

/// Bytes of this process in memory. `None` elsewhere than on Linux.
fn resident() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0)
}
