//! The parts of a fan-out that are in the journal already.
//! Knows nothing of whom the invitation is for.

use std::collections::HashSet;

use tracing::warn;

use super::summary::Summary;
use crate::journal::JournalReader;
use crate::model::{Id, Pending, Reason};
use crate::relay::context::Context;
use crate::relay::stop::Stop;

/// Parts that were begun earlier: those that have not ended, all their contacts, and a summary of the ended ones.
#[derive(Default)]
pub(super) struct Earlier {
    pub(super) waiting: Vec<Pending>,
    pub(super) contacts: HashSet<String>,
    pub(super) summary: Summary,
}

impl Earlier {
    /// Reads them from the journal.
    ///
    /// # Errors
    /// [`Stop::Unreadable`]: the journal can't be read for the moment. [`Stop::Suspend`]: it is closed.
    pub(super) async fn read(cx: &Context, id: Id) -> Result<Self, Stop> {
        let waiting = cx.journal.children(id).await?;
        let place = cx.config.load().journal.place.clone();
        let ended = JournalReader::new(place).ended_children(id).await.map_err(|e| {
            warn!(id, "what became of those who were invited can't be read: {e}");
            Stop::Unreadable
        })?;
        let mut earlier = Self { waiting, ..Self::default() };
        earlier.contacts = earlier.waiting.iter().map(|part| part.arrival.contact.clone()).collect();
        for (contact, state, reason) in ended {
            let elsewhere = cx.config.load().domain_elsewhere(&contact).is_some();
            // Whether the inviter would have been told is not kept: what came before is known by what held it up.
            earlier.summary.add(state, reason, reason == Some(Reason::Duplicate), elsewhere);
            earlier.contacts.insert(contact);
        }
        Ok(earlier)
    }
}
