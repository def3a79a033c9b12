//! Models of growth. A table starts with one bucket; each growth makes it four times as large, or,
//! with `--cfg splitmap_doubling`, twice. So the first growth links the heads 4, 8 and 12 (or 8),
//! in one stride; the second has a stride for each of the four (or two) parents.

#![allow(missing_docs, reason = "a test's name is its documentation")]

mod scenario;

use scenario::*;

/// g1: grow // insert 10 // remove 9.
#[test]
fn g1_insert_and_remove() {
    Model::new("g1_insert_and_remove")
        .bound(1)
        .full_bound(2)
        .reach(["removed before", "removed after"])
        .run(|seen| {
            let map = filled(&[3, 9]);
            let (_, inserted, (removed, when)) = race(
                &map,
                |map, pin| grown(map, &pin),
                |map, pin| map.get_or_insert(10, 10, &pin).1,
                |map, pin| {
                    let removed = map.remove(9, &pin);
                    (removed, moment(map))
                },
            );
            assert!(inserted && removed == Some(9));
            assert_eq!(map.buckets(), GROWN);
            settled(&map, &[(3, 3), (10, 10)]);
            seen.record(format!("removed {when}"));
        });
}

/// Whether the growth is published.
fn moment(map: &Map) -> &'static str {
    if map.buckets() == 1 {
        "before"
    } else {
        "after"
    }
}

/// g2: grow // insert 10 // get 12, 10, 10, absent 14.
#[test]
fn g2_insert_and_reads() {
    Model::new("g2_insert_and_reads")
        .bound(1)
        .full_bound(2)
        .reach(["None, None", "None, Some", "Some, Some"])
        .run(|seen| {
            let map = filled(&[3, 12]);
            let (_, inserted, (first, second)) = race(
                &map,
                |map, pin| grown(map, &pin),
                |map, pin| map.get_or_insert(10, 10, &pin).1,
                |map, pin| {
                    assert_eq!(map.get(12, &pin), Some(12), "stable key not found");
                    let (first, second) = (map.get(10, &pin), map.get(10, &pin));
                    assert_eq!(map.get(14, &pin), None);
                    (first, second)
                },
            );
            assert!(inserted && (first.is_none() || second.is_some()));
            settled(&map, &[(3, 3), (10, 10), (12, 12)]);
            seen.record(format!("{}, {}", found(first), found(second)));
        });
}

/// g3: grow // insert 10 behind 9, get 10 // remove 9, then gets 10.
#[test]
#[cfg_attr(
    not(splitmap_doubling),
    ignore = "minutes with four times as many heads: run full"
)]
fn g3_own_insert() {
    Model::new("g3_own_insert")
        .bound(1)
        .reach(["None, None", "None, Some", "Some, Some"])
        .run(|seen| {
            let map = filled(&[9]);
            let (_, own, (first, second)) = race(
                &map,
                |map, pin| grown(map, &pin),
                |map, pin| {
                    assert!(map.get_or_insert(10, 10, &pin).1);
                    map.get(10, &pin)
                },
                |map, pin| {
                    assert_eq!(map.remove(9, &pin), Some(9));
                    (map.get(10, &pin), map.get(10, &pin))
                },
            );
            assert_eq!(own, Some(10), "own insert not found");
            assert!(first.is_none() || second.is_some());
            settled(&map, &[(10, 10)]);
            seen.record(format!("{}, {}", found(first), found(second)));
        });
}

/// g4: grow // insert 5 // get 12, which has the same presence bit as 4 before the new head,
/// and 8, which is absent.
#[test]
fn g4_bit_of_another() {
    Model::new("g4_bit_of_another")
        .bound(1)
        .full_bound(if cfg!(splitmap_doubling) { 3 } else { 2 })
        .reach(["before", "after"])
        .run(|seen| {
            let map = filled(&[4, 12]);
            let (_, inserted, when) = race(
                &map,
                |map, pin| grown(map, &pin),
                |map, pin| map.get_or_insert(5, 5, &pin).1,
                |map, pin| {
                    assert_eq!(map.get(12, &pin), Some(12), "stable key not found");
                    assert_eq!(map.get(8, &pin), None);
                    moment(map)
                },
            );
            assert!(inserted);
            settled(&map, &[(4, 4), (5, 5), (12, 12)]);
            seen.record(when);
        });
}

/// e2: a hash that equals a head's key: insert k2 // insert k3 // grow.
#[test]
fn e2_hash_of_a_head() {
    Model::new("e2_hash_of_a_head")
        .bound(1)
        .full_bound(if cfg!(splitmap_doubling) { 3 } else { 2 })
        .reach(["inserted before", "inserted after"])
        .run(|seen| {
            let map = filled(&[]);
            let pin = map.pin();
            map.insert(twin(8, 1), 1, &pin);
            drop(pin);
            let (a, b, _) = race(
                &map,
                |map, pin| map.get_or_insert(twin(8, 2), 2, &pin).1,
                |map, pin| {
                    let inserted = map.get_or_insert(twin(8, 3), 3, &pin).1;
                    inserted.then(|| moment(map))
                },
                |map, pin| grown(map, &pin),
            );
            assert!(a);
            map.audit();
            assert_eq!(map.linked(), [(8, false); 3]);
            let pin = map.pin();
            for k in 1..=3 {
                assert_eq!(map.get(twin(8, k), &pin), Some(k.into()));
            }
            seen.record(format!("inserted {}", b.expect("k3 was absent")));
        });
}

/// k1: an owner that stopped between link and ready // insert 10 behind 9 // insert 13, get 10, 13.
#[test]
fn k1_linked_not_ready() {
    Model::new("k1_linked_not_ready")
        .bound(1)
        .full_bound(2)
        .reach(["None", "Some"])
        .run(|seen| {
            let map = filled(&[9]);
            let pins = pins(&map);
            let claim = claimed(&map, &pins);
            map.make(claim, &pins[0]);
            let (_, inserted, got) = race_pinned(
                &map,
                pins,
                move |map, pin| map.finish(claim, &pin),
                |map, pin| map.get_or_insert(10, 10, &pin).1,
                |map, pin| {
                    assert!(map.get_or_insert(13, 13, &pin).1);
                    let got = map.get(10, &pin);
                    assert_eq!(map.get(13, &pin), Some(13), "own insert not found");
                    got
                },
            );
            assert!(inserted);
            settled(&map, &[(9, 9), (10, 10), (13, 13)]);
            seen.record(found(got));
        });
}

/// k3: the same over an empty range // insert 9, insert 10 behind it // get 10, 10, absent 14.
#[test]
fn k3_linked_not_ready_empty() {
    Model::new("k3_linked_not_ready_empty")
        .bound(1)
        .full_bound(2)
        .reach(["None, None", "None, Some", "Some, Some"])
        .run(|seen| {
            let map = filled(&[3]);
            let pins = pins(&map);
            let claim = claimed(&map, &pins);
            map.make(claim, &pins[0]);
            let (_, inserted, (first, second)) = race_pinned(
                &map,
                pins,
                move |map, pin| map.finish(claim, &pin),
                |map, pin| map.get_or_insert(9, 9, &pin).1 && map.get_or_insert(10, 10, &pin).1,
                |map, pin| {
                    let (first, second) = (map.get(10, &pin), map.get(10, &pin));
                    assert_eq!(map.get(14, &pin), None);
                    (first, second)
                },
            );
            assert!(inserted && (first.is_none() || second.is_some()));
            settled(&map, &[(3, 3), (9, 9), (10, 10)]);
            seen.record(format!("{}, {}", found(first), found(second)));
        });
}

/// Two helpers share a growth's last two strides // get 13, get 5: whoever ends last, the group
/// that is declared complete has all its heads.
#[test]
fn two_helpers() {
    Model::new("two_helpers")
        .full_bound(3)
        .reach(["read meanwhile", "read after"])
        .run(|seen| {
            let map = filled(&[5, 13]);
            let pins = pins(&map);
            grown(&map, &pins[0]);
            map.grow(&pins[0]);
            // All strides but two.
            std::iter::repeat_n((), GROWN - 2).for_each(|()| map.help(&pins[0]));
            let (_, _, when) = race_pinned(
                &map,
                pins,
                |map, pin| map.help(&pin),
                |map, pin| map.help(&pin),
                |map, pin| {
                    assert_eq!(map.get(13, &pin), Some(13), "stable key not found");
                    assert_eq!(map.get(5, &pin), Some(5), "stable key not found");
                    if map.is_growing() {
                        "read meanwhile"
                    } else {
                        "read after"
                    }
                },
            );
            assert!(!map.is_growing());
            settled(&map, &[(5, 5), (13, 13)]);
            seen.record(when);
        });
}

/// A helper that finds all strides finished completes the group, as the last owner may have
/// stopped // the last owner // a reader.
#[test]
fn completed_by_another() {
    Model::new("completed_by_another")
        .full_bound(3)
        .reach([
            "complete when another looked",
            "complete before the owner ended",
        ])
        .run(|seen| {
            let map = filled(&[9]);
            let pins = pins(&map);
            let claim = claimed(&map, &pins);
            let ended = std::sync::Arc::new(std::cell::Cell::new(false));
            let (owner, other) = (ended.clone(), ended.clone());
            let (_, early, _) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    map.make(claim, &pin);
                    map.finish(claim, &pin);
                    owner.set(true);
                },
                move |map, pin| {
                    map.help(&pin);
                    !map.is_growing() && !other.get()
                },
                |map, pin| assert_eq!(map.get(9, &pin), Some(9), "stable key not found"),
            );
            assert!(!map.is_growing());
            settled(&map, &[(9, 9)]);
            seen.record(if early {
                "complete before the owner ended"
            } else {
                "complete when another looked"
            });
        });
}

/// Heads whose place moves while they are linked: grow // insert 6, insert 11 // remove 9. A lost
/// compare-and-swap makes the stride's owner search again.
#[test]
#[cfg_attr(
    not(splitmap_doubling),
    ignore = "minutes with four times as many heads: run full"
)]
fn lost_publications() {
    Model::new("lost_publications")
        .bound(1)
        .reach(["before", "after"])
        .run(|seen| {
            let map = filled(&[5, 9]);
            let (_, _, when) = race(
                &map,
                |map, pin| grown(map, &pin),
                |map, pin| {
                    assert!(map.get_or_insert(6, 6, &pin).1);
                    assert!(map.get_or_insert(11, 11, &pin).1);
                },
                |map, pin| {
                    assert_eq!(map.remove(9, &pin), Some(9));
                    moment(map)
                },
            );
            settled(&map, &[(5, 5), (6, 6), (11, 11)]);
            seen.record(when);
        });
}

/// t2: a scan in two calls: grow // upsert 9, remove 3 // scan before 8, scan from 8 on. (Without 3,
/// but with the old 9, would be a scan against the order of the writes.)
#[test]
fn t2_scan() {
    Model::new("t2_scan")
        .bound(1)
        .reach(["3, old 9", "3, new 9", "new 9"])
        .run(|seen| {
            let map = filled(&[3, 9, 12]);
            let (_, _, (low, high)) = race(
                &map,
                |map, pin| grown(map, &pin),
                |map, pin| {
                    assert_eq!(map.insert(9, 90, &pin), Some(9));
                    assert_eq!(map.remove(3, &pin), Some(3));
                },
                |map, pin| (map.entries_between(0, 8, &pin), map.entries_from(8, &pin)),
            );
            let high: Vec<_> = high.iter().map(|(key, value)| (key.at, *value)).collect();
            let age = match high[..] {
                [(9, 9), (12, 12)] => "old 9",
                [(9, 90), (12, 12)] => "new 9",
                ref other => panic!("not exactly once: {other:?}"),
            };
            assert!(low.len() <= 1 && low.iter().all(|(key, _)| key.at == 3));
            assert_eq!(map.buckets(), GROWN);
            settled(&map, &[(9, 90), (12, 12)]);
            seen.record(if low.is_empty() {
                age.into()
            } else {
                format!("3, {age}")
            });
        });
}

/// t4: an iteration: grow // upsert 9, insert 6 // all entries. (6 with the old 9 would be against the
/// order of the writes.)
#[test]
fn t4_iteration() {
    Model::new("t4_iteration")
        .bound(1)
        .reach(["old 9", "new 9", "6, new 9"])
        .run(|seen| {
            let map = filled(&[3, 9, 12]);
            let (_, _, entries) = race(
                &map,
                |map, pin| grown(map, &pin),
                |map, pin| {
                    assert_eq!(map.insert(9, 90, &pin), Some(9));
                    assert!(map.get_or_insert(6, 6, &pin).1);
                },
                |map, pin| map.entries_from(0, &pin),
            );
            let entries: Vec<_> = entries
                .iter()
                .map(|(key, value)| (key.at, *value))
                .collect();
            assert_eq!(map.buckets(), GROWN);
            settled(&map, &[(3, 3), (6, 6), (9, 90), (12, 12)]);
            seen.record(match entries[..] {
                [(3, 3), (9, 9), (12, 12)] => "old 9",
                [(3, 3), (9, 90), (12, 12)] => "new 9",
                [(3, 3), (6, 6), (9, 90), (12, 12)] => "6, new 9",
                ref other => panic!("not exactly once: {other:?}"),
            });
        });
}
