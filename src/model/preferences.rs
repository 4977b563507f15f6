//! People's preferences, and bounds for what can be blocked. Knows nothing of what a preference does to an invitation.

use std::collections::BTreeSet;

use super::words::words;

/// How many rooms, services and people one person can block.
pub const MAX_BLOCKS: usize = 200;

/// How many rooms, services and people admins can block for everybody.
pub const MAX_BLOCKS_FOR_ALL: usize = 10_000;

words! {
    /// From whom a person accepts invitations.
    #[derive(Default)]
    AcceptFrom {
        /// From everybody.
        #[default]
        Everybody = "everybody",
        /// From the people in their roster.
        Contacts = "contacts",
        /// From nobody.
        Nobody = "nobody",
        /// From everybody; their server delivers itself what it would hand over.
        Server = "server",
    }
}

/// A person's preferences.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    /// From whom they accept invitations.
    pub accept_from: AcceptFrom,
    /// Bare JIDs of rooms and people, and domains, that are blocked.
    pub blocks: BTreeSet<String>,
}

/// A change of a person's preferences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Sets from whom they accept invitations.
    AcceptFrom(AcceptFrom),
    /// Blocks a bare JID or domain.
    Block(String),
    /// Unblocks a bare JID or domain.
    Lift(String),
    /// Unblocks everything.
    LiftAll,
}

/// A change would exceed the bound (the number) on blocked entries; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no more than {0} can be blocked")]
pub struct TooMany(pub usize);

impl Preferences {
    /// The preferences after these changes.
    #[must_use]
    pub fn changed(mut self, changes: &[Change]) -> Self {
        for change in changes {
            match change {
                Change::AcceptFrom(accept_from) => self.accept_from = *accept_from,
                Change::Block(jid) => drop(self.blocks.insert(jid.clone())),
                Change::Lift(jid) => drop(self.blocks.remove(jid)),
                Change::LiftAll => self.blocks.clear(),
            }
        }
        self
    }
}
