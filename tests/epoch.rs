//! The suites on the default back end, `Epoch`.

mod hashers;
mod poison;

type R = splitmap::Epoch;

/// Whether a destructor's panic in a late `drop` reaches the caller.
const LATE_PANICS_COME_OUT: bool = true;

/// Whether a guard of another map is refused.
const GUARDS_ARE_OF_ONE_MAP: bool = false;

macro_rules! pin_owned {
    ($map:expr) => {
        $map.pin_owned()
    };
}

#[path = "suites/sendable.rs"]
mod sendable;
#[path = "suites/set_constructors.rs"]
mod set_constructors;
mod suites;
