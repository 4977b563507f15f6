//! What all attempts share: configuration, link, journal, caches, limits, metrics.
//! Knows nothing of how invitations are taken in, nor of how they end.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use super::decide::lookalike_index::LookalikeIndex;
use super::deliver::archive_hint::ArchiveHint;
use super::deliver::passed_to_rooms::PassedToRooms;
use super::deliver::taken_back::TakenBack;
use super::endings::Endings;
use super::fan_out::bounced_parts::BouncedParts;
use super::fan_out::places::Places;
use super::limits::Limits;
use super::metrics::Metrics;
use super::settle::early_bounces::EarlyBounces;
use super::settle::held_back::HeldBack;
use super::settle::leftovers::Leftovers;
use crate::config::Live;
use crate::contacts::Contacts;
use crate::journal::{Journal, JournalReader};
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
    pub(crate) bounced_parts: BouncedParts,
    pub(crate) held_back: HeldBack,
    pub(crate) passed_to_rooms: PassedToRooms,
    pub(crate) taken_back: TakenBack,
    pub(crate) leftovers: Leftovers,
    pub(crate) endings: Endings,
    pub(crate) metrics: Metrics,
    pub(crate) places: Places,
    /// Cancelled when the relay stops: no further parts are begun.
    pub(crate) stopping: CancellationToken,
}

/// Checks that the link still has the connection `on`: facts from an earlier connection are invalid, since the next one may
/// have fewer grants.
///
/// # Errors
/// [`Lost`]: this connection has ended.
pub(super) fn still_connected(cx: &Context, on: Epoch) -> Result<(), Lost> {
    if cx.link.has(on) { Ok(()) } else { Err(Lost) }
}

impl Context {
    /// With nothing under way. `limits` and `leftovers`: what an earlier run has left of them.
    pub(crate) fn new(
        config: Live,
        link: Link,
        journal: Journal,
        contacts: Contacts,
        limits: Limits,
        leftovers: Leftovers,
        stopping: CancellationToken,
    ) -> Self {
        let place = config.load().journal.place.clone();
        Self {
            rooms: Rooms::new(link.clone()),
            contacts,
            lookalikes: LookalikeIndex::new(journal.clone(), JournalReader::new(place)),
            archive_hint: ArchiveHint::new(link.clone(), Arc::clone(&config)),
            limits: ArcSwap::from_pointee(limits),
            early_bounces: EarlyBounces::new(),
            bounced_parts: BouncedParts::default(),
            held_back: HeldBack::new(),
            passed_to_rooms: PassedToRooms::new(),
            taken_back: TakenBack::new(),
            leftovers,
            endings: Endings::default(),
            metrics: Metrics::new(),
            places: Places::new(),
            stopping,
            config,
            link,
            journal,
        }
    }

    /// The id of the message that an invitation is sent in; the same at each attempt.
    pub(super) fn message_id(&self, id: Id) -> String {
        message_id(self.journal.instance(), id)
    }

    /// The invitation whose message has this id; `None` if the id is not from this journal.
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
