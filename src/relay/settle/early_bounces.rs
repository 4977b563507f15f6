//! Direct invitations that came back before the journal knew them as relayed: forged bounces, or ones that were quicker than
//! the disk. Knows nothing of what is done about a bounce.

use moka::sync::Cache;

use crate::model::Id;

/// How many are kept for invitations that are about to be settled. Anybody can send something like a bounce.
const MAX_EARLY_BOUNCES: u64 = 1024;

/// What came back, and who sent it back to whom.
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
