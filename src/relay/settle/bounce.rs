//! Direct invitations that come back after the server had confirmed them: from another server, or from the contact's own
//! client; to the relay itself, or to the inviter, of which the server's module tells. Knows nothing of those that come back before: the link handles them.

pub(in crate::relay) use super::early_bounces::Bounce;
use super::report::report;
use super::words;
use crate::journal::JournalClosed;
use crate::model::{Outcome, Pending, Reason, State};
use crate::relay::context::Context;

/// Records a bounce in the journal. Returns the invitation if it was a relayed one, to be [`undone`](undo).
///
/// # Errors
/// [`JournalClosed`]: the journal is closed.
pub(in crate::relay) async fn came_back(
    cx: &Context,
    bounce: Bounce,
) -> Result<Option<Pending>, JournalClosed> {
    // In this order: if the journal does not have it as relayed yet, `relayed` will find the bounce.
    cx.early_bounces.insert(bounce.clone());
    let reason = Some(Reason::Bounced);
    let outcome = Outcome { id: bounce.id, state: State::Failed, reason, inviter: None, sent_as: None };
    let bounced = cx.journal.bounce(outcome.clone(), &bounce.contact, &bounce.sent_as).await?;
    if let Some(bounced) = &bounced {
        cx.early_bounces.remove(&bounce);
        report(cx, &outcome, &bounced.arrival, None);
        if let Some(fan_out) = bounced.arrival.parent {
            cx.bounced_parts.one_more(fan_out);
        }
    }
    Ok(bounced)
}

/// Undoes an invitation that has just been settled as relayed, if its bounce came before that.
///
/// # Errors
/// [`JournalClosed`]: the journal is closed.
pub(super) async fn relayed(cx: &Context, bounce: Bounce) -> Result<(), JournalClosed> {
    if cx.early_bounces.contains(&bounce)
        && let Some(bounced) = came_back(cx, bounce).await?
    {
        undo(cx, bounced).await;
    }
    Ok(())
}

/// Removes a membership that was added for a bounced invitation, and tells the inviter; and others as well, whose own went no
/// further because the contact had this one.
pub(in crate::relay) async fn undo(cx: &Context, bounced: Pending) {
    let told = words::for_inviter(Reason::Bounced);
    super::undo::undo(cx, &bounced, Some(&told)).await;
    for held_back in cx.held_back.by(&bounced) {
        super::undo::undo(cx, &held_back, Some(&told)).await;
    }
}
