//! Changes by a borrowed key: [`update_ref`](HashMap::update_ref) and its kin, which make an owned key
//! only for an entry that is written.
//!
//! They look for the entry, ask the closure, and then change the very entry that it saw; if another
//! thread was faster, they ask again. The core's own loop starts from an owned key.

#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::hash::{BuildHasher, Hash};

use equivalent::Equivalent;

use crate::compute::{Compute, Operation, Seen, entry, put_or_update, update_present};
use crate::map::{HashMap, is_large};
use crate::raw::{Blank, Decision, Node, Watch};
use crate::reclaim::{Guard, Reclaimer};

impl<K, V, S, R> HashMap<K, V, S, R>
where
    K: Hash + Eq,
    S: BuildHasher,
    R: Reclaimer,
{
    /// Does with a key what `decide` says, which sees its entry, and the value that it gave before if
    /// another thread has changed the key since. `own` makes a key for the place of this entry.
    fn decide_ref<'g, Q, T>(
        &'g self,
        key: &Q,
        mut decide: impl FnMut(Seen<'g, K, V>, &mut Blank<K, V>) -> Decision<V, T>,
        mut own: impl FnMut(Option<&'g Node<K, V>>) -> K,
        guard: &'g impl Guard<R>,
    ) -> Compute<'g, K, V, T>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let hash = self.hash(key);
        // What an earlier round has made, and not put there.
        let mut blank = Blank {
            key: None,
            unused: None,
        };
        // What this thread itself does to the key, from the second round on.
        let mut watch: Option<Watch> = None;
        loop {
            let seen = self.find_hashed(hash, key, guard);
            let node = match decide(seen.map(entry), &mut blank) {
                Decision::Put(value) => {
                    let key = blank.key.take().unwrap_or_else(|| own(seen));
                    Node::new(Node::vacant(), hash, key, value)
                }
                Decision::PutUnused => blank.unused.take().expect("it is there"),
                Decision::Leave(answer) => return Compute::Aborted(answer),
                Decision::Remove => {
                    let Some(seen) = seen else {
                        return Compute::Absent;
                    };
                    let is_seen = |node: &Node<K, V>| std::ptr::eq(node, seen);
                    match self.removal(hash, seen.key(), is_seen, guard) {
                        Ok(Some(node)) => return Compute::Removed(node.key(), node.value()),
                        Ok(None) | Err(_) => {
                            watch = Some(self.failed(watch, hash, seen));
                            continue;
                        }
                    }
                }
            };
            blank.unused = Some(match seen {
                None => match self.insert_absent(node, guard) {
                    Ok(node) => return Compute::Inserted(node.key(), node.value()),
                    Err((_, node)) => node,
                },
                Some(seen) => match self.exchange(seen, node, guard) {
                    Ok(new) => {
                        let (old, new) = (entry(seen), entry(new));
                        return Compute::Updated { old, new };
                    }
                    Err((_, node)) => {
                        watch = Some(self.failed(watch, hash, seen));
                        node
                    }
                },
            });
        }
    }

    /// Watches what this thread itself does to a key, as a round of `decide_ref` has failed.
    ///
    /// # Panics
    ///
    /// If `seen` was changed by this thread itself, once too often.
    fn failed(&self, watch: Option<Watch>, hash: u64, seen: &Node<K, V>) -> Watch {
        match watch {
            None => self.watch(hash),
            Some(mut watch) => {
                watch.failed(
                    Some(seen),
                    "compute_ref, update_ref or update_or_insert_ref",
                );
                watch
            }
        }
    }

    /// As [`update`](Self::update), for a borrowed key: the new entry has a clone of the key that
    /// is there. An absent key costs no allocation.
    ///
    /// A key whose clone is a count, such as `Arc<str>`, makes the update as cheap as one of a
    /// number. A second search of the bucket is what a borrowed key costs.
    ///
    /// # Panics
    ///
    /// If `update` or the key's `Clone` does; the map is as if this had not been called.
    ///
    /// If `update` itself keeps changing the entry of this key, with this map: after 1,024 times
    /// ([`guide::consistency`](crate::guide::consistency)).
    ///
    /// ```
    /// let map = splitmap::HashMap::from([(String::from("count"), 1)]);
    /// let guard = map.guard();
    /// assert_eq!(map.update_ref("count", |count| count + 1, &guard), Some(&2));
    /// assert_eq!(map.update_ref("other", |count| count + 1, &guard), None);
    /// ```
    pub fn update_ref<'g, Q>(
        &'g self,
        key: &Q,
        update: impl FnMut(&V) -> V,
        guard: &'g impl Guard<R>,
    ) -> Option<&'g V>
    where
        Q: Equivalent<K> + Hash + ?Sized,
        K: Clone,
    {
        let own = |seen: Option<&Node<K, V>>| seen.expect("it is updated").key().clone();
        match self.decide_ref(key, update_present(update), own, guard) {
            Compute::Updated { new, .. } => Some(new.1),
            _ => None,
        }
    }

    /// As [`update_or_insert`](Self::update_or_insert), for a borrowed key: an owned one is made of
    /// it if it is absent, and cloned from the entry that is replaced if it is present.
    ///
    /// ```
    /// let map = splitmap::HashMap::<String, u32>::new();
    /// let guard = map.guard();
    /// assert_eq!(map.update_or_insert_ref("count", |count| count + 1, 1, &guard), &1);
    /// assert_eq!(map.update_or_insert_ref("count", |count| count + 1, 1, &guard), &2);
    /// ```
    pub fn update_or_insert_ref<'g, 'q, Q>(
        &'g self,
        key: &'q Q,
        update: impl FnMut(&V) -> V,
        value: V,
        guard: &'g impl Guard<R>,
    ) -> &'g V
    where
        Q: Equivalent<K> + Hash + ?Sized,
        K: Clone + From<&'q Q>,
    {
        if const { is_large::<V>() } {
            let value = Box::new(value);
            return self.update_or_insert_with_ref(key, update, || *value, guard);
        }
        self.update_or_insert_with_ref(key, update, || value, guard)
    }

    /// As [`update_or_insert_with`](Self::update_or_insert_with), for a borrowed key: as
    /// [`update_or_insert_ref`](Self::update_or_insert_ref).
    ///
    /// ```
    /// let map = splitmap::HashMap::<String, u32>::new();
    /// let guard = map.guard();
    /// assert_eq!(map.update_or_insert_with_ref("count", |count| count + 1, || 1, &guard), &1);
    /// assert_eq!(map.update_or_insert_with_ref("count", |count| count + 1, || 1, &guard), &2);
    /// ```
    pub fn update_or_insert_with_ref<'g, 'q, Q>(
        &'g self,
        key: &'q Q,
        update: impl FnMut(&V) -> V,
        make: impl FnOnce() -> V,
        guard: &'g impl Guard<R>,
    ) -> &'g V
    where
        Q: Equivalent<K> + Hash + ?Sized,
        K: Clone + From<&'q Q>,
    {
        let decide = put_or_update(update, make);
        match self.decide_ref::<_, Infallible>(key, decide, |seen| owned(seen, key), guard) {
            Compute::Inserted(_, value) => value,
            Compute::Updated { new, .. } => new.1,
            Compute::Removed(..) | Compute::Absent => unreachable!("a value was put there"),
            Compute::Aborted(answer) => match answer {},
        }
    }

    /// As [`compute`](Self::compute), for a borrowed key: an owned one is made of it to insert it,
    /// cloned from the entry that is replaced to replace it, and not made otherwise.
    ///
    /// ```
    /// use splitmap::{Compute, HashMap, Operation};
    ///
    /// let map = HashMap::from([(String::from("tickets"), 1)]);
    /// let guard = map.guard();
    /// let take = |entry: Option<(&String, &u32)>| match entry {
    ///     Some((_, 0)) => Operation::Remove,
    ///     Some((_, left)) => Operation::Insert(left - 1),
    ///     None => Operation::Abort("sold out"),
    /// };
    /// assert!(matches!(map.compute_ref("tickets", take, &guard), Compute::Updated { .. }));
    /// assert!(matches!(map.compute_ref("tickets", take, &guard), Compute::Removed(..)));
    /// assert_eq!(map.compute_ref("tickets", take, &guard), Compute::Aborted("sold out"));
    /// ```
    pub fn compute_ref<'g, 'q, Q, T>(
        &'g self,
        key: &'q Q,
        mut compute: impl FnMut(Option<(&'g K, &'g V)>) -> Operation<V, T>,
        guard: &'g impl Guard<R>,
    ) -> Compute<'g, K, V, T>
    where
        Q: Equivalent<K> + Hash + ?Sized,
        K: Clone + From<&'q Q>,
    {
        let decide = |entry: Option<_>, blank: &mut Blank<K, V>| {
            blank.clear();
            compute(entry).into()
        };
        self.decide_ref(key, decide, |seen| owned(seen, key), guard)
    }
}

/// The key of an entry once more, or one that is made of what was given.
fn owned<'q, K, V, Q>(seen: Option<&Node<K, V>>, key: &'q Q) -> K
where
    Q: ?Sized,
    K: Clone + From<&'q Q>,
{
    seen.map_or_else(|| K::from(key), |node| node.key().clone())
}
