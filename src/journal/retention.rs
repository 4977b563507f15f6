//! How long the journal keeps things. Knows nothing of how they are deleted.

use std::time::Duration;

/// A day in ms: a time of last use is written at most once in this time.
pub(super) const DAY_MS: i64 = 24 * 3600 * 1000;

/// How long things are kept.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// `relay.window`: repetitions of an invitation collapse in this time.
    pub window: Duration,
    /// `journal.retention`: how long `history` goes back.
    pub retention: Duration,
}
