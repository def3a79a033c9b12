//! Models of an entry, which holds no lock: what is done to the map between its making and its end.
//! On the real `HashMap`, with its hasher, its guards and its own clock, in a table of one bucket.

#![cfg(not(splitmap_doubling))]
#![allow(missing_docs, reason = "a test's name is its documentation")]

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use loom_tests::{Model, explore, stop_exploring};
use splitmap::Entry;
use splitmap::model::NothingIsLeft;

/// A hasher without a seed: every execution has to take the same steps.
type Map = splitmap::HashMap<u8, u64, BuildHasherDefault<DefaultHasher>>;

/// The one key, which has itself as the value at first.
const KEY: u8 = 9;

/// What is there for the key.
type State = Option<u64>;
const START: State = Some(KEY as u64);

/// Two threads and the main one. Gives back what is left, too.
fn race<A: 'static, B: 'static, C>(
    a: impl FnOnce(&Map) -> A + 'static,
    b: impl FnOnce(&Map) -> B + 'static,
    main: impl FnOnce(&Map) -> C,
) -> (A, B, C, State) {
    let _check = NothingIsLeft::new();
    let map = Arc::new(Map::default());
    map.pin().insert(KEY, KEY.into());
    let (map_a, map_b) = (Arc::clone(&map), Arc::clone(&map));
    explore();
    let a = loom::thread::spawn(move || a(&map_a));
    let b = loom::thread::spawn(move || b(&map_b));
    let main = main(&map);
    let (a, b) = (a.join().unwrap(), b.join().unwrap());
    stop_exploring();
    let map = map.pin();
    let left = map.get(&KEY).copied();
    assert_eq!(map.len(), usize::from(left.is_some()), "the length");
    assert!(map.values().eq(&left), "what an iteration meets");
    (a, b, main, left)
}

/// What a thread does at one instant.
type Step<T> = fn(&mut State, &mut T);

/// What all orders of three threads' steps lead to, each thread's in their order. One with an
/// entry has two: it looks, and later it acts.
fn orders<T: Clone + Debug>(
    (left, told): (State, T),
    threads: [&[Step<T>]; 3],
) -> BTreeSet<String> {
    if threads.iter().all(|steps| steps.is_empty()) {
        return BTreeSet::from([tell(&told, left)]);
    }
    let after = (0..3).flat_map(|thread| {
        let (step, rest) = threads[thread].split_first()?;
        let (mut left, mut told) = (left, told.clone());
        step(&mut left, &mut told);
        let mut threads = threads;
        threads[thread] = rest;
        Some(orders((left, told), threads))
    });
    after.flatten().collect()
}

/// Words what threads were told, and what is left.
fn tell(told: &impl Debug, left: State) -> String {
    format!("{told:?}, left {left:?}")
}

/// `and_modify(add 1).or_insert(1)` // the same // clear: each counts once, before the clear or
/// after.
#[test]
fn and_modify_against_clear() {
    #[derive(Clone, Debug, Default)]
    struct Told {
        a: u64,
        b: u64,
    }
    fn add(state: &mut State) -> u64 {
        *state.insert(state.map_or(1, |value| value + 1))
    }
    let reach = orders::<Told>(
        (START, Told::default()),
        [
            &[|state, told| told.a = add(state)],
            &[|state, told| told.b = add(state)],
            &[|state, _| *state = None],
        ],
    );
    Model::new("and_modify_against_clear")
        .reach(reach)
        .run(move |seen| {
            let count = |map: &Map| {
                let map = map.pin();
                *map.entry(KEY).and_modify(|value| value + 1).or_insert(1)
            };
            let clear = |map: &Map| map.pin().clear();
            let (a, b, (), left) = race(count, count, clear);
            seen.record(tell(&Told { a, b }, left));
        });
}

/// An entry that is made, and then removed if it was there, or inserted if it was not // clear //
/// `or_insert(2)`. What an entry saw stands, and what it does is done to the map as it is then.
#[test]
fn occupied_or_vacant_against_clear() {
    #[derive(Clone, Debug, Default)]
    struct Told {
        seen: State,
        turned: u64,
        stays: u64,
    }
    let look = |state: &mut State, told: &mut Told| told.seen = *state;
    let act = |state: &mut State, told: &mut Told| {
        (*state, told.turned) = match (told.seen, *state) {
            (Some(seen), current) => (None, current.unwrap_or(seen)),
            (None, current) => (Some(current.unwrap_or(1)), current.unwrap_or(1)),
        };
    };
    let clear = |state: &mut State, _: &mut Told| *state = None;
    let or_insert = |state: &mut State, told: &mut Told| told.stays = *state.get_or_insert(2);
    let reach = orders::<Told>(
        (START, Told::default()),
        [&[look, act], &[clear], &[or_insert]],
    );
    Model::new("occupied_or_vacant_against_clear")
        .reach(reach)
        .run(move |seen| {
            let turn_over = |map: &Map| {
                let map = map.pin();
                match map.entry(KEY) {
                    Entry::Occupied(entry) => {
                        let seen = entry.get();
                        (Some(*seen), *map.remove(entry.key()).unwrap_or(seen))
                    }
                    Entry::Vacant(entry) => (None, *entry.or_insert(1)),
                }
            };
            let or_insert = |map: &Map| *map.pin().entry(KEY).or_insert(2);
            let clear = |map: &Map| map.pin().clear();
            let ((seen_by_it, turned), (), stays, left) = race(turn_over, clear, or_insert);
            let told = Told {
                seen: seen_by_it,
                turned,
                stays,
            };
            seen.record(tell(&told, left));
        });
}

/// An entry that is removed if nobody has changed it // insert 10 // clear: the very entry that was
/// seen goes, and no other.
#[test]
fn unchanged_against_insert_and_clear() {
    #[derive(Clone, Debug, Default)]
    struct Told {
        seen: State,
        removed: bool,
        replaced: State,
    }
    let look = |state: &mut State, told: &mut Told| told.seen = *state;
    let remove = |state: &mut State, told: &mut Told| {
        told.removed = told.seen.is_some() && *state == told.seen;
        if told.removed {
            *state = None;
        }
    };
    let insert = |state: &mut State, told: &mut Told| told.replaced = state.replace(10);
    let clear = |state: &mut State, _: &mut Told| *state = None;
    let reach = orders::<Told>(
        (START, Told::default()),
        [&[look, remove], &[insert], &[clear]],
    );
    Model::new("unchanged_against_insert_and_clear")
        .reach(reach)
        .run(move |seen| {
            let remove = |map: &Map| {
                let map = map.pin();
                match map.entry(KEY) {
                    Entry::Occupied(entry) => (Some(*entry.get()), entry.remove().is_some()),
                    Entry::Vacant(_) => (None, false),
                }
            };
            let insert = |map: &Map| map.pin().insert(KEY, 10).copied();
            let clear = |map: &Map| map.pin().clear();
            let ((seen_by_it, removed), replaced, (), left) = race(remove, insert, clear);
            let told = Told {
                seen: seen_by_it,
                removed,
                replaced,
            };
            seen.record(tell(&told, left));
        });
}
