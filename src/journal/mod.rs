//! The journal: what the relay remembers, on disk before anything else happens to it.
//!
//! One task owns the one writing connection. Whatever waits for it goes into one transaction (group commit), so that
//! an answer of [`Journal`] means: on the disk, `kill -9` and power loss included. While the disk refuses (full, locked,
//! failing) the answers don't come, which holds up whoever asks: that is how relaying stops taking.
//!
//! Knows nothing of XMPP: JIDs are strings here, and why an invitation ends as it does is [`crate::relay`]'s business.

mod access;
mod backup;
mod batch;
mod client_caps;
mod confusables;
mod groups;
mod handle;
mod health;
mod holder;
mod maintenance;
mod reader;
mod record;
mod schema;
mod tally;
mod wishes;
mod writer;
mod writer_thread;

pub use access::owned_by_another;
pub use backup::{BackupError, backup};
pub use client_caps::{MOST_HASHES, hashes};
pub use confusables::met_first;
pub use groups::{GroupChange, GroupError, KeptGroup, MOST_ENTRIES, MOST_GROUPS, kept_groups};
pub use handle::{Admitted, Closed, Journal};
pub use health::Pulse;
pub use holder::holder;
pub use reader::{
    Forget, Forgotten, Statistics, Status, ended_children, forget, history, recent, statistics, status,
};
pub use record::{Filter, MayUse, Reason, Record, Route, State, Takes};
pub use schema::OpenError;
pub use tally::{Tally, tally};
pub use wishes::{Change, MOST_BLOCKS, MOST_BLOCKS_FOR_ALL, TooMany, Wishes};
pub use writer::{Keep, Writer};

use std::fmt;

/// An invitation's id in the journal: counts up from 1, never given twice.
pub type Id = i64;

/// What was seen is not written again on the same day: ms.
const DAY: i64 = 24 * 3600 * 1000;

/// An invitation as it comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// How it came.
    pub route: Route,
    /// The room's bare JID.
    pub room: String,
    /// The inviter's bare JID, or `ROOM/NICK` where the room masks it.
    pub inviter: String,
    /// The contact's bare JID.
    pub contact: String,
    /// What goes with it and is wiped when it settles.
    pub payload: Payload,
    /// The invitation to a relay address that stands for several people, of which this one is a part.
    pub parent: Option<Id>,
}

/// What is passed on to the contact and must not be kept. `Debug` shows none of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Payload {
    /// Why the inviter invites.
    pub reason: Option<String>,
    /// The room's password.
    pub password: Option<String>,
    /// The thread that the room continues.
    pub thread: Option<String>,
    /// Whether the room continues a one-to-one chat.
    pub continues: bool,
    /// To whom a refusal goes, where no room stands between him and the relay.
    pub origin: Option<Origin>,
    /// The IQ that handed it over, if one did.
    pub hand_over: Option<Box<Origin>>,
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Payload(…)")
    }
}

/// The stanza that an invitation came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The full JID that sent it.
    pub sender: String,
    /// Its id, if it has one.
    pub message: Option<String>,
}

/// An invitation that is under way, as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Its id.
    pub id: Id,
    /// When it arrived: ms since 1970, UTC.
    pub received: i64,
    /// What arrived.
    pub arrival: Arrival,
    /// The contact was made a member for it, or was about to be.
    pub added: bool,
}

/// How an invitation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Which one.
    pub id: Id,
    /// Its last state; never [`State::Pending`].
    pub state: State,
    /// Why, where the state alone doesn't say it.
    pub reason: Option<Reason>,
    /// Who invited, as far as it is known by now: `None` leaves it as it arrived.
    pub inviter: Option<String>,
    /// The `from` of the direct invitation, or the room that it went through.
    pub sent_as: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shows_what_must_not_be_kept() {
        let planted = |what: &str| Some(format!("planted-{what}"));
        let payload = Payload {
            reason: planted("reason"),
            password: planted("password"),
            thread: planted("thread"),
            continues: true,
            ..Payload::default()
        };
        let [room, inviter, contact] =
            ["tea@c.example", "alice@example.org", "bob@example.org"].map(String::from);
        let arrival = Arrival { route: Route::Addressed, parent: None, room, inviter, contact, payload };
        let pending = Pending { id: 1, received: 0, arrival: arrival.clone(), added: false };
        let shown = format!("{arrival:?} {pending:?} {pending:#?}");
        assert!(shown.contains("bob@example.org"));
        assert!(!shown.contains("planted"), "{shown}");
    }
}
