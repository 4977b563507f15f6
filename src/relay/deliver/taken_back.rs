//! Memberships that were taken back a moment ago. Meanwhile the room may have given one anew, for an invitation that its server
//! was handing over. Knows nothing of why one is taken back.

use std::time::Duration;

use jid::BareJid;
use moka::sync::Cache;

/// Longer than a server waits for the answer to a hand-over.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// How many are remembered. If one is forgotten, the inviter has to invite again.
const MAX_REMEMBERED: u64 = 10_000;

/// By room and contact.
#[derive(Debug)]
pub(crate) struct TakenBack(Cache<(BareJid, BareJid), ()>);

impl TakenBack {
    pub(crate) fn new() -> Self {
        Self(Cache::builder().max_capacity(MAX_REMEMBERED).time_to_live(REMEMBERED_FOR).build())
    }

    /// Remembers one that is about to be taken back.
    pub(super) fn remember(&self, room: &BareJid, contact: &BareJid) {
        self.0.insert((room.clone(), contact.clone()), ());
    }

    /// Whether one was taken back lately.
    pub(in crate::relay) fn lately(&self, room: &BareJid, contact: &BareJid) -> bool {
        self.0.contains_key(&(room.clone(), contact.clone()))
    }
}
