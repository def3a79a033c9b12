//! Runs one kind of operation a given number of times, so that callgrind can count its instructions.
//!
//! `benches/instructions.sh` runs this program under callgrind, twice for each figure: with N
//! operations and with 2 N. The difference, divided by N, is the cost of one operation.
//!
//! ```text
//! benches/instructions.sh                                   counts everything
//! cargo bench --bench instructions                          only checks that everything runs
//! cargo bench --bench instructions -- CASE MAP OPERATIONS   what the script runs
//! cargo bench --bench instructions -- --list                names the cases and the maps
//! ```
//!
//! - Maps: `u64` to `u64`, presized for the 1,000 entries that they hold.
//! - Each operation is a function call and takes a pin of its own, unless its name says `held`. The
//!   figures include the call and the loop around it.
//! - Everything is fixed: the seed of the hasher, the keys and their order, DashMap's number of
//!   shards. Two runs of one binary on one machine count the same.
//!
//! Not counted: cache misses, mispredictions and the cost of locked instructions. An operation with a
//! lower count is not always faster.

use std::mem;
use std::process::ExitCode;

use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState as Hasher;

#[expect(
    dead_code,
    reason = "no value is read back: the answers of the operations are checked"
)]
#[path = "../common/keys.rs"]
mod keys;

/// The cases, as the command line names them and as the table does.
const CASES: [(&str, &str); 7] = [
    ("get_hit", "`get`, hit, a pin each"),
    ("get_miss", "`get`, miss, a pin each"),
    ("held_get_hit", "`get`, hit, under a held guard"),
    ("held_get_miss", "`get`, miss, under a held guard"),
    ("replace", "`insert` that replaces"),
    ("remove_insert", "`remove` + `insert` of another key"),
    ("insert", "`insert` of a new key, presized"),
];

const MAPS: [&str; 2] = ["splitmap", "dashmap"];

/// Entries in a map.
const ENTRIES: u64 = 1_000;

/// The most operations of a run. Every run prepares for this many, so the preparation cancels out in
/// the difference of two runs.
const MOST: usize = 20_000;

/// Seeds the hasher. Another seed puts other keys into one bucket, which changes the counts a little.
const SEED: u64 = 13;

/// Operations of a case that is only checked.
const FEW: usize = 2_000;

fn main() -> ExitCode {
    // Cargo passes `--bench` to every bench.
    let arguments = std::env::args().skip(1).filter(|given| given != "--bench");
    let arguments: Vec<String> = arguments.collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] | ["--test"] => {
            for (case, _) in CASES {
                for map in MAPS {
                    run(case, map, FEW).expect("the case and the map are in the lists");
                }
            }
            println!("instructions: every case runs; benches/instructions.sh counts");
            return ExitCode::SUCCESS;
        }
        ["--list"] => {
            for (case, title) in CASES {
                println!("case {case} {title}");
            }
            for map in MAPS {
                println!("map {map}");
            }
            return ExitCode::SUCCESS;
        }
        [case, map, operations] => match operations.parse() {
            Ok(operations) if operations <= MOST => {
                if run(case, map, operations).is_some() {
                    return ExitCode::SUCCESS;
                }
                eprintln!("instructions: no case `{case}`, or no map `{map}`");
            }
            _ => eprintln!("instructions: OPERATIONS is a number up to {MOST}, not `{operations}`"),
        },
        _ => eprintln!("instructions: expected --test, --list or CASE MAP OPERATIONS"),
    }
    ExitCode::from(2)
}

/// Runs a case on a map. `None` if there is no such case or map.
fn run(case: &str, map: &str, operations: usize) -> Option<()> {
    match map {
        "splitmap" => run_on::<Splitmap>(case, operations),
        "dashmap" => run_on::<Dashmap>(case, operations),
        _ => None,
    }
}

fn run_on<M: Map>(case: &str, operations: usize) -> Option<()> {
    let done = match case {
        "get_hit" => {
            let (map, keys) = (filled::<M>(), drawn(0));
            count(&keys[..operations], |&key| get(&map, key).is_some())
        }
        "get_miss" => {
            let (map, keys) = (filled::<M>(), drawn(ENTRIES));
            count(&keys[..operations], |&key| get(&map, key).is_none())
        }
        "held_get_hit" => {
            let (map, keys) = (filled::<M>(), drawn(0));
            let session = map.session();
            let hit = |&key: &u64| get_held::<M>(&session, key).is_some();
            count(&keys[..operations], hit)
        }
        "held_get_miss" => {
            let (map, keys) = (filled::<M>(), drawn(ENTRIES));
            let session = map.session();
            let miss = |&key: &u64| get_held::<M>(&session, key).is_none();
            count(&keys[..operations], miss)
        }
        "replace" => {
            let (map, keys) = (filled::<M>(), drawn(0));
            count(&keys[..operations], |&key| insert(&map, key))
        }
        "remove_insert" => {
            let (map, pairs) = (filled::<M>(), exchanges());
            count(&pairs[..operations], |&(goes, comes)| {
                remove(&map, goes) && !insert(&map, comes)
            })
        }
        "insert" => {
            let maps: Vec<M> = (0..MOST / ENTRIES as usize).map(|_| presized()).collect();
            let keys = shuffled_keys(MOST as u64);
            let batches = keys[..operations].chunks(ENTRIES as usize);
            let done = maps
                .iter()
                .zip(batches)
                .map(|(map, keys)| count(keys, |&key| !insert(map, key)))
                .sum();
            // The cost of dropping them depends on the number of operations, so it would be counted.
            mem::forget(maps);
            done
        }
        _ => return None,
    };
    assert_eq!(done, operations, "an operation gave a wrong answer");
    Some(())
}

/// Applies an operation to each input, and counts the right answers.
fn count<T>(inputs: &[T], operation: impl Fn(&T) -> bool) -> usize {
    inputs.iter().filter(|input| operation(input)).count()
}

// The operations are not inlined, because the compiler would move some of their work out of the
// measuring loop. In a program, lookups are seldom in such a loop.

#[inline(never)]
fn get<M: Map>(map: &M, key: u64) -> Option<u64> {
    M::get(&map.session(), key)
}

#[inline(never)]
fn get_held<M: Map>(session: &M::Session<'_>, key: u64) -> Option<u64> {
    M::get(session, key)
}

#[inline(never)]
fn insert<M: Map>(map: &M, key: u64) -> bool {
    map.insert(key, key)
}

#[inline(never)]
fn remove<M: Map>(map: &M, key: u64) -> bool {
    map.remove(key)
}

/// The hasher of `DefaultHashBuilder`, but with a fixed seed. Not `FixedState`: its seeds are constants
/// in the code, which saves instructions that every user of a map executes.
fn hasher() -> Hasher {
    Hasher::with_seed(SEED, SharedSeed::global_fixed())
}

fn presized<M: Map>() -> M {
    M::with_capacity(ENTRIES as usize, hasher())
}

/// A map with the keys of the numbers `0..ENTRIES`.
fn filled<M: Map>() -> M {
    let map: M = presized();
    for key in shuffled_keys(ENTRIES) {
        map.insert(key, key);
    }
    map
}

/// The keys of the numbers `0..count`, in random order.
fn shuffled_keys(count: u64) -> Vec<u64> {
    keys::shuffled(count).into_iter().map(keys::key).collect()
}

/// Keys for the longest run, each drawn from those of the numbers `first..first + ENTRIES`.
fn drawn(first: u64) -> Vec<u64> {
    let mut random = keys::Random::new(first);
    (0..MOST)
        .map(|_| keys::key(first + random.below(ENTRIES)))
        .collect()
}

/// Pairs of a key to remove and a key to insert, for a map that [`filled`] has made. The first is
/// drawn from the keys that are present at that point, the second from as many absent ones.
fn exchanges() -> Vec<(u64, u64)> {
    let mut present: Vec<u64> = (0..ENTRIES).map(keys::key).collect();
    let mut absent: Vec<u64> = (ENTRIES..2 * ENTRIES).map(keys::key).collect();
    let mut random = keys::Random::new(2 * ENTRIES);
    let mut exchange = || {
        let goes = &mut present[random.below(ENTRIES) as usize];
        let comes = &mut absent[random.below(ENTRIES) as usize];
        mem::swap(goes, comes);
        (*comes, *goes)
    };
    (0..MOST).map(|_| exchange()).collect()
}

/// A concurrent map from `u64` to `u64`. Unlike the other benches' maps it has a hasher with a fixed
/// seed.
trait Map {
    /// What a thread holds while it reads.
    type Session<'a>
    where
        Self: 'a;

    fn with_capacity(capacity: usize, hasher: Hasher) -> Self;

    fn session(&self) -> Self::Session<'_>;

    fn get(session: &Self::Session<'_>, key: u64) -> Option<u64>;

    /// Inserts or replaces. Returns whether it replaced.
    fn insert(&self, key: u64, value: u64) -> bool;

    /// Removes. Returns whether the key was there.
    fn remove(&self, key: u64) -> bool;
}

type Splitmap = splitmap::HashMap<u64, u64, Hasher>;

impl Map for Splitmap {
    type Session<'a> = splitmap::HashMapRef<'a, u64, u64, Hasher>;

    fn with_capacity(capacity: usize, hasher: Hasher) -> Self {
        Self::with_capacity_and_hasher(capacity, hasher)
    }

    #[inline]
    fn session(&self) -> Self::Session<'_> {
        self.pin()
    }

    #[inline]
    fn get(session: &Self::Session<'_>, key: u64) -> Option<u64> {
        session.get(&key).copied()
    }

    #[inline]
    fn insert(&self, key: u64, value: u64) -> bool {
        self.pin().insert(key, value).is_some()
    }

    #[inline]
    fn remove(&self, key: u64) -> bool {
        self.pin().remove(&key).is_some()
    }
}

type Dashmap = dashmap::DashMap<u64, u64, Hasher>;

impl Map for Dashmap {
    /// A read locks its shard; there is nothing to hold for longer.
    type Session<'a> = &'a Self;

    fn with_capacity(capacity: usize, hasher: Hasher) -> Self {
        // By default the number of shards depends on the number of processors.
        Self::with_capacity_and_hasher_and_shard_amount(capacity, hasher, 8)
    }

    #[inline]
    fn session(&self) -> Self::Session<'_> {
        self
    }

    #[inline]
    fn get(session: &Self::Session<'_>, key: u64) -> Option<u64> {
        session.get(&key).map(|value| *value)
    }

    #[inline]
    fn insert(&self, key: u64, value: u64) -> bool {
        Self::insert(self, key, value).is_some()
    }

    #[inline]
    fn remove(&self, key: u64) -> bool {
        Self::remove(self, &key).is_some()
    }
}
