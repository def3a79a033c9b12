//! Answers of different maps, made comparable: a reference counts as the value, a lock guard too.

use std::collections::{BTreeMap, BTreeSet, HashMap as StdHashMap, HashSet as StdHashSet};
use std::fmt::Debug;
use std::hash::{BuildHasher, Hash};
use std::num::ParseIntError;
use std::sync::RwLock;

use dashmap::mapref::one::{Ref, RefMut};
use dashmap::{DashMap, DashSet};

pub fn answer(of: &impl Answer) -> String {
    of.text()
}

pub trait Answer {
    fn text(&self) -> String;
}

macro_rules! shown {
    ($($type:ty),*) => {
        $(impl Answer for $type {
            fn text(&self) -> String {
                format!("{self:?}")
            }
        })*
    };
}

shown!(u32, i32, usize, bool, (), str, ParseIntError);

impl<T: Debug> Answer for BTreeSet<T> {
    fn text(&self) -> String {
        format!("{self:?}")
    }
}

impl<K: Debug, V: Debug> Answer for BTreeMap<K, V> {
    fn text(&self) -> String {
        format!("{self:?}")
    }
}

impl<T: Answer + ?Sized> Answer for &T {
    fn text(&self) -> String {
        (**self).text()
    }
}

impl<T: Answer + ?Sized> Answer for &mut T {
    fn text(&self) -> String {
        (**self).text()
    }
}

impl<A: Answer, B: Answer> Answer for (A, B) {
    fn text(&self) -> String {
        format!("({}, {})", self.0.text(), self.1.text())
    }
}

impl<T: Answer> Answer for Option<T> {
    fn text(&self) -> String {
        format!("{:?}", self.as_ref().map(Answer::text))
    }
}

impl<T: Answer, E: Answer> Answer for Result<T, E> {
    fn text(&self) -> String {
        let result = self.as_ref();
        format!("{:?}", result.map(Answer::text).map_err(Answer::text))
    }
}

impl<T: Answer> Answer for Vec<T> {
    fn text(&self) -> String {
        format!("{:?}", Vec::from_iter(self.iter().map(Answer::text)))
    }
}

impl<V: Answer, G> Answer for splitmap::Ref<'_, V, G> {
    fn text(&self) -> String {
        (**self).text()
    }
}

impl<K: Eq + Hash, V: Answer> Answer for Ref<'_, K, V> {
    fn text(&self) -> String {
        self.value().text()
    }
}

impl<K: Eq + Hash, V: Answer> Answer for RefMut<'_, K, V> {
    fn text(&self) -> String {
        self.value().text()
    }
}

/// The answer of a map is its entries, sorted.
fn entries<'a>(entries: impl Iterator<Item = (&'a &'static str, &'a u32)>) -> String {
    format!("{:?}", entries.collect::<BTreeMap<_, _>>())
}

impl<S: BuildHasher + Clone> Answer for DashMap<&'static str, u32, S> {
    fn text(&self) -> String {
        let copied: BTreeMap<_, _> = self.iter().map(|r| (*r.key(), *r.value())).collect();
        entries(copied.iter())
    }
}

impl<S: BuildHasher> Answer for StdHashMap<&'static str, u32, S> {
    fn text(&self) -> String {
        entries(self.iter())
    }
}

impl<S: BuildHasher> Answer for RwLock<StdHashMap<&'static str, u32, S>> {
    fn text(&self) -> String {
        self.read().expect("no panic").text()
    }
}

impl<S: BuildHasher> Answer for splitmap::HashMap<&'static str, u32, S> {
    fn text(&self) -> String {
        entries(self.pin().iter())
    }
}

impl<S: BuildHasher, G: splitmap::Guard> Answer
    for splitmap::HashMapRef<'_, &'static str, u32, S, splitmap::Epoch, G>
{
    fn text(&self) -> String {
        entries(self.iter())
    }
}

impl<S: BuildHasher> Answer for papaya::HashMap<&'static str, u32, S> {
    fn text(&self) -> String {
        entries(self.pin().iter())
    }
}

impl<S: BuildHasher, G: papaya::Guard> Answer for papaya::HashMapRef<'_, &'static str, u32, S, G> {
    fn text(&self) -> String {
        entries(self.iter())
    }
}

impl<S: BuildHasher> Answer for flurry::HashMap<&'static str, u32, S> {
    fn text(&self) -> String {
        entries(self.pin().iter())
    }
}

impl<S: BuildHasher> Answer for flurry::HashMapRef<'_, &'static str, u32, S> {
    fn text(&self) -> String {
        entries(self.iter())
    }
}

fn refused(current: &u32, not_inserted: &u32) -> String {
    format!("{current} instead of {not_inserted}")
}

impl<K> Answer for splitmap::OccupiedError<'_, K, u32> {
    fn text(&self) -> String {
        refused(self.current, &self.not_inserted)
    }
}

impl Answer for papaya::OccupiedError<'_, u32> {
    fn text(&self) -> String {
        refused(self.current, &self.not_inserted)
    }
}

impl Answer for flurry::TryInsertError<'_, u32> {
    fn text(&self) -> String {
        refused(self.current, &self.not_inserted)
    }
}

macro_rules! computed {
    ($($map:ident $(with $absent:ident)?),*) => {
        $(impl<T: Answer> Answer for $map::Compute<'_, &'static str, u32, T> {
            fn text(&self) -> String {
                match self {
                    $map::Compute::Inserted(key, value) => format!("inserted {key} {value}"),
                    $map::Compute::Updated { old, new } => format!("{old:?} became {new:?}"),
                    $map::Compute::Removed(key, value) => format!("removed {key} {value}"),
                    $map::Compute::Aborted(why) => format!("aborted {}", why.text()),
                    $($map::Compute::$absent => String::from("absent"),)?
                }
            }
        })*
    };
}

computed!(splitmap with Absent, papaya);

/// The answer of a set is its values, sorted.
fn values<'a>(values: impl Iterator<Item = &'a &'static str>) -> String {
    format!("{:?}", values.collect::<BTreeSet<_>>())
}

impl<S: BuildHasher + Clone> Answer for DashSet<&'static str, S> {
    fn text(&self) -> String {
        values(BTreeSet::from_iter(self.iter().map(|r| *r.key())).iter())
    }
}

impl<S: BuildHasher> Answer for RwLock<StdHashSet<&'static str, S>> {
    fn text(&self) -> String {
        values(self.read().expect("no panic").iter())
    }
}

impl<S: BuildHasher> Answer for splitmap::HashSet<&'static str, S> {
    fn text(&self) -> String {
        values(self.pin().iter())
    }
}

impl<S: BuildHasher, G: splitmap::Guard> Answer
    for splitmap::HashSetRef<'_, &'static str, S, splitmap::Epoch, G>
{
    fn text(&self) -> String {
        values(self.iter())
    }
}

impl<S: BuildHasher> Answer for papaya::HashSet<&'static str, S> {
    fn text(&self) -> String {
        values(self.pin().iter())
    }
}

impl<S: BuildHasher, G: papaya::Guard> Answer for papaya::HashSetRef<'_, &'static str, S, G> {
    fn text(&self) -> String {
        values(self.iter())
    }
}

impl<S: BuildHasher> Answer for flurry::HashSet<&'static str, S> {
    fn text(&self) -> String {
        values(self.pin().iter())
    }
}

impl<S: BuildHasher> Answer for flurry::HashSetRef<'_, &'static str, S> {
    fn text(&self) -> String {
        values(self.iter())
    }
}
