//! The rows of the sections about sets.

use std::collections::{BTreeSet, HashSet as StdHashSet};
use std::hash::RandomState;
use std::sync::RwLock;

use dashmap::DashSet;
use splitmap::HashSet;

use crate::{Row, VALUES, set_itself as itself, set_pinned as pinned};

pub fn from_dashset() -> Vec<Row> {
    let theirs = || DashSet::<&'static str>::from_iter(VALUES);
    let mut all = rows!(set = theirs(), pinned;
        set.contains("a") => set.contains("a");
        set.get("a").map(|r| *r.key()) => set.get("a");
        set.insert("c") => set.insert("c");
        set.remove("a") => set.take("a");
        set.remove_if("a", |v| v.len() == 1) => set.remove_if("a", |v| v.len() == 1);
        set.iter().map(|r| *r.key()).collect::<BTreeSet<_>>() => set.iter().copied().collect::<BTreeSet<_>>();
        set.retain(|v| *v > "a") => set.retain(|v| *v > "a");
        set.clear() => set.clear();
        set.len() => set.len();
        set.is_empty() => set.is_empty();
        set.capacity() >= 2 => set.capacity() >= 2;
        set.shrink_to_fit() => set.shrink_to_fit();
    );
    all.extend(rows!(set = theirs(), itself;
        DashSet::<&str>::new() => HashSet::<&str>::new();
        DashSet::<&str>::with_capacity(8) => HashSet::<&str>::with_capacity(8);
        DashSet::<&str, _>::with_hasher(RandomState::new()) => HashSet::<&str, _>::with_hasher(RandomState::new());
        DashSet::<&str, _>::with_capacity_and_hasher(8, RandomState::new()) => HashSet::<&str, _>::with_capacity_and_hasher(8, RandomState::new());
        DashSet::<_>::from_iter(["c"]) => HashSet::<_>::from_iter(["c"]);
        set.extend(["c"]) => set.extend(["c"]);
        set.clone() => set.clone();
        set.clone().into_iter().collect::<BTreeSet<_>>() => set.clone().into_iter().collect::<BTreeSet<_>>();
    ));
    all
}

pub fn from_papaya() -> Vec<Row> {
    type Theirs = papaya::HashSet<&'static str>;
    let mut all = rows!(set = Theirs::from(VALUES), itself;
        papaya::HashSet::<&str>::new() => HashSet::<&str>::new();
        papaya::HashSet::<&str>::with_capacity(8) => HashSet::<&str>::with_capacity(8);
        papaya::HashSet::<&str, _>::with_hasher(RandomState::new()) => HashSet::<&str, _>::with_hasher(RandomState::new());
        papaya::HashSet::<&str, _>::with_capacity_and_hasher(8, RandomState::new()) => HashSet::<&str, _>::with_capacity_and_hasher(8, RandomState::new());
        papaya::HashSet::<&str>::builder().capacity(8).hasher(RandomState::new()).build() => HashSet::<&str>::builder().capacity(8).hasher(RandomState::new()).build();
        papaya::HashSet::from(["c"]) => HashSet::from(["c"]);
        papaya::HashSet::<_>::from_iter(["c"]) => HashSet::<_>::from_iter(["c"]);
        (&set).extend(["c"]) => (&set).extend(["c"]);
        set.pin().contains("a") => set.pin().contains("a");
        set.pin_owned().contains("a") => set.pin_owned().contains("a");
        set.contains("a", &set.guard()) => set.contains("a", &set.guard());
        set.contains("a", &set.owned_guard()) => set.contains("a", &set.owned_guard());
        set.clone() => set.clone();
        set == set.clone() => set == set.clone();
    );
    let somewhere = || -> &'static Theirs { Box::leak(Box::new(Theirs::from(VALUES))) };
    all.extend(rows!(set = somewhere().pin(), pinned;
        set.contains("a") => set.contains("a");
        set.get("a") => set.get("a");
        set.insert("a") => set.insert("a");
        set.remove("a") => set.remove("a");
        set.retain(|v| *v > "a") => set.retain(|v| *v > "a");
        set.clear() => set.clear();
        set.reserve(8) => set.reserve(8);
        set.iter().collect::<BTreeSet<_>>() => set.iter().collect::<BTreeSet<_>>();
        set.len() => set.len();
        set.is_empty() => set.is_empty();
        set.set() => set.set();
    ));
    all
}

pub fn from_flurry() -> Vec<Row> {
    type Theirs = flurry::HashSet<&'static str>;
    let theirs = || Theirs::from_iter(VALUES);
    let mut all = rows!(set = theirs(), itself;
        flurry::HashSet::<&str>::new() => HashSet::<&str>::new();
        flurry::HashSet::<&str>::with_capacity(8) => HashSet::<&str>::with_capacity(8);
        flurry::HashSet::<&str, _>::with_hasher(RandomState::new()) => HashSet::<&str, _>::with_hasher(RandomState::new());
        flurry::HashSet::<&str, _>::with_capacity_and_hasher(8, RandomState::new()) => HashSet::<&str, _>::with_capacity_and_hasher(8, RandomState::new());
        flurry::HashSet::<_>::from_iter(["c"]) => HashSet::<_>::from_iter(["c"]);
        (&set).extend(["c"]) => (&set).extend(["c"]);
        set.contains("a", &set.guard()) => set.contains("a", &set.guard());
        set.with_guard(&set.guard()).contains("a") => set.with_guard(&set.guard()).contains("a");
    );
    let somewhere = || -> &'static Theirs { Box::leak(Box::new(theirs())) };
    all.extend(rows!(set = somewhere().pin(), pinned;
        set.contains("a") => set.contains("a");
        set.get("a") => set.get("a");
        set.insert("a") => set.insert("a");
        set.remove("a") => set.remove("a");
        set.take("a") => set.take("a");
        set.is_subset(&set) => set.is_subset(&set);
        set.is_superset(&set) => set.is_superset(&set);
        set.is_disjoint(&set) => set.is_disjoint(&set);
        set.retain(|v| *v > "a") => set.retain(|v| *v > "a");
        set.clear() => set.clear();
        set.reserve(8) => set.reserve(8);
        set.iter().collect::<BTreeSet<_>>() => set.iter().collect::<BTreeSet<_>>();
        set.len() => set.len();
        set.is_empty() => set.is_empty();
    ));
    all
}

pub fn from_std() -> Vec<Row> {
    let theirs = || RwLock::new(StdHashSet::from(VALUES));
    rows!(set = theirs(), pinned;
        set.read().unwrap().contains("a") => set.contains("a");
        set.read().unwrap().get("a") => set.get("a");
        set.write().unwrap().insert("a") => set.insert("a");
        set.write().unwrap().replace("a") => set.replace("a");
        set.write().unwrap().remove("a") => set.remove("a");
        set.write().unwrap().take("a") => set.take("a");
        set.write().unwrap().retain(|v| *v > "a") => set.retain(|v| *v > "a");
        set.write().unwrap().clear() => set.clear();
        set.write().unwrap().reserve(8) => set.reserve(8);
        set.write().unwrap().shrink_to_fit() => set.shrink_to_fit();
        set.read().unwrap().iter().collect::<BTreeSet<_>>() => set.iter().collect::<BTreeSet<_>>();
        set.read().unwrap().is_subset(&set.read().unwrap()) => set.is_subset(&set);
        set.read().unwrap().is_superset(&set.read().unwrap()) => set.is_superset(&set);
        set.read().unwrap().is_disjoint(&set.read().unwrap()) => set.is_disjoint(&set);
        set.read().unwrap().difference(&set.read().unwrap()).count() => set.difference(&set).count();
        set.read().unwrap().intersection(&set.read().unwrap()).count() => set.intersection(&set).count();
        set.read().unwrap().union(&set.read().unwrap()).count() => set.union(&set).count();
        set.read().unwrap().symmetric_difference(&set.read().unwrap()).count() => set.symmetric_difference(&set).count();
        set.read().unwrap().len() => set.len();
        set.read().unwrap().is_empty() => set.is_empty();
        set.read().unwrap().capacity() >= 2 => set.capacity() >= 2;
    )
}
