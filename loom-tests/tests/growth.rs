//! Models of growth. A table starts with one bucket; a growth makes it four times as large, or, with
//! `--cfg splitmap_doubling`, twice. So the first growth links the heads 0, 4, 8 and 12 (or 0 and 8),
//! in one stride, and the second has a stride for each bucket.
//!
//! A scenario runs with a growth that is made in the race and settled after it; some also with one
//! that is carried to its end in the race ("to the end"), or with a second growth ("second").

#![allow(missing_docs, reason = "a test's name is its documentation")]

mod scenario;

use scenario::*;

/// The end of a scenario that has grown the table once more.
fn grown_once_more(map: &Map, growths: usize, expected: &[(u8, u64)]) {
    ended(map, buckets_after(growths + 1), expected);
}

/// Whether the growth is published.
fn moment(map: &Map, growths: usize) -> &'static str {
    if map.buckets() == buckets_after(growths) {
        "before"
    } else {
        "after"
    }
}

const REMOVED: [&str; 2] = ["removed before", "removed after"];

/// g1: grow // insert 10 // remove 9.
fn g1(growths: usize, grow: Resize) -> impl Fn(&Seen) {
    move |seen| {
        let map = filled_wide(growths, &[3, 9]);
        let (_, _, when) = race(
            &map,
            move |map, pin| grow(map, &pin),
            |map, pin| insert(map, 10, &pin),
            |map, pin| {
                remove(map, 9, &pin);
                moment(map, growths)
            },
        );
        grown_once_more(&map, growths, &[(3, 3), (10, 10)]);
        seen.record(format!("removed {when}"));
    }
}

#[test]
#[cfg_attr(not(splitmap_doubling), ignore = "minutes with more heads: run full")]
fn g1_insert_and_remove() {
    let model = Model::new("g1_insert_and_remove").bound(1);
    model.reach(REMOVED).run(g1(0, grown_unsettled));
}

#[test]
#[ignore = "minutes: run full"]
fn g1_to_the_end() {
    let model = Model::new("g1_to_the_end").bound(1);
    model.reach(REMOVED).run(g1(0, grown));
}

#[test]
#[cfg(splitmap_doubling)]
fn g1_second() {
    let model = Model::new("g1_second").bound(1);
    model.reach(REMOVED).run(g1(1, grown_unsettled));
}

/// g2: grow // insert 10 // get 12, 10, 10, absent 14.
#[test]
#[cfg_attr(not(splitmap_doubling), ignore = "minutes with more heads: run full")]
fn g2_insert_and_reads() {
    Model::new("g2_insert_and_reads")
        .bound(1)
        .reach(FOUND)
        .run(|seen| {
            let map = filled(&[3, 12]);
            let (_, _, got) = race(
                &map,
                |map, pin| grown_unsettled(map, &pin),
                |map, pin| insert(map, 10, &pin),
                |map, pin| {
                    get_stable(map, &[12], &pin);
                    let got = (map.get(10, &pin), map.get(10, &pin));
                    assert_eq!(map.get(14, &pin), None);
                    got
                },
            );
            grown_once_more(&map, 0, &[(3, 3), (10, 10), (12, 12)]);
            seen.record(found_twice(got));
        });
}

/// g3: grow // insert 10 behind 9, get 10 // get 10, 10, remove 9.
fn g3(growths: usize, grow: Resize) -> impl Fn(&Seen) {
    move |seen| {
        let map = filled_wide(growths, &[9]);
        let (_, _, got) = race(
            &map,
            move |map, pin| grow(map, &pin),
            |map, pin| insert_and_get(map, 10, &pin),
            |map, pin| {
                let got = (map.get(10, &pin), map.get(10, &pin));
                remove(map, 9, &pin);
                got
            },
        );
        grown_once_more(&map, growths, &[(10, 10)]);
        seen.record(found_twice(got));
    }
}

#[test]
#[cfg_attr(not(splitmap_doubling), ignore = "minutes with more heads: run full")]
fn g3_own_insert() {
    let model = Model::new("g3_own_insert").bound(1);
    model.reach(FOUND).run(g3(0, grown_unsettled));
}

#[test]
#[ignore = "minutes: run full"]
fn g3_to_the_end() {
    let model = Model::new("g3_to_the_end").bound(1);
    model.reach(FOUND).run(g3(0, grown));
}

#[test]
#[cfg(splitmap_doubling)]
#[ignore = "minutes: run full"]
fn g3_second() {
    let model = Model::new("g3_second").bound(1);
    model.reach(FOUND).run(g3(1, grown_unsettled));
}

#[test]
#[cfg(splitmap_doubling)]
#[ignore = "minutes: run full"]
fn g3_second_to_the_end() {
    let model = Model::new("g3_second_to_the_end").bound(1);
    model.reach(FOUND).run(g3(1, grown));
}

/// g4: grow // insert 5 // get 12, which has the same presence bit as 4 before the new head,
/// and 8, which is absent.
#[test]
fn g4_bit_of_another() {
    Model::new("g4_bit_of_another")
        .bound(1)
        .full_bound(2)
        .reach(["before", "after"])
        .run(|seen| {
            let map = filled(&[4, 12]);
            let (_, _, when) = race(
                &map,
                |map, pin| grown_unsettled(map, &pin),
                |map, pin| insert(map, 5, &pin),
                |map, pin| {
                    get_stable(map, &[12], &pin);
                    assert_eq!(map.get(8, &pin), None);
                    moment(map, 0)
                },
            );
            grown_once_more(&map, 0, &[(4, 4), (5, 5), (12, 12)]);
            seen.record(when);
        });
}

/// g5: grow // insert 10 behind 9, get 10 // remove 4: then the head 8 stands directly behind the
/// older head.
fn g5(grow: Resize) -> impl Fn(&Seen) {
    move |seen| {
        let map = filled(&[4, 9]);
        let (_, _, when) = race(
            &map,
            move |map, pin| grow(map, &pin),
            |map, pin| insert_and_get(map, 10, &pin),
            |map, pin| {
                remove(map, 4, &pin);
                moment(map, 0)
            },
        );
        grown_once_more(&map, 0, &[(9, 9), (10, 10)]);
        seen.record(format!("removed {when}"));
    }
}

#[test]
fn g5_head_behind_the_older() {
    let model = Model::new("g5_head_behind_the_older").bound(1);
    let model = model.full_bound(2).reach(REMOVED);
    model.run(g5(grown_unsettled));
}

#[test]
#[ignore = "minutes: run full"]
fn g5_to_the_end() {
    let model = Model::new("g5_to_the_end").bound(1);
    model.reach(REMOVED).run(g5(grown));
}

/// g6: grow // insert 14 behind 13, get 14 // insert 6 behind 5, get 6.
#[test]
#[cfg_attr(not(splitmap_doubling), ignore = "minutes with more heads: run full")]
fn g6_two_inserts() {
    Model::new("g6_two_inserts")
        .bound(1)
        .reach([
            "before, before",
            "before, after",
            "after, before",
            "after, after",
        ])
        .run(|seen| {
            let map = filled(&[5, 13]);
            let (_, one, other) = race(
                &map,
                |map, pin| grown_unsettled(map, &pin),
                |map, pin| {
                    insert_and_get(map, 14, &pin);
                    moment(map, 0)
                },
                |map, pin| {
                    insert_and_get(map, 6, &pin);
                    moment(map, 0)
                },
            );
            grown_once_more(&map, 0, &[(5, 5), (6, 6), (13, 13), (14, 14)]);
            seen.record(format!("{one}, {other}"));
        });
}

/// g7: grow // upsert 9 // get 9 twice: never absent, never back.
fn g7(growths: usize) -> impl Fn(&Seen) {
    move |seen| {
        let map = filled_wide(growths, &[3, 9]);
        let (_, replaced, (first, second)) = race(
            &map,
            |map, pin| grown_unsettled(map, &pin),
            |map, pin| map.insert(9, 90, &pin),
            |map, pin| (map.get(9, &pin), map.get(9, &pin)),
        );
        assert_eq!(replaced, Some(9));
        grown_once_more(&map, growths, &[(3, 3), (9, 90)]);
        seen.record(match (first, second) {
            (Some(9), Some(9)) => "old, old",
            (Some(9), Some(90)) => "old, new",
            (Some(90), Some(90)) => "new, new",
            other => panic!("absent, or back: {other:?}"),
        });
    }
}

#[test]
fn g7_replaced() {
    let model = Model::new("g7_replaced").bound(1).full_bound(2);
    model.reach(["old, old", "old, new", "new, new"]).run(g7(0));
}

#[test]
#[cfg(splitmap_doubling)]
fn g7_second() {
    let model = Model::new("g7_second").bound(1);
    model.reach(["old, old", "old, new", "new, new"]).run(g7(1));
}

/// g8: grow // remove 9, which may empty a head, insert 10 // insert 14 behind 13, get 14.
fn g8(grow: Resize) -> impl Fn(&Seen) {
    move |seen| {
        let map = filled(&[9, 13]);
        let (_, _, when) = race(
            &map,
            move |map, pin| grow(map, &pin),
            |map, pin| {
                remove(map, 9, &pin);
                insert(map, 10, &pin);
            },
            |map, pin| {
                insert_and_get(map, 14, &pin);
                moment(map, 0)
            },
        );
        grown_once_more(&map, 0, &[(10, 10), (13, 13), (14, 14)]);
        seen.record(when);
    }
}

#[test]
#[cfg_attr(not(splitmap_doubling), ignore = "minutes with more heads: run full")]
fn g8_emptied_and_filled() {
    let model = Model::new("g8_emptied_and_filled").bound(1);
    model.reach(["before", "after"]).run(g8(grown_unsettled));
}

#[test]
#[ignore = "minutes: run full"]
fn g8_to_the_end() {
    let model = Model::new("g8_to_the_end").bound(1);
    model.reach(["before", "after"]).run(g8(grown));
}

/// h1: a hash that equals a head's key: insert k2 // insert k3 // grow.
#[test]
fn h1_hash_of_a_head() {
    Model::new("h1_hash_of_a_head")
        .bound(1)
        .full_bound(2)
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
                    inserted.then(|| moment(map, 0))
                },
                |map, pin| grown_unsettled(map, &pin),
            );
            assert!(a);
            let pin = map.pin();
            carry_on(&map, &pin);
            map.audit();
            assert_eq!(map.linked(), [(8, false); 3]);
            for k in 1..=3 {
                assert_eq!(map.get(twin(8, k), &pin), Some(k.into()));
            }
            seen.record(format!("inserted {}", b.expect("k3 was absent")));
        });
}

/// z1: the first head: grow // insert 2 behind 1, get 2 // insert 0, whose hash is the first head's
/// key, get 0.
fn z1(growths: usize) -> impl Fn(&Seen) {
    move |seen| {
        let map = filled_wide(growths, &[1]);
        let (_, _, when) = race(
            &map,
            |map, pin| grown_unsettled(map, &pin),
            |map, pin| insert_and_get(map, 2, &pin),
            |map, pin| {
                insert_and_get(map, 0, &pin);
                moment(map, growths)
            },
        );
        grown_once_more(&map, growths, &[(0, 0), (1, 1), (2, 2)]);
        seen.record(when);
    }
}

#[test]
fn z1_first_head() {
    let model = Model::new("z1_first_head").bound(1).full_bound(2);
    model.reach(["before", "after"]).run(z1(0));
}

#[test]
#[cfg(splitmap_doubling)]
fn z1_second() {
    let model = Model::new("z1_second").bound(1);
    model.reach(["before", "after"]).run(z1(1));
}

/// Linked, and not ready: make a stride ready whose heads are made // insert 10 behind 9 // insert 13,
/// get 10, 13.
#[test]
fn k1_linked_not_ready() {
    Model::new("k1_linked_not_ready")
        .full_bound(3)
        .reach(["None", "Some"])
        .run(|seen| {
            let map = filled(&[9]);
            let pins = pins(&map);
            let claim = claimed(&map, &pins);
            map.make(claim, &pins[0]);
            let (_, _, got) = race_pinned(
                &map,
                pins,
                move |map, pin| map.finish(claim, &pin),
                |map, pin| insert(map, 10, &pin),
                |map, pin| {
                    insert(map, 13, &pin);
                    let got = map.get(10, &pin);
                    get_stable(map, &[13], &pin);
                    got
                },
            );
            grown_once_more(&map, 0, &[(9, 9), (10, 10), (13, 13)]);
            seen.record(found(got));
        });
}

/// The same with an empty range // insert 9, insert 10 behind it // get 10, 10, absent 14.
#[test]
fn k3_linked_not_ready_empty() {
    Model::new("k3_linked_not_ready_empty")
        .bound(1)
        .full_bound(2)
        .reach(FOUND)
        .run(|seen| {
            let map = filled(&[3]);
            let pins = pins(&map);
            let claim = claimed(&map, &pins);
            map.make(claim, &pins[0]);
            let (_, _, got) = race_pinned(
                &map,
                pins,
                move |map, pin| map.finish(claim, &pin),
                |map, pin| {
                    insert(map, 9, &pin);
                    insert(map, 10, &pin);
                },
                |map, pin| {
                    let got = (map.get(10, &pin), map.get(10, &pin));
                    assert_eq!(map.get(14, &pin), None);
                    got
                },
            );
            grown_once_more(&map, 0, &[(3, 3), (9, 9), (10, 10)]);
            seen.record(found_twice(got));
        });
}

/// Heads whose place moves while they are linked: grow // insert 6, insert 11 // remove 9. A lost
/// compare-and-swap makes the stride's owner search again.
#[test]
#[ignore = "minutes: run full"]
fn lost_publications() {
    Model::new("lost_publications")
        .bound(1)
        .reach(REMOVED)
        .run(|seen| {
            let map = filled(&[5, 9]);
            let (_, _, when) = race(
                &map,
                |map, pin| grown_unsettled(map, &pin),
                |map, pin| {
                    insert(map, 6, &pin);
                    insert(map, 11, &pin);
                },
                |map, pin| {
                    remove(map, 9, &pin);
                    moment(map, 0)
                },
            );
            grown_once_more(&map, 0, &[(5, 5), (6, 6), (11, 11)]);
            seen.record(format!("removed {when}"));
        });
}

/// p1: grow // insert 7 before the older head 8, get 7 // remove 5, behind which it stands.
#[test]
#[cfg(splitmap_doubling)]
#[ignore = "minutes: run full"]
fn p1_insert_before_an_older_head() {
    Model::new("p1_insert_before_an_older_head")
        .bound(1)
        .reach(REMOVED)
        .run(|seen| {
            let map = filled_wide(1, &[5, 9]);
            let (_, _, when) = race(
                &map,
                |map, pin| grown(map, &pin),
                |map, pin| insert_and_get(map, 7, &pin),
                |map, pin| {
                    remove(map, 5, &pin);
                    moment(map, 1)
                },
            );
            grown_once_more(&map, 1, &[(7, 7), (9, 9)]);
            seen.record(format!("removed {when}"));
        });
}

/// p2: grow // upsert 7, which stands before the older head 8 // get 9, remove 7.
#[test]
#[cfg(splitmap_doubling)]
#[ignore = "minutes: run full"]
fn p2_replace_before_an_older_head() {
    Model::new("p2_replace_before_an_older_head")
        .bound(1)
        .reach(["replaced first", "removed first"])
        .run(|seen| {
            let map = filled_wide(1, &[7, 9]);
            let (_, replaced, removed) = race(
                &map,
                |map, pin| grown(map, &pin),
                |map, pin| map.insert(7, 70, &pin),
                |map, pin| {
                    get_stable(map, &[9], &pin);
                    map.remove(7, &pin)
                },
            );
            seen.record(match (replaced, removed) {
                (Some(7), Some(70)) => {
                    grown_once_more(&map, 1, &[(9, 9)]);
                    "replaced first"
                }
                (None, Some(7)) => {
                    grown_once_more(&map, 1, &[(7, 70), (9, 9)]);
                    "removed first"
                }
                other => panic!("no order explains {other:?}"),
            });
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
                |map, pin| grown_unsettled(map, &pin),
                |map, pin| {
                    assert_eq!(map.insert(9, 90, &pin), Some(9));
                    remove(map, 3, &pin);
                },
                |map, pin| (map.entries_between(0, 8, &pin), map.entries_from(8, &pin)),
            );
            let age = match places(&high)[..] {
                [(9, 9), (12, 12)] => "old 9",
                [(9, 90), (12, 12)] => "new 9",
                ref other => panic!("not exactly once: {other:?}"),
            };
            assert!(low.len() <= 1 && low.iter().all(|(key, _)| key.at == 3));
            grown_once_more(&map, 0, &[(9, 90), (12, 12)]);
            seen.record(if low.is_empty() {
                age.into()
            } else {
                format!("3, {age}")
            });
        });
}

/// An iteration: grow // upsert 9, insert 6 // all entries. (6 with the old 9 would be against the
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
                    insert(map, 6, &pin);
                },
                |map, pin| map.entries_from(0, &pin),
            );
            grown_once_more(&map, 0, &[(3, 3), (6, 6), (9, 90), (12, 12)]);
            seen.record(match places(&entries)[..] {
                [(3, 3), (9, 9), (12, 12)] => "old 9",
                [(3, 3), (9, 90), (12, 12)] => "new 9",
                [(3, 3), (6, 6), (9, 90), (12, 12)] => "6, new 9",
                ref other => panic!("not exactly once: {other:?}"),
            });
        });
}
