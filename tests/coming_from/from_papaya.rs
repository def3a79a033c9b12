//! The rows of the section "From papaya".

use std::collections::BTreeMap;
use std::hash::RandomState;

use splitmap::HashMap;

use crate::{ENTRIES, Row, itself, pinned};

type Theirs = papaya::HashMap<&'static str, u32>;

fn theirs() -> Theirs {
    Theirs::from(ENTRIES)
}

pub fn rows() -> Vec<Row> {
    let mut all = rows!(map = theirs(), itself;
        papaya::HashMap::<&str, u32>::new() => HashMap::<&str, u32>::new();
        papaya::HashMap::<&str, u32>::with_capacity(8) => HashMap::<&str, u32>::with_capacity(8);
        papaya::HashMap::<&str, u32, _>::with_hasher(RandomState::new()) => HashMap::<&str, u32, _>::with_hasher(RandomState::new());
        papaya::HashMap::<&str, u32, _>::with_capacity_and_hasher(8, RandomState::new()) => HashMap::<&str, u32, _>::with_capacity_and_hasher(8, RandomState::new());
        papaya::HashMap::<&str, u32>::builder().capacity(8).hasher(RandomState::new()).build() => HashMap::<&str, u32>::builder().capacity(8).hasher(RandomState::new()).build();
        papaya::HashMap::from([("c", 3)]) => HashMap::from([("c", 3)]);
        papaya::HashMap::<_, _>::from_iter([("c", 3)]) => HashMap::<_, _>::from_iter([("c", 3)]);
        (&map).extend([("c", 3)]) => (&map).extend([("c", 3)]);
        map.pin().get("a") => map.pin().get("a");
        map.pin_owned().get("a") => map.pin_owned().get("a");
        map.get("a", &map.guard()) => map.get("a", &map.guard());
        map.get("a", &map.owned_guard()) => map.get("a", &map.owned_guard());
        map.insert("a", 5, &map.guard()) => map.insert("a", 5, &map.guard());
        map.clone() => map.clone();
        map == map.clone() => map == map.clone();
    );
    // What is pinned has to live somewhere.
    let somewhere = || -> &'static Theirs { Box::leak(Box::new(theirs())) };
    all.extend(rows!(map = somewhere().pin(), pinned;
        map.get("a") => map.get("a");
        map.get_key_value("a") => map.get_key_value("a");
        map.contains_key("a") => map.contains_key("a");
        map.insert("a", 5) => map.insert("a", 5);
        map.try_insert("a", 5) => map.try_insert("a", 5);
        map.try_insert_with("c", || 3) => map.try_insert_with("c", || 3);
        map.get_or_insert("c", 3) => map.get_or_insert("c", 3);
        map.get_or_insert_with("c", || 3) => map.get_or_insert_with("c", || 3);
        map.update("a", |v| v + 1) => map.update("a", |v| v + 1);
        map.update_or_insert("a", |v| v + 1, 1) => map.update_or_insert("a", |v| v + 1, 1);
        map.update_or_insert_with("c", |v| v + 1, || 3) => map.update_or_insert_with("c", |v| v + 1, || 3);
        map.compute("a", |_| papaya::Operation::Insert::<u32, ()>(5)) => map.compute("a", |_| splitmap::Operation::Insert::<u32, ()>(5));
        map.compute("a", |_| papaya::Operation::Remove::<u32, ()>) => map.compute("a", |_| splitmap::Operation::Remove::<u32, ()>);
        map.compute("a", |_| papaya::Operation::Abort::<u32, _>(7)) => map.compute("a", |_| splitmap::Operation::Abort::<u32, _>(7));
        map.remove("a") => map.remove("a");
        map.remove_entry("a") => map.remove_entry("a");
        map.remove_if("a", |_, v| *v > 1) => map.try_remove_if("a", |_, v| *v > 1);
        map.retain(|_, v| *v > 1) => map.retain(|_, v| *v > 1);
        map.clear() => map.clear();
        map.reserve(8) => map.reserve(8);
        map.iter().collect::<BTreeMap<_, _>>() => map.iter().collect::<BTreeMap<_, _>>();
        (&map).into_iter().count() => (&map).into_iter().count();
        map.keys().max() => map.keys().max();
        map.values().sum::<u32>() => map.values().sum::<u32>();
        map.len() => map.len();
        map.is_empty() => map.is_empty();
        map.map() => map.map();
    ));
    all
}
