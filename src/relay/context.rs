//! What an attempt at an invitation works with; all of them share it.
//! Knows nothing of how invitations are taken in, nor of how they end.

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use super::decide::lookalike_index::LookalikeIndex;
use super::deliver::archive_hint::ArchiveHint;
use super::deliver::passed_to_rooms::PassedToRooms;
use super::fan_out::places::Places;
use super::limits::Limits;
use super::metrics::Metrics;
use super::settle::early_bounces::EarlyBounces;
use crate::config::Live;
use crate::contacts::Contacts;
use crate::journal::Journal;
use crate::link::{Epoch, Link, Lost};
use crate::model::Id;
use crate::rooms::Rooms;

/// What all attempts share.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) config: Live,
    pub(crate) link: Link,
    pub(crate) journal: Journal,
    pub(crate) rooms: Rooms,
    pub(crate) contacts: Contacts,
    pub(crate) archive_hint: ArchiveHint,
    pub(crate) lookalikes: LookalikeIndex,
    pub(crate) limits: ArcSwap<Limits>,
    pub(crate) early_bounces: EarlyBounces,
    pub(crate) passed_to_rooms: PassedToRooms,
    pub(crate) metrics: Metrics,
    pub(crate) places: Places,
    /// Cancelled when the relay stops: nothing is begun any more.
    pub(crate) stopping: CancellationToken,
}

/// What was found out on a connection that has ended means nothing: less may be granted on the next one.
///
/// # Errors
/// It is not this connection any more.
pub(super) fn still_connected(cx: &Context, on: Epoch) -> Result<(), Lost> {
    if cx.link.epoch()? == on { Ok(()) } else { Err(Lost) }
}

impl Context {
    /// The id of the message that a direct invitation is sent in, again and again if need be.
    pub(super) fn message_id(&self, id: Id) -> String {
        message_id(self.journal.instance(), id)
    }

    /// The invitation whose message has this id, if it can be one of this journal.
    pub(super) fn invitation_of(&self, message_id: &str) -> Option<Id> {
        invitation_id(self.journal.instance(), message_id)
    }
}

fn message_id(instance: &str, id: Id) -> String {
    format!("{instance}-{id}")
}

/// Undoes [`message_id`].
fn invitation_id(instance: &str, message_id: &str) -> Option<Id> {
    message_id.strip_prefix(instance)?.strip_prefix('-')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_ids_are_this_journals_own() {
        let id = message_id("0123abcd", 42);
        assert_eq!(invitation_id("0123abcd", &id), Some(42));
        for strange in ["", "0123abcd", "0123abcd-", "0123abcd-x", "ffff0000-42", "0123abcd42"] {
            assert_eq!(invitation_id("0123abcd", strange), None, "{strange}");
        }
    }
}
