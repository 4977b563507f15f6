//! Turns an invitation and a snapshot of its room into facts for the judge. Knows nothing of what is decided.

use std::sync::atomic::AtomicBool;

use jid::BareJid;
use tokio::time::Instant;

use super::judge::{Facts, Wants};
use crate::config::Membership;
use crate::model::Route;
use crate::relay::context::Context;
use crate::relay::parties::{Parties, stands_for};
use crate::rooms::{MaxAge, Snapshot};

/// The fan-out that an invitation is a part of.
#[derive(Debug)]
pub(in crate::relay) struct Parent {
    /// Its group address.
    pub(in crate::relay) address: BareJid,
    /// See [`Facts::vouched`].
    pub(in crate::relay) vouched: bool,
    /// The moment at which it was read.
    pub(in crate::relay) read_at: Instant,
    /// One of its parts has ended because the room did not answer, so the others are not attempted as often.
    pub(in crate::relay) silent: AtomicBool,
}

/// An invitation for [`decide`](super::decide). Those from untrusted senders have been refused before.
#[derive(Debug, Clone, Copy)]
pub(in crate::relay) struct Invitation<'a> {
    pub(in crate::relay) route: Route,
    pub(in crate::relay) parties: &'a Parties,
    /// It is a part of a fan-out. After a restart `parent` may be `None` all the same.
    pub(in crate::relay) part: bool,
    pub(in crate::relay) parent: Option<&'a Parent>,
    /// The server that hands it over can still deliver it itself.
    pub(in crate::relay) can_go_back: bool,
    /// The moment at which it was read.
    pub(in crate::relay) read_at: Instant,
}

impl Invitation<'_> {
    /// See [`Facts::vouched`].
    pub(in crate::relay) fn vouched(&self) -> bool {
        let by_room = !self.part && !matches!(self.route, Route::Direct | Route::Command);
        self.parent.map_or(by_room, |parent| parent.vouched)
    }

    /// How old the snapshot may be. A large room would have to tell its whole lists each second while its members are
    /// invited, so parts share what it told a little longer.
    pub(super) fn age(&self) -> MaxAge {
        if self.parent.is_some() { MaxAge::Shared } else { MaxAge::Fresh }
    }

    /// How old the snapshot may be if the contact is to be made a member. It must be newer than the invitation, since what the
    /// room did with the invitation can vouch for it. The room knows nothing of parts, and each part would cause a query of
    /// whole lists, so a fresh snapshot is enough for them.
    pub(super) fn age_to_add_a_member(&self) -> MaxAge {
        if self.parent.is_some() { MaxAge::Fresh } else { MaxAge::FreshSince(self.read_at) }
    }

    /// The facts, by this snapshot of the room, with the default for the contact's wishes.
    pub(in crate::relay) fn facts(&self, cx: &Context, view: &Snapshot) -> Facts {
        let contact = &self.parties.contact;
        let inviter = self.parties.person();
        let (whom, read_at) = match self.parent {
            Some(parent) => (&parent.address, parent.read_at),
            None => (contact, self.read_at),
        };
        Facts {
            trusted: true,
            members_only: view.kind().members_only,
            affiliation: view.affiliation(contact),
            // People who invite themselves want to join with another device.
            occupant: if inviter == Some(contact) { Some(false) } else { view.is_occupant(contact) },
            vouched: self.vouched(),
            inviter_speaks: inviter.and_then(|inviter| view.speaks(inviter)),
            inviter: inviter.and_then(|inviter| view.affiliation(inviter)),
            lists_domain: view.lists_domain(contact),
            room_added_address: view.became_member_about(read_at, |address| stands_for(address, whom)),
            allows_invites: view.kind().allows_invites,
            // The room has made the contact a member before the invitation is handed over.
            membership: match self.route {
                Route::HandedOver => Membership::Ignore,
                _ => cx.config.load().muc.membership,
            },
            wants: Wants::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::muc::Inviter;

    #[test]
    fn when_a_part_is_vouched_for() {
        let contact = BareJid::new("bob@example.org").unwrap();
        let room = BareJid::new("tea@conference.example.org").unwrap();
        let parties = Parties::new(room, contact.clone(), Inviter::Occupant("Alice".to_owned()));
        let vouched = |route, part, parent: Option<bool>| {
            let read_at = Instant::now();
            let parent = parent.map(|vouched| Parent {
                address: contact.clone(),
                vouched,
                read_at,
                silent: AtomicBool::new(false),
            });
            let parent = parent.as_ref();
            Invitation { route, parties: &parties, part, parent, can_go_back: false, read_at }.vouched()
        };
        for by_a_room in [Route::Addressed, Route::HandedOver, Route::FanOut] {
            assert!(vouched(by_a_room, false, None));
        }
        assert!(!vouched(Route::Direct, false, None), "its sender alone says so");
        assert!(!vouched(Route::Command, false, None), "the operator does not speak for the room");
        assert!(vouched(Route::FanOut, true, Some(true)) && !vouched(Route::FanOut, true, Some(false)));
        assert!(!vouched(Route::FanOut, true, None), "what it was a part of has been forgotten");
    }
}
