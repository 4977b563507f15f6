//! How soon silence on a connection counts: with others beside it, much sooner. Knows nothing of how silence is noticed.

use std::time::Duration;

use super::ping_barrier::PING_AGAIN_AFTER;

/// How long it takes until something is concluded from silence.
#[derive(Debug)]
pub(super) struct Patience {
    /// How often it is looked at.
    pub(super) interval: Duration,
    /// If nothing came in for this time, a ping is sent.
    pub(super) idle: Duration,
    /// If a ping has no answer for this time, another one is sent: the answer may have gone elsewhere.
    pub(super) again: Duration,
    /// If a ping has no answer for this time and nothing comes in, another connection is used meanwhile, if there is one.
    pub(super) slow: Duration,
    /// If a ping has no answer for this time, the server hangs or the connection is dead.
    pub(super) hangs: Duration,
}

/// With no other connection, nothing is gained by being quick.
const ALONE: Patience = Patience {
    interval: Duration::from_secs(1),
    idle: Duration::from_secs(60),
    again: PING_AGAIN_AFTER,
    slow: Duration::from_secs(2),
    hangs: Duration::from_secs(20),
};

/// With one to each node of a cluster, the others can do the work at once.
const ONE_OF_SEVERAL: Patience = Patience {
    interval: Duration::from_millis(250),
    idle: Duration::from_millis(200),
    again: Duration::from_secs(1),
    slow: Duration::from_millis(700),
    hangs: Duration::from_secs(4),
};

impl Patience {
    /// On a connection that has others beside it, or not.
    pub(super) fn with_others(several: bool) -> Self {
        if several { ONE_OF_SEVERAL } else { ALONE }
    }
}
