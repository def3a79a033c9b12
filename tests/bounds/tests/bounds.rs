//! Guarantees E and H, as the compiler keeps them: what must not compile does not.
//!
//! A guard cannot outlive its map, nor a reference its guard or its map; a guard of a thread stays
//! there, and an owned one goes where it likes; entries are shared between threads only if their
//! types allow it, and what they borrow outlives the map; a map is invariant in its keys and values,
//! and what changes its values in place has it alone; and with the back end `Crossbeam` nothing goes
//! in that is borrowed, or bound to a thread.
//!
//! Each case in `fail` has a twin of the same name in `pass` that differs in the
//! point at issue alone, and compiles and runs: the case fails for the reason that it names. The
//! cases in `crossbeam` are about that back end.
//!
//! What the compiler says is compared word for word, so that a message that stops being readable is
//! noticed. It was recorded with [`RECORDED_WITH`]; other toolchains skip those cases and say so.
//! To record anew: `TRYBUILD=overwrite cargo test` in this package.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;

use splitmap::{
    Crossbeam, DefaultHashBuilder, Epoch, HashMap, HashMapBuilder, HashMapRef, HashSet, Iter,
    IterMut, Keys, LocalGuard, OccupiedError, OwnedGuard, PinnedArc, Ref, RefIter, Seize,
    SetRefIter, Values, ValuesMut,
};

/// The beginning of what `rustc --version` says.
const RECORDED_WITH: &str = "rustc 1.95.";

fn toolchain() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output();
    let output = output.expect("the compiler that built this test can be asked for its version");
    String::from_utf8(output.stdout).expect("a version is text")
}

/// The names of all cases in a folder.
fn cases(folder: &str) -> BTreeSet<OsString> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = path.read_dir().expect("the cases are beside this file");
    files
        .map(|file| file.expect("a folder can be read to its end").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.file_name().expect("a file has a name").to_owned())
        .collect()
}

#[test]
fn what_must_not_compile_does_not() {
    let toolchain = toolchain();
    let trial = trybuild::TestCases::new();
    for folder in [".", "crossbeam"] {
        let fail = cases(&format!("{folder}/fail"));
        assert!(!fail.is_empty());
        assert_eq!(
            fail,
            cases(&format!("{folder}/pass")),
            "each case has a twin"
        );

        trial.pass(format!("{folder}/pass/*.rs"));
        if toolchain.starts_with(RECORDED_WITH) {
            trial.compile_fail(format!("{folder}/fail/*.rs"));
        } else {
            eprintln!(
                "SKIPPED: {} compile-fail cases, recorded with {RECORDED_WITH}x; this is {toolchain}",
                fail.len()
            );
        }
    }
}

/// Answers whether a type implements a trait, on any toolchain: the inherent method is found first
/// if its bound holds.
macro_rules! implements {
    ($type:ty: $trait:path) => {{
        struct Asked<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code, reason = "which of the two answers is the question")]
        trait Otherwise {
            fn answer(&self) -> bool {
                false
            }
        }
        impl<T: ?Sized> Otherwise for Asked<T> {}
        #[allow(dead_code, reason = "which of the two answers is the question")]
        impl<T: ?Sized + $trait> Asked<T> {
            fn answer(&self) -> bool {
                true
            }
        }
        Asked::<$type>(std::marker::PhantomData).answer()
    }};
}

#[test]
fn the_question_is_answered_both_ways() {
    assert!(implements!(u64: Send) && implements!(str: Sync));
    assert!(!implements!(*const u64: Send) && !implements!(Cell<u64>: Sync));
}

#[test]
fn maps_are_as_free_as_their_entries() {
    assert!(implements!(HashMap<u64, String>: Send));
    assert!(implements!(HashMap<u64, String>: Sync));
    assert!(implements!(HashMap<String, AtomicU64>: Sync));
    assert!(implements!(HashMap<String, AtomicU64, DefaultHashBuilder, Crossbeam>: Sync));
    assert!(implements!(HashMap<String, AtomicU64, DefaultHashBuilder, Seize>: Sync));
    assert!(implements!(HashSet<String>: Send));
    assert!(implements!(HashSet<String>: Sync));
    assert!(!implements!(HashSet<Cell<u8>>: Sync));
    assert!(!implements!(HashSet<Rc<u8>>: Send));
    assert!(implements!(HashMapBuilder<u64, String>: Send));
    assert!(implements!(HashMapBuilder<u64, String>: Sync));

    // A map of cells may move to another thread, but not be in two.
    assert!(implements!(HashMap<u64, Cell<u8>>: Send));
    assert!(!implements!(HashMap<u64, Cell<u8>>: Sync));

    // One of entries that are bound to a thread is bound to it too.
    assert!(!implements!(HashMap<u64, Rc<u8>>: Send));
    assert!(!implements!(HashMap<u64, Rc<u8>>: Sync));
    assert!(!implements!(HashMap<Rc<u8>, u64>: Send));
    assert!(!implements!(HashMap<Rc<u8>, u64>: Sync));
    {
        assert!(!implements!(HashMap<u64, Rc<u8>, DefaultHashBuilder, Seize>: Send));
        assert!(!implements!(HashMap<Rc<u8>, u64, DefaultHashBuilder, Seize>: Sync));
    }

    // A hasher of one thread keeps its map there.
    struct Local(*const u8);
    assert!(!implements!(HashMap<u64, u64, Local>: Send));
    assert!(!implements!(HashMap<u64, u64, Local>: Sync));
    assert!(Local(std::ptr::null()).0.is_null());
}

#[test]
fn guards_and_views_stay_on_their_thread() {
    assert!(!implements!(LocalGuard<'static>: Send));
    assert!(!implements!(LocalGuard<'static>: Sync));
    {
        assert!(!implements!(LocalGuard<'static, Crossbeam>: Send));
        assert!(!implements!(LocalGuard<'static, Crossbeam>: Sync));
    }
    {
        assert!(!implements!(LocalGuard<'static, Seize>: Send));
        assert!(!implements!(LocalGuard<'static, Seize>: Sync));
    }
    assert!(!implements!(HashMapRef<'static, u64, u64>: Send));
    assert!(!implements!(HashMapRef<'static, u64, u64>: Sync));
    assert!(!implements!(View<u64, u64, &'static LocalGuard<'static>>: Send));
}

/// A view with a guard of this type.
type View<K, V, G> = HashMapRef<'static, K, V, DefaultHashBuilder, Epoch, G>;

#[test]
fn owned_guards_go_anywhere_and_their_views_where_the_map_may_be_shared() {
    type Owned = OwnedGuard<'static>;
    assert!(implements!(Owned: Send));
    assert!(implements!(Owned: Sync));
    assert!(implements!(View<u64, String, Owned>: Send));
    assert!(implements!(View<u64, String, Owned>: Sync));
    assert!(implements!(View<u64, String, &'static Owned>: Send));

    assert!(!implements!(View<u64, Cell<u8>, Owned>: Send));
    assert!(!implements!(View<u64, Cell<u8>, Owned>: Sync));
    assert!(!implements!(View<Rc<u8>, u64, Owned>: Send));
    assert!(!implements!(View<Rc<u8>, u64, Owned>: Sync));

    {
        assert!(implements!(OwnedGuard<'static, Seize>: Send));
        assert!(implements!(OwnedGuard<'static, Seize>: Sync));
    }
}

#[test]
fn what_owns_a_guard_goes_where_that_and_the_target_may() {
    type Owned = OwnedGuard<'static>;
    type Shared = PinnedArc<HashMap<u64, String>>;
    assert!(implements!(Ref<'static, str, Owned>: Send));
    assert!(implements!(Ref<'static, str, Owned>: Sync));
    assert!(implements!(Ref<'static, str, Shared>: Send));
    assert!(implements!(RefIter<'static, u64, String, Owned>: Send));
    assert!(implements!(SetRefIter<'static, u64, Owned>: Send));
    assert!(implements!(Shared: Send) && implements!(Shared: Sync));

    assert!(!implements!(Ref<'static, Cell<u8>, Owned>: Send));
    assert!(!implements!(Ref<'static, Cell<u8>, Owned>: Sync));
    assert!(!implements!(Ref<'static, u64>: Send));
    assert!(!implements!(Ref<'static, u64>: Sync));
    assert!(!implements!(RefIter<'static, u64, String>: Send));
    assert!(!implements!(RefIter<'static, u64, Cell<u8>, Owned>: Send));
    assert!(!implements!(RefIter<'static, Cell<u8>, u64, Owned>: Sync));
    assert!(!implements!(PinnedArc<HashMap<u64, Cell<u8>>>: Send));
    assert!(!implements!(PinnedArc<HashMap<u64, Cell<u8>>>: Sync));
}

#[test]
fn an_error_may_go_where_its_parts_may() {
    assert!(implements!(OccupiedError<'static, u64, String>: Send));
    assert!(implements!(OccupiedError<'static, u64, String>: Sync));
    assert!(!implements!(OccupiedError<'static, u64, Cell<u8>>: Send));
}

/// An iterator that moved would read while its guard's thread ends the guard: it must not outrun
/// it. As the borrow forbids that, `Send` is sound, but only if the entries may be shared.
#[test]
fn iterators_are_never_freer_than_references() {
    assert!(!implements!(Iter<'static, u64, Cell<u8>>: Send));
    // With an owned guard an iteration may go on on another thread.
    assert!(implements!(Iter<'static, u64, String>: Send));
    assert!(implements!(Iter<'static, u64, String>: Sync));
    assert!(!implements!(Iter<'static, Rc<u8>, u64>: Send));
    assert!(!implements!(Keys<'static, Cell<u8>, u8>: Send));
    assert!(!implements!(Values<'static, u64, Cell<u8>>: Send));
    {
        use splitmap::parallel::{IntoParIter, ParIter, ParIterMut, ParKeys, ParSetIter};

        assert!(implements!(ParIter<'static, u64, String>: Send));
        assert!(!implements!(ParIter<'static, u64, Cell<u8>>: Send));
        assert!(!implements!(ParKeys<'static, u64, Cell<u8>>: Send));
        assert!(!implements!(ParIter<'static, Rc<u8>, u64>: Sync));
        assert!(!implements!(ParSetIter<'static, Cell<u8>>: Send));
        assert!(implements!(ParIterMut<'static, u64, Cell<u8>>: Send));
        assert!(!implements!(ParIterMut<'static, u64, Rc<u8>>: Send));
        assert!(implements!(IntoParIter<u64, Cell<u8>>: Send));
        assert!(!implements!(IntoParIter<Rc<u8>, u64>: Send));
    }
}

/// One that changes values has its entries to itself, as a mutable reference has.
#[test]
fn iterators_that_change_values_are_as_free_as_mutable_references() {
    assert!(implements!(IterMut<'static, Cell<u8>, Cell<u8>>: Send));
    assert!(implements!(ValuesMut<'static, Cell<u8>, Cell<u8>>: Send));
    assert!(implements!(IterMut<'static, u64, String>: Sync));
    assert!(!implements!(IterMut<'static, u64, Rc<u8>>: Send));
    assert!(!implements!(IterMut<'static, Rc<u8>, u64>: Send));
    assert!(!implements!(ValuesMut<'static, u64, Rc<u8>>: Send));
    assert!(!implements!(IterMut<'static, u64, Cell<u8>>: Sync));
    assert!(!implements!(IterMut<'static, Cell<u8>, u64>: Sync));
}

/// Guarantee G in types: a map may be used after a panic went past it.
#[test]
fn maps_may_be_used_after_a_panic() {
    assert!(implements!(HashMap<u64, String>: UnwindSafe));
    assert!(implements!(HashMap<u64, String>: RefUnwindSafe));
    {
        type OnCrossbeam = HashMap<u64, String, DefaultHashBuilder, Crossbeam>;
        assert!(implements!(OnCrossbeam: UnwindSafe));
        assert!(implements!(OnCrossbeam: RefUnwindSafe));
    }
    {
        type OnSeize = HashMap<u64, String, DefaultHashBuilder, Seize>;
        assert!(implements!(OnSeize: UnwindSafe));
        assert!(implements!(OnSeize: RefUnwindSafe));
    }
}
