//! Models of shrinking. A table has grown once, from one bucket to four, or, with
//! `--cfg splitmap_doubling`, to two; its keys came after that, so every head has the presence bits
//! of its own nodes and no others. Then the group leaves again: the heads 4, 8 and 12 (or 8), which
//! are one stride.

#![allow(missing_docs, reason = "a test's name is its documentation")]

mod scenario;

use std::cell::Cell;
use std::sync::Arc;

use scenario::*;

/// Where the shrinking is.
fn stage(map: &Map) -> &'static str {
    if map.is_shrinking() {
        "within"
    } else if map.buckets() == 1 {
        "after"
    } else {
        "before"
    }
}

/// Checks the map when all threads are gone and the group has left: as [`settled`], and that so many
/// nodes were retired and freed, beside the group and the two directories that knew it.
fn shrunk_and_settled(map: &Map, freed_before: usize, nodes: usize, expected: &[(u8, u64)]) {
    assert!(!map.is_shrinking() && map.buckets() == 1);
    settled(map, expected);
    assert_eq!(all_freed(map) - freed_before, nodes + 3);
}

/// s1: shrink // insert 10 // remove 9, get 12.
#[test]
#[cfg_attr(not(splitmap_doubling), ignore = "minutes with more heads: run full")]
fn s1_insert_and_remove() {
    Model::new("s1_insert_and_remove")
        .bound(1)
        .full_bound(if cfg!(splitmap_doubling) { 2 } else { 1 })
        .reach(["removed before", "removed within", "removed after"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 9, 12]);
            let freed = map.freed();
            let (_, (removed, when), inserted) = race(
                &map,
                |map, pin| shrunk(map, &pin),
                |map, pin| {
                    let removed = map.remove(9, &pin);
                    let when = stage(map);
                    assert_eq!(map.get(12, &pin), Some(12), "stable key not found");
                    (removed, when)
                },
                |map, pin| map.get_or_insert(10, 10, &pin).1,
            );
            assert!(inserted && removed == Some(9));
            shrunk_and_settled(&map, freed, 1, &[(3, 3), (10, 10), (12, 12)]);
            seen.record(format!("removed {when}"));
        });
}

/// s2: shrink // insert 10 // get 3, 12, 10, 10, absent 14.
#[test]
#[ignore = "minutes: run full"]
fn s2_insert_and_reads() {
    Model::new("s2_insert_and_reads")
        .bound(1)
        .reach(["None, None", "None, Some", "Some, Some"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 12]);
            let freed = map.freed();
            let (_, inserted, (first, second)) = race(
                &map,
                |map, pin| shrunk(map, &pin),
                |map, pin| map.get_or_insert(10, 10, &pin).1,
                |map, pin| {
                    assert_eq!(map.get(3, &pin), Some(3), "stable key not found");
                    assert_eq!(map.get(12, &pin), Some(12), "stable key not found");
                    let (first, second) = (map.get(10, &pin), map.get(10, &pin));
                    assert_eq!(map.get(14, &pin), None);
                    (first, second)
                },
            );
            assert!(inserted && (first.is_none() || second.is_some()));
            shrunk_and_settled(&map, freed, 0, &[(3, 3), (10, 10), (12, 12)]);
            seen.record(format!("{}, {}", found(first), found(second)));
        });
}

/// s3: shrink // remove 3, which empties the parent // insert 10 behind 9, get 10, get 9.
#[test]
#[cfg_attr(not(splitmap_doubling), ignore = "minutes with more heads: run full")]
fn s3_parent_emptied() {
    Model::new("s3_parent_emptied")
        .bound(1)
        .reach(["removed before", "removed within", "removed after"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 9]);
            let freed = map.freed();
            let (_, (removed, when), _) = race(
                &map,
                |map, pin| shrunk(map, &pin),
                |map, pin| {
                    let removed = map.remove(3, &pin);
                    (removed, stage(map))
                },
                |map, pin| {
                    assert!(map.get_or_insert(10, 10, &pin).1);
                    assert_eq!(map.get(10, &pin), Some(10), "own insert not found");
                    assert_eq!(map.get(9, &pin), Some(9), "stable key not found");
                },
            );
            assert_eq!(removed, Some(3));
            shrunk_and_settled(&map, freed, 1, &[(9, 9), (10, 10)]);
            seen.record(format!("removed {when}"));
        });
}

/// s4: shrink // upsert 9 // remove 9.
#[test]
#[cfg_attr(not(splitmap_doubling), ignore = "minutes with more heads: run full")]
fn s4_replace_against_remove() {
    Model::new("s4_replace_against_remove")
        .bound(1)
        .full_bound(if cfg!(splitmap_doubling) { 2 } else { 1 })
        .reach(["replaced first", "removed first"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 9]);
            let freed = map.freed();
            let (_, replaced, removed) = race(
                &map,
                |map, pin| shrunk(map, &pin),
                |map, pin| map.insert(9, 20, &pin),
                |map, pin| map.remove(9, &pin),
            );
            match (replaced, removed) {
                (Some(9), Some(20)) => {
                    shrunk_and_settled(&map, freed, 2, &[(3, 3)]);
                    seen.record("replaced first");
                }
                (None, Some(9)) => {
                    shrunk_and_settled(&map, freed, 1, &[(3, 3), (9, 20)]);
                    seen.record("removed first");
                }
                other => panic!("no order explains {other:?}"),
            }
        });
}

/// f2: the owner of a shrinking's stride, who may stop anywhere // insert 10 // a helper, who ends
/// the shrinking and grows the table again.
#[test]
#[ignore = "minutes: run full"]
fn f2_stopped_owner() {
    Model::new("f2_stopped_owner")
        .bound(1)
        .full_bound(if cfg!(splitmap_doubling) { 2 } else { 1 })
        .reach(["grown before the owner ended", "grown after"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 9]);
            let freed = map.freed();
            let pins = pins(&map);
            map.shrink(&pins[0]);
            let stride = map.begin(&pins[0]);
            let ended = Arc::new(Cell::new(false));
            let owner = ended.clone();
            let (_, inserted, early) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    map.settle(stride, &pin);
                    owner.set(true);
                },
                |map, pin| map.get_or_insert(10, 10, &pin).1,
                |map, pin| {
                    help_shrinking(map, &pin);
                    grown(map, &pin);
                    !ended.get()
                },
            );
            assert!(inserted && map.buckets() == GROWN, "the growth was held up");
            settled(&map, &[(3, 3), (9, 9), (10, 10)]);
            // A group, the two directories that knew it, and those of two steps of a growth.
            assert_eq!(all_freed(&map) - freed, 5);
            seen.record(if early {
                "grown before the owner ended"
            } else {
                "grown after"
            });
        });
}

/// n1: an owner of a growth's stride that goes on late // shrink attempts // insert 10, get 12, 10.
#[test]
#[cfg_attr(not(splitmap_doubling), ignore = "minutes with more heads: run full")]
fn n1_not_while_growing() {
    Model::new("n1_not_while_growing")
        .bound(1)
        .full_bound(if cfg!(splitmap_doubling) { 2 } else { 1 })
        .reach(["refused", "shrunk"])
        .run(|seen| {
            let map = filled(&[3, 12]);
            let pins = pins(&map);
            let claim = claimed(&map, &pins);
            let (_, shrunk, _) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    map.make(claim, &pin);
                    map.finish(claim, &pin);
                },
                |map, pin| {
                    let grew_before = map.is_growing();
                    let shrinks = map.shrink(&pin) || map.shrink(&pin);
                    assert!(!shrinks || !map.is_growing());
                    help_shrinking(map, &pin);
                    assert!(grew_before || shrinks || map.buckets() > 1);
                    shrinks
                },
                |map, pin| {
                    assert!(map.get_or_insert(10, 10, &pin).1);
                    assert_eq!(map.get(12, &pin), Some(12), "stable key not found");
                    assert_eq!(map.get(10, &pin), Some(10), "own insert not found");
                },
            );
            assert_eq!(map.buckets(), if shrunk { 1 } else { GROWN });
            settled(&map, &[(3, 3), (10, 10), (12, 12)]);
            seen.record(if shrunk { "shrunk" } else { "refused" });
        });
}

/// n2: a shrinking's stride, begun by another // growth attempts // get 12, 3.
#[test]
fn n2_not_while_shrinking() {
    Model::new("n2_not_while_shrinking")
        .bound(1)
        .reach(["refused", "grown"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 12]);
            let pins = pins(&map);
            map.shrink(&pins[0]);
            let stride = map.begin(&pins[0]);
            let (_, grows, _) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    map.settle(stride, &pin);
                    help_shrinking(map, &pin);
                },
                |map, pin| {
                    grown(map, &pin);
                    map.buckets() == GROWN
                },
                |map, pin| {
                    assert_eq!(map.get(12, &pin), Some(12), "stable key not found");
                    assert_eq!(map.get(3, &pin), Some(3), "stable key not found");
                },
            );
            assert!(!map.is_shrinking() && !map.is_growing());
            assert_eq!(map.buckets(), if grows { GROWN } else { 1 });
            settled(&map, &[(3, 3), (12, 12)]);
            seen.record(if grows { "grown" } else { "refused" });
        });
}

/// k2: while the table shrinks: insert 10 behind 9, from the parent on // settle // remove 9, get 10.
#[test]
#[cfg_attr(not(splitmap_doubling), ignore = "minutes with more heads: run full")]
fn k2_insert_from_the_parent() {
    Model::new("k2_insert_from_the_parent")
        .bound(1)
        .reach(["None", "Some"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 9]);
            let freed = map.freed();
            let pins = pins(&map);
            map.shrink(&pins[1]);
            let (inserted, _, (removed, got)) = race_pinned(
                &map,
                pins,
                |map, pin| map.get_or_insert(10, 10, &pin).1,
                |map, pin| help_shrinking(map, &pin),
                |map, pin| (map.remove(9, &pin), map.get(10, &pin)),
            );
            assert!(inserted && removed == Some(9));
            shrunk_and_settled(&map, freed, 1, &[(3, 3), (10, 10)]);
            seen.record(found(got));
        });
}

/// r1: shrink, grow again // insert 10 // get 12, 10, 10.
#[test]
#[ignore = "minutes: run full"]
fn r1_grown_again_and_reads() {
    Model::new("r1_grown_again_and_reads")
        .bound(1)
        .reach(["None, None", "None, Some", "Some, Some"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 12]);
            let (_, inserted, (first, second)) = race(
                &map,
                |map, pin| {
                    shrunk(map, &pin);
                    grown(map, &pin);
                },
                |map, pin| map.get_or_insert(10, 10, &pin).1,
                |map, pin| {
                    assert_eq!(map.get(12, &pin), Some(12), "stable key not found");
                    (map.get(10, &pin), map.get(10, &pin))
                },
            );
            assert!(inserted && (first.is_none() || second.is_some()));
            assert_eq!(map.buckets(), GROWN);
            settled(&map, &[(3, 3), (10, 10), (12, 12)]);
            seen.record(format!("{}, {}", found(first), found(second)));
        });
}

/// r2: shrink, grow again // insert 10 // remove 9, get 14, which is absent.
#[test]
#[ignore = "minutes: run full"]
fn r2_grown_again_and_remove() {
    Model::new("r2_grown_again_and_remove")
        .bound(1)
        .reach([
            "removed before",
            "removed within",
            "removed after",
            "removed again",
        ])
        .run(|seen| {
            let map = filled_wide(1, &[3, 9]);
            let regrown = Arc::new(Cell::new(false));
            let again = regrown.clone();
            let (_, inserted, (removed, when)) = race(
                &map,
                move |map, pin| {
                    shrunk(map, &pin);
                    map.grow(&pin);
                    again.set(true);
                    grown(map, &pin);
                },
                |map, pin| map.get_or_insert(10, 10, &pin).1,
                |map, pin| {
                    let removed = map.remove(9, &pin);
                    let when = if regrown.get() { "again" } else { stage(map) };
                    assert_eq!(map.get(14, &pin), None);
                    (removed, when)
                },
            );
            assert!(inserted && removed == Some(9));
            assert_eq!(map.buckets(), GROWN);
            settled(&map, &[(3, 3), (10, 10)]);
            seen.record(format!("removed {when}"));
        });
}

/// r3: a settled stride is settled once more // end the shrinking, grow again // insert 10, get 12.
#[test]
fn r3_settled_once_more() {
    Model::new("r3_settled_once_more")
        .bound(1)
        .full_bound(if cfg!(splitmap_doubling) { 2 } else { 1 })
        .reach(["before", "after"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 12]);
            let pins = pins(&map);
            map.shrink(&pins[0]);
            let stride = map.begin(&pins[0]);
            map.settle(stride, &pins[0]);
            let (when, _, _) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    map.settle(stride, &pin);
                    if map.buckets() == 1 {
                        "before"
                    } else {
                        "after"
                    }
                },
                |map, pin| {
                    help_shrinking(map, &pin);
                    grown(map, &pin);
                },
                |map, pin| {
                    assert!(map.get_or_insert(10, 10, &pin).1);
                    assert_eq!(map.get(12, &pin), Some(12), "stable key not found");
                },
            );
            assert_eq!(map.buckets(), GROWN);
            settled(&map, &[(3, 3), (10, 10), (12, 12)]);
            seen.record(when);
        });
}

/// Who settles has the news of the shrinking from another, and what it unlinks was behind the head
/// by a third: publish a shrinking, get 10 // settle // insert 10.
#[test]
fn settled_by_another() {
    Model::new("settled_by_another")
        .bound(1)
        .full_bound(2)
        .reach(["None", "Some"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 12]);
            let (got, _, inserted) = race_without_fences(
                &map,
                |map, pin| {
                    assert!(map.shrink(pin));
                    map.get(10, pin)
                },
                |map, pin| map.settle(0, pin),
                |map, pin| map.get_or_insert(10, 10, pin).1,
            );
            assert!(inserted);
            let pin = map.pin();
            help_shrinking(&map, &pin);
            drop(pin);
            assert_eq!(map.buckets(), 1);
            settled(&map, &[(3, 3), (10, 10), (12, 12)]);
            seen.record(found(got));
        });
}

/// Whoever ends a shrinking that others have settled has seen all heads unlinked, and so has
/// whoever reads after it: the owner of the stride // end the shrinking, get 11, whose presence bit
/// 3 has too // get 11.
#[test]
fn ended_by_another() {
    Model::new("ended_by_another")
        .bound(1)
        .full_bound(2)
        .reach(["settled twice", "settled once"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 11]);
            let freed = map.freed();
            let pins = pins(&map);
            map.shrink(&pins[0]);
            let stride = map.begin(&pins[0]);
            let ended = Arc::new(Cell::new(false));
            let another = ended.clone();
            let (once, _, _) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    let once = map.is_shrinking();
                    map.settle(stride, &pin);
                    let once = once && !another.get();
                    // The pin is still there: it orders nothing before this.
                    assert_eq!(map.get(3, &pin), Some(3), "stable key not found");
                    once
                },
                move |map, pin| {
                    help_shrinking(map, &pin);
                    ended.set(true);
                    assert_eq!(map.get(11, &pin), Some(11), "stable key not found");
                },
                |map, pin| assert_eq!(map.get(11, &pin), Some(11), "stable key not found"),
            );
            shrunk_and_settled(&map, freed, 0, &[(3, 3), (11, 11)]);
            seen.record(if once {
                "settled once"
            } else {
                "settled twice"
            });
        });
}

/// The group is freed while others go on: shrink, tick // upsert 9, tick // get 12, and again under a
/// new guard.
#[test]
#[cfg_attr(not(splitmap_doubling), ignore = "minutes with more heads: run full")]
fn freed_behind_a_reader() {
    Model::new("freed_behind_a_reader")
        .bound(1)
        .reach(["freed before the last read", "kept"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 9, 12]);
            let before = map.freed();
            let (_, freed, replaced) = race(
                &map,
                |map, pin| {
                    shrunk(map, &pin);
                    drop(pin);
                    map.tick(&map.pin());
                },
                move |map, pin| {
                    assert_eq!(map.get(12, &pin), Some(12), "stable key not found");
                    drop(pin);
                    let pin = map.pin();
                    map.tick(&pin);
                    let freed = map.freed() - before == 4;
                    assert_eq!(map.get(12, &pin), Some(12), "stable key not found");
                    freed
                },
                |map, pin| {
                    let replaced = map.insert(9, 90, &pin);
                    drop(pin);
                    map.tick(&map.pin());
                    replaced
                },
            );
            assert_eq!(replaced, Some(9));
            shrunk_and_settled(&map, before, 1, &[(3, 3), (9, 90), (12, 12)]);
            seen.record(if freed {
                "freed before the last read"
            } else {
                "kept"
            });
        });
}

/// t1: a scan in two calls: shrink // upsert 9 // scan before 8, scan from 8 on.
#[test]
#[cfg_attr(not(splitmap_doubling), ignore = "minutes with more heads: run full")]
fn t1_scan() {
    Model::new("t1_scan")
        .bound(1)
        .reach(["old 9", "new 9"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 9, 12]);
            let freed = map.freed();
            let (_, replaced, (low, high)) = race(
                &map,
                |map, pin| shrunk(map, &pin),
                |map, pin| map.insert(9, 90, &pin),
                |map, pin| (map.entries_between(0, 8, &pin), map.entries_from(8, &pin)),
            );
            assert_eq!(replaced, Some(9));
            assert_eq!(places(&low), [(3, 3)], "not exactly once");
            let age = age_of_9(&places(&high));
            shrunk_and_settled(&map, freed, 1, &[(3, 3), (9, 90), (12, 12)]);
            seen.record(age);
        });
}

fn places(entries: &[(Key, u64)]) -> Vec<(u8, u64)> {
    entries
        .iter()
        .map(|(key, value)| (key.at, *value))
        .collect()
}

/// Which 9 is there, exactly once, before 12.
fn age_of_9(entries: &[(u8, u64)]) -> &'static str {
    match entries {
        [(9, 9), (12, 12)] => "old 9",
        [(9, 90), (12, 12)] => "new 9",
        other => panic!("not exactly once: {other:?}"),
    }
}

/// t3: an iteration: grow, shrink // upsert 9 // all entries.
#[test]
#[cfg_attr(not(splitmap_doubling), ignore = "minutes with more heads: run full")]
fn t3_iteration() {
    Model::new("t3_iteration")
        .bound(1)
        .reach(["old 9", "new 9"])
        .run(|seen| {
            let map = filled(&[9, 12]);
            let (_, replaced, entries) = race(
                &map,
                |map, pin| {
                    grown(map, &pin);
                    shrunk(map, &pin);
                },
                |map, pin| map.insert(9, 90, &pin),
                |map, pin| map.entries_from(0, &pin),
            );
            assert_eq!(replaced, Some(9));
            let age = age_of_9(&places(&entries));
            assert!(!map.is_shrinking() && map.buckets() == 1);
            settled(&map, &[(9, 90), (12, 12)]);
            seen.record(age);
        });
}

/// p1: reserve // shrink attempts // insert 10, get 12, 10.
#[test]
#[cfg_attr(not(splitmap_doubling), ignore = "minutes with more heads: run full")]
fn p1_reserve() {
    Model::new("p1_reserve")
        .bound(1)
        .reach(["refused", "shrunk first"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 12]);
            let (_, shrunk, _) = race(
                &map,
                |map, pin| map.reserve(GROWN, &pin),
                |map, pin| {
                    let shrinks = map.shrink(&pin);
                    help_shrinking(map, &pin);
                    shrinks
                },
                |map, pin| {
                    assert!(map.get_or_insert(10, 10, &pin).1);
                    assert_eq!(map.get(12, &pin), Some(12), "stable key not found");
                    assert_eq!(map.get(10, &pin), Some(10), "own insert not found");
                },
            );
            assert!(!map.is_growing() && !map.is_shrinking());
            assert_eq!(map.buckets(), GROWN, "not what was reserved");
            assert!(!map.shrink(&map.pin()), "shrinks below the floor");
            settled(&map, &[(3, 3), (10, 10), (12, 12)]);
            seen.record(if shrunk { "shrunk first" } else { "refused" });
        });
}
