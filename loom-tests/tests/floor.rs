//! Models of what was reserved: a floor below which the table does not shrink, raised while another
//! thread shrinks it.

#![allow(missing_docs, reason = "a test's name is its documentation")]

mod scenario;

use scenario::*;

/// Reserve // shrink, and no more: whichever comes first, one of the two sees the other, and the table
/// has what was reserved.
#[test]
fn reserve_against_a_shrinking() {
    Model::new("reserve_against_a_shrinking")
        .bound(1)
        .full_bound(2)
        .reach(["refused", "shrunk first"])
        .run(|seen| {
            let map = filled_wide(1, &[3]);
            let (_, shrinks, _) = race(
                &map,
                |map, pin| map.reserve(GROWN, &pin),
                |map, pin| map.shrink(&pin),
                |_, pin| drop(pin),
            );
            assert_eq!(map.buckets(), GROWN, "not what was reserved");
            ended(&map, GROWN, &[(3, 3)]);
            assert!(!map.shrink(&map.pin()), "shrinks below the floor");
            seen.record(if shrinks { "shrunk first" } else { "refused" });
        });
}

/// Reserve // shrink to the end // insert 10, get 12, 10.
#[test]
#[ignore = "minutes: run full"]
fn reserve_against_a_whole_shrinking() {
    Model::new("reserve_against_a_whole_shrinking")
        .bound(1)
        .reach(["refused", "shrunk first"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 12]);
            let (_, shrinks, _) = race(
                &map,
                |map, pin| map.reserve(GROWN, &pin),
                |map, pin| {
                    let shrinks = map.shrink(&pin);
                    help_out(map, &pin);
                    shrinks
                },
                |map, pin| {
                    insert(map, 10, &pin);
                    get_stable(map, &[12, 10], &pin);
                },
            );
            assert_eq!(map.buckets(), GROWN, "not what was reserved");
            ended(&map, GROWN, &[(3, 3), (10, 10), (12, 12)]);
            assert!(!map.shrink(&map.pin()), "shrinks below the floor");
            seen.record(if shrinks { "shrunk first" } else { "refused" });
        });
}

/// Reserve two steps more // give the floor up, shrink // insert 10: the map stays whole, and no thread
/// grows and shrinks it for ever.
#[test]
#[cfg(splitmap_doubling)]
#[ignore = "minutes: run full"]
fn reserve_against_giving_up() {
    Model::new("reserve_against_giving_up")
        .bound(1)
        .reach(["2 buckets", "4 buckets"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 12]);
            race(
                &map,
                |map, pin| map.reserve(GROWN * GROWN, &pin),
                |map, pin| {
                    map.give_up_floor();
                    map.shrink(&pin);
                },
                |map, pin| insert(map, 10, &pin),
            );
            let pin = map.pin();
            carry_on(&map, &pin);
            drop(pin);
            settled(&map, &[(3, 3), (10, 10), (12, 12)]);
            seen.record(match map.buckets() {
                2 => "2 buckets",
                _ => "4 buckets",
            });
        });
}
