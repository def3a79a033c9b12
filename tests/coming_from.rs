//! `docs/COMING-FROM.md`, row by row: the code on the left runs on the map that it is of, and the code
//! on the right on ours. Both have to give the same answer and leave the same entries.
//!
//! And the tables of the document have these rows, no more and no less.

/// Runs rows, and gives them as text. `map` is the name that the code has for its map; each row has
/// new ones. If the left one answers `()`, the right one may answer anything. Maps that are `given` to
/// the code are not looked at afterwards.
macro_rules! rows {
    ($map:ident = $old_map:expr, $new_map:expr; $($old:expr => $new:expr;)*) => {
        vec![$({
            #[allow(unused_mut)]
            let mut $map = $old_map;
            let old = $crate::answer::answer(&$old);
            let old = (old, $crate::answer::answer(&$map));
            let shared = $crate::Ours::ours();
            #[allow(unused_mut)]
            let mut $map = $new_map(&shared);
            let new = $crate::answer::answer(&$new);
            let new = (new, $crate::answer::answer(&$map));
            $crate::row(stringify!($old), stringify!($new), old, new)
        }),*]
    };
    (given $map:ident = $old_map:expr; $($old:expr => $new:expr;)*) => {
        vec![$({
            let old = {
                #[allow(unused_mut, unused_variables)]
                let mut $map = $old_map;
                $crate::answer::answer(&$old)
            };
            let new = {
                #[allow(unused_mut, unused_variables)]
                let mut $map = <$crate::Map as $crate::Ours>::ours();
                $crate::answer::answer(&$new)
            };
            let none = String::new;
            $crate::row(stringify!($old), stringify!($new), (old, none()), (new, none()))
        }),*]
    };
}

#[path = "coming_from/answer.rs"]
mod answer;
#[path = "coming_from/from_dashmap.rs"]
mod from_dashmap;
#[path = "coming_from/from_flurry.rs"]
mod from_flurry;
#[path = "coming_from/from_papaya.rs"]
mod from_papaya;
#[path = "coming_from/from_sets.rs"]
mod from_sets;
#[path = "coming_from/from_std.rs"]
mod from_std;

use std::collections::BTreeSet;

type Map = splitmap::HashMap<&'static str, u32>;
type Set = splitmap::HashSet<&'static str>;

const DOCUMENT: &str = include_str!("../docs/COMING-FROM.md");

/// What every map has at first.
const ENTRIES: [(&str, u32); 2] = [("a", 1), ("b", 2)];

/// And every set.
const VALUES: [&str; 2] = ["a", "b"];

/// A map or a set of ours, as it is at first.
trait Ours {
    fn ours() -> Self;
}

impl Ours for Map {
    fn ours() -> Self {
        Map::from(ENTRIES)
    }
}

impl Ours for Set {
    fn ours() -> Self {
        Set::from(VALUES)
    }
}

/// The right side's `map` under a guard.
fn pinned(map: &Map) -> splitmap::HashMapRef<'_, &'static str, u32> {
    map.pin()
}

/// The right side's `map` where it is the map itself.
fn itself(map: &Map) -> Map {
    map.clone()
}

fn set_pinned(set: &Set) -> splitmap::HashSetRef<'_, &'static str> {
    set.pin()
}

fn set_itself(set: &Set) -> Set {
    set.clone()
}

/// The code on the left and on the right, without white space.
type Row = (String, String);

/// The row, if both sides have given the same. An answer goes with the entries there are afterwards.
fn row(old_code: &str, new_code: &str, old: (String, String), new: (String, String)) -> Row {
    if old.0 != "()" {
        assert_eq!(old.0, new.0, "answers of {old_code} and {new_code}");
    }
    assert_eq!(old.1, new.1, "entries after {old_code} and {new_code}");
    (plain(old_code), plain(new_code))
}

/// Code without what formatting adds.
fn plain(code: &str) -> String {
    let code: String = code.split_whitespace().collect();
    code.replace(",)", ")").replace(",}", "}")
}

/// The rows of the document's section with this title: what stands as code, and as nothing else, in
/// the first two cells. Tables with other cells are no vocabulary.
fn documented(title: &str) -> BTreeSet<Row> {
    let heading = format!("\n## {title}\n");
    let (_, section) = DOCUMENT.split_once(&heading).expect("a section");
    let section = section.split("\n## ").next().expect("a beginning");
    let code = |cell: &str| {
        let cell = cell.trim().strip_prefix('`')?.strip_suffix('`')?;
        (!cell.contains('`')).then(|| plain(&cell.replace("\\|", "|")))
    };
    let row = |line: &str| {
        // A bar within code is escaped.
        let line = line.strip_prefix('|')?.replace("\\|", "\0");
        let mut cells = line.split('|').map(|cell| cell.replace('\0', "|"));
        Some((code(&cells.next()?)?, code(&cells.next()?)?))
    };
    section.lines().filter_map(row).collect()
}

fn check(title: &str, rows: Vec<Row>) {
    let (count, rows) = (rows.len(), BTreeSet::from_iter(rows));
    assert_eq!(count, rows.len(), "a row is there twice");
    let documented = documented(title);
    let only = |a: &BTreeSet<Row>, b: &BTreeSet<Row>| a.difference(b).cloned().collect::<Vec<_>>();
    assert_eq!(only(&documented, &rows), [], "only in the document");
    assert_eq!(only(&rows, &documented), [], "only in the test");
}

#[test]
fn from_dashmap() {
    check("From DashMap", from_dashmap::rows());
}

#[test]
fn from_papaya() {
    check("From papaya", from_papaya::rows());
}

#[test]
fn from_flurry() {
    check("From flurry", from_flurry::rows());
}

#[test]
fn from_std() {
    check("From `RwLock<HashMap>`", from_std::rows());
}

#[test]
fn from_sets() {
    check("From DashSet", from_sets::from_dashset());
    check("From papaya's HashSet", from_sets::from_papaya());
    check("From flurry's HashSet", from_sets::from_flurry());
    check("From `RwLock<HashSet>`", from_sets::from_std());
}
