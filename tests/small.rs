//! Small things that users missed: statics of the default hasher, views that have all that the map has,
//! calls that may stand as statements.

#![deny(unused_must_use)]

use std::hash::BuildHasher;

use splitmap::{DefaultHashBuilder, HashMap, HashSet};

static MAP: HashMap<String, u64> = HashMap::new_const();
static SET: HashSet<u64> = HashSet::new_const();

#[test]
fn a_static_needs_no_hasher_of_its_own() {
    std::thread::scope(|scope| {
        for n in 0..4 {
            scope.spawn(move || assert!(MAP.pin().insert(n.to_string(), n).is_none()));
            scope.spawn(move || assert!(SET.pin().insert(n)));
        }
    });
    assert!((0..4).all(|n| MAP.get_cloned(n.to_string().as_str()) == Some(n)));
    assert_eq!((MAP.len(), SET.len()), (4, 4));
}

#[test]
fn a_builder_has_a_seed_of_its_own_unless_it_is_made_in_a_constant() {
    let hash = |builder: &DefaultHashBuilder| builder.hash_one("key");
    let (one, other) = (DefaultHashBuilder::default(), DefaultHashBuilder::default());
    assert_ne!(hash(&one), hash(&other));
    assert_eq!(hash(&one), hash(&one.clone()));
    let (one, other) = (
        DefaultHashBuilder::new_const(),
        DefaultHashBuilder::new_const(),
    );
    assert_eq!(hash(&one), hash(&other.clone()));
}

/// It is drawn at random all the same: another process has another one.
#[test]
fn the_seed_of_the_process_differs_from_process_to_process() {
    const ASKED: &str = "SPLITMAP_TELL_A_HASH";
    let hash = format!("hash {}", DefaultHashBuilder::new_const().hash_one("key"));
    if std::env::var_os(ASKED).is_some() {
        println!("{hash}");
        return;
    }
    let test = "the_seed_of_the_process_differs_from_process_to_process";
    let other = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(ASKED, "1")
        .output()
        .unwrap();
    let told = String::from_utf8(other.stdout).unwrap();
    assert!(told.contains("hash ") && !told.contains(&hash), "{told}");
}

#[test]
fn a_view_has_stats_and_flush() {
    let map = HashMap::from([(1, 1)]);
    map.pin().remove(&1);
    map.pin().flush();
    assert_eq!(map.pin().stats().pending, map.stats().pending);
    assert!(map.pin().stats().pinned >= Some(1));
    let set = HashSet::from([1]);
    let view = set.pin();
    view.remove(&1);
    view.flush();
    assert_eq!(view.stats().pending, Some(1), "its own guard can see it");
}

#[test]
fn to_remove_on_a_condition_is_a_statement() {
    let map = HashMap::from([(1, 1), (2, 2)]);
    map.pin().remove_if(&1, |_, value| *value == 1);
    map.remove_if(&2, |_, value| *value == 1, &map.guard());
    assert_eq!(map.len(), 1);
    let set = HashSet::from([1, 2]);
    set.pin().remove_if(&1, |_| true);
    set.remove_if(&2, |_| false, &set.guard());
    assert_eq!(set.len(), 1);
}
