//! Models of presence bits while strides are made: each is one race on a few words. The table has a
//! bucket and grows, so in the second growth of a model with tables that double the head 4 or 12 is
//! new, and 0 and 8 have twins.

#![allow(missing_docs, reason = "a test's name is its documentation")]

mod scenario;

use scenario::*;

/// A map with one stride claimed by the first thread, as [`filled`] makes it.
fn stride_claimed(keys: &[u8]) -> (std::sync::Arc<Map>, [Pin; 3], Claim) {
    let map = filled(keys);
    let pins = pins(&map);
    let claim = claimed(&map, &pins);
    (map, pins, claim)
}

/// w3: make // insert 10 behind 9, get 10: the bit is set in the older head, before it is closed or
/// after, or is found there.
#[test]
fn w3_insert_behind_an_older_head() {
    Model::new("w3_insert_behind_an_older_head")
        .bound(3)
        .full_unbounded()
        .reach(["older", "newest"])
        .run(|seen| {
            let (map, pins, claim) = stride_claimed(&[5, 9]);
            let (_, when, _) = race_pinned(
                &map,
                pins,
                move |map, pin| make(map, claim, &pin),
                |map, pin| {
                    let ready = map.is_ready(9);
                    insert_and_get(map, 10, &pin);
                    ready
                },
                |_, pin| drop(pin),
            );
            ended(&map, GROWN, &[(5, 5), (9, 9), (10, 10)]);
            seen.record(if when { "newest" } else { "older" });
        });
}

/// w4: make // insert 10 behind 9, get 10 // remove 4, which stands between the older head and the
/// place of its child.
#[test]
#[cfg_attr(not(splitmap_doubling), ignore = "minutes with more heads: run full")]
fn w4_emptied_meanwhile() {
    Model::new("w4_emptied_meanwhile")
        .reach(["older", "newest"])
        .run(|seen| {
            let (map, pins, claim) = stride_claimed(&[4, 9]);
            let (_, when, _) = race_pinned(
                &map,
                pins,
                move |map, pin| make(map, claim, &pin),
                |map, pin| {
                    let ready = map.is_ready(9);
                    insert_and_get(map, 10, &pin);
                    ready
                },
                |map, pin| remove(map, 4, &pin),
            );
            ended(&map, GROWN, &[(9, 9), (10, 10)]);
            seen.record(if when { "newest" } else { "older" });
        });
}

/// w15: make // insert 10 behind 9, get 10 // remove 4, insert 5: the older head is emptied, and
/// filled again.
#[test]
fn w15_emptied_and_filled_meanwhile() {
    Model::new("w15_emptied_and_filled_meanwhile")
        .bound(1)
        .full_bound(2)
        .reach(["older", "newest"])
        .run(|seen| {
            let (map, pins, claim) = stride_claimed(&[4, 9]);
            let (when, _, _) = race_pinned(
                &map,
                pins,
                |map, pin| {
                    let ready = map.is_ready(9);
                    insert_and_get(map, 10, &pin);
                    ready
                },
                |map, pin| {
                    remove(map, 4, &pin);
                    insert(map, 5, &pin);
                },
                |map, pin| make(map, claim, &pin),
            );
            ended(&map, GROWN, &[(5, 5), (9, 9), (10, 10)]);
            seen.record(if when { "newest" } else { "older" });
        });
}

/// w16: a ready head is emptied and filled, and drops its bits, while the other stride is open:
/// remove 1, insert 2 // insert 10 behind 9, get 10 // make the other stride, settle it.
#[test]
#[cfg(splitmap_doubling)]
fn w16_bits_dropped_meanwhile() {
    Model::new("w16_bits_dropped_meanwhile")
        .full_bound(3)
        .reach(["older", "newest"])
        .run(|seen| {
            let map = filled_wide(1, &[1, 9]);
            let pins = pins(&map);
            map.grow(&pins[0]);
            assert!(map.help(&pins[0]));
            let claim = claim(&map, &pins[0]);
            assert_eq!(claim.stride(), 1);
            let (_, when, _) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    make(map, claim, &pin);
                    assert!(map.settle(1, &pin));
                },
                |map, pin| {
                    let ready = map.is_ready(9);
                    insert_and_get(map, 10, &pin);
                    ready
                },
                |map, pin| {
                    remove(map, 1, &pin);
                    insert(map, 2, &pin);
                },
            );
            ended(&map, GROWN * GROWN, &[(2, 2), (9, 9), (10, 10)]);
            seen.record(if when { "newest" } else { "older" });
        });
}

/// w5: make four heads // insert 14 behind 13, get 14: an order from left to right would let the
/// inserter stand behind a head that is not the nearest.
#[test]
#[cfg(not(splitmap_doubling))]
fn w5_behind_the_last_of_four() {
    Model::new("w5_behind_the_last_of_four")
        .full_bound(3)
        .reach(["older", "newest"])
        .run(|seen| {
            let (map, pins, claim) = stride_claimed(&[5, 13]);
            let (_, when, _) = race_pinned(
                &map,
                pins,
                move |map, pin| make(map, claim, &pin),
                |map, pin| {
                    let ready = map.is_ready(13);
                    insert_and_get(map, 14, &pin);
                    ready
                },
                |_, pin| drop(pin),
            );
            ended(&map, GROWN, &[(5, 5), (13, 13), (14, 14)]);
            seen.record(if when { "newest" } else { "older" });
        });
}

/// w12: shrink: make and settle // insert 10 behind 9, get 10.
#[test]
fn w12_shrinking_and_insert() {
    Model::new("w12_shrinking_and_insert")
        .bound(if cfg!(splitmap_doubling) { 3 } else { 2 })
        .reach(["older", "newest"])
        .run(|seen| {
            let map = filled_wide(1, &[9]);
            let pins = pins(&map);
            assert!(map.shrink(&pins[0]));
            let claim = claim(&map, &pins[0]);
            let (_, when, _) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    make(map, claim, &pin);
                    assert!(map.settle(0, &pin));
                },
                |map, pin| {
                    let ready = map.is_ready(9);
                    insert_and_get(map, 10, &pin);
                    ready
                },
                |_, pin| drop(pin),
            );
            ended(&map, 1, &[(9, 9), (10, 10)]);
            seen.record(if when { "newest" } else { "older" });
        });
}

/// w13: shrink: make and settle // insert 6 behind 4, and then behind 5, get 6 // insert 5.
#[test]
#[cfg_attr(not(splitmap_doubling), ignore = "minutes with more heads: run full")]
fn w13_shrinking_and_two_inserts() {
    Model::new("w13_shrinking_and_two_inserts")
        .bound(1)
        .reach(["older", "newest"])
        .run(|seen| {
            let map = filled_wide(1, &[4]);
            let pins = pins(&map);
            assert!(map.shrink(&pins[0]));
            let claim = claim(&map, &pins[0]);
            let (_, _, when) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    make(map, claim, &pin);
                    assert!(map.settle(0, &pin));
                },
                |map, pin| insert(map, 5, &pin),
                |map, pin| {
                    insert_and_get(map, 6, &pin);
                    map.is_ready(4)
                },
            );
            ended(&map, 1, &[(4, 4), (5, 5), (6, 6)]);
            seen.record(if when { "newest" } else { "older" });
        });
}

/// A stride of two buckets, of which each has its own older head, so that the second is not the
/// first of its stride: make, settle // insert 10 behind 9, get 10 // remove 4.
#[test]
#[cfg(splitmap_doubling)]
fn two_older_heads_in_a_stride() {
    Model::new("two_older_heads_in_a_stride")
        .bound(1)
        .full_bound(2)
        .reach(["older", "newest"])
        .run(|seen| {
            splitmap::model::set_stride(2);
            let map = filled_wide(1, &[4, 9]);
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
                    let ready = map.is_ready(9);
                    insert_and_get(map, 10, &pin);
                    ready
                },
                |map, pin| remove(map, 4, &pin),
            );
            ended(&map, GROWN * GROWN, &[(9, 9), (10, 10)]);
            seen.record(if when { "newest" } else { "older" });
        });
}

/// The same the other way: shrink, make, settle // insert 10 behind 9, get 10 // remove 4.
#[test]
#[cfg(splitmap_doubling)]
fn four_older_heads_in_a_stride() {
    Model::new("four_older_heads_in_a_stride")
        .bound(1)
        .full_bound(2)
        .reach(["older", "newest"])
        .run(|seen| {
            splitmap::model::set_stride(2);
            let map = filled_wide(2, &[4, 9]);
            let pins = pins(&map);
            assert!(map.shrink(&pins[0]));
            let claim = claim(&map, &pins[0]);
            let (_, when, _) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    make(map, claim, &pin);
                    assert!(map.settle(0, &pin));
                },
                |map, pin| {
                    let ready = map.is_ready(9);
                    insert_and_get(map, 10, &pin);
                    ready
                },
                |map, pin| remove(map, 4, &pin),
            );
            ended(&map, GROWN, &[(9, 9), (10, 10)]);
            seen.record(if when { "newest" } else { "older" });
        });
}
