//! Guarantees E and H, as the compiler keeps them: what must not compile does not.
//!
//! A guard cannot outlive its map, nor a reference its guard; a guard stays on its thread; entries
//! are shared between threads only if their types allow it; with the back end `Crossbeam` nothing
//! borrowed goes in; and a map is invariant in its keys and values.
//!
//! Each case in `bounds/fail` has a twin of the same name in `bounds/pass` that differs in the
//! point at issue alone, and compiles and runs: the case fails for the reason that it names.
//!
//! What the compiler says is compared word for word, so that a message that stops being readable is
//! noticed. It was recorded with [`RECORDED_WITH`]; other toolchains skip those cases and say so.
//! To record anew: `TRYBUILD=overwrite cargo test --test bounds`.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicU64;

use splitmap::{
    Crossbeam, DefaultHashBuilder, HashMap, HashMapBuilder, HashMapRef, Iter, Keys, LocalGuard,
    OccupiedError, Values,
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
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/bounds")
        .join(folder);
    let files = path.read_dir().expect("the cases are beside this file");
    files
        .map(|file| file.expect("a folder can be read to its end").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.file_name().expect("a file has a name").to_owned())
        .collect()
}

#[test]
fn what_must_not_compile_does_not() {
    let fail = cases("fail");
    assert!(!fail.is_empty());
    assert_eq!(fail, cases("pass"), "each case has a twin");

    let cases = trybuild::TestCases::new();
    cases.pass("tests/bounds/pass/*.rs");
    let toolchain = toolchain();
    if toolchain.starts_with(RECORDED_WITH) {
        cases.compile_fail("tests/bounds/fail/*.rs");
    } else {
        eprintln!(
            "SKIPPED: {} compile-fail cases, recorded with {RECORDED_WITH}x; this is {toolchain}",
            fail.len()
        );
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
    assert!(implements!(HashMap<String, AtomicU64, DefaultHashBuilder, Crossbeam>: Sync));
    assert!(implements!(HashMapBuilder<u64, String>: Send));
    assert!(implements!(HashMapBuilder<u64, String>: Sync));

    // A map of cells may move to another thread, but not be in two.
    assert!(implements!(HashMap<u64, Cell<u8>>: Send));
    assert!(!implements!(HashMap<u64, Cell<u8>>: Sync));

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
    assert!(!implements!(HashMapRef<'static, u64, u64>: Send));
    assert!(!implements!(HashMapRef<'static, u64, u64>: Sync));
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
    assert!(!implements!(Keys<'static, Cell<u8>, u8>: Send));
    assert!(!implements!(Values<'static, u64, Cell<u8>>: Send));
}

/// Guarantee G in types: a map may be used after a panic went past it.
#[test]
fn maps_may_be_used_after_a_panic() {
    assert!(implements!(HashMap<u64, String>: UnwindSafe));
    assert!(implements!(HashMap<u64, String>: RefUnwindSafe));
}
