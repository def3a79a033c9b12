//! Guarantees C and H, seen by one thread: every operation answers as `std::collections::HashMap`
//! does.
//!
//! A proptest state machine. The reference is std's map and applies a step to it; the test applies
//! the same step to a splitmap and compares the answers, then the whole content. Steps cover every
//! operation, through a guard, a pinned view and an owned one, singly and several under one guard;
//! hashers of any quality; key spaces from one key to thousands, so that a table grows several
//! times and shrinks again; tables of any first capacity.
//!
//! What std's map has no answer to is compared with what the operation promises: a scan that goes on
//! while the others are at work yields once what was there throughout, and the table is as wide as
//! was asked for at least, and not wider than that and its entries ask for after whatever shrinks it.
//!
//! Every value carries a number that is never used twice, and so does every key beside what makes
//! it equal. A stale value, a value of another key or a rejected key that comes back changed is
//! therefore seen. What a guard protects is read again when the steps under it are over: a
//! reference must still say what it said, whatever happened to its entry since (guarantee E).
//!
//! `PROPTEST_CASES` sets how many programs are tried. A failure leaves its seed in
//! `tests/suites/oracle.regressions`, which is to be committed.

#![allow(clippy::duplicate_mod, reason = "a suite runs on each back end")]

mod hashers;

#[path = "suites"]
mod epoch {
    type R = splitmap::Epoch;
    macro_rules! pin_owned {
        ($map:expr) => {
            $map.pin_owned()
        };
    }
    mod maps;
    mod oracle;
}

#[cfg(feature = "crossbeam-epoch")]
#[path = "suites"]
mod crossbeam {
    type R = splitmap::Crossbeam;
    // It has none.
    macro_rules! pin_owned {
        ($map:expr) => {
            $map.pin()
        };
    }
    mod maps;
    mod oracle;
}

#[cfg(feature = "seize")]
#[path = "suites"]
mod seize {
    type R = splitmap::Seize;
    macro_rules! pin_owned {
        ($map:expr) => {
            $map.pin_owned()
        };
    }
    mod maps;
    mod oracle;
}
