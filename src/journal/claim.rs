//! What an invitation that asks for its contact and room says, and what it is answered.
//! Knows nothing of how the answer is found: see [`super::claim_memory`].

use super::nouns::Key;
use crate::model::Id;

/// What stands for an inviter in a list.
pub(super) type Inviter = [u8; 8];

/// What the contact's side has to say about an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing is against it.
    Yes,
    /// The contact does not want it.
    No,
    /// The contact is in the room: what they were invited for before has come about.
    Inside,
    /// The contact may not come in, and the inviter is told so: what was sent before is of no use any more.
    Barred,
}

/// What an invitation says of the room's password. Digests are short enough that no list of passwords leads back to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RoomPassword {
    /// It is not known.
    #[default]
    Unknown,
    /// The room has told none.
    None,
    /// The room has told this one.
    Digest(u16),
    /// The inviter has said this one, or none: they may say what they like.
    Said(Option<u16>),
}

/// An invitation that asks for its contact and room.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    pub(super) key: Key,
    pub(super) id: Id,
    pub(super) inviter: Inviter,
    /// It came from the inviter itself, and not through the room.
    pub(super) direct: bool,
    pub(super) password: RoomPassword,
    pub(super) wanted: Wanted,
    /// The contact is about to be made a member.
    pub(super) adding: bool,
    /// The invitation that is out of date, if it is still the one that is in the way: the contact has lost the membership
    /// that came with it.
    pub(super) instead_of: Option<Id>,
    /// When the room has made the contact a member for it, if it has: ms since 1970. Whatever they were invited with before that
    /// is gone.
    pub(super) anew: Option<i64>,
}

#[cfg(test)]
impl Claim {
    /// One with nothing out of the ordinary.
    pub(super) fn ordinary(key: Key, id: Id, inviter: Inviter) -> Self {
        Self {
            key,
            id,
            inviter,
            direct: false,
            password: RoomPassword::None,
            wanted: Wanted::Yes,
            adding: false,
            instead_of: None,
            anew: None,
        }
    }
}

/// What becomes of an invitation that asked for its contact and room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimed {
    /// Whether it is sent.
    pub delivery: Delivery,
    /// To the inviter: the contact has been invited already. Does not depend on what the contact wants.
    pub repeated: bool,
    /// The inviter's client has sent it in another form a moment ago: there is nothing to tell them.
    pub other_form: bool,
    /// It has asked before: an earlier attempt, or an earlier run of the relay, was interrupted.
    pub again: bool,
}

impl Claimed {
    /// Whether the inviter is to be told that the contact has been invited already.
    #[must_use]
    pub fn is_news_to_the_inviter(self) -> bool {
        self.repeated && !self.other_form
    }

    /// Whether it counts for the contact's limit. This does not depend on what the contact wants, and so the limit does not
    /// either.
    #[must_use]
    pub fn counts(self) -> bool {
        !self.repeated && !self.again
    }

    /// Whether the contact has another invitation.
    #[must_use]
    pub fn is_duplicate(self) -> bool {
        matches!(self.delivery, Delivery::Held { under_way: false, .. })
    }
}

/// Whether an invitation is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Yes.
    Granted,
    /// No: this one is in the way.
    Held {
        /// The other one.
        by: Id,
        /// It has not ended, and may fail.
        under_way: bool,
    },
    /// No: it was not asked for ([`Wanted`]).
    NotWanted,
}

/// Whether somebody has been invited already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// The contact has an invitation.
    pub reached: bool,
    /// As the inviter sees it.
    pub asked: bool,
}
