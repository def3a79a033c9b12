//! Models of readers and writers whose view of the table is old, or becomes so: what a lookup may
//! conclude from a head, which tables it may use, and when they are gone.

#![allow(missing_docs, reason = "a test's name is its documentation")]

mod scenario;

use scenario::*;

/// w2: grow // get 12, absent 8, by a state from before the growth, or a newer one.
#[test]
fn w2_old_state() {
    Model::new("w2_old_state")
        .bound(3)
        .reach(["before", "within"])
        .run(|seen| {
            let map = filled(&[4, 12]);
            let (_, when, _) = race(
                &map,
                |map, pin| grown_unsettled(map, &pin),
                |map, pin| {
                    let when = stage(map, 1);
                    get_stable(map, &[12], &pin);
                    assert_eq!(map.get(8, &pin), None);
                    when
                },
                |_, pin| drop(pin),
            );
            ended(&map, GROWN, &[(4, 4), (12, 12)]);
            seen.record(when);
        });
}

/// Whether the stride of a key was ready when a thread began.
fn readiness(map: &Map, key: u8) -> &'static str {
    if map.is_ready(key) { "ready" } else { "open" }
}

/// A second growth with its first stride ready and the last of two claimed.
#[cfg(splitmap_doubling)]
fn last_stride_claimed(keys: &[u8]) -> (std::sync::Arc<Map>, [Pin; 3], Claim) {
    let map = filled_wide(1, keys);
    let pins = pins(&map);
    map.grow(&pins[0]);
    assert!(map.help(&pins[0]));
    let claim = claim(&map, &pins[0]);
    (map, pins, claim)
}

/// w1: make the last stride // get 12, absent 14 // insert 10.
#[test]
#[cfg(splitmap_doubling)]
fn w1_last_stride() {
    Model::new("w1_last_stride")
        .reach(["open", "ready"])
        .run(|seen| {
            let (map, pins, claim) = last_stride_claimed(&[5, 12]);
            let (_, when, _) = race_pinned(
                &map,
                pins,
                move |map, pin| make(map, claim, &pin),
                |map, pin| {
                    let when = readiness(map, 12);
                    get_stable(map, &[12], &pin);
                    assert_eq!(map.get(14, &pin), None);
                    when
                },
                |map, pin| insert(map, 10, &pin),
            );
            ended(&map, GROWN * GROWN, &[(5, 5), (10, 10), (12, 12)]);
            seen.record(when);
        });
}

/// w8: make the last stride and settle it // a scan over its border // insert 7.
#[test]
#[cfg(splitmap_doubling)]
fn w8_scan_over_a_border() {
    Model::new("w8_scan_over_a_border")
        .full_bound(3)
        .reach(["without 7", "with 7"])
        .run(|seen| {
            let (map, pins, claim) = last_stride_claimed(&[5, 9, 12]);
            let (_, scan, _) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    make(map, claim, &pin);
                    assert!(map.settle(1, &pin));
                },
                |map, pin| map.entries_from(5, &pin),
                |map, pin| insert(map, 7, &pin),
            );
            ended(&map, GROWN * GROWN, &[(5, 5), (7, 7), (9, 9), (12, 12)]);
            seen.record(match places(&scan)[..] {
                [(5, 5), (9, 9), (12, 12)] => "without 7",
                [(5, 5), (7, 7), (9, 9), (12, 12)] => "with 7",
                ref other => panic!("not exactly once: {other:?}"),
            });
        });
}

/// w9: make the last stride and settle it // end, if that is possible // get 12: whoever reads in
/// the quiet state asks no byte.
#[test]
#[cfg(splitmap_doubling)]
fn w9_ended_by_another() {
    Model::new("w9_ended_by_another")
        .full_bound(3)
        .reach(["ended", "too early"])
        .run(|seen| {
            let (map, pins, claim) = last_stride_claimed(&[5, 12]);
            let (_, ended_here, _) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    make(map, claim, &pin);
                    map.settle(1, &pin);
                },
                |map, pin| map.end(&pin),
                |map, pin| get_stable(map, &[12], &pin),
            );
            ended(&map, GROWN * GROWN, &[(5, 5), (12, 12)]);
            seen.record(if ended_here { "ended" } else { "too early" });
        });
}

/// w11: make, settle, end // get 12, 12 // insert 10.
#[test]
fn w11_ended_under_a_reader() {
    Model::new("w11_ended_under_a_reader")
        .bound(1)
        .full_bound(2)
        .reach(["open", "ready"])
        .run(|seen| {
            let map = filled(&[3, 12]);
            let pins = pins(&map);
            map.grow(&pins[0]);
            let (_, when, _) = race_pinned(
                &map,
                pins,
                |map, pin| carry_on(map, &pin),
                |map, pin| {
                    let when = readiness(map, 12);
                    get_stable(map, &[12, 12], &pin);
                    when
                },
                |map, pin| insert(map, 10, &pin),
            );
            ended(&map, GROWN, &[(3, 3), (10, 10), (12, 12)]);
            seen.record(when);
        });
}

/// q2: end a settled growth // insert 10 behind 9, get 10 // get 12, 9, absent 8.
#[test]
fn q2_end() {
    Model::new("q2_end")
        .full_bound(3)
        .reach(["within", "after"])
        .run(|seen| {
            let map = filled(&[9, 12]);
            let pins = pins(&map);
            map.grow(&pins[0]);
            assert!(map.help(&pins[0]));
            let (_, when, _) = race_pinned(
                &map,
                pins,
                |map, pin| assert!(map.end(&pin)),
                |map, pin| {
                    let when = stage(map, 1);
                    insert_and_get(map, 10, &pin);
                    when
                },
                |map, pin| {
                    get_stable(map, &[12, 9], &pin);
                    assert_eq!(map.get(8, &pin), None);
                },
            );
            ended(&map, GROWN, &[(9, 9), (10, 10), (12, 12)]);
            seen.record(when);
        });
}

/// The older table is freed while others go on: grow, tick // upsert 9, tick // get 12, and again
/// under a new guard.
#[test]
fn freed_behind_a_reader() {
    Model::new("freed_behind_a_reader")
        .bound(1)
        .reach(["freed before the last read", "kept"])
        .run(|seen| {
            let map = filled(&[3, 9, 12]);
            let (_, freed, replaced) = race(
                &map,
                |map, pin| {
                    grown(map, &pin);
                    drop(pin);
                    map.tick(&map.pin());
                },
                |map, pin| {
                    get_stable(map, &[12], &pin);
                    drop(pin);
                    let pin = map.pin();
                    map.tick(&pin);
                    // The node 9 and the table.
                    let freed = map.freed() == 2;
                    get_stable(map, &[12], &pin);
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
            ended(&map, GROWN, &[(3, 3), (9, 90), (12, 12)]);
            assert_eq!(all_freed(&map), 2);
            seen.record(if freed {
                "freed before the last read"
            } else {
                "kept"
            });
        });
}

/// m2: grow // grow // insert 10, get 12: one of two publishes.
#[test]
fn m2_two_publish() {
    Model::new("m2_two_publish")
        .full_bound(3)
        .reach(["before", "within"])
        .run(|seen| {
            let map = filled(&[3, 12]);
            let (_, _, when) = race(
                &map,
                |map, pin| map.grow(&pin),
                |map, pin| map.grow(&pin),
                |map, pin| {
                    insert(map, 10, &pin);
                    get_stable(map, &[12], &pin);
                    stage(map, 1)
                },
            );
            assert_eq!((map.tables(), map.buckets()), (2, GROWN));
            ended(&map, GROWN, &[(3, 3), (10, 10), (12, 12)]);
            seen.record(when);
        });
}

/// a1: grow, then shrink // insert 9 // insert 1, get 12.
#[test]
#[ignore = "minutes: run full"]
fn a1_grown_and_shrunk() {
    Model::new("a1_grown_and_shrunk")
        .bound(1)
        .reach(["before", "within", "after"])
        .run(|seen| {
            let map = filled(&[3, 12]);
            let (_, when, _) = race(
                &map,
                |map, pin| {
                    grown(map, &pin);
                    assert!(shrunk(map, &pin));
                },
                |map, pin| {
                    let when = match (map.is_busy(), map.buckets()) {
                        (true, _) => "within",
                        (false, 1) => "before",
                        _ => "after",
                    };
                    insert(map, 9, &pin);
                    when
                },
                |map, pin| {
                    insert(map, 1, &pin);
                    get_stable(map, &[12], &pin);
                },
            );
            ended(&map, 1, &[(1, 1), (3, 3), (9, 9), (12, 12)]);
            seen.record(when);
        });
}

/// a2: two growths in a row, and the first table is gone and freed: grow // insert 10 behind 9,
/// get 10 // get 12, absent 14.
#[test]
#[ignore = "minutes: run full"]
fn a2_grown_before() {
    Model::new("a2_grown_before")
        .bound(1)
        .reach(["before", "within", "after"])
        .run(|seen| {
            let map = filled_wide(1, &[9, 12]);
            let (_, _, when) = race(
                &map,
                |map, pin| grown(map, &pin),
                |map, pin| insert_and_get(map, 10, &pin),
                |map, pin| {
                    let when = stage(map, GROWN);
                    get_stable(map, &[12], &pin);
                    assert_eq!(map.get(14, &pin), None);
                    when
                },
            );
            ended(&map, GROWN * GROWN, &[(9, 9), (10, 10), (12, 12)]);
            seen.record(when);
        });
}
