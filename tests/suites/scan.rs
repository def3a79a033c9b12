//! Guarantee D for scans: a map is read in calls, each of which says where the next goes on.
//!
//! - A whole scan yields every entry once and in the map's order, whatever the budget; a call ends
//!   between two hashes, also where they are neighbours, and behind the greatest there is.
//! - A cursor is a place: of any map it is one in any other, and it may be resumed by any thread.
//! - Between the calls, and within them, the map may be written, grow and shrink: what is there
//!   throughout comes once.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher};
use std::iter::FusedIterator;
use std::thread;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use splitmap::Cursor;

use super::maps::{HashMap, builder};
use crate::hashers::Quality;

/// Values are the complement of their keys.
type Map<S = Quality> = HashMap<u64, u64, S>;

/// Keys that have the hash `u64::MAX - n` in the map, if they are their own hash outside: hashes
/// are mixed. (For each distance from the greatest hash but 1 there is exactly one.)
const LAST: [(u64, u64); 15] = [
    (15, 0x3e2a_2a4a_2d77_9242),
    (14, 0x2f41_19d9_bacf_89d1),
    (13, 0x5bfc_4b2b_12c7_a324),
    (12, 0x4d13_3aba_a01f_9ab3),
    (11, 0x79ce_6c0b_f817_b406),
    (10, 0x6ae5_5b9b_856f_ab95),
    (9, 0x97a0_8cec_dd67_c4e8),
    (8, 0x88b7_7c7c_6abf_bc77),
    (7, 0xb572_adcd_c2b7_d5ca),
    (6, 0xa689_9d5d_500f_cd59),
    (5, 0xd344_ceae_a807_e6ac),
    (4, 0xc45b_be3e_355f_de3b),
    (3, 0xf116_ef8f_8d57_f78e),
    (2, 0xe22d_df1f_1aaf_ef1d),
    (0, u64::MAX),
];

/// Such keys that have the least hashes, with these.
const FIRST: [(u64, u64); 5] = [
    (0, 0),
    (1, 0xa55a_6f22_6fa3_0894),
    (1, 0x5aa5_90dd_905c_f76d),
    (2, 0x4ab4_de44_df46_1127),
    (2, 0xb54b_21bb_20b9_eeda),
];

/// Makes this hash of every key.
#[derive(Clone, Copy)]
struct Always(u64);

impl BuildHasher for Always {
    type Hasher = Always;

    fn build_hasher(&self) -> Always {
        *self
    }
}

impl Hasher for Always {
    fn write(&mut self, _: &[u8]) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

fn map_of<S: BuildHasher>(hash_builder: S, keys: impl IntoIterator<Item = u64>) -> Map<S> {
    let map = builder().hasher(hash_builder).build();
    keys.into_iter().for_each(|key| insert(&map, key));
    map
}

fn insert<S: BuildHasher>(map: &Map<S>, key: u64) {
    map.pin().insert(key, !key);
}

fn remove<S: BuildHasher>(map: &Map<S>, key: u64) {
    map.pin().remove(&key);
}

fn order<S>(map: &Map<S>) -> Vec<u64> {
    map.pin().keys().copied().collect()
}

/// The keys in the map's order, each with its place: while a scan is under way it says that of its
/// last entry.
fn places<S>(map: &Map<S>) -> Vec<(u64, u64)> {
    let view = map.pin();
    let mut scan = view.scan(Cursor::START, usize::MAX);
    let mut places = Vec::new();
    while let Some((&key, _)) = scan.next() {
        let place = scan.cursor().expect("not at its end");
        places.push((place.to_bits(), key));
    }
    assert_eq!(scan.cursor(), None);
    assert!(places.is_sorted_by_key(|&(place, _)| place));
    places
}

/// One call: its keys, and where the next goes on.
fn call<S>(map: &Map<S>, cursor: Cursor, budget: usize) -> (Vec<u64>, Option<Cursor>) {
    let guard = map.guard();
    let mut scan = map.scan(cursor, budget, &guard);
    let mut keys = Vec::new();
    for (&key, &value) in scan.by_ref() {
        assert_eq!(value, !key);
        keys.push(key);
    }
    (keys, scan.cursor())
}

/// The keys of each call of a whole scan.
fn calls<S>(map: &Map<S>, budget: usize) -> Vec<Vec<u64>> {
    let mut calls = Vec::new();
    let mut next = Some(Cursor::START);
    while let Some(cursor) = next {
        assert!(calls.len() <= map.len(), "the scan does not get on");
        let (keys, cursor) = call(map, cursor, budget);
        calls.push(keys);
        next = cursor;
    }
    calls
}

/// What the calls have to be, for keys with their places: each ends with the first entry that
/// exhausts the budget and is the last of its place.
fn cut(places: &[(u64, u64)], budget: usize) -> Vec<Vec<u64>> {
    let mut calls = vec![Vec::new()];
    let mut last = None;
    for &(place, key) in places {
        let call = calls.last_mut().expect("never empty");
        if call.len() >= budget.max(1) && last != Some(place) {
            calls.push(vec![key]);
        } else {
            call.push(key);
        }
        last = Some(place);
    }
    calls
}

/// Those at this place or behind.
fn tail(places: &[(u64, u64)], from: u64) -> Vec<u64> {
    let behind = places.iter().filter(|&&(place, _)| place >= from);
    behind.map(|&(_, key)| key).collect()
}

#[test]
fn every_budget_yields_the_order_of_iter() {
    for quality in Quality::ALL {
        let most = if quality.crowds() { 70 } else { 700 };
        for len in [0, 1, 2, 15, 16, 17, most] {
            let map = map_of(quality, 0..len);
            let places = places(&map);
            let order = order(&map);
            assert_eq!(
                places.iter().map(|place| place.1).collect::<Vec<_>>(),
                order
            );
            let len = len as usize;
            let around = [len.saturating_sub(1), len, len + 1];
            for budget in [0, 1, 2, 3, 7, 16, 64, usize::MAX]
                .into_iter()
                .chain(around)
            {
                let calls = calls(&map, budget);
                assert_eq!(calls, cut(&places, budget), "{quality:?}, budget {budget}");
                assert_eq!(calls.concat(), order);
            }
        }
    }
}

/// Where it is known from outside which hashes are equal.
#[test]
fn equal_hashes_are_not_split() {
    let map = map_of(Quality::Constant, 0..50);
    for budget in [0, 1, 2, 49, 50, 51, usize::MAX] {
        assert_eq!(calls(&map, budget), [order(&map)]);
    }
    for quality in [Quality::LowBits, Quality::HighBits] {
        // Eight hashes with ten keys each.
        let map = map_of(quality, 0..80);
        for (budget, runs) in [
            (0, 1),
            (1, 1),
            (9, 1),
            (10, 1),
            (11, 2),
            (20, 2),
            (31, 4),
            (80, 8),
        ] {
            let calls = calls(&map, budget);
            assert_eq!(calls.len(), 8 / runs, "{quality:?}, budget {budget}");
            for call in calls {
                assert_eq!(call.len(), 10 * runs);
                let hashes: BTreeSet<u64> = call.iter().map(|key| key & 7).collect();
                assert_eq!(hashes.len(), runs);
            }
        }
    }
}

/// The next call begins at the very next hash.
#[test]
fn neighbouring_hashes_are_cut_between() {
    let keys = FIRST.iter().map(|first| first.1);
    let keys = keys.chain(LAST.iter().map(|last| last.1));
    let map = map_of(Quality::Identity, keys);
    let expected = FIRST.iter().map(|first| first.0);
    let expected = expected.chain(LAST.iter().map(|last| u64::MAX - last.0));
    let places = places(&map);
    let found = places.iter().map(|place| place.0);
    assert!(
        expected.eq(found),
        "hashes are mixed otherwise now: this test has to find neighbours anew"
    );
    for budget in 0..22 {
        assert_eq!(calls(&map, budget), cut(&places, budget), "budget {budget}");
    }
    // They stay neighbours in a table of any width.
    (1..1_000).for_each(|key| insert(&map, key));
    let places = self::places(&map);
    for budget in 0..22 {
        assert_eq!(calls(&map, budget), cut(&places, budget), "budget {budget}");
    }
}

#[test]
fn the_greatest_hash_is_the_end() {
    let last = Cursor::from_bits(u64::MAX);
    for others in [0, 1, 300] {
        let map = map_of(Quality::Identity, (0..others).chain([u64::MAX]));
        assert_eq!(places(&map).last(), Some(&(u64::MAX, u64::MAX)));
        for budget in [0, 1, 2, 100, usize::MAX] {
            assert_eq!(calls(&map, budget), cut(&places(&map), budget));
            assert_eq!(call(&map, last, budget), (vec![u64::MAX], None));
        }
        map.pin().remove(&u64::MAX);
        assert_eq!(call(&map, last, 1), (vec![], None));
    }
}

#[test]
fn a_run_of_the_greatest_hash_is_the_end() {
    let map = map_of(Always(u64::MAX), 0..40);
    assert_eq!(places(&map)[0].0, u64::MAX);
    let from = |bits| call(&map, Cursor::from_bits(bits), 7);
    for budget in [0, 1, 39, 40, usize::MAX] {
        assert_eq!(calls(&map, budget), [order(&map)]);
    }
    for bits in [0, 1, 1 << 63, u64::MAX - 1, u64::MAX] {
        assert_eq!(from(bits), (order(&map), None));
    }
}

#[test]
fn a_run_of_the_least_hash_is_the_beginning() {
    let map = map_of(Always(0), 0..40);
    assert_eq!(calls(&map, 3), [order(&map)]);
    assert_eq!(call(&map, Cursor::from_bits(1), 3), (vec![], None));
}

#[test]
fn one_that_is_left_goes_on_with_the_last_hash() {
    for quality in Quality::ALL {
        let map = map_of(quality, 0..60);
        let places = places(&map);
        for budget in [1, 10, usize::MAX] {
            let whole = cut(&places, budget)[0].len();
            for taken in 1..=whole {
                let view = map.pin();
                let mut scan = view.scan(Cursor::START, budget);
                assert_eq!(scan.by_ref().take(taken).count(), taken);
                let cursor = scan.cursor().expect("it has not seen the end");
                drop(view);
                let (place, _) = places[taken - 1];
                assert_eq!(cursor.to_bits(), place);
                let rest = call(&map, cursor, usize::MAX);
                assert_eq!(rest, (tail(&places, place), None), "{quality:?}");
            }
        }
    }
}

/// Until there is an entry, it stays where it was told to begin.
#[test]
fn one_that_is_left_at_once_goes_on_where_it_was() {
    let map = map_of(Quality::Identity, 0..60);
    let view = map.pin();
    for bits in [0, 1, 1 << 40, u64::MAX] {
        let cursor = Cursor::from_bits(bits);
        assert_eq!(view.scan(cursor, 5).cursor(), Some(cursor));
    }
}

#[test]
fn a_cursor_of_another_map_is_a_place() {
    for (one, other) in [
        (Quality::Identity, Quality::Sequential),
        (Quality::Default, Quality::Identity),
        (Quality::HighBits, Quality::Identity),
        (Quality::Identity, Quality::LowBits),
        (Quality::Identity, Quality::Constant),
    ] {
        let (one, other) = (map_of(one, 0..40), map_of(other, 1_000..1_080));
        let (theirs, places) = (places(&one), places(&other));
        assert_eq!(
            places.iter().map(|place| place.1).collect::<Vec<_>>(),
            order(&other)
        );
        let cursors = theirs.iter().map(|place| place.0);
        // Also right before, at and behind its own.
        let own = places.iter().map(|place| place.0);
        let edges = own.flat_map(|own| [own.wrapping_sub(1), own, own.wrapping_add(1)]);
        for bits in cursors.chain(edges).chain([0, 1, u64::MAX]) {
            let cursor = Cursor::from_bits(bits);
            let rest = tail(&places, bits);
            assert_eq!(call(&other, cursor, usize::MAX), (rest.clone(), None));
            let (some, next) = call(&other, cursor, 3);
            assert!(rest.starts_with(&some));
            let behind = next.map_or(vec![], |next| tail(&places, next.to_bits()));
            assert_eq!([some, behind].concat(), rest);
        }
    }
}

/// Two maps with one hasher, made in different ways, and a thread for each call.
#[test]
fn any_thread_and_any_map_with_that_hasher_go_on() {
    const KEYS: u64 = 1_000;
    let one: HashMap<u64, u64> = (0..KEYS).map(|key| (key, !key)).collect();
    let other = builder()
        .capacity(10_000)
        .hasher(one.hasher().clone())
        .build();
    (0..KEYS).rev().for_each(|key| insert(&other, key));
    assert_eq!(order(&one), order(&other));

    let mut met = Vec::new();
    let mut next = Some(Cursor::START);
    let mut maps = [&one, &other].into_iter().cycle();
    while let Some(cursor) = next {
        assert!(met.len() < KEYS as usize, "the scan does not get on");
        let map = maps.next().expect("endless");
        let call = thread::scope(|scope| scope.spawn(|| call(map, cursor, 50)).join().unwrap());
        assert_eq!(call.0.len(), 50);
        met.extend(call.0);
        next = call.1;
    }
    assert_eq!(met, order(&one));
    // A clone has its hasher too.
    assert_eq!(calls(&one.clone(), 7), calls(&one, 7));
}

#[test]
fn an_empty_map_is_at_its_end() {
    let without_memory = builder::<u64, u64>().hasher(Quality::Identity).build();
    let with_capacity = builder().capacity(1_000).hasher(Quality::Identity).build();
    let cleared = map_of(Quality::Identity, 0..300);
    cleared.pin().clear();
    let removed = map_of(Quality::Identity, 0..300);
    (0..300).for_each(|key| remove(&removed, key));
    for map in [&without_memory, &with_capacity, &cleared, &removed] {
        for bits in [0, 1, 1 << 63, u64::MAX] {
            for budget in [0, 1, usize::MAX] {
                let cursor = Cursor::from_bits(bits);
                assert_eq!(call(map, cursor, budget), (vec![], None));
                assert_eq!(map.pin().scan(cursor, budget).cursor(), Some(cursor));
            }
        }
    }
    assert_eq!(without_memory.capacity(), 0);
}

#[test]
fn a_clone_goes_its_own_way() {
    let map = map_of(Quality::LowBits, 0..80);
    let view = map.pin();
    for taken in 0..80 {
        let mut scan = view.scan(Cursor::START, 15);
        let _ = scan.by_ref().take(taken).count();
        let mut copy = scan.clone();
        assert_eq!(copy.cursor(), scan.cursor());
        let rest: Vec<_> = scan.by_ref().collect();
        assert_eq!(copy.by_ref().collect::<Vec<_>>(), rest);
        assert_eq!(copy.cursor(), scan.cursor());
    }
}

#[test]
fn it_shows_what_is_to_come() {
    let map = map_of(Quality::Identity, 0..40);
    let view = map.pin();
    let mut scan = view.scan(Cursor::START, 12);
    loop {
        let rest: Vec<(&u64, &u64)> = scan.clone().collect();
        let shown: Vec<String> = rest.iter().map(|(k, v)| format!("{k}: {v}")).collect();
        assert_eq!(format!("{scan:?}"), format!("{{{}}}", shown.join(", ")));
        let cursor = scan.cursor();
        assert_eq!(scan.next(), rest.first().copied());
        if rest.is_empty() {
            break;
        }
        // To show it does not move it.
        assert_eq!(
            cursor.map(Cursor::to_bits),
            Some(view_place(&map, rest.len()))
        );
    }
    assert_eq!(format!("{scan:?}"), "{}");
}

/// The place of the entry before the last `rest` of the first twelve.
fn view_place(map: &Map, rest: usize) -> u64 {
    match 12 - rest {
        0 => 0,
        taken => places(map)[taken - 1].0,
    }
}

#[test]
fn nothing_comes_after_its_end() {
    fn assert_fused(_: &impl FusedIterator) {}
    let map = map_of(Quality::Identity, []);
    let guard = map.guard();
    let mut at_the_end = map.scan(Cursor::START, 10, &guard);
    assert_fused(&at_the_end);
    assert_eq!(at_the_end.next(), None);
    (0..100).for_each(|key| insert(&map, key));
    let mut exhausted = map.scan(Cursor::START, 10, &guard);
    assert_eq!(exhausted.by_ref().count(), 10);
    let next = exhausted.cursor();
    assert!(next.is_some());
    map.clear(&guard);
    for _ in 0..3 {
        assert_eq!((at_the_end.next(), at_the_end.cursor()), (None, None));
        assert_eq!((exhausted.next(), exhausted.cursor()), (None, next));
    }
}

#[test]
fn through_a_view_it_is_the_same() {
    let map = map_of(Quality::Identity, 0..100);
    let guard = map.guard();
    let (view, borrowed) = (map.pin(), map.with_guard(&guard));
    let mut next = Some(Cursor::START);
    while let Some(cursor) = next {
        let mut scans = [
            map.scan(cursor, 7, &guard),
            view.scan(cursor, 7),
            borrowed.scan(cursor, 7),
        ];
        let [keys, through_view, through_borrowed] = scans
            .each_mut()
            .map(|scan| scan.map(|(key, _)| *key).collect::<Vec<_>>());
        assert!(!keys.is_empty());
        assert_eq!(keys, through_view);
        assert_eq!(keys, through_borrowed);
        next = scans[0].cursor();
        assert!(scans.iter().all(|scan| scan.cursor() == next));
    }
}

#[test]
fn what_is_met_may_be_removed() {
    for quality in Quality::ALL {
        for budget in [1, 7, usize::MAX] {
            let map = map_of(quality, 0..100);
            let expected = cut(&places(&map), budget);
            let mut next = Some(Cursor::START);
            for keys in expected {
                let view = map.pin();
                let mut scan = view.scan(next.expect("there are more"), budget);
                let met = scan.by_ref().map(|(key, value)| {
                    let removed = view.remove(key).expect("what is met is there");
                    assert!(std::ptr::eq(removed, value));
                    *key
                });
                assert_eq!(met.collect::<Vec<_>>(), keys, "{quality:?}");
                next = scan.cursor();
            }
            assert_eq!(next, None);
            assert!(map.is_empty());
        }
    }
}

#[test]
fn what_is_removed_ahead_does_not_come() {
    for quality in Quality::ALL {
        let map = map_of(quality, 0..100);
        let order = order(&map);
        let view = map.pin();
        let scan = view.scan(Cursor::START, usize::MAX);
        let mut met = Vec::new();
        for (&key, _) in scan {
            met.push(key);
            let ahead = order[2 * met.len() - 1];
            assert_eq!(view.remove(&ahead), Some(&!ahead));
        }
        let each_second: Vec<u64> = order.iter().copied().step_by(2).collect();
        assert_eq!(met, each_second, "{quality:?}");

        // All that is left, within a call of a greater budget, and of one that it has used up.
        for budget in [1, 10] {
            let mut scan = view.scan(Cursor::START, budget);
            assert!(scan.next().is_some());
            view.clear();
            assert_eq!((scan.next(), scan.cursor()), (None, None));
            (0..100).for_each(|key| insert(&map, key));
        }
    }
}

/// What happens to the map, of whose keys some are there from the start.
#[derive(Clone, Debug)]
enum Change {
    /// Keys from the first on, so many; those that are there get a new value.
    Insert(u64, u64),
    Remove(u64, u64),
    /// Of these keys those that are there.
    Replace(u64, u64),
    /// Keeps one of so many.
    Retain(u64),
    Reserve(usize),
    ShrinkToFit,
    Flush,
    Clear,
}

/// A call of a scan that others disturb.
#[derive(Clone, Debug)]
struct Disturbed {
    budget: usize,
    /// Before the call.
    before: Vec<Change>,
    /// Within the call, each after so many entries.
    within: Vec<(usize, Change)>,
    /// The call is left after so many entries.
    left: Option<usize>,
}

fn changes(keys: u64, many: u64) -> impl Strategy<Value = Change> + Clone {
    let range = (0..keys, 1..=many);
    prop_oneof![
        4 => range.clone().prop_map(|(first, many)| Change::Insert(first, many)),
        3 => range.clone().prop_map(|(first, many)| Change::Remove(first, many)),
        2 => range.prop_map(|(first, many)| Change::Replace(first, many)),
        1 => (2_u64..5).prop_map(Change::Retain),
        1 => (1_usize..3_000).prop_map(Change::Reserve),
        2 => Just(Change::ShrinkToFit),
        1 => Just(Change::Flush),
        1 => Just(Change::Clear),
    ]
}

fn disturbed(keys: u64) -> impl Strategy<Value = Disturbed> {
    let budget = prop_oneof![
        4 => 0_usize..5,
        3 => 5_usize..100,
        1 => Just(usize::MAX),
    ];
    (
        budget,
        prop::collection::vec(changes(keys, keys), 0..3),
        prop::collection::vec((0_usize..20, changes(keys, keys / 8 + 1)), 0..4),
        prop::option::weighted(0.3, 0_usize..10),
    )
        .prop_map(|(budget, before, within, left)| Disturbed {
            budget,
            before,
            within,
            left,
        })
}

/// A value in memory of its own: a replaced one is another.
type Boxed = HashMap<u64, Box<u64>, Quality>;

/// A map, and the keys that have been there since the beginning.
struct Watched<'m> {
    map: &'m Boxed,
    throughout: BTreeSet<u64>,
}

impl Watched<'_> {
    fn change(&mut self, change: &Change) {
        let view = self.map.pin();
        match *change {
            Change::Insert(first, many) => {
                for key in first..first + many {
                    view.insert(key, Box::new(key));
                }
            }
            Change::Remove(first, many) => {
                for key in first..first + many {
                    view.remove(&key);
                    self.throughout.remove(&key);
                }
            }
            Change::Replace(first, many) => {
                for key in first..first + many {
                    if view.contains_key(&key) {
                        view.insert(key, Box::new(key));
                    }
                }
            }
            Change::Retain(of) => {
                view.retain(|key, _| key % of == 0);
                self.throughout.retain(|key| key % of == 0);
            }
            Change::Reserve(additional) => view.reserve(additional),
            Change::ShrinkToFit => view.shrink_to_fit(),
            Change::Flush => self.map.flush(),
            Change::Clear => {
                view.clear();
                self.throughout.clear();
            }
        }
    }

    /// A whole scan. What is still ahead when the calls are used up comes in one more.
    fn scan(&mut self, calls: &[Disturbed]) {
        let rest = Disturbed {
            budget: usize::MAX,
            before: Vec::new(),
            within: Vec::new(),
            left: None,
        };
        // With their places.
        let mut met: Vec<(u64, u64)> = Vec::new();
        let mut cursor = Cursor::START;
        for disturbed in calls.iter().chain([&rest]) {
            for change in &disturbed.before {
                self.change(change);
            }
            match self.call(cursor, disturbed, &mut met) {
                Some(next) => cursor = next,
                None => break,
            }
        }
        assert!(met.is_sorted_by_key(|&(place, _)| place));
        let mut times = BTreeMap::new();
        for &(_, key) in &met {
            *times.entry(key).or_insert(0) += 1;
        }
        for (key, &times) in &times {
            assert_eq!(times, 1, "the key {key} came {times} times");
        }
        for key in &self.throughout {
            assert!(times.contains_key(key), "the key {key} did not come");
        }
    }

    /// One call, whose entries are added to those that were met. Where it is left, the last ones
    /// will come again.
    fn call(
        &mut self,
        cursor: Cursor,
        disturbed: &Disturbed,
        met: &mut Vec<(u64, u64)>,
    ) -> Option<Cursor> {
        let map = self.map;
        let guard = map.guard();
        let mut scan = map.scan(cursor, disturbed.budget, &guard);
        let mut is_left = false;
        for taken in 0.. {
            let now = disturbed.within.iter().filter(|(after, _)| *after == taken);
            now.for_each(|(_, change)| self.change(change));
            is_left = disturbed.left == Some(taken);
            if is_left {
                break;
            }
            let Some((key, value)) = scan.next() else {
                break;
            };
            let current = map.get(key, &guard).expect("what comes is there");
            assert!(std::ptr::eq(current, value), "a value that was replaced");
            let place = scan.cursor().expect("not at its end");
            assert!(place >= cursor);
            met.push((place.to_bits(), *key));
        }
        let next = scan.cursor();
        let behind = |place| next.is_some_and(|next| place >= next.to_bits());
        if is_left {
            met.retain(|&(place, _)| !behind(place));
        }
        assert!(met.iter().all(|&(place, _)| !behind(place)));
        next
    }
}

fn config() -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let standard = ProptestConfig::default();
    ProptestConfig {
        cases: if asked { standard.cases } else { 128 },
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..standard
    }
}

fn spaces() -> impl Strategy<Value = (Quality, u64)> {
    let quality = prop::sample::select(Quality::ALL.to_vec());
    (quality, prop::bool::ANY).prop_map(|(quality, large)| match (large, quality.crowds()) {
        (false, _) => (quality, 40),
        (true, true) => (quality, 150),
        // So that a table of 4,096 buckets comes and goes.
        (true, false) => (quality, 2_000),
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_stays_comes_once_whatever_else_is_done(
        ((quality, keys), calls) in spaces().prop_flat_map(|(quality, keys)| {
            let calls = prop::collection::vec(disturbed(keys), 1..12);
            (Just((quality, keys)), calls)
        }),
        share in 0_u64..=4,
    ) {
        let map: Boxed = builder().hasher(quality).build();
        let present = 0..keys * share / 4;
        for key in present.clone() {
            map.pin().insert(key, Box::new(key));
        }
        Watched { map: &map, throughout: present.collect() }.scan(&calls);
    }
}

/// The same for others that do not wait for the calls to end.
#[test]
fn what_stays_comes_once_while_others_write() {
    const STAY: u64 = 300;
    const PASS: u64 = 1_500;
    let map = map_of(Quality::Default, 0..STAY);
    thread::scope(|scope| {
        let writers = [0, 1].map(|half| {
            let map = &map;
            scope.spawn(move || {
                let keys = || (STAY + half..STAY + PASS).step_by(2);
                for _ in 0..30 {
                    // The table grows, and shrinks to a sixteenth.
                    keys().for_each(|key| insert(map, key));
                    (0..STAY).for_each(|key| insert(map, key));
                    keys().for_each(|key| remove(map, key));
                    map.shrink_to_fit();
                }
            })
        });
        let mut budgets = [1, 2, 7, 30, 100, usize::MAX].into_iter().cycle();
        while !writers.iter().all(|writer| writer.is_finished()) {
            let budget = budgets.next().expect("endless");
            let mut met = Vec::new();
            let mut next = Some(Cursor::START);
            while let Some(cursor) = next {
                let (keys, behind) = call(&map, cursor, budget);
                assert!(behind.is_none_or(|next| next > cursor));
                met.extend(keys);
                next = behind;
            }
            met.sort_unstable();
            assert!(met.windows(2).all(|two| two[0] < two[1]), "one came twice");
            assert!(met.into_iter().take(STAY as usize).eq(0..STAY));
        }
    });
}
