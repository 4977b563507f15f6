//! What an inviter is told when his invitation does not get through: short, and no more than he may know.

use crate::journal::Reason;

/// The reason of a decline.
pub(super) fn for_inviter(reason: Reason) -> &'static str {
    match reason {
        Reason::Outcast => "This contact can't be invited to this room.",
        Reason::NotMember => {
            "This contact is not a member of this room. Ask one of its admins to make him one."
        }
        Reason::NoRights => {
            "This contact is not a member of this room, and could not be made one. Ask one of its admins to do it."
        }
        Reason::MayNotInvite => "You may not invite to this room.",
        Reason::Malformed => {
            "Nobody is reached at this address. To invite bob@example.org, write his address with \\40 for the @."
        }
        Reason::RateLimited => {
            "Too many invitations. Please wait a while; until then further ones are dropped."
        }
        Reason::Bounced | Reason::NotPermitted => "The invitation could not be delivered.",
        _ => "The invitation could not be passed on.",
    }
}

/// The reason of a decline when time ran out.
pub(super) const EXPIRED: &str = "The invitation could not be delivered in time.";
