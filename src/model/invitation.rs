//! An invitation as it arrives, and while it is under way. Knows nothing of how it is stored or sent.

use std::fmt;

use super::{Language, Route};

/// An invitation's id in the journal: counts up from 1 and is never reused.
pub type Id = i64;

/// An invitation as it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// How it came.
    pub route: Route,
    /// The room's bare JID.
    pub room: String,
    /// The inviter's bare JID, or `ROOM/NICK` where the room masks it.
    pub inviter: String,
    /// The contact's bare JID.
    pub contact: String,
    /// What is passed on to the contact, and wiped when the invitation is settled.
    pub payload: Payload,
    /// The parent, if this invitation is a part of a fan-out.
    pub parent: Option<Id>,
}

/// What must not be stored longer than needed: what is passed on to the contact, and what an answer needs. `Debug` shows none of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Payload {
    /// Why the inviter invites.
    pub reason: Option<String>,
    /// The room's password.
    pub password: Option<String>,
    /// The thread that the room continues.
    pub thread: Option<String>,
    /// Whether the room continues a one-to-one chat.
    pub continues: bool,
    /// The language that the inviter reads, as far as their stanza tells.
    pub language: Language,
    /// The inviter's own stanza, which a refusal answers; only for a direct invitation.
    pub origin: Option<Origin>,
    /// The IQ that handed it over, if one did.
    pub hand_over: Option<Box<Origin>>,
    /// The address that it was sent to, if that says more than `contact`: one of their devices, or another spelling of
    /// their relay address.
    pub addressed: Option<Box<str>>,
}

impl Payload {
    /// The one of the contact's devices that it was sent to, by its resource.
    #[must_use]
    pub fn device(&self) -> Option<&str> {
        self.addressed.as_deref().and_then(|address| address.split_once('/')).map(|(_, device)| device)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Payload(…)")
    }
}

/// The stanza that an invitation came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The full JID that sent it.
    pub sender: String,
    /// Its id, if it has one.
    pub message: Option<String>,
}

/// An invitation that is under way, as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Its id.
    pub id: Id,
    /// When it arrived: ms since 1970, UTC.
    pub received: i64,
    /// What arrived.
    pub arrival: Arrival,
    /// The contact was made a member for it, or was about to be.
    pub added: bool,
}

/// An invitation that a relay had read that leads no longer, and could not write down. It hands it on to the one that leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateArrival {
    /// What it is called until it has an [`Id`]: a number below zero, which no other one has.
    pub number: i64,
    /// When the lead ended: ms since 1970, UTC.
    pub received: i64,
    /// What arrived.
    pub arrival: Arrival,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_has_no_payload() {
        let planted = |what: &str| Some(format!("planted-{what}"));
        let payload = Payload {
            reason: planted("reason"),
            password: planted("password"),
            thread: planted("thread"),
            continues: true,
            ..Payload::default()
        };
        let [room, inviter, contact] =
            ["tea@c.example", "alice@example.org", "bob@example.org"].map(String::from);
        let arrival = Arrival { route: Route::Addressed, parent: None, room, inviter, contact, payload };
        let pending = Pending { id: 1, received: 0, arrival: arrival.clone(), added: false };
        let shown = format!("{arrival:?} {pending:?} {pending:#?}");
        assert!(shown.contains("bob@example.org"));
        assert!(!shown.contains("planted"), "{shown}");
    }
}
