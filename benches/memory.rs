//! Memory: how many bytes an entry takes.
//!
//! - Entries in a map: 1,000, 100,000, 1,000,000; a process holds a million of them, that is a
//!   thousand maps of the first kind, so that its own fixed costs vanish.
//! - Keys: `u64`, or a `String` with 24 bytes of text; values: `u64`. Keys, values and the text are
//!   in the figures: 16 or 56 bytes.
//! - Ways: *collect*; *sized*, inserted into a map with room for all; *grown*, inserted into an
//!   empty one.
//! - Maps: splitmap, dashmap, papaya, scc's `HashMap` and `HashIndex`, `RwLock<std HashMap>`, the
//!   same hash builder for all.
//! - Bytes *asked for* are the sizes that the map's allocations ask for, less what is given back.
//!   *Resident* is what `VmRSS` grows by; it is measured on Linux alone, with the system's
//!   allocator and with mimalloc.
//! - *Over-aligned* allocations want more than 16 bytes of alignment: glibc cuts each out of a
//!   larger piece, so there must be none for an entry.
//!
//! Each figure comes from a process of its own, whose allocator has served nothing else. Every map
//! is read back and checked afterwards.
//!
//! Memory is measured as the building leaves it: with what waits to be reclaimed, with a growth
//! under way if there is one, and with what the allocator keeps of the memory given back to it.
//! mimalloc keeps much, and takes pages of 2 MiB where the system lets it: that alone can be six
//! bytes an entry.
//!
//! Tables are as wide as a power of two. At 100,000 entries ours is far from full and std's nearly
//! full; at 1,000,000 it is the other way round. No figure holds for other sizes.
//!
//! Not measured: the peak while building, what several threads add, removal, time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::HashMap as StdHashMap;
use std::env;
use std::fmt::Write;
use std::fs;
use std::hash::Hash;
use std::process::{self, Command};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use mimalloc::MiMalloc;
use splitmap::DefaultHashBuilder;

#[expect(
    dead_code,
    reason = "nothing is drawn here: keys go in in the order of their numbers"
)]
#[path = "common/keys.rs"]
mod keys;

const MAPS: [&str; 6] = [
    "splitmap",
    "dashmap",
    "papaya",
    "scc_HashMap",
    "scc_HashIndex",
    "RwLock_std",
];
const KEYS: [&str; 2] = ["u64", "String"];
const ENTRIES: [usize; 3] = [1_000, 100_000, 1_000_000];
const WAYS: [&str; 3] = ["collect", "sized", "grown"];
const ALLOCATORS: [&str; 2] = ["system", "mimalloc"];

/// Entries in a process, over all its maps.
const TOTAL: usize = 1_000_000;

/// Over-aligned allocations that one of our maps may ask for while it is built, at any size: some
/// for the map, and some for each growth.
const MOST_OVER_ALIGNED: usize = 64;

/// The variable that tells a process its allocator. Not an argument: it has to be known before the
/// first allocation.
const ALLOCATOR: &str = "SPLITMAP_BENCH_ALLOCATOR";

#[global_allocator]
static COUNTING: Counting = Counting;

static ASKED: AtomicUsize = AtomicUsize::new(0);
static OVER_ALIGNED: AtomicUsize = AtomicUsize::new(0);

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["--child", map, "u64", way, entries, copies] = arguments[..] {
        return child::<u64>(map, way, number(entries), number(copies));
    }
    if let ["--child", map, "String", way, entries, copies] = arguments[..] {
        return child::<String>(map, way, number(entries), number(copies));
    }
    for argument in &arguments {
        if !["--bench", "--test"].contains(argument) {
            eprintln!("memory: unknown argument `{argument}`; there is only --test");
            process::exit(2);
        }
    }
    // The rule by which the other benches decide whether they are only tried.
    if arguments.contains(&"--test") || !arguments.contains(&"--bench") {
        measure(&ENTRIES[..1], 1_000);
        println!("memory: every map holds what it should");
    } else {
        eprintln!("memory: this takes a minute or more, and prints nothing before its end");
        report(&measure(&ENTRIES, TOTAL));
    }
}

fn number(argument: &str) -> usize {
    argument.parse().expect("the parent gives a number")
}

/// What is built.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Case {
    keys: &'static str,
    entries: usize,
    way: &'static str,
}

/// What a map takes in a case: bytes an entry, and allocations a map.
struct Taken {
    case: Case,
    map: &'static str,
    asked: f64,
    /// By allocator.
    resident: [Option<f64>; 2],
    over_aligned: usize,
}

/// Measures all maps of these sizes, each in a process of its own.
fn measure(sizes: &[usize], total: usize) -> Vec<Taken> {
    let mut all = Vec::new();
    for keys in KEYS {
        for &entries in sizes {
            for map in MAPS {
                for way in WAYS {
                    let case = Case { keys, entries, way };
                    let copies = total / entries;
                    let [(asked, system, over_aligned), (_, mimalloc, _)] =
                        ALLOCATORS.map(|allocator| start(allocator, map, case, copies));
                    let an_entry = |bytes| bytes / total as f64;
                    let taken = Taken {
                        case,
                        map,
                        asked: an_entry(asked),
                        resident: [system, mimalloc].map(|bytes| bytes.map(an_entry)),
                        over_aligned: (over_aligned / copies as f64).ceil() as usize,
                    };
                    assert!(
                        map != "splitmap" || taken.over_aligned <= MOST_OVER_ALIGNED,
                        "{} over-aligned allocations for {entries} entries ({way})",
                        taken.over_aligned,
                    );
                    all.push(taken);
                }
            }
        }
    }
    all
}

/// Starts this program again, to build `copies` maps with the allocator. Returns what [`child`]
/// prints.
fn start(allocator: &str, map: &str, case: Case, copies: usize) -> (f64, Option<f64>, f64) {
    let own = env::current_exe().expect("a running program has a file");
    let output = Command::new(own)
        .args(["--child", map, case.keys, case.way])
        .args([case.entries, copies].map(|number| number.to_string()))
        .env(ALLOCATOR, allocator)
        .stderr(process::Stdio::inherit())
        .output()
        .expect("this program can be started again");
    assert!(output.status.success(), "a {map} could not be measured");
    let output = String::from_utf8(output.stdout).expect("a child prints text");
    let figures: Vec<Option<f64>> = output
        .split_whitespace()
        .map(|word| word.parse().ok())
        .collect();
    let [Some(asked), resident, Some(over_aligned)] = figures[..] else {
        panic!("a child prints three figures, not {output:?}");
    };
    (asked, resident, over_aligned)
}

/// A key, made from its number.
trait Key: Hash + Eq + Clone + Send + Sync + 'static {
    fn new(index: usize) -> Self;
}

impl Key for u64 {
    fn new(index: usize) -> Self {
        keys::key(index as u64)
    }
}

impl Key for String {
    fn new(index: usize) -> Self {
        // No more than the text, which `format!` does not promise.
        let mut key = String::with_capacity(24);
        write!(key, "{:024x}", u64::new(index)).expect("a string takes any text");
        key
    }
}

/// The entries of the numbers `0..count`.
fn filling<K: Key>(count: usize) -> impl Iterator<Item = (K, u64)> {
    (0..count).map(|index| (K::new(index), value(index)))
}

fn value(index: usize) -> u64 {
    keys::value(keys::key(index as u64), 0)
}

/// Builds maps and measures them, in the process that was started for it. Prints what they asked
/// for, what is resident (`-` where that is not measured), and the over-aligned allocations.
fn child<K: Key>(map: &str, way: &str, entries: usize, copies: usize) {
    let build = match map {
        "splitmap" => build::<K, splitmap::HashMap<K, u64>>,
        "dashmap" => build::<K, dashmap::DashMap<K, u64, DefaultHashBuilder>>,
        "papaya" => build::<K, papaya::HashMap<K, u64, DefaultHashBuilder>>,
        "scc_HashMap" => build::<K, scc::HashMap<K, u64, DefaultHashBuilder>>,
        "scc_HashIndex" => build::<K, scc::HashIndex<K, u64, DefaultHashBuilder>>,
        "RwLock_std" => build::<K, RwLocked<K>>,
        _ => panic!("there is no map {map:?}"),
    };
    build(way, entries, copies);
}

fn build<K: Key, M: Map<K>>(way: &str, entries: usize, copies: usize) {
    let build_one = || match way {
        "collect" => filling(entries).collect(),
        "sized" | "grown" => {
            let map = M::with_room(if way == "sized" { entries } else { 0 });
            for (key, value) in filling(entries) {
                map.insert(key, value);
            }
            map
        }
        _ => panic!("there is no way {way:?}"),
    };
    let (asked, over_aligned) = (ASKED.load(Relaxed), OVER_ALIGNED.load(Relaxed));
    let resident = resident();
    let maps: Vec<M> = (0..copies).map(|_| build_one()).collect();
    let resident = self::resident().zip(resident).map(|(now, then)| now - then);
    let asked = ASKED.load(Relaxed) - asked;
    let over_aligned = OVER_ALIGNED.load(Relaxed) - over_aligned;

    for map in &maps {
        assert_eq!(map.len(), entries, "the entries in the map");
        for (key, value) in filling::<K>(entries) {
            assert_eq!(map.get(&key), Some(value), "the value of a key");
        }
    }
    let resident = resident.map_or("-".to_owned(), |bytes| bytes.to_string());
    println!("{asked} {resident} {over_aligned}");
    // Dropping a million entries takes time, and nobody looks at it.
    process::exit(0);
}

/// The bytes of this process that are in memory.
fn resident() -> Option<i64> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes: i64 = line?.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// A map under comparison.
trait Map<K>: FromIterator<(K, u64)> {
    fn with_room(entries: usize) -> Self;
    fn insert(&self, key: K, value: u64);
    fn get(&self, key: &K) -> Option<u64>;
    fn len(&self) -> usize;
}

/// Implements [`Map`] for a map, given its insert and its get; the rest is alike in all.
macro_rules! impl_map {
    ($map:ty, $insert:expr, $get:expr) => {
        impl<K: Key> Map<K> for $map {
            fn with_room(entries: usize) -> Self {
                Self::with_capacity_and_hasher(entries, Default::default())
            }

            fn insert(&self, key: K, value: u64) {
                let insert: fn(&Self, K, u64) = $insert;
                insert(self, key, value);
            }

            fn get(&self, key: &K) -> Option<u64> {
                let get: fn(&Self, &K) -> Option<u64> = $get;
                get(self, key)
            }

            fn len(&self) -> usize {
                self.len()
            }
        }
    };
}

impl_map!(
    splitmap::HashMap<K, u64, DefaultHashBuilder>,
    |map, key, value| assert!(map.pin().insert(key, value).is_none()),
    |map, key| map.pin().get(key).copied()
);
impl_map!(
    dashmap::DashMap<K, u64, DefaultHashBuilder>,
    |map, key, value| assert!(map.insert(key, value).is_none()),
    |map, key| map.get(key).map(|value| *value)
);
impl_map!(
    papaya::HashMap<K, u64, DefaultHashBuilder>,
    |map, key, value| assert!(map.pin().insert(key, value).is_none()),
    |map, key| map.pin().get(key).copied()
);
impl_map!(
    scc::HashMap<K, u64, DefaultHashBuilder>,
    |map, key, value| assert!(map.insert_sync(key, value).is_ok()),
    |map, key| map.read_sync(key, |_, &value| value)
);
impl_map!(
    scc::HashIndex<K, u64, DefaultHashBuilder>,
    |map, key, value| assert!(map.insert_sync(key, value).is_ok()),
    |map, key| map.peek_with(key, |_, &value| value)
);
impl_map!(
    RwLocked<K>,
    |map, key, value| assert!(map.write().insert(key, value).is_none()),
    |map, key| map.read().get(key).copied()
);

type Std<K> = StdHashMap<K, u64, DefaultHashBuilder>;

/// One lock around the standard map.
struct RwLocked<K>(RwLock<Std<K>>);

impl<K: Key> RwLocked<K> {
    fn with_capacity_and_hasher(capacity: usize, hasher: DefaultHashBuilder) -> Self {
        let map = StdHashMap::with_capacity_and_hasher(capacity, hasher);
        Self(RwLock::new(map))
    }

    fn read(&self) -> RwLockReadGuard<'_, Std<K>> {
        self.0.read().expect("no thread panics under the lock")
    }

    fn write(&self) -> RwLockWriteGuard<'_, Std<K>> {
        self.0.write().expect("no thread panics under the lock")
    }

    fn len(&self) -> usize {
        self.read().len()
    }
}

impl<K: Key> FromIterator<(K, u64)> for RwLocked<K> {
    fn from_iter<I: IntoIterator<Item = (K, u64)>>(entries: I) -> Self {
        Self(RwLock::new(entries.into_iter().collect()))
    }
}

/// Counts what is asked for, and forwards it to the allocator of this process.
struct Counting;

impl Counting {
    fn chosen() -> &'static dyn GlobalAlloc {
        static DECIDED: AtomicBool = AtomicBool::new(false);
        static MIMALLOC: AtomicBool = AtomicBool::new(false);
        // Relaxed: the first allocation comes while there is one thread.
        if !DECIDED.load(Relaxed) {
            // What the question itself allocates comes from the system's allocator, and is given
            // back to it before the answer is stored.
            DECIDED.store(true, Relaxed);
            let mimalloc = env::var_os(ALLOCATOR).is_some_and(|name| name == "mimalloc");
            MIMALLOC.store(mimalloc, Relaxed);
        }
        if MIMALLOC.load(Relaxed) {
            &MiMalloc
        } else {
            &System
        }
    }

    fn count(size: usize, align: usize) {
        // Relaxed: statistics, read by the thread that builds.
        ASKED.fetch_add(size, Relaxed);
        if align > 16 {
            OVER_ALIGNED.fetch_add(1, Relaxed);
        }
    }
}

// SAFETY: every call goes to one of two allocators unchanged, and to the same one throughout:
// whatever `chosen` allocates before it has decided is freed before, too.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count(layout.size(), layout.align());
        // SAFETY: the caller's promise.
        unsafe { Self::chosen().alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::count(layout.size(), layout.align());
        // SAFETY: the caller's promise. Not the default, which would write to every page.
        unsafe { Self::chosen().alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ASKED.fetch_sub(layout.size(), Relaxed);
        Self::count(size, layout.align());
        // SAFETY: the caller's promise, and the memory came from the same allocator.
        unsafe { Self::chosen().realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ASKED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise, and the memory came from the same allocator.
        unsafe { Self::chosen().dealloc(pointer, layout) }
    }
}

/// A figure of a map, by its name; `None` if it is not measured here.
type Measure = (&'static str, fn(&Taken) -> Option<f64>);

const MEASURES: [Measure; 3] = [
    ("asked for", |taken| Some(taken.asked)),
    ("resident, system", |taken| taken.resident[0]),
    ("resident, mimalloc", |taken| taken.resident[1]),
];

/// Prints the comparisons, those that splitmap loses first, and then the figures.
fn report(all: &[Taken]) {
    let mut comparisons: Vec<(f64, String)> = MAPS[1..]
        .iter()
        .flat_map(|peer| MEASURES.map(|measure| compare(all, peer, measure)))
        .flatten()
        .collect();
    comparisons.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    println!("Splitmap takes, in the worst of all cases,");
    for (worst, words) in comparisons {
        println!("  {worst:.2} times {words}");
    }
    if all.iter().any(|taken| taken.resident == [None; 2]) {
        println!("Resident memory is measured on Linux alone.");
    }
    let size = |taken: &Taken| (taken.case.keys, taken.case.entries);
    for of_size in all.chunk_by(|a, b| size(a) == size(b)) {
        print_table(of_size);
    }
}

/// The worst ratio of splitmap to a peer, and in words whose, where, and how the others are.
fn compare(all: &[Taken], peer: &str, (measure, figure): Measure) -> Option<(f64, String)> {
    let figure_of = |map: &str, case: Case| {
        let mut all = all.iter();
        figure(all.find(|taken| taken.map == map && taken.case == case)?)
    };
    let mut ratios: Vec<(f64, Case)> = all
        .iter()
        .filter(|taken| taken.map == peer)
        .map(|taken| taken.case)
        .filter_map(|case| Some((figure_of("splitmap", case)? / figure_of(peer, case)?, case)))
        .collect();
    ratios.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let &(best, _) = ratios.first()?;
    let &(worst, Case { keys, entries, way }) = ratios.last()?;
    let losses = ratios.iter().filter(|(ratio, _)| *ratio > 1.0).count();
    let words = format!(
        "what {peer} takes ({measure}), at {entries} {keys} keys, {way}; \
         more in {losses} of {} cases, at best {best:.2} times",
        ratios.len(),
    );
    Some((worst, words))
}

/// Prints the figures of one kind of keys and one size: a line for each map.
fn print_table(of_size: &[Taken]) {
    let Case { keys, entries, .. } = of_size[0].case;
    println!("\n{keys} -> u64, {entries} entries a map: bytes an entry");
    print!("{:13}", "");
    MEASURES.iter().for_each(|(name, _)| print!(" {name:^23}"));
    println!(" {:^23}", "over-aligned (a map)");
    print!("{:13}", "");
    for way in [WAYS; 4].as_flattened() {
        print!(" {way:>7}");
    }
    println!();
    for of_map in of_size.chunk_by(|a, b| a.map == b.map) {
        print!("{:13}", of_map[0].map);
        for (_, figure) in MEASURES {
            for taken in of_map {
                match figure(taken) {
                    Some(bytes) => print!(" {bytes:7.1}"),
                    None => print!(" {:>7}", "-"),
                }
            }
        }
        of_map
            .iter()
            .for_each(|taken| print!(" {:7}", taken.over_aligned));
        println!();
    }
}
