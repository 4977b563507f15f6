//! Direct invitations that come back after the server had confirmed them: from another server, or from the contact's own
//! client. Knows nothing of those that come back before, which are the link's business.

use tracing::debug;

pub(in crate::relay) use super::early_bounces::Bounce;
use super::notify::notify;
use super::report::report;
use super::words;
use crate::journal::Closed;
use crate::model::{Outcome, Pending, Reason, State};
use crate::relay::context::Context;
use crate::relay::deliver::membership;

/// Writes a bounce down. Returns the invitation if it was a relayed one, to be [`undone`](undo).
///
/// # Errors
/// The journal is closed.
pub(in crate::relay) async fn came_back(cx: &Context, bounce: Bounce) -> Result<Option<Pending>, Closed> {
    // In this order, so that either the journal has it as relayed by now or settling it finds this.
    cx.early_bounces.insert(bounce.clone());
    let reason = Some(Reason::Bounced);
    let outcome = Outcome { id: bounce.id, state: State::Failed, reason, inviter: None, sent_as: None };
    let bounced = cx.journal.bounce(outcome.clone(), &bounce.contact, &bounce.sent_as).await?;
    if let Some(bounced) = &bounced {
        cx.early_bounces.remove(&bounce);
        report(cx, &outcome, &bounced.arrival, None);
    }
    Ok(bounced)
}

/// An invitation has just been settled as relayed: undoes it if this bounce of it has come already.
///
/// # Errors
/// The journal is closed.
pub(super) async fn relayed(cx: &Context, bounce: Bounce) -> Result<(), Closed> {
    if cx.early_bounces.contains(&bounce)
        && let Some(bounced) = came_back(cx, bounce).await?
    {
        undo(cx, bounced).await;
    }
    Ok(())
}

/// Takes back what was done for an invitation, and tells the inviter.
pub(in crate::relay) async fn undo(cx: &Context, bounced: Pending) {
    // For the journal it is over: if it is not done now nobody will.
    while bounced.added
        && cx.link.up().await
        && membership::take_back(cx, &bounced.arrival, None).await.is_err()
    {
        debug!(id = bounced.id, "interrupted");
    }
    // Told or not, it has failed.
    let _ = notify(cx, &bounced, &words::for_inviter(Reason::Bounced)).await;
}
