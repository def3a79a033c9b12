//! A map behind an interface without type parameters of its own: one call is a whole turn of work, so
//! that what is measured is compiled for each map, and what measures it only once.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use hdrhistogram::Histogram;

use crate::draw::{Act, Op};
use crate::map::{Hasher, Key, Map, Value};

/// Operations between two looks at the clock, or at the flag that ends a turn.
const BLOCK: usize = 64;

/// One map of the comparison, and what it can be asked for.
pub struct Contestant<K, V> {
    pub name: &'static str,
    /// An empty map with room for so many entries.
    make: Make<K, V>,
    collect: Collect<K, V>,
    pub writes: Writes,
}

type Make<K, V> = Box<dyn Fn(usize) -> Box<dyn Runner<K, V>> + Send + Sync>;
type Collect<K, V> = fn(&[Op<K>]) -> Option<Box<dyn Runner<K, V>>>;

/// How a map is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// By any number of threads.
    Any,
    /// By copying the whole map.
    ByCopy,
    /// By waiting for all readers.
    Published,
    /// By a message to another thread; reads too.
    ByMessage,
    /// By one thread while there is no other.
    Alone,
}

impl<K: Key, V: Value> Contestant<K, V> {
    /// The map of type `M`, under this name. All that are made hash with clones of this hash builder.
    pub fn of<M, S>(name: &'static str, hasher: &S) -> Self
    where
        M: Map<K, V, S> + 'static,
        S: Hasher,
    {
        let hasher = hasher.clone();
        let make = move |capacity| -> Box<dyn Runner<K, V>> {
            Box::new(Running::new(M::with_capacity(capacity, hasher.clone())))
        };
        Self {
            name,
            make: Box::new(make),
            collect: |entries| {
                let entries = entries.iter().map(Op::entry);
                M::collected(entries).map(|map| Box::new(Running::new(map)) as _)
            },
            writes: Writes::Any,
        }
    }

    pub fn copies_to_write(mut self) -> Self {
        self.writes = Writes::ByCopy;
        self
    }

    pub fn publishes_each_write(mut self) -> Self {
        self.writes = Writes::Published;
        self
    }

    pub fn answers_by_channel(mut self) -> Self {
        self.writes = Writes::ByMessage;
        self
    }

    pub fn for_one_writer_alone(mut self) -> Self {
        self.writes = Writes::Alone;
        self
    }

    /// An empty map with room for so many entries; `0` makes the smallest one.
    pub fn empty(&self, capacity: usize) -> Box<dyn Runner<K, V>> {
        (self.make)(capacity)
    }

    /// A map that holds these entries, with room for all from the start.
    pub fn filled(&self, entries: &[Op<K>]) -> Box<dyn Runner<K, V>> {
        let map = self.empty(entries.len());
        map.fill(entries);
        map
    }

    /// A map made from these entries at once.
    pub fn collected(&self, entries: &[Op<K>]) -> Option<Box<dyn Runner<K, V>>> {
        (self.collect)(entries)
    }
}

/// How long a turn lasts: until the flag is up, or so many operations.
pub struct Turn<'a> {
    pub stop: &'a AtomicBool,
    pub operations: usize,
}

impl Turn<'_> {
    fn over(&self, done: usize) -> bool {
        done >= self.operations || self.stop.load(Ordering::Relaxed)
    }
}

/// What a turn of one thread did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub operations: u64,
    pub hits: u64,
    /// Answers with a value that belongs to another key.
    pub wrong: u64,
    /// Keys that came in, less keys that went.
    pub balance: i64,
}

/// A map at work. Every call returns what it found, to be checked.
pub trait Runner<K, V>: Send + Sync {
    /// Inserts these entries, before anything is measured.
    fn fill(&self, entries: &[Op<K>]);

    /// Reads keys, over and over until the turn ends.
    fn read(&self, ops: &[Op<K>], turn: &Turn<'_>) -> Tally;

    /// The same, 64 keys at a time under one guard, if the map has such a thing.
    fn read_batches(&self, ops: &[Op<K>], turn: &Turn<'_>) -> Tally;

    /// Does what each operation says.
    fn mix(&self, ops: &[Op<K>], turn: &Turn<'_>) -> Tally;

    /// Reads keys and counts how many nanoseconds each takes.
    fn time_reads(&self, ops: &[Op<K>], turn: &Turn<'_>, times: &mut Histogram<u64>) -> Tally;

    /// Inserts these entries, and lowers each of `least` to the nanoseconds that it took.
    fn time_inserts(&self, entries: &[Op<K>], least: &mut [u32]) -> Tally;

    /// Looks keys up and inserts those that are missing. The hits are those found.
    fn look_aside(&self, ops: &[Op<K>], turn: &Turn<'_>) -> Tally;

    fn len(&self) -> usize;

    /// The number of entries and the sum of their tags, by iteration.
    fn visit(&self) -> (usize, u64);

    fn copied(&self) -> Option<Box<dyn Runner<K, V>>>;
}

struct Running<M, K, V, S> {
    map: M,
    of: PhantomData<(K, V, S)>,
}

impl<M, K, V, S> Running<M, K, V, S> {
    fn new(map: M) -> Self {
        Self {
            map,
            of: PhantomData,
        }
    }
}

impl<K: Key, V: Value, S: Hasher, M: Map<K, V, S> + 'static> Running<M, K, V, S> {
    /// Calls `act` on one block of operations after the other, from the first again after the last.
    fn blocks<'o>(
        &self,
        ops: &'o [Op<K>],
        turn: &Turn<'_>,
        mut act: impl FnMut(&mut M::Thread<'_>, &mut Tally, &'o [Op<K>]),
    ) -> Tally {
        let mut thread = self.map.thread();
        let mut tally = Tally::default();
        let mut blocks = ops.chunks(BLOCK).cycle();
        let mut done = 0;
        while !turn.over(done) {
            let Some(block) = blocks.next() else { break };
            let block = &block[..block.len().min(turn.operations - done)];
            act(&mut thread, &mut tally, block);
            done += block.len();
        }
        tally.operations = done as u64;
        tally
    }
}

impl<K: Key, V: Value, S: Hasher, M: Map<K, V, S> + 'static> Runner<K, V> for Running<M, K, V, S> {
    fn fill(&self, entries: &[Op<K>]) {
        self.map.fill(entries.iter().map(Op::entry));
    }

    fn read(&self, ops: &[Op<K>], turn: &Turn<'_>) -> Tally {
        self.blocks(ops, turn, |thread, tally, block| {
            for op in block {
                tally.read(M::read(thread, &op.key, V::tag), op);
            }
        })
    }

    fn read_batches(&self, ops: &[Op<K>], turn: &Turn<'_>) -> Tally {
        self.blocks(ops, turn, |thread, tally, block| {
            let (mut found, mut sum) = (0, 0_u64);
            M::read_batch(thread, block.iter().map(|op| &op.key), |value| {
                found += 1;
                sum += u64::from(value.tag());
            });
            tally.hits += found;
            let right = block.iter().map(|op| u64::from(op.tag)).sum::<u64>();
            tally.wrong += u64::from(found == block.len() as u64 && sum != right);
        })
    }

    fn mix(&self, ops: &[Op<K>], turn: &Turn<'_>) -> Tally {
        let mut version = 0;
        self.blocks(ops, turn, |thread, tally, block| {
            version += 1;
            for op in block {
                match op.act {
                    Act::Read => tally.read(M::read(thread, &op.key, V::tag), op),
                    Act::Insert => {
                        let new = M::insert(thread, op.key.clone(), V::of(op.tag, version));
                        tally.balance += i64::from(new);
                    }
                    Act::Remove => tally.balance -= i64::from(M::remove(thread, &op.key)),
                }
            }
        })
    }

    fn time_reads(&self, ops: &[Op<K>], turn: &Turn<'_>, times: &mut Histogram<u64>) -> Tally {
        self.blocks(ops, turn, |thread, tally, block| {
            for op in block {
                let start = Instant::now();
                let answer = M::read(thread, &op.key, V::tag);
                times.saturating_record(start.elapsed().as_nanos() as u64);
                tally.read(answer, op);
            }
        })
    }

    fn time_inserts(&self, entries: &[Op<K>], least: &mut [u32]) -> Tally {
        let mut thread = self.map.thread();
        let mut tally = Tally::default();
        for (op, least) in entries.iter().zip(least) {
            let (key, value) = op.entry();
            let start = Instant::now();
            let new = M::insert(&mut thread, key, value);
            let time = start.elapsed().as_nanos().try_into().unwrap_or(u32::MAX);
            *least = time.min(*least);
            tally.balance += i64::from(new);
            tally.operations += 1;
        }
        tally
    }

    fn look_aside(&self, ops: &[Op<K>], turn: &Turn<'_>) -> Tally {
        self.blocks(ops, turn, |thread, tally, block| {
            for op in block {
                let answer = M::read(thread, &op.key, V::tag);
                tally.read(answer, op);
                if answer.is_none() {
                    let (key, value) = op.entry();
                    tally.balance += i64::from(M::insert(thread, key, value));
                }
            }
        })
    }

    fn len(&self) -> usize {
        self.map.len()
    }

    fn visit(&self) -> (usize, u64) {
        let (mut count, mut sum) = (0, 0);
        self.map.visit(|_, value: &V| {
            count += 1;
            sum += u64::from(value.tag());
        });
        (count, sum)
    }

    fn copied(&self) -> Option<Box<dyn Runner<K, V>>> {
        let copy = self.map.copied()?;
        Some(Box::new(Self::new(copy)))
    }
}

impl Tally {
    /// Counts the answer of one read.
    #[inline]
    fn read<K>(&mut self, answer: Option<u32>, op: &Op<K>) {
        if let Some(tag) = answer {
            self.hits += 1;
            self.wrong += u64::from(tag != op.tag);
        }
    }

    /// The sum of two threads' work.
    pub fn plus(self, other: Self) -> Self {
        Self {
            operations: self.operations + other.operations,
            hits: self.hits + other.hits,
            wrong: self.wrong + other.wrong,
            balance: self.balance + other.balance,
        }
    }
}
