//! Models of the shrinking of a group of several strides. Those of the second growth have four
//! times as many heads as can be explored, so these run with `--cfg splitmap_doubling` alone.

#![cfg(splitmap_doubling)]
#![allow(missing_docs, reason = "a test's name is its documentation")]

mod scenario;

use scenario::*;

/// f1: two threads settle the first stride, the head 4 // settle the second, 12, to the end;
/// get 13, insert 14.
#[test]
fn f1_settled_twice() {
    Model::new("f1_settled_twice")
        .bound(1)
        .full_bound(2)
        .reach(["both done", "one left"])
        .run(|seen| {
            let map = filled_wide(2, &[5, 13]);
            let freed = map.freed();
            let pins = pins(&map);
            map.shrink(&pins[0]);
            assert_eq!(map.begin(&pins[0]), 0);
            let ended = std::sync::Arc::new(std::cell::Cell::new(0));
            let (by_a, by_b) = (ended.clone(), ended.clone());
            let (_, _, left) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    map.settle(0, &pin);
                    by_a.set(by_a.get() + 1);
                },
                move |map, pin| {
                    map.settle(0, &pin);
                    by_b.set(by_b.get() + 1);
                },
                |map, pin| {
                    help_shrinking(map, &pin);
                    let left = ended.get() < 2;
                    assert_eq!(map.get(13, &pin), Some(13), "stable key not found");
                    assert!(map.get_or_insert(14, 14, &pin).1);
                    left
                },
            );
            assert!(!map.is_shrinking() && map.buckets() == GROWN);
            settled(&map, &[(5, 5), (13, 13), (14, 14)]);
            assert_eq!(all_freed(&map) - freed, 3);
            seen.record(if left { "one left" } else { "both done" });
        });
}

/// Four strides are more than one look takes in, so the first two are vouched for by whoever looked
/// at them: settle the second stride, the head 6, and look // look at the others, end the shrinking,
/// get 7 // get 7.
#[test]
fn looked_at_by_another() {
    Model::new("looked_at_by_another")
        .bound(1)
        .full_bound(2)
        .reach(["took its word", "looked at more"])
        .run(|seen| {
            let map = filled_wide(3, &[4, 7]);
            let freed = map.freed();
            let pins = pins(&map);
            map.shrink(&pins[0]);
            for stride in 0..4 {
                assert_eq!(map.begin(&pins[0]), stride);
                if stride != 1 {
                    map.settle(stride, &pins[0]);
                }
            }
            let (_, steps, _) = race_pinned(
                &map,
                pins,
                |map, pin| {
                    map.settle(1, &pin);
                    map.help(&pin);
                    // The pin is still there: it orders nothing before this.
                    assert_eq!(map.get(4, &pin), Some(4), "stable key not found");
                },
                |map, pin| {
                    let mut steps = 0;
                    while map.is_shrinking() {
                        map.help(&pin);
                        steps += 1;
                    }
                    assert_eq!(map.get(7, &pin), Some(7), "stable key not found");
                    steps
                },
                |map, pin| assert_eq!(map.get(7, &pin), Some(7), "stable key not found"),
            );
            assert!(!map.is_shrinking() && map.buckets() == GROWN * GROWN);
            settled(&map, &[(4, 4), (7, 7)]);
            assert_eq!(all_freed(&map) - freed, 3);
            seen.record(if steps == 1 {
                "took its word"
            } else {
                "looked at more"
            });
        });
}

/// Grown twice and shrunk twice in a row: shrink, shrink // insert 10, get 10 // get 13, 3.
#[test]
#[ignore = "minutes: run full"]
fn shrunk_twice() {
    Model::new("shrunk_twice")
        .bound(1)
        .reach(["before", "between", "after"])
        .run(|seen| {
            let map = filled_wide(2, &[3, 13]);
            let freed = map.freed();
            let (_, when, _) = race(
                &map,
                |map, pin| {
                    shrunk(map, &pin);
                    shrunk(map, &pin);
                },
                |map, pin| {
                    assert!(map.get_or_insert(10, 10, &pin).1);
                    let when = match map.buckets() {
                        1 => "after",
                        2 => "between",
                        _ => "before",
                    };
                    assert_eq!(map.get(10, &pin), Some(10), "own insert not found");
                    when
                },
                |map, pin| {
                    assert_eq!(map.get(13, &pin), Some(13), "stable key not found");
                    assert_eq!(map.get(3, &pin), Some(3), "stable key not found");
                },
            );
            assert!(!map.is_shrinking() && map.buckets() == 1);
            settled(&map, &[(3, 3), (10, 10), (13, 13)]);
            assert_eq!(all_freed(&map) - freed, 6);
            seen.record(when);
        });
}
