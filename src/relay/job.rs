//! An invitation in memory. One task owns it; what must survive a crash is in the journal.
//! Knows nothing of what is done with it.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use jid::BareJid;
use tokio::time::Instant;

use super::decide::facts::{Invitation, Parent};
use super::deliver::module::Module;
use super::fan_out::progress::Progress;
use super::limits::Answer;
use super::parties::Parties;
use crate::journal::Admitted;
use crate::model::{Arrival, Pending, Preferences, Route};

/// An invitation in memory.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug)]
pub(super) struct Job {
    pub(super) row: Pending,
    /// Another one held contact and room when it came in.
    duplicate: bool,
    /// When it was read, by the monotonic clock.
    pub(super) read_at: Instant,
    /// How old it was then.
    age_when_read: Duration,
    /// The journal took it in together with its claim, and that has not been used yet.
    pub(super) claimed_when_taken: bool,
    charged: Charged,
    /// What the contact wanted when it came in; `None` once that may have changed.
    preferences: Option<Preferences>,
    /// The contact was made a member for it, or was about to be.
    pub(super) member_added: bool,
    /// None of the contact's clients that are online shows direct invitations.
    pub(super) unsupported: bool,
    /// The room has been looked at, and takes members only.
    pub(super) members_only: bool,
    pub(super) identity: Option<Identity>,
    /// Room, contact and inviter, once they have been found out.
    pub(super) parties: Option<Arc<Parties>>,
    /// What the server's module knows of it, if it was handed over.
    pub(super) module: Module,
    /// The invitation to several people of which it is a part.
    parent: Option<Arc<Parent>>,
    /// How far it has come, where it stands for several people.
    pub(super) progress: Progress,
}

/// Against whose limits it has been counted.
#[derive(Debug, Clone, Copy)]
struct Charged {
    contact: bool,
    room: bool,
}

/// Whose nick it is, where the room names the inviter by that alone.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) person: Option<BareJid>,
    /// What their limits say.
    pub(super) answer: Answer,
}

impl Identity {
    /// The room has named the inviter by their address.
    pub(super) const KNOWN: Self = Self { person: None, answer: Answer::Pass };
}

impl Job {
    /// One that has just come in.
    pub(super) fn new(admitted: Admitted, arrival: Arrival) -> Self {
        let Admitted { id, received, duplicate, wishes } = admitted;
        Self {
            duplicate,
            // The journal takes in what is handed over together with its claim.
            claimed_when_taken: arrival.route == Route::HandedOver,
            preferences: Some(wishes),
            progress: Progress::not_begun(),
            ..Self::of(Pending { id, received, arrival, added: false }, Duration::ZERO)
        }
    }

    /// One that has waited on the disk.
    pub(super) fn resumed(row: Pending) -> Self {
        // A clock that was set back makes nothing older.
        let age = u64::try_from(Utc::now().timestamp_millis() - row.received).unwrap_or(0);
        Self::of(row, Duration::from_millis(age))
    }

    fn of(row: Pending, age_when_read: Duration) -> Self {
        let route = row.arrival.route;
        Self {
            duplicate: false,
            read_at: Instant::now(),
            age_when_read,
            claimed_when_taken: false,
            // A hand-over is counted for its contact before it is answered. For its room an invitation is counted when it is
            // read, unless its sender alone says that they may invite there.
            charged: Charged { contact: route == Route::HandedOver, room: route != Route::Direct },
            preferences: None,
            member_added: row.added,
            unsupported: false,
            members_only: false,
            identity: None,
            parties: None,
            module: Module::default(),
            parent: None,
            progress: Progress::perhaps_begun(),
            row,
        }
    }

    /// It was read at this moment, some time before the journal had it.
    pub(super) fn read_at(self, read_at: Instant) -> Self {
        Self { read_at, ..self }
    }

    /// It is a part of another one, for which the inviter has been found out.
    pub(super) fn part_of(self, parent: &Arc<Parent>) -> Self {
        Self { parent: Some(Arc::clone(parent)), identity: Some(Identity::KNOWN), ..self }
    }

    /// How long ago it came.
    pub(super) fn age(&self) -> Duration {
        self.age_when_read + self.read_at.elapsed()
    }

    /// The moment from which on it is too old.
    pub(super) fn expires_at(&self, expiry: Duration) -> Instant {
        self.read_at + expiry.saturating_sub(self.age_when_read)
    }

    /// What the contact wanted when it came in, the first time that this is asked for.
    pub(super) fn take_preferences(&mut self) -> Option<Preferences> {
        self.preferences.take()
    }

    /// Counts it against the contact's limit, once.
    pub(super) fn charge_contact(&mut self, charge: impl FnOnce() -> Answer) -> Answer {
        once(&mut self.charged.contact, charge)
    }

    /// Counts it against the room's limit, once: where the room has not passed it on itself.
    pub(super) fn charge_room(&mut self, charge: impl FnOnce() -> Answer) -> Answer {
        once(&mut self.charged.room, charge)
    }

    /// As it is decided about.
    pub(super) fn invitation<'a>(&'a self, parties: &'a Parties) -> Invitation<'a> {
        Invitation {
            route: self.row.arrival.route,
            parties,
            duplicate: self.duplicate,
            part: self.row.arrival.parent.is_some(),
            parent: self.parent.as_deref(),
            can_go_back: false,
            read_at: self.read_at,
        }
    }
}

fn once(charged: &mut bool, charge: impl FnOnce() -> Answer) -> Answer {
    if std::mem::replace(charged, true) { Answer::Pass } else { charge() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Payload;

    #[test]
    fn each_is_counted_once_whichever_way_it_waited() {
        for (route, by_contact, by_room) in [
            (Route::Addressed, true, false),
            (Route::Direct, true, true),
            (Route::FanOut, true, false),
            (Route::HandedOver, false, false),
        ] {
            let arrival = || Arrival {
                route,
                room: "tea@c.example".to_owned(),
                inviter: "alice@example.org".to_owned(),
                contact: "bob@example.org".to_owned(),
                payload: Payload::default(),
                parent: None,
            };
            let admitted = Admitted { id: 1, received: 0, duplicate: false, wishes: Preferences::default() };
            let waited = Pending { id: 1, received: 0, arrival: arrival(), added: false };
            for mut job in [Job::new(admitted, arrival()), Job::resumed(waited)] {
                let full = |job: &mut Job| job.charge_contact(|| Answer::Over) == Answer::Over;
                assert_eq!([full(&mut job), full(&mut job)], [by_contact, false], "{route}");
                let full = |job: &mut Job| job.charge_room(|| Answer::Over) == Answer::Over;
                assert_eq!([full(&mut job), full(&mut job)], [by_room, false], "{route}");
            }
        }
    }
}
