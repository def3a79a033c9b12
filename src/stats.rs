//! What a map knows about its reclamation: a snapshot for monitoring.

#![forbid(unsafe_code)]

use std::time::SystemTime;

/// What a map knows about its reclamation: [`HashMap::stats`](crate::HashMap::stats).
///
/// A field is `None` where the back end does not know. Every number is read at its own instant.
///
/// What to look for: a guard that is held too long shows as a `blocked_since` that stays the same
/// from call to call, while `pending` grows with every removal and replacement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Objects of this map that were removed or replaced and are not freed yet: entries, and now
    /// and then a part of its table.
    pub pending: Option<usize>,
    /// The bytes of those, without what keys and values own elsewhere.
    pub pending_bytes: Option<usize>,
    /// How often the epoch could not advance since it last did. Of the process, not of this map.
    pub blocked_advances: Option<usize>,
    /// When the first of those attempts was, by the system's clock. Of the process, not of this
    /// map.
    pub blocked_since: Option<SystemTime>,
    /// The threads that are pinned now, and the owned guards: of the process, not of this map.
    pub pinned: Option<usize>,
    /// About the most threads and owned guards that there ever were at a time, pinned or not, and
    /// not fewer. Of the process, not of this map.
    pub participants: Option<usize>,
}
