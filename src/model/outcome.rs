//! How an invitation arrived, where it stands, and why: the words of journal, history, log and metrics.
//! Knows nothing of when each of them applies.

use super::Id;
use super::words::words;

words! {
    /// How an invitation arrived.
    Route {
        /// From a room, to the relay address of one contact.
        Addressed = "addressed",
        /// From a module of the server.
        HandedOver = "handed-over",
        /// From a room, to a group address; also each part of any fan-out.
        FanOut = "fan-out",
        /// From the inviter, as a direct invitation to a relay address.
        Direct = "direct",
        /// From an operator or an admin, by the command `invite`.
        Command = "command",
    }
}

words! {
    /// Where an invitation stands.
    State {
        /// Under way.
        Pending = "pending",
        /// The server has taken the direct invitation.
        Relayed = "relayed",
        /// Dropped silently: the contact has been invited already, is in the room, or does not want it.
        Suppressed = "suppressed",
        /// Not passed on; the inviter was told, unless they may not know.
        Refused = "refused",
        /// The server that handed it over delivers it itself.
        HandedBack = "handed-back",
        /// It did not reach the contact; usually it was sent and came back.
        Failed = "failed",
        /// Could not be delivered in time; the inviter was told.
        Expired = "expired",
    }
}

words! {
    /// Why an invitation ended, in one short stable word.
    Reason {
        /// The contact was invited to this room within `relay.window`.
        Duplicate = "duplicate",
        /// The contact is in the room.
        Occupant = "occupant",
        /// The contact is banned from the room.
        Outcast = "outcast",
        /// The contact is not a member, and is not to be made one.
        NotMember = "not-member",
        /// The inviter may not invite to this room.
        MayNotInvite = "may-not-invite",
        /// Its sender is not a MUC service or host that the relay trusts.
        Untrusted = "untrusted",
        /// The relay address, the room's address or the inviter's address is invalid.
        Malformed = "malformed",
        /// Neither the relay nor the inviter has the right to make the contact a member.
        NoRights = "no-rights",
        /// The direct invitation came back with an error.
        Bounced = "bounced",
        /// The server would not let the relay speak for the inviter.
        NotPermitted = "not-permitted",
        /// The inviter is not a user of this server, or their host has granted the relay nothing.
        NotLocal = "not-local",
        /// Not all could be found out: the room or the contact's server did not answer, in time for a hand-over or at several
        /// attempts, or the contact's block list can't be read.
        Unsure = "unsure",
        /// The server delivered what it had handed over before our answer reached it.
        TooLate = "too-late",
        /// A limit on invitations was exceeded.
        RateLimited = "rate-limited",
        /// The group address stands for more people than one invitation may reach.
        TooMany = "too-many",
        /// Nobody behind the group address had to be invited, or nobody could be.
        Nobody = "nobody",
        /// The room did not tell its member list.
        NoList = "no-list",
        /// The contact is a relay address of another server's relay.
        AnotherRelay = "another-relay",
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
        /// Its password is too long, or the server ends the connection at it.
        Unsendable = "unsendable",
    }
}

/// How an invitation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The invitation's id.
    pub id: Id,
    /// Its last state; never [`State::Pending`].
    pub state: State,
    /// Why, if the state alone does not say it.
    pub reason: Option<Reason>,
    /// The inviter's real address, if it was found out; `None` keeps what arrived.
    pub inviter: Option<String>,
    /// The `from` of the direct invitation, or the room that it was sent through.
    pub sent_as: Option<String>,
}
