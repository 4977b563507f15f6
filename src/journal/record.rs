//! The words of the journal: route, state, reason, wish, and one line of `history`.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use jid::BareJid;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// An enum whose variants are stable words, in the database, in `history` and in logs alike.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The stable word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { word: word.to_owned(), known: &[$($word,)+] }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

/// A word that none of the variants has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is none of {}", known.join(", "))]
pub struct UnknownWord {
    word: String,
    known: &'static [&'static str],
}

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
        /// Not passed on; the inviter was told, where he may know.
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
    /// From whom somebody takes invitations.
    #[derive(Default)]
    Takes {
        /// From everybody.
        #[default]
        Everybody = "everybody",
        /// From the people in his roster.
        Contacts = "contacts",
        /// From nobody.
        Nobody = "nobody",
        /// From everybody; those that his server handed over, it is to deliver itself.
        Server = "server",
    }
}

words! {
    /// Who may use a group.
    #[derive(Default)]
    MayUse {
        /// Whoever may invite to the room.
        #[default]
        Everybody = "everybody",
        /// Those who are in it.
        Members = "members",
        /// Those who are named for that.
        Named = "named",
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
        /// The inviter is no user of this server, or his host granted nothing.
        NotLocal = "not-local",
        /// The room did not answer in time for a hand-over.
        Unsure = "unsure",
        /// The server delivered what it had handed over before our answer reached it.
        TooLate = "too-late",
        /// More is under way than the relay takes.
        Busy = "busy",
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

/// One line of `history`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The journal's id.
    pub id: super::Id,
    /// When it arrived.
    pub received: DateTime<Utc>,
    /// When it ended; `None` while it is under way.
    pub settled: Option<DateTime<Utc>>,
    /// How it came.
    pub route: Route,
    /// The room's bare JID.
    pub room: String,
    /// The inviter's bare JID, or `ROOM/NICK` where the room masks it.
    pub inviter: String,
    /// The contact's bare JID.
    pub contact: String,
    /// Where it stands.
    pub state: State,
    /// Why.
    pub reason: Option<Reason>,
    /// The `from` of the direct invitation, or the room that it went through.
    pub sent_as: Option<String>,
    /// The invitation of which this one is a part.
    pub parent: Option<super::Id>,
}

/// What to look for in the journal; all that is set must hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The room.
    pub room: Option<BareJid>,
    /// The contact.
    pub contact: Option<BareJid>,
    /// The inviter.
    pub inviter: Option<BareJid>,
    /// The state.
    pub state: Option<State>,
    /// Received at this time or later.
    pub since: Option<DateTime<Utc>>,
    /// At most so many, the newest.
    pub limit: u32,
}

/// A word from the database, where there is one.
pub(super) fn nullable<T: FromStr<Err = UnknownWord>>(
    row: &SqliteRow,
    index: usize,
) -> sqlx::Result<Option<T>> {
    let word: Option<&str> = row.try_get(index)?;
    word.map(|_| column(row, index)).transpose()
}

/// A word from the database.
pub(super) fn column<T: FromStr<Err = UnknownWord>>(row: &SqliteRow, index: usize) -> sqlx::Result<T> {
    let word: &str = row.try_get(index)?;
    word.parse()
        .map_err(|e: UnknownWord| sqlx::Error::ColumnDecode { index: index.to_string(), source: Box::new(e) })
}
