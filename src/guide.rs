//! The guide: how to use the map, and what to expect from it.
//!
//! | page | answers |
//! |---|---|
//! | [`guards`] | which guard, for how long, and what it costs |
//! | [`consistency`] | what an operation promises while others write; changes that depend on what is there |
//! | [`ownership`] | how to get a value and not a reference |
//! | [`async_code`] | guards and `.await`; single flight |
//! | [`memory`] | when memory comes back, and what keeps it |
//! | [`performance`] | what is fast, what is not, and what to do about it |
//! | [`limits`] | what the map cannot do |
//! | [`coming_from`] | each method of DashMap, papaya, flurry and `RwLock<HashMap>`, beside its counterpart here |
//! | [`guarantees`] | each promise in full, by letter, with its limits and tests |

#![forbid(unsafe_code)]

#[doc = include_str!("guide/guards.md")]
pub mod guards {}

#[doc = include_str!("guide/consistency.md")]
pub mod consistency {}

#[doc = include_str!("guide/ownership.md")]
pub mod ownership {}

#[doc = include_str!("guide/async_code.md")]
pub mod async_code {}

#[doc = include_str!("guide/memory.md")]
pub mod memory {}

#[doc = include_str!("guide/performance.md")]
pub mod performance {}

#[doc = include_str!("guide/limits.md")]
pub mod limits {}

#[doc = include_str!("../docs/COMING-FROM.md")]
pub mod coming_from {}

#[doc = include_str!("../docs/GUARANTEES.md")]
pub mod guarantees {}
