//! The time of day. In unit tests it follows tokio's clock, which a test can stop and advance, so that what is told by the
//! time of day and what waits for a while go together. Knows nothing of who asks.

use chrono::{DateTime, Utc};

/// The time of day.
#[cfg(not(test))]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

/// The time of day, as far as tokio's clock has come.
#[cfg(test)]
pub(crate) fn now() -> DateTime<Utc> {
    use std::sync::LazyLock;
    use std::time::Instant;

    static BEGAN: LazyLock<(Instant, DateTime<Utc>)> = LazyLock::new(|| (Instant::now(), Utc::now()));
    let (instant, time) = *BEGAN;
    let now = tokio::time::Instant::now().into_std();
    // A clock that was stopped before the first question is behind.
    time + now.saturating_duration_since(instant) - instant.saturating_duration_since(now)
}
