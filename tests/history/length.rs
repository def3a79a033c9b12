//! Between which numbers a length must be.

use std::collections::BTreeMap;

use super::cell::{Operation, Value};
use super::map::{Key, KeyCall};
use super::record::{Call, Stamp};

/// What a length is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// The number of entries at one instant of the call. So it is at least the number of keys that
    /// are certainly there throughout the call, and at most that of those which may have been there
    /// at a moment of it.
    AtOnce,
    /// The sum of a counter for each thread, each read at another moment of the call; a write counts
    /// after its effect and before it returns, and a sum below zero is zero. So every write that
    /// returned before the call counts, none that is invoked after it does, and of those that
    /// overlap it, a first few of each thread do.
    Summed,
}

/// The least and the greatest that a length can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub least: usize,
    pub most: usize,
}

impl Bounds {
    pub fn allow(self, length: usize) -> bool {
        (self.least..=self.most).contains(&length)
    }
}

/// Numbers with the greatest of all that come before, in their own order.
struct Highest(Vec<(Stamp, Stamp)>);

impl Highest {
    fn new(mut pairs: Vec<(Stamp, Stamp)>) -> Highest {
        pairs.sort_unstable();
        let mut highest = 0;
        for (_, value) in &mut pairs {
            highest = highest.max(*value);
            *value = highest;
        }
        Highest(pairs)
    }

    /// The greatest second number of the pairs whose first is at most `limit`; 0 if there is none.
    fn up_to(&self, limit: Stamp) -> Stamp {
        let count = self.0.partition_point(|&(first, _)| first <= limit);
        count.checked_sub(1).map_or(0, |last| self.0[last].1)
    }
}

/// A pending call may take effect whenever.
const NEVER: Stamp = Stamp::MAX;

/// What is known of one key.
struct KeyLengths {
    /// (returned, invoked) of calls that leave the key there, by what they say.
    seen: Highest,
    /// The same of calls that leave it absent.
    missed: Highest,
    /// (invoked, returned) of calls that may have removed it.
    removing: Highest,
    /// The same of calls that may have added it.
    adding: Highest,
    /// When each call with a known outcome returned that changed the number of entries, with the
    /// number of entries after all of those.
    known: Vec<(Stamp, i64)>,
    initial: i64,
    /// When the first call returned that may have changed the number, and does not say.
    unknown: Stamp,
    /// Invoked, returned, and the changes that are possible.
    changes: Vec<(Stamp, Stamp, i64, i64)>,
}

/// The changes of the number of entries that are possible.
fn change(call: &KeyCall) -> (i64, i64) {
    match call.operation.change(call.outcome) {
        Some(change) => (change, change),
        None => (
            -i64::from(call.operation.may_remove()),
            i64::from(call.operation.may_add()),
        ),
    }
}

impl KeyLengths {
    fn new(initial: bool, calls: &[KeyCall]) -> KeyLengths {
        let (mut seen, mut missed) = (Vec::new(), Vec::new());
        let (mut removing, mut adding) = (Vec::new(), Vec::new());
        let (mut known, mut changes) = (Vec::new(), Vec::new());
        let mut unknown = NEVER;
        // As if a call before all others had said so.
        if initial { &mut seen } else { &mut missed }.push((0, 1));
        for call in calls {
            let leaves = match (call.operation, call.outcome) {
                (Operation::Clear, _) => Some(false),
                (operation, outcome) => operation.leaves_entry(outcome),
            };
            let returned = call.returned.unwrap_or(NEVER);
            if let (Some(leaves), Some(returned)) = (leaves, call.returned) {
                if leaves { &mut seen } else { &mut missed }.push((returned, call.invoked));
            }
            let (least, most) = change(call);
            if least < 0 {
                removing.push((call.invoked, returned));
            }
            if most > 0 {
                adding.push((call.invoked, returned));
            }
            if (least, most) != (0, 0) {
                changes.push((call.invoked, returned, least, most));
            }
            if least != most {
                unknown = unknown.min(returned);
            } else if least != 0 {
                known.push((returned, least));
            }
        }
        known.sort_unstable();
        let mut sum = i64::from(initial);
        for (_, number) in &mut known {
            sum += *number;
            *number = sum;
        }
        KeyLengths {
            seen: Highest::new(seen),
            missed: Highest::new(missed),
            removing: Highest::new(removing),
            adding: Highest::new(adding),
            known,
            initial: i64::from(initial),
            unknown,
            changes,
        }
    }

    /// Whether the key is certainly there throughout: a call that says so was over before, and
    /// whatever may remove it was over before that call, or is invoked after.
    fn is_there(&self, from: Stamp, to: Stamp) -> bool {
        self.seen.up_to(from - 1) > self.removing.up_to(to)
    }

    /// Whether the key is certainly absent throughout.
    fn is_absent(&self, from: Stamp, to: Stamp) -> bool {
        self.missed.up_to(from - 1) > self.adding.up_to(to)
    }

    /// What the calls on this key that returned before a moment make of the number of entries.
    fn counted_before(&self, moment: Stamp) -> (i64, i64) {
        if self.unknown >= moment {
            let count = self.known.partition_point(|&(at, _)| at < moment);
            let number = count
                .checked_sub(1)
                .map_or(self.initial, |last| self.known[last].1);
            return (number, number);
        }
        // Else from what is there at the moment, less what calls that are under way have changed.
        let under_way = self
            .changes
            .iter()
            .filter(|&&(invoked, returned, ..)| invoked < moment && returned > moment);
        let (least, most) = under_way.fold((0, 0), |(least, most), change| {
            (least + change.2.min(0), most + change.3.max(0))
        });
        (
            i64::from(self.is_there(moment, moment)) - most,
            i64::from(!self.is_absent(moment, moment)) - least,
        )
    }
}

/// What is known of all keys.
pub struct Lengths {
    keys: Vec<KeyLengths>,
    /// For each thread (invoked, returned, changes that are possible), in the order of its calls.
    threads: BTreeMap<usize, Vec<(Stamp, Stamp, i64, i64)>>,
}

impl Lengths {
    pub fn new(initial: &BTreeMap<Key, Value>, keys: &BTreeMap<Key, Vec<KeyCall>>) -> Lengths {
        let mut threads: BTreeMap<usize, Vec<_>> = BTreeMap::new();
        for call in keys.values().flatten() {
            let (least, most) = change(call);
            if (least, most) != (0, 0) {
                let returned = call.returned.unwrap_or(NEVER);
                let changes = threads.entry(call.thread).or_default();
                changes.push((call.invoked, returned, least, most));
            }
        }
        for changes in threads.values_mut() {
            changes.sort_unstable();
        }
        let of_key =
            |(key, calls): (&Key, &Vec<KeyCall>)| KeyLengths::new(initial.contains_key(key), calls);
        Lengths {
            keys: keys.iter().map(of_key).collect(),
            threads,
        }
    }

    pub fn bounds<O, T>(&self, call: &Call<O, T>, count: Count) -> Bounds {
        let (from, to) = (call.invoked, call.returned.unwrap_or(NEVER));
        match count {
            Count::AtOnce => {
                let is_there = |key: &&KeyLengths| key.is_there(from, to);
                let may_be = |key: &&KeyLengths| !key.is_absent(from, to);
                Bounds {
                    least: self.keys.iter().filter(is_there).count(),
                    most: self.keys.iter().filter(may_be).count(),
                }
            }
            Count::Summed => {
                let (mut least, mut most) = (0, 0);
                for key in &self.keys {
                    let before = key.counted_before(from);
                    least += before.0;
                    most += before.1;
                }
                for changes in self.threads.values() {
                    let (lowest, highest) = first_few(changes, from, to);
                    least += lowest;
                    most += highest;
                }
                let not_negative = |number: i64| usize::try_from(number).unwrap_or(0);
                Bounds {
                    least: not_negative(least),
                    most: not_negative(most),
                }
            }
        }
    }
}

/// The least and the most that a first few of a thread's calls which overlap a time can change.
fn first_few(changes: &[(Stamp, Stamp, i64, i64)], from: Stamp, to: Stamp) -> (i64, i64) {
    let end = changes.partition_point(|&(invoked, ..)| invoked < to);
    let (mut low, mut high, mut lowest, mut highest) = (0_i64, 0_i64, 0, 0);
    for &(_, returned, least, most) in &changes[..end] {
        if returned > from {
            low += least;
            high += most;
            lowest = lowest.min(low);
            highest = highest.max(high);
        }
    }
    (lowest, highest)
}
