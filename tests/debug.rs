//! Every public type has `Debug` if what it holds has, whatever hashes or frees; and errors are errors.
//!
//! That none is missing here is compared with the list of the public interface.

use std::any::type_name;
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::{Debug, Display};

use splitmap::*;

const INTERFACE: &str = include_str!("../docs/PUBLIC-API.txt");

/// A key or a value: it can be shown, and nothing else.
#[derive(Debug)]
struct Shown;

/// A hash builder or a closure: it cannot even be shown.
struct Unseen;

/// The name of a type that can be shown.
fn is_debug<T: Debug>() -> String {
    let name = type_name::<T>().split('<').next().expect("a name");
    let (_, name) = name.rsplit_once("::").expect("a path");
    name.to_owned()
}

fn is_error<T: Error + Debug + Display>() {}

#[test]
fn every_public_type_can_be_shown() {
    let shown = BTreeSet::from([
        is_debug::<Compute<'_, Shown, Shown, Shown>>(),
        #[cfg(feature = "crossbeam-epoch")]
        is_debug::<Crossbeam>(),
        is_debug::<Cursor>(),
        is_debug::<DefaultHashBuilder>(),
        is_debug::<DefaultHasher>(),
        is_debug::<Drain<'_, Shown, Shown>>(),
        is_debug::<Entry<'_, Shown, Shown, Unseen>>(),
        is_debug::<Epoch>(),
        is_debug::<GetMany<'_, Shown, Shown, Unseen, Epoch, Unseen, std::iter::Empty<()>>>(),
        is_debug::<HashMap<Shown, Shown, Unseen>>(),
        is_debug::<HashMapBuilder<Unseen, Unseen, Unseen, Unseen>>(),
        is_debug::<HashMapRef<'_, Shown, Shown, Unseen>>(),
        is_debug::<IntoIter<Shown, Shown>>(),
        is_debug::<Iter<'_, Shown, Shown>>(),
        is_debug::<IterMut<'_, Shown, Shown>>(),
        is_debug::<Keys<'_, Shown, Unseen>>(),
        is_debug::<LocalGuard<'_>>(),
        is_debug::<Modified<'_, Shown, Shown, Unseen, Unseen>>(),
        is_debug::<OccupiedEntry<'_, Shown, Shown, Unseen>>(),
        is_debug::<OccupiedError<'_, Shown, Shown>>(),
        is_debug::<Operation<Shown, Shown>>(),
        is_debug::<OwnedGuard<'_>>(),
        is_debug::<Retired<Unseen, Unseen>>(),
        is_debug::<Scan<'_, Shown, Shown>>(),
        #[cfg(feature = "seize")]
        is_debug::<Seize>(),
        is_debug::<Stats>(),
        is_debug::<VacantEntry<'_, Shown, Unseen, Unseen>>(),
        is_debug::<Values<'_, Unseen, Shown>>(),
        is_debug::<ValuesMut<'_, Shown, Shown>>(),
    ]);
    assert_eq!(shown, public_types());
}

/// The structs and enums of the public interface, as far as their features are on.
fn public_types() -> BTreeSet<String> {
    let name = |line: &str| {
        let item = line.strip_prefix("#[non_exhaustive] ").unwrap_or(line);
        let kinds = ["pub struct splitmap::", "pub enum splitmap::"];
        let rest = kinds.iter().find_map(|kind| item.strip_prefix(kind))?;
        let path = rest.split(['<', '(', ' ']).next()?;
        Some(path.rsplit("::").next()?.to_owned())
    };
    let is_there = |name: &String| match &**name {
        "Crossbeam" => cfg!(feature = "crossbeam-epoch"),
        "Seize" => cfg!(feature = "seize"),
        _ => true,
    };
    INTERFACE
        .lines()
        .filter_map(name)
        .filter(is_there)
        .collect()
}

#[test]
fn errors_are_errors() {
    is_error::<OccupiedError<'_, Shown, Shown>>();
}
