//! Large values on the 2 MiB of stack that a thread has by default, in debug builds as in optimised
//! ones: what `insert` holds, the other ways to write hold too.

use std::thread;

use splitmap::{Compute, Entry, HashMap, Operation};

/// What `insert` holds, and whatever changes a value.
const SIZE: usize = 256 << 10;

/// What a call holds that may give the value back, or drop it.
const GIVEN_BACK: usize = 128 << 10;

type Map<const N: usize> = HashMap<u32, [u8; N]>;

/// Runs the steps on a stack of the size that threads have by default, whatever the environment
/// says. Each step makes one call: a debug build has room for the values of all calls of a function.
fn on_a_stack<const N: usize>(steps: &'static [fn(&Map<N>)]) {
    let run = move || {
        let map = Map::new();
        steps.iter().for_each(|step| step(&map));
    };
    let thread = thread::Builder::new().stack_size(2 << 20).spawn(run);
    thread.unwrap().join().unwrap();
}

#[test]
fn insert() {
    on_a_stack::<SIZE>(&[
        |map| assert!(map.pin().insert(1, [1; SIZE]).is_none()),
        |map| assert_eq!(map.pin().insert(1, [2; SIZE]).unwrap()[0], 1),
    ]);
}

#[test]
fn get_or_insert() {
    on_a_stack::<GIVEN_BACK>(&[
        |map| assert_eq!(map.pin().get_or_insert(1, [1; GIVEN_BACK])[0], 1),
        |map| assert_eq!(map.pin().get_or_insert(1, [2; GIVEN_BACK])[0], 1),
    ]);
    on_a_stack::<SIZE>(&[|map| {
        assert_eq!(map.pin().get_or_insert_with(2, || [2; SIZE])[0], 2);
    }]);
}

#[test]
fn try_insert() {
    on_a_stack::<GIVEN_BACK>(&[
        |map| assert!(map.pin().try_insert(1, [1; GIVEN_BACK]).is_ok()),
        |map| {
            let view = map.pin();
            let refused = view.try_insert(1, [2; GIVEN_BACK]).unwrap_err();
            assert_eq!((refused.not_inserted[0], refused.current[0]), (2, 1));
        },
        |map| assert!(map.pin().try_insert_with(1, || [3; GIVEN_BACK]).is_err()),
    ]);
}

#[test]
fn entries() {
    on_a_stack::<SIZE>(&[
        |map| assert_eq!(map.pin().entry(1).or_insert([1; SIZE])[0], 1),
        |map| assert_eq!(map.pin().entry(2).or_insert_with(|| [2; SIZE])[0], 2),
    ]);
    on_a_stack::<GIVEN_BACK>(&[|map| {
        if let Entry::Vacant(entry) = map.pin().entry(3) {
            assert!(entry.insert([3; GIVEN_BACK]).is_ok());
        }
        assert_eq!(map.len(), 1);
    }]);
}

#[test]
fn update() {
    on_a_stack::<SIZE>(&[
        |map| {
            let view = map.pin();
            let value = view.update_or_insert(1, |_| [2; SIZE], [1; SIZE]);
            assert_eq!(value[0], 1);
        },
        |map| {
            let view = map.pin();
            let value = view.update_or_insert(1, |_| [2; SIZE], [1; SIZE]);
            assert_eq!(value[0], 2);
        },
        |map| assert_eq!(map.pin().update(1, |_| [3; SIZE]).unwrap()[0], 3),
    ]);
}

#[test]
fn by_ref() {
    /// A key that a `u32` is made of.
    #[derive(Hash)]
    struct Name(u32);
    impl splitmap::Equivalent<u32> for Name {
        fn equivalent(&self, key: &u32) -> bool {
            self.0 == *key
        }
    }
    impl From<&Name> for u32 {
        fn from(name: &Name) -> u32 {
            name.0
        }
    }
    on_a_stack::<SIZE>(&[
        |map| {
            let view = map.pin();
            let value = view.update_or_insert_ref(&Name(1), |_| [2; SIZE], [1; SIZE]);
            assert_eq!(value[0], 1);
        },
        |map| {
            let view = map.pin();
            let value = view.update_or_insert_ref(&Name(1), |_| [2; SIZE], [1; SIZE]);
            assert_eq!(value[0], 2);
        },
        |map| assert_eq!(map.pin().update_ref(&1, |_| [3; SIZE]).unwrap()[0], 3),
        |map| {
            let view = map.pin();
            let insert = |_: Option<_>| Operation::<_, ()>::Insert([4; SIZE]);
            let updated = view.compute_ref(&Name(1), insert);
            assert!(matches!(updated, Compute::Updated { .. }));
        },
    ]);
}

#[test]
fn compute() {
    on_a_stack::<SIZE>(&[
        |map| {
            let view = map.pin();
            let inserted = view.compute(1, |_| Operation::<_, ()>::Insert([1; SIZE]));
            assert!(matches!(inserted, Compute::Inserted(..)));
        },
        |map| {
            let view = map.pin();
            let updated = view.compute(1, |_| Operation::<_, ()>::Insert([2; SIZE]));
            assert!(matches!(updated, Compute::Updated { .. }));
        },
    ]);
}

#[test]
fn entries_that_change() {
    on_a_stack::<SIZE>(&[
        |map| assert_eq!(map.pin().entry(1).insert_entry([1; SIZE]).get()[0], 1),
        |map| {
            if let Entry::Occupied(entry) = map.pin().entry(1) {
                assert!(entry.insert([2; SIZE]).is_ok());
            }
        },
        |map| {
            let view = map.pin();
            let modified = view.entry(1).and_modify(|_| [3; SIZE]);
            assert_eq!(modified.get().unwrap()[0], 3);
        },
        |map| {
            let view = map.pin();
            let value = view.entry(2).and_modify(|_| [3; SIZE]).or_insert([4; SIZE]);
            assert_eq!(value[0], 4);
        },
    ]);
}

/// The value that was made for an absent key is kept while the key is present, and put there when it
/// has gone again.
#[test]
fn what_was_made_comes_back() {
    const N: usize = 64 << 10;
    on_a_stack::<N>(&[|map| {
        let view = map.pin();
        let make = || {
            view.insert(1, [1; N]);
            [7; N]
        };
        let update = |_: &[u8; N]| {
            view.remove(&1);
            [2; N]
        };
        assert_eq!(view.update_or_insert_with(1, update, make)[0], 7);
    }]);
}
