//! A guard of another map, whichever kind of guard it is.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::GUARDS_ARE_OF_ONE_MAP;

/// Calls under such a guard are refused, or it protects here too: then each finds 1.
pub fn assert_protects_or_is_refused(calls: &[&dyn Fn() -> Option<u64>]) {
    for call in calls {
        let answer = catch_unwind(AssertUnwindSafe(call));
        if GUARDS_ARE_OF_ONE_MAP {
            let panic = answer.expect_err("refused");
            let message = panic.downcast_ref::<String>().expect("a message");
            assert!(message.contains("belongs to another map"), "{message}");
        } else {
            assert_eq!(answer.expect("protects"), Some(1));
        }
    }
}
