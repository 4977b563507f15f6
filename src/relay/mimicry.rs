//! Mimicry (XEP-0249 §5, the third attack; XEP-0165): a room or an inviter whose address looks like another one that the
//! contact knows, from his roster or from invitations that reached him. Knows nothing of what follows from it.
//!
//! Addresses that look alike are rare, so what a contact knows is looked up only where there are some. Whoever of them came
//! to him first has the look, however often another one is passed on.

use std::time::Duration;

use futures::future::try_join3;
use jid::BareJid;
use moka::sync::Cache;
use tokio::sync::Semaphore;
use tracing::warn;

use super::Relay;
use super::life::Setback;
use crate::contacts::Likeness;
use crate::journal::{self, Closed, Pending};
use crate::wire::look::{are_one, look, told_apart};
use crate::wire::muc::Inviter;

/// Addresses of which it is remembered whether they have look-alikes, and for how long.
const REMEMBERED: u64 = 10_000;
const GOOD_FOR: Duration = Duration::from_secs(60);

/// An address and another one that the contact knows and may take it for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mimic {
    jid: String,
    known: String,
}

/// What an invitation's addresses are to its contact: those that look like others.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) mimics: Vec<Mimic>,
}

/// Addresses, and whether others look like them.
#[derive(Debug)]
pub(super) struct Looks {
    alike: Cache<String, bool>,
    /// One at a time reads what a contact knows: it is rare, and takes a while.
    reading: Semaphore,
}

impl Looks {
    pub(super) fn new() -> Self {
        let alike = Cache::builder().max_capacity(REMEMBERED).time_to_live(GOOD_FOR).build();
        Self { alike, reading: Semaphore::new(1) }
    }

    /// Whether there are other addresses that look like this one.
    async fn are_alike(&self, relay: &Relay, jid: &BareJid) -> Result<bool, Closed> {
        if let Some(alike) = self.alike.get(jid.as_str()) {
            return Ok(alike);
        }
        let other = relay.journal.look_alike(jid.as_str(), &look(jid.as_str())).await?;
        // To the first of them the second is a new one; all later ones know that they are several.
        if let Some(other) = &other {
            self.alike.invalidate(other);
        }
        self.alike.insert(jid.to_string(), other.is_some());
        Ok(other.is_some())
    }

    /// Another one of those who look like this one, if the contact has met that first.
    async fn met(&self, relay: &Relay, contact: &BareJid, jid: &BareJid) -> Option<String> {
        let _alone = self.reading.acquire().await;
        let path = relay.config.load().journal.path.clone();
        match journal::met_first(&path, contact, &look(jid.as_str())).await {
            Ok(first) => first.filter(|first| !are_one(first, jid.as_str())),
            Err(e) => {
                warn!("whether {} passes for another one can't be found out: {e}", told_apart(jid.as_str()));
                None
            }
        }
    }
}

/// Looks at room and inviter with the contact's eyes.
///
/// # Errors
/// The link was lost, or the journal is closed.
pub(super) async fn of(
    relay: &Relay,
    room: &BareJid,
    contact: &BareJid,
    inviter: &Inviter,
) -> Result<Seen, Setback> {
    let mut seen = Seen::default();
    let person = match inviter {
        Inviter::Person(person) => Some(person),
        Inviter::Occupant(_) => None,
    };
    let are_alike = async |jid: Option<&BareJid>| match jid {
        Some(jid) => Ok::<_, Setback>(relay.looks.are_alike(relay, jid).await?),
        None => Ok(false),
    };
    // Rosters hold people.
    let likeness = async {
        match person {
            Some(person) => Ok(relay.contacts.resembles(contact, person).await?),
            None => Ok(Likeness::Nobody),
        }
    };
    let (room_alike, person_alike, likeness) =
        Box::pin(try_join3(are_alike(Some(room)), are_alike(person), likeness)).await?;
    let looks = std::iter::once((room, room_alike, Likeness::Nobody))
        .chain(person.map(|person| (person, person_alike, likeness)));
    for (jid, alike, likeness) in looks {
        let met = if alike {
            // On the heap, as it is rare.
            Box::pin(relay.looks.met(relay, contact, jid)).await
        } else {
            None
        };
        let known = match likeness {
            Likeness::Himself => None,
            Likeness::Of(other) => Some(other),
            Likeness::Nobody => met,
        };
        seen.mimics.extend(known.map(|known| Mimic { jid: jid.to_string(), known }));
    }
    Ok(seen)
}

impl Seen {
    /// The operator wants it passed on.
    pub(super) fn warn_of_relayed(&self, invitation: &Pending) {
        self.warn(invitation, "it was passed on");
    }

    /// The operator wants it dropped.
    pub(super) fn warn_of_dropped(&self, invitation: &Pending) {
        self.warn(invitation, "it was dropped");
    }

    fn warn(&self, invitation: &Pending, what: &str) {
        for Mimic { jid, known } in &self.mimics {
            let [jid, known] = [jid, known].map(|jid| told_apart(jid));
            warn!(
                id = invitation.id,
                contact = invitation.arrival.contact,
                "{jid} looks like {known}, which the contact knows: {what}",
            );
        }
    }
}
