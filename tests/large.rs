//! Values of 60 kB and more, on the 2 MiB of stack that a thread has by default, in debug builds as in
//! optimised ones: what `insert` holds, the other ways in hold too.

use std::thread;

use splitmap::{Compute, Entry, HashMap, Operation};

/// std's map holds such a value, and so does `insert`.
const SIZE: usize = 100 << 10;

/// What changes a value hold: a closure gives the new one, which is moved a few times more.
const CHANGED: usize = 60_000;

type Map<const N: usize> = HashMap<u32, [u8; N]>;

/// Runs on a stack of the size that threads have by default, whatever the environment says.
fn on_a_stack<const N: usize>(run: impl FnOnce(&Map<N>) + Send + 'static) {
    let run = move || run(&Map::new());
    let thread = thread::Builder::new().stack_size(2 << 20).spawn(run);
    thread.unwrap().join().unwrap();
}

#[test]
fn insert() {
    on_a_stack::<SIZE>(|map| {
        assert!(map.pin().insert(1, [1; SIZE]).is_none());
        assert_eq!(map.pin().insert(1, [2; SIZE]).unwrap()[0], 1);
    });
}

#[test]
fn get_or_insert() {
    on_a_stack::<SIZE>(|map| {
        assert_eq!(map.pin().get_or_insert(1, [1; SIZE])[0], 1);
        assert_eq!(map.pin().get_or_insert(1, [2; SIZE])[0], 1);
        assert_eq!(map.pin().get_or_insert_with(2, || [2; SIZE])[0], 2);
    });
}

#[test]
fn try_insert() {
    on_a_stack::<SIZE>(|map| {
        assert_eq!(map.pin().try_insert(1, [1; SIZE]).unwrap()[0], 1);
        let view = map.pin();
        let refused = view.try_insert(1, [2; SIZE]).unwrap_err();
        assert_eq!((refused.not_inserted[0], refused.current[0]), (2, 1));
        assert!(map.pin().try_insert_with(1, || [3; SIZE]).is_err());
    });
}

#[test]
fn entries() {
    on_a_stack::<SIZE>(|map| {
        let map = map.pin();
        assert_eq!(map.entry(1).or_insert([1; SIZE])[0], 1);
        assert_eq!(map.entry(2).or_insert_with(|| [2; SIZE])[0], 2);
        if let Entry::Vacant(entry) = map.entry(3) {
            assert!(entry.insert([3; SIZE]).is_ok());
        }
        assert_eq!(map.len(), 3);
    });
}

#[test]
fn update() {
    on_a_stack::<CHANGED>(|map| {
        assert_eq!(
            map.pin()
                .update_or_insert(1, |_| [2; CHANGED], [1; CHANGED])[0],
            1
        );
        assert_eq!(
            map.pin()
                .update_or_insert(1, |_| [2; CHANGED], [1; CHANGED])[0],
            2
        );
        assert_eq!(map.pin().update(1, |_| [3; CHANGED]).unwrap()[0], 3);
        assert_eq!(map.pin().update_ref(&1, |_| [4; CHANGED]).unwrap()[0], 4);
    });
}

#[test]
fn compute() {
    on_a_stack::<CHANGED>(|map| {
        let map = map.pin();
        let inserted = map.compute(1, |_| Operation::<_, ()>::Insert([1; CHANGED]));
        assert!(matches!(inserted, Compute::Inserted(..)));
    });
}

#[test]
fn entries_that_change() {
    on_a_stack::<CHANGED>(|map| {
        let map = map.pin();
        assert_eq!(map.entry(1).insert_entry([1; CHANGED]).get()[0], 1);
        if let Entry::Occupied(entry) = map.entry(1) {
            assert!(entry.insert([2; CHANGED]).is_ok());
        }
        let modified = map.entry(1).and_modify(|_| [3; CHANGED]);
        assert_eq!(modified.get().unwrap()[0], 3);
    });
}
