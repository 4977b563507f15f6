//! An invitation in memory. One task owns it; what must survive a crash is in the journal.
//! Knows nothing of what is done with it.

use std::sync::Arc;
use std::time::Duration;

use jid::BareJid;
use tokio::time::Instant;

use super::decide::facts::{Invitation, Parent};
use super::deliver::module::Module;
use super::fan_out::progress::Progress;
use super::limits::Answer;
use super::parties::Parties;
use super::shares::Share;
use crate::journal::{Admitted, Claimed, Delivery};
use crate::model::{Arrival, Pending, Preferences, Route, clock};

/// Attempts at an invitation that get no answer from a room or server. A room's lists may be too long to ever arrive, and
/// each question is work for the server.
pub(super) const MAX_ATTEMPTS: u32 = 3;

/// An invitation in memory.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug)]
pub(super) struct Job {
    pub(super) row: Pending,
    /// When it was read from the link or the disk, by the monotonic clock.
    pub(super) read_at: Instant,
    /// How long before that it had arrived.
    age_when_read: Duration,
    /// It was journaled together with its claim, and no attempt has used that yet.
    pub(super) claimed_when_taken: bool,
    /// What it was answered then. It had not asked before, so it is to be counted for its contact.
    pub(super) claimed: Option<Claimed>,
    /// The inviter is to be told that the contact was invited already.
    pub(super) repeated: bool,
    /// It was decided about once more, because the contact was no member any more.
    pub(super) decided_again: bool,
    charged: Charged,
    /// How many attempts got no answer from a room or server.
    pub(super) unanswered: u32,
    /// Its share of its room and inviter, until the room has answered.
    pub(super) share: Option<Share>,
    /// The contact's preferences when it arrived; `None` once they may have changed.
    preferences: Option<Preferences>,
    /// The contact was made a member for it, or was about to be.
    pub(super) member_added: bool,
    /// None of the contact's clients that are online shows direct invitations.
    pub(super) unsupported: bool,
    /// It can't be sent: not to be tried again while the inviter is being told.
    pub(super) unsendable: bool,
    /// Whether the room was members-only when it was last looked at; `None` if nobody looked, or it did not say.
    pub(super) members_only: Option<bool>,
    pub(super) identity: Option<Identity>,
    /// Room, contact and inviter, once they are found out.
    pub(super) parties: Option<Arc<Parties>>,
    /// What the server's module knows of it, if it was handed over.
    pub(super) module: Module,
    /// The fan-out of which it is a part.
    pub(super) parent: Option<Arc<Parent>>,
    /// How far it has come, if it is a fan-out.
    pub(super) progress: Progress,
}

/// What the limits said for which it has been counted already. It holds for each attempt.
#[derive(Debug, Clone, Copy)]
struct Charged {
    contact: Option<Answer>,
    room: Option<Answer>,
}

/// Who has the inviter's nick, if the room names the inviter by that alone; `person` is `None` if it is unknown.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) person: Option<BareJid>,
    /// What their limits say.
    pub(super) answer: Answer,
}

impl Identity {
    /// The inviter's address came with the invitation.
    pub(super) const KNOWN: Self = Self { person: None, answer: Answer::Pass };
}

impl Job {
    /// An invitation that has just arrived.
    pub(super) fn new(admitted: Admitted, arrival: Arrival) -> Box<Self> {
        let Admitted { id, received, claimed, preferences } = admitted;
        Box::new(Self {
            claimed_when_taken: claimed.is_some_and(|claimed| claimed.delivery == Delivery::Granted),
            claimed,
            repeated: claimed.is_some_and(Claimed::is_news_to_the_inviter),
            preferences: Some(preferences),
            progress: Progress::not_begun(),
            ..Self::of(Pending { id, received, arrival, added: false }, Duration::ZERO)
        })
    }

    /// An invitation that was read from the disk.
    pub(super) fn resumed(row: Pending) -> Box<Self> {
        // Zero if the clock was set back.
        let age = u64::try_from(clock::now().timestamp_millis() - row.received).unwrap_or(0);
        Box::new(Self::of(row, Duration::from_millis(age)))
    }

    fn of(row: Pending, age_when_read: Duration) -> Self {
        let route = row.arrival.route;
        Self {
            read_at: Instant::now(),
            age_when_read,
            claimed_when_taken: false,
            claimed: None,
            repeated: false,
            decided_again: false,
            // A hand-over is counted for its contact before it is answered. Invitations are counted for their room when they are
            // read, except direct ones, whose sender may have no right to invite there.
            charged: Charged {
                contact: (route == Route::HandedOver).then_some(Answer::Pass),
                room: (route != Route::Direct).then_some(Answer::Pass),
            },
            unanswered: 0,
            share: None,
            preferences: None,
            member_added: row.added,
            unsupported: false,
            unsendable: false,
            members_only: None,
            identity: None,
            parties: None,
            module: Module::default(),
            parent: None,
            progress: Progress::perhaps_begun(),
            row,
        }
    }

    /// Sets the moment at which it was read from the link.
    pub(super) fn read_at(mut self: Box<Self>, read_at: Instant) -> Box<Self> {
        self.read_at = read_at;
        self
    }

    /// Notes who invites whom, where that is known already.
    pub(super) fn between(mut self: Box<Self>, parties: Option<Parties>) -> Box<Self> {
        self.parties = parties.map(Arc::new);
        self
    }

    /// Notes whether the room made the contact a member before it handed the invitation over, which the journal has already.
    pub(super) fn member_added_by_room(mut self: Box<Self>, added: bool) -> Box<Self> {
        self.member_added = added;
        self
    }

    /// Makes it a part of a fan-out, whose inviter is found out already.
    pub(super) fn part_of(mut self: Box<Self>, parent: &Arc<Parent>) -> Box<Self> {
        self.parent = Some(Arc::clone(parent));
        self.identity = Some(Identity::KNOWN);
        self
    }

    /// How long ago it arrived.
    pub(super) fn age(&self) -> Duration {
        self.age_when_read + self.read_at.elapsed()
    }

    /// The moment at which it expires.
    pub(super) fn expires_at(&self, expiry: Duration) -> Instant {
        self.read_at + expiry.saturating_sub(self.age_when_read)
    }

    /// The contact's preferences when it arrived, at the first call; then `None`.
    pub(super) fn take_preferences(&mut self) -> Option<Preferences> {
        self.preferences.take()
    }

    /// Counts it for the contact's limit, once; each call has the same answer.
    pub(super) fn charge_contact(&mut self, charge: impl FnOnce() -> Answer) -> Answer {
        once(&mut self.charged.contact, charge)
    }

    /// Counts a direct invitation for the room's limit, once; each call has the same answer.
    pub(super) fn charge_room(&mut self, charge: impl FnOnce() -> Answer) -> Answer {
        once(&mut self.charged.room, charge)
    }

    /// The contact, or the one of their devices that was invited (XEP-0045 §7.9).
    pub(super) fn recipient(&self, contact: &BareJid) -> String {
        match self.row.arrival.payload.device() {
            Some(device) => format!("{contact}/{device}"),
            None => contact.to_string(),
        }
    }

    /// The form that `decide/` takes.
    pub(super) fn invitation<'a>(&'a self, parties: &'a Parties) -> Invitation<'a> {
        Invitation {
            route: self.row.arrival.route,
            parties,
            part: self.row.arrival.parent.is_some(),
            parent: self.parent.as_deref(),
            can_go_back: false,
            read_at: self.read_at,
        }
    }
}

fn once(charged: &mut Option<Answer>, charge: impl FnOnce() -> Answer) -> Answer {
    *charged.get_or_insert_with(charge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Payload;

    #[test]
    fn each_is_counted_once_from_link_or_disk() {
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
            let admitted =
                Admitted { id: 1, received: 0, claimed: None, preferences: Preferences::default() };
            let waited = Pending { id: 1, received: 0, arrival: arrival(), added: false };
            for mut job in [Job::new(admitted, arrival()), Job::resumed(waited)] {
                let mut counted = 0;
                let mut over = || {
                    counted += 1;
                    Answer::Over
                };
                let answers = [job.charge_contact(&mut over), job.charge_contact(&mut over)];
                let expected = if by_contact { Answer::Over } else { Answer::Pass };
                assert_eq!(answers, [expected; 2], "{route}: what was said holds for each attempt");
                let answers = [job.charge_room(&mut over), job.charge_room(&mut over)];
                let expected = if by_room { Answer::Over } else { Answer::Pass };
                assert_eq!(answers, [expected; 2], "{route}");
                assert_eq!(counted, u8::from(by_contact) + u8::from(by_room), "{route}");
            }
        }
    }
}
