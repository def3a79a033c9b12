//! Nothing: all that this package has is in its tests.
