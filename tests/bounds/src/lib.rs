//! What must not compile: see `tests/bounds.rs`.
