//! What reclamation costs: pinning, replacing, and a guard that is held for ever.
//!
//! The contestants are measured in turns, in one process, many rounds; the best round of each
//! counts, and what matters is the ratio. The same map stands on each back end, so that a
//! difference is the back end's. "Bare" is a crate's own call, without a map.
//!
//! ```text
//! cargo bench --bench reclaim --all-features
//! RUSTFLAGS='--cfg splitmap_leak' cargo bench --bench reclaim --all-features      (and "leaked")
//! ```

mod turns;

use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::sync::Barrier;
use std::time::Instant;

use splitmap::{DefaultHashBuilder, Epoch, HashMap, Reclaim, ReclaimOwned, Retired};
use turns::{Effort, contestant, measure};

type Map<R> = HashMap<u64, u64, DefaultHashBuilder, R>;

fn map<R: Reclaim<Retired<u64, u64>>>() -> Map<R> {
    (0..KEYS).map(|key| (key, key)).collect()
}

const KEYS: u64 = 1_000;

/// Pins and unpins; the guard stays in registers.
fn pin<R: Reclaim<Retired<u64, u64>>>(map: &Map<R>) -> impl FnMut(u64) + '_ {
    |operations| {
        for _ in 0..operations {
            let guard = map.guard();
            std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
            drop(guard);
        }
    }
}

/// As `pin`, with the guard in memory.
fn pin_in_memory<R: Reclaim<Retired<u64, u64>>>(map: &Map<R>) -> impl FnMut(u64) + '_ {
    |operations| {
        for _ in 0..operations {
            black_box(&map.guard());
        }
    }
}

fn pin_nested<R: Reclaim<Retired<u64, u64>>>(map: &Map<R>) -> impl FnMut(u64) + '_ {
    move |operations| {
        let _outer = map.guard();
        pin(map)(operations);
    }
}

fn pin_owned<R: Reclaim<Retired<u64, u64>> + ReclaimOwned>(map: &Map<R>) -> impl FnMut(u64) + '_ {
    |operations| {
        for _ in 0..operations {
            black_box(&map.owned_guard());
        }
    }
}

fn refresh<R: Reclaim<Retired<u64, u64>>>(map: &Map<R>) -> impl FnMut(u64) + '_ {
    |operations| {
        let mut view = map.pin();
        for _ in 0..operations {
            view.refresh();
        }
    }
}

fn get<R: Reclaim<Retired<u64, u64>>>(map: &Map<R>) -> impl FnMut(u64) + '_ {
    |operations| {
        let mut sum = 0;
        for operation in 0..operations {
            sum += map.pin().get(&(operation % KEYS)).copied().unwrap_or(0);
        }
        black_box(sum);
    }
}

/// Replaces values: pins, allocates a node, retires the old one, frees an older one.
fn replace<R: Reclaim<Retired<u64, u64>>>(map: &Map<R>) -> impl FnMut(u64) + '_ {
    |operations| {
        for operation in 0..operations {
            map.pin().insert(operation % KEYS, operation);
        }
        assert_eq!(map.len() as u64, KEYS);
    }
}

/// As `replace`, on a fresh map and with a guard that was there before, in nanoseconds each.
fn replace_stalled<R: Reclaim<Retired<u64, u64>>>(operations: u64) -> f64 {
    let map = map::<R>();
    let turn = Barrier::new(2);
    let time = std::thread::scope(|scope| {
        // On a thread of its own: the writer's own pins come and go.
        let stalled = scope.spawn(|| {
            let _stalled = map.guard();
            turn.wait();
            turn.wait();
        });
        turn.wait();
        let start = Instant::now();
        replace(&map)(operations);
        let time = start.elapsed();
        turn.wait();
        stalled.join().unwrap();
        time
    });
    std::mem::forget(map);
    time.as_nanos() as f64 / operations as f64
}

type Stalled = (&'static str, fn(u64) -> f64);

/// Each measured in processes of its own: what one leaves to the allocator, or leaks, would be
/// another's memory.
const STALLED: &[Stalled] = &[
    ("Epoch", replace_stalled::<Epoch>),
    #[cfg(splitmap_leak)]
    ("leaked", replace_stalled::<splitmap::Leak>),
    #[cfg(feature = "crossbeam-epoch")]
    ("Crossbeam", replace_stalled::<splitmap::Crossbeam>),
    #[cfg(feature = "seize")]
    ("Seize", replace_stalled::<splitmap::Seize>),
];

fn stalled_in_processes(operations: u64, rounds: u32) {
    println!("\nreplace a value {operations} times, a guard held all along");
    let this = std::env::current_exe().expect("a bench has a file");
    let mut best = vec![f64::INFINITY; STALLED.len()];
    for _ in 0..rounds {
        for ((name, _), best) in STALLED.iter().zip(&mut best) {
            let mut child = Command::new(&this);
            let child = child.args(["--stalled", name, &operations.to_string()]);
            let output = child.output().expect("the bench starts itself");
            let text = String::from_utf8_lossy(&output.stdout);
            let time: f64 = text.trim().parse().expect("a child prints a time");
            *best = time.min(*best);
        }
    }
    for ((name, _), time) in STALLED.iter().zip(&best) {
        println!("  {name:<28} {time:9.2} ns   {:6.2}x", time / best[0]);
    }
}

fn stalled_child(mut arguments: impl Iterator<Item = String>) -> Option<f64> {
    let name = arguments.next()?;
    let operations = arguments.next()?.parse().ok()?;
    let (_, work) = STALLED.iter().find(|(known, _)| *known == name)?;
    Some(work(operations))
}

fn main() -> ExitCode {
    let mut effort = Effort::FULL;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => {}
            "--test" => effort = Effort::TRIED,
            "--stalled" => {
                let Some(time) = stalled_child(&mut arguments) else {
                    eprintln!("reclaim: --stalled is for the bench itself: a name and a number");
                    return ExitCode::from(2);
                };
                println!("{time}");
                return ExitCode::SUCCESS;
            }
            other => {
                eprintln!("reclaim: no argument `{other}`; there are --bench and --test");
                return ExitCode::from(2);
            }
        }
    }

    let ours = map::<Epoch>();
    #[cfg(feature = "crossbeam-epoch")]
    let crossbeam = map::<splitmap::Crossbeam>();
    #[cfg(feature = "seize")]
    let seize = map::<splitmap::Seize>();
    #[cfg(feature = "seize")]
    let collector = seize::Collector::new();

    macro_rules! each {
        ($work:ident) => {
            vec![
                contestant("Epoch", $work(&ours)),
                #[cfg(feature = "crossbeam-epoch")]
                contestant("Crossbeam", $work(&crossbeam)),
                #[cfg(feature = "seize")]
                contestant("Seize", $work(&seize)),
            ]
        };
    }

    let nothing = contestant("an empty loop", |operations| {
        for operation in 0..operations {
            black_box(operation);
        }
    });
    let mut pins = each!(pin);
    pins.push(nothing);
    #[cfg(feature = "crossbeam-epoch")]
    pins.push(contestant("crossbeam-epoch, bare", |operations| {
        for _ in 0..operations {
            let guard = crossbeam_epoch::pin();
            std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
            drop(guard);
        }
    }));
    #[cfg(feature = "seize")]
    pins.push(contestant("seize, bare", |operations| {
        for _ in 0..operations {
            let guard = collector.enter();
            std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
            drop(guard);
        }
    }));
    measure("pin and unpin", 1_000_000, pins, effort);
    measure(
        "pin and unpin, the guard in memory",
        1_000_000,
        each!(pin_in_memory),
        effort,
    );
    measure(
        "pin and unpin within another guard",
        1_000_000,
        each!(pin_nested),
        effort,
    );
    measure("refresh", 1_000_000, each!(refresh), effort);
    let owned = vec![
        contestant("Epoch", pin_owned(&ours)),
        #[cfg(feature = "seize")]
        contestant("Seize", pin_owned(&seize)),
    ];
    measure("an owned guard", 200_000, owned, effort);
    measure(
        "a hit among 1,000 entries, pinned for it",
        1_000_000,
        each!(get),
        effort,
    );
    #[allow(unused_mut, reason = "more come with a feature")]
    let mut replaces = each!(replace);
    #[cfg(feature = "crossbeam-epoch")]
    replaces.push(contestant("bare: alloc, retire, free", |operations| {
        for operation in 0..operations {
            let guard = crossbeam_epoch::pin();
            let old = crossbeam_epoch::Owned::new([operation; 4]).into_shared(&guard);
            // SAFETY: nobody else has it.
            unsafe { guard.defer_destroy(old) };
        }
    }));
    measure("replace a value", 300_000, replaces, effort);

    for log in [14, 17, 20] {
        stalled_in_processes((1 << log) / effort.less, effort.rounds.min(9));
    }
    ExitCode::SUCCESS
}
