//! Our own `urn:x-muc-invite-relay:0`: a server module hands us a finished invitation and waits for the answer. Asked
//! with an empty one, it says that it is there for us; asked for the fate of a hand-over, what it knows of that. Knows
//! the requests' shape, not whom to believe.

use jid::BareJid;
use xso::{AsXml, FromXml};

use super::forward::Forwarded;
use super::muc::{self, Details, Inviter, Malformed};
use super::ns;
use super::stanza::{Iq, IqPayload, IqType};
use super::xml::First;
use crate::model::address;

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

/// `<handed-over/>`: asks a module what became of a hand-over, and is its answer.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::HAND_OVER, name = "handed-over", discard(text))]
pub struct FateOf {
    /// The id of the IQ that handed it over.
    #[xml(attribute(default))]
    pub id: Option<String>,
    /// In the answer: `taken`, `delivered` or `unknown`.
    #[xml(attribute(default))]
    pub fate: Option<String>,
    /// In the answer: `true` if what was taken has passed the server as a direct invitation since.
    #[xml(attribute(default))]
    pub passed: Option<String>,
}

/// What became of a hand-over, as far as its module knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Our answer arrived: it is ours.
    Taken,
    /// And the server has taken the direct invitation from us.
    Passed,
    /// The server has delivered it itself.
    Delivered,
    /// It was too long ago, the module has been restarted, or it does not know the question.
    Unknown,
}

impl FateOf {
    /// The question.
    #[must_use]
    pub fn hand_over(id: &str) -> Self {
        Self { id: Some(id.to_owned()), ..Self::default() }
    }

    /// What the answer says.
    #[must_use]
    pub fn fate(&self) -> Fate {
        match self.fate.as_deref() {
            Some("taken") if matches!(self.passed.as_deref(), Some("true" | "1")) => Fate::Passed,
            Some("taken") => Fate::Taken,
            Some("delivered") => Fate::Delivered,
            _ => Fate::Unknown,
        }
    }
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
