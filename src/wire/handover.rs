//! Our own `urn:x-muc-invite-relay:0`: a server module hands us a finished invitation and waits for the answer. Asked
//! with an empty one, it says that it is there for us. Knows the requests' shape, not whom to believe.

use jid::BareJid;
use xso::{AsXml, FromXml};

use super::address;
use super::forward::Forwarded;
use super::muc::{self, Details, Inviter, Malformed};
use super::ns;
use super::stanza::{Iq, IqPayload, IqType};
use super::xml::First;

/// `<handover/>`.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::HAND_OVER, name = "handover", discard(text))]
pub struct HandOver {
    /// When the server will deliver the invitation itself: RFC 3339, UTC.
    #[xml(attribute(default))]
    pub deadline: Option<String>,
    /// The mediated invitation as the room would have sent it.
    #[xml(child(n = ..))]
    pub forwarded: First<Forwarded>,
    /// In a module's answer: how many seconds it waits for ours.
    #[xml(attribute(default))]
    pub timeout: Option<String>,
    /// In a module's answer: what time it is there, RFC 3339, UTC.
    #[xml(attribute(default))]
    pub now: Option<String>,
    /// In a module's answer: make and version of its server.
    #[xml(attribute(default))]
    pub server: Option<String>,
}

/// Where the module of a MUC service is asked. With a resource: some servers swallow questions to a bare domain.
#[must_use]
pub fn address_of_module(service: &str) -> String {
    format!("{service}/muc-invite-relay")
}

/// A handed-over invitation, already checked for shape.
#[derive(Debug, Clone, PartialEq)]
pub struct HandedOver {
    /// The message's id, if it has one.
    pub id: Option<String>,
    /// When the server will deliver the invitation itself: RFC 3339, UTC, as received.
    pub deadline: String,
    /// The room.
    pub room: BareJid,
    /// Who is invited.
    pub contact: BareJid,
    /// Who invites.
    pub inviter: BareJid,
    /// All else.
    pub details: Details,
}

/// The invitation that a request hands over; none if the IQ is not a hand-over.
///
/// # Errors
///
/// If it is one that can't be taken: the answer is an error then, so that the server delivers it itself.
#[must_use]
pub fn hand_over(iq: &Iq) -> Option<Result<HandedOver, Malformed>> {
    match iq.payload.as_ref() {
        Some(IqPayload::HandOver(hand_over)) if iq.kind() == Some(IqType::Set) => Some(read(hand_over)),
        _ => None,
    }
}

fn read(hand_over: &HandOver) -> Result<HandedOver, Malformed> {
    let forwarded = hand_over.forwarded.as_ref().ok_or(Malformed::Empty)?;
    let message = forwarded.message.as_ref().ok_or(Malformed::Empty)?;
    let mut invitations = muc::mediated(message)?;
    let invitation = invitations.pop().ok_or(Malformed::Empty)?;
    if !invitations.is_empty() {
        return Err(Malformed::Several);
    }
    let Inviter::Person(inviter) = invitation.inviter else {
        return Err(Malformed::Masked);
    };
    Ok(HandedOver {
        id: message.id.clone(),
        deadline: hand_over.deadline.clone().ok_or(Malformed::NoDeadline)?,
        room: invitation.room,
        contact: address::bare(&invitation.relay_address)?,
        inviter,
        details: invitation.details,
    })
}
