//! Mimicry (XEP-0249 §5, the third attack; XEP-0165): a room or an inviter whose address looks like another one that the
//! contact knows, from his roster or from invitations that reached him. Knows nothing of what follows from it.
//!
//! Addresses that look alike are rare, so what a contact knows is looked up only where there are some. Whoever of them came
//! to him first has the look, however often another one is passed on.

use std::sync::Arc;
use std::time::Duration;

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

/// Addresses whose look-alikes are remembered, and for how long.
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

/// Addresses and their look-alikes.
#[derive(Debug)]
pub(super) struct Looks {
    alike: Cache<String, Arc<[String]>>,
    /// One at a time reads what a contact knows: it is rare, and takes a while.
    reading: Semaphore,
}

impl Looks {
    pub(super) fn new() -> Self {
        let alike = Cache::builder().max_capacity(REMEMBERED).time_to_live(GOOD_FOR).build();
        Self { alike, reading: Semaphore::new(1) }
    }

    /// Other addresses that look like this one.
    async fn alike(&self, relay: &Relay, jid: &BareJid) -> Result<Arc<[String]>, Closed> {
        if let Some(others) = self.alike.get(jid.as_str()) {
            return Ok(others);
        }
        let mut others = relay.journal.look_alikes(jid.as_str(), &look(jid.as_str())).await?;
        others.retain(|other| !are_one(other, jid.as_str()));
        // To them it is a new one.
        for other in &others {
            self.alike.invalidate(other);
        }
        let others: Arc<[String]> = others.into();
        self.alike.insert(jid.to_string(), Arc::clone(&others));
        Ok(others)
    }

    /// Which of the others the contact has met, unless he met this one before.
    async fn met(
        &self,
        relay: &Relay,
        contact: &BareJid,
        jid: &BareJid,
        others: &[String],
    ) -> Option<String> {
        let all: Vec<&str> = std::iter::once(jid.as_str()).chain(others.iter().map(String::as_str)).collect();
        let _alone = self.reading.acquire().await;
        let path = relay.config.load().journal.path.clone();
        match journal::met_first(&path, contact, &all).await {
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
    for jid in std::iter::once(room).chain(person) {
        let others = relay.looks.alike(relay, jid).await?;
        let met = if others.is_empty() {
            None
        } else {
            // On the heap, as it is rare.
            Box::pin(relay.looks.met(relay, contact, jid, &others)).await
        };
        // Rosters hold people.
        let likeness = if Some(jid) == person {
            Box::pin(relay.contacts.resembles(contact, jid)).await?
        } else {
            Likeness::Nobody
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
