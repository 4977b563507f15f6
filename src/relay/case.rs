//! Who invites whom where, as far as it is known by now, and what the judge is told of it.
//! Knows nothing of what comes of it.

use jid::BareJid;

use super::Relay;
use super::judge::{Facts, Wants};
use crate::config::Membership;
use crate::journal::{Arrival, Route};
use crate::rooms::View;
use crate::wire::address;
use crate::wire::muc::{Affiliation, Inviter};

/// What has been found out about an invitation.
pub(super) struct Case {
    pub(super) room: BareJid,
    pub(super) contact: BareJid,
    pub(super) inviter: Inviter,
}

impl Case {
    /// `unmasked`: whose nick it is, where the room names the inviter by that alone. `None` if what arrived are no addresses
    /// (any more), or not those of people.
    pub(super) fn of(relay: &Relay, arrival: &Arrival, unmasked: Option<BareJid>) -> Option<Self> {
        let room = BareJid::new(&arrival.room).ok()?;
        let contact = BareJid::new(&arrival.contact).ok().filter(|contact| is_a_person(relay, contact))?;
        let inviter = match (unmasked, masked(&arrival.inviter)) {
            (Some(person), _) => Inviter::Person(person),
            (None, Some(nick)) => Inviter::Occupant(nick.to_owned()),
            (None, None) => Inviter::Person(BareJid::new(&arrival.inviter).ok()?),
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
pub(super) fn masked(inviter: &str) -> Option<&str> {
    address::split_resource(inviter).1
}

/// Relay addresses and rooms are no people: an invitation to one named nobody, or wants us busy with ourselves, or with
/// what a message from us does to a room.
pub(super) fn is_a_person(relay: &Relay, contact: &BareJid) -> bool {
    let domain = contact.domain().as_str();
    let room = relay.config.load().muc.services.iter().any(|service| service == domain);
    contact.node().is_some() && !room && domain != relay.link.component()
}

/// What the judge is told. Invitations from untrusted sources don't come as far as this.
pub(super) fn facts(
    relay: &Relay,
    route: Route,
    contact: &BareJid,
    inviter: Option<&BareJid>,
    view: &View,
    duplicate: bool,
) -> Facts {
    // It matters in members-only rooms alone.
    let relay_address = (view.members_only() == Some(true))
        .then(|| address::relay_address(contact, relay.link.component()).ok())
        .flatten();
    let inviter = inviter.and_then(|inviter| view.affiliation(inviter));
    Facts {
        trusted: true,
        duplicate,
        members_only: view.members_only(),
        affiliation: view.affiliation(contact),
        occupant: view.is_occupant(contact),
        // The room has passed it on; one that has been banned since has lost his say.
        may_invite: inviter != Some(Affiliation::Outcast),
        inviter,
        relay_address: relay_address.and_then(|address| view.affiliation(&address)),
        allows_invites: view.allows_invites(),
        // A room makes the contact himself a member before his invitation is handed over.
        membership: match route {
            Route::HandedOver => Membership::Ignore,
            _ => relay.config.load().muc.membership,
        },
        wants: Wants::default(),
    }
}
