//! The set: every operation answers as that of `std::collections::HashSet` does, and what std's has
//! no answer to as its documentation says; on every back end.
//!
//! `PROPTEST_CASES` sets how many programs are tried. A failure leaves its seed in
//! `tests/suites/set.regressions`, which is to be committed.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet as Reference};
use std::hash::{BuildHasher, Hash, Hasher};
use std::iter::FusedIterator;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use splitmap::{Cursor, DefaultHashBuilder, Equivalent, HashSetBuilder, Reclaimer};

use super::R;
use crate::hashers::Quality;

pub type HashSet<T, S = DefaultHashBuilder> = splitmap::HashSet<T, S, R>;

fn builder<T>() -> HashSetBuilder<T, DefaultHashBuilder, R> {
    splitmap::HashSet::builder().reclaimer()
}

/// A value: equal by `id` alone. `number` tells one instance from another.
#[derive(Clone, Debug)]
struct Value {
    id: u16,
    number: u64,
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.id == other.id
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(self.id));
    }
}

/// What looks a `Value` up without being one.
struct Id(u16);

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(self.0));
    }
}

impl Equivalent<Value> for Id {
    fn equivalent(&self, value: &Value) -> bool {
        self.0 == value.id
    }
}

type Subject = HashSet<Value, Quality>;

#[derive(Clone, Debug)]
enum Op {
    Contains(u16),
    Get(u16),
    Insert(u16),
    GetOrInsert(u16),
    GetOrInsertWith(u16),
    Replace(u16),
    Remove(u16),
    Take(u16),
    /// Removes the id if its number is even.
    RemoveIf(u16),
    /// Keeps what `id % divisor` is not 0 of.
    Retain(u16),
    Clear,
    /// Through a shared reference, or a mutable one.
    Extend(Vec<u16>, bool),
    /// Takes so many out, and drops the rest.
    Drain(u16),
    /// Goes on with a clone.
    Clone,
    /// Goes on with a set collected from the content, of which some come twice.
    Collect,
    /// Goes on with what `into_iter` gives back.
    Rebuild,
    Reserve(u16),
    ShrinkToFit,
    Flush,
    /// A whole scan in calls of this budget.
    Scan(usize),
}

fn ops() -> impl Strategy<Value = (Quality, usize, Vec<Op>)> {
    (
        prop::sample::select(&Quality::ALL[..]),
        prop::sample::select(vec![0_usize, 1, 100]),
        prop::sample::select(vec![2_u16, 20, 500]),
    )
        .prop_flat_map(|(quality, capacity, ids)| {
            let id = 0..ids;
            let op = prop_oneof![
                4 => id.clone().prop_map(Op::Contains),
                4 => id.clone().prop_map(Op::Get),
                16 => id.clone().prop_map(Op::Insert),
                4 => id.clone().prop_map(Op::GetOrInsert),
                4 => id.clone().prop_map(Op::GetOrInsertWith),
                4 => id.clone().prop_map(Op::Replace),
                6 => id.clone().prop_map(Op::Remove),
                6 => id.clone().prop_map(Op::Take),
                4 => id.clone().prop_map(Op::RemoveIf),
                2 => (2_u16..5).prop_map(Op::Retain),
                1 => Just(Op::Clear),
                4 => (vec(id.clone(), 0..100), any::<bool>())
                    .prop_map(|(ids, shared)| Op::Extend(ids, shared)),
                1 => id.clone().prop_map(Op::Drain),
                1 => Just(Op::Clone),
                1 => Just(Op::Collect),
                1 => Just(Op::Rebuild),
                1 => (0_u16..300).prop_map(Op::Reserve),
                1 => Just(Op::ShrinkToFit),
                1 => Just(Op::Flush),
                2 => (0_usize..20).prop_map(Op::Scan),
            ];
            (Just(quality), Just(capacity), vec(op, 0..60))
        })
}

fn pair(value: &Value) -> (u16, u64) {
    (value.id, value.number)
}

fn content(set: &Subject) -> BTreeSet<(u16, u64)> {
    let view = set.pin();
    let content: BTreeSet<_> = view.iter().map(pair).collect();
    assert_eq!(view.iter().count(), content.len());
    content
}

fn scan<S>(set: &HashSet<Value, S>, budget: usize) -> Vec<(u16, u64)> {
    let (mut met, mut next) = (Vec::new(), Some(Cursor::START));
    while let Some(cursor) = next {
        let view = set.pin();
        let mut scan = view.scan(cursor, budget);
        met.extend(scan.by_ref().map(pair));
        next = scan.cursor();
    }
    met
}

/// Does one step to both, and compares what they answer.
fn perform(
    subject: &mut Subject,
    reference: &mut Reference<Value>,
    numbers: &mut u64,
    op: &Op,
) -> Result<(), TestCaseError> {
    let mut value = |id: u16| {
        *numbers += 1;
        Value {
            id,
            number: *numbers,
        }
    };
    let probe = |id| Value { id, number: 0 };
    let guard = subject.guard();
    match *op {
        Op::Contains(id) => {
            prop_assert_eq!(
                subject.contains(&Id(id), &guard),
                reference.contains(&probe(id))
            );
        }
        Op::Get(id) => {
            let ours = subject.get(&Id(id), &guard).map(pair);
            prop_assert_eq!(ours, reference.get(&probe(id)).map(pair));
        }
        Op::Insert(id) => {
            let value = value(id);
            prop_assert_eq!(
                subject.insert(value.clone(), &guard),
                reference.insert(value)
            );
        }
        Op::GetOrInsert(id) => {
            let value = value(id);
            reference.insert(value.clone());
            let ours = pair(subject.get_or_insert(value, &guard));
            prop_assert_eq!(Some(ours), reference.get(&probe(id)).map(pair));
        }
        Op::GetOrInsertWith(id) => {
            let value = value(id);
            let is_new = reference.insert(value.clone());
            let mut made = false;
            let make = |_: &Id| {
                made = true;
                value
            };
            let ours = pair(subject.get_or_insert_with(&Id(id), make, &guard));
            prop_assert_eq!(Some(ours), reference.get(&probe(id)).map(pair));
            prop_assert_eq!(made, is_new);
        }
        Op::Replace(id) => {
            let value = value(id);
            let old = subject.replace(value.clone(), &guard);
            prop_assert_eq!(old.map(pair), reference.replace(value).as_ref().map(pair));
        }
        Op::Remove(id) => {
            prop_assert_eq!(
                subject.remove(&Id(id), &guard),
                reference.remove(&probe(id))
            );
        }
        Op::Take(id) => {
            let taken = subject.take(&Id(id), &guard).map(pair);
            prop_assert_eq!(taken, reference.take(&probe(id)).as_ref().map(pair));
        }
        Op::RemoveIf(id) => {
            let ours = subject.try_remove_if(&Id(id), |value| value.number % 2 == 0, &guard);
            let theirs = match reference.get(&probe(id)).map(pair) {
                Some((_, number)) if number % 2 == 1 => Err((id, number)),
                present => {
                    reference.remove(&probe(id));
                    Ok(present)
                }
            };
            prop_assert_eq!(ours.map(|value| value.map(pair)).map_err(pair), theirs);
        }
        Op::Retain(divisor) => {
            subject.retain(|value| value.id % divisor != 0, &guard);
            reference.retain(|value| value.id % divisor != 0);
        }
        Op::Clear => {
            subject.clear(&guard);
            reference.clear();
        }
        Op::Extend(ref ids, shared) => {
            let values: Vec<Value> = ids.iter().map(|&id| value(id)).collect();
            drop(guard);
            if shared {
                let mut shared: &Subject = subject;
                shared.extend(values.iter().cloned());
            } else {
                subject.extend(values.iter().cloned());
            }
            reference.extend(values);
        }
        Op::Drain(count) => {
            drop(guard);
            let mut drain = subject.drain();
            prop_assert_eq!(drain.len(), reference.len());
            for value in drain.by_ref().take(usize::from(count)) {
                let theirs = reference.take(&value);
                prop_assert_eq!(theirs.as_ref().map(pair), Some(pair(&value)));
            }
            drop(drain);
            reference.clear();
            prop_assert!(subject.is_empty());
        }
        Op::Clone => {
            drop(guard);
            let clone = subject.clone();
            prop_assert!(clone == *subject);
            *subject = clone;
        }
        Op::Collect => {
            drop(guard);
            // Of equal ones the first stays.
            let mut values: Vec<Value> = subject.pin().iter().cloned().collect();
            let doubles: Vec<Value> = values.iter().step_by(2).map(|v| value(v.id)).collect();
            values.extend(doubles);
            *subject = Subject::from_iter(values.iter().cloned());
            *reference = values.into_iter().collect();
        }
        Op::Rebuild => {
            drop(guard);
            let values = std::mem::take(subject).into_iter();
            prop_assert_eq!(values.len(), reference.len());
            subject.extend(values);
        }
        Op::Reserve(additional) => {
            subject.reserve(usize::from(additional));
            prop_assert!(
                additional == 0 || subject.capacity() >= reference.len() + usize::from(additional)
            );
        }
        Op::ShrinkToFit => subject.shrink_to_fit(),
        Op::Flush => subject.flush(),
        Op::Scan(budget) => {
            let met = scan(subject, budget);
            prop_assert_eq!(met.len(), reference.len());
            let content: BTreeSet<_> = reference.iter().map(pair).collect();
            prop_assert_eq!(met.into_iter().collect::<BTreeSet<_>>(), content);
        }
    }
    prop_assert_eq!(subject.len(), reference.len());
    prop_assert_eq!(subject.is_empty(), reference.is_empty());
    let theirs: BTreeSet<_> = reference.iter().map(pair).collect();
    prop_assert_eq!(content(subject), theirs);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "tests/suites/set.regressions",
        ))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn it_answers_as_std_does((quality, capacity, ops) in ops()) {
        let mut subject: Subject = builder().capacity(capacity).hasher(quality).build();
        let mut reference = Reference::new();
        let mut numbers = 0;
        for op in &ops {
            perform(&mut subject, &mut reference, &mut numbers, op)?;
        }
    }

    #[test]
    fn set_algebra_is_that_of_std(
        ours in vec(0_u16..60, 0..60),
        theirs in vec(0_u16..60, 0..60),
    ) {
        let number = |number| move |&id: &u16| Value { id, number };
        let a: HashSet<Value> = ours.iter().map(number(1)).collect();
        let b: HashSet<Value> = theirs.iter().map(number(2)).collect();
        let x: Reference<Value> = ours.iter().map(number(1)).collect();
        let y: Reference<Value> = theirs.iter().map(number(2)).collect();
        let (v, w) = (a.pin(), b.pin());
        let (guard, other) = (a.guard(), b.guard());

        prop_assert_eq!(v.is_subset(&w), x.is_subset(&y));
        prop_assert_eq!(v.is_superset(&w), x.is_superset(&y));
        prop_assert_eq!(v.is_disjoint(&w), x.is_disjoint(&y));
        prop_assert_eq!(a.is_subset(&b, &guard, &other), x.is_subset(&y));
        prop_assert_eq!(a.is_superset(&b, &guard, &other), x.is_superset(&y));
        prop_assert_eq!(a.is_disjoint(&b, &guard, &other), x.is_disjoint(&y));
        prop_assert_eq!(a == b, x == y);

        // Compared with their numbers: of two that are equal, the one is taken that std takes, but
        // in a union or an intersection, where std's takes that of the larger or smaller set.
        let pairs = |values: Vec<&Value>| {
            let mut pairs: Vec<_> = values.into_iter().map(pair).collect();
            pairs.sort_unstable();
            pairs
        };
        let united: Vec<&Value> = x.iter().chain(y.difference(&x)).collect();
        let shared: Vec<&Value> = x.iter().filter(|value| y.contains(value)).collect();
        prop_assert_eq!(x.union(&y).count(), united.len());
        prop_assert_eq!(x.intersection(&y).count(), shared.len());
        prop_assert_eq!(pairs(v.union(&w).collect()), pairs(united.clone()));
        prop_assert_eq!(pairs(v.intersection(&w).collect()), pairs(shared.clone()));
        prop_assert_eq!(pairs(v.difference(&w).collect()), pairs(x.difference(&y).collect()));
        prop_assert_eq!(
            pairs(v.symmetric_difference(&w).collect()),
            pairs(x.symmetric_difference(&y).collect())
        );
        prop_assert_eq!(pairs(a.union(&b, &guard, &other).collect()), pairs(united));
        prop_assert_eq!(pairs(a.intersection(&b, &guard, &other).collect()), pairs(shared));
        prop_assert_eq!(
            pairs(a.difference(&b, &guard, &other).collect()),
            pairs(x.difference(&y).collect())
        );
        prop_assert_eq!(
            pairs(a.symmetric_difference(&b, &guard, &other).collect()),
            pairs(x.symmetric_difference(&y).collect())
        );

        let same = |set: HashSet<Value>, values: Reference<Value>| {
            set.len() == values.len() && set.pin().iter().all(|value| values.contains(value))
        };
        prop_assert!(same(&a | &b, &x | &y));
        prop_assert!(same(&a & &b, &x & &y));
        prop_assert!(same(&a ^ &b, &x ^ &y));
        prop_assert!(same(&a - &b, &x - &y));
    }
}

fn is_fused(_: &impl FusedIterator) {}

/// Half of it, and then as its own clone, its size hints and its debug output say.
fn assert_is_an_iterator<'g, I>(mut values: I)
where
    I: FusedIterator<Item = &'g u64> + Clone + std::fmt::Debug,
{
    is_fused(&values);
    let half = values.clone().count() / 2;
    values.by_ref().take(half).for_each(drop);
    let rest: Vec<&u64> = values.clone().collect();
    assert_eq!(format!("{values:?}"), format!("{rest:?}"));
    for left in (0..=rest.len()).rev() {
        let (lower, upper) = values.size_hint();
        assert!(lower <= left && upper.is_none_or(|upper| upper >= left));
        assert_eq!(values.next().is_some(), left > 0);
    }
    assert_eq!(values.next(), None);
}

#[test]
fn iterators_are_whole() {
    let a: HashSet<u64> = (0..40).collect();
    let b: HashSet<u64> = (20..60).collect();
    let (v, w) = (a.pin(), b.pin());
    assert_is_an_iterator(v.iter());
    assert_is_an_iterator(v.scan(Cursor::START, usize::MAX));
    assert_is_an_iterator(v.union(&w));
    assert_is_an_iterator(v.intersection(&w));
    assert_is_an_iterator(v.difference(&w));
    assert_is_an_iterator(v.symmetric_difference(&w));
    assert_eq!((&v).into_iter().count(), 40);

    let mut drained = b.clone();
    let drain = drained.drain();
    is_fused(&drain);
    assert_eq!(drain.len(), 40);
    assert_eq!(format!("{drain:?}"), "Drain { len: 40, .. }");
    drop(drain);
    assert!(drained.is_empty());
    let mut values = b.clone().into_iter();
    is_fused(&values);
    assert!(values.next().is_some());
    assert_eq!(format!("{values:?}"), "IntoIter { len: 39, .. }");
    assert_eq!(values.count(), 39);
}

/// The algebra is lazy: what comes after it was made, and before it gets there, is seen.
#[test]
fn set_algebra_looks_when_it_is_asked() {
    let a: HashSet<u64> = (0..10).collect();
    let b: HashSet<u64> = HashSet::default();
    let (v, w) = (a.pin(), b.pin());
    let mut difference = v.difference(&w);
    assert!(difference.next().is_some());
    let left: Vec<u64> = difference.clone().copied().collect();
    assert_eq!(left.len(), 9);
    w.insert(left[3]);
    assert!(!difference.any(|value| *value == left[3]));
    assert_eq!(v.symmetric_difference(&w).count(), 9);
}

/// Tells writers to stop, also when a check fails: else they would be waited for without end.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Values that stay in the sets they are in are met once, whatever others do meanwhile.
#[test]
fn set_algebra_is_exact_for_what_stays() {
    // 0..300 only here, 300..600 in both, 600..900 only there; the rest comes and goes.
    let a: HashSet<u64> = (0..600).collect();
    let b: HashSet<u64> = (300..900).collect();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        for (set, start) in [(&a, 1_000), (&b, 1_500), (&a, 2_000)] {
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    for value in start..start + 1_000 {
                        set.pin().insert(value);
                    }
                    for value in start..start + 1_000 {
                        set.pin().remove(&value);
                    }
                }
            });
        }
        for _ in 0..30 {
            let (v, w) = (a.pin(), b.pin());
            let stays = |values: &mut dyn Iterator<Item = &u64>| -> Vec<u64> {
                let mut values: Vec<u64> = values.copied().filter(|value| *value < 900).collect();
                values.sort_unstable();
                values
            };
            let range = |from, to| (from..to).collect::<Vec<u64>>();
            assert_eq!(stays(&mut v.union(&w)), range(0, 900));
            assert_eq!(stays(&mut v.intersection(&w)), range(300, 600));
            assert_eq!(stays(&mut v.difference(&w)), range(0, 300));
            let either = [range(0, 300), range(600, 900)].concat();
            assert_eq!(stays(&mut v.symmetric_difference(&w)), either);
            assert!(!v.is_disjoint(&w) && !v.is_subset(&w) && !v.is_superset(&w));
        }
    });
}

/// Of threads that offer equal values one gets in, and all are given that one.
#[test]
fn threads_agree_on_one_copy() {
    const THREADS: usize = 4;
    const NAMES: usize = 500;
    let set = HashSet::<Arc<str>>::default();
    let copies: Vec<Vec<Arc<str>>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let set = &set;
                scope.spawn(move || {
                    let view = set.pin();
                    (0..NAMES)
                        .map(|n| {
                            let name: Arc<str> = format!("name {n}").into();
                            let copy = if thread % 2 == 0 {
                                view.get_or_insert(name)
                            } else {
                                view.get_or_insert_with(&name, Arc::clone)
                            };
                            Arc::clone(copy)
                        })
                        .collect()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    for other in &copies[1..] {
        for (one, other) in copies[0].iter().zip(other) {
            assert!(Arc::ptr_eq(one, other));
        }
    }
    assert_eq!(set.len(), NAMES);
}

/// What `replace` and `take` return stays as long as the guard, and is dropped once.
#[test]
fn what_leaves_is_readable_under_the_guard_and_dropped_once() {
    struct Held(u64, Arc<()>);
    impl PartialEq for Held {
        fn eq(&self, other: &Held) -> bool {
            self.0 == other.0
        }
    }
    impl Eq for Held {}
    impl Hash for Held {
        fn hash<H: Hasher>(&self, state: &mut H) {
            state.write_u64(self.0);
        }
    }

    let alive = Arc::new(());
    let set = HashSet::<Held>::default();
    {
        let view = set.pin();
        for id in 0..100 {
            assert!(view.insert(Held(id, Arc::clone(&alive))));
            // Refused: dropped at once.
            let before = Arc::strong_count(&alive);
            assert!(!view.insert(Held(id, Arc::clone(&alive))));
            assert_eq!(Arc::strong_count(&alive), before);
            view.get_or_insert(Held(id, Arc::clone(&alive)));
            assert_eq!(Arc::strong_count(&alive), before);
        }
        let probe = |id| Held(id, Arc::default());
        let old = view.replace(Held(1, Arc::clone(&alive))).unwrap();
        assert!(Arc::ptr_eq(&old.1, &alive));
        let new = view.get(&probe(1)).unwrap();
        assert!(!std::ptr::eq(old, new) && Arc::ptr_eq(&new.1, &alive));
        let taken = view.take(&probe(2)).unwrap();
        assert!(view.take(&probe(2)).is_none());
        assert!(Arc::ptr_eq(&taken.1, &alive));
        assert_eq!(Arc::strong_count(&alive), 102);
    }
    drop(set);
    if R::DRAINS {
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}

#[test]
fn a_closure_that_panics_changes_nothing() {
    let set: HashSet<u64> = (0..10).collect();
    let view = set.pin();
    let panics = |operation: &dyn Fn()| {
        assert!(catch_unwind(AssertUnwindSafe(operation)).is_err());
    };
    panics(&|| {
        view.get_or_insert_with(&10, |_| panic!("in the closure"));
    });
    panics(&|| {
        // It is another value that is made.
        view.get_or_insert_with(&10, |_| 11);
    });
    panics(&|| {
        let _ = view.try_remove_if(&1, |_| panic!("in the closure"));
    });
    panics(&|| view.retain(|_| panic!("in the closure")));
    assert_eq!(
        view.iter().copied().collect::<BTreeSet<_>>(),
        (0..10).collect()
    );
}

#[test]
fn views_and_sets_show_their_values() {
    let set: HashSet<u64> = HashSet::from_iter([7]);
    assert_eq!(format!("{set:?}"), "{7}");
    assert_eq!(format!("{:?}", set.pin()), "{7}");
    assert_eq!(format!("{:?}", HashSet::<u64>::default()), "{}");
}

#[test]
fn views_are_the_set() {
    let set: HashSet<u64> = (0..10).collect();
    let mut view = set.pin();
    assert!(std::ptr::eq(view.set(), &set));
    assert_eq!((view.len(), view.is_empty()), (10, false));
    view.reserve(500);
    assert!(view.capacity() >= 510);
    view.shrink_to_fit();
    assert!(view.capacity() < 510);
    view.refresh();
    assert!(view.remove(&1) && !view.remove(&1));
    assert_eq!(view.try_remove_if(&2, |value| *value == 2), Ok(Some(&2)));
    view.clear();
    assert!(view.is_empty());
}

#[test]
fn equality_is_that_of_the_values() {
    let set: HashSet<u64> = (0..10).collect();
    let equal: HashSet<u64> = (0..10).rev().collect();
    let fewer: HashSet<u64> = (0..9).collect();
    let others: HashSet<u64> = (1..11).collect();
    assert_eq!(set, equal);
    assert_ne!(set, fewer);
    assert_ne!(set, others);
}

#[test]
fn copies_are_taken_from_references() {
    let mut set = HashSet::<u64>::default();
    set.extend(&[1, 2, 2]);
    let mut shared = &set;
    shared.extend(&[3]);
    shared.extend([4]);
    assert_eq!(set.len(), 4);
}

/// The hash of a value is asked for once, and by the set's own hasher.
#[test]
fn values_are_hashed_by_the_hasher_that_was_given() {
    thread_local! {
        static ASKED: RefCell<u32> = const { RefCell::new(0) };
    }
    #[derive(Clone, Default)]
    struct Counting(DefaultHashBuilder);
    impl BuildHasher for Counting {
        type Hasher = <DefaultHashBuilder as BuildHasher>::Hasher;
        fn build_hasher(&self) -> Self::Hasher {
            ASKED.with_borrow_mut(|asked| *asked += 1);
            self.0.build_hasher()
        }
    }
    let asked = || ASKED.take();
    let set = builder::<u64>().hasher(Counting::default()).build();
    let view = set.pin();
    view.insert(1);
    assert_eq!(asked(), 1);
    view.get_or_insert(1);
    assert_eq!(asked(), 1);
    view.replace(1);
    assert_eq!(asked(), 1);
    view.take(&1);
    assert_eq!(asked(), 1);
}
