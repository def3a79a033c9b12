//! Models of a head that came and went: a growth has linked it and a shrinking unlinked it again,
//! between two steps of a thread that reads a link and then changes it: its closure is called there. The link is as it was, so the
//! change succeeds; but whoever changes it has to know by then that the head is gone, since the head
//! leads to where it led for ever. With four times as many heads that is beyond what can be explored,
//! so these run with `--cfg splitmap_doubling` alone.

#![cfg(splitmap_doubling)]
#![allow(missing_docs, reason = "a test's name is its documentation")]

mod scenario;

use std::cell::Cell;
use std::sync::Arc;

use scenario::*;
use splitmap::model::Wanted;

/// Grow and shrink // `write` to 5, which has been found before // remove 9, and, under a new guard that
/// does not keep 9 from being freed, get 9. One after the other: explored is what each may not have seen
/// yet.
///
/// The head 8 is linked at 5's own link, which is as it was when the head is unlinked. The writer makes
/// 9 stand behind another link, by which 9 is removed. The head leads to 9 for ever, so who reads later
/// has to know that it is gone: the writer tells the remover. Nothing else does, as both others stop
/// before they retire what they replaced.
fn head_came_and_went(name: &'static str, wanted: Wanted, expected: &'static [(u8, u64)]) {
    Model::new(name)
        .bound(1)
        .full_bound(2)
        .reach(["freed while others read"])
        .run(move |seen| {
            let map = filled(&[3, 5, 9]);
            let [pin_a, pin_b, pin] = pins(&map);
            let (map_a, map_b) = (map.clone(), map.clone());
            let flag = || Arc::new(Cell::new(false));
            let (searched, unlinked, written, pinned_anew) = (flag(), flag(), flag(), flag());
            let (a_ended, b_ended) = (flag(), flag());
            let a = loom::thread::spawn({
                let (searched, unlinked) = (searched.clone(), unlinked.clone());
                let (pinned_anew, ended) = (pinned_anew.clone(), a_ended.clone());
                move || {
                    wait_for(&searched);
                    grown(&map_a, &pin_a);
                    assert!(map_a.shrink(&pin_a));
                    assert!(map_a.help(&pin_a));
                    map_a.stop_before_retiring(move || {
                        unlinked.set(true);
                        wait_for(&pinned_anew);
                    });
                    assert!(map_a.end(&pin_a));
                    drop(pin_a);
                    map_a.tick(&map_a.pin());
                    ended.set(true);
                }
            });
            let b = loom::thread::spawn({
                let (written, pinned_anew) = (written.clone(), pinned_anew.clone());
                let ended = b_ended.clone();
                move || {
                    let decide = |value| {
                        assert_eq!(value, Some(5));
                        searched.set(true);
                        wait_for(&unlinked);
                        explore();
                        wanted
                    };
                    map_b.stop_before_retiring(move || {
                        written.set(true);
                        wait_for(&pinned_anew);
                    });
                    assert_eq!(map_b.compute(5, decide, &pin_b), Some(5));
                    drop(pin_b);
                    map_b.tick(&map_b.pin());
                    ended.set(true);
                }
            });
            wait_for(&written);
            assert!(map.remove_if(9, 9, &pin));
            let freed = map.freed();
            drop(pin);
            let pin = map.pin();
            pinned_anew.set(true);
            wait_for(&a_ended);
            wait_for(&b_ended);
            assert!(map.freed() > freed);
            assert_eq!(map.get(9, &pin), None);
            a.join().unwrap();
            b.join().unwrap();
            stop_exploring();
            drop(pin);
            ended(&map, 1, expected);
            seen.record("freed while others read");
        });
}

/// a2: the writer removes 5, by a mark in its link.
#[test]
fn a2_mark() {
    head_came_and_went("a2_mark", Wanted::Removed, &[(3, 3)]);
}

/// a3: the writer replaces 5, by a swing of its link.
#[test]
fn a3_replace() {
    head_came_and_went("a3_replace", Wanted::Put(50), &[(3, 3), (5, 50)]);
}

/// a5: grow, shrink // remove 9, which has been found before // get 9 under a new guard, which does not
/// keep 9 from being freed, and knows by its fence what the remover has known.
#[test]
fn a5_unlink() {
    Model::new("a5_unlink")
        .full_unbounded()
        .reach(["freed while others read"])
        .run(|seen| {
            let map = filled(&[3, 5, 9]);
            let [pin_a, pin_b, pin] = pins(&map);
            let (map_a, map_b) = (map.clone(), map.clone());
            let flag = || Arc::new(Cell::new(false));
            let (searched, unlinked, removed, pinned_anew) = (flag(), flag(), flag(), flag());
            let (a_ended, b_ended) = (flag(), flag());
            let a = loom::thread::spawn({
                let (searched, unlinked) = (searched.clone(), unlinked.clone());
                let (pinned_anew, ended) = (pinned_anew.clone(), a_ended.clone());
                move || {
                    wait_for(&searched);
                    grown(&map_a, &pin_a);
                    assert!(map_a.shrink(&pin_a));
                    assert!(map_a.help(&pin_a));
                    map_a.stop_before_retiring(move || {
                        unlinked.set(true);
                        wait_for(&pinned_anew);
                    });
                    assert!(map_a.end(&pin_a));
                    drop(pin_a);
                    map_a.tick(&map_a.pin());
                    ended.set(true);
                }
            });
            let b = loom::thread::spawn({
                let (removed, pinned_anew) = (removed.clone(), pinned_anew.clone());
                let ended = b_ended.clone();
                move || {
                    let condemns = |value| {
                        assert_eq!(value, 9);
                        searched.set(true);
                        wait_for(&unlinked);
                        explore();
                        true
                    };
                    assert_eq!(map_b.remove_condemned(9, condemns, &pin_b), Ok(Some(9)));
                    removed.set(true);
                    wait_for(&pinned_anew);
                    drop(pin_b);
                    map_b.tick(&map_b.pin());
                    ended.set(true);
                }
            });
            wait_for(&removed);
            drop(pin);
            let pin = map.pin();
            let freed = map.freed();
            pinned_anew.set(true);
            wait_for(&a_ended);
            wait_for(&b_ended);
            assert!(map.freed() > freed);
            assert_eq!(map.get(9, &pin), None);
            a.join().unwrap();
            b.join().unwrap();
            stop_exploring();
            drop(pin);
            ended(&map, 1, &[(3, 3), (5, 5)]);
            seen.record("freed while others read");
        });
}

/// a4: grow, shrink // insert 9 at 5's link, which is as it was before the growth, get 9.
#[test]
fn a4_publish() {
    Model::new("a4_publish")
        .full_unbounded()
        .reach(["found"])
        .run(|seen| {
            let map = filled(&[5, 12]);
            let flag = || Arc::new(Cell::new(false));
            let (searched, unlinked) = (flag(), flag());
            let (may_grow, may_write) = (searched.clone(), unlinked.clone());
            let [pin_a, pin_b, _pin] = pins(&map);
            let (map_a, map_b) = (map.clone(), map.clone());
            let a = loom::thread::spawn(move || {
                wait_for(&may_grow);
                grown(&map_a, &pin_a);
                assert!(shrunk(&map_a, &pin_a));
                unlinked.set(true);
                pin_a
            });
            let b = loom::thread::spawn(move || {
                let decide = |value: Option<u64>| {
                    assert_eq!(value, None);
                    if !searched.replace(true) {
                        wait_for(&may_write);
                        explore();
                    }
                    Wanted::Put(9)
                };
                assert_eq!(map_b.compute(9, decide, &pin_b), None);
                get_stable(&map_b, &[9], &pin_b);
                pin_b
            });
            let _pins = (a.join().unwrap(), b.join().unwrap());
            stop_exploring();
            ended(&map, 1, &[(5, 5), (9, 9), (12, 12)]);
            seen.record("found");
        });
}

/// w17: grow, shrink // insert 10 behind 6, where it knows that the presence bit is set, get 10.
#[test]
fn w17_insert_at_an_old_link() {
    Model::new("w17_insert_at_an_old_link")
        .bound(1)
        .reach(["found"])
        .run(|seen| {
            let map = filled(&[2, 6, 12]);
            race(
                &map,
                |map, pin| insert_and_get(map, 10, &pin),
                |map, pin| {
                    grown(map, &pin);
                    assert!(shrunk(map, &pin));
                },
                |_, pin| drop(pin),
            );
            ended(&map, 1, &[(2, 2), (6, 6), (10, 10), (12, 12)]);
            seen.record("found");
        });
}
