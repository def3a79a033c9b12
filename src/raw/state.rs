//! The state of a map: one word that says which table is the newest, and whether a resize is under
//! way. Every search starts here.
//!
//! ```text
//! bits 0..6    how far a hash is shifted to give its bucket
//! bit 6        BUSY    a resize is under way: a head may be used only if its stride is ready
//! bit 7        SLOW    and some table of the chain is finer than the newest: no head met on the
//!                      list ends a bucket, but by its key
//! bits 8..     the address of the newest table's heads
//! ```
//!
//! # Invariant
//!
//! * Every step of a resize changes the word, and no word comes back while a guard lives: a table
//!   becomes the newest once, is busy first and quiet afterwards, and its address is not used again
//!   before it is freed. So two equal words mean that nothing happened in between.
//! * In a quiet state the newest table is complete, and no head of another can be reached from it.
//! * An empty map has a table that is read only: the first writer puts one of its own there, and
//!   nothing ever puts the empty one back.
//!
//! # Orderings
//!
//! The word is changed with Release and read with Acquire: that publishes a table's header and its
//! zeroed bytes, and, by the change that ends a resize, all of its heads.

use std::marker::PhantomData;

use crate::raw::array::{Array, NewArray};
use crate::raw::chain::{Chain, Member, Tables, UnlinkedArray};
use crate::raw::link::{Link, Linked};
use crate::raw::order::Order;
use crate::sync::{AtomicPtr, AtomicU8, Ordering};

const BUSY: usize = 0x40;
const SLOW: usize = 0x80;

/// See the file's header.
pub(crate) struct State<N: Linked> {
    /// Invariant: an [`Array::word`], with [`BUSY`] and [`SLOW`].
    word: AtomicPtr<()>,
    /// The order below which the table does not shrink; it may be below it already.
    floor: AtomicU8,
    _owns: PhantomData<NewArray<N>>,
    #[cfg(splitmap_loom)]
    empty: NewArray<N>,
}

#[cfg(not(splitmap_loom))]
mod empty {
    use super::*;
    use crate::sync::Witness;

    /// The heads of all empty maps. Whatever the type of the nodes, they lead to none.
    #[repr(C, align(256))]
    struct Heads([Link<Nothing>; Order::EMPTY.buckets()]);

    struct Nothing;

    static EMPTY: Heads = Heads([const { Link::end() }; Order::EMPTY.buckets()]);

    const _: () =
        assert!(align_of::<Heads>() == crate::raw::array::ALIGN && size_of::<Witness>() == 0);

    impl<N: Linked> State<N> {
        /// The state of an empty map.
        pub(crate) const fn new() -> Self {
            let heads = (&raw const EMPTY).cast_mut().cast::<()>();
            State {
                word: AtomicPtr::new(heads.wrapping_byte_add(Order::EMPTY.shift() as usize)),
                floor: AtomicU8::new(Order::BASE.bits()),
                _owns: PhantomData,
            }
        }
    }
}

impl<N: Linked> State<N> {
    /// The state of an empty map: its table is its own, as atomics of models cannot be static.
    #[cfg(splitmap_loom)]
    pub(crate) fn new() -> Self {
        let empty = NewArray::filled(Order::BASE, |_, behind| behind).expect("memory");
        State {
            word: AtomicPtr::new(empty.array().word()),
            floor: AtomicU8::new(Order::BASE.bits()),
            _owns: PhantomData,
            empty,
        }
    }

    /// The state of a map with a complete table, which is not to shrink below `floor`.
    pub(crate) fn holding(table: NewArray<N>, floor: Order) -> Self {
        let mut state = State::new();
        state.word = AtomicPtr::new(table.into_word());
        state.floor = AtomicU8::new(floor.bits());
        state
    }

    /// The current state. `'g` must be the life of a guard.
    #[inline(always)]
    pub(crate) fn view<'g>(&'g self) -> View<'g, N> {
        // Acquire: pairs with the Release in `publish`, `end` and `occupy`; publishes the newest
        // table with its header, and all heads of a table that is complete.
        let word = self.word.load(Ordering::Acquire);
        View { state: self, word }
    }

    /// The state of a map that has a table of its own: an empty map gets one first.
    #[inline]
    pub(crate) fn occupied<'g>(&'g self) -> View<'g, N> {
        let view = self.view();
        if view.is_empty() {
            return self.occupy(view);
        }
        view
    }

    #[cold]
    fn occupy<'g>(&'g self, empty: View<'g, N>) -> View<'g, N> {
        let table = NewArray::filled(Order::BASE, |_, behind| behind);
        let table = table.unwrap_or_else(|| panic!("splitmap: no memory for the first table"));
        // A table that lost is freed.
        let _ = self.change(empty, table, 0);
        self.view()
    }

    /// Makes a table the newest, with these flags, if the state is still that of `from`. If not,
    /// the table comes back.
    fn change(
        &self,
        from: View<'_, N>,
        table: NewArray<N>,
        flags: usize,
    ) -> Result<(), NewArray<N>> {
        let to = table.into_word();
        let changed = self.word.compare_exchange(
            from.word,
            to.map_addr(|addr| addr | flags),
            // Release: pairs with the Acquire in `view`; publishes the table's header and bytes.
            // No Acquire: `from` was loaded with one, and its word cannot have gone and come back.
            Ordering::Release,
            // Relaxed: the loser loads the state anew.
            Ordering::Relaxed,
        );
        // SAFETY: made by `into_word` above, and not published.
        changed
            .map(drop)
            .map_err(|_| unsafe { NewArray::from_word(to) })
    }

    /// Publishes a resize: makes `table`, of which no head is made, the newest, if the state is still
    /// that of `from`. False if not; the table is freed then.
    pub(crate) fn publish(&self, from: View<'_, N>, table: NewArray<N>) -> bool {
        let is_finer = |member: Member<'_, N>| member.array.order() > table.order();
        let slow = if from.chain().any(is_finer) { SLOW } else { 0 };
        self.change(from, table, BUSY | slow).is_ok()
    }

    /// Ends a resize, all of whose strides are settled. The tables that were replaced come back for
    /// the reclaimer; `None` if another thread did it, or the state has changed.
    pub(crate) fn end<'g>(
        &'g self,
        from: View<'g, N>,
    ) -> Option<impl Iterator<Item = UnlinkedArray<'g, N>>> {
        let to = from.word.map_addr(|addr| addr & !(BUSY | SLOW));
        self.word
            // Release: pairs with the Acquire in `view`; publishes all heads of the table, which
            // this thread has seen READY or SETTLED.
            // Relaxed: the loser loads the state anew.
            .compare_exchange(from.word, to, Ordering::Release, Ordering::Relaxed)
            .ok()?;
        // SAFETY: the state leads to them no more, none of their heads is in the list, and this
        // thread alone has ended the resize.
        Some(
            from.chain()
                .skip(1)
                .map(|member| unsafe { UnlinkedArray::new(member) }),
        )
    }

    /// The order below which the table does not shrink.
    pub(crate) fn floor(&self) -> Order {
        // Relaxed: a thread that raises the floor or publishes a shrinking looks again, by `raise_floor`.
        Order::from_bits(self.floor.load(Ordering::Relaxed))
    }

    /// Raises the floor to `order`, or looks at it again (with the smallest order): see `resize`.
    /// Returns what it is then.
    pub(crate) fn raise_floor(&self, order: Order) -> Order {
        // AcqRel: pairs with itself; of a thread that raises the floor and one that has published a
        // shrinking, the later one sees what the other did before.
        let before = self.floor.fetch_max(order.bits(), Ordering::AcqRel);
        Order::from_bits(before.max(order.bits()))
    }

    /// Lets the table shrink to where it has started.
    pub(crate) fn give_up_floor(&self) {
        // AcqRel: as in `raise_floor`; a store would come between two of those that have to see each
        // other.
        self.floor.swap(Order::BASE.bits(), Ordering::AcqRel);
    }

    /// Takes the tables out, if the map has any: the state may be dropped then, and nothing else.
    pub(crate) fn take(&mut self) -> Option<Tables<N>> {
        let view = self.view();
        if view.word.is_null() || view.is_empty() {
            return None;
        }
        // SAFETY: `&mut self`: nobody else uses the map, and its state leads nowhere from now on.
        let tables = unsafe { Tables::new(view.newest(), view.is_busy()) };
        self.word = AtomicPtr::new(std::ptr::null_mut());
        Some(tables)
    }
}

/// For models whose threads stop in the middle of a stride, and for the audit, which looks at the
/// newest words without a step of the execution.
#[cfg(splitmap_loom)]
impl<N: Linked> State<N> {
    /// The view with a word that [`View::word`] gave, under a guard that has lived since.
    pub(crate) fn view_again<'g>(&'g self, word: usize) -> View<'g, N> {
        let word = std::ptr::with_exposed_provenance_mut(word);
        View { state: self, word }
    }

    /// The newest state.
    pub(crate) fn newest<'g>(&'g self) -> View<'g, N> {
        View {
            state: self,
            word: self.word.newest(),
        }
    }
}

/// Where a search starts: a head at or before every node that it may find.
pub(crate) struct Start<'g, N> {
    pub(crate) head: &'g Link<N>,
    /// The head is the bucket's own in the newest table.
    pub(crate) own: bool,
}

impl<N> Clone for Start<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for Start<'_, N> {}

/// What is known of a head.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    pub(crate) key: u64,
    /// The place of its table in the chain: 0 for the newest.
    pub(crate) age: usize,
}

/// The state as one moment of a pinned section saw it.
pub(crate) struct View<'g, N: Linked> {
    state: &'g State<N>,
    word: *mut (),
}

impl<N: Linked> Clone for View<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N: Linked> Copy for View<'_, N> {}

impl<N: Linked> PartialEq for View<'_, N> {
    fn eq(&self, other: &Self) -> bool {
        self.word == other.word
    }
}

impl<'g, N: Linked> View<'g, N> {
    /// The state's word.
    #[cfg(splitmap_loom)]
    pub(crate) fn word(self) -> usize {
        self.word.expose_provenance()
    }

    /// The newest table.
    #[inline(always)]
    pub(crate) fn newest(self) -> Array<'g, N> {
        // SAFETY: the state's invariant; a table is retired and not freed while the guard of `'g`
        // lives.
        unsafe { Array::from_word(self.word) }
    }

    #[inline(always)]
    pub(crate) fn order(self) -> Order {
        self.newest().order()
    }

    /// The map has no table of its own.
    #[inline(always)]
    pub(crate) fn is_empty(self) -> bool {
        #[cfg(not(splitmap_loom))]
        return self.order() == Order::EMPTY;
        #[cfg(splitmap_loom)]
        return self.newest() == self.state.empty.array();
    }

    /// Whether a resize is under way.
    #[inline(always)]
    pub(crate) fn is_busy(self) -> bool {
        self.word.addr() & BUSY != 0
    }

    /// Whether some table of the chain is finer than the newest.
    #[cfg(any(test, splitmap_loom))]
    pub(crate) fn is_slow(self) -> bool {
        self.word.addr() & SLOW != 0
    }

    /// Whether `state` still says the same, and not SLOW. Then the next head on the list, after the
    /// own head of a bucket, ends it.
    #[inline(always)]
    pub(crate) fn is_current(self) -> bool {
        // Relaxed: the caller has just read, with Acquire, the link or head that led to its
        // conclusion. A link to a finer head was published by a thread that had acquired the newer
        // state, so this load cannot miss that state.
        let now = self.state.word.load(Ordering::Relaxed);
        now == self.word.map_addr(|addr| addr & !SLOW)
    }

    /// The newest table, as the first of the chain.
    #[inline]
    pub(crate) fn newest_member(self) -> Member<'g, N> {
        Member {
            array: self.newest(),
            is_last: !self.is_busy(),
        }
    }

    /// The tables from the newest to the oldest that still matters.
    pub(crate) fn chain(self) -> Chain<'g, N> {
        Chain::new(self.newest(), self.is_busy())
    }

    /// The head of the hash's own bucket in the newest table, unless it is not ready.
    #[inline(always)]
    pub(crate) fn own_head(self, hash: u64) -> Option<&'g Link<N>> {
        if self.is_busy() && !self.is_ready(hash) {
            return None;
        }
        // SAFETY: a quiet state's table is complete; else its stride is ready.
        Some(unsafe { self.newest().head_of(hash) })
    }

    #[cold]
    #[inline(never)]
    fn is_ready(self, hash: u64) -> bool {
        self.newest().is_ready(hash)
    }

    /// The head of the hash's own bucket, while no resize is under way.
    #[inline(always)]
    pub(crate) fn quiet_head(self, hash: u64) -> Option<&'g Link<N>> {
        // SAFETY: a quiet state's table is complete.
        (!self.is_busy()).then(|| unsafe { self.newest().head_of(hash) })
    }

    /// The head of the hash's bucket in the first table of the chain that has it ready.
    pub(crate) fn start(self, hash: u64) -> Start<'g, N> {
        if let Some(head) = self.own_head(hash) {
            return Start { head, own: true };
        }
        Start {
            head: self.start_behind(self.newest(), hash),
            own: false,
        }
    }

    /// The head of the hash's bucket in the first table that is older than `table` and has it ready.
    pub(crate) fn start_behind(self, table: Array<'g, N>, hash: u64) -> &'g Link<N> {
        let older = self
            .chain()
            .skip_while(|member| member.array != table)
            .skip(1);
        let head = { older }.find_map(|member| member.head_of(hash));
        head.expect("the last table of a chain is complete")
    }

    /// The place of a table in the chain.
    pub(crate) fn age_of(self, table: Array<'g, N>) -> Option<usize> {
        self.chain().position(|member| member.array == table)
    }

    /// What is known of a head; `None` if no table of the chain has it.
    pub(crate) fn known(self, head: &Link<N>) -> Option<Known> {
        let key_of = |(age, member): (usize, Member<'g, N>)| {
            let key = member.array.key_of(head)?;
            Some(Known { key, age })
        };
        self.chain().enumerate().find_map(key_of)
    }

    /// The chain, without a step of the execution.
    #[cfg(splitmap_loom)]
    pub(crate) fn audited_chain(self) -> Chain<'g, N> {
        Chain::audited(self.newest(), self.is_busy())
    }
}
