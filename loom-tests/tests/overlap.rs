//! Models of resizes that overlap: a thread has stopped in the middle of a stride, and the table has
//! to grow again. Two growths of four are beyond what can be explored, so these run with
//! `--cfg splitmap_doubling` alone: the first growth links the heads 0 and 8, the second 0, 4, 8, 12.

#![cfg(splitmap_doubling)]
#![allow(missing_docs, reason = "a test's name is its documentation")]

mod scenario;

use std::sync::Arc;

use scenario::*;

/// A growth whose maker has stopped.
fn stopped(keys: &[u8]) -> (Arc<Map>, [Pin; 3], Claim) {
    let map = filled(keys);
    let pins = pins(&map);
    let claim = claimed(&map, &pins);
    (map, pins, claim)
}

/// As [`stopped`], with the next growth published over it.
fn overlapped(keys: &[u8]) -> (Arc<Map>, [Pin; 3], Claim) {
    let (map, pins, claim) = stopped(keys);
    map.grow(&pins[0]);
    assert_eq!(map.tables(), 3);
    (map, pins, claim)
}

/// Grows over whatever is under way, as far as this thread can.
fn grow_over(map: &Map, pin: &Pin) {
    map.grow(pin);
    help_out(map, pin);
}

/// Whether the resize is over, as this thread leaves it.
fn leaves(map: &Map) -> &'static str {
    if map.is_busy() { "left open" } else { "ended" }
}

/// o1: a late maker // the next growth // insert 10 behind 9, get 10, 13.
#[test]
#[ignore = "minutes: run full"]
fn o1_late_maker_and_insert() {
    Model::new("o1_late_maker_and_insert")
        .bound(1)
        .reach(["left open", "ended"])
        .run(|seen| {
            let (map, pins, claim) = stopped(&[9, 13]);
            let (_, left, _) = race_pinned(
                &map,
                pins,
                move |map, pin| make(map, claim, &pin),
                |map, pin| {
                    grow_over(map, &pin);
                    leaves(map)
                },
                |map, pin| {
                    insert_and_get(map, 10, &pin);
                    get_stable(map, &[13], &pin);
                },
            );
            ended(&map, GROWN * GROWN, &[(9, 9), (10, 10), (13, 13)]);
            seen.record(left);
        });
}

/// o2: a late maker // the next growth // remove 9, insert 14, get 13.
#[test]
#[ignore = "minutes: run full"]
fn o2_late_maker_and_remove() {
    Model::new("o2_late_maker_and_remove")
        .bound(1)
        .reach(["left open", "ended"])
        .run(|seen| {
            let (map, pins, claim) = stopped(&[9, 13]);
            let (_, left, _) = race_pinned(
                &map,
                pins,
                move |map, pin| make(map, claim, &pin),
                |map, pin| {
                    grow_over(map, &pin);
                    leaves(map)
                },
                |map, pin| {
                    remove(map, 9, &pin);
                    insert(map, 14, &pin);
                    get_stable(map, &[13], &pin);
                },
            );
            ended(&map, GROWN * GROWN, &[(13, 13), (14, 14)]);
            seen.record(left);
        });
}

/// o3: the next growth over a maker that never goes on // insert 14 behind 13, get 14 // get 13, 14,
/// 14, absent 10.
#[test]
#[ignore = "minutes: run full"]
fn o3_maker_stopped_for_good() {
    Model::new("o3_maker_stopped_for_good")
        .bound(1)
        .reach(FOUND)
        .run(|seen| {
            let (map, pins, claim) = stopped(&[9, 13]);
            let (_, _, got) = race_pinned(
                &map,
                pins,
                |map, pin| grow_over(map, &pin),
                |map, pin| insert_and_get(map, 14, &pin),
                |map, pin| {
                    get_stable(map, &[13], &pin);
                    let got = (map.get(14, &pin), map.get(14, &pin));
                    assert_eq!(map.get(10, &pin), None);
                    got
                },
            );
            assert!(map.is_busy(), "the first growth is not made");
            assert_eq!((map.tables(), map.buckets()), (3, GROWN * GROWN));
            settled(&map, &[(9, 9), (13, 13), (14, 14)]);
            let pin = map.pin();
            make(&map, claim, &pin);
            ended(&map, GROWN * GROWN, &[(9, 9), (13, 13), (14, 14)]);
            seen.record(found_twice(got));
        });
}

/// o4: the late maker of 0 and 8 // the maker of all heads of the next table // insert 10 behind 9,
/// get 10.
#[test]
fn o4_two_makers_of_twins() {
    Model::new("o4_two_makers_of_twins")
        .bound(1)
        .reach(["open", "ready"])
        .run(|seen| {
            let (map, pins, claim) = overlapped(&[5, 9]);
            let (_, _, when) = race_pinned(
                &map,
                pins,
                move |map, pin| make(map, claim, &pin),
                |map, pin| make_all(map, &pin),
                |map, pin| {
                    insert_and_get(map, 10, &pin);
                    if map.is_ready(9) { "ready" } else { "open" }
                },
            );
            ended(&map, GROWN * GROWN, &[(5, 5), (9, 9), (10, 10)]);
            seen.record(when);
        });
}

/// o5: the next table is made, and who settles it has to wait for the late maker // get 13, insert 10
/// behind 9, get 10.
#[test]
fn o5_settlers_wait() {
    Model::new("o5_settlers_wait")
        .bound(3)
        .reach(["ended"])
        .run(|seen| {
            let (map, pins, claim) = overlapped(&[9, 13]);
            make_all(&map, &pins[0]);
            assert!(!map.settle(1, &pins[0]), "a head is not made");
            let (left, _, _) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    make(map, claim, &pin);
                    help_out(map, &pin);
                    leaves(map)
                },
                |map, pin| {
                    get_stable(map, &[13], &pin);
                    insert_and_get(map, 10, &pin);
                },
                |_, pin| drop(pin),
            );
            assert_eq!(left, "ended");
            ended(&map, GROWN * GROWN, &[(9, 9), (10, 10), (13, 13)]);
            seen.record(left);
        });
}

/// o6: the late maker, which settles its own table // settle the next table, if it is possible // get
/// 13, 9, absent 8.
#[test]
fn o6_settled_by_the_older_table() {
    Model::new("o6_settled_by_the_older_table")
        .bound(3)
        .reach(["settled", "too early"])
        .run(|seen| {
            let (map, pins, claim) = overlapped(&[9, 13]);
            make_all(&map, &pins[0]);
            let (_, settles, _) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    make(map, claim, &pin);
                    assert!(map.settle_claimed(claim, &pin));
                },
                |map, pin| map.settle(1, &pin),
                |map, pin| {
                    get_stable(map, &[13, 9], &pin);
                    assert_eq!(map.get(8, &pin), None);
                },
            );
            ended(&map, GROWN * GROWN, &[(9, 9), (13, 13)]);
            seen.record(if settles { "settled" } else { "too early" });
        });
}

/// o7: the late maker // the next table is made, settled and ended, if it can be // insert 10 behind
/// 9, remove 9.
#[test]
#[ignore = "minutes: run full"]
fn o7_late_maker_and_the_rest() {
    Model::new("o7_late_maker_and_the_rest")
        .bound(1)
        .reach(["left open", "ended"])
        .run(|seen| {
            let (map, pins, claim) = overlapped(&[9]);
            let (_, left, _) = race_pinned(
                &map,
                pins,
                move |map, pin| make(map, claim, &pin),
                |map, pin| {
                    help_out(map, &pin);
                    leaves(map)
                },
                |map, pin| {
                    insert(map, 10, &pin);
                    remove(map, 9, &pin);
                },
            );
            ended(&map, GROWN * GROWN, &[(10, 10)]);
            seen.record(left);
        });
}

/// o8: the late maker of 0 and 8 // insert 10 behind 9, where the last head that is passed is 4 of the
/// next table, get 10; then that table's 8 is made.
#[test]
fn o8_bit_in_a_newer_head() {
    Model::new("o8_bit_in_a_newer_head")
        .bound(3)
        .full_unbounded()
        .reach(["not yet made", "made"])
        .run(|seen| {
            let (map, pins, claim_of_older) = overlapped(&[5, 9]);
            let first = claim(&map, &pins[0]);
            assert_eq!(first.stride(), 0);
            make(&map, first, &pins[0]);
            let made = Arc::new(std::cell::Cell::new(false));
            let is_made = made.clone();
            let (_, when, _) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    make(map, claim_of_older, &pin);
                    made.set(true);
                },
                move |map, pin| {
                    insert_and_get(map, 10, &pin);
                    is_made.get()
                },
                |_, pin| drop(pin),
            );
            let pin = map.pin();
            make_all(&map, &pin);
            map.audit();
            drop(pin);
            ended(&map, GROWN * GROWN, &[(5, 5), (9, 9), (10, 10)]);
            seen.record(if when { "made" } else { "not yet made" });
        });
}

/// o9: as above, and the next table's 8 is made by another.
#[test]
fn o9_bit_in_a_newer_head_and_its_maker() {
    Model::new("o9_bit_in_a_newer_head_and_its_maker")
        .bound(1)
        .full_bound(2)
        .reach(["open", "ready"])
        .run(|seen| {
            let (map, pins, claim_of_older) = overlapped(&[5, 9]);
            let first = claim(&map, &pins[0]);
            make(&map, first, &pins[0]);
            let second = claim(&map, &pins[1]);
            let (_, _, when) = race_pinned(
                &map,
                pins,
                move |map, pin| make(map, claim_of_older, &pin),
                move |map, pin| make(map, second, &pin),
                |map, pin| {
                    insert_and_get(map, 10, &pin);
                    if map.is_ready(9) { "ready" } else { "open" }
                },
            );
            ended(&map, GROWN * GROWN, &[(5, 5), (9, 9), (10, 10)]);
            seen.record(when);
        });
}

/// Four tables, of which two wait for a late maker: a late maker // the late maker of the next table
/// // insert 10 behind 9, get 10, 13.
#[test]
fn four_tables() {
    Model::new("four_tables")
        .bound(1)
        .full_bound(2)
        .reach(["open", "ready"])
        .run(|seen| {
            let (map, pins, oldest) = overlapped(&[9, 13]);
            assert!(map.claim(&pins[0]).is_some_and(|first| {
                make(&map, first, &pins[0]);
                true
            }));
            let late = claim(&map, &pins[1]);
            map.grow(&pins[2]);
            make_all(&map, &pins[2]);
            assert_eq!((map.tables(), map.buckets()), (4, 8));
            let (_, _, when) = race_pinned(
                &map,
                pins,
                move |map, pin| make(map, oldest, &pin),
                move |map, pin| {
                    make(map, late, &pin);
                    map.settle_claimed(late, &pin);
                },
                |map, pin| {
                    insert_and_get(map, 10, &pin);
                    get_stable(map, &[13], &pin);
                    if map.settle(3, &pin) { "ready" } else { "open" }
                },
            );
            ended(&map, 8, &[(9, 9), (10, 10), (13, 13)]);
            seen.record(when);
        });
}

/// Four tables of which none has a ready stride but the first: grow over // insert 14 behind 13, get
/// 14 // remove 9, get 13.
#[test]
fn four_tables_and_growth() {
    Model::new("four_tables_and_growth")
        .bound(1)
        .full_bound(2)
        .reach(["before", "after"])
        .run(|seen| {
            let (map, pins, oldest) = overlapped(&[9, 13]);
            let claims = [claim(&map, &pins[0]), claim(&map, &pins[0])];
            let (_, _, when) = race_pinned(
                &map,
                pins,
                |map, pin| map.grow(&pin),
                |map, pin| insert_and_get(map, 14, &pin),
                |map, pin| {
                    remove(map, 9, &pin);
                    get_stable(map, &[13], &pin);
                    if map.tables() == 3 { "before" } else { "after" }
                },
            );
            assert_eq!((map.tables(), map.buckets()), (4, 8));
            let pin = map.pin();
            make_all(&map, &pin);
            map.audit();
            for claim in claims.into_iter().chain([oldest]) {
                make(&map, claim, &pin);
                map.audit();
            }
            drop(pin);
            ended(&map, 8, &[(13, 13), (14, 14)]);
            seen.record(when);
        });
}

/// A map that is dropped in the middle of two resizes: grow over a maker that never goes on, and make
/// one stride // insert 10 // get 13.
#[test]
fn dropped_in_a_resize() {
    Model::new("dropped_in_a_resize")
        .bound(1)
        .full_bound(2)
        .reach(["None", "Some"])
        .run(|seen| {
            let (map, pins, _) = stopped(&[9, 13]);
            let (_, _, got) = race_pinned(
                &map,
                pins,
                |map, pin| {
                    map.grow(&pin);
                    make(map, claim(map, &pin), &pin);
                },
                |map, pin| insert(map, 10, &pin),
                |map, pin| {
                    get_stable(map, &[13], &pin);
                    map.get(10, &pin)
                },
            );
            assert_eq!((map.tables(), map.buckets()), (3, GROWN * GROWN));
            settled(&map, &[(9, 9), (10, 10), (13, 13)]);
            seen.record(found(got));
        });
}

/// n1: the late maker of a growth // shrink, which is refused meanwhile // insert 10, get 12, 10.
#[test]
fn n1_no_shrinking_meanwhile() {
    Model::new("n1_no_shrinking_meanwhile")
        .bound(1)
        .full_bound(2)
        .reach(["refused", "shrunk"])
        .run(|seen| {
            let (map, pins, claim) = stopped(&[3, 12]);
            let (_, shrinks, _) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    make(map, claim, &pin);
                    help_out(map, &pin);
                },
                |map, pin| {
                    let shrinks = map.shrink(&pin);
                    assert!(
                        !shrinks || map.tables() == 2,
                        "a shrinking over an unfinished growth"
                    );
                    help_out(map, &pin);
                    shrinks
                },
                |map, pin| {
                    insert(map, 10, &pin);
                    get_stable(map, &[12, 10], &pin);
                },
            );
            let buckets = if shrinks { 1 } else { GROWN };
            ended(&map, buckets, &[(3, 3), (10, 10), (12, 12)]);
            seen.record(if shrinks { "shrunk" } else { "refused" });
        });
}

/// A shrinking with its stride claimed.
fn shrinking_stopped(keys: &[u8]) -> (Arc<Map>, [Pin; 3], Claim) {
    let map = filled_wide(1, keys);
    let pins = pins(&map);
    assert!(map.shrink(&pins[0]));
    let claim = claim(&map, &pins[0]);
    (map, pins, claim)
}

/// r3: the late maker of a shrinking // a growth over it // insert 10 behind 9, get 12.
#[test]
fn r3_growth_over_a_shrinking() {
    Model::new("r3_growth_over_a_shrinking")
        .bound(1)
        .reach(["left open", "ended"])
        .run(|seen| {
            let (map, pins, claim) = shrinking_stopped(&[9, 12]);
            let (_, left, _) = race_pinned(
                &map,
                pins,
                move |map, pin| make(map, claim, &pin),
                |map, pin| {
                    grow_over(map, &pin);
                    leaves(map)
                },
                |map, pin| {
                    insert(map, 10, &pin);
                    get_stable(map, &[12], &pin);
                },
            );
            ended(&map, GROWN, &[(9, 9), (10, 10), (12, 12)]);
            seen.record(left);
        });
}

/// r4: the late settler of a shrinking // a growth over it // insert 10 behind 9, get 10, 12.
#[test]
#[ignore = "minutes: run full"]
fn r4_late_settler() {
    Model::new("r4_late_settler")
        .bound(1)
        .reach(["ended"])
        .run(|seen| {
            let (map, pins, claim) = shrinking_stopped(&[9, 12]);
            make(&map, claim, &pins[0]);
            let (_, left, _) = race_pinned(
                &map,
                pins,
                move |map, pin| assert!(map.settle_claimed(claim, &pin)),
                |map, pin| {
                    grow_over(map, &pin);
                    leaves(map)
                },
                |map, pin| {
                    insert_and_get(map, 10, &pin);
                    get_stable(map, &[12], &pin);
                },
            );
            assert_eq!(left, "ended");
            ended(&map, GROWN, &[(9, 9), (10, 10), (12, 12)]);
            seen.record(left);
        });
}

/// r5: a growth over a shrinking that is not settled, made: settle // settle // insert 10 behind 9,
/// remove 9.
#[test]
fn r5_settled_over_a_shrinking() {
    Model::new("r5_settled_over_a_shrinking")
        .full_bound(3)
        .reach(["before", "after"])
        .run(|seen| {
            let (map, pins, claim) = shrinking_stopped(&[9]);
            make(&map, claim, &pins[0]);
            grown_unsettled(&map, &pins[0]);
            let settled = Arc::new(std::cell::Cell::new(false));
            let is_settled = settled.clone();
            let (_, _, when) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    assert!(map.settle(0, &pin));
                    settled.set(true);
                },
                |map, pin| assert!(map.settle(0, &pin)),
                move |map, pin| {
                    insert(map, 10, &pin);
                    remove(map, 9, &pin);
                    is_settled.get()
                },
            );
            ended(&map, GROWN, &[(10, 10)]);
            seen.record(if when { "after" } else { "before" });
        });
}
