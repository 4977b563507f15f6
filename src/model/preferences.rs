//! What people want of the relay, and what its admins have blocked for everybody.
//! Knows what a preference looks like, not what it does to an invitation.

use std::collections::BTreeSet;

use super::words::words;

/// Rooms, services and people that somebody can block.
pub const MAX_BLOCKS: usize = 200;

/// Rooms, services and people that can be blocked for everybody.
pub const MAX_BLOCKS_FOR_ALL: usize = 10_000;

words! {
    /// From whom somebody takes invitations.
    #[derive(Default)]
    AcceptFrom {
        /// From everybody.
        #[default]
        Everybody = "everybody",
        /// From the people in their roster.
        Contacts = "contacts",
        /// From nobody.
        Nobody = "nobody",
        /// From everybody; what their server hands over is to be delivered by that server.
        Server = "server",
    }
}

/// What somebody wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    /// From whom invitations are taken.
    pub takes: AcceptFrom,
    /// Bare JIDs of rooms and people, and domains, that are blocked.
    pub blocks: BTreeSet<String>,
}

/// A change of somebody's wishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// From whom they take invitations.
    AcceptFrom(AcceptFrom),
    /// They block one.
    Block(String),
    /// They block it no longer.
    Lift(String),
    /// They block nothing any longer.
    LiftAll,
}

/// More would be blocked than somebody can block; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no more than {0} can be blocked")]
pub struct TooMany(pub usize);

impl Preferences {
    /// The preferences after these changes.
    #[must_use]
    pub fn changed(mut self, changes: &[Change]) -> Self {
        for change in changes {
            match change {
                Change::AcceptFrom(takes) => self.takes = *takes,
                Change::Block(jid) => drop(self.blocks.insert(jid.clone())),
                Change::Lift(jid) => drop(self.blocks.remove(jid)),
                Change::LiftAll => self.blocks.clear(),
            }
        }
        self
    }
}
