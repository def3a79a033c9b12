//! Models of shrinking. A table has grown once, from one bucket to four, or, with
//! `--cfg splitmap_doubling`, to two; its keys came after that, so every head has the presence bits
//! of its own nodes and no others. Then one head takes over from all, in one stride.

#![allow(missing_docs, reason = "a test's name is its documentation")]

mod scenario;

use std::cell::Cell;
use std::sync::Arc;

use scenario::*;

/// When something happened.
const STAGES: [&str; 3] = ["before", "within", "after"];

/// The end of a scenario that has shrunk the table.
fn ended_shrunk(map: &Map, expected: &[(u8, u64)]) {
    ended(map, 1, expected);
}

/// A shrinking with its stride made, and not settled.
fn shrunk_unsettled(keys: &[u8]) -> (Arc<Map>, [Pin; 3]) {
    let map = filled_wide(1, keys);
    let pins = pins(&map);
    assert!(map.shrink(&pins[0]));
    make_all(&map, &pins[0]);
    (map, pins)
}

/// s1: shrink // insert 10 // remove 9, get 12.
#[test]
#[ignore = "minutes: run full"]
fn s1_insert_and_remove() {
    Model::new("s1_insert_and_remove")
        .bound(1)
        .reach(STAGES)
        .run(|seen| {
            let map = filled_wide(1, &[3, 9, 12]);
            let (_, _, when) = race(
                &map,
                |map, pin| shrunk(map, &pin),
                |map, pin| insert(map, 10, &pin),
                |map, pin| {
                    remove(map, 9, &pin);
                    let when = stage(map, GROWN);
                    get_stable(map, &[12], &pin);
                    when
                },
            );
            ended_shrunk(&map, &[(3, 3), (10, 10), (12, 12)]);
            seen.record(when);
        });
}

/// s2: shrink // insert 10 // get 12, 3, 10, 10, absent 14.
#[test]
#[ignore = "minutes: run full"]
fn s2_insert_and_reads() {
    Model::new("s2_insert_and_reads")
        .bound(1)
        .reach(FOUND)
        .run(|seen| {
            let map = filled_wide(1, &[3, 12]);
            let (_, _, got) = race(
                &map,
                |map, pin| shrunk(map, &pin),
                |map, pin| insert(map, 10, &pin),
                |map, pin| {
                    get_stable(map, &[12, 3], &pin);
                    let got = (map.get(10, &pin), map.get(10, &pin));
                    assert_eq!(map.get(14, &pin), None);
                    got
                },
            );
            ended_shrunk(&map, &[(3, 3), (10, 10), (12, 12)]);
            seen.record(found_twice(got));
        });
}

/// s3: shrink // remove 3, which empties the bucket before // insert 10 behind 9, get 10, 9.
#[test]
#[ignore = "minutes: run full"]
fn s3_bucket_emptied() {
    Model::new("s3_bucket_emptied")
        .bound(1)
        .reach(STAGES)
        .run(|seen| {
            let map = filled_wide(1, &[3, 9]);
            let (_, when, _) = race(
                &map,
                |map, pin| shrunk(map, &pin),
                |map, pin| {
                    remove(map, 3, &pin);
                    stage(map, GROWN)
                },
                |map, pin| {
                    insert_and_get(map, 10, &pin);
                    get_stable(map, &[9], &pin);
                },
            );
            ended_shrunk(&map, &[(9, 9), (10, 10)]);
            seen.record(when);
        });
}

/// s4: shrink // upsert 9 // remove 9.
#[test]
#[ignore = "minutes: run full"]
fn s4_replace_against_remove() {
    Model::new("s4_replace_against_remove")
        .bound(1)
        .reach(["replaced first", "removed first"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 9]);
            let (_, replaced, removed) = race(
                &map,
                |map, pin| shrunk(map, &pin),
                |map, pin| map.insert(9, 20, &pin),
                |map, pin| map.remove(9, &pin),
            );
            seen.record(match (replaced, removed) {
                (Some(9), Some(20)) => {
                    ended_shrunk(&map, &[(3, 3)]);
                    "replaced first"
                }
                (None, Some(9)) => {
                    ended_shrunk(&map, &[(3, 3), (9, 20)]);
                    "removed first"
                }
                other => panic!("no order explains {other:?}"),
            });
        });
}

/// s5: a made shrinking: settle // settle // insert 10 behind 9, get 10, 13.
#[test]
#[cfg_attr(not(splitmap_doubling), ignore = "minutes with more heads: run full")]
fn s5_settled_by_two() {
    Model::new("s5_settled_by_two")
        .bound(1)
        .reach(["neither", "one", "both"])
        .run(|seen| {
            let (map, pins) = shrunk_unsettled(&[3, 9, 13]);
            let settled = Arc::new(Cell::new(0));
            let settle = || {
                let settled = settled.clone();
                move |map: &Map, pin: Pin| {
                    assert!(map.settle(0, &pin));
                    settled.set(settled.get() + 1);
                }
            };
            let (_, _, when) = race_pinned(&map, pins, settle(), settle(), |map, pin| {
                insert_and_get(map, 10, &pin);
                get_stable(map, &[13], &pin);
                settled.get()
            });
            ended_shrunk(&map, &[(3, 3), (9, 9), (10, 10), (13, 13)]);
            seen.record(["neither", "one", "both"][when]);
        });
}

/// s6: a made shrinking: settle // insert 5 behind 4, before the frozen head 8, insert 10 behind 9 //
/// remove 9, get 5.
#[test]
#[cfg_attr(not(splitmap_doubling), ignore = "minutes with more heads: run full")]
fn s6_insert_before_a_frozen_head() {
    Model::new("s6_insert_before_a_frozen_head")
        .bound(1)
        .reach(["None", "Some"])
        .run(|seen| {
            let (map, pins) = shrunk_unsettled(&[4, 9]);
            let (_, _, got) = race_pinned(
                &map,
                pins,
                |map, pin| assert!(map.settle(0, &pin)),
                |map, pin| {
                    insert(map, 5, &pin);
                    insert(map, 10, &pin);
                },
                |map, pin| {
                    remove(map, 9, &pin);
                    map.get(5, &pin)
                },
            );
            ended_shrunk(&map, &[(4, 4), (5, 5), (10, 10)]);
            seen.record(found(got));
        });
}

/// k2: a made shrinking: insert 13, settle // insert 10 behind 9 // remove 9, get 10.
#[test]
#[ignore = "minutes: run full"]
fn k2_insert_and_settle() {
    Model::new("k2_insert_and_settle")
        .bound(1)
        .reach(["None", "Some"])
        .run(|seen| {
            let (map, pins) = shrunk_unsettled(&[3, 9]);
            let (_, _, got) = race_pinned(
                &map,
                pins,
                |map, pin| {
                    insert(map, 13, &pin);
                    assert!(map.settle(0, &pin));
                },
                |map, pin| insert(map, 10, &pin),
                |map, pin| {
                    remove(map, 9, &pin);
                    map.get(10, &pin)
                },
            );
            ended_shrunk(&map, &[(3, 3), (10, 10), (13, 13)]);
            seen.record(found(got));
        });
}

/// t1: a scan in two calls: shrink // upsert 9 // scan before 8, scan from 8 on.
#[test]
#[ignore = "minutes: run full"]
fn t1_scan() {
    Model::new("t1_scan")
        .bound(1)
        .reach(["old 9", "new 9"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 9, 12]);
            let (_, replaced, (low, high)) = race(
                &map,
                |map, pin| shrunk(map, &pin),
                |map, pin| map.insert(9, 90, &pin),
                |map, pin| (map.entries_between(0, 8, &pin), map.entries_from(8, &pin)),
            );
            assert_eq!(replaced, Some(9));
            assert_eq!(places(&low), [(3, 3)], "not exactly once");
            let age = age_of_9(&places(&high));
            ended_shrunk(&map, &[(3, 3), (9, 90), (12, 12)]);
            seen.record(age);
        });
}

/// Which 9 is there, exactly once, before 12.
fn age_of_9(entries: &[(u8, u64)]) -> &'static str {
    match entries {
        [(9, 9), (12, 12)] => "old 9",
        [(9, 90), (12, 12)] => "new 9",
        other => panic!("not exactly once: {other:?}"),
    }
}

/// An iteration: grow, shrink // upsert 9 // all entries.
#[test]
#[ignore = "minutes: run full"]
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
            ended_shrunk(&map, &[(9, 90), (12, 12)]);
            seen.record(age);
        });
}

/// The maker of a shrinking's stride, which may stop anywhere after it is ready // insert 10 // a
/// helper, which ends the shrinking and grows the table again.
#[test]
#[ignore = "minutes: run full"]
fn f2_stopped_maker() {
    Model::new("f2_stopped_maker")
        .bound(1)
        .reach(["grown before the maker ended", "grown after"])
        .run(|seen| {
            let (map, pins) = shrunk_unsettled(&[3, 9]);
            let ended_settling = Arc::new(Cell::new(false));
            let maker = ended_settling.clone();
            let (_, _, early) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    map.settle(0, &pin);
                    maker.set(true);
                },
                |map, pin| insert(map, 10, &pin),
                |map, pin| {
                    carry_on(map, &pin);
                    grown(map, &pin);
                    !ended_settling.get()
                },
            );
            ended(&map, GROWN, &[(3, 3), (9, 9), (10, 10)]);
            seen.record(if early {
                "grown before the maker ended"
            } else {
                "grown after"
            });
        });
}

/// Two threads settle the first stride, with the head 4 // settle the second, 12, to the end; get 13,
/// insert 14.
#[test]
#[cfg(splitmap_doubling)]
fn f1_settled_twice() {
    Model::new("f1_settled_twice")
        .bound(1)
        .reach(["both done", "one left"])
        .run(|seen| {
            let map = filled_wide(2, &[5, 13]);
            let pins = pins(&map);
            assert!(map.shrink(&pins[0]));
            make_all(&map, &pins[0]);
            let done = Arc::new(Cell::new(0));
            let settle = || {
                let done = done.clone();
                move |map: &Map, pin: Pin| {
                    map.settle(0, &pin);
                    done.set(done.get() + 1);
                }
            };
            let (_, _, left) = race_pinned(&map, pins, settle(), settle(), |map, pin| {
                carry_on(map, &pin);
                let left = done.get() < 2;
                get_stable(map, &[13], &pin);
                insert(map, 14, &pin);
                left
            });
            assert!(!map.is_busy());
            ended(&map, GROWN, &[(5, 5), (13, 13), (14, 14)]);
            seen.record(if left { "one left" } else { "both done" });
        });
}

/// Grown twice and shrunk twice in a row: shrink, shrink // insert 10, get 10 // get 13, 3.
#[test]
#[cfg(splitmap_doubling)]
#[ignore = "minutes: run full"]
fn shrunk_twice() {
    Model::new("shrunk_twice")
        .bound(1)
        .reach(["before", "between", "after"])
        .run(|seen| {
            let map = filled_wide(2, &[3, 13]);
            let (_, when, _) = race(
                &map,
                |map, pin| {
                    assert!(shrunk(map, &pin));
                    assert!(shrunk(map, &pin));
                },
                |map, pin| {
                    insert(map, 10, &pin);
                    let when = match map.buckets() {
                        1 => "after",
                        2 => "between",
                        _ => "before",
                    };
                    get_stable(map, &[10], &pin);
                    when
                },
                |map, pin| get_stable(map, &[13, 3], &pin),
            );
            ended_shrunk(&map, &[(3, 3), (10, 10), (13, 13)]);
            seen.record(when);
        });
}

/// r1: shrink, grow again // insert 10 // get 12, 10, 10.
#[test]
#[ignore = "minutes: run full"]
fn r1_grown_again_and_reads() {
    Model::new("r1_grown_again_and_reads")
        .bound(1)
        .reach(FOUND)
        .run(|seen| {
            let map = filled_wide(1, &[3, 12]);
            let (_, _, got) = race(
                &map,
                |map, pin| {
                    assert!(shrunk(map, &pin));
                    grown(map, &pin);
                },
                |map, pin| insert(map, 10, &pin),
                |map, pin| {
                    get_stable(map, &[12], &pin);
                    (map.get(10, &pin), map.get(10, &pin))
                },
            );
            ended(&map, GROWN, &[(3, 3), (10, 10), (12, 12)]);
            seen.record(found_twice(got));
        });
}

/// r2: shrink, grow again // insert 10 // remove 9, get 14, which is absent.
#[test]
#[ignore = "minutes: run full"]
fn r2_grown_again_and_remove() {
    Model::new("r2_grown_again_and_remove")
        .bound(1)
        .reach(["before", "within", "after"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 9]);
            let (_, _, when) = race(
                &map,
                |map, pin| {
                    assert!(shrunk(map, &pin));
                    grown(map, &pin);
                },
                |map, pin| insert(map, 10, &pin),
                |map, pin| {
                    remove(map, 9, &pin);
                    let when = stage(map, GROWN);
                    assert_eq!(map.get(14, &pin), None);
                    when
                },
            );
            ended(&map, GROWN, &[(3, 3), (10, 10)]);
            seen.record(when);
        });
}

/// A settled stride is settled once more // end the shrinking, grow again // insert 10, get 12.
#[test]
#[ignore = "minutes: run full"]
fn settled_once_more() {
    Model::new("settled_once_more")
        .bound(1)
        .reach(["before", "after"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 12]);
            let pins = pins(&map);
            assert!(map.shrink(&pins[0]));
            let claim = claim(&map, &pins[0]);
            make(&map, claim, &pins[0]);
            assert!(map.settle(0, &pins[0]));
            let (when, _, _) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    map.settle_claimed(claim, &pin);
                    if map.buckets() == 1 {
                        "before"
                    } else {
                        "after"
                    }
                },
                |map, pin| {
                    carry_on(map, &pin);
                    grown(map, &pin);
                },
                |map, pin| {
                    insert(map, 10, &pin);
                    get_stable(map, &[12], &pin);
                },
            );
            ended(&map, GROWN, &[(3, 3), (10, 10), (12, 12)]);
            seen.record(when);
        });
}
