//! The judge: facts in, verdict out. A pure function; the table of its tests reads as the rules.
//! Knows nothing of how facts are found or verdicts carried out.

use crate::config::Membership;
use crate::journal::Reason;
use crate::wire::muc::Affiliation;

/// What is known when an invitation is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// It came from a room of a MUC service that is believed.
    pub trusted: bool,
    /// Another invitation of this contact to this room was relayed inside the window, or is about to be.
    pub duplicate: bool,
    /// The room takes members only; `None` where it would not say.
    pub members_only: Option<bool>,
    /// The contact's affiliation; `None` where we may not read it.
    pub affiliation: Option<Affiliation>,
    /// The contact is in the room; `None` where we may not see it.
    pub occupant: Option<bool>,
    /// The inviter may invite to this room. A room that passes his invitation on says so itself.
    pub may_invite: bool,
    /// The operator's `muc.membership`.
    pub membership: Membership,
}

/// What becomes of an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes to the contact.
    Relay {
        /// After he was made a member.
        add_member: bool,
    },
    /// It ends here, silently: the contact has nothing to gain and nobody may learn why.
    Suppress(Reason),
    /// It ends here, and the inviter is told.
    Refuse(Reason),
}

/// Judges an invitation.
///
/// What can't be known counts in favour of the invitation: a contact who may be a member already, or be outside, should
/// get it. Only a known obstacle stops it.
#[must_use]
pub fn judge(facts: Facts) -> Verdict {
    let members_only = facts.members_only == Some(true);
    if !facts.trusted {
        Verdict::Refuse(Reason::Untrusted)
    } else if !facts.may_invite {
        Verdict::Refuse(Reason::MayNotInvite)
    } else if facts.duplicate {
        Verdict::Suppress(Reason::Duplicate)
    } else if facts.affiliation == Some(Affiliation::Outcast) {
        Verdict::Refuse(Reason::Outcast)
    } else if facts.occupant == Some(true) {
        Verdict::Suppress(Reason::Occupant)
    } else if members_only && facts.affiliation == Some(Affiliation::None) {
        match facts.membership {
            Membership::Add => Verdict::Relay { add_member: true },
            Membership::Require => Verdict::Refuse(Reason::NotMember),
            Membership::Ignore => Verdict::Relay { add_member: false },
        }
    } else {
        Verdict::Relay { add_member: false }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An invitation that nothing stands against: a trusted open room, a contact outside.
    const FINE: Facts = Facts {
        trusted: true,
        duplicate: false,
        members_only: Some(false),
        affiliation: Some(Affiliation::None),
        occupant: Some(false),
        may_invite: true,
        membership: Membership::Add,
    };
    const MEMBERS_ONLY: Facts = Facts { members_only: Some(true), ..FINE };
    const RELAY: Verdict = Verdict::Relay { add_member: false };
    const ADD_AND_RELAY: Verdict = Verdict::Relay { add_member: true };

    #[test]
    #[rustfmt::skip]
    fn the_rules() {
        use {Affiliation as A, Membership as M, Reason as R, Verdict::{Refuse, Suppress}};
        let table = [
            ("an open room, the contact outside",       FINE,                                                        RELAY),
            ("nothing is known of the room",            Facts { members_only: None, affiliation: None, occupant: None, ..FINE }, RELAY),
            ("from somewhere untrusted",                Facts { trusted: false, ..FINE },                            Refuse(R::Untrusted)),
            ("the inviter may not invite",              Facts { may_invite: false, ..FINE },                         Refuse(R::MayNotInvite)),
            ("invited a moment ago",                    Facts { duplicate: true, ..FINE },                           Suppress(R::Duplicate)),
            ("the contact is inside",                   Facts { occupant: Some(true), ..FINE },                      Suppress(R::Occupant)),
            ("the contact is banned",                   Facts { affiliation: Some(A::Outcast), ..FINE },             Refuse(R::Outcast)),
            ("banned, in a members-only room",          Facts { affiliation: Some(A::Outcast), ..MEMBERS_ONLY },     Refuse(R::Outcast)),
            ("members-only, not yet a member",          MEMBERS_ONLY,                                                ADD_AND_RELAY),
            ("members-only, already a member",          Facts { affiliation: Some(A::Member), ..MEMBERS_ONLY },      RELAY),
            ("members-only, an admin",                  Facts { affiliation: Some(A::Admin), ..MEMBERS_ONLY },       RELAY),
            ("members-only, an owner",                  Facts { affiliation: Some(A::Owner), ..MEMBERS_ONLY },       RELAY),
            ("members-only, nobody tells who is one",   Facts { affiliation: None, ..MEMBERS_ONLY },                 RELAY),
            ("membership = require, a member",          Facts { affiliation: Some(A::Member), membership: M::Require, ..MEMBERS_ONLY }, RELAY),
            ("membership = require, not a member",      Facts { membership: M::Require, ..MEMBERS_ONLY },            Refuse(R::NotMember)),
            ("membership = require, an open room",      Facts { membership: M::Require, ..FINE },                    RELAY),
            ("membership = ignore, not a member",       Facts { membership: M::Ignore, ..MEMBERS_ONLY },             RELAY),
            ("untrusted goes before all else",          Facts { trusted: false, duplicate: true, occupant: Some(true), ..FINE }, Refuse(R::Untrusted)),
            ("a duplicate of one who is inside",        Facts { duplicate: true, occupant: Some(true), ..FINE },     Suppress(R::Duplicate)),
        ];
        for (what, facts, verdict) in table {
            assert_eq!(judge(facts), verdict, "{what}");
        }
    }

    fn facts() -> impl Strategy<Value = Facts> {
        let affiliation = prop::option::of(prop::sample::select(
            &[
                Affiliation::Owner,
                Affiliation::Admin,
                Affiliation::Member,
                Affiliation::None,
                Affiliation::Outcast,
            ][..],
        ));
        let membership =
            prop::sample::select(&[Membership::Add, Membership::Require, Membership::Ignore][..]);
        let flags = any::<(bool, bool, Option<bool>, Option<bool>, bool)>();
        (flags, affiliation, membership).prop_map(|(flags, affiliation, membership)| Facts {
            trusted: flags.0,
            duplicate: flags.1,
            members_only: flags.2,
            occupant: flags.3,
            may_invite: flags.4,
            affiliation,
            membership,
        })
    }

    proptest! {
        #[test]
        fn never_more_than_allowed(facts in facts()) {
            match judge(facts) {
                Verdict::Relay { add_member } => {
                    prop_assert!(facts.trusted && facts.may_invite && !facts.duplicate);
                    prop_assert_ne!(facts.affiliation, Some(Affiliation::Outcast));
                    prop_assert_ne!(facts.occupant, Some(true));
                    if add_member {
                        prop_assert_eq!(facts.affiliation, Some(Affiliation::None), "never a demotion");
                        prop_assert_eq!(facts.membership, Membership::Add);
                        prop_assert_eq!(facts.members_only, Some(true));
                    }
                }
                Verdict::Suppress(reason) => prop_assert!(matches!(reason, Reason::Duplicate | Reason::Occupant)),
                Verdict::Refuse(reason) => prop_assert!(!matches!(reason, Reason::Duplicate | Reason::Occupant)),
            }
        }
    }
}
