//! The search for an order of calls: see the module's documentation.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use super::record::{Call, Stamp};

/// An object as one thread alone sees it.
pub trait Spec {
    type State: Clone + Eq + Hash;
    type Operation;
    type Outcome: PartialEq;

    fn initial(&self) -> Self::State;

    /// The state after an operation, and its outcome.
    fn step(
        &self,
        state: &Self::State,
        operation: &Self::Operation,
    ) -> (Self::State, Self::Outcome);

    /// Whether a call with this outcome leaves the state as it is, whatever it is. It is always
    /// right to say no; a yes saves search.
    fn is_read(&self, _: &Self::Operation, _: Option<&Self::Outcome>) -> bool {
        false
    }

    /// The only state in which an operation has this outcome, if that can be told, and if `makes`
    /// names every call that can lead to that state from another. Also saves search.
    fn needs(&self, _: &Self::Operation, _: &Self::Outcome) -> Option<Self::State> {
        None
    }

    /// States that a call may lead to from another: see `needs`.
    fn makes(
        &self,
        _: &Self::Operation,
        _: Option<&Self::Outcome>,
    ) -> impl Iterator<Item = Self::State> {
        std::iter::empty()
    }
}

type CallOf<S> = Call<<S as Spec>::Operation, <S as Spec>::Outcome>;

/// There is no order: how far the search got.
#[derive(Clone, Debug, PartialEq)]
pub struct Stuck<State> {
    /// The most calls that could be put in order, in that order.
    pub placed: Vec<usize>,
    /// The state after them.
    pub state: State,
    /// The call that has to be placed before any that is not invoked yet: it returns first.
    pub due: usize,
    /// The calls that could be next, `due` among them; none fits, or leads further.
    pub open: Vec<usize>,
}

/// So often a search takes a choice back before it looks ahead. Without that it gets further in a
/// history that is not linearizable, and its report is plainer.
pub const PATIENCE: usize = 10_000;

/// Looks for an order of `calls` that `spec` agrees with: their indices in that order. Of the calls
/// that never returned, some are in it and some are not.
pub fn check<S: Spec>(spec: &S, calls: &[CallOf<S>]) -> Result<Vec<usize>, Stuck<S::State>> {
    check_patiently(spec, calls, PATIENCE)
}

/// As `check`, with a patience of its own: the verdict is the same.
pub fn check_patiently<S: Spec>(
    spec: &S,
    calls: &[CallOf<S>],
    patience: usize,
) -> Result<Vec<usize>, Stuck<S::State>> {
    Search::new(spec, calls, patience).run()
}

#[derive(Clone, Copy)]
enum Event {
    /// The list begins behind this one, and ends before it.
    Ends,
    Invoke(usize),
    Return(usize),
}

/// The events of the calls without a place, in the order of time: a doubly linked list.
struct Timeline {
    events: Vec<Event>,
    next: Vec<usize>,
    prev: Vec<usize>,
    /// Each call's two events.
    spans: Vec<(usize, Option<usize>)>,
}

const ENDS: usize = 0;

impl Timeline {
    fn new<O, T>(calls: &[Call<O, T>]) -> Timeline {
        let mut moments: Vec<(Stamp, bool, usize)> = Vec::with_capacity(2 * calls.len());
        for (index, call) in calls.iter().enumerate() {
            moments.push((call.invoked, false, index));
            if let Some(returned) = call.returned {
                assert!(
                    call.invoked < returned,
                    "a call returns after it is invoked"
                );
                moments.push((returned, true, index));
            }
        }
        // Of equal stamps the invocations first: such calls are concurrent.
        moments.sort_unstable();
        let mut events = vec![Event::Ends];
        let mut spans = vec![(ENDS, None); calls.len()];
        for (_, is_return, index) in moments {
            if is_return {
                spans[index].1 = Some(events.len());
                events.push(Event::Return(index));
            } else {
                spans[index].0 = events.len();
                events.push(Event::Invoke(index));
            }
        }
        let count = events.len();
        Timeline {
            events,
            next: (1..count).chain([ENDS]).collect(),
            prev: [count - 1].into_iter().chain(0..count - 1).collect(),
            spans,
        }
    }

    fn first(&self) -> usize {
        self.next[ENDS]
    }

    /// The call at `event` if it is an invocation: before the first return, one that can be next.
    fn invoked_at(&self, event: usize) -> Option<usize> {
        match self.events[event] {
            Event::Invoke(call) => Some(call),
            Event::Return(_) | Event::Ends => None,
        }
    }

    fn after_invocation(&self, call: usize) -> usize {
        self.next[self.spans[call].0]
    }

    fn unlink(&mut self, event: usize) {
        let (prev, next) = (self.prev[event], self.next[event]);
        self.next[prev] = next;
        self.prev[next] = prev;
    }

    /// Undoes the last `unlink` that is not undone yet: its neighbours are again what they were.
    fn relink(&mut self, event: usize) {
        let (prev, next) = (self.prev[event], self.next[event]);
        self.next[prev] = event;
        self.prev[next] = event;
    }

    fn lift(&mut self, call: usize) {
        let (invoke, returned) = self.spans[call];
        self.unlink(invoke);
        returned.into_iter().for_each(|event| self.unlink(event));
    }

    /// Undoes the last `lift` that is not undone yet.
    fn lower(&mut self, call: usize) {
        let (invoke, returned) = self.spans[call];
        returned.into_iter().for_each(|event| self.relink(event));
        self.relink(invoke);
    }
}

/// Which calls have a place, as far as it is not plain from the first return that has none: a bit
/// for each call that is open at it. Calls that are never open together may share a bit.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Bits(Vec<u64>);

impl Bits {
    fn set(&mut self, bit: usize) {
        self.0[bit / 64] |= 1 << (bit % 64);
    }

    fn clear(&mut self, bit: usize) {
        self.0[bit / 64] &= !(1 << (bit % 64));
    }
}

/// Which states calls without a place need, and can make. States have numbers.
struct Ties<State> {
    numbers: HashMap<State, usize>,
    states: Vec<State>,
    /// How many calls without a place need each state, and how many can make it.
    needing: Vec<usize>,
    making: Vec<usize>,
    /// The state that each call needs, and those that it can make.
    needs: Vec<Option<usize>>,
    makes: Vec<Vec<usize>>,
}

impl<State: Clone + Eq + Hash> Ties<State> {
    fn new<S: Spec<State = State>>(spec: &S, calls: &[CallOf<S>]) -> Ties<State> {
        let (mut numbers, mut states) = (HashMap::new(), Vec::new());
        let mut number = |state: State| {
            *numbers.entry(state.clone()).or_insert_with(|| {
                states.push(state);
                states.len() - 1
            })
        };
        let mut needs = Vec::with_capacity(calls.len());
        for call in calls {
            // Who never returned needs nothing.
            let outcome = call.outcome.as_ref().filter(|_| call.returned.is_some());
            let state = outcome.and_then(|outcome| spec.needs(&call.operation, outcome));
            needs.push(state.map(&mut number));
        }
        let makes = calls
            .iter()
            .map(|call| {
                let made = spec.makes(&call.operation, call.outcome.as_ref());
                made.filter_map(|state| numbers.get(&state).copied())
                    .collect()
            })
            .collect();
        let mut ties = Ties {
            needing: vec![0; states.len()],
            making: vec![0; states.len()],
            numbers,
            states,
            needs,
            makes,
        };
        (0..calls.len()).for_each(|call| ties.tie(call));
        ties
    }

    fn tie(&mut self, call: usize) {
        if let Some(state) = self.needs[call] {
            self.needing[state] += 1;
        }
        for &state in &self.makes[call] {
            self.making[state] += 1;
        }
    }

    fn untie(&mut self, call: usize) {
        if let Some(state) = self.needs[call] {
            self.needing[state] -= 1;
        }
        for &state in &self.makes[call] {
            self.making[state] -= 1;
        }
    }

    /// Whether a state is needed, and is not there and will not be.
    fn is_lost(&self, state: usize, now: &State) -> bool {
        self.needing[state] > 0 && self.making[state] == 0 && self.states[state] != *now
    }

    fn is_any_lost(&self, now: &State) -> bool {
        (0..self.states.len()).any(|state| self.is_lost(state, now))
    }

    /// Whether a state was lost by a call that has been placed: the one that it left, or one that it
    /// might have made.
    fn has_lost(&self, call: usize, left: &State, now: &State) -> bool {
        let left = self.numbers.get(left);
        let mut states = left.into_iter().chain(&self.makes[call]);
        states.any(|&state| self.is_lost(state, now))
    }
}

/// A call that has got a place, and what is needed to take it back.
struct Placed<State> {
    call: usize,
    /// Whether there was a choice.
    is_chosen: bool,
    state_before: State,
    due_before: usize,
    was_hopeless: bool,
}

struct Search<'a, S: Spec> {
    spec: &'a S,
    calls: &'a [CallOf<S>],
    timeline: Timeline,
    /// The calls that returned, in the order of their returns.
    returns: Vec<usize>,
    /// The first of `returns` without a place.
    due: usize,
    has_place: Vec<bool>,
    bits: Bits,
    /// Each call's bit.
    bit: Vec<usize>,
    state: S::State,
    placed: Vec<Placed<S::State>>,
    ties: Ties<S::State>,
    /// Whether a state was lost.
    is_hopeless: bool,
    /// How often a choice may still be taken back before hopeless ones are.
    patience: usize,
    /// The configurations in which the search has chosen.
    seen: HashSet<(usize, Bits, S::State)>,
    best: Option<Stuck<S::State>>,
    /// How many calls at the front of `best` are those at the front of `placed`.
    best_shares: usize,
}

impl<'a, S: Spec> Search<'a, S> {
    fn new(spec: &'a S, calls: &'a [CallOf<S>], patience: usize) -> Self {
        let timeline = Timeline::new(calls);
        let mut returns = Vec::new();
        let mut bit = vec![0; calls.len()];
        let (mut bits, mut free) = (0_usize, Vec::new());
        for event in &timeline.events {
            match *event {
                Event::Ends => {}
                Event::Invoke(call) => {
                    bit[call] = free.pop().unwrap_or_else(|| {
                        bits += 1;
                        bits - 1
                    });
                }
                Event::Return(call) => {
                    free.push(bit[call]);
                    returns.push(call);
                }
            }
        }
        let state = spec.initial();
        let ties = Ties::new(spec, calls);
        Search {
            spec,
            calls,
            timeline,
            returns,
            due: 0,
            has_place: vec![false; calls.len()],
            bits: Bits(vec![0; bits.div_ceil(64)]),
            bit,
            is_hopeless: ties.is_any_lost(&state),
            state,
            placed: Vec::new(),
            ties,
            patience,
            seen: HashSet::new(),
            best: None,
            best_shares: 0,
        }
    }

    fn run(mut self) -> Result<Vec<usize>, Stuck<S::State>> {
        loop {
            self.place_reads();
            if self.due == self.returns.len() {
                return Ok(self.placed.iter().map(|placed| placed.call).collect());
            }
            let mut from = self.is_new().then(|| self.timeline.first());
            while self.gives_up() || !from.is_some_and(|from| self.place_from(from)) {
                self.keep_best();
                match self.take_back() {
                    Some(call) => from = Some(self.timeline.after_invocation(call)),
                    None => return Err(self.best.expect("it was kept just now, or before")),
                }
            }
        }
    }

    fn gives_up(&self) -> bool {
        self.is_hopeless && self.patience == 0
    }

    /// Whether this configuration was not seen before.
    fn is_new(&mut self) -> bool {
        let configuration = (self.due, self.bits.clone(), self.state.clone());
        self.seen.insert(configuration)
    }

    /// Gives each read that fits its place. The state stays, so none that was passed fits later; a
    /// read that was due lets new calls in, behind it.
    fn place_reads(&mut self) {
        let mut event = self.timeline.first();
        while let Some(call) = self.timeline.invoked_at(event) {
            let Call {
                operation, outcome, ..
            } = &self.calls[call];
            let before = self.timeline.prev[event];
            if self.spec.is_read(operation, outcome.as_ref())
                && let Some(state) = self.fits(call)
            {
                self.place(call, state, false);
            }
            let is_lifted = self.timeline.next[before] != event;
            event = self.timeline.next[if is_lifted { before } else { event }];
        }
    }

    /// Gives a call the next place: the first that fits, of those that can be next and are invoked at
    /// `event` or later.
    fn place_from(&mut self, mut event: usize) -> bool {
        while let Some(call) = self.timeline.invoked_at(event) {
            if let Some(state) = self.fits(call) {
                self.place(call, state, true);
                return true;
            }
            event = self.timeline.next[event];
        }
        false
    }

    /// The state after a call, if it is next and its outcome fits.
    fn fits(&self, call: usize) -> Option<S::State> {
        let Call {
            operation, outcome, ..
        } = &self.calls[call];
        let (state, expected) = self.spec.step(&self.state, operation);
        let is_as_expected = outcome.as_ref().is_none_or(|outcome| *outcome == expected);
        is_as_expected.then_some(state)
    }

    fn place(&mut self, call: usize, state: S::State, is_chosen: bool) {
        let state_before = std::mem::replace(&mut self.state, state);
        let was_hopeless = self.is_hopeless;
        self.ties.untie(call);
        self.is_hopeless |= self.ties.has_lost(call, &state_before, &self.state);
        self.placed.push(Placed {
            call,
            is_chosen,
            state_before,
            due_before: self.due,
            was_hopeless,
        });
        self.timeline.lift(call);
        self.has_place[call] = true;
        self.bits.set(self.bit[call]);
        while let Some(&over) = self.returns.get(self.due)
            && self.has_place[over]
        {
            self.bits.clear(self.bit[over]);
            self.due += 1;
        }
    }

    /// Takes the last choice back, and all that followed from it.
    fn take_back(&mut self) -> Option<usize> {
        loop {
            let last = self.placed.pop()?;
            self.best_shares = self.best_shares.min(self.placed.len());
            for &over in &self.returns[last.due_before..self.due] {
                self.bits.set(self.bit[over]);
            }
            self.due = last.due_before;
            self.bits.clear(self.bit[last.call]);
            self.has_place[last.call] = false;
            self.timeline.lower(last.call);
            self.state = last.state_before;
            self.is_hopeless = last.was_hopeless;
            self.ties.tie(last.call);
            if last.is_chosen {
                self.patience = self.patience.saturating_sub(1);
                return Some(last.call);
            }
        }
    }

    /// Keeps in mind how far the search got, if it is further than before.
    fn keep_best(&mut self) {
        let is_further = |best: &Stuck<_>| self.placed.len() > best.placed.len();
        if !self.best.as_ref().is_none_or(is_further) {
            return;
        }
        let best = self.best.get_or_insert_with(|| Stuck {
            placed: Vec::new(),
            state: self.state.clone(),
            due: 0,
            open: Vec::new(),
        });
        // Only what is new is copied: a search that goes to and fro stays linear.
        best.placed.truncate(self.best_shares);
        let new = &self.placed[best.placed.len()..];
        best.placed.extend(new.iter().map(|placed| placed.call));
        self.best_shares = best.placed.len();
        best.state = self.state.clone();
        best.due = self.returns[self.due];
        best.open.clear();
        let mut event = self.timeline.first();
        while let Some(call) = self.timeline.invoked_at(event) {
            best.open.push(call);
            event = self.timeline.next[event];
        }
    }
}
