//! The suites on the back end `Seize`.

mod hashers;
mod poison;

type R = splitmap::Seize;

/// Whether a destructor's panic in a late `drop` reaches the caller.
const LATE_PANICS_COME_OUT: bool = false;

/// Whether a guard of another map is refused.
const GUARDS_ARE_OF_ONE_MAP: bool = true;

macro_rules! pin_owned {
    ($map:expr) => {
        $map.pin_owned()
    };
}

#[path = "suites/sendable.rs"]
mod sendable;
mod suites;
