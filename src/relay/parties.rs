//! Who invites whom to which room, as far as it is known by now.
//! Knows nothing of what is decided about it.

use jid::BareJid;

use super::context::Context;
use crate::model::Arrival;
use crate::model::address;
use crate::wire::muc::Inviter;

/// Room, contact and inviter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parties {
    pub(super) room: BareJid,
    pub(super) contact: BareJid,
    pub(super) inviter: Inviter,
}

impl Parties {
    /// `occupant`: the person whose nick it is, where the room names the inviter by a nick alone. `None` if the arrival does
    /// not hold addresses in their canonical form.
    pub(super) fn of(arrival: &Arrival, occupant: Option<BareJid>) -> Option<Self> {
        let room = address::own(&arrival.room).ok()?;
        let contact = address::own(&arrival.contact).ok()?;
        let inviter = match (occupant, nick_of(&arrival.inviter)) {
            (Some(person), _) => Inviter::Person(person),
            (None, Some(nick)) => Inviter::Occupant(nick.to_owned()),
            (None, None) => Inviter::Person(address::own(&arrival.inviter).ok()?),
        };
        Some(Self { room, contact, inviter })
    }

    /// The inviter's own address, where it is known.
    pub(super) fn person(&self) -> Option<&BareJid> {
        match &self.inviter {
            Inviter::Person(person) => Some(person),
            Inviter::Occupant(_) => None,
        }
    }
}

/// The nick of an inviter whom the room names by that alone.
pub(super) fn nick_of(inviter: &str) -> Option<&str> {
    address::split_resource(inviter).1
}

/// Whether a contact can be a person. Relay addresses and rooms are none: an invitation to one named nobody, or is meant to
/// make the relay busy with itself, or to make it send a message to a room.
pub(super) fn is_a_person(cx: &Context, contact: &BareJid) -> bool {
    let domain = contact.domain().as_str();
    let room = cx.config.load().muc.services.iter().any(|service| service == domain);
    contact.node().is_some() && !room && domain != cx.link.component()
}

/// The relay address that the room was told to invite, or that the sender wrote to; `None` where it can't be one.
pub(super) fn relay_address_of(cx: &Context, contact: &BareJid) -> Option<BareJid> {
    let component = cx.link.component();
    if contact.domain().as_str() == component {
        return Some(contact.clone());
    }
    address::relay_address(contact, component).ok()
}
