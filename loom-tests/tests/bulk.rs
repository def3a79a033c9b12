//! Models of calls on many keys: `retain`, `scan`, `insert_many`, the parts of a parallel iteration, and
//! set algebra, each in its worst race.

#![allow(missing_docs, reason = "a test's name is its documentation")]

mod scenario;

use scenario::*;
use splitmap::Cursor;

/// A hasher without a seed: every execution has to take the same steps.
#[cfg(not(splitmap_doubling))]
type Hasher = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;

/// x1: retain all but 9 // insert 10 right behind it, by which the mark is lost // get 9. When `retain`
/// returns, 9 is gone, and nothing of it lingers in the list.
#[test]
#[cfg(not(splitmap_doubling))]
fn x1_retain_loses_its_mark() {
    Model::new("x1_retain_loses_its_mark")
        .full_unbounded()
        .reach(["asked once, Some", "asked once, None"])
        .run(|seen| {
            let map = filled(&[9]);
            let (asked, _, got) = race(
                &map,
                |map, pin| {
                    let mut asked = 0;
                    let keep = |key: Key, _| {
                        asked += usize::from(key.at == 9);
                        key.at != 9
                    };
                    map.retain(keep, &pin);
                    let lingers = map.linked().iter().any(|&(key, _)| key == 9);
                    assert!(!lingers, "a node that was refused is linked");
                    asked
                },
                |map, pin| insert(map, 10, &pin),
                |map, pin| map.get(9, &pin),
            );
            settled(&map, &[(10, 10)]);
            assert_eq!(asked, 1);
            seen.record(format!("asked once, {}", found(got)));
        });
}

/// x2: retain all but 9 // replace 9 // insert 10 behind it: what replaced the entry goes too.
#[test]
#[cfg(not(splitmap_doubling))]
fn x2_retain_against_replace() {
    Model::new("x2_retain_against_replace")
        .full_bound(3)
        .reach([
            "asked once, replaced",
            "asked twice, replaced",
            "asked once, too late",
        ])
        .run(|seen| {
            let map = filled(&[9]);
            let (asked, replaced, _) = race(
                &map,
                |map, pin| {
                    let mut asked = 0;
                    let keep = |key: Key, _| {
                        asked += usize::from(key.at == 9);
                        key.at != 9
                    };
                    map.retain(keep, &pin);
                    asked
                },
                |map, pin| map.replace_if(9, 9, 90, &pin),
                |map, pin| insert(map, 10, &pin),
            );
            settled(&map, &[(10, 10)]);
            let asked = if asked == 1 { "once" } else { "twice" };
            let replaced = if replaced { "replaced" } else { "too late" };
            seen.record(format!("asked {asked}, {replaced}"));
        });
}

/// x3: the first part of a parallel iteration // the table shrinks: the head at which the part ends
/// leaves. What is met is what is in the part.
#[test]
fn x3_part_while_shrinking() {
    Model::new("x3_part_while_shrinking")
        .bound(1)
        .full_bound(2)
        .reach(STAGES)
        .run(|seen| {
            let map = filled_wide(1, &[3, 9]);
            let pins = pins(&map);
            let parts = map.parts(&pins[0]);
            assert_eq!(parts.len(), GROWN);
            let (when, _, _) = race_pinned(
                &map,
                pins,
                move |map, pin| {
                    let met = map.entries_in(parts[0], &pin);
                    assert_eq!(places(&met), [(3, 3)], "entries of other parts, or too few");
                    stage(map, GROWN)
                },
                |map, pin| shrunk(map, &pin),
                |_, _| (),
            );
            seen.record(when);
            ended(&map, 1, &[(3, 3), (9, 9)]);
        });
}

/// When something happened.
const STAGES: [&str; 3] = ["before", "within", "after"];

/// x4: a parallel iteration, divided meanwhile // the table grows. Each entry is met in one part.
#[test]
fn x4_parts_while_growing() {
    Model::new("x4_parts_while_growing")
        .bound(1)
        .full_bound(2)
        .reach(["1 part", "more parts"])
        .run(|seen| {
            let map = filled(&[3, 9, 12]);
            let (parts, _, _) = race(
                &map,
                |map, pin| {
                    let parts = map.parts(&pin).into_iter();
                    let entries = parts.map(|part| map.entries_in(part, &pin));
                    entries.collect::<Vec<_>>()
                },
                |map, pin| grown(map, &pin),
                |_, _| (),
            );
            assert_eq!(places(&parts.concat()), [(3, 3), (9, 9), (12, 12)]);
            let is_one = parts.len() == 1;
            seen.record(if is_one { "1 part" } else { "more parts" });
            ended(&map, GROWN, &[(3, 3), (9, 9), (12, 12)]);
        });
}

/// x5: a scan in calls of one entry, each under a guard of its own // the table shrinks: each entry
/// is met once.
#[test]
fn x5_scan_while_shrinking() {
    Model::new("x5_scan_while_shrinking")
        .bound(1)
        .full_bound(2)
        .reach(STAGES)
        .run(|seen| {
            let map = filled_wide(1, &[3, 9]);
            let (when, _, _) = race(
                &map,
                |map, pin| {
                    let (first, cursor) = map.scan(Cursor::START, 1, &pin);
                    let when = stage(map, GROWN);
                    drop(pin);
                    let pin = map.pin();
                    let cursor = cursor.expect("another entry is left");
                    let (second, _) = map.scan(cursor, 1, &pin);
                    let met = [places(&first), places(&second)].concat();
                    assert_eq!(met, [(3, 3), (9, 9)]);
                    when
                },
                |map, pin| shrunk(map, &pin),
                |_, _| (),
            );
            seen.record(when);
            ended(&map, 1, &[(3, 3), (9, 9)]);
        });
}

/// x6: insert 1 twice at once // insert 1 and 2 // remove 1. The keys that were absent are those that
/// are there, and those that were removed.
#[test]
#[cfg(not(splitmap_doubling))]
fn x6_insert_many() {
    use splitmap::model::NothingIsLeft;
    use std::sync::Arc;

    Model::new("x6_insert_many")
        .bound(1)
        .full_bound(2)
        .reach(["removed", "not there"])
        .run(|seen| {
            let _check = NothingIsLeft::new();
            let map = Arc::new(splitmap::HashMap::<u8, u64, Hasher>::default());
            map.pin().insert(3, 3);
            let (map_a, map_b) = (Arc::clone(&map), Arc::clone(&map));
            explore();
            let a = loom::thread::spawn(move || map_a.pin().insert_many([(1, 10), (1, 11)]));
            let b = loom::thread::spawn(move || map_b.pin().insert_many([(1, 20), (2, 21)]));
            let removed = map.pin().remove(&1).is_some();
            let absent = a.join().unwrap() + b.join().unwrap();
            stop_exploring();
            let map = map.pin();
            assert_eq!(absent, map.len() - 1 + usize::from(removed));
            assert_eq!(map.iter().count(), map.len());
            assert_eq!(map.get(&2), Some(&21));
            seen.record(if removed { "removed" } else { "not there" });
        });
}

/// x7: the union of {1, 2} and {2, 3} // 4 moves from the first to the second. What is in a set
/// throughout is met, and once.
#[test]
#[cfg(not(splitmap_doubling))]
fn x7_union_while_a_value_moves() {
    use splitmap::model::NothingIsLeft;
    use std::sync::Arc;

    type Set = splitmap::HashSet<u8, Hasher>;
    Model::new("x7_union_while_a_value_moves")
        .reach(["4 never", "4 once", "4 twice"])
        .run(|seen| {
            let _check = NothingIsLeft::new();
            let (one, other) = (Arc::new(Set::default()), Arc::new(Set::default()));
            for (set, values) in [(&one, [1, 2, 4].as_slice()), (&other, &[2, 3])] {
                values.iter().for_each(|&value| {
                    set.pin().insert(value);
                });
            }
            let (from, to) = (Arc::clone(&one), Arc::clone(&other));
            explore();
            let mover = loom::thread::spawn(move || {
                assert!(from.pin().remove(&4));
                assert!(to.pin().insert(4));
            });
            let (guard, other_guard) = (one.guard(), other.guard());
            let mut met: Vec<u8> = { one.union(&other, &guard, &other_guard) }
                .copied()
                .collect();
            mover.join().unwrap();
            stop_exploring();
            met.sort_unstable();
            let fours = met.iter().filter(|&&value| value == 4).count();
            met.retain(|&value| value != 4);
            assert_eq!(met, [1, 2, 3]);
            seen.record(["4 never", "4 once", "4 twice"][fours]);
        });
}
