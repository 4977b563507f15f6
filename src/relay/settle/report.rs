//! One line in the log, and one count, for each invitation that has ended.
//! Knows nothing of why it ended.

use std::time::Duration;

use tracing::info;

use crate::model::{Arrival, Outcome, Reason};
use crate::relay::context::Context;

/// Logs and counts an outcome. `took` is `None` if the invitation ended before it was admitted.
pub(in crate::relay) fn report(cx: &Context, outcome: &Outcome, arrival: &Arrival, took: Option<Duration>) {
    cx.metrics.ended(arrival.route, outcome.state, outcome.reason, took);
    info!(
        id = outcome.id,
        route = %arrival.route,
        room = arrival.room,
        inviter = outcome.inviter.as_deref().unwrap_or(&arrival.inviter),
        contact = arrival.contact,
        reason = outcome.reason.map(Reason::as_str),
        sent_as = outcome.sent_as,
        ms = took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
        "{}",
        outcome.state,
    );
}
