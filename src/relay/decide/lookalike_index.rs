//! Finds look-alikes (XEP-0249 §5, the third attack; XEP-0165): a room or an inviter whose address looks like another one that
//! the contact knows, from their roster or from invitations that reached them. Knows nothing of what follows from it.
//!
//! Addresses that look alike are rare, so what a contact knows is looked up only where there are some. Of several that look
//! alike, the one that came to the contact first is the one they know, however often another one is passed on.

use std::time::Duration;

use futures::future::try_join3;
use jid::BareJid;
use moka::sync::Cache;
use tokio::sync::Semaphore;
use tracing::warn;

use super::lookalikes::Lookalikes;
use crate::contacts::{Contacts, Likeness};
use crate::journal::{Journal, JournalClosed, JournalReader};
use crate::relay::stop::Stop;
use crate::wire::confusable::{for_log, is_same_address, skeleton_of};
use crate::wire::muc::Inviter;

/// Addresses for which it is cached whether they have look-alikes.
const MAX_CACHED_ADDRESSES: u64 = 10_000;
/// For how long it is cached.
const ADDRESS_TTL: Duration = Duration::from_secs(60);

/// Finds and caches which addresses have look-alikes.
#[derive(Debug)]
pub(crate) struct LookalikeIndex {
    journal: Journal,
    reader: JournalReader,
    alike: Cache<String, bool>,
    /// Allows one read of what a contact knows at a time: it is rare and slow.
    reading: Semaphore,
}

impl LookalikeIndex {
    /// `reader`: the journal's.
    pub(crate) fn new(journal: Journal, reader: JournalReader) -> Self {
        let alike = Cache::builder().max_capacity(MAX_CACHED_ADDRESSES).time_to_live(ADDRESS_TTL).build();
        Self { journal, reader, alike, reading: Semaphore::new(1) }
    }

    /// Compares room and inviter with what the contact knows.
    ///
    /// # Errors
    /// The link was lost, or the journal is closed.
    pub(super) async fn of(
        &self,
        contacts: &Contacts,
        room: &BareJid,
        contact: &BareJid,
        inviter: &Inviter,
    ) -> Result<Lookalikes, Stop> {
        let mut lookalikes = Lookalikes::default();
        let person = match inviter {
            Inviter::Person(person) => Some(person),
            Inviter::Occupant(_) => None,
        };
        let are_alike = async |jid: Option<&BareJid>| match jid {
            Some(jid) => Ok::<_, Stop>(self.are_alike(jid).await?),
            None => Ok(false),
        };
        // Rosters have people only, no rooms.
        let likeness = async {
            match person {
                Some(person) => Ok(contacts.resembles(contact, person).await?),
                None => Ok(Likeness::None),
            }
        };
        let (room_alike, person_alike, likeness) =
            Box::pin(try_join3(are_alike(Some(room)), are_alike(person), likeness)).await?;
        let looks = std::iter::once((room, room_alike, Likeness::None))
            .chain(person.map(|person| (person, person_alike, likeness)));
        for (jid, alike, likeness) in looks {
            let met = if alike {
                // On the heap, as it is rare.
                Box::pin(self.met(contact, jid)).await
            } else {
                None
            };
            let known = match likeness {
                Likeness::Same => None,
                Likeness::LooksLike(other) => Some(other),
                Likeness::None => met,
            };
            if let Some(known) = known {
                lookalikes.push(jid.to_string(), known);
            }
        }
        Ok(lookalikes)
    }

    /// Whether there are other addresses that look like this one.
    async fn are_alike(&self, jid: &BareJid) -> Result<bool, JournalClosed> {
        if let Some(alike) = self.alike.get(jid.as_str()) {
            return Ok(alike);
        }
        let other = self.journal.look_alike(jid.as_str(), &skeleton_of(jid.as_str())).await?;
        // The cached answer for the first address is wrong as soon as there is a second.
        if let Some(other) = &other {
            self.alike.invalidate(other);
        }
        self.alike.insert(jid.to_string(), other.is_some());
        Ok(other.is_some())
    }

    /// The address that looks like this one and reached the contact first; `None` if there is none, or the journal can't be
    /// read.
    async fn met(&self, contact: &BareJid, jid: &BareJid) -> Option<String> {
        let _alone = self.reading.acquire().await;
        match self.reader.met_first(contact, &skeleton_of(jid.as_str())).await {
            Ok(first) => first.filter(|first| !is_same_address(first, jid.as_str())),
            Err(e) => {
                warn!("whether {} passes for another one can't be found out: {e}", for_log(jid.as_str()));
                None
            }
        }
    }
}
