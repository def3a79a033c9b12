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
        is_debug::<ChangedError<'_, Shown, Shown>>(),
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
        is_debug::<HashSet<Shown, Unseen>>(),
        is_debug::<HashSetBuilder<Unseen, Unseen, Unseen>>(),
        is_debug::<HashSetRef<'_, Shown, Unseen>>(),
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
        is_debug::<PinnedArc<Unseen>>(),
        is_debug::<Ref<'_, Shown>>(),
        is_debug::<RefIter<'_, Unseen, Unseen>>(),
        is_debug::<Retired<Unseen, Unseen>>(),
        is_debug::<Scan<'_, Shown, Shown>>(),
        #[cfg(feature = "seize")]
        is_debug::<Seize>(),
        is_debug::<SetRefIter<'_, Unseen>>(),
        is_debug::<Stats>(),
        is_debug::<VacantEntry<'_, Shown, Unseen, Unseen>>(),
        is_debug::<Values<'_, Unseen, Shown>>(),
        is_debug::<ValuesMut<'_, Shown, Shown>>(),
    ]);
    assert_eq!(shown, public_types(""));
}

#[test]
fn every_public_type_of_sets_can_be_shown() {
    use set::*;
    // These look values up while they are shown.
    type Hashed = u32;
    type Hasher = std::hash::RandomState;
    let shown = BTreeSet::from([
        is_debug::<Difference<'_, Hashed, Hasher>>(),
        is_debug::<Drain<'_, Unseen>>(),
        is_debug::<HashSet<Shown, Unseen>>(),
        is_debug::<HashSetBuilder<Unseen, Unseen, Unseen>>(),
        is_debug::<HashSetRef<'_, Shown, Unseen>>(),
        is_debug::<Intersection<'_, Hashed, Hasher>>(),
        is_debug::<IntoIter<Unseen>>(),
        is_debug::<Iter<'_, Shown>>(),
        is_debug::<Scan<'_, Shown>>(),
        is_debug::<SymmetricDifference<'_, Hashed, Hasher>>(),
        is_debug::<Union<'_, Hashed, Hasher>>(),
    ]);
    assert_eq!(shown, public_types("set::"));
}

#[cfg(feature = "rayon")]
#[test]
fn every_public_type_of_parallel_iteration_can_be_shown() {
    use parallel::*;
    let shown = BTreeSet::from([
        is_debug::<IntoParIter<Unseen, Unseen>>(),
        is_debug::<IntoParValues<Unseen>>(),
        is_debug::<ParIter<'_, Unseen, Unseen>>(),
        is_debug::<ParIterMut<'_, Unseen, Unseen>>(),
        is_debug::<ParKeys<'_, Unseen, Unseen>>(),
        is_debug::<ParSetIter<'_, Unseen>>(),
        is_debug::<ParValues<'_, Unseen, Unseen>>(),
        is_debug::<ParValuesMut<'_, Unseen, Unseen>>(),
    ]);
    assert_eq!(shown, public_types("parallel::"));
}

/// What has another place in the interface than those that these tests know would be missed by them.
#[test]
fn every_public_module_with_types_has_a_test() {
    let path = |line: &str| {
        let (_, path) = line.split_once("pub mod splitmap::")?;
        (!path.starts_with("guide")).then(|| path.to_owned())
    };
    let modules: BTreeSet<String> = INTERFACE.lines().filter_map(path).collect();
    assert_eq!(modules, BTreeSet::from(["parallel".into(), "set".into()]));
}

/// The structs and enums of one module of the public interface, as far as their features are on.
fn public_types(module: &str) -> BTreeSet<String> {
    let name = |line: &str| {
        let item = line.strip_prefix("#[non_exhaustive] ").unwrap_or(line);
        let kinds = ["pub struct splitmap::", "pub enum splitmap::"];
        let rest = kinds.iter().find_map(|kind| item.strip_prefix(kind))?;
        let name = rest.strip_prefix(module)?.split(['<', '(', ' ']).next()?;
        (!name.contains("::")).then(|| name.to_owned())
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

/// Maps of one entry print as std's do; what is being changed or taken out says what it is.
#[test]
fn what_is_shown() {
    let mut map = HashMap::from([("one", 1)]);
    let shown = |value: &dyn Debug| format!("{value:?}");
    {
        let view = map.pin();
        assert_eq!(shown(&map), r#"{"one": 1}"#);
        assert_eq!(shown(&view), r#"{"one": 1}"#);
        let mut entries = view.iter();
        assert_eq!(shown(&entries), r#"{"one": 1}"#);
        assert_eq!(shown(&view.keys()), r#"["one"]"#);
        assert_eq!(shown(&view.values().clone()), "[1]");
        entries.next();
        assert_eq!(shown(&entries), "{}", "what is still to come");

        let occupied = r#"Occupied(OccupiedEntry { key: "one", value: 1, .. })"#;
        assert_eq!(shown(&view.entry("one")), occupied);
        let vacant = r#"Vacant(VacantEntry("two"))"#;
        assert_eq!(shown(&view.entry("two")), vacant);
        let modified = view.entry("one").and_modify(|value| value + 1);
        assert_eq!(shown(&modified), "Modified(2)");
        let absent = view.entry("two").and_modify(|value| value + 1);
        assert_eq!(shown(&absent), r#"Modified("two")"#);
        let many = view.get_many(["one"]);
        assert_eq!(shown(&many), "GetMany { .. }");
    }
    assert_eq!(shown(&map.guard()), "LocalGuard { .. }");
    assert_eq!(shown(&map.owned_guard()), "OwnedGuard { .. }");
    let hasher = std::hash::BuildHasher::build_hasher(&DefaultHashBuilder::default());
    assert_eq!(shown(&hasher), "DefaultHasher { .. }");
    assert_eq!(shown(&map.iter_mut()), "IterMut { .. }");
    assert_eq!(shown(&map.values_mut()), "ValuesMut { .. }");
    assert_eq!(shown(&map.drain()), "Drain { len: 1, .. }");
    assert_eq!(shown(&map.into_iter()), "IntoIter { len: 0, .. }");
}
