//! The rows of the section "From DashMap".

#![allow(
    clippy::clone_on_copy,
    reason = "the code stands for values of any type"
)]

use std::collections::BTreeMap;
use std::hash::RandomState;

use dashmap::DashMap;
use splitmap::HashMap;

use crate::{ENTRIES, Row, itself, pinned};

fn theirs() -> DashMap<&'static str, u32> {
    DashMap::from_iter(ENTRIES)
}

pub fn rows() -> Vec<Row> {
    let mut all = rows!(map = theirs(), pinned;
        map.get("a") => map.get("a");
        map.get("a").map(|r| *r.key()) => map.get_key_value("a").map(|(k, _)| k);
        map.try_get("a").unwrap() => map.get("a").unwrap();
        map.contains_key("a") => map.contains_key("a");
        map.insert("a", 5) => map.insert("a", 5);
        map.remove("a") => map.remove_entry("a");
        map.remove_if("a", |_, v| *v > 0) => map.remove_if("a", |_, v| *v > 0);
        if let Some(mut r) = map.get_mut("a") { *r += 1 } => map.update("a", |v| v + 1);
        map.alter("a", |_, v| v + 1) => map.update("a", |v| v + 1);
        map.alter_all(|_, v| v + 1) => map.keys().for_each(|k| { map.update(k, |v| v + 1); });
        map.iter_mut().for_each(|mut r| *r += 1) => map.iter().for_each(|(k, _)| { map.update(k, |v| v + 1); });
        map.entry("c").or_insert(3) => map.entry("c").or_insert(3);
        map.entry("c").or_insert_with(|| 3) => map.entry("c").or_insert_with(|| 3);
        map.entry("c").or_default() => map.entry("c").or_default();
        map.entry("c").or_try_insert_with(|| "3".parse::<u32>()) => map.entry("c").or_try_insert_with(|| "3".parse::<u32>());
        map.entry("a").and_modify(|v| *v += 1).or_insert(1) => map.entry("a").and_modify(|v| v + 1).or_insert(1);
        map.entry("a").insert(5) => map.entry("a").insert_entry(5).get();
        map.entry("a").key() => map.entry("a").key();
        map.entry("a").into_key() => map.entry("a").into_key();
        if let dashmap::Entry::Occupied(e) = map.entry("a") { e.remove() } else { 0 } => if let splitmap::Entry::Occupied(e) = map.entry("a") { *e.remove().unwrap() } else { 0 };
        if let dashmap::Entry::Occupied(mut e) = map.entry("a") { e.insert(5) } else { 0 } => if let splitmap::Entry::Occupied(e) = map.entry("a") { *e.insert(5).unwrap() } else { 0 };
        if let dashmap::Entry::Vacant(e) = map.entry("c") { *e.insert(3) } else { 0 } => if let splitmap::Entry::Vacant(e) = map.entry("c") { *e.insert(3).unwrap() } else { 0 };
        if let dashmap::Entry::Vacant(e) = map.entry("c") { *e.insert_entry(3).get() } else { 0 } => if let splitmap::Entry::Vacant(e) = map.entry("c") { *e.insert_entry(3).unwrap().get() } else { 0 };
        map.try_entry("c").unwrap().or_insert(3) => map.entry("c").or_insert(3);
        map.iter().map(|r| *r.value()).sum::<u32>() => map.values().sum::<u32>();
        map.iter().map(|r| (*r.key(), *r.value())).collect::<BTreeMap<_, _>>() => map.iter().collect::<BTreeMap<_, _>>();
        (&map).into_iter().count() => (&map).into_iter().count();
        map.retain(|_, v| *v > 1) => map.retain(|_, v| *v > 1);
        map.clear() => map.clear();
        map.len() => map.len();
        map.is_empty() => map.is_empty();
        map.capacity() >= 2 => map.capacity() >= 2;
        map.shrink_to_fit() => map.shrink_to_fit();
    );
    all.extend(rows!(map = theirs(), itself;
        DashMap::<&str, u32>::new() => HashMap::<&str, u32>::new();
        DashMap::<&str, u32>::with_capacity(8) => HashMap::<&str, u32>::with_capacity(8);
        DashMap::<&str, u32, _>::with_hasher(RandomState::new()) => HashMap::<&str, u32, _>::with_hasher(RandomState::new());
        DashMap::<&str, u32, _>::with_capacity_and_hasher(8, RandomState::new()) => HashMap::<&str, u32, _>::with_capacity_and_hasher(8, RandomState::new());
        DashMap::<_, _>::from_iter([("c", 3)]) => HashMap::<_, _>::from_iter([("c", 3)]);
        map.extend([("c", 3)]) => map.extend([("c", 3)]);
        map.try_reserve(8).unwrap() => map.reserve(8);
        map.view("a", |_, v| v + 1) => map.view("a", |v| v + 1);
        map.get("a") => map.get_ref("a");
        map.get("a").map(|r| r.clone()) => map.get_cloned("a");
        map.clone() => map.clone();
    ));
    all.extend(rows!(given map = theirs();
        map.into_iter().collect::<BTreeMap<_, _>>() => map.into_iter().collect::<BTreeMap<_, _>>();
        map.into_read_only().get("a") => map.pin().get("a");
    ));
    all
}
