//! Models of what is decided by the value that is there: `compute`, which updates go by, and
//! `remove_if`. In a table of one bucket: nothing grows.

#![cfg(not(splitmap_doubling))]
#![allow(missing_docs, reason = "a test's name is its documentation")]

mod scenario;

use scenario::*;
use splitmap::model::Wanted;

/// `compute` with a closure that is asked once for each entry that it meets, and no more: what it was
/// asked for, and the value of the entry that its last decision was carried out on.
fn compute(
    map: &Map,
    key: u8,
    decide: impl Fn(Option<u64>) -> Wanted,
    pin: &Pin,
) -> (Vec<Option<u64>>, Option<u64>) {
    let mut asked = Vec::new();
    let decide = |value| {
        asked.push(value);
        decide(value)
    };
    let before = map.compute(key, decide, pin);
    assert_eq!(
        asked.last(),
        Some(&before),
        "decided for another entry than that which was changed"
    );
    let again = asked.windows(2).find(|pair| pair[0] == pair[1]);
    assert_eq!(again, None, "asked twice for one entry");
    (asked, before)
}

/// `update_or_insert` that adds, in a map where the key may be absent.
fn add(map: &Map, key: u8, number: u64, pin: &Pin) -> (Vec<Option<u64>>, Option<u64>) {
    let sum = |value: Option<u64>| Wanted::Put(value.unwrap_or(0) + number);
    compute(map, key, sum, pin)
}

fn times(asked: &[Option<u64>]) -> &'static str {
    match asked.len() {
        1 => "asked once",
        2 => "asked twice",
        more => panic!("asked {more} times"),
    }
}

/// d1: compute 9 -> 10, or 1 if absent // remove 9 // insert 10 right behind it. Where the insertion has
/// come between, the decision stands.
#[test]
fn d1_compute_against_remove() {
    Model::new("d1_compute_against_remove")
        .full_bound(3)
        .reach([
            "changed, removed; asked once",
            "removed, inserted; asked once",
            "removed, inserted; asked twice",
        ])
        .run(|seen| {
            let map = filled(&[9]);
            let ((asked, before), removed, inserted) = race(
                &map,
                |map, pin| add(map, 9, 1, &pin),
                |map, pin| map.remove(9, &pin),
                |map, pin| map.get_or_insert(10, 10, &pin).1,
            );
            assert!(inserted);
            let asked = times(&asked);
            match (before, removed) {
                (Some(9), Some(10)) => {
                    settled(&map, &[(10, 10)]);
                    seen.record(format!("changed, removed; {asked}"));
                }
                (None, Some(9)) => {
                    settled(&map, &[(9, 1), (10, 10)]);
                    seen.record(format!("removed, inserted; {asked}"));
                }
                other => panic!("no order explains {other:?}"),
            }
        });
}

/// d2: add 1 // add 10 // get, get: both count, and no sum is seen to go back.
#[test]
fn d2_updates_both_count() {
    Model::new("d2_updates_both_count")
        .full_bound(3)
        .reach([
            "1 first, asked once",
            "1 first, asked twice",
            "10 first, asked once",
            "10 first, asked twice",
        ])
        .run(|seen| {
            let map = filled(&[9]);
            let (a, b, (first, second)) = race(
                &map,
                |map, pin| add(map, 9, 1, &pin),
                |map, pin| add(map, 9, 10, &pin),
                |map, pin| (map.get(9, &pin), map.get(9, &pin)),
            );
            let (winner, later) = match (a.1, b.1) {
                (Some(9), Some(10)) => (1, times(&b.0)),
                (Some(19), Some(9)) => (10, times(&a.0)),
                other => panic!("an update is lost: {other:?}"),
            };
            assert!(first.is_some() && first <= second, "back to an older sum");
            let sums = [9, 9 + winner, 20].map(Some);
            assert!(sums.contains(&first) && sums.contains(&second));
            settled(&map, &[(9, 20)]);
            seen.record(format!("{winner} first, {later}"));
        });
}

/// d3: remove 9 if it is 9 // replace it by 20 // insert 10 right behind it, get 9. What is removed is
/// what was condemned, and no other.
#[test]
fn d3_remove_if_against_replace() {
    Model::new("d3_remove_if_against_replace")
        .full_bound(3)
        .reach(["removed", "replaced, refused", "replaced, refused later"])
        .run(|seen| {
            let map = filled(&[9]);
            let ((asked, removal), replaced, (inserted, got)) = race(
                &map,
                |map, pin| {
                    let mut asked = Vec::new();
                    let condemns = |value| {
                        asked.push(value);
                        value == 9
                    };
                    let removal = map.remove_condemned(9, condemns, &pin);
                    (asked, removal)
                },
                |map, pin| map.insert(9, 20, &pin),
                |map, pin| (map.get_or_insert(10, 10, &pin).1, map.get(9, &pin)),
            );
            assert!(inserted);
            assert!([Some(9), Some(20), None].contains(&got));
            settled(&map, &[(9, 20), (10, 10)]);
            seen.record(match (removal, replaced, &asked[..]) {
                (Ok(Some(9)), None, [9]) => "removed",
                (Err(20), Some(9), [20]) => "replaced, refused",
                (Err(20), Some(9), [9, 20]) => "replaced, refused later",
                other => panic!("no order explains {other:?}"),
            });
        });
}

/// d4: add 1 // add 10 // get, to an empty map: one inserts, with the first write that the map has,
/// and the other updates.
#[test]
fn d4_first_updates() {
    Model::new("d4_first_updates")
        .reach(["1 first", "10 first"])
        .run(|seen| {
            let map = std::sync::Arc::new(Map::new());
            let ((_, a), (_, b), got) = race(
                &map,
                |map, pin| add(map, 9, 1, &pin),
                |map, pin| add(map, 9, 10, &pin),
                |map, pin| map.get(9, &pin),
            );
            let first = match (a, b) {
                (None, Some(1)) => 1,
                (Some(10), None) => 10,
                other => panic!("an update is lost: {other:?}"),
            };
            assert!([None, Some(first), Some(11)].contains(&got));
            settled(&map, &[(9, 11)]);
            seen.record(format!("{first} first"));
        });
}

/// d5: compute removes 9 if it is 9 // replace it by 20 // remove it. What compute removes is what it
/// was asked for.
#[test]
fn d5_compute_removes() {
    Model::new("d5_compute_removes")
        .full_bound(3)
        .reach(["the old", "nothing of the new", "nothing at all"])
        .run(|seen| {
            let map = filled(&[9]);
            let remove_9 = |value| match value {
                Some(9) => Wanted::Removed,
                _ => Wanted::Nothing,
            };
            let ((_, before), replaced, removed) = race(
                &map,
                move |map, pin| compute(map, 9, remove_9, &pin),
                |map, pin| map.insert(9, 20, &pin),
                |map, pin| map.remove(9, &pin),
            );
            let left = if removed == Some(20) {
                &[][..]
            } else {
                &[(9, 20)]
            };
            settled(&map, left);
            seen.record(match (before, replaced, removed) {
                (Some(9), None, Some(20) | None) => "the old",
                (Some(20), Some(9), Some(20)) | (Some(20), None, Some(9)) => "nothing of the new",
                (None, Some(9), Some(20)) | (None, None, Some(9)) => "nothing at all",
                other => panic!("no order explains {other:?}"),
            });
        });
}
