//! Guarantees C, D, G and H for one thread: any sequence of operations answers as std's map does, a
//! scan that goes on while the others are at work yields once what was there throughout, the table is
//! as wide as it should be, and every key and value is dropped exactly once, by `flush` or with the
//! map. On the default back end.
//!
//! The bytes choose a hasher, a first capacity and the operations. Values are numbered, so a stale
//! one is seen. Keys and values live in memory of their own and are counted: AddressSanitizer,
//! which cargo-fuzz switches on, sees what is read or dropped too late, and the count what is never
//! dropped. Everything is the same in each run of the same bytes.
//!
//! ```text
//! fuzz/run ops 300                fuzzes for 300 seconds
//! fuzz/run replay ops             runs the old failures again
//! fuzz/run show ops FILE          prints an input as operations
//! fuzz/run minimise ops FILE      makes a failing input small
//! ```
//!
//! What fails is left in `fuzz/artifacts/ops`; when it is mended, its minimised input goes to
//! `fuzz/regressions/ops`.

#![no_main]

mod hashers;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use rayon::iter::ParallelIterator;
use splitmap::{Cursor, Equivalent, HashMap, HashSet};

use hashers::Quality;

thread_local! {
    /// Keys and values that exist.
    static LIVE: Cell<usize> = const { Cell::new(0) };
}

/// A number in memory of its own that counts itself.
#[derive(Debug)]
struct Counted(Box<u64>);

impl Counted {
    fn new(number: u64) -> Counted {
        LIVE.set(LIVE.get() + 1);
        Counted(Box::new(number))
    }
}

impl Clone for Counted {
    fn clone(&self) -> Counted {
        Counted::new(*self.0)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let live = LIVE.get().checked_sub(1);
        LIVE.set(live.expect("more was dropped than ever existed"));
    }
}

impl PartialEq for Counted {
    fn eq(&self, other: &Counted) -> bool {
        self.0 == other.0
    }
}

impl Eq for Counted {}

impl Hash for Counted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(*self.0);
    }
}

/// A key to look up by.
struct Probe(Id);

impl Hash for Probe {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(self.0.0));
    }
}

impl Equivalent<Counted> for Probe {
    fn equivalent(&self, key: &Counted) -> bool {
        u64::from(self.0.0) == *key.0
    }
}

const KEYS: u16 = 1_500;

/// A key below `KEYS`. Three of four are below 192, and take one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Id(u16);

impl<'a> Arbitrary<'a> for Id {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Id> {
        let number = match u16::from(u8::arbitrary(bytes)?) {
            small @ ..192 => small,
            large => large * 256 + u16::from(u8::arbitrary(bytes)?),
        };
        Ok(Id(number % KEYS))
    }
}

impl Id {
    fn of(key: &Counted) -> Id {
        let id = u16::try_from(*key.0).ok().filter(|&id| id < KEYS);
        Id(id.expect("keys are below `KEYS`"))
    }

    fn key(self) -> Counted {
        Counted::new(u64::from(self.0))
    }

    /// So many keys from this one on.
    fn run(self, count: Id) -> impl Iterator<Item = Id> {
        (self.0..KEYS).take(count.0.into()).map(Id)
    }
}

/// A predicate on keys: of each eight neighbours it takes those whose bit is set.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Mask(u8);

impl Mask {
    fn takes(self, key: u64) -> bool {
        self.0 & (1 << (key & 7)) != 0
    }
}

#[derive(Arbitrary, Clone, Debug)]
enum Op {
    Get(Id),
    GetKeyValue(Id),
    ContainsKey(Id),
    Insert(Id),
    TryInsert(Id),
    GetOrInsert(Id),
    GetOrInsertWith(Id),
    /// The closure inserts the second key, which may be the first.
    GetOrInsertAround(Id, Id),
    Remove(Id),
    RemoveEntry(Id),
    /// From the first on, as many as the number of the second.
    InsertRun(Id, Id),
    RemoveRun(Id, Id),
    /// Removes what the mask takes.
    Retain(Mask),
    /// As `Retain`, and the closure inserts a key.
    RetainAndInsert(Mask, Id),
    IterateAndRemove(Mask),
    Clear,
    /// Goes on with a clone, and drops the original.
    Clone,
    /// Goes on with the original, and drops a clone that was changed.
    CloneAndInsert(Id),
    /// Goes on with what is collected from the content and these.
    Collect(Vec<Id>),
    Extend(Vec<Id>),
    /// From here on operations go through a guard, or through a pinned view.
    SwitchWay,
    /// The guard is renewed: references of before are gone, and all that was removed is freed.
    Repin,
    /// A whole scan in calls of this budget.
    Scan(u8),
    /// As `Scan`, and removes what the mask takes.
    ScanAndRemove(u8, Mask),
    /// Everything from this cursor on.
    ScanFrom(u64),
    /// One call, of this budget, of a scan that goes on from operation to operation.
    ScanOn(u8),
    /// Room for as many more as the number.
    Reserve(Id),
    ShrinkToFit,
    /// With a guard in hand.
    Flush,
    /// Takes so many entries out, and drops the rest.
    Drain(Id),
    /// Takes all entries out, and puts them back.
    Refill,
    /// Goes on with an empty map. Of the old one so many entries are taken, and the rest dropped.
    IntoIter(Id),
    /// Goes on with a map that all entries of the old one are inserted into.
    Rebuild,
    /// `insert_many` of these, some of them perhaps twice.
    InsertTogether(Vec<Id>),
    GetMany(Vec<Id>),
    /// A parallel iteration.
    Parallel,
    /// Set algebra of the keys and these.
    Algebra(Vec<Id>),
}

#[derive(Arbitrary, Debug)]
struct Program {
    quality: Quality,
    /// Half of all maps start without a table.
    capacity: u8,
    ops: Vec<Op>,
}

type Subject = HashMap<Counted, Counted, Quality>;
/// Not seeded either.
type Reference = std::collections::HashMap<Id, u64, BuildHasherDefault<DefaultHasher>>;

/// The two maps, the numbers that values get, and what outlasts an operation.
struct Pair {
    map: Subject,
    reference: Reference,
    values: u64,
    /// The entries that the table was asked to have room for.
    asked: usize,
    scan: Option<UnderWay>,
}

/// A scan that goes on from operation to operation.
struct UnderWay {
    cursor: Cursor,
    /// The keys that were there at each call.
    throughout: BTreeSet<Id>,
    met: BTreeSet<Id>,
}

impl UnderWay {
    /// Goes on at `next`. At its end it has met all that it had to.
    fn on(self, next: Option<Cursor>) -> Option<UnderWay> {
        if let Some(cursor) = next {
            assert!(cursor > self.cursor, "the scan does not get on");
            return Some(UnderWay { cursor, ..self });
        }
        let missed = self.throughout.difference(&self.met).next();
        assert_eq!(missed, None, "a key did not come");
        None
    }
}

/// The least capacity that a table has.
const LEAST: usize = 3;

/// Whether a table has the capacity that was asked for, and none that is wider than that or `least`
/// needs. A growth makes four times as many buckets; small tables have four of them for three entries.
fn assert_narrow(capacity: usize, asked: usize, least: usize) {
    assert_room(capacity, asked);
    let room = |buckets: usize| {
        if buckets > 4_096 {
            buckets
        } else {
            buckets / 4 * 3
        }
    };
    let mut buckets = 4;
    while room(buckets) < asked.max(least) {
        buckets *= 4;
    }
    let most = room(buckets);
    assert!(
        capacity <= most,
        "room for {capacity} entries, {most} would do"
    );
}

/// Whether a table has the buckets that were asked for.
fn assert_room(capacity: usize, asked: usize) {
    // One of the smallest width is given up whole, and made again by the next write.
    let is_none = capacity == 0 && asked <= LEAST;
    assert!(
        capacity >= asked || is_none,
        "{capacity} buckets, {asked} asked for"
    );
}

/// Takes so many entries, if there are that many, of an iterator that owns those of a map with this
/// content. The rest is dropped.
fn taken(
    mut entries: impl ExactSizeIterator<Item = (Counted, Counted)>,
    most: usize,
    content: &Reference,
) -> Vec<(Counted, Counted)> {
    let mut taken = Vec::new();
    let mut keys = BTreeSet::new();
    while taken.len() < most {
        assert_eq!(entries.len(), content.len() - taken.len());
        let Some((key, value)) = entries.next() else {
            assert_eq!(taken.len(), content.len(), "an entry is missing");
            break;
        };
        assert_eq!(content.get(&Id::of(&key)), Some(&*value.0));
        assert!(keys.insert(Id::of(&key)), "an entry came twice");
        taken.push((key, value));
    }
    taken
}

/// Whether two maps are equal, asked both ways: one is walked and the other searched.
fn equal(one: &Subject, other: &Subject) -> bool {
    let equal = one == other;
    assert_eq!(equal, other == one);
    equal
}

impl Pair {
    fn number(&mut self) -> u64 {
        self.values += 1;
        self.values
    }

    /// Runs operations under one guard for as long as they do not need the map itself. Returns
    /// those that are left.
    fn run<'o>(&mut self, ops: &'o [Op], through_view: bool) -> &'o [Op] {
        let Pair {
            map,
            reference,
            values,
            asked,
            scan: under_way,
        } = self;
        let guard = map.guard();
        let view = map.pin();
        // What was read under the guard, to be read again at its end.
        let mut kept: Vec<(&Counted, u64)> = Vec::new();
        macro_rules! call {
            ($method:ident($($argument:expr),*)) => {
                if through_view {
                    view.$method($($argument),*)
                } else {
                    map.$method($($argument,)* &guard)
                }
            };
        }
        // Those that take no guard.
        macro_rules! call_unguarded {
            ($method:ident($($argument:expr),*)) => {
                if through_view {
                    view.$method($($argument),*)
                } else {
                    map.$method($($argument),*)
                }
            };
        }
        let mut left = ops;
        while let Some((op, rest)) = left.split_first() {
            let mut number = || {
                *values += 1;
                *values
            };
            let mut keep = |value| {
                let value: &Counted = value;
                kept.push((value, *value.0));
                *value.0
            };
            match *op {
                Op::InsertTogether(ref keys) => {
                    let entries: Vec<_> = keys.iter().map(|&k| (k, number())).collect();
                    let given = entries
                        .iter()
                        .map(|&(k, value)| (k.key(), Counted::new(value)));
                    let absent = call!(insert_many(given));
                    let is_absent =
                        |&&(k, value): &&(Id, u64)| reference.insert(k, value).is_none();
                    assert_eq!(absent, entries.iter().filter(is_absent).count());
                }
                Op::GetMany(ref keys) => {
                    let keys: Vec<_> = keys.iter().copied().map(Probe).collect();
                    let found = call!(get_many(&keys)).map(|value| value.map(&mut keep));
                    let expected = keys.iter().map(|key| reference.get(&key.0).copied());
                    assert!(found.eq(expected));
                }
                Op::Parallel => {
                    let entries: Vec<_> = call!(par_iter()).collect();
                    let mut met = BTreeSet::new();
                    for (key, value) in entries {
                        assert_eq!(Some(&keep(value)), reference.get(&Id::of(key)));
                        assert!(met.insert(Id::of(key)), "a key came twice");
                    }
                    assert_eq!(met.len(), reference.len());
                }
                Op::Get(k) => {
                    assert_eq!(call!(get(&Probe(k))).map(keep), reference.get(&k).copied());
                }
                Op::GetKeyValue(k) => {
                    let found = call!(get_key_value(&k.key()));
                    let found = found.map(|(key, value)| (*key.0, keep(value)));
                    let expected = reference.get(&k).map(|&value| (u64::from(k.0), value));
                    assert_eq!(found, expected);
                }
                Op::ContainsKey(k) => {
                    assert_eq!(call!(contains_key(&Probe(k))), reference.contains_key(&k));
                }
                Op::Insert(k) => {
                    let value = number();
                    let old = call!(insert(k.key(), Counted::new(value))).map(keep);
                    assert_eq!(old, reference.insert(k, value));
                }
                Op::TryInsert(k) => {
                    let value = number();
                    match call!(try_insert(k.key(), Counted::new(value))) {
                        Ok(inserted) => {
                            assert_eq!(keep(inserted), value);
                            assert_eq!(reference.insert(k, value), None);
                        }
                        Err(occupied) => {
                            assert_eq!(*occupied.key.0, u64::from(k.0));
                            assert_eq!(*occupied.not_inserted.0, value);
                            assert_eq!(Some(&keep(occupied.current)), reference.get(&k));
                        }
                    }
                }
                Op::GetOrInsert(k) => {
                    let value = number();
                    let found = keep(call!(get_or_insert(k.key(), Counted::new(value))));
                    assert_eq!(found, *reference.entry(k).or_insert(value));
                }
                Op::GetOrInsertWith(k) => {
                    let value = number();
                    let mut made = false;
                    let make = || {
                        made = true;
                        Counted::new(value)
                    };
                    let found = keep(call!(get_or_insert_with(k.key(), make)));
                    assert_eq!(made, !reference.contains_key(&k));
                    assert_eq!(found, *reference.entry(k).or_insert(value));
                }
                Op::GetOrInsertAround(k, other) => {
                    let (outer, inner) = (number(), number());
                    let mut made = false;
                    let make = || {
                        made = true;
                        map.insert(other.key(), Counted::new(inner), &guard);
                        Counted::new(outer)
                    };
                    let found = keep(call!(get_or_insert_with(k.key(), make)));
                    if made {
                        assert!(!reference.contains_key(&k));
                        reference.insert(other, inner);
                    }
                    assert_eq!(found, *reference.entry(k).or_insert(outer));
                }
                Op::Remove(k) => {
                    assert_eq!(call!(remove(&Probe(k))).map(keep), reference.remove(&k));
                }
                Op::RemoveEntry(k) => {
                    let removed = call!(remove_entry(&k.key()));
                    let removed = removed.map(|(key, value)| (*key.0, keep(value)));
                    let expected = reference.remove(&k).map(|value| (u64::from(k.0), value));
                    assert_eq!(removed, expected);
                }
                Op::InsertRun(first, count) => {
                    for k in first.run(count) {
                        let value = number();
                        let old = call!(insert(k.key(), Counted::new(value)));
                        assert_eq!(old.map(|value| *value.0), reference.insert(k, value));
                    }
                }
                Op::RemoveRun(first, count) => {
                    for k in first.run(count) {
                        let removed = call!(remove(&Probe(k)));
                        assert_eq!(removed.map(|value| *value.0), reference.remove(&k));
                    }
                }
                Op::Retain(mask) => {
                    let mut times = 0;
                    call!(retain(|key, _| {
                        times += 1;
                        !mask.takes(*key.0)
                    }));
                    assert_eq!(times, reference.len());
                    reference.retain(|&k, _| !mask.takes(u64::from(k.0)));
                    assert_narrow(map.capacity(), *asked, 2 * reference.len());
                }
                Op::RetainAndInsert(mask, k) => {
                    let value = number();
                    let mut inserted = false;
                    call!(retain(|other, _| {
                        // Once, and never what is being inserted about: that has its own test.
                        if !inserted && *other.0 != u64::from(k.0) {
                            map.insert(k.key(), Counted::new(value), &guard);
                            inserted = true;
                        }
                        !mask.takes(*other.0)
                    }));
                    // Whether the inserted key was then inserted about depends on its place.
                    let found = call!(get(&Probe(k))).map(keep);
                    reference.retain(|&k, _| !mask.takes(u64::from(k.0)));
                    if inserted && mask.takes(u64::from(k.0)) {
                        assert!(found.is_none_or(|found| found == value));
                    }
                    if inserted && !mask.takes(u64::from(k.0)) {
                        assert_eq!(found, Some(value));
                    }
                    match found {
                        Some(found) => reference.insert(k, found),
                        None => reference.remove(&k),
                    };
                }
                Op::IterateAndRemove(mask) => {
                    let mut met = 0;
                    for (key, value) in call!(iter()) {
                        met += 1;
                        if mask.takes(*key.0) {
                            let removed = call!(remove(key)).expect("what is met is there");
                            assert!(std::ptr::eq(removed, value));
                        }
                    }
                    assert_eq!(met, reference.len());
                    reference.retain(|&k, _| !mask.takes(u64::from(k.0)));
                }
                Op::Clear => {
                    call!(clear());
                    reference.clear();
                    assert_narrow(map.capacity(), *asked, 0);
                }
                Op::Scan(budget) => {
                    let mut met = BTreeSet::new();
                    let mut next = Some(Cursor::START);
                    while let Some(cursor) = next {
                        let before = met.len();
                        let mut scan = call!(scan(cursor, budget.into()));
                        for (key, value) in scan.by_ref() {
                            assert_eq!(Some(&keep(value)), reference.get(&Id::of(key)));
                            assert!(met.insert(Id::of(key)), "a key came twice");
                        }
                        next = scan.cursor();
                        let enough = met.len() - before >= usize::from(budget.max(1));
                        assert!(enough || next.is_none());
                    }
                    assert_eq!(met.len(), reference.len());
                }
                Op::ScanAndRemove(budget, mask) => {
                    let mut met = 0;
                    let mut next = Some(Cursor::START);
                    while let Some(cursor) = next {
                        let mut scan = call!(scan(cursor, budget.into()));
                        for (key, value) in scan.by_ref() {
                            met += 1;
                            if mask.takes(*key.0) {
                                let removed = call!(remove(key)).expect("what is met is there");
                                assert!(std::ptr::eq(removed, value));
                            }
                        }
                        next = scan.cursor();
                        assert!(next.is_none_or(|next| next > cursor));
                    }
                    assert_eq!(met, reference.len());
                    reference.retain(|&k, _| !mask.takes(u64::from(k.0)));
                }
                Op::ScanFrom(bits) => {
                    let from = Cursor::from_bits(bits);
                    let mut rest = call!(scan(from, usize::MAX));
                    // Says the place of each entry.
                    let mut all = call!(scan(Cursor::START, usize::MAX));
                    while let Some((key, _)) = all.next() {
                        if all.cursor() >= Some(from) {
                            let met = rest.next().map(|(key, _)| key);
                            assert!(met.is_some_and(|met| std::ptr::eq(met, key)));
                        }
                    }
                    assert_eq!(rest.next(), None);
                    assert_eq!(rest.cursor(), None);
                }
                Op::ScanOn(budget) => {
                    let mut on = under_way.take().unwrap_or_else(|| UnderWay {
                        cursor: Cursor::START,
                        throughout: reference.keys().copied().collect(),
                        met: BTreeSet::new(),
                    });
                    on.throughout.retain(|k| reference.contains_key(k));
                    let mut scan = call!(scan(on.cursor, budget.into()));
                    for (key, value) in scan.by_ref() {
                        assert_eq!(Some(&keep(value)), reference.get(&Id::of(key)));
                        assert!(on.met.insert(Id::of(key)), "a key came twice");
                    }
                    *under_way = on.on(scan.cursor());
                }
                Op::Reserve(Id(additional)) => {
                    let additional = usize::from(additional);
                    call_unguarded!(reserve(additional));
                    if additional > 0 {
                        *asked = (*asked).max(reference.len() + additional);
                    }
                    assert_room(map.capacity(), *asked);
                }
                Op::ShrinkToFit => {
                    call_unguarded!(shrink_to_fit());
                    *asked = 0;
                    assert_narrow(map.capacity(), 0, reference.len());
                }
                Op::Flush => {
                    map.flush();
                    assert_narrow(map.capacity(), *asked, 2 * reference.len());
                }
                _ => break,
            }
            assert_eq!(view.len(), reference.len());
            assert_room(call_unguarded!(capacity()), *asked);
            left = rest;
        }
        for (value, said) in kept {
            assert_eq!(*value.0, said, "a value changed under its guard");
        }
        left
    }

    /// Performs an operation that needs the map itself.
    fn swap(&mut self, op: &Op) {
        match op {
            Op::Clone => {
                let copy = self.map.clone();
                assert!(equal(&copy, &self.map));
                self.map = copy;
                self.asked = 0;
            }
            Op::CloneAndInsert(k) => {
                let copy = self.map.clone();
                let value = self.number();
                copy.pin().insert(k.key(), Counted::new(value));
                assert!(!equal(&copy, &self.map));
            }
            Op::Collect(keys) => {
                let guard = self.map.guard();
                let present = self.map.iter(&guard);
                let copies = present.map(|(key, value)| (key.clone(), value.clone()));
                let mut values = self.values;
                let fresh = keys.iter().map(|&key| {
                    values += 1;
                    self.reference.insert(key, values);
                    (key.key(), Counted::new(values))
                });
                let map = copies.chain(fresh).collect();
                drop(guard);
                self.values = values;
                self.map = map;
                self.asked = 0;
                // The new one has another hasher.
                self.scan = None;
            }
            Op::Extend(keys) => {
                for &key in keys {
                    let value = self.number();
                    self.reference.insert(key, value);
                }
                let first = self.values - keys.len() as u64 + 1;
                self.map.extend(
                    keys.iter()
                        .zip(first..)
                        .map(|(&key, value)| (key.key(), Counted::new(value))),
                );
            }
            Op::Repin => {
                // This is the only thread, and it is not pinned.
                self.map.flush();
                assert_eq!(LIVE.get(), 2 * self.map.len(), "`flush` left something");
                assert_narrow(self.map.capacity(), self.asked, 2 * self.map.len());
            }
            Op::Drain(Id(most)) => {
                drop(taken(self.map.drain(), (*most).into(), &self.reference));
                self.reference.clear();
                assert_narrow(self.map.capacity(), self.asked, 0);
            }
            Op::Refill => {
                let entries = taken(self.map.drain(), usize::MAX, &self.reference);
                assert!(self.map.is_empty());
                self.map.extend(entries);
            }
            Op::IntoIter(Id(most)) => {
                let map = self.take();
                drop(taken(map.into_iter(), (*most).into(), &self.reference));
                self.reference.clear();
            }
            Op::Algebra(keys) => self.algebra(keys),
            Op::Rebuild => {
                let map = self.take();
                let entries = taken(map.into_iter(), usize::MAX, &self.reference);
                self.map.extend(entries);
            }
            _ => {}
        }
    }

    /// Compares set algebra of the keys and others with std's.
    fn algebra(&self, others: &[Id]) {
        let (mut one, mut other) = (BTreeSet::new(), BTreeSet::new());
        one.extend(self.reference.keys().map(|id| u64::from(id.0)));
        other.extend(others.iter().map(|id| u64::from(id.0)));
        let quality = *self.map.hasher();
        let set = |values: &BTreeSet<u64>| {
            let set = HashSet::with_hasher(quality);
            values.iter().for_each(|&value| {
                set.pin().insert(value);
            });
            set
        };
        let (a, b) = (set(&one), set(&other));
        let (guard, other_guard) = (a.guard(), b.guard());
        let sorted = |values: Vec<&u64>| {
            let mut values: Vec<u64> = values.into_iter().copied().collect();
            values.sort_unstable();
            values
        };
        macro_rules! same {
            ($($method:ident)*) => {$(
                let ours = sorted(a.$method(&b, &guard, &other_guard).collect());
                assert!(one.$method(&other).eq(&ours), stringify!($method));
            )*};
        }
        same!(union intersection difference symmetric_difference);
        let subset = a.is_subset(&b, &guard, &other_guard);
        assert_eq!(subset, one.is_subset(&other));
        let superset = a.is_superset(&b, &guard, &other_guard);
        assert_eq!(superset, one.is_superset(&other));
        let disjoint = a.is_disjoint(&b, &guard, &other_guard);
        assert_eq!(disjoint, one.is_disjoint(&other));
    }

    /// The map, in whose place an empty one comes.
    fn take(&mut self) -> Subject {
        self.asked = 0;
        let empty = HashMap::with_hasher(*self.map.hasher());
        std::mem::replace(&mut self.map, empty)
    }

    /// Compares the whole content.
    fn compare(&self) {
        let view = self.map.pin();
        assert_eq!(view.len(), self.reference.len());
        assert_eq!(view.is_empty(), self.reference.is_empty());
        for (&id, &value) in &self.reference {
            assert_eq!(view.get(&Probe(id)).map(|found| *found.0), Some(value));
        }
        let mut met = 0;
        for (key, value) in &view {
            met += 1;
            assert_eq!(self.reference.get(&Id::of(key)), Some(&*value.0));
        }
        assert_eq!(met, self.reference.len());
    }

    /// Asks for every key there could be.
    fn compare_all(&self) {
        self.compare();
        let guard = self.map.guard();
        for id in (0..KEYS).map(Id) {
            let found = self.map.contains_key(&Probe(id), &guard);
            assert_eq!(found, self.reference.contains_key(&id));
        }
    }
}

fuzz_target!(|program: Program| {
    let capacity = usize::from(program.capacity.saturating_sub(128)) * 16;
    let mut pair = Pair {
        map: HashMap::with_capacity_and_hasher(capacity, program.quality),
        reference: Reference::default(),
        values: 0,
        asked: capacity,
        scan: None,
    };
    let mut through_view = false;
    let mut left = &program.ops[..];
    while let Some(op) = left.first() {
        let rest = pair.run(left, through_view);
        if rest.len() == left.len() {
            through_view ^= matches!(op, Op::SwitchWay);
            pair.swap(op);
            pair.compare();
            left = &left[1..];
        } else {
            left = rest;
        }
    }
    pair.compare_all();
    drop(pair);
    // The default back end drains.
    assert_eq!(LIVE.get(), 0, "keys or values were never dropped");
});
