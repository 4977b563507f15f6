//! Who invites whom where, as far as it is known by now, and what the judge is told of it.
//! Knows nothing of what comes of it.

use jid::BareJid;

use super::Relay;
use super::judge::{Facts, Wants};
use crate::config::Membership;
use crate::journal::{Arrival, Route};
use crate::rooms::View;
use crate::wire::address;
use crate::wire::muc::Inviter;

/// What has been found out about an invitation.
pub(super) struct Case {
    pub(super) room: BareJid,
    pub(super) contact: BareJid,
    pub(super) inviter: Inviter,
}

impl Case {
    /// `unmasked`: whose nick it is, where the room names the inviter by that alone. `None` if what arrived are no addresses
    /// (any more).
    pub(super) fn of(arrival: &Arrival, unmasked: Option<BareJid>) -> Option<Self> {
        let room = address::own(&arrival.room).ok()?;
        let contact = address::own(&arrival.contact).ok()?;
        let inviter = match (unmasked, masked(&arrival.inviter)) {
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

/// The invitation to several people of which another one is a part.
#[derive(Debug)]
pub(super) struct Above {
    /// The relay address that stands for all of them.
    pub(super) address: BareJid,
    /// See [`Facts::vouched`].
    pub(super) vouched: bool,
}

/// An invitation as the judge is told of it. Those from untrusted sources don't come as far as this.
#[derive(Clone, Copy)]
pub(super) struct Invitation<'a> {
    pub(super) route: Route,
    pub(super) contact: &'a BareJid,
    pub(super) inviter: Option<&'a BareJid>,
    pub(super) duplicate: bool,
    /// It is a part of another one; of which is not known any more if `above` does not say it.
    pub(super) part: bool,
    pub(super) above: Option<&'a Above>,
}

impl Invitation<'_> {
    /// See [`Facts::vouched`].
    pub(super) fn vouched(&self) -> bool {
        self.above.map_or(!self.part && self.route != Route::Direct, |above| above.vouched)
    }

    pub(super) fn facts(&self, relay: &Relay, view: &View) -> Facts {
        let Self { route, contact, inviter, duplicate, above, .. } = *self;
        // It matters in members-only rooms alone.
        let relay_address = (view.kind().members_only == Some(true))
            .then(|| match above {
                Some(above) => Some(above.address.clone()),
                None => address::relay_address(contact, relay.link.component()).ok(),
            })
            .flatten();
        Facts {
            trusted: true,
            duplicate,
            members_only: view.kind().members_only,
            affiliation: view.affiliation(contact),
            // Somebody who invites themselves means another device, which is not inside.
            occupant: if inviter == Some(contact) { Some(false) } else { view.is_occupant(contact) },
            vouched: self.vouched(),
            inviter_speaks: inviter.and_then(|inviter| view.speaks(inviter)),
            inviter: inviter.and_then(|inviter| view.affiliation(inviter)),
            relay_address: relay_address.and_then(|address| view.affiliation(&address)),
            allows_invites: view.kind().allows_invites,
            // A room makes the contact himself a member before his invitation is handed over.
            membership: match route {
                Route::HandedOver => Membership::Ignore,
                _ => relay.config.load().muc.membership,
            },
            wants: Wants::default(),
        }
    }
}

/// The relay address that the room was told to invite, or that the sender wrote to; `None` where it can't be one.
pub(super) fn relay_address_of(relay: &Relay, contact: &BareJid) -> Option<BareJid> {
    let component = relay.link.component();
    if contact.domain().as_str() == component {
        return Some(contact.clone());
    }
    address::relay_address(contact, component).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_a_part_is_vouched_for_by() {
        let contact = BareJid::new("bob@example.org").unwrap();
        let vouched = |route, part, above: Option<bool>| {
            let above = above.map(|vouched| Above { address: contact.clone(), vouched });
            let above = above.as_ref();
            Invitation { route, contact: &contact, inviter: None, duplicate: false, part, above }.vouched()
        };
        for by_a_room in [Route::Addressed, Route::HandedOver, Route::FanOut] {
            assert!(vouched(by_a_room, false, None));
        }
        assert!(!vouched(Route::Direct, false, None), "its sender says so himself");
        assert!(vouched(Route::FanOut, true, Some(true)) && !vouched(Route::FanOut, true, Some(false)));
        assert!(!vouched(Route::FanOut, true, None), "what it was a part of has been forgotten");
    }
}
