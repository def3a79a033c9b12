//! Models of the list in a table of one bucket: nothing grows, so they are the same with tables that
//! double.

#![cfg(not(splitmap_doubling))]
#![allow(missing_docs, reason = "a test's name is its documentation")]

mod scenario;

use scenario::*;

/// Two first writers give an empty map its base; a reader sees both or neither of its states.
#[test]
fn first_writers() {
    Model::new("first_writers")
        .reach(["nothing", "one", "both"])
        .run(|seen| {
            let map = std::sync::Arc::new(Map::new());
            let insert =
                |key: u8| move |map: &Map, pin: Pin| map.get_or_insert(key, key.into(), &pin);
            let (a, b, found) = race(&map, insert(3), insert(9), |map, pin| {
                map.get(3, &pin).is_some() as u8 + map.get(9, &pin).is_some() as u8
            });
            assert!(a.1 && b.1, "both are inserted");
            settled(&map, &[(3, 3), (9, 9)]);
            seen.record(["nothing", "one", "both"][usize::from(found)]);
        });
}

/// b1: insert 10 behind 9 (bit by its own read-modify-write) // remove 9 (empties) // scan, get.
#[test]
fn b1_insert_behind_removed() {
    Model::new("b1_insert_behind_removed")
        .bound(3)
        .reach(["unseen", "scanned", "got"])
        .run(|seen| {
            let map = filled(&[9]);
            let (inserted, removed, (scanned, got, again)) = race(
                &map,
                |map, pin| map.get_or_insert(10, 10, &pin),
                |map, pin| map.remove(9, &pin),
                |map, pin| {
                    let scanned = map.entries_from(10, &pin).len() == 1;
                    (
                        scanned,
                        map.get(10, &pin).is_some(),
                        map.get(10, &pin).is_some(),
                    )
                },
            );
            assert_eq!((inserted, removed), ((10, true), Some(9)));
            assert!(scanned <= got && got <= again, "seen, then not found");
            settled(&map, &[(10, 10)]);
            seen.record(if scanned {
                "scanned"
            } else if again {
                "got"
            } else {
                "unseen"
            });
        });
}

/// b2: insert 10 behind 9 // remove 9 // remove 10, insert 11.
#[test]
fn b2_insert_behind_removed_twice() {
    Model::new("b2_insert_behind_removed_twice")
        .bound(3)
        .reach(["10 stays", "10 removed"])
        .run(|seen| {
            let map = filled(&[9]);
            let (inserted, removed, (removed_10, inserted_11)) = race(
                &map,
                |map, pin| map.get_or_insert(10, 10, &pin).1,
                |map, pin| map.remove(9, &pin),
                |map, pin| (map.remove(10, &pin), map.get_or_insert(11, 11, &pin).1),
            );
            assert!(inserted && inserted_11);
            assert_eq!(removed, Some(9));
            if removed_10.is_some() {
                settled(&map, &[(11, 11)]);
                seen.record("10 removed");
            } else {
                settled(&map, &[(10, 10), (11, 11)]);
                seen.record("10 stays");
            }
        });
}

/// i2: insert 10 // insert 10 // get 10, 10, 11. One wins, and a reader never sees it go.
#[test]
fn i2_insert_twice() {
    Model::new("i2_insert_twice")
        .bound(3)
        .full_unbounded()
        .reach(["None, None", "None, Some", "Some, Some"])
        .run(|seen| {
            let map = filled(&[1]);
            let ((a, a_won), (b, b_won), (first, second, other)) = race(
                &map,
                |map, pin| map.get_or_insert(10, 100, &pin),
                |map, pin| map.get_or_insert(10, 200, &pin),
                |map, pin| (map.get(10, &pin), map.get(10, &pin), map.get(11, &pin)),
            );
            assert!(a_won != b_won, "one inserts");
            assert_eq!(a, b, "both got the winner's");
            assert_eq!(other, None);
            assert!(first.is_none() || first == second);
            assert!([first, second].iter().flatten().all(|value| *value == a));
            settled(&map, &[(1, 1), (10, a)]);
            let word = |got: Option<u64>| if got.is_some() { "Some" } else { "None" };
            seen.record(format!("{}, {}", word(first), word(second)));
        });
}

/// u1: upsert 9 // remove 9 // get 9.
#[test]
fn u1_replace_against_remove() {
    Model::new("u1_replace_against_remove")
        .bound(3)
        .reach(["replaced first", "removed first"])
        .run(|seen| {
            let map = filled(&[9]);
            let (replaced, removed, got) = race(
                &map,
                |map, pin| map.insert(9, 20, &pin),
                |map, pin| map.remove(9, &pin),
                |map, pin| map.get(9, &pin),
            );
            assert!([None, Some(9), Some(20)].contains(&got));
            match (replaced, removed) {
                (Some(9), Some(20)) => {
                    settled(&map, &[]);
                    seen.record("replaced first");
                }
                (None, Some(9)) => {
                    settled(&map, &[(9, 20)]);
                    seen.record("removed first");
                }
                other => panic!("no order explains {other:?}"),
            }
        });
}

/// The place of a value in the order of replacements that the writers' returns tell.
fn age(value: Option<u64>, order: &[u64]) -> usize {
    let value = value.expect("a replaced key is never absent");
    let place = order.iter().position(|known| *known == value);
    place.expect("a value that somebody wrote")
}

/// u2: upsert 9 // upsert 9 // scan, get, get: never absent, never back.
#[test]
fn u2_replace_twice() {
    Model::new("u2_replace_twice")
        .full_bound(3)
        .reach(
            ["0, 0, 0", "0, 0, 2", "0, 1, 2", "2, 2, 2"]
                .map(String::from)
                .into_iter()
                .chain(
                    [
                        "0, 0, 1", "0, 1, 1", "0, 2, 2", "1, 1, 1", "1, 1, 2", "1, 2, 2",
                    ]
                    .map(String::from),
                ),
        )
        .run(|seen| {
            let map = filled(&[9]);
            let (a, b, (scan, first, second)) = race(
                &map,
                |map, pin| map.insert(9, 21, &pin).unwrap(),
                |map, pin| map.insert(9, 22, &pin).unwrap(),
                |map, pin| {
                    let scan = map.entries_from(0, &pin);
                    assert_eq!(scan.len(), 1, "one entry of the key");
                    (Some(scan[0].1), map.get(9, &pin), map.get(9, &pin))
                },
            );
            let order = match (a, b) {
                (9, 21) => [9, 21, 22],
                (22, 9) => [9, 22, 21],
                other => panic!("no order explains {other:?}"),
            };
            let [scan, first, second] = [scan, first, second].map(|value| age(value, &order));
            assert!(scan <= first && first <= second, "back to an older value");
            settled(&map, &[(9, order[2])]);
            seen.record(format!("{scan}, {first}, {second}"));
        });
}

/// w1: upsert 9 twice // upsert 9 // scan, get. The reader's walk ends after T + 1 marked nodes
/// with a value that was there within the read.
#[test]
fn w1_replaced_under_the_reader() {
    Model::new("w1_replaced_under_the_reader")
        .reach([
            "0, 0", "0, 1", "0, 2", "0, 3", "1, 1", "1, 2", "1, 3", "2, 2", "2, 3", "3, 3",
        ])
        .run(|seen| {
            let map = filled(&[9]);
            let ((a1, a2), b, (scan, got)) = race(
                &map,
                |map, pin| {
                    (
                        map.insert(9, 21, &pin).unwrap(),
                        map.insert(9, 22, &pin).unwrap(),
                    )
                },
                |map, pin| map.insert(9, 30, &pin).unwrap(),
                |map, pin| {
                    let scan = map.entries_from(0, &pin);
                    assert_eq!(scan.len(), 1, "one entry of the key");
                    (Some(scan[0].1), map.get(9, &pin))
                },
            );
            let order = match (a1, a2, b) {
                (9, 21, 22) => [9, 21, 22, 30],
                (9, 30, 21) => [9, 21, 30, 22],
                (30, 21, 9) => [9, 30, 21, 22],
                other => panic!("no order explains {other:?}"),
            };
            let (scan, got) = (age(scan, &order), age(got, &order));
            assert!(scan <= got, "back to an older value");
            settled(&map, &[(9, order[3])]);
            seen.record(format!("{scan}, {got}"));
        });
}

/// l1: nothing of a finished operation lingers: upsert 9, then look // remove 5 // insert 6.
#[test]
fn l1_nothing_lingers() {
    Model::new("l1_nothing_lingers")
        .full_bound(3)
        .reach(["9 behind 6", "9 alone"])
        .run(|seen| {
            let map = filled(&[5, 9]);
            let (places, removed, inserted) = race(
                &map,
                |map, pin| {
                    assert_eq!(map.insert(9, 20, &pin), Some(9));
                    let linked = map.linked();
                    assert!(
                        !linked.contains(&(9, true)),
                        "a marked node lingers after return"
                    );
                    linked.len()
                },
                |map, pin| {
                    let removed = map.remove(5, &pin);
                    assert!(!map.linked().contains(&(5, true)), "a marked node lingers");
                    removed
                },
                |map, pin| map.get_or_insert(6, 6, &pin).1,
            );
            assert!(removed == Some(5) && inserted);
            settled(&map, &[(6, 6), (9, 20)]);
            seen.record(if places > 1 { "9 behind 6" } else { "9 alone" });
        });
}

/// c1: replace_if 1 -> 2 // remove_if 1 // insert 8, get 9: exactly one condition holds.
#[test]
fn c1_conditions_exclude_each_other() {
    Model::new("c1_conditions_exclude_each_other")
        .full_bound(3)
        .reach(["replaced", "removed"])
        .run(|seen| {
            let map = filled(&[1]);
            let pin = map.pin();
            map.insert(9, 1, &pin);
            drop(pin);
            let (replaced, removed, (inserted, got)) = race(
                &map,
                |map, pin| map.replace_if(9, 1, 2, &pin),
                |map, pin| map.remove_if(9, 1, &pin),
                |map, pin| (map.get_or_insert(8, 8, &pin).1, map.get(9, &pin)),
            );
            assert!(inserted && replaced != removed, "one condition holds");
            if replaced {
                assert!([Some(1), Some(2)].contains(&got));
                settled(&map, &[(1, 1), (8, 8), (9, 2)]);
                seen.record("replaced");
            } else {
                assert!([Some(1), None].contains(&got));
                settled(&map, &[(1, 1), (8, 8)]);
                seen.record("removed");
            }
        });
}

/// c2: remove 9 // insert 10 right behind it // get 10: a lost mark searches again.
#[test]
fn c2_lost_mark() {
    Model::new("c2_lost_mark")
        .bound(3)
        .reach(["found", "not yet"])
        .run(|seen| {
            let map = filled(&[9]);
            let (removed, inserted, got) = race(
                &map,
                |map, pin| map.remove(9, &pin),
                |map, pin| map.get_or_insert(10, 10, &pin).1,
                |map, pin| map.get(10, &pin),
            );
            assert!(removed == Some(9) && inserted);
            settled(&map, &[(10, 10)]);
            seen.record(if got.is_some() { "found" } else { "not yet" });
        });
}

/// e1: equal hashes: insert k2 // insert k2 // remove k1, get k2, k2, k7.
#[test]
fn e1_equal_hashes() {
    Model::new("e1_equal_hashes")
        .full_bound(3)
        .reach(["None, None", "None, Some", "Some, Some"])
        .run(|seen| {
            let map = filled(&[]);
            let pin = map.pin();
            map.insert(twin(9, 1), 1, &pin);
            drop(pin);
            let (a, b, (removed, first, second, other)) = race(
                &map,
                |map, pin| map.get_or_insert(twin(9, 2), 100, &pin),
                |map, pin| map.get_or_insert(twin(9, 2), 200, &pin),
                |map, pin| {
                    let removed = map.remove(twin(9, 1), &pin);
                    let (first, second) = (map.get(twin(9, 2), &pin), map.get(twin(9, 2), &pin));
                    (removed, first, second, map.get(twin(9, 7), &pin))
                },
            );
            assert!(a.1 != b.1 && a.0 == b.0, "one inserts, both get it");
            assert_eq!((removed, other), (Some(1), None));
            assert!(first.is_none() || first == second);
            map.audit();
            assert_eq!(map.linked(), [(9, false)]);
            let word = |got: Option<u64>| if got.is_some() { "Some" } else { "None" };
            seen.record(format!("{}, {}", word(first), word(second)));
        });
}

/// Of two removers one wins, and what it unlinked is freed when the reader that saw it is gone.
#[test]
fn freed_when_unseen() {
    Model::new("freed_when_unseen")
        .reach(["freed before the end", "kept to the end"])
        .run(|seen| {
            let map = filled(&[5, 9]);
            let (a, b, got) = race(
                &map,
                |map, pin| map.remove(9, &pin),
                |map, pin| {
                    let removed = map.remove(9, &pin);
                    drop(pin);
                    let pin = map.pin();
                    map.insert(5, 50, &pin);
                    removed
                },
                |map, pin| {
                    let first = map.get(9, &pin);
                    drop(pin);
                    let pin = map.pin();
                    map.tick(&pin);
                    (first, map.get(9, &pin))
                },
            );
            assert!(a.is_some() != b.is_some(), "one removes");
            assert!(got.0.is_some() || got.1.is_none(), "absent, then present");
            settled(&map, &[(5, 50)]);
            seen.record(if map.freed() > 0 {
                "freed before the end"
            } else {
                "kept to the end"
            });
        });
}
