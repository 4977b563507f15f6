//! How an invitation came in, where it stands, and why: the words of journal, history, log and metrics.
//! Knows nothing of when each of them holds.

use super::Id;
use super::words::words;

words! {
    /// How an invitation came in.
    Route {
        /// To a relay address of one contact, by way of a room.
        Addressed = "addressed",
        /// By a server's module.
        HandedOver = "handed-over",
        /// To a relay address that stands for several people, by way of a room; and as one of those people.
        FanOut = "fan-out",
        /// As a direct invitation to a relay address.
        Direct = "direct",
    }
}

words! {
    /// Where an invitation stands.
    State {
        /// Under way.
        Pending = "pending",
        /// The server has taken the direct invitation.
        Relayed = "relayed",
        /// Dropped silently: the contact has it already, is inside, or wants none.
        Suppressed = "suppressed",
        /// Not passed on; the inviter was told, where they may know.
        Refused = "refused",
        /// Left to the server that handed it over.
        HandedBack = "handed-back",
        /// Sent, and came back.
        Failed = "failed",
        /// Could not be delivered in time; the inviter was told.
        Expired = "expired",
    }
}

words! {
    /// Why, in one short stable word.
    Reason {
        /// The contact was invited to this room inside the window.
        Duplicate = "duplicate",
        /// The contact is in the room.
        Occupant = "occupant",
        /// The contact is banned from the room.
        Outcast = "outcast",
        /// The contact is not a member, and is not to be made one.
        NotMember = "not-member",
        /// The inviter may not invite to this room.
        MayNotInvite = "may-not-invite",
        /// It came from somebody who could forge it.
        Untrusted = "untrusted",
        /// The relay address or the inviter's address is none.
        Malformed = "malformed",
        /// Nobody gave the relay the right to make the contact a member.
        NoRights = "no-rights",
        /// The direct invitation came back with an error.
        Bounced = "bounced",
        /// The server would not let the relay speak for the inviter.
        NotPermitted = "not-permitted",
        /// The inviter is no user of this server, or their host granted nothing.
        NotLocal = "not-local",
        /// The room did not answer in time for a hand-over.
        Unsure = "unsure",
        /// The server delivered what it had handed over before our answer reached it.
        TooLate = "too-late",
        /// Too many in too short a time.
        RateLimited = "rate-limited",
        /// More people are meant than one invitation may reach.
        TooMany = "too-many",
        /// Of those who are meant nobody was left to be invited, or nobody could be.
        Nobody = "nobody",
        /// The room would not tell who its members are.
        NoList = "no-list",
        /// The inviter may not use this group.
        MayNotUse = "may-not-use",
        /// The contact takes no relayed invitations.
        OptedOut = "opted-out",
        /// The contact blocks the inviter, the room or its service.
        Blocked = "blocked",
        /// The inviter is not in the contact's roster.
        Stranger = "stranger",
        /// The room or inviter looks like another one that the contact knows.
        Mimicry = "mimicry",
        /// None of the contact's clients that are online shows direct invitations.
        Unsupported = "unsupported",
    }
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
