//! In whose name a direct invitation goes out, and the stanza that says so. Knows nothing of the journal.

use jid::BareJid;

use crate::link::{Epoch, Link};
use crate::relay::parties::Parties;
use crate::wire::direct;
use crate::wire::hint::Hint;
use crate::wire::muc::Details;
use crate::wire::privileged::{self, Version};
use crate::wire::{Message, Stanza};

/// Who the contact sees as the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sender {
    /// The inviter, through their server (XEP-0356 §4.4).
    Inviter { person: BareJid, version: Version },
    /// The inviter's relay address, which names them.
    RelayAddress(BareJid),
}

impl Sender {
    /// The inviter's own address if that is granted on this connection, since only that passes filters by roster; else the relay address.
    ///
    /// `None`: the inviter's address is too long to be escaped.
    pub(super) fn best(link: &Link, parties: &Parties, on: Epoch) -> Option<Self> {
        if let Some(person) = parties.person()
            && let Some(grants) = link.grants_on(on, person.domain().as_str())
            && grants.messages
            && person.node().is_some()
        {
            return Some(Self::Inviter { person: person.clone(), version: grants.version });
        }
        Self::relay_address(link.component(), parties)
    }

    /// The inviter's relay address, which needs no grant; `None`: see [`Self::best`].
    pub(super) fn relay_address(component: &str, parties: &Parties) -> Option<Self> {
        parties.relay_address(component).cloned().map(Self::RelayAddress)
    }

    /// The `from` that the contact sees.
    pub(super) fn address(&self) -> &BareJid {
        match self {
            Self::Inviter { person, .. } => person,
            Self::RelayAddress(address) => address,
        }
    }

    /// The stanza for the link. `to`: the contact, or one of their devices.
    pub(super) fn stanza(
        &self,
        component: &str,
        id: &str,
        to: &str,
        room: &BareJid,
        details: &Details,
        hint: Option<Hint>,
    ) -> Stanza {
        let invitation: Message = direct::compose(self.address().as_str(), to, id, room, details, hint);
        Stanza::Message(match self {
            Self::Inviter { person, version } => {
                privileged::wrap_message(*version, component, person.domain().as_str(), id, invitation)
            }
            Self::RelayAddress(_) => invitation,
        })
    }
}
