//! The rows of the section "From `RwLock<HashMap>`".

use std::collections::{BTreeMap, BTreeSet, HashMap as StdHashMap};
use std::sync::RwLock;

use crate::{ENTRIES, Row, itself, pinned};

fn theirs() -> RwLock<StdHashMap<&'static str, u32>> {
    RwLock::new(StdHashMap::from(ENTRIES))
}

pub fn rows() -> Vec<Row> {
    let mut all = rows!(map = theirs(), pinned;
        map.read().unwrap().get("a") => map.get("a");
        map.read().unwrap()["a"] => map["a"];
        map.read().unwrap().get_key_value("a") => map.get_key_value("a");
        ["a", "c"].map(|k| map.read().unwrap().get(k).copied()).to_vec() => map.get_many(["a", "c"]).collect::<Vec<_>>();
        map.read().unwrap().contains_key("a") => map.contains_key("a");
        map.read().unwrap().len() => map.len();
        map.read().unwrap().is_empty() => map.is_empty();
        map.read().unwrap().iter().collect::<BTreeMap<_, _>>() => map.iter().collect::<BTreeMap<_, _>>();
        map.read().unwrap().keys().max() => map.keys().max();
        map.read().unwrap().values().sum::<u32>() => map.values().sum::<u32>();
        map.write().unwrap().insert("a", 5) => map.insert("a", 5);
        map.write().unwrap().extend([("a", 5), ("c", 3)]) => map.insert_many([("a", 5), ("c", 3)]);
        map.write().unwrap().remove("a") => map.remove("a");
        map.write().unwrap().remove_entry("a") => map.remove_entry("a");
        if let Some(v) = map.write().unwrap().get_mut("a") { *v += 1 } => map.update("a", |v| v + 1);
        map.write().unwrap().values_mut().for_each(|v| *v += 1) => map.keys().for_each(|k| { map.update(k, |v| v + 1); });
        map.write().unwrap().entry("c").or_insert(3) => map.entry("c").or_insert(3);
        map.write().unwrap().entry("c").or_insert_with(|| 3) => map.entry("c").or_insert_with(|| 3);
        map.write().unwrap().entry("c").or_insert_with_key(|k| k.len() as u32) => map.entry("c").or_insert_with_key(|k| k.len() as u32);
        map.write().unwrap().entry("c").or_default() => map.entry("c").or_default();
        map.write().unwrap().entry("a").and_modify(|v| *v += 1).or_insert(1) => map.entry("a").and_modify(|v| v + 1).or_insert(1);
        map.write().unwrap().entry("a").insert_entry(5).get() => map.entry("a").insert_entry(5).get();
        map.write().unwrap().retain(|_, v| *v > 1) => map.retain(|_, v| *v > 1);
        map.write().unwrap().clear() => map.clear();
        map.write().unwrap().reserve(8) => map.reserve(8);
        map.write().unwrap().shrink_to_fit() => map.shrink_to_fit();
        map.read().unwrap().capacity() >= 2 => map.capacity() >= 2;
    );
    all.extend(rows!(map = theirs(), itself;
        map.read().unwrap().get("a").cloned() => map.get_cloned("a");
        map.read().unwrap().get("a").map(|v| v + 1) => map.view("a", |v| v + 1);
        map.write().unwrap().extend([("c", 3)]) => map.extend([("c", 3)]);
        map.read().unwrap().clone() => map.clone();
        map.get_mut().unwrap().get_mut("a") => map.get_mut("a");
        map.get_mut().unwrap().iter_mut().for_each(|(_, v)| *v += 1) => map.iter_mut().for_each(|(_, v)| *v += 1);
        map.get_mut().unwrap().values_mut().for_each(|v| *v += 1) => map.values_mut().for_each(|v| *v += 1);
        map.get_mut().unwrap().drain().collect::<BTreeMap<_, _>>() => map.drain().collect::<BTreeMap<_, _>>();
    ));
    all.extend(rows!(given map = theirs();
        map.into_inner().unwrap().into_iter().collect::<BTreeMap<_, _>>() => map.into_iter().collect::<BTreeMap<_, _>>();
        map.into_inner().unwrap().into_keys().collect::<BTreeSet<_>>() => map.into_iter().map(|(k, _)| k).collect::<BTreeSet<_>>();
        map.into_inner().unwrap().into_values().collect::<BTreeSet<_>>() => map.into_iter().map(|(_, v)| v).collect::<BTreeSet<_>>();
    ));
    all
}
