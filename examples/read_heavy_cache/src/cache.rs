//! The cache, three times: on splitmap, on DashMap, and on the standard map behind a lock.

use std::collections::HashMap as StdHashMap;
use std::sync::RwLock;

use splitmap::DefaultHashBuilder;

use crate::record::Record;

/// What a look-aside cache needs of a map that many threads share.
pub trait Cache: Sync {
    /// An empty cache. It grows as it is filled.
    fn new(hasher: DefaultHashBuilder) -> Self;

    /// Looks a record up and reads it where it lies, without a copy.
    fn read<T>(&self, key: &str, reader: impl FnOnce(&Record) -> T) -> Option<T>;

    /// Puts a record in, in the place of an older one if there is one.
    fn insert(&self, key: Box<str>, record: Record);

    /// How many records there are.
    fn len(&self) -> usize;
}

pub type Splitmap = splitmap::HashMap<Box<str>, Record, DefaultHashBuilder>;
pub type Dashmap = dashmap::DashMap<Box<str>, Record, DefaultHashBuilder>;
pub type RwLocked = RwLock<StdHashMap<Box<str>, Record, DefaultHashBuilder>>;

/// Readers hold a pin: nobody waits for it, and what it sees stays until it is gone.
impl Cache for Splitmap {
    fn new(hasher: DefaultHashBuilder) -> Self {
        Self::with_hasher(hasher)
    }

    fn read<T>(&self, key: &str, reader: impl FnOnce(&Record) -> T) -> Option<T> {
        self.pin().get(key).map(reader)
    }

    fn insert(&self, key: Box<str>, record: Record) {
        self.pin().insert(key, record);
    }

    fn len(&self) -> usize {
        self.len()
    }
}

/// Readers hold the lock of one shard.
impl Cache for Dashmap {
    fn new(hasher: DefaultHashBuilder) -> Self {
        Self::with_hasher(hasher)
    }

    fn read<T>(&self, key: &str, reader: impl FnOnce(&Record) -> T) -> Option<T> {
        self.get(key).map(|record| reader(&record))
    }

    fn insert(&self, key: Box<str>, record: Record) {
        Dashmap::insert(self, key, record);
    }

    fn len(&self) -> usize {
        self.len()
    }
}

/// Readers share the one lock.
impl Cache for RwLocked {
    fn new(hasher: DefaultHashBuilder) -> Self {
        Self::new(StdHashMap::with_hasher(hasher))
    }

    fn read<T>(&self, key: &str, reader: impl FnOnce(&Record) -> T) -> Option<T> {
        self.read()
            .expect("writers do not panic")
            .get(key)
            .map(reader)
    }

    fn insert(&self, key: Box<str>, record: Record) {
        // The lock is released at the end of this statement, before the old record is dropped.
        let replaced = self
            .write()
            .expect("writers do not panic")
            .insert(key, record);
        drop(replaced);
    }

    fn len(&self) -> usize {
        self.read().expect("writers do not panic").len()
    }
}
