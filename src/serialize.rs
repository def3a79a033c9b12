//! Serialization by serde (feature `serde`).
//!
//! A map is serialized under one guard: what is present throughout is in it once. Its references are
//! gathered first, as many formats want the length before the first entry, and the length of a map
//! that others write is no promise.
//!
//! What is deserialized is gathered, and then linked at once: of equal keys the last is kept, with its
//! value, where std keeps the first key with the last value; of equal values of a set the first, as
//! std does. The length that the input claims to have is not believed:
//! memory is taken for entries that were read.

#![forbid(unsafe_code)]

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::iter::from_fn;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::map::HashMap;
use crate::pinned::HashMapRef;
use crate::raw::Retired;
use crate::reclaim::{Guard, Reclaim, Reclaimer};
use crate::set::{HashSet, HashSetRef};

impl<K, V, S, R> Serialize for HashMap<K, V, S, R>
where
    K: Serialize,
    V: Serialize,
    R: Reclaimer,
{
    /// A map of the entries that are present throughout, under a guard of its own.
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        self.pin().serialize(serializer)
    }
}

impl<K, V, S, R, G> Serialize for HashMapRef<'_, K, V, S, R, G>
where
    K: Serialize,
    V: Serialize,
    R: Reclaimer,
    G: Guard<R>,
{
    /// A map of the entries that are present throughout.
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        serializer.collect_map(self.iter().collect::<Vec<_>>())
    }
}

impl<T, S, R> Serialize for HashSet<T, S, R>
where
    T: Serialize,
    R: Reclaimer,
{
    /// A sequence of the values that are present throughout, under a guard of its own.
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        self.pin().serialize(serializer)
    }
}

impl<T, S, R, G> Serialize for HashSetRef<'_, T, S, R, G>
where
    T: Serialize,
    R: Reclaimer,
    G: Guard<R>,
{
    /// A sequence of the values that are present throughout.
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        serializer.collect_seq(self.iter().collect::<Vec<_>>())
    }
}

impl<'de, K, V, S, R> Deserialize<'de> for HashMap<K, V, S, R>
where
    K: Deserialize<'de> + Hash + Eq,
    V: Deserialize<'de>,
    S: BuildHasher + Default,
    R: Reclaim<Retired<K, V>>,
{
    /// A map of the entries, of equal keys the last, with its value. (std keeps the first key, with
    /// the last value.)
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<M>(PhantomData<M>);

        impl<'de, K, V, S, R> Visitor<'de> for Entries<HashMap<K, V, S, R>>
        where
            K: Deserialize<'de> + Hash + Eq,
            V: Deserialize<'de>,
            S: BuildHasher + Default,
            R: Reclaim<Retired<K, V>>,
        {
            type Value = HashMap<K, V, S, R>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                // Says nothing of its length.
                from_fn(|| entries.next_entry().transpose()).collect()
            }
        }

        deserializer.deserialize_map(Entries(PhantomData))
    }
}

impl<'de, T, S, R> Deserialize<'de> for HashSet<T, S, R>
where
    T: Deserialize<'de> + Hash + Eq,
    S: BuildHasher + Default,
    R: Reclaim<Retired<T, ()>>,
{
    /// A set of the values, of equal ones the first.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values<M>(PhantomData<M>);

        impl<'de, T, S, R> Visitor<'de> for Values<HashSet<T, S, R>>
        where
            T: Deserialize<'de> + Hash + Eq,
            S: BuildHasher + Default,
            R: Reclaim<Retired<T, ()>>,
        {
            type Value = HashSet<T, S, R>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
                // Says nothing of its length.
                from_fn(|| values.next_element().transpose()).collect()
            }
        }

        deserializer.deserialize_seq(Values(PhantomData))
    }
}
