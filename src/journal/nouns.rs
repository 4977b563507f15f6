//! What operations and databases name: the key of a claim, a span of time, between whom something was sent, which invitation
//! gives a claim up. Knows nothing of statements.

use crate::model::Id;

/// What holds a claim: see [`super::Journal::claim`].
pub(super) type Key = [u8; 16];

/// When something that was noted no longer counts: older than the window, or from a future that is further off than the
/// window (the clock was set back, and nobody must wait for it to come round again).
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// ms since 1970, UTC.
    pub(super) now: i64,
    /// ms.
    pub(super) length: i64,
}

/// Between whom a direct invitation went.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) contact: String,
    pub(super) sent_as: String,
}

/// For how long after it was relayed an invitation may come back, in ms. Servers give up on each other within minutes.
pub(super) const MAX_BOUNCE_AGE: i64 = 60 * 60 * 1000;

/// The invitation that gives a claim up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Release {
    pub(super) key: Key,
    pub(super) id: Id,
}

/// How long things are kept, and the present time; ms, the time since 1970, UTC.
#[derive(Debug, Clone, Copy)]
pub(super) struct Until {
    pub(super) now: i64,
    /// The longest window of any inviter.
    pub(super) window: i64,
    pub(super) retention: i64,
}

/// Of several relays with one journal, the one that works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    /// Its machine and control socket.
    pub name: String,
    /// Whether it has the lead still: it may have ended, or hang.
    pub holds: bool,
    /// The others, which wait for the lead.
    pub standbys: Vec<String>,
}

/// What was forgotten of a person or a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten {
    /// How many invitations.
    pub invitations: u64,
    /// Whether there were preferences.
    pub preferences: bool,
}

/// What to forget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forget {
    /// The invitations.
    Invitations,
    /// The invitations, the person's preferences, and their places in groups.
    Everything,
}
