//! Models of growths that overlap: the owner of a stride has stopped, and the table has to grow
//! again. Two growths of four are beyond what can be explored, so these run with
//! `--cfg splitmap_doubling` alone: the first growth links the head 8, the second 4 and 12.

#![cfg(splitmap_doubling)]
#![allow(missing_docs, reason = "a test's name is its documentation")]

mod scenario;

use scenario::*;

/// Grows over whatever is under way, and makes every stride that is left.
fn grow_over(map: &Map, pin: &Pin) {
    map.grow(pin);
    for _ in 0..GROWN {
        map.help(pin);
    }
}

/// o1: an owner that goes on late // the next growth // insert 10, get 10, get 13.
#[test]
fn o1_late_owner_and_insert() {
    Model::new("o1_late_owner_and_insert")
        .bound(1)
        .full_bound(2)
        .reach(["both done", "the first left"])
        .run(|seen| {
            let map = filled(&[9, 13]);
            let pins = pins(&map);
            let claim = claimed(&map, &pins);
            let (_, open, _) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    map.make(claim, &pin);
                    map.finish(claim, &pin);
                },
                |map, pin| {
                    grow_over(map, &pin);
                    map.is_growing()
                },
                |map, pin| {
                    assert!(map.get_or_insert(10, 10, &pin).1);
                    assert_eq!(map.get(10, &pin), Some(10), "own insert not found");
                    assert_eq!(map.get(13, &pin), Some(13), "stable key not found");
                },
            );
            assert!(!map.is_growing());
            assert_eq!(map.buckets(), GROWN * GROWN);
            settled(&map, &[(9, 9), (10, 10), (13, 13)]);
            seen.record(if open { "the first left" } else { "both done" });
        });
}

/// o2: an owner that goes on late // the next growth // remove 9, insert 14, get 13.
#[test]
fn o2_late_owner_and_remove() {
    Model::new("o2_late_owner_and_remove")
        .bound(1)
        .reach(["both done", "the first left"])
        .run(|seen| {
            let map = filled(&[9, 13]);
            let pins = pins(&map);
            let claim = claimed(&map, &pins);
            let (_, open, _) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    map.make(claim, &pin);
                    map.finish(claim, &pin);
                },
                |map, pin| {
                    grow_over(map, &pin);
                    map.is_growing()
                },
                |map, pin| {
                    assert_eq!(map.remove(9, &pin), Some(9));
                    assert!(map.get_or_insert(14, 14, &pin).1);
                    assert_eq!(map.get(13, &pin), Some(13), "stable key not found");
                },
            );
            assert!(!map.is_growing());
            settled(&map, &[(13, 13), (14, 14)]);
            seen.record(if open { "the first left" } else { "both done" });
        });
}

/// o3: the next growth over a group whose owner never goes on // insert 14 // get 13, 14, 14.
#[test]
fn o3_owner_stopped_for_good() {
    Model::new("o3_owner_stopped_for_good")
        .bound(1)
        .full_bound(2)
        .reach(["None, None", "None, Some", "Some, Some"])
        .run(|seen| {
            let map = filled(&[9, 13]);
            let pins = pins(&map);
            claimed(&map, &pins);
            let (_, inserted, (first, second)) = race_pinned(
                &map,
                pins,
                |map, pin| grow_over(map, &pin),
                |map, pin| map.get_or_insert(14, 14, &pin).1,
                |map, pin| {
                    assert_eq!(map.get(13, &pin), Some(13), "stable key not found");
                    (map.get(14, &pin), map.get(14, &pin))
                },
            );
            assert!(inserted && (first.is_none() || second.is_some()));
            assert!(map.is_growing(), "the first growth cannot be complete");
            assert_eq!(map.buckets(), GROWN * GROWN);
            settled(&map, &[(9, 9), (13, 13), (14, 14)]);
            seen.record(format!("{}, {}", found(first), found(second)));
        });
}
