//! What an inviter is told of his invitation: short, and no more than he may know.

use std::borrow::Cow;

use crate::journal::Reason;
use crate::wire::Condition;

/// What he is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// For him to read.
    pub(super) text: Cow<'static, str>,
    /// For his client, where it gets an error; `None`: it was done, there is none.
    pub(super) condition: Option<Condition>,
}

/// Why an invitation was refused, or failed.
pub(super) fn for_inviter(reason: Reason) -> Told {
    use Condition as C;
    let (condition, text) = match reason {
        Reason::Outcast => (C::NotAllowed, "This contact can't be invited to this room."),
        Reason::NotMember => (
            C::NotAllowed,
            "This contact is not a member of this room. Ask one of its admins to make him one.",
        ),
        Reason::NoRights => (
            C::NotAllowed,
            "This contact is not a member of this room, and could not be made one. Ask one of its admins to do it.",
        ),
        Reason::MayNotInvite => (C::Forbidden, "You may not invite to this room."),
        Reason::Untrusted => (C::NotAcceptable, "Invitations to this room are not relayed here."),
        // Whoever may not use an address is told what others are told of one that does not exist.
        Reason::Malformed | Reason::MayNotUse => (
            C::ItemNotFound,
            "Nobody is reached at this address. To invite bob@example.org, write his address with \\40 for the @.",
        ),
        Reason::RateLimited => (
            C::PolicyViolation,
            "Too many invitations. Please wait a while; until then further ones are dropped.",
        ),
        Reason::TooMany => (
            C::PolicyViolation,
            "This address stands for more people than one invitation may reach. Nobody was invited.",
        ),
        Reason::NoList => {
            (C::NotAllowed, "This room does not tell the relay who its members are. Nobody was invited.")
        }
        Reason::Bounced | Reason::NotPermitted => {
            (C::ServiceUnavailable, "The invitation could not be delivered.")
        }
        _ => (C::ServiceUnavailable, "The invitation could not be passed on."),
    };
    Told { text: text.into(), condition: Some(condition) }
}

/// A direct invitation does not name a room.
pub(super) fn no_room() -> Told {
    Told {
        text: "This invitation names no room. Write its address alone, such as room@conference.example.org."
            .into(),
        condition: Some(Condition::JidMalformed),
    }
}

/// Time ran out.
pub(super) fn expired() -> Told {
    Told {
        text: "The invitation could not be delivered in time.".into(),
        condition: Some(Condition::RemoteServerTimeout),
    }
}

/// What became of an invitation to several people.
pub(super) fn sum(invited: usize, already: usize, failed: usize) -> Told {
    let mut parts = vec![format!("{invited} invited")];
    parts.extend((already > 0).then(|| format!("{already} already there")));
    parts.extend((failed > 0).then(|| format!("{failed} can't be reached")));
    Told { text: parts.join(", ").into(), condition: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_names_what_there_is() {
        assert_eq!(sum(12, 3, 1).text, "12 invited, 3 already there, 1 can't be reached");
        assert_eq!(sum(0, 2, 0).text, "0 invited, 2 already there");
        assert_eq!(sum(5, 0, 0).text, "5 invited");
    }
}
