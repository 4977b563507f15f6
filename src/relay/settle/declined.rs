//! Passes a contact's decline on to the inviter, who could not be reached at the relay address that the invitation came
//! from. Knows nothing of how a decline is read.

use tracing::{debug, info};

use super::notify::tell;
use super::words::Told;
use crate::relay::context::Context;
use crate::relay::inbound::declined::Declined;

/// Tells the inviter that the contact has declined. Once for each invitation, and only if the relay has sent it from the very
/// address to that contact, so that nobody can use the relay to send texts to others.
pub(in crate::relay) async fn pass_on(cx: &Context, declined: Declined) {
    let Declined { room, contact, relay_address, reason } = declined;
    let found = cx.journal.decline(room.as_str(), contact.as_str(), relay_address.as_str()).await;
    let Ok(Some(row)) = found else {
        debug!(%room, %contact, "a decline of no invitation, or a second one");
        return;
    };
    info!(id = row.id, %room, %contact, "the contact has declined");
    let told = Told::Declined { reason };
    while cx.link.up().await && tell(cx, &row, None, &told).await.is_err() {
        debug!(id = row.id, "interrupted");
    }
}
