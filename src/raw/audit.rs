//! An audit of the list, for models: the invariants of `list` and `directory`, checked on the
//! newest words in modification order, without a step of the execution.

#![forbid(unsafe_code)]

use std::cell::RefCell;

use loom::thread::{ThreadId, current};

use crate::raw::directory::{State, UnlinkedGroup};
use crate::raw::link::{Link, Linked, Presence, Target, Unlinked};
use crate::raw::node::Node;

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
    static STOP: RefCell<Option<(ThreadId, Box<dyn FnOnce()>)>> = const { RefCell::new(None) };
}

/// When the calling thread has unlinked its next node, it stops before it retires it: `meanwhile` is
/// what happens then.
pub(crate) fn stop_before_retiring(meanwhile: impl FnOnce() + 'static) {
    STOP.set(Some((current().id(), Box::new(meanwhile))));
}

fn stop() {
    let stop = STOP.with_borrow_mut(|stop| stop.take_if(|(thread, _)| *thread == current().id()));
    if let Some((_, meanwhile)) = stop {
        meanwhile();
    }
}

/// Called between the unlinking of a node and its retirement. Panics if a walk from any head that a
/// search may start from, now, meets the node.
pub(crate) fn unreachable<K, V, M>(
    state: &State<Node<K, V, M>>,
    node: &Unlinked<'_, Node<K, V, M>>,
) {
    stop();
    for head in state.newest_heads() {
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

/// Panics if a walk from any head that a search may start from, now, meets a head of the group.
pub(crate) fn group_is_unreachable<K, V, M>(
    state: &State<Node<K, V, M>>,
    left: &UnlinkedGroup<'_, Node<K, V, M>>,
) {
    for head in state.newest_heads() {
        for target in steps(head) {
            if let Target::Head(met) = target {
                assert!(
                    !left.group().has(met),
                    "a group is retired while a head of it can be reached"
                );
            }
        }
    }
}

/// The hash of every node in the list, in its order, and whether the node is marked.
pub(crate) fn linked<K, V, M>(state: &State<Node<K, V, M>>) -> Vec<(u64, bool)> {
    steps(state.newest_first_head())
        .filter_map(|target| match target {
            Target::Node(node) => Some((node.hash(), node.next().newest().is_marked())),
            Target::Head(_) | Target::End => None,
        })
        .collect()
}

/// Panics unless the list is in order, every head of the newest directory that may be used is
/// linked, and every node has its presence bit in the nearest head before it.
pub(crate) fn invariants<K, V, M>(state: &State<Node<K, V, M>>) {
    let first = state.newest_first_head();
    let mut presence = first.newest().presence();
    let mut key = 0;
    let mut linked = vec![std::ptr::from_ref(first)];
    for target in steps(first) {
        match target {
            Target::End => {}
            Target::Head(head) => {
                let own = state.newest_key_of(head).expect("a linked head is known");
                assert!(own >= key, "list order broken at a head");
                key = own;
                presence = head.newest().presence();
                linked.push(std::ptr::from_ref(head));
            }
            Target::Node(node) => {
                assert!(node.hash() >= key, "list order broken at a node");
                key = node.hash();
                assert!(
                    presence.covers(Presence::of(key)),
                    "presence bit missing for the hash {key:#x}"
                );
            }
        }
    }
    for head in state.newest_heads() {
        assert!(
            linked.contains(&std::ptr::from_ref(head)),
            "a head that may be used is not linked"
        );
    }
}
