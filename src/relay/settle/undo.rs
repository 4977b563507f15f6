//! Undoes what an invitation has led to that the journal has as ended already. Knows nothing of why it has ended.

use tracing::debug;

use super::notify::notify;
use super::words::Told;
use crate::model::Pending;
use crate::relay::context::Context;
use crate::relay::deliver::membership;

/// Removes the membership that came with an invitation, if one did, and tells the inviter, if there is something to tell.
pub(in crate::relay) async fn undo(cx: &Context, ended: &Pending, told: Option<&Told>) {
    // A later start would not do this, so it waits for the link. Modules tell of bounces before the link is up.
    while cx.link.up().await {
        let taken_back = !ended.added || membership::take_back(cx, ended, None).await.is_ok();
        let told = async {
            match told {
                Some(told) => notify(cx, ended, None, told).await.is_ok(),
                None => true,
            }
        };
        if taken_back && told.await {
            return;
        }
        debug!(id = ended.id, "interrupted");
    }
}
