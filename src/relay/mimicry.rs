//! Mimicry (XEP-0249 §5, the third attack; XEP-0165): a room or an inviter whose address looks like another one that the
//! contact knows, from his roster or from invitations that reached him. Knows nothing of what follows from it.
//!
//! An address that looks like one that is known does not become known itself: whoever came first has the look, however
//! often the other one is passed on.

use jid::BareJid;
use tracing::warn;

use super::Relay;
use super::life::Setback;
use crate::contacts::Likeness;
use crate::journal::{Acquaintance, Pending};
use crate::wire::look::{are_one, look, told_apart};
use crate::wire::muc::Inviter;

/// An address and another one that the contact knows and may take it for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mimic {
    jid: String,
    known: String,
}

/// What an invitation's addresses are to its contact.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// Those that look like others.
    pub(super) mimics: Vec<Mimic>,
    /// The others: he knows them once the invitation has reached him.
    pub(super) genuine: Vec<Acquaintance>,
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
    let addresses: Vec<(&BareJid, String)> =
        std::iter::once(room).chain(person).map(|jid| (jid, look(jid.as_str()))).collect();
    let looks: Vec<&str> = addresses.iter().map(|(_, look)| look.as_str()).collect();
    let known = relay.journal.known(contact.as_str(), &looks).await?;
    for ((jid, look), known) in addresses.into_iter().zip(known) {
        let other = match known {
            Some(known) if are_one(&known, jid.as_str()) => None,
            // Rosters hold people.
            known if Some(jid) == person => match relay.contacts.resembles(contact, jid).await? {
                Likeness::Himself => None,
                Likeness::Of(other) => Some(other),
                Likeness::Nobody => known,
            },
            known => known,
        };
        let jid = jid.to_string();
        match other {
            Some(known) => seen.mimics.push(Mimic { jid, known }),
            None => seen.genuine.push(Acquaintance { jid, look }),
        }
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
