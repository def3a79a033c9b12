//! Maps on the back end under test.

#![allow(dead_code, reason = "each suite uses the part that it needs")]

use splitmap::{DefaultHashBuilder, HashMapBuilder};

use super::R;

pub type HashMap<K, V, S = DefaultHashBuilder> = splitmap::HashMap<K, V, S, R>;

/// A builder of such maps. (The constructors by name are for the default back end: their tests are
/// in `tests/empty.rs`.)
pub fn builder<K, V>() -> HashMapBuilder<K, V, DefaultHashBuilder, R> {
    splitmap::HashMap::builder().reclaimer()
}
