//! How long the journal keeps things. Knows nothing of what they are.

use std::time::Duration;

/// What was seen is not written again on the same day: ms.
pub(super) const DAY_MS: i64 = 24 * 3600 * 1000;

/// How long things are kept.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// `relay.window`: one invitation per contact and room in this time.
    pub window: Duration,
    /// `journal.retention`: how long `history` goes back.
    pub retention: Duration,
}
