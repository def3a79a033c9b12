//! Models of settling and ending: older heads are frozen and unlinked, by several threads at once,
//! while others write between them; then the older table is retired.

#![allow(missing_docs, reason = "a test's name is its documentation")]

mod scenario;

#[cfg(splitmap_doubling)]
use std::cell::Cell;
#[cfg(splitmap_doubling)]
use std::sync::Arc;

use scenario::*;

/// w6: make, settle // insert 1 behind the first head, which is frozen // get 12.
#[test]
fn w6_first_head_frozen() {
    Model::new("w6_first_head_frozen")
        .full_bound(3)
        .reach(["open", "ready"])
        .run(|seen| {
            let map = filled(&[3, 12]);
            let pins = pins(&map);
            let claim = claimed(&map, &pins);
            let (_, when, _) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    make(map, claim, &pin);
                    assert!(map.settle(0, &pin));
                },
                |map, pin| {
                    let when = if map.is_ready(1) { "ready" } else { "open" };
                    insert(map, 1, &pin);
                    when
                },
                |map, pin| get_stable(map, &[12], &pin),
            );
            ended(&map, GROWN, &[(1, 1), (3, 3), (12, 12)]);
            seen.record(when);
        });
}

/// w7: make, settle, end, shrink to the end // insert 1.
#[test]
fn w7_first_head_gone() {
    Model::new("w7_first_head_gone")
        .bound(1)
        .full_bound(2)
        .reach(["before", "within", "after"])
        .run(|seen| {
            let map = filled(&[3]);
            let pins = pins(&map);
            map.grow(&pins[0]);
            let (_, when, _) = race_pinned(
                &map,
                pins,
                |map, pin| {
                    carry_on(map, &pin);
                    assert!(shrunk(map, &pin));
                },
                |map, pin| {
                    let when = match (map.is_busy(), map.is_slow()) {
                        (true, false) => "before",
                        (true, true) => "within",
                        _ => "after",
                    };
                    insert(map, 1, &pin);
                    when
                },
                |_, pin| drop(pin),
            );
            ended(&map, 1, &[(1, 1), (3, 3)]);
            seen.record(when);
        });
}

/// w14: grow, then shrink to less than before // insert 9, get 9, with every value that is old to
/// itself: an older head that nobody has frozen would lead to one that is gone. One after the other:
/// explored is what the second may not have seen yet.
#[test]
#[cfg(splitmap_doubling)]
#[ignore = "a minute: run full"]
fn w14_shrunk_to_less() {
    Model::new("w14_shrunk_to_less")
        .full_unbounded()
        .reach(["inserted"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 12]);
            let [pin_a, pin_b, _pin] = pins(&map);
            map.grow(&pin_a);
            let ended_a = Arc::new(Cell::new(false));
            let (map_a, map_b, waits_for) = (map.clone(), map.clone(), ended_a.clone());
            let a = loom::thread::spawn(move || {
                carry_on(&map_a, &pin_a);
                assert!(shrunk(&map_a, &pin_a));
                assert!(shrunk(&map_a, &pin_a));
                ended_a.set(true);
                pin_a
            });
            let b = loom::thread::spawn(move || {
                wait_for(&waits_for);
                explore();
                insert_and_get(&map_b, 9, &pin_b);
                pin_b
            });
            let _pins = (a.join().unwrap(), b.join().unwrap());
            stop_exploring();
            ended(&map, 1, &[(3, 3), (9, 9), (12, 12)]);
            seen.record("inserted");
        });
}

/// w18: make // settle and end, as soon as the stride is ready // insert 10 behind 9, get 10.
#[test]
fn w18_settled_by_another() {
    Model::new("w18_settled_by_another")
        .full_bound(3)
        .reach(["ended", "too early"])
        .run(|seen| {
            let map = filled(&[9]);
            let pins = pins(&map);
            let claim = claimed(&map, &pins);
            let (_, ends, _) = race_pinned(
                &map,
                pins,
                move |map, pin| make(map, claim, &pin),
                |map, pin| map.settle(0, &pin) && map.end(&pin),
                |map, pin| insert_and_get(map, 10, &pin),
            );
            ended(&map, GROWN, &[(9, 9), (10, 10)]);
            seen.record(if ends { "ended" } else { "too early" });
        });
}

/// q1: settle // settle // insert 7 before the older head 8, get 9, remove 5 behind which it stands.
#[test]
#[cfg(splitmap_doubling)]
fn q1_settled_by_two() {
    Model::new("q1_settled_by_two")
        .bound(1)
        .full_bound(2)
        .reach(["both", "one"])
        .run(|seen| {
            let map = filled_wide(1, &[5, 9]);
            let pins = pins(&map);
            grown_unsettled(&map, &pins[0]);
            let ends = Arc::new(Cell::new(0));
            let (by_a, by_b) = (ends.clone(), ends.clone());
            let settle = |by: Arc<Cell<u32>>| {
                move |map: &Map, pin: Pin| {
                    assert!(map.settle(1, &pin));
                    by.set(by.get() + 1);
                }
            };
            let (_, _, settled_before) =
                race_pinned(&map, pins, settle(by_a), settle(by_b), |map, pin| {
                    insert(map, 7, &pin);
                    get_stable(map, &[9], &pin);
                    remove(map, 5, &pin);
                    ends.get()
                });
            ended(&map, GROWN * GROWN, &[(7, 7), (9, 9)]);
            seen.record(if settled_before == 2 { "both" } else { "one" });
        });
}

/// q3: make // settle, if it is possible // insert 10, get 9.
#[test]
fn q3_maker_and_settler() {
    Model::new("q3_maker_and_settler")
        .full_bound(3)
        .reach(["settled", "too early"])
        .run(|seen| {
            let map = filled(&[9, 12]);
            let pins = pins(&map);
            let claim = claimed(&map, &pins);
            let (_, settles, _) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    make(map, claim, &pin);
                    assert!(map.settle(0, &pin));
                },
                |map, pin| map.settle(0, &pin),
                |map, pin| {
                    insert(map, 10, &pin);
                    get_stable(map, &[9], &pin);
                },
            );
            ended(&map, GROWN, &[(9, 9), (10, 10), (12, 12)]);
            seen.record(if settles { "settled" } else { "too early" });
        });
}

/// m1: two threads share the strides of a growth, make and settle // insert 10 behind 9, get 10.
#[test]
#[cfg(splitmap_doubling)]
fn m1_two_helpers() {
    Model::new("m1_two_helpers")
        .bound(1)
        .full_bound(2)
        .reach(["before", "after"])
        .run(|seen| {
            let map = filled_wide(1, &[9]);
            let pins = pins(&map);
            map.grow(&pins[0]);
            let (_, _, when) = race_pinned(
                &map,
                pins,
                |map, pin| help_out(map, &pin),
                |map, pin| help_out(map, &pin),
                |map, pin| {
                    insert_and_get(map, 10, &pin);
                    if map.is_ready(9) { "after" } else { "before" }
                },
            );
            assert!(!map.is_busy(), "nobody has ended it");
            ended(&map, GROWN * GROWN, &[(9, 9), (10, 10)]);
            seen.record(when);
        });
}

/// w10: settle the last stride // end, as soon as all is settled; then all entries // get 12, 5. What
/// the thread that ends may still read is no head of the table that it retires.
#[test]
#[cfg(splitmap_doubling)]
fn w10_ended_by_another() {
    Model::new("w10_ended_by_another")
        .bound(3)
        .reach(["ended", "too early"])
        .run(|seen| {
            let map = filled_wide(1, &[5, 12]);
            let pins = pins(&map);
            grown_unsettled(&map, &pins[0]);
            assert!(map.settle(0, &pins[0]));
            let (_, ends, _) = race_pinned(
                &map,
                pins,
                |map, pin| assert!(map.settle(1, &pin)),
                |map, pin| {
                    let ends = map.end(&pin);
                    if ends {
                        map.assert_no_old_head(&pin);
                    }
                    ends
                },
                |map, pin| get_stable(map, &[12, 5], &pin),
            );
            ended(&map, GROWN * GROWN, &[(5, 5), (12, 12)]);
            seen.record(if ends { "ended" } else { "too early" });
        });
}

/// As above for a shrinking, where it is seen by what is found: settle, and still pinned // end, get
/// 11, whose presence bit 3 has too // get 11.
#[test]
fn shrinking_ended_by_another() {
    Model::new("shrinking_ended_by_another")
        .full_bound(3)
        .reach(["ended", "too early"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 11]);
            let pins = pins(&map);
            assert!(map.shrink(&pins[0]));
            make_all(&map, &pins[0]);
            let (_, ends, _) = race_pinned(
                &map,
                pins,
                |map, pin| {
                    assert!(map.settle(0, &pin));
                    // The pin is still there: it orders nothing before this.
                    get_stable(map, &[3], &pin);
                },
                |map, pin| {
                    let ends = map.end(&pin);
                    if ends {
                        map.assert_no_old_head(&pin);
                    }
                    get_stable(map, &[11], &pin);
                    ends
                },
                |map, pin| get_stable(map, &[11], &pin),
            );
            ended(&map, 1, &[(3, 3), (11, 11)]);
            seen.record(if ends { "ended" } else { "too early" });
        });
}

/// Who settles has the news of the shrinking from another, and what it unlinks was behind the head
/// by a third: publish a shrinking, make it, get 10 // settle // insert 10.
#[test]
fn settled_unseen() {
    Model::new("settled_unseen")
        .bound(if cfg!(splitmap_doubling) { 2 } else { 1 })
        .full_bound(3)
        .reach(["None", "Some"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 12]);
            let (got, _, _) = race_without_fences(
                &map,
                |map, pin| {
                    assert!(map.shrink(pin));
                    make_all(map, pin);
                    map.get(10, pin)
                },
                |map, pin| map.settle(0, pin),
                |map, pin| insert(map, 10, pin),
            );
            ended(&map, 1, &[(3, 3), (10, 10), (12, 12)]);
            seen.record(found(got));
        });
}

/// Four strides are more than one look takes in, so the first two are vouched for by whoever looked
/// at them: settle the second stride, where the head 6 goes, and look // look at the others, end the
/// shrinking, get 7 // get 7.
#[test]
#[cfg(splitmap_doubling)]
fn looked_at_by_another() {
    Model::new("looked_at_by_another")
        .bound(1)
        .full_bound(2)
        .reach(["took its word", "looked at more"])
        .run(|seen| {
            let map = filled_wide(3, &[4, 7]);
            let pins = pins(&map);
            assert!(map.shrink(&pins[0]));
            make_all(&map, &pins[0]);
            for stride in [0, 2, 3] {
                assert!(map.settle(stride, &pins[0]));
            }
            let (_, steps, _) = race_pinned(
                &map,
                pins,
                |map, pin| {
                    map.settle(1, &pin);
                    map.help(&pin);
                    // The pin is still there: it orders nothing before this.
                    get_stable(map, &[4], &pin);
                },
                |map, pin| {
                    let mut steps = 0;
                    while map.is_busy() {
                        map.help(&pin);
                        steps += 1;
                    }
                    get_stable(map, &[7], &pin);
                    steps
                },
                |map, pin| get_stable(map, &[7], &pin),
            );
            ended(&map, GROWN * GROWN, &[(4, 4), (7, 7)]);
            seen.record(if steps == 1 {
                "took its word"
            } else {
                "looked at more"
            });
        });
}

/// As above, where not all that a thread looked at was settled: settle the first stride, and look //
/// settle the second // look, get 3.
#[test]
#[cfg(splitmap_doubling)]
#[ignore = "minutes: run full"]
fn looked_at_in_part() {
    Model::new("looked_at_in_part")
        .bound(1)
        .reach(["ended", "not yet"])
        .run(|seen| {
            let map = filled_wide(3, &[1, 3]);
            let pins = pins(&map);
            assert!(map.shrink(&pins[0]));
            make_all(&map, &pins[0]);
            for stride in [2, 3] {
                assert!(map.settle(stride, &pins[0]));
            }
            let (_, ends, _) = race_pinned(
                &map,
                pins,
                |map, pin| {
                    map.settle(1, &pin);
                    // The pin is still there: it orders nothing before this.
                    get_stable(map, &[1], &pin);
                },
                |map, pin| {
                    let ends = map.end(&pin);
                    if ends {
                        get_stable(map, &[3], &pin);
                    }
                    ends
                },
                |map, pin| {
                    map.settle(0, &pin);
                    map.help(&pin);
                    get_stable(map, &[1], &pin);
                },
            );
            ended(&map, GROWN * GROWN, &[(1, 1), (3, 3)]);
            seen.record(if ends { "ended" } else { "not yet" });
        });
}

/// Two of four strides are settled, all that one look takes in: carry on to the end // get 7.
#[test]
#[cfg(splitmap_doubling)]
fn looked_at_further() {
    Model::new("looked_at_further")
        .bound(1)
        .full_bound(2)
        .reach(["within", "after"])
        .run(|seen| {
            let map = filled_wide(3, &[4, 13]);
            let pins = pins(&map);
            assert!(map.shrink(&pins[0]));
            make_all(&map, &pins[0]);
            for stride in [0, 1] {
                assert!(map.settle(stride, &pins[0]));
            }
            let (_, when, _) = race_pinned(
                &map,
                pins,
                |map, pin| help_out(map, &pin),
                |map, pin| {
                    get_stable(map, &[13], &pin);
                    stage(map, GROWN.pow(3))
                },
                |_, pin| drop(pin),
            );
            assert!(!map.is_busy());
            ended(&map, GROWN * GROWN, &[(4, 4), (13, 13)]);
            seen.record(when);
        });
}

/// Settle // remove 5, directly behind which the older head 8 stands // get 9.
#[test]
#[cfg(splitmap_doubling)]
fn settled_behind_a_removed_node() {
    Model::new("settled_behind_a_removed_node")
        .full_bound(3)
        .reach(["before", "after"])
        .run(|seen| {
            let map = filled_wide(1, &[5, 9]);
            let pins = pins(&map);
            grown_unsettled(&map, &pins[0]);
            let settled = Arc::new(Cell::new(false));
            let is_settled = settled.clone();
            let (_, when, _) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    assert!(map.settle(1, &pin));
                    settled.set(true);
                },
                move |map, pin| {
                    remove(map, 5, &pin);
                    is_settled.get()
                },
                |map, pin| get_stable(map, &[9], &pin),
            );
            ended(&map, GROWN * GROWN, &[(9, 9)]);
            seen.record(if when { "after" } else { "before" });
        });
}
