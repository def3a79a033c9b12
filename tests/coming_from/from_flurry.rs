//! The rows of the section "From flurry".

use std::collections::BTreeMap;
use std::hash::RandomState;

use splitmap::HashMap;

use crate::{ENTRIES, Row, itself, pinned};

type Theirs = flurry::HashMap<&'static str, u32>;

fn theirs() -> Theirs {
    Theirs::from_iter(ENTRIES)
}

pub fn rows() -> Vec<Row> {
    let mut all = rows!(map = theirs(), itself;
        flurry::HashMap::<&str, u32>::new() => HashMap::<&str, u32>::new();
        flurry::HashMap::<&str, u32>::with_capacity(8) => HashMap::<&str, u32>::with_capacity(8);
        flurry::HashMap::<&str, u32, _>::with_hasher(RandomState::new()) => HashMap::<&str, u32, _>::with_hasher(RandomState::new());
        flurry::HashMap::<&str, u32, _>::with_capacity_and_hasher(8, RandomState::new()) => HashMap::<&str, u32, _>::with_capacity_and_hasher(8, RandomState::new());
        flurry::HashMap::<_, _>::from_iter([("c", 3)]) => HashMap::<_, _>::from_iter([("c", 3)]);
        (&map).extend([("c", 3)]) => (&map).extend([("c", 3)]);
        map.pin().get("a") => map.pin().get("a");
        map.get("a", &map.guard()) => map.get("a", &map.guard());
        map.with_guard(&map.guard()).get("a") => map.with_guard(&map.guard()).get("a");
        map.insert("a", 5, &map.guard()) => map.insert("a", 5, &map.guard());
        map.clone() => map.clone();
        map == map.clone() => map == map.clone();
    );
    let somewhere = || -> &'static Theirs { Box::leak(Box::new(theirs())) };
    all.extend(rows!(map = somewhere().pin(), pinned;
        map.get("a") => map.get("a");
        map.get_key_value("a") => map.get_key_value("a");
        map.contains_key("a") => map.contains_key("a");
        map.insert("a", 5) => map.insert("a", 5);
        map.try_insert("a", 5) => map.try_insert("a", 5);
        map.compute_if_present("a", |_, v| Some(v + 1)) => map.update("a", |v| v + 1);
        map.remove("a") => map.remove("a");
        map.remove_entry("a") => map.remove_entry("a");
        map.retain(|_, v| *v > 1) => map.retain(|_, v| *v > 1);
        map.retain_force(|_, v| *v > 1) => map.retain(|_, v| *v > 1);
        map.clear() => map.clear();
        map.reserve(8) => map.reserve(8);
        map.iter().collect::<BTreeMap<_, _>>() => map.iter().collect::<BTreeMap<_, _>>();
        map.keys().max() => map.keys().max();
        map.values().sum::<u32>() => map.values().sum::<u32>();
        map.len() => map.len();
        map.is_empty() => map.is_empty();
    ));
    all
}
