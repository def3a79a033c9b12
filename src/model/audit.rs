//! An audit of the list: the invariants of `section`, `chain` and `state`, checked on the newest
//! words in modification order, without a step of the execution.

#![forbid(unsafe_code)]

use std::cell::{Cell, RefCell};

use loom::thread::{ThreadId, current};

use crate::raw::Node;
use crate::raw::parts_of_models::{
    Bucket, Link, Linked, Member, Presence, State, Target, Unlinked, UnlinkedArray, View,
};

/// What stands in the list, from `head` on.
fn steps<'g, N: Linked>(head: &'g Link<N>) -> impl Iterator<Item = Target<'g, N>> {
    let mut word = Some(head.newest());
    std::iter::from_fn(move || {
        let target = word?.target_unwitnessed();
        word = match target {
            Target::End => None,
            Target::Head(head) => Some(head.newest()),
            Target::Node(node) => Some(node.next().newest()),
        };
        Some(target)
    })
}

thread_local! {
    /// Of which of the model's threads, and what happens then. All of them are on one of the
    /// system's.
    static STOPS: RefCell<Vec<(ThreadId, Box<dyn FnOnce()>)>> = const { RefCell::new(Vec::new()) };
}

/// When the calling thread has unlinked its next node, it stops before it retires it: `meanwhile` is
/// what happens then.
pub(crate) fn stop_before_retiring(meanwhile: impl FnOnce() + 'static) {
    STOPS.with_borrow_mut(|stops| stops.push((current().id(), Box::new(meanwhile))));
}

fn stop() {
    let stop = STOPS.with_borrow_mut(|stops| {
        let own = stops
            .iter()
            .position(|(thread, _)| *thread == current().id())?;
        Some(stops.swap_remove(own))
    });
    if let Some((_, meanwhile)) = stop {
        meanwhile();
    }
}

/// The kinds of allocations that the crate makes: tables, nodes, what is in or about a `LazyBox`
/// (places for bags, bags, all bags of a store), and layers of stacks.
const KINDS: [&str; 4] = ["tables", "nodes", "parts of a store", "parcels"];
pub(crate) const TABLE: usize = 0;
pub(crate) const NODE: usize = 1;
pub(crate) const LAZY: usize = 2;
pub(crate) const LAYER: usize = 3;

thread_local! {
    /// How many of each were made and not freed.
    static LIVE: Cell<[usize; KINDS.len()]> = const { Cell::new([0; KINDS.len()]) };
}

/// Says that one of a kind was allocated.
pub(crate) fn allocated(kind: usize) {
    let mut live = LIVE.get();
    live[kind] += 1;
    LIVE.set(live);
}

/// Says that one of a kind was freed.
pub(crate) fn freed(kind: usize) {
    let mut live = LIVE.get();
    live[kind] -= 1;
    LIVE.set(live);
}

/// An allocation of the crate that is not freed: stands in what was allocated, and is dropped with it.
#[derive(Debug)]
pub(crate) struct Allocation(usize);

impl Allocation {
    pub(crate) fn new(kind: usize) -> Self {
        allocated(kind);
        Allocation(kind)
    }
}

impl Drop for Allocation {
    fn drop(&mut self) {
        freed(self.0);
    }
}

/// Checks when it is dropped that all is freed that was allocated since it was made. What was
/// retired is freed with the map, so this is dropped after it.
#[derive(Debug)]
pub struct NothingIsLeft([usize; KINDS.len()]);

impl NothingIsLeft {
    /// To be made before the map is.
    #[must_use = "it checks when it is dropped"]
    pub fn new() -> Self {
        NothingIsLeft(LIVE.get())
    }
}

impl Default for NothingIsLeft {
    fn default() -> Self {
        NothingIsLeft::new()
    }
}

impl Drop for NothingIsLeft {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let live = KINDS.iter().zip(LIVE.get().into_iter().zip(self.0));
            for (kind, (now, before)) in live {
                assert_eq!(now, before, "{kind} that nobody has freed");
            }
        }
    }
}

/// The heads that a search may start from, now: for each hash that of the first table which has it
/// ready.
fn starts<'g, N: Linked>(view: View<'g, N>) -> impl Iterator<Item = &'g Link<N>> {
    let orders = view.audited_chain().map(|member| member.array.order());
    let finest = orders.max().expect("a chain has a table");
    (0..finest.buckets()).map(move |bucket| {
        let key = finest.key(bucket);
        let is_ready = |member: &Member<'g, N>| member.is_last || member.array.is_newest_ready(key);
        let member = view.audited_chain().find(is_ready);
        let array = member.expect("the last is complete").array;
        array.newest_head(Bucket::of(key, array.order().shift()).number())
    })
}

/// The first head of the list: of the oldest table, which leads to all others.
fn first_head<N: Linked>(state: &State<N>) -> &Link<N> {
    let oldest = state.newest().audited_chain().last();
    oldest.expect("a chain has a table").array.newest_head(0)
}

/// Called between the unlinking of a node and its retirement. Panics if a walk from any head that a
/// search may start from, now, meets the node.
pub(crate) fn unreachable<K, V, M>(
    state: &State<Node<K, V, M>>,
    node: &Unlinked<'_, Node<K, V, M>>,
) {
    stop();
    for head in starts(state.newest()) {
        for target in steps(head) {
            if let Target::Node(met) = target {
                assert!(
                    !node.is(met),
                    "a node of hash {:#x} is retired while it can be reached",
                    met.hash()
                );
            }
        }
    }
}

/// Called between the end of a resize and the retirement of a table. Panics if a walk from any head
/// that a search may start from, now, meets a head of the table.
pub(crate) fn table_is_unreachable<K, V, M>(
    state: &State<Node<K, V, M>>,
    table: &UnlinkedArray<'_, Node<K, V, M>>,
) {
    stop();
    for head in starts(state.newest()) {
        for target in steps(head) {
            if let Target::Head(met) = target {
                assert!(
                    table.array().key_of(met).is_none(),
                    "a table is retired while a head of it can be reached"
                );
            }
        }
    }
}

/// Walks from each head of the newest table, in steps of the execution. Panics if it meets a head of
/// a table that is not in the chain. `_pin` is the guard of the walk.
pub(crate) fn no_old_head<N: Linked, P>(state: &State<N>, _pin: &P) {
    let view = state.view();
    for head in starts(view) {
        let mut word = head.load();
        loop {
            word = match word.target() {
                Target::End => break,
                Target::Node(node) => node.next().load(),
                Target::Head(head) => {
                    assert!(
                        view.known(head).is_some(),
                        "the thread that retires a table may still meet a head of it"
                    );
                    head.load()
                }
            };
        }
    }
}

/// The hash of every node in the list, in its order, and whether the node is marked.
pub(crate) fn linked<K, V, M>(state: &State<Node<K, V, M>>) -> Vec<(u64, bool)> {
    steps(first_head(state))
        .filter_map(|target| match target {
            Target::Node(node) => Some((node.hash(), node.next().newest().is_marked())),
            Target::Head(_) | Target::End => None,
        })
        .collect()
}

/// Panics unless
///
/// * the list is in order: heads before nodes of their key, twins from the oldest table to the newest;
/// * every head in it is of a table of the chain, so of the only one, if nothing is resized;
/// * every head that a search may start from is in it, and none of the newest table is frozen;
/// * every node has its presence bit in the nearest head before it, if that is a ready one of the
///   newest table, or of the older one of two: its new heads inherit from that.
pub(crate) fn invariants<K, V, M>(state: &State<Node<K, V, M>>) {
    let view = state.newest();
    let tables = view.audited_chain().count();
    let known = |head: &Link<Node<K, V, M>>| {
        let mut members = view.audited_chain().enumerate();
        members.find_map(|(age, member)| {
            let key = member.array.key_of(head)?;
            let speaks = if age == 0 {
                member.is_last || member.array.is_newest_ready(key)
            } else {
                tables == 2
            };
            Some((key, age, speaks.then(|| head.newest().presence())))
        })
    };
    let first = first_head(state);
    let (mut key, mut age, mut presence) = known(first).expect("the first head is known");
    let mut linked = vec![std::ptr::from_ref(first)];
    for target in steps(first) {
        match target {
            Target::End => {}
            Target::Head(head) => {
                let (own_key, own_age, own_presence) = known(head).expect("a head of no table");
                assert!(own_key >= key, "list order broken at a head");
                assert!(
                    own_key > key || own_age < age,
                    "twins are not in the order of their tables, or a node before a head of its key"
                );
                assert!(
                    own_age > 0 || !head.newest().is_marked(),
                    "a head of the newest table is frozen"
                );
                (key, age, presence) = (own_key, own_age, own_presence);
                linked.push(std::ptr::from_ref(head));
            }
            Target::Node(node) => {
                assert!(node.hash() >= key, "list order broken at a node");
                // No head of this key may follow.
                (key, age) = (node.hash(), 0);
                assert!(
                    presence.is_none_or(|presence| presence.covers(Presence::of(key))),
                    "presence bit missing for the hash {key:#x}"
                );
            }
        }
    }
    for head in starts(view) {
        assert!(
            linked.contains(&std::ptr::from_ref(head)),
            "a head that may be used is not linked"
        );
    }
}
