//! Guarantee G: whatever a user's `Hash`, `Eq`, `Clone`, `Drop` or closure does, a panic included,
//! the map is whole afterwards.
//!
//! Each operation is run with a fuse that makes the n-th call of one kind panic, for n from zero
//! until the operation gets through. After each panic the content is as before (for an operation on
//! many entries: each entry is as before or as after), what was passed in is dropped exactly once,
//! every operation works, and in the end nothing was dropped twice and nothing in the map was
//! forgotten.
//!
//! The second half is about user code that uses the map while it is being called by it.
//!
//! A fuse unwinds by `resume_unwind`, which calls no panic hook: the tests stay silent.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex};

use splitmap::{Compute, Operation as Wanted, Reclaimer};

use super::foreign::assert_protects_or_is_refused;
use super::maps::{HashMap, builder};
use super::{GUARDS_ARE_OF_ONE_MAP, LATE_PANICS_COME_OUT, R};
use crate::hashers::Quality;

/// User code that the map calls.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Call {
    Hash,
    Eq,
    Clone,
    Drop,
    Closure,
}

/// The payload of a fuse's panic.
struct Tripped;

thread_local! {
    /// Which calls on this thread are counted, and how many of them still return.
    static FUSE: Cell<Option<(Call, u32)>> = const { Cell::new(None) };
}

/// Returns, or panics if the fuse says so; then the fuse is gone.
fn pass(call: Call) {
    match FUSE.get() {
        Some((armed, 0)) if armed == call => {
            FUSE.set(None);
            resume_unwind(Box::new(Tripped));
        }
        Some((armed, left)) if armed == call => FUSE.set(Some((armed, left - 1))),
        _ => {}
    }
}

/// Runs `operation` with a fuse that lets `passing` calls of one kind return. Whether it tripped.
fn trips<T>(call: Call, passing: u32, operation: impl FnOnce() -> T) -> bool {
    FUSE.set(Some((call, passing)));
    let result = catch_unwind(AssertUnwindSafe(|| drop(operation())));
    FUSE.set(None);
    match result {
        Ok(()) => false,
        Err(panic) if panic.is::<Tripped>() => true,
        Err(panic) => resume_unwind(panic),
    }
}

/// Counts the drops of each item of one test.
#[derive(Default)]
struct Tally {
    drops: Mutex<Vec<u32>>,
}

impl Tally {
    fn issue(&self) -> usize {
        let mut drops = self.drops.lock().unwrap();
        drops.push(0);
        drops.len() - 1
    }

    fn drops(&self) -> Vec<u32> {
        self.drops.lock().unwrap().clone()
    }
}

/// A key or a value: equal by `id`, told apart by `number`. All that it does may panic.
struct Item {
    id: u64,
    number: usize,
    tally: Arc<Tally>,
}

impl Item {
    fn new(id: u64, tally: &Arc<Tally>) -> Item {
        Item {
            id,
            number: tally.issue(),
            tally: Arc::clone(tally),
        }
    }
}

impl Hash for Item {
    fn hash<H: Hasher>(&self, state: &mut H) {
        pass(Call::Hash);
        state.write_u64(self.id);
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Item) -> bool {
        pass(Call::Eq);
        self.id == other.id
    }
}

impl Eq for Item {}

impl Clone for Item {
    fn clone(&self) -> Item {
        pass(Call::Clone);
        Item::new(self.id, &self.tally)
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        self.tally.drops.lock().unwrap()[self.number] += 1;
        pass(Call::Drop);
    }
}

type Map = HashMap<Item, Item, Quality>;

/// Ids of keys to the numbers of their values.
type Content = BTreeMap<u64, usize>;

/// What is in the map by all accounts, which must agree.
fn content(map: &Map, tally: &Arc<Tally>) -> Content {
    let pinned = map.pin();
    let drops = tally.drops();
    let mut content = Content::new();
    for (key, value) in &pinned {
        let before = content.insert(key.id, value.number);
        assert_eq!(before, None, "{} is met twice", key.id);
        assert_eq!((drops[key.number], drops[value.number]), (0, 0));
        let found = pinned.get(key).expect("what is met is found");
        assert_eq!(found.number, value.number);
    }
    assert_eq!(map.len(), content.len());
    assert_eq!(map.is_empty(), content.is_empty());
    content
}

/// The numbers of all that is in the map.
fn residents(map: &Map) -> Vec<usize> {
    let pinned = map.pin();
    pinned
        .iter()
        .flat_map(|(key, value)| [key.number, value.number])
        .collect()
}

const IDS: u64 = 20;

fn filled(quality: Quality, tally: &Arc<Tally>) -> Map {
    let map = builder().hasher(quality).build();
    for id in 0..IDS {
        map.pin().insert(Item::new(id, tally), Item::new(id, tally));
    }
    map
}

/// All operations still do what they should, and the table still grows.
fn use_all(map: &Map, tally: &Arc<Tally>) {
    let item = |id| Item::new(id, tally);
    let before = content(map, tally);
    let many = if map.hasher().crowds() { 30 } else { 200 };
    let pinned = map.pin();
    for id in 1_000..1_000 + many {
        assert!(pinned.insert(item(id), item(id)).is_none());
    }
    for id in 1_000..1_000 + many {
        let probe = item(id);
        assert_eq!(pinned.get(&probe).unwrap().id, id);
        assert_eq!(pinned.insert(item(id), item(id)).unwrap().id, id);
        assert_eq!(
            pinned
                .try_insert(item(id), item(0))
                .err()
                .unwrap()
                .current
                .id,
            id
        );
        assert_eq!(pinned.get_or_insert(item(id), item(0)).id, id);
        assert_eq!(pinned.remove_entry(&probe).unwrap().0.id, id);
        assert!(pinned.remove(&probe).is_none());
        assert_eq!(pinned.get_or_insert_with(probe, || item(id)).id, id);
    }
    pinned.retain(|key, _| key.id < 1_000);
    drop(pinned);
    assert_eq!(content(map, tally), before);
}

/// The end of a map: what is in it is dropped then, exactly once, and nothing was dropped twice;
/// with a back end that drains, nothing that there ever was is left.
fn end(map: Map, tally: &Arc<Tally>) {
    end_all([map], tally);
}

/// The end of all maps that share a tally.
fn end_all<const N: usize>(maps: [Map; N], tally: &Arc<Tally>) {
    let residents: Vec<usize> = maps.iter().flat_map(residents).collect();
    drop(maps);
    let drops = tally.drops();
    assert!(residents.iter().all(|&number| drops[number] == 1));
    assert!(drops.iter().all(|&drops| drops <= 1));
    if R::DRAINS {
        assert!(drops.iter().all(|&drops| drops == 1));
    }
}

/// An operation on one key.
type Operation = (&'static str, fn(&Map, &Arc<Tally>));

const PRESENT: u64 = 7;
const ABSENT: u64 = 77;

const ON_ONE_KEY: [Operation; 29] = [
    ("get present", |map, tally| {
        map.pin().get(&Item::new(PRESENT, tally)).unwrap();
    }),
    ("get absent", |map, tally| {
        assert!(map.pin().get(&Item::new(ABSENT, tally)).is_none());
    }),
    ("get_key_value present", |map, tally| {
        let guard = map.guard();
        map.get_key_value(&Item::new(PRESENT, tally), &guard)
            .unwrap();
    }),
    ("get_key_value absent", |map, tally| {
        let guard = map.guard();
        assert!(
            map.get_key_value(&Item::new(ABSENT, tally), &guard)
                .is_none()
        );
    }),
    ("contains_key", |map, tally| {
        assert!(map.pin().contains_key(&Item::new(PRESENT, tally)));
    }),
    ("insert present", |map, tally| {
        let (key, value) = (Item::new(PRESENT, tally), Item::new(PRESENT, tally));
        map.pin().insert(key, value).unwrap();
    }),
    ("insert absent", |map, tally| {
        let (key, value) = (Item::new(ABSENT, tally), Item::new(ABSENT, tally));
        assert!(map.pin().insert(key, value).is_none());
    }),
    ("try_insert present", |map, tally| {
        let (key, value) = (Item::new(PRESENT, tally), Item::new(PRESENT, tally));
        assert!(map.pin().try_insert(key, value).is_err());
    }),
    ("try_insert absent", |map, tally| {
        let (key, value) = (Item::new(ABSENT, tally), Item::new(ABSENT, tally));
        assert!(map.pin().try_insert(key, value).is_ok());
    }),
    ("get_or_insert present", |map, tally| {
        let (key, value) = (Item::new(PRESENT, tally), Item::new(PRESENT, tally));
        map.pin().get_or_insert(key, value);
    }),
    ("get_or_insert absent", |map, tally| {
        let (key, value) = (Item::new(ABSENT, tally), Item::new(ABSENT, tally));
        map.pin().get_or_insert(key, value);
    }),
    ("get_or_insert_with present", |map, tally| {
        let key = Item::new(PRESENT, tally);
        map.pin()
            .get_or_insert_with(key, || unreachable!("the key is there"));
    }),
    ("get_or_insert_with absent", |map, tally| {
        let make = || {
            pass(Call::Closure);
            Item::new(ABSENT, tally)
        };
        map.pin().get_or_insert_with(Item::new(ABSENT, tally), make);
    }),
    ("update present", |map, tally| {
        let update = |_: &Item| {
            pass(Call::Closure);
            Item::new(PRESENT, tally)
        };
        map.pin().update(Item::new(PRESENT, tally), update).unwrap();
    }),
    ("update absent", |map, tally| {
        let update = |_: &Item| unreachable!("the key is not there");
        let updated = map.pin().update(Item::new(ABSENT, tally), update).is_some();
        assert!(!updated);
    }),
    ("update_or_insert present", |map, tally| {
        let update = |_: &Item| {
            pass(Call::Closure);
            Item::new(PRESENT, tally)
        };
        let (key, value) = (Item::new(PRESENT, tally), Item::new(PRESENT, tally));
        map.pin().update_or_insert(key, update, value);
    }),
    ("update_or_insert absent", |map, tally| {
        let update = |_: &Item| {
            pass(Call::Closure);
            Item::new(ABSENT, tally)
        };
        let (key, value) = (Item::new(ABSENT, tally), Item::new(ABSENT, tally));
        map.pin().update_or_insert(key, update, value);
    }),
    ("update_or_insert_with present", |map, tally| {
        let make = || {
            pass(Call::Closure);
            Item::new(PRESENT, tally)
        };
        let key = Item::new(PRESENT, tally);
        map.pin().update_or_insert_with(key, |_| make(), make);
    }),
    ("update_or_insert_with absent", |map, tally| {
        let make = || {
            pass(Call::Closure);
            Item::new(ABSENT, tally)
        };
        let key = Item::new(ABSENT, tally);
        map.pin().update_or_insert_with(key, |_| make(), make);
    }),
    ("compute, inserting", |map, tally| {
        let compute = |_: Option<_>| {
            pass(Call::Closure);
            Wanted::<_, ()>::Insert(Item::new(ABSENT, tally))
        };
        let pinned = map.pin();
        let computed = pinned.compute(Item::new(ABSENT, tally), compute);
        assert!(matches!(computed, Compute::Inserted(..)));
    }),
    ("compute, replacing", |map, tally| {
        let compute = |_: Option<_>| {
            pass(Call::Closure);
            Wanted::<_, ()>::Insert(Item::new(PRESENT, tally))
        };
        let pinned = map.pin();
        let computed = pinned.compute(Item::new(PRESENT, tally), compute);
        assert!(matches!(computed, Compute::Updated { .. }));
    }),
    ("compute, removing", |map, tally| {
        let compute = |_: Option<_>| {
            pass(Call::Closure);
            Wanted::<_, ()>::Remove
        };
        let pinned = map.pin();
        let computed = pinned.compute(Item::new(PRESENT, tally), compute);
        assert!(matches!(computed, Compute::Removed(..)));
    }),
    ("compute, leaving", |map, tally| {
        let compute = |_: Option<_>| {
            pass(Call::Closure);
            Wanted::Abort(Item::new(PRESENT, tally))
        };
        let pinned = map.pin();
        let computed = pinned.compute(Item::new(PRESENT, tally), compute);
        assert!(matches!(computed, Compute::Aborted(_)));
    }),
    ("remove_if, accepted", |map, tally| {
        let condemns = |_: &Item, _: &Item| {
            pass(Call::Closure);
            true
        };
        let removed = map
            .pin()
            .try_remove_if(&Item::new(PRESENT, tally), condemns)
            .is_ok();
        assert!(removed);
    }),
    ("remove_if, refused", |map, tally| {
        let condemns = |_: &Item, _: &Item| {
            pass(Call::Closure);
            false
        };
        let removed = map
            .pin()
            .try_remove_if(&Item::new(PRESENT, tally), condemns)
            .is_ok();
        assert!(!removed);
    }),
    ("remove present", |map, tally| {
        map.pin().remove(&Item::new(PRESENT, tally)).unwrap();
    }),
    ("remove absent", |map, tally| {
        assert!(map.pin().remove(&Item::new(ABSENT, tally)).is_none());
    }),
    ("remove_entry present", |map, tally| {
        map.pin().remove_entry(&Item::new(PRESENT, tally)).unwrap();
    }),
    ("remove_entry absent", |map, tally| {
        assert!(map.pin().remove_entry(&Item::new(ABSENT, tally)).is_none());
    }),
];

/// Runs each operation with a fuse at each of its calls. A tripped one has had no effect. Returns
/// how many trips there were, for each operation.
fn trip_on_one_key(call: Call, quality: Quality) -> Vec<u32> {
    let count_trips = |&(name, operation): &Operation| {
        for passing in 0.. {
            let tally = Arc::default();
            let map = filled(quality, &tally);
            let before = content(&map, &tally);
            let tripped = trips(call, passing, || operation(&map, &tally));
            if tripped {
                assert_eq!(content(&map, &tally), before, "{name}");
                // All that is not in the map came with the operation, and is gone with it.
                let mut expected = vec![1; tally.drops().len()];
                for number in residents(&map) {
                    expected[number] = 0;
                }
                assert_eq!(tally.drops(), expected, "{name}");
            }
            use_all(&map, &tally);
            end(map, &tally);
            if !tripped {
                return passing;
            }
        }
        unreachable!("an operation makes finitely many calls")
    };
    ON_ONE_KEY.iter().map(count_trips).collect()
}

#[test]
fn a_hash_that_panics_has_no_effect() {
    for quality in [Quality::Constant, Quality::Default] {
        let trips = trip_on_one_key(Call::Hash, quality);
        assert_eq!(
            trips,
            [1; ON_ONE_KEY.len()],
            "each operation hashes its key once"
        );
    }
}

#[test]
fn an_eq_that_panics_has_no_effect() {
    let trips = trip_on_one_key(Call::Eq, Quality::Constant);
    for ((name, _), trips) in ON_ONE_KEY.iter().zip(trips) {
        assert!(trips >= 1, "{name} compared nothing");
    }
    let trips = trip_on_one_key(Call::Eq, Quality::Identity);
    assert!(trips.iter().any(|&trips| trips >= 1));
}

#[test]
fn a_closure_that_panics_has_no_effect() {
    for quality in [Quality::Constant, Quality::Default] {
        let trips = trip_on_one_key(Call::Closure, quality);
        let tripped: Vec<&str> = (ON_ONE_KEY.iter().zip(trips))
            .flat_map(|((name, _), trips)| (0..trips).map(move |_| *name))
            .collect();
        assert_eq!(
            tripped,
            [
                "get_or_insert_with absent",
                "update present",
                "update_or_insert present",
                "update_or_insert_with present",
                "update_or_insert_with absent",
                "compute, inserting",
                "compute, replacing",
                "compute, removing",
                "compute, leaving",
                "remove_if, accepted",
                "remove_if, refused",
            ],
            "each closure that is called is called once"
        );
    }
}

/// A destructor may run inside an operation: of what is refused at once, of what is replaced or
/// removed at a time that the reclaimer chooses. Its panic may come out of the operation, before or
/// after its effect.
#[test]
fn a_drop_that_panics_leaves_the_map_whole() {
    for quality in [Quality::Constant, Quality::Default] {
        for (name, operation) in ON_ONE_KEY {
            for passing in 0..3 {
                let tally = Arc::default();
                let map = filled(quality, &tally);
                let before = content(&map, &tally);
                trips(Call::Drop, passing, || operation(&map, &tally));
                let after = content(&map, &tally);
                for id in 0..IDS {
                    if id != PRESENT {
                        assert_eq!(after.get(&id), before.get(&id), "{name}");
                    }
                }
                assert!(after.keys().all(|&id| id < IDS || id == ABSENT));
                use_all(&map, &tally);
                end(map, &tally);
            }
        }
    }
}

/// Runs a write during which a destructor of something retired earlier may panic. The panic comes
/// out of the write if the back end says so, else it goes no further: whoever runs it has nothing
/// to do with it. Whether it panicked.
fn trips_late(write: impl FnOnce()) -> bool {
    let armed = FUSE.get();
    let result = catch_unwind(AssertUnwindSafe(write));
    let tripped = armed.is_some() && FUSE.get().is_none();
    match result {
        Ok(()) => assert!(!(tripped && LATE_PANICS_COME_OUT), "a panic was swallowed"),
        Err(panic) if panic.is::<Tripped>() => {
            assert!(tripped && LATE_PANICS_COME_OUT, "a stranger's panic");
        }
        Err(panic) => resume_unwind(panic),
    }
    tripped
}

/// Here the destructor of something that was retired earlier panics, wherever the reclaimer calls
/// it. The effect of the write that ran it is complete.
#[test]
fn a_late_drop_that_panics_leaves_the_map_whole() {
    const FILL: u64 = 2_000;
    let tally = Arc::default();
    let map = filled(Quality::Default, &tally);
    let before = content(&map, &tally);
    let number_of = |id| {
        map.pin()
            .get(&Item::new(id, &tally))
            .map(|item| item.number)
    };
    for round in 0..60 {
        for id in FILL..FILL + 10 {
            let pinned = map.pin();
            pinned.insert(Item::new(id, &tally), Item::new(id, &tally));
        }
        let mut fuse = Some((Call::Drop, u32::try_from(round / 3).unwrap()));
        let mut tripped = false;
        // Another test's guard may hold destructors up for a while.
        for turn in 0..1_000_000 {
            let id = FILL + turn % 10;
            let (key, value) = (Item::new(id, &tally), Item::new(id, &tally));
            let (number, probe) = (value.number, Item::new(id, &tally));
            // While the fuse is there, nothing but what was retired earlier is dropped.
            FUSE.set(fuse);
            // Each kind of write in turn.
            match round % 3 {
                0 => {
                    tripped = trips_late(|| {
                        map.pin().insert(key, value);
                    });
                    fuse = FUSE.take();
                    assert_eq!(number_of(id), Some(number));
                }
                1 => {
                    tripped = trips_late(|| {
                        map.pin().remove(&probe);
                    });
                    fuse = FUSE.take();
                    assert_eq!(number_of(id), None);
                    map.pin().insert(key, value);
                }
                _ => {
                    tripped = trips_late(|| map.pin().retain(|key, _| key.id != id));
                    fuse = FUSE.take();
                    assert_eq!(number_of(id), None);
                    map.pin().insert(key, value);
                }
            }
            if tripped {
                break;
            }
            if id == FILL {
                // One pin more: a back end that collects at every n-th pin must not meet the same
                // line each time.
                drop(map.pin());
                std::thread::yield_now();
            }
        }
        assert!(tripped, "no destructor ran on this thread");
        map.pin().retain(|key, _| key.id < FILL);
        assert_eq!(content(&map, &tally), before);
    }
    use_all(&map, &tally);
    end(map, &tally);
}

/// `flush` runs destructors, one of which panics: the next `flush`, or the end of the map, goes on
/// with the others.
#[test]
fn a_flush_that_panics_loses_nothing() {
    let mut trips = 0;
    for passing in 0..200 {
        let tally = Arc::default();
        let map = filled(Quality::Default, &tally);
        let before = content(&map, &tally);
        for id in 5_000..5_200 {
            map.pin()
                .insert(Item::new(id, &tally), Item::new(id, &tally));
        }
        map.pin().retain(|key, _| key.id < 5_000);
        FUSE.set(Some((Call::Drop, passing)));
        trips += u32::from(trips_late(|| map.flush()));
        FUSE.set(None);
        assert_eq!(content(&map, &tally), before);
        if passing % 2 == 0 {
            map.flush();
        }
        if passing % 20 == 0 {
            use_all(&map, &tally);
        }
        end(map, &tally);
    }
    assert!(trips > 0, "no destructor ran in a flush");
}

/// Each destructor of the content runs, whichever of them panics, and the panic is not swallowed.
#[test]
fn a_drop_that_panics_with_the_map_loses_no_other() {
    for quality in [Quality::Constant, Quality::Default] {
        for passing in 0..2 * IDS as u32 {
            let tally = Arc::default();
            let map = filled(quality, &tally);
            assert!(trips(Call::Drop, passing, || drop(map)));
            assert_eq!(tally.drops(), [1; 2 * IDS as usize], "at {passing}");
        }
    }
}

/// The same with garbage that the map still has: it comes after the content.
#[test]
fn a_drop_that_panics_with_the_map_loses_no_garbage() {
    if !R::DRAINS {
        return;
    }
    for passing in 0.. {
        let tally = Arc::default();
        let map = filled(Quality::Default, &tally);
        // Too few for any back end to free some at once.
        for id in 0..8 {
            map.pin()
                .insert(Item::new(id, &tally), Item::new(id, &tally));
        }
        FUSE.set(Some((Call::Drop, passing)));
        let result = catch_unwind(AssertUnwindSafe(|| drop(map)));
        let tripped = FUSE.take().is_none();
        let is_content = passing < 2 * IDS as u32;
        assert_eq!(
            result.is_err(),
            tripped && (is_content || LATE_PANICS_COME_OUT),
            "at {passing}"
        );
        let drops = tally.drops();
        assert!(
            drops.iter().all(|&drops| drops == 1),
            "{drops:?} at {passing}"
        );
        if !tripped {
            assert!(passing > 2 * IDS as u32, "there was no garbage");
            break;
        }
    }
}

#[test]
fn a_clone_that_panics_is_dropped() {
    for quality in [Quality::Constant, Quality::Default] {
        let tally = Arc::default();
        let map = filled(quality, &tally);
        let before = content(&map, &tally);
        let mut passing = 0;
        while trips(Call::Clone, passing, || map.clone()) {
            assert_eq!(content(&map, &tally), before);
            let drops = tally.drops();
            assert!(drops[2 * IDS as usize..].iter().all(|&drops| drops == 1));
            passing += 1;
        }
        assert_eq!(
            u64::from(passing),
            2 * IDS,
            "each key and each value is cloned"
        );
        use_all(&map, &tally);
        end(map, &tally);
    }
}

#[test]
fn a_comparison_of_maps_that_panics_changes_neither() {
    for call in [Call::Eq, Call::Hash] {
        let tally = Arc::default();
        let map = filled(Quality::Default, &tally);
        let copy = map.clone();
        let before = (content(&map, &tally), content(&copy, &tally));
        let mut passing = 0;
        while trips(call, passing, || assert!(map == copy)) {
            assert_eq!((content(&map, &tally), content(&copy, &tally)), before);
            passing += 1;
        }
        assert!(u64::from(passing) >= IDS);
        use_all(&map, &tally);
        end_all([map, copy], &tally);
    }
}

/// `retain` stops where its closure panics: what it had refused is gone, all else is there.
#[test]
fn a_retain_that_panics_has_done_a_part() {
    for quality in [Quality::Constant, Quality::Default] {
        for passing in 0..=IDS as u32 {
            let tally = Arc::default();
            let map = filled(quality, &tally);
            let mut expected = content(&map, &tally);
            let mut asked = 0;
            let tripped = trips(Call::Closure, passing, || {
                map.pin().retain(|key, _| {
                    pass(Call::Closure);
                    asked += 1;
                    let keep = key.id % 2 == 0;
                    if !keep {
                        expected.remove(&key.id);
                    }
                    keep
                });
            });
            assert_eq!(tripped, u64::from(passing) < IDS);
            assert_eq!(asked, passing);
            assert_eq!(content(&map, &tally), expected);
            use_all(&map, &tally);
            end(map, &tally);
        }
    }
}

/// An iterator of pairs, some with keys of the filled map, that may panic.
fn pairs(tally: &Arc<Tally>) -> impl Iterator<Item = (Item, Item)> {
    (0..IDS).map(|n| {
        pass(Call::Closure);
        let id = n * 7 % (2 * IDS);
        (Item::new(id, tally), Item::new(id, tally))
    })
}

/// `extend` that panics has put in some of what it had been given; the rest is dropped.
#[test]
fn an_extend_that_panics_has_done_a_part() {
    for call in [Call::Closure, Call::Hash, Call::Eq] {
        for quality in [Quality::Constant, Quality::Default] {
            for passing in 0.. {
                let tally = Arc::default();
                let mut map = filled(quality, &tally);
                let before = content(&map, &tally);
                let given = 2 * IDS as usize;
                let tripped = trips(call, passing, || match passing % 2 {
                    0 => map.extend(pairs(&tally)),
                    _ => (&map).extend(pairs(&tally)),
                });
                let after = content(&map, &tally);
                for (id, number) in &before {
                    assert!(after[id] == *number || after[id] >= given);
                }
                for (id, number) in &after {
                    assert!(before.contains_key(id) || *number >= given);
                }
                use_all(&map, &tally);
                end(map, &tally);
                if !tripped {
                    assert!(passing > 0, "{call:?} was never called");
                    break;
                }
            }
        }
    }
}

#[test]
fn a_collect_that_panics_drops_what_it_had() {
    for call in [Call::Closure, Call::Hash, Call::Eq] {
        for passing in 0.. {
            let tally = Arc::default();
            let mut map = None;
            let twice = || pairs(&tally).chain(pairs(&tally));
            let tripped = trips(call, passing, || map = Some(twice().collect::<Map>()));
            if tripped {
                assert!(tally.drops().iter().all(|&drops| drops == 1));
                continue;
            }
            assert!(passing > 0, "{call:?} was never called");
            let map = map.unwrap();
            assert_eq!(map.len() as u64, IDS);
            use_all(&map, &tally);
            end(map, &tally);
            break;
        }
    }
}

// User code that uses the map which calls it.

#[test]
fn a_closure_may_write_its_own_key() {
    for quality in [Quality::Constant, Quality::Default] {
        let map = builder().hasher(quality).build();
        let pinned = map.pin();

        // What is inserted meanwhile wins: it was there first.
        let found = pinned.get_or_insert_with(1, || {
            assert_eq!(pinned.insert(1, "inner"), None);
            "outer"
        });
        assert_eq!(*found, "inner");
        assert_eq!((pinned.get(&1), pinned.len()), (Some(&"inner"), 1));

        // Inserted and removed again: as if it had never been there.
        let found = pinned.get_or_insert_with(2, || {
            pinned.insert(2, "inner");
            pinned.remove(&2);
            "outer"
        });
        assert_eq!(*found, "outer");
        assert_eq!((pinned.get(&2), pinned.len()), (Some(&"outer"), 2));

        // The same call within itself.
        let found = pinned.get_or_insert_with(3, || {
            pinned.get_or_insert_with(3, || pinned.get_or_insert_with(3, || "innermost"))
        });
        assert_eq!((*found, pinned.len()), ("innermost", 3));
    }
}

/// What a closure decides is done to the entry that it was asked for, whatever it does itself to the
/// key.
#[test]
fn a_closure_that_writes_its_own_key_is_asked_again() {
    for quality in [Quality::Constant, Quality::Default] {
        let map = builder().hasher(quality).build();
        let pinned = map.pin();
        let mut asked = Vec::new();
        let sum = pinned.update_or_insert_with(
            1,
            |&value| {
                asked.push(value);
                if value < 3 {
                    pinned.insert(1, value + 1);
                }
                10 * value
            },
            || {
                pinned.insert(1, 1);
                0
            },
        );
        assert_eq!((*sum, &asked[..]), (30, &[1, 2, 3][..]));

        // Replaced, and by the same value: it is another entry.
        let mut asked = 0;
        let removed = pinned.try_remove_if(&1, |_, value| {
            asked += 1;
            if asked == 1 {
                assert_eq!(pinned.insert(1, *value), Some(&30));
            }
            true
        });
        assert_eq!((removed, asked), (Ok(Some((&1, &30))), 2));

        // Inserted and removed again: as if nothing had been.
        let mut asked = 0;
        let computed = pinned.compute(2, |entry| {
            asked += 1;
            assert_eq!(entry, None);
            pinned.insert(2, 5);
            assert_eq!(pinned.remove(&2), Some(&5));
            Wanted::<_, ()>::Insert(6)
        });
        assert_eq!((computed, asked), (Compute::Inserted(&2, &6), 1));

        // The table grows under its feet, and something stands behind the entry then, which stays: it
        // is not asked again.
        let mut asked = 0;
        let computed = pinned.compute(2, |entry| {
            asked += 1;
            assert_eq!(entry, Some((&2, &6)));
            for key in 100..400 {
                pinned.insert(key, 0);
            }
            Wanted::<_, ()>::Insert(7)
        });
        let (old, new) = ((&2, &6), (&2, &7));
        assert_eq!((computed, asked), (Compute::Updated { old, new }, 1));

        // It shrinks.
        let removed = pinned.try_remove_if(&2, |key, value| {
            pinned.retain(|&key, _| key < 100);
            map.shrink_to_fit();
            assert_eq!((key, value, map.len()), (&2, &7, 1));
            true
        });
        assert_eq!((removed, map.len()), (Ok(Some((&2, &7))), 0));
        pinned.insert(2, 7);

        // The same call within itself.
        let mut asked = 0;
        let updated = pinned.update(2, |&outer| {
            asked += 1;
            if asked == 1 {
                assert_eq!(pinned.update(2, |&inner| inner + 1), Some(&8));
            }
            outer + 10
        });
        assert_eq!((updated, asked), (Some(&18), 2));

        // Gone under its feet.
        let computed = pinned.compute(2, |entry| match entry {
            Some(_) => {
                pinned.clear();
                Wanted::Remove
            }
            None => Wanted::Abort("gone"),
        });
        assert_eq!(computed, Compute::Aborted("gone"));
        assert!(map.is_empty());
    }
}

/// A closure that panics when it is asked again: what it gave for the entry before is dropped too.
#[test]
fn a_closure_that_panics_later_has_no_effect() {
    for quality in [Quality::Constant, Quality::Default] {
        for passing in 0..4 {
            let tally = Arc::default();
            let map = filled(quality, &tally);
            let item = |id| Item::new(id, &tally);
            let meddle = || {
                map.pin().insert(item(ABSENT), item(ABSENT));
                map.pin().remove(&item(ABSENT));
                map.pin().insert(item(PRESENT), item(PRESENT));
                pass(Call::Closure);
                item(PRESENT)
            };
            let entry = |id| content(&map, &tally).get(&id).copied();
            // Its own insertion makes each call meet another entry: it never ends but by the panic.
            let tripped = trips(Call::Closure, passing, || {
                map.pin().update(item(PRESENT), |_| meddle());
            });
            assert!(tripped);
            assert!(entry(PRESENT).is_some() && entry(ABSENT).is_none());
            let tripped = trips(Call::Closure, passing, || {
                let condemns = |_: &Item, _: &Item| {
                    meddle();
                    true
                };
                map.pin().try_remove_if(&item(PRESENT), condemns).is_ok()
            });
            assert!(tripped && entry(PRESENT).is_some());
            // The first value is made, and lost against another; then it is asked for that one.
            let make = || {
                map.pin().insert(item(ABSENT), item(ABSENT));
                item(ABSENT)
            };
            let update = |_: &Item| {
                pass(Call::Closure);
                unreachable!("the first call trips")
            };
            let tripped = trips(Call::Closure, 0, || {
                map.pin().update_or_insert_with(item(ABSENT), update, make);
            });
            assert!(tripped && entry(ABSENT).is_some());
            map.pin().remove(&item(ABSENT));
            use_all(&map, &tally);
            end(map, &tally);
        }
    }
}

/// Changes in place, until one panics: those that were made stay.
#[test]
fn a_walk_that_panics_has_changed_a_part() {
    let tally = Arc::default();
    let mut map = filled(Quality::Default, &tally);
    let before = content(&map, &tally);
    let tripped = trips(Call::Closure, 5, || {
        for (_, value) in &mut map {
            pass(Call::Closure);
            *value = Item::new(value.id, &tally);
        }
    });
    assert!(tripped);
    let after = content(&map, &tally);
    assert!(after.keys().eq(before.keys()));
    let changed = after.iter().filter(|(id, number)| before[id] != **number);
    assert_eq!(changed.count(), 5);
    // The comparison that finds an entry panics.
    let probe = Item::new(PRESENT, &tally);
    assert!(trips(Call::Eq, 0, || map.get_mut(&probe).is_some()));
    assert_eq!(map.get_mut(&probe).unwrap().id, PRESENT);
    drop(probe);
    use_all(&map, &tally);
    end(map, &tally);
}

#[test]
fn a_closure_may_make_the_table_grow() {
    for (quality, keys) in [
        (Quality::Constant, 100),
        (Quality::Identity, 3_000),
        (Quality::Default, 3_000),
    ] {
        let map = builder().hasher(quality).build();
        let pinned = map.pin();
        let found = pinned.get_or_insert_with(0, || {
            for key in 1..keys {
                assert_eq!(pinned.insert(key, key), None);
            }
            for key in (1..keys).step_by(2) {
                assert_eq!(pinned.remove(&key), Some(&key));
            }
            map.pin().get_or_insert_with(keys, || keys);
            u64::MAX
        });
        assert_eq!(*found, u64::MAX);
        assert_eq!(pinned.get(&0), Some(&u64::MAX));
        let expected =
            |key: &u64| *key == 0 || *key == keys || (*key < keys && key.is_multiple_of(2));
        assert!(pinned.keys().all(expected));
        assert_eq!(pinned.iter().count(), map.len());
        assert_eq!(map.len() as u64, 2 + (keys - 1) / 2);

        // Emptied under the closure's feet.
        let found = pinned.get_or_insert_with(1, || {
            pinned.clear();
            5
        });
        assert_eq!((*found, map.len()), (5, 1));
    }
}

#[test]
fn retain_may_write_the_map() {
    for quality in [Quality::Constant, Quality::Identity, Quality::Default] {
        let map = builder().hasher(quality).build();
        let pinned = map.pin();
        for key in 0..60 {
            pinned.insert(key, key);
        }
        let mut asked = Vec::new();
        pinned.retain(|&key, _| {
            if key < 60 {
                asked.push(key);
                // Others come and go, and the table grows.
                pinned.insert(100 + key, key);
                pinned.remove(&(100 + key / 2));
            }
            key >= 60 || key % 3 == 0
        });
        asked.sort_unstable();
        assert!(
            asked.iter().copied().eq(0..60),
            "each key that stays is asked for once"
        );
        let kept = pinned.keys().filter(|&&key| key < 60);
        assert_eq!(kept.count(), 20);
        assert_eq!(pinned.iter().count(), map.len());

        // The closure removes or replaces the very entry that it is asked about.
        pinned.clear();
        for key in 0..60 {
            pinned.insert(key, 0);
        }
        pinned.retain(|&key, &value| match (key % 4, value) {
            (0, _) => pinned.remove(&key).is_none(),
            (1, _) => pinned.remove(&key).is_some(),
            (2, 0) => pinned.insert(key, 1).is_none(),
            _ => true,
        });
        for key in 0..60 {
            let expected = match key % 4 {
                0 | 1 => None,
                // The replacement is another entry, which was not refused.
                2 => Some(1),
                _ => Some(0),
            };
            assert_eq!(pinned.get(&key).copied(), expected, "{key}");
        }
        assert_eq!(map.len(), 30);
    }
}

#[test]
fn an_iteration_may_write_the_map() {
    for quality in [Quality::Constant, Quality::Identity, Quality::Default] {
        let map = builder().hasher(quality).build();
        let pinned = map.pin();
        for key in 0..60 {
            pinned.insert(key, 0);
        }
        let mut met = Vec::new();
        for (&key, _) in &pinned {
            if key >= 60 {
                continue;
            }
            met.push(key);
            match key % 3 {
                0 => assert!(pinned.remove(&key).is_some()),
                1 => assert!(pinned.insert(key, 1).is_some()),
                _ => {
                    for n in 0..20 {
                        assert!(pinned.insert(1_000 + key * 20 + n, 0).is_none());
                    }
                }
            }
        }
        met.sort_unstable();
        assert!(met.iter().copied().eq(0..60));
        assert_eq!(map.len(), 40 + 20 * 20);
    }
}

/// A key whose equality asks the map that it is in.
struct Asking(u64);

impl Hash for Asking {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

thread_local! {
    static ASKED: HashMap<Asking, u64, Quality> = builder().hasher(Quality::Constant).build();
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

impl PartialEq for Asking {
    fn eq(&self, other: &Asking) -> bool {
        if !ASKING.replace(true) {
            ASKED.with(|map| {
                let map = map.pin();
                assert_eq!(map.get(&Asking(1)), Some(&1));
                assert_eq!(map.get(&Asking(u64::MAX)), None);
                // Writes as well, in the very bucket that is being searched.
                map.insert(Asking(1_000_000), self.0);
                map.remove(&Asking(1_000_000));
            });
            ASKING.set(false);
        }
        self.0 == other.0
    }
}

impl Eq for Asking {}

#[test]
fn eq_may_use_the_map() {
    ASKED.with(|map| {
        let map = map.pin();
        for n in 1..40 {
            assert_eq!(map.insert(Asking(n), n), None);
        }
        for n in 1..40 {
            assert_eq!(map.get(&Asking(n)), Some(&n));
            assert_eq!(map.insert(Asking(n), n), Some(&n));
        }
        for n in (1..40).skip(1) {
            assert_eq!(map.remove(&Asking(n)), Some(&n));
            assert_eq!(map.remove(&Asking(n)), None);
        }
        assert_eq!(map.len(), 1);
    });
}

/// A map that destructors find, on whatever thread they run, for as long as its test does. (One that
/// lived for ever would look like a leak: its words are more than addresses, and LeakSanitizer
/// follows addresses only.)
struct Known<V: Send + 'static>(Mutex<Option<Arc<HashMap<u64, V>>>>);

impl<V: Send + 'static> Known<V> {
    const fn unknown() -> Self {
        Known(Mutex::new(None))
    }

    fn make(&self) -> Arc<HashMap<u64, V>> {
        let map = Arc::default();
        *self.0.lock().unwrap() = Some(Arc::clone(&map));
        map
    }

    fn find(&self) -> Option<Arc<HashMap<u64, V>>> {
        self.0.lock().unwrap().clone()
    }

    fn forget(&self) {
        let last = self.0.lock().unwrap().take();
        drop(last);
    }
}

/// A value whose end is noted in another map.
struct Noting(u64);

static NOTED: Known<u64> = Known::unknown();

impl Drop for Noting {
    fn drop(&mut self) {
        if let Some(noted) = NOTED.find() {
            let before = noted.pin().insert(self.0, self.0).copied();
            assert_eq!(before, None, "dropped twice");
        }
    }
}

#[test]
fn drop_may_use_another_map() {
    let noted = NOTED.make();
    let map = HashMap::<u64, Noting>::default();
    for round in 0..4 {
        for key in 0..1_000 {
            map.pin().insert(key, Noting(round * 1_000 + key));
        }
    }
    map.pin().retain(|key, _| key % 2 == 0);
    drop(map);
    for key in (0..1_000).step_by(2) {
        assert_eq!(noted.pin().get(&(3_000 + key)), Some(&(3_000 + key)));
    }
    if R::DRAINS {
        assert_eq!(noted.len(), 4_000);
    }
    NOTED.forget();
}

/// A value whose end is noted in the map that it was in.
struct Returning(u64);

static RETURNED: Known<Option<Returning>> = Known::unknown();

impl Drop for Returning {
    fn drop(&mut self) {
        if let Some(returned) = RETURNED.find() {
            let returned = returned.pin();
            assert!(returned.insert(1_000_000 + self.0, None).is_none());
            returned.get_or_insert_with(2_000_000 + self.0 % 100, || None);
        }
    }
}

#[test]
fn drop_may_use_the_same_map() {
    let returned = RETURNED.make();
    let mut given = 0;
    let was_dropped = |number: u64| returned.pin().contains_key(&(1_000_000 + number));
    // Until destructors have run, which another test's guard may hold up for a while.
    for round in 0..1_000 {
        for key in 0..500 {
            returned.pin().insert(key, Some(Returning(given)));
            given += 1;
        }
        if round > 20 && was_dropped(0) {
            break;
        }
        std::thread::yield_now();
    }
    assert!(was_dropped(0));
    let map = returned.pin();
    for key in 0..500 {
        let number = given - 500 + key;
        let value = map.get(&key).unwrap().as_ref().unwrap();
        assert_eq!(value.0, number);
        assert!(!was_dropped(number), "it is still in the map");
    }
    drop(map);
    RETURNED.forget();
}

#[test]
fn a_guard_of_another_map_protects_here_too_or_is_refused() {
    let (map, other) = (
        HashMap::<u64, u64>::default(),
        HashMap::<u64, u64>::default(),
    );
    map.pin().insert(1, 1);
    let guard = other.guard();
    let calls: [&dyn Fn() -> Option<u64>; 5] = [
        &|| map.get(&1, &guard).copied(),
        &|| map.get(&1, &&guard).copied(),
        &|| map.insert(1, 1, &&guard).copied(),
        &|| map.insert(1, 2, &guard).copied(),
        &|| map.iter(&guard).map(|(_, value)| value - 1).next(),
    ];
    assert_protects_or_is_refused(&calls);
    let value = if GUARDS_ARE_OF_ONE_MAP { 1 } else { 2 };
    assert_eq!(map.pin().get(&1), Some(&value));

    // Where there is nothing to do, it is refused all the same.
    let map = HashMap::<u64, u64>::default();
    let set = splitmap::HashSet::<u64, splitmap::DefaultHashBuilder, R>::default();
    let own = set.guard();
    let one = |is_right: bool| is_right.then_some(1);
    let calls: [&dyn Fn() -> Option<u64>; 16] = [
        &|| one(map.insert_many([], &guard) == 0),
        &|| one(map.get_many::<u64, _, _>([], &guard).count() == 0),
        &|| one(map.get(&1, &guard).is_none()),
        &|| one(map.remove(&1, &guard).is_none()),
        &|| one(map.update_ref(&1, |_| 1, &guard).is_none()),
        &|| one(map.remove_if(&1, |_, _| true, &guard).is_none()),
        &|| one(map.iter(&guard).next().is_none()),
        &|| {
            map.clear(&guard);
            Some(1)
        },
        &|| {
            map.retain(|_, _| true, &guard);
            Some(1)
        },
        &|| one(map.entry(1, &guard).key() == &1),
        &|| one(set.is_subset(&set, &own, &guard)),
        &|| one(set.is_superset(&set, &own, &guard)),
        &|| one(set.is_disjoint(&set, &own, &guard)),
        &|| one(set.difference(&set, &own, &guard).next().is_none()),
        &|| one(set.intersection(&set, &own, &guard).next().is_none()),
        &|| one(set.union(&set, &own, &guard).next().is_none()),
    ];
    assert_protects_or_is_refused(&calls);
}
