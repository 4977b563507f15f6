//! Bounces of direct invitations that the journal does not have as relayed: they came before it was written, or are forged.
//! Knows nothing of what is done about a bounce.

use moka::sync::Cache;

use crate::model::Id;

/// Bounces in memory. Bounded, since anybody can send a forged one.
const MAX_EARLY_BOUNCES: u64 = 1024;

/// An invitation that came back, and the addresses on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::relay) struct Bounce {
    pub(in crate::relay) id: Id,
    pub(in crate::relay) contact: String,
    pub(in crate::relay) sent_as: String,
}

/// Bounces of invitations that the journal does not know as relayed.
#[derive(Debug)]
pub(crate) struct EarlyBounces(Cache<Bounce, ()>);

impl EarlyBounces {
    pub(crate) fn new() -> Self {
        Self(Cache::new(MAX_EARLY_BOUNCES))
    }

    pub(super) fn insert(&self, bounce: Bounce) {
        self.0.insert(bounce, ());
    }

    pub(super) fn contains(&self, bounce: &Bounce) -> bool {
        self.0.contains_key(bounce)
    }

    pub(super) fn remove(&self, bounce: &Bounce) {
        self.0.invalidate(bounce);
    }
}
