//! What is said of calls on many keys, by small histories.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::generate::Draws;
use crate::history::{
    Bounds, Call, Clock, Count, Failure, History, Key, Met, Operation, Outcome, Recorder, Stamp,
    Value,
};

fn call<O, T>(operation: O, outcome: T, (invoked, returned): (Stamp, Stamp)) -> Call<O, T> {
    Call {
        // A call is a thread of its own.
        thread: invoked as usize,
        operation,
        outcome: Some(outcome),
        invoked,
        returned: Some(returned),
    }
}

fn met(key: Key, value: Value, at: Stamp) -> Met {
    Met {
        key,
        value,
        at,
        refused: None,
    }
}

fn refused(key: Key, value: Value, at: Stamp) -> Met {
    Met {
        refused: Some(at + 1),
        ..met(key, value, at)
    }
}

/// Key 0 holds 1 at first, and what happens to it then.
struct Story(History);

impl Story {
    fn new() -> Story {
        Story(History::new([(0, 1)]))
    }

    fn insert(mut self, value: Value, old: Option<Value>, span: (Stamp, Stamp)) -> Story {
        let operation = (0, Operation::Insert(value));
        self.0
            .calls
            .push(call(operation, Outcome::Wrote(old), span));
        self
    }

    fn remove(mut self, old: Value, span: (Stamp, Stamp)) -> Story {
        let operation = (0, Operation::Remove);
        self.0
            .calls
            .push(call(operation, Outcome::Removed(old), span));
        self
    }

    fn get(mut self, value: Option<Value>, span: (Stamp, Stamp)) -> Story {
        let operation = (0, Operation::Get);
        self.0
            .calls
            .push(call(operation, Outcome::Kept(value), span));
        self
    }

    fn walk(mut self, met: &[Met], span: (Stamp, Stamp)) -> Story {
        self.0.walks.push(call(met.to_vec(), (), span));
        self
    }

    fn clear(mut self, span: (Stamp, Stamp)) -> Story {
        self.0.clears.push(call((), (), span));
        self
    }

    #[track_caller]
    fn holds(self) {
        if let Err(failure) = self.0.check(Count::AtOnce) {
            panic!("{failure}");
        }
    }

    #[track_caller]
    fn fails(self) {
        let result = self.0.check(Count::AtOnce);
        assert!(
            matches!(result, Err(Failure::Key { key: 0, .. })),
            "{result:?}"
        );
    }
}

#[test]
fn walks_meet_what_is_there_throughout() {
    let walk = |met: &[Met]| Story::new().walk(met, (10, 19));
    walk(&[met(0, 1, 15)]).holds();
    walk(&[]).fails();
    walk(&[met(0, 2, 15)]).fails();
    // Another key, which nobody ever inserted.
    let result = walk(&[met(0, 1, 15), met(7, 1, 16)]).0.check(Count::AtOnce);
    assert!(matches!(result, Err(Failure::Key { key: 7, .. })));
    let result = walk(&[met(0, 1, 15), met(0, 1, 16)]).0.check(Count::AtOnce);
    assert!(matches!(result, Err(Failure::MetTwice { key: 0, .. })));
}

#[test]
fn walks_meet_one_of_the_values_of_their_time() {
    let replaced = |value, at, span| {
        let met = [met(0, value, at)];
        Story::new().insert(2, Some(1), span).walk(&met, (10, 19))
    };
    for span in [(5, 12), (11, 14), (12, 25)] {
        replaced(1, 15, span).holds();
        replaced(2, 15, span).holds();
    }
    replaced(1, 15, (1, 4)).fails();
    replaced(2, 15, (20, 24)).fails();
    // Written when it had been met.
    replaced(2, 15, (16, 18)).fails();
    replaced(1, 15, (16, 18)).holds();
}

#[test]
fn walks_may_miss_what_comes_or_goes() {
    Story::new().remove(1, (11, 12)).walk(&[], (10, 19)).holds();
    Story::new().remove(1, (1, 2)).walk(&[], (10, 19)).holds();
    Story::new().remove(1, (20, 22)).walk(&[], (10, 19)).fails();
    let come_back = |second| Story::new().remove(1, (11, 12)).insert(2, None, second);
    come_back((13, 14)).walk(&[], (10, 19)).holds();
    come_back((13, 14)).walk(&[met(0, 1, 18)], (10, 19)).holds();
    come_back((13, 14)).walk(&[met(0, 2, 18)], (10, 19)).holds();
    // A replacement is no absence.
    Story::new()
        .insert(2, Some(1), (11, 14))
        .walk(&[], (10, 19))
        .fails();
}

/// What each walk says may be true by itself, and not together.
#[test]
fn walks_agree_on_one_order_of_writes() {
    let walks = |first: &[Met], second: &[Met]| {
        Story::new()
            .remove(1, (1, 30))
            .walk(first, (5, 9))
            .walk(second, (10, 19))
    };
    walks(&[met(0, 1, 6)], &[]).holds();
    walks(&[], &[met(0, 1, 12)]).fails();
}

#[test]
fn a_walk_that_never_ends_says_only_what_it_met() {
    let mut story = Story::new().walk(&[], (10, 19));
    story.0.walks[0].returned = None;
    story.holds();
    let mut story = Story::new().walk(&[met(0, 2, 12)], (10, 19));
    story.0.walks[0].returned = None;
    story.fails();
}

/// What a thread recorded is not lost with a call that panics: that call never returned.
#[test]
fn a_call_that_panics_never_returned() {
    let clock = Clock::new();
    let mut recorder = Recorder::new(&clock, 0);
    let insert = |value| (Operation::Insert(value), Outcome::Wrote(None));
    let (operation, outcome) = insert(2);
    recorder.call(1, operation, || outcome);
    let panics = AssertUnwindSafe(|| {
        let (operation, _) = insert(3);
        recorder.call(0, operation, || resume_unwind(Box::new("on purpose")));
    });
    assert!(catch_unwind(panics).is_err());
    let panics = AssertUnwindSafe(|| {
        recorder.walk(|walker| {
            walker.meet(1, 2);
            resume_unwind(Box::new("on purpose"));
        });
    });
    assert!(catch_unwind(panics).is_err());
    let mut history = History::default();
    history.add(recorder);
    let returned: Vec<_> = history.calls.iter().map(|call| call.returned).collect();
    assert_eq!(returned, [Some(2), None]);
    assert_eq!(history.walks[0].operation, [met(1, 2, 5)]);
    assert_eq!(history.walks[0].returned, None);
    // Nobody knows whether 3 is in the map.
    for value in [None, Some(3)] {
        let mut history = history.clone();
        let read = (0, Operation::Get);
        history.calls.push(call(read, Outcome::Kept(value), (6, 7)));
        assert!(history.check(Count::AtOnce).is_ok());
    }
}

#[test]
fn what_retain_refuses_is_gone() {
    let retain = |met: &[Met]| Story::new().walk(met, (10, 19));
    retain(&[refused(0, 1, 12)]).get(None, (20, 21)).holds();
    retain(&[refused(0, 1, 12)]).get(Some(1), (20, 21)).fails();
    retain(&[met(0, 1, 12)]).get(Some(1), (20, 21)).holds();
    retain(&[met(0, 1, 12)]).get(None, (20, 21)).fails();
    retain(&[]).get(Some(1), (20, 21)).fails();
    // Not before it is refused.
    retain(&[refused(0, 1, 12)]).get(None, (14, 15)).holds();
    retain(&[refused(0, 1, 12)]).get(None, (8, 11)).fails();
    // Somebody else removed it first.
    retain(&[refused(0, 1, 12)]).remove(1, (11, 15)).holds();
    retain(&[refused(0, 1, 12)]).remove(1, (20, 21)).fails();
}

#[test]
fn retain_asks_again_for_what_was_replaced() {
    let replaced = |met: &[Met]| {
        Story::new()
            .insert(2, Some(1), (11, 16))
            .walk(met, (10, 30))
    };
    replaced(&[refused(0, 1, 12), refused(0, 2, 18)])
        .get(None, (31, 32))
        .holds();
    replaced(&[refused(0, 1, 12), refused(0, 2, 18)])
        .get(Some(2), (31, 32))
        .fails();
    replaced(&[refused(0, 1, 12), met(0, 2, 18)])
        .get(Some(2), (31, 32))
        .holds();
    // It need not see the new value; but then it was no replacement if it removed the old one.
    replaced(&[refused(0, 1, 12)])
        .get(Some(2), (31, 32))
        .holds();
    let inserted = Story::new().insert(2, None, (13, 16));
    inserted
        .walk(&[refused(0, 1, 11)], (10, 30))
        .get(Some(2), (31, 32))
        .holds();
    // One that is asked for and kept is not asked for again.
    let twice = replaced(&[met(0, 1, 12), met(0, 2, 18)])
        .0
        .check(Count::AtOnce);
    assert!(matches!(twice, Err(Failure::MetTwice { .. })));
}

#[test]
fn a_value_written_after_the_question_is_not_swept_away_by_it() {
    // 2 comes during the call and is refused: it has to be gone at the end.
    let story = || {
        Story::new()
            .insert(2, Some(1), (11, 13))
            .walk(&[refused(0, 2, 15)], (10, 30))
    };
    story().get(None, (31, 32)).holds();
    story().get(Some(2), (31, 32)).fails();
}

#[test]
fn clear_leaves_nothing_that_was_there_throughout() {
    let clear = || Story::new().clear((10, 19));
    clear().get(None, (20, 21)).holds();
    clear().get(Some(1), (20, 21)).fails();
    // A value that comes meanwhile may stay or go; it replaces one or not, according to the order.
    clear()
        .insert(2, None, (12, 13))
        .get(Some(2), (20, 21))
        .holds();
    clear()
        .insert(2, Some(1), (12, 13))
        .get(None, (20, 21))
        .holds();
    clear()
        .insert(2, Some(1), (12, 13))
        .get(Some(2), (20, 21))
        .fails();
    clear()
        .insert(2, None, (12, 13))
        .get(None, (20, 21))
        .fails();
    clear().remove(1, (12, 13)).holds();
    clear().remove(1, (20, 21)).fails();
}

/// A thread's call on a key.
type Part = (usize, Key, Operation, Outcome, (Stamp, Stamp));

/// The bounds of a length, of four keys of which three are there at first.
fn bounds(count: Count, calls: &[Part]) -> Bounds {
    let mut history = History::new([(1, 1), (2, 2), (3, 3)]);
    for &(thread, key, operation, outcome, span) in calls {
        let call = call((key, operation), outcome, span);
        history.calls.push(Call { thread, ..call });
    }
    history.lengths.push(call((), usize::MAX, (100, 200)));
    match history.check(count) {
        Err(Failure::Length { bounds, .. }) => bounds,
        other => panic!("{other:?}"),
    }
}

#[test]
fn lengths_are_within_bounds() {
    let both = [Count::AtOnce, Count::Summed];
    let insert = |thread, key, span| {
        let value = 100 * key + thread as Value;
        (
            thread,
            key,
            Operation::Insert(value),
            Outcome::Wrote(None),
            span,
        )
    };
    let remove = |thread, key, value, span| {
        (
            thread,
            key,
            Operation::Remove,
            Outcome::Removed(value),
            span,
        )
    };
    for count in both {
        let is = |calls: &[Part], least, most| {
            assert_eq!(bounds(count, calls), Bounds { least, most }, "{count:?}");
        };
        is(&[], 3, 3);
        is(&[insert(0, 4, (1, 2))], 4, 4);
        is(&[insert(0, 4, (201, 202))], 3, 3);
        is(&[insert(0, 4, (150, 160))], 3, 4);
        is(&[insert(0, 4, (50, 160))], 3, 4);
        is(&[remove(0, 3, 3, (150, 260))], 2, 3);
        is(&[remove(0, 3, 3, (50, 60)), insert(0, 3, (61, 62))], 3, 3);
        is(
            &[remove(0, 3, 3, (150, 160)), insert(0, 3, (161, 162))],
            2,
            3,
        );
    }
    // One thread removes an entry and another inserts it: counters may tell the second and not the
    // first, or the first and not the second.
    let toggled = [
        remove(0, 3, 3, (110, 111)),
        insert(1, 3, (120, 121)),
        remove(0, 3, 301, (130, 131)),
        insert(1, 3, (140, 141)),
    ];
    let (least, most) = (2, 3);
    assert_eq!(bounds(Count::AtOnce, &toggled), Bounds { least, most });
    let (least, most) = (1, 5);
    assert_eq!(bounds(Count::Summed, &toggled), Bounds { least, most });
}

/// Threads that count by themselves, and one that sums up; and the true length, at an instant.
#[test]
fn lengths_of_random_histories_are_within_bounds() {
    let mut draws = Draws(5);
    let mut apart = 0;
    for _ in 0..1_000 {
        let (summed, at_once) = random_lengths(&mut draws);
        for (count, history) in [(Count::Summed, summed), (Count::AtOnce, at_once)] {
            if let Err(failure) = history.check(count) {
                panic!("{count:?}: {failure}");
            }
            if count == Count::Summed {
                apart += usize::from(history.check(Count::AtOnce).is_err());
            }
        }
    }
    assert!(apart > 10, "{apart} sums are no length of an instant");
}

/// What a simulated thread is about.
enum Doing {
    Nothing,
    Invoked(usize),
    /// The call has taken effect; it is to be counted.
    Done(usize, Outcome, i64),
    Counted(usize, Outcome),
    /// Sums up the counters, from this one on.
    Summing(usize, usize, i64),
}

/// A random history with lengths, once summed up and once of an instant.
fn random_lengths(draws: &mut Draws) -> (History, History) {
    const WRITERS: usize = 3;
    let mut map: HashMap<Key, Value> = HashMap::new();
    let mut history = History::default();
    let mut at_once: Vec<usize> = Vec::new();
    let mut counters = [0_i64; WRITERS];
    let mut threads: Vec<Doing> = (0..=WRITERS).map(|_| Doing::Nothing).collect();
    for stamp in 1..200 {
        let thread = draws.below(threads.len());
        threads[thread] = match threads[thread] {
            Doing::Nothing if thread == WRITERS => {
                history.lengths.push(Call {
                    thread,
                    operation: (),
                    outcome: None,
                    invoked: stamp,
                    returned: None,
                });
                at_once.push(0);
                Doing::Summing(history.lengths.len() - 1, 0, 0)
            }
            Doing::Summing(length, counter, sum) if counter < WRITERS => {
                if counter == WRITERS / 2 {
                    at_once[length] = map.len();
                }
                Doing::Summing(length, counter + 1, sum + counters[counter])
            }
            Doing::Summing(length, _, sum) => {
                history.lengths[length].outcome = Some(sum.max(0) as usize);
                history.lengths[length].returned = Some(stamp);
                Doing::Nothing
            }
            Doing::Nothing => {
                let key = draws.next() % 4;
                // What an entry saw: it is there or is not, or was never there.
                let seen = map.values().next().copied().unwrap_or(0);
                let operation = draws.pick(&[
                    Operation::Insert(stamp),
                    Operation::TryInsert(stamp),
                    Operation::Remove,
                    Operation::Clear,
                    Operation::InsertByEntry { seen, value: stamp },
                    Operation::RemoveByEntry(seen),
                    Operation::RemoveUnchanged(seen),
                ]);
                history.calls.push(Call {
                    thread,
                    operation: (key, operation),
                    outcome: None,
                    invoked: stamp,
                    returned: None,
                });
                Doing::Invoked(history.calls.len() - 1)
            }
            Doing::Invoked(call) => {
                let (key, operation) = history.calls[call].operation;
                let (after, outcome) = operation.on(map.get(&key).copied());
                let before = map.remove(&key);
                map.extend(after.map(|value| (key, value)));
                let change = i64::from(after.is_some()) - i64::from(before.is_some());
                Doing::Done(call, outcome, change)
            }
            Doing::Done(call, outcome, change) => {
                counters[thread] += change;
                Doing::Counted(call, outcome)
            }
            Doing::Counted(call, outcome) => {
                let silent = history.calls[call].operation.1 == Operation::Clear;
                history.calls[call].outcome = (!silent).then_some(outcome);
                history.calls[call].returned = Some(stamp);
                Doing::Nothing
            }
        };
    }
    let mut instant = history.clone();
    for (call, length) in instant.lengths.iter_mut().zip(at_once) {
        call.outcome = call.outcome.map(|_| length);
    }
    (history, instant)
}
