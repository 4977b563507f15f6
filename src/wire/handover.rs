//! Reads our own `<handover/>`: a server module hands us a finished invitation and waits for the answer. Knows the shape of
//! the request, not whom to believe.

use jid::BareJid;

use super::came_back::CameBack;
use super::muc::{self, Details, Inviter, Malformed};
use super::stanza::{HandOver, Iq, IqPayload, IqType};
use crate::model::address;

/// The address of the server module of a MUC service. It has a resource, because some servers drop IQs to a bare domain.
#[must_use]
pub fn address_of_module(service: &str) -> String {
    format!("{service}/muc-invite-relay")
}

/// A handed-over invitation, already checked for shape.
#[derive(Debug, Clone, PartialEq)]
pub struct HandedOver {
    /// The id of the message, if it has one.
    pub id: Option<String>,
    /// When the server will deliver the invitation itself: RFC 3339, UTC, as received.
    pub deadline: String,
    /// The room.
    pub room: BareJid,
    /// The contact.
    pub contact: BareJid,
    /// The one of their devices that is invited, by its resource.
    pub device: Option<String>,
    /// The inviter.
    pub inviter: BareJid,
    /// The room has made the contact a member because of it.
    pub made_member: bool,
    /// When the server handed it over: RFC 3339, UTC, as received.
    pub now: Option<String>,
    /// Reason, password and thread.
    pub details: Details,
}

/// The invitation that a request hands over; `None` if the IQ is not a hand-over.
///
/// # Errors
///
/// [`Malformed`]: it is a hand-over that does not hold exactly one invitation with a deadline, a person as the inviter
/// and valid addresses. It is to be answered with an error, so that the server delivers the invitation itself.
#[must_use]
pub fn hand_over(iq: &Iq) -> Option<Result<HandedOver, Malformed>> {
    match iq.payload.as_ref() {
        Some(IqPayload::HandOver(hand_over)) if iq.kind() == Some(IqType::Set) => Some(read(hand_over)),
        _ => None,
    }
}

/// The error that an IQ tells of; `None` if it is something else.
#[must_use]
pub fn came_back(iq: &Iq) -> Option<&CameBack> {
    match iq.payload.as_ref() {
        Some(IqPayload::CameBack(came_back)) if iq.kind() == Some(IqType::Set) => Some(came_back),
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
        contact: address::own(&invitation.relay_address)?,
        device: invitation.device,
        inviter,
        made_member: matches!(hand_over.made_member.as_deref(), Some("true" | "1")),
        now: hand_over.now.clone(),
        details: invitation.details,
    })
}
