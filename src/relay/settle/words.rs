//! The texts for inviters: short, and no more than they may know. Knows nothing of how they are sent.

use std::borrow::Cow;

use crate::model::Reason;
use crate::wire::Condition;

/// What the inviter is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::relay) struct Told {
    /// The text for the inviter.
    pub(in crate::relay) text: Cow<'static, str>,
    /// The condition, if their client gets an error; `None`: the invitation was carried out, which is no error.
    pub(in crate::relay) condition: Option<Condition>,
}

/// The text for an invitation that was refused or has failed.
pub(in crate::relay) fn for_inviter(reason: Reason) -> Told {
    use Condition as C;
    let (condition, text) = match reason {
        Reason::Outcast => (C::NotAllowed, "This contact can't be invited to this room."),
        Reason::NotMember => (
            C::NotAllowed,
            "This contact is not a member of this room. Ask one of its admins to make them one.",
        ),
        Reason::NoRights => (
            C::NotAllowed,
            "This contact is not a member of this room, and could not be made one. Ask one of its admins to do it.",
        ),
        Reason::MayNotInvite => (C::Forbidden, "You may not invite to this room."),
        Reason::Untrusted => (C::NotAcceptable, "Invitations to this room are not relayed here."),
        // The same for both, so that nobody learns which groups exist.
        Reason::Malformed | Reason::MayNotUse => (
            C::ItemNotFound,
            "Nobody is reached at this address. To invite bob@example.org, write their address with \\40 or % for the @.",
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
        Reason::Unsendable => (
            C::NotAcceptable,
            "The invitation can't be passed on as it is: something in it, such as the room's password, is too long.",
        ),
        Reason::Bounced | Reason::NotPermitted => {
            (C::ServiceUnavailable, "The invitation could not be delivered.")
        }
        _ => (C::ServiceUnavailable, "The invitation could not be passed on."),
    };
    Told { text: text.into(), condition: Some(condition) }
}

/// The text for a direct invitation that names no room.
pub(in crate::relay) fn no_room() -> Told {
    Told {
        text: "This invitation names no room. Write its address alone, such as room@conference.example.org."
            .into(),
        condition: Some(Condition::JidMalformed),
    }
}

/// The text for an invitation that has expired.
pub(in crate::relay) fn expired() -> Told {
    Told {
        text: "The invitation could not be delivered in time.".into(),
        condition: Some(Condition::RemoteServerTimeout),
    }
}

/// The text for a fan-out: how many people were invited, were already there, or can't be reached.
pub(in crate::relay) fn sum(invited: usize, already: usize, failed: usize) -> Told {
    let mut parts = vec![format!("{invited} invited")];
    parts.extend((already > 0).then(|| format!("{already} already there")));
    parts.extend((failed > 0).then(|| format!("{failed} can't be reached")));
    Told { text: parts.join(", ").into(), condition: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_leaves_out_zeros() {
        assert_eq!(sum(12, 3, 1).text, "12 invited, 3 already there, 1 can't be reached");
        assert_eq!(sum(0, 2, 0).text, "0 invited, 2 already there");
        assert_eq!(sum(5, 0, 0).text, "5 invited");
    }
}
