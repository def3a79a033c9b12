//! Models of a head that came and went: a growth has linked it and a shrinking unlinked it again,
//! between two steps of a thread that reads a link and then changes it. The link is as it was, so the
//! change succeeds; but whoever changes it has to know by then that the head is gone, since the head
//! leads to where it led for ever. With four times as many heads that is beyond what can be explored,
//! so these run with `--cfg splitmap_doubling` alone.

#![cfg(splitmap_doubling)]
#![allow(missing_docs, reason = "a test's name is its documentation")]

mod scenario;

use std::cell::Cell;
use std::sync::Arc;

use scenario::*;

/// Lets other threads run until the flag is set, which orders nothing.
fn wait_for(flag: &Cell<bool>) {
    while !flag.get() {
        loom::thread::yield_now();
    }
}

/// Grow and shrink // `write` to 5 // remove 9, and, under a new guard that does not keep 9 from being
/// freed, get 9. One after the other: explored is what each may not have seen yet.
///
/// The head 8 is linked at 5's own link, which is as it was when the head is unlinked; so the writer
/// may have read it before. It makes 9 stand behind another link, by which 9 is removed. The head
/// leads to 9 for ever, so who reads later has to know that it is gone: the writer tells the remover.
/// Nothing else does, as both others stop before they retire what they replaced.
fn head_came_and_went(name: &'static str, write: fn(&Map, &Pin), expected: &'static [(u8, u64)]) {
    Model::new(name)
        .bound(0)
        .full_bound(1)
        .reach(["freed while others read"])
        .run(move |seen| {
            let map = filled(&[3, 5, 9]);
            let [pin_a, pin_b, pin] = pins(&map);
            let (map_a, map_b) = (map.clone(), map.clone());
            let flag = || Arc::new(Cell::new(false));
            let (unlinked, written, pinned_anew) = (flag(), flag(), flag());
            let (a_ended, b_ended) = (flag(), flag());
            let a = loom::thread::spawn({
                let (unlinked, pinned_anew) = (unlinked.clone(), pinned_anew.clone());
                let ended = a_ended.clone();
                move || {
                    grown(&map_a, &pin_a);
                    let meanwhile = || {
                        map_a.settle(0, &pin_a);
                        unlinked.set(true);
                        wait_for(&pinned_anew);
                    };
                    assert!(map_a.shrink_stopping(meanwhile, &pin_a));
                    drop(pin_a);
                    map_a.tick(&map_a.pin());
                    ended.set(true);
                }
            });
            let b = loom::thread::spawn({
                let (written, pinned_anew) = (written.clone(), pinned_anew.clone());
                let ended = b_ended.clone();
                move || {
                    wait_for(&unlinked);
                    explore();
                    map_b.stop_before_retiring(move || {
                        written.set(true);
                        wait_for(&pinned_anew);
                    });
                    write(&map_b, &pin_b);
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
            help_shrinking(&map, &pin);
            drop(pin);
            settled(&map, expected);
            seen.record("freed while others read");
        });
}

/// a2: the writer removes 5, by a mark in its link.
#[test]
fn a2_mark() {
    let write = |map: &Map, pin: &Pin| assert!(map.remove_if(5, 5, pin));
    head_came_and_went("a2_mark", write, &[(3, 3)]);
}

/// a3: the writer replaces 5, by a swing of its link.
#[test]
fn a3_replace() {
    let write = |map: &Map, pin: &Pin| assert!(map.replace_if(5, 5, 50, pin));
    head_came_and_went("a3_replace", write, &[(3, 3), (5, 50)]);
}

/// a4: insert 9 at 5's link, which is as it was before the growth, and find it.
#[test]
fn a4_publish() {
    Model::new("a4_publish")
        .bound(0)
        .full_bound(2)
        .reach(["found"])
        .run(|seen| {
            let map = filled(&[5, 12]);
            let unlinked = Arc::new(Cell::new(false));
            let may_write = unlinked.clone();
            race(
                &map,
                move |map, pin| {
                    grown(map, &pin);
                    map.shrink(&pin);
                    map.settle(0, &pin);
                    unlinked.set(true);
                    help_shrinking(map, &pin);
                },
                move |map, pin| {
                    wait_for(&may_write);
                    assert!(map.get_or_insert(9, 9, &pin).1);
                    assert_eq!(map.get(9, &pin), Some(9), "own insert not found");
                },
                |_, pin| drop(pin),
            );
            assert!(!map.is_shrinking() && map.buckets() == 1);
            settled(&map, &[(5, 5), (9, 9), (12, 12)]);
            seen.record("found");
        });
}
