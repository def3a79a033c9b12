//! Models of second turns: what a thread does that has lost its one compare-and-swap of a resize to
//! another, and looks again. Planted panics (`second-turn-` in `mutants`) show that each of them
//! is reached. Those of the list are reached by its own models.

#![allow(missing_docs, reason = "a test's name is its documentation")]

mod scenario;

use scenario::*;

/// Grow // grow // get 12: the loser sees that strides are left, and lets it be.
#[test]
fn grown_by_another() {
    Model::new("grown_by_another")
        .full_unbounded()
        .reach(["within"])
        .run(|seen| {
            let map = filled(&[3, 12]);
            race(
                &map,
                |map, pin| map.grow(&pin),
                |map, pin| map.grow(&pin),
                |map, pin| get_stable(map, &[12], &pin),
            );
            assert_eq!((map.tables(), map.buckets()), (2, GROWN));
            seen.record(stage(&map, 1));
            ended(&map, GROWN, &[(3, 3), (12, 12)]);
        });
}

/// Shrink // shrink // get 12: one of them does, and the other sees it.
#[test]
fn shrunk_by_another() {
    Model::new("shrunk_by_another")
        .full_unbounded()
        .reach(["a", "b"])
        .run(|seen| {
            let map = filled_wide(1, &[3, 12]);
            let (a, b, _) = race(
                &map,
                |map, pin| map.shrink(&pin),
                |map, pin| map.shrink(&pin),
                |map, pin| get_stable(map, &[12], &pin),
            );
            assert_ne!(a, b, "two have published a shrinking, or none");
            ended(&map, 1, &[(3, 3), (12, 12)]);
            seen.record(if a { "a" } else { "b" });
        });
}

/// Reserve // reserve the same: the loser sees that the table is wide enough.
#[test]
fn reserved_by_another() {
    Model::new("reserved_by_another")
        .bound(1)
        .full_bound(2)
        .reach(["done"])
        .run(|seen| {
            let map = filled(&[3]);
            race(
                &map,
                |map, pin| map.reserve(GROWN, &pin),
                |map, pin| map.reserve(GROWN, &pin),
                |_, pin| drop(pin),
            );
            ended(&map, GROWN, &[(3, 3)]);
            assert!(!map.shrink(&map.pin()), "shrinks below the floor");
            seen.record("done");
        });
}

/// Shrink // reserve one step more: a shrinking that has lost looks at the floor that is there now.
#[test]
#[cfg(splitmap_doubling)]
#[ignore = "a minute: run full"]
fn reserved_under_a_shrinking() {
    Model::new("reserved_under_a_shrinking")
        .bound(1)
        .full_bound(2)
        .reach(["refused", "shrunk first"])
        .run(|seen| {
            let map = filled_wide(1, &[3]);
            let (shrinks, _, _) = race(
                &map,
                |map, pin| map.shrink(&pin),
                |map, pin| map.reserve(GROWN * GROWN, &pin),
                |_, pin| drop(pin),
            );
            ended(&map, GROWN * GROWN, &[(3, 3)]);
            seen.record(if shrinks { "shrunk first" } else { "refused" });
        });
}
