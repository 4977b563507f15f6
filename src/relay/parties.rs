//! Who invites whom to which room, as far as it is known.
//! Knows nothing of what is decided about it.

use std::sync::OnceLock;

use jid::BareJid;

use super::context::Context;
use crate::model::address;
use crate::model::{Arrival, Route};
use crate::wire::muc::Inviter;

/// Room, contact and inviter.
#[derive(Debug, Clone)]
pub(super) struct Parties {
    pub(super) room: BareJid,
    pub(super) contact: BareJid,
    pub(super) inviter: Inviter,
    /// See [`Self::relay_address`].
    relay_address: OnceLock<Option<BareJid>>,
}

impl Parties {
    pub(super) fn new(room: BareJid, contact: BareJid, inviter: Inviter) -> Self {
        Self { room, contact, inviter, relay_address: OnceLock::new() }
    }

    /// The same with another contact: the inviter's relay address stays what it is.
    pub(super) fn with(&self, contact: BareJid) -> Self {
        Self { contact, ..self.clone() }
    }

    /// The inviter's relay address, or the room's if there is none for the inviter's nick; `None` if the inviter's address is too long to
    /// be escaped. `component`: this relay's own name.
    pub(super) fn relay_address(&self, component: &str) -> Option<&BareJid> {
        let found = self.relay_address.get_or_init(|| {
            match &self.inviter {
                Inviter::Person(person) => address::relay_address(person, component),
                Inviter::Occupant(nick) => address::relay_address_of_occupant(&self.room, nick, component),
            }
            .ok()
        });
        found.as_ref()
    }

    /// `occupant`: the inviter's real address, if the room names them by a nick alone and it was found out. `None` if an
    /// address in the arrival is not in its canonical form.
    pub(super) fn of(arrival: &Arrival, occupant: Option<BareJid>) -> Option<Self> {
        let room = address::own(&arrival.room).ok()?;
        let contact = address::own(&arrival.contact).ok()?;
        let inviter = match (occupant, nick_of(&arrival.inviter)) {
            (Some(person), _) => Inviter::Person(person),
            (None, Some(nick)) => Inviter::Occupant(nick.to_owned()),
            (None, None) => Inviter::Person(address::own(&arrival.inviter).ok()?),
        };
        Some(Self::new(room, contact, inviter))
    }

    /// The inviter's real address, or `ROOM/NICK` if it is not known.
    pub(super) fn inviter_name(&self) -> String {
        match &self.inviter {
            Inviter::Person(person) => person.to_string(),
            Inviter::Occupant(nick) => format!("{}/{nick}", self.room),
        }
    }

    /// The inviter's real address, if it is known.
    pub(super) fn person(&self) -> Option<&BareJid> {
        match &self.inviter {
            Inviter::Person(person) => Some(person),
            Inviter::Occupant(_) => None,
        }
    }
}

/// The nick in `ROOM/NICK`; `None` if the inviter is named by their address.
pub(super) fn nick_of(inviter: &str) -> Option<&str> {
    address::split_resource(inviter).1
}

/// Whether a contact can be a person. Relay addresses, rooms and domains are not: an invitation to one is a mistake, or is
/// meant to make the relay invite itself or send a message to a room.
pub(super) fn is_a_person(cx: &Context, contact: &BareJid) -> bool {
    is_the_address_of_a_person(cx, contact.as_str())
}

/// As [`is_a_person`], by the normalised bare address.
pub(super) fn is_the_address_of_a_person(cx: &Context, contact: &str) -> bool {
    let domain = address::domain_of(contact);
    let room = cx.config.load().muc.serves(domain);
    domain.len() < contact.len() && !room && domain != cx.link.component()
}

/// Whether what became of an invitation is told to its inviter. A part's fan-out ends with a summary, and who gave a command is
/// shown what became of it.
pub(super) fn reaches_the_inviter(arrival: &Arrival) -> bool {
    arrival.parent.is_none() && arrival.route != Route::Command
}

/// Whether a relay address stands for this contact, however it is spelled. A group address stands for itself.
pub(super) fn stands_for(relay_address: &BareJid, contact: &BareJid) -> bool {
    relay_address == contact || address::contact_behind(relay_address).is_ok_and(|it| it == *contact)
}

/// Whether a contact is a relay address of another server's relay, for a user of that very server:
/// `bob\40b.example@invites.b.example`. That relay takes no invitations of our rooms. Addresses of gateways look alike, but stand
/// for people elsewhere. `component`: this relay's own name.
pub(super) fn is_of_another_relay(component: &str, contact: &BareJid) -> bool {
    let of_that_server = |behind: BareJid| {
        let above = contact.domain().as_str().strip_suffix(behind.domain().as_str());
        above.is_some_and(|label| label.ends_with('.'))
    };
    contact.domain().as_str() != component && address::contact_behind(contact).is_ok_and(of_that_server)
}

/// The relay address that the room or the inviter sent the invitation to; for a hand-over the one that they could have used.
/// `None` if the contact's address is not valid, or too long to be escaped.
pub(super) fn relay_address_of(cx: &Context, arrival: &Arrival) -> Option<BareJid> {
    let component = cx.link.component();
    let is_ours = |address: &BareJid| address.domain().as_str() == component;
    let contact = address::own(&arrival.contact).ok()?;
    let written = arrival.payload.addressed.as_deref().and_then(|it| address::own(it).ok()).filter(is_ours);
    match written {
        Some(address) => Some(address),
        None if is_ours(&contact) => Some(contact),
        None => address::relay_address(&contact, component).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_addresses_are_another_relays() {
        let is = |contact: &str| is_of_another_relay("invites.a.example", &BareJid::new(contact).unwrap());
        assert!(is(r"bob\40b.example@invites.b.example"));
        assert!(!is("bob@b.example"));
        assert!(!is(r"bob\40mail.example@gateway.b.example"), "a gateway to elsewhere");
        assert!(!is(r"bob\40b.example@invitesb.example"));
        assert!(!is("members@invites.b.example"));
        assert!(!is(r"bob\40a.example@invites.a.example"), "this one");
    }
}
