//! What the comparison computes from its measurements. It needs no other package, so that its tests
//! are quick to build.

pub mod statistics;
