//! Direct invitations that come back after the server had confirmed them: from another server, or from the contact's own
//! client. Knows nothing of those that come back before, which are the link's business.

use moka::sync::Cache;
use tracing::debug;

use super::tell::tell;
use super::{Relay, life, membership, words};
use crate::journal::{Closed, Id, Outcome, Pending, Reason, State};

/// How many are kept for invitations that are about to settle. Anybody can send something like a bounce.
const KEPT: u64 = 1024;

/// What came back, and who sent it back to whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Bounce {
    pub(super) id: Id,
    pub(super) contact: String,
    pub(super) sent_as: String,
}

/// Bounces of invitations that the journal does not know as relayed: forged, or quicker than the disk.
#[derive(Debug)]
pub(super) struct Early(Cache<Bounce, ()>);

impl Early {
    pub(super) fn new() -> Self {
        Self(Cache::new(KEPT))
    }
}

/// Writes a bounce down. Returns the invitation if it was a relayed one, to be [`undone`](undo).
pub(super) async fn came_back(relay: &Relay, bounce: Bounce) -> Result<Option<Pending>, Closed> {
    // In this order, so that either the journal has it as relayed by now or whoever settles it finds this.
    relay.early.0.insert(bounce.clone(), ());
    let reason = Some(Reason::Bounced);
    let outcome = Outcome { id: bounce.id, state: State::Failed, reason, inviter: None, sent_as: None };
    let bounced = relay.journal.bounce(outcome.clone(), &bounce.contact, &bounce.sent_as).await?;
    if let Some(bounced) = &bounced {
        relay.early.0.invalidate(&bounce);
        life::report(relay, &outcome, &bounced.arrival, None);
    }
    Ok(bounced)
}

/// An invitation has just settled as relayed: has it come back already?
pub(super) async fn settled(relay: &Relay, bounce: Bounce) -> Result<(), Closed> {
    if relay.early.0.contains_key(&bounce)
        && let Some(bounced) = came_back(relay, bounce).await?
    {
        undo(relay, bounced).await;
    }
    Ok(())
}

/// Takes back what was done for an invitation, and tells the inviter.
pub(super) async fn undo(relay: &Relay, bounced: Pending) {
    // For the journal it is over: if it is not done now nobody will.
    while bounced.added
        && relay.link.up().await
        && membership::take_back(relay, &bounced.arrival, None).await.is_err()
    {
        debug!(id = bounced.id, "interrupted");
    }
    // Told or not, it has failed.
    let _ = tell(relay, &bounced, &words::for_inviter(Reason::Bounced)).await;
}
