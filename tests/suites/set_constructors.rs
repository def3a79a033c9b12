//! The constructors of sets by name, which are for the default back end.

use std::collections::hash_map::DefaultHasher;
use std::hash::{BuildHasherDefault, RandomState};

use splitmap::HashSet;

static SEEN: HashSet<u64, BuildHasherDefault<DefaultHasher>> =
    HashSet::with_hasher(BuildHasherDefault::new());

#[test]
fn a_set_may_be_static() {
    assert!(SEEN.pin().insert(1));
    assert!(!SEEN.pin().insert(1));
    assert_eq!(SEEN.len(), 1);
}

#[test]
fn constructors_make_empty_sets() {
    assert_eq!(HashSet::<u64>::new().capacity(), 0);
    assert!(HashSet::<u64>::with_capacity(100).capacity() >= 100);
    let hashed = HashSet::<u64, _>::with_capacity_and_hasher(100, RandomState::new());
    assert!(hashed.capacity() >= 100 && hashed.is_empty());
    let built = HashSet::<u64>::builder().capacity(100);
    assert!(format!("{built:?}").contains("100"), "{built:?}");
    let built: HashSet<u64, RandomState> = built.hasher(RandomState::new()).build();
    assert!(built.capacity() >= 100 && built.is_empty());
    let other = HashSet::<u64, _>::with_hasher(built.hasher().clone());
    assert!(other.pin().insert(1));
}

#[test]
fn an_array_is_a_set() {
    let set = HashSet::from([1, 2, 2, 3]);
    assert_eq!(set.len(), 3);
    assert_eq!(HashSet::<u64>::from([]).capacity(), 0);
}
