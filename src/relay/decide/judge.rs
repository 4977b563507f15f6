//! The judge: facts in, verdict out. A pure function; the table of its tests reads as the rules.
//! Knows nothing of how facts are found or verdicts carried out.

use crate::config::{Membership, Mimicry, Strangers};
use crate::model::{AcceptFrom, Reason, State};
use crate::wire::muc::Affiliation;

/// What is known when an invitation is judged.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// It came from a MUC service that the relay trusts.
    pub trusted: bool,
    /// Only members may enter the room; `None` if the room did not say.
    pub members_only: Option<bool>,
    /// The contact's affiliation, or that of their domain, as the server counts it; `None` if the relay may not know.
    pub affiliation: Option<Affiliation>,
    /// The room's lists have the contact's domain as a member or more, even if the server does not count that.
    pub lists_domain: bool,
    /// The contact is in the room; `None` if the relay may not know.
    pub occupant: Option<bool>,
    /// The room itself passed it on, or a server handed it over, which shows that the inviter may invite there.
    pub vouched: bool,
    /// The inviter is in the room and may speak there; `None` if the relay may not know.
    pub inviter_speaks: Option<bool>,
    /// The inviter's affiliation, or that of their domain, as the server counts it; `None` if the inviter is not known, or the
    /// relay may not know it.
    pub inviter: Option<Affiliation>,
    /// The relay address that was invited became a member about when this invitation was read. If it was on the list before, or
    /// may have been, this is false.
    pub room_added_address: bool,
    /// Every occupant may invite; `None` if the room did not say.
    pub allows_invites: Option<bool>,
    /// The operator's `muc.membership`.
    pub membership: Membership,
    /// What the contact wants.
    pub wants: Wants,
}

/// What is known of the contact's wishes. The default, before anybody was asked, has nothing against the invitation.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wants {
    /// From whom the contact accepts invitations.
    pub accept_from: AcceptFrom,
    /// The contact, or an admin for everybody, blocks the inviter, the room, or the domain of either.
    pub blocked: bool,
    /// The inviter is not in the contact's roster; `None` if the relay may not know.
    pub stranger: Option<bool>,
    /// The operator's `relay.strangers`.
    pub strangers: Strangers,
    /// Inviter or room look like others that the contact knows.
    pub mimics: bool,
    /// The operator's `relay.mimicry`.
    pub mimicry: Mimicry,
    /// None of the contact's clients that are online shows direct invitations.
    pub unsupported: bool,
    /// Their server says that there is no such user.
    pub no_account: bool,
    /// Their block list can't be read, though the relay may.
    pub unreadable: bool,
    /// The server that handed it over can still deliver it itself.
    pub can_go_back: bool,
}

/// Whether the contact is made a member, and by whose rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adding {
    /// The contact is not made a member.
    No,
    /// By the inviter's rights only, which the room will check, since nobody vouches for the inviter.
    ByInviter,
    /// By the inviter's rights or the relay's own.
    ByAnyRight,
}

/// What becomes of an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes to the contact.
    Relay {
        /// Whether the contact is made a member first.
        add_member: Adding,
    },
    /// It ends here silently, since the contact does not need it.
    Suppress(Reason),
    /// It ends here, and the inviter is told.
    Refuse(Reason),
    /// The contact does not want it. It ends here, in this state; to the inviter it looks as if the contact did not answer.
    Unwanted(State, Reason),
    /// The server that handed it over is to deliver it itself.
    HandBack(Reason),
    /// It can't reach the contact, and the inviter is told.
    Fail(Reason),
}

/// Judges an invitation.
///
/// What can't be known counts in favour of the invitation: a contact who may be a member already, or be outside, should
/// get it. Only a known obstacle stops it.
///
/// The contact's wishes come last, so that what the inviter is told does not depend on them.
#[must_use]
pub fn judge(facts: Facts) -> Verdict {
    match judge_without_wishes(facts) {
        relay @ Verdict::Relay { .. } => judge_wishes(facts.wants).unwrap_or(relay),
        verdict => verdict,
    }
}

fn judge_without_wishes(facts: Facts) -> Verdict {
    let members_only = facts.members_only == Some(true);
    if !facts.trusted {
        Verdict::Refuse(Reason::Untrusted)
    } else if !may_invite(&facts) {
        Verdict::Refuse(Reason::MayNotInvite)
    } else if facts.affiliation == Some(Affiliation::Outcast) {
        Verdict::Refuse(Reason::Outcast)
    } else if facts.occupant == Some(true) {
        Verdict::Suppress(Reason::Occupant)
    } else if members_only && facts.affiliation == Some(Affiliation::None) {
        match facts.membership {
            Membership::Add if may_add(&facts) => Verdict::Relay { add_member: Adding::ByAnyRight },
            Membership::Add => Verdict::Relay { add_member: Adding::ByInviter },
            Membership::Require if facts.lists_domain => Verdict::Relay { add_member: Adding::No },
            Membership::Require => Verdict::Refuse(Reason::NotMember),
            Membership::Ignore => Verdict::Relay { add_member: Adding::No },
        }
    } else {
        Verdict::Relay { add_member: Adding::No }
    }
}

/// The verdict that the contact's wishes lead to; `None` if they have nothing against the invitation.
fn judge_wishes(wants: Wants) -> Option<Verdict> {
    let silently = |reason| Some(Verdict::Unwanted(State::Suppressed, reason));
    if wants.blocked {
        return silently(Reason::Blocked);
    }
    match wants.accept_from {
        AcceptFrom::Nobody => silently(Reason::OptedOut),
        // The contact has asked for this: an inviter who is not known to be in the roster is a stranger.
        AcceptFrom::Contacts if wants.stranger != Some(false) => silently(Reason::Stranger),
        _ if wants.strangers == Strangers::Refuse && wants.stranger == Some(true) => {
            Some(Verdict::Unwanted(State::Refused, Reason::Stranger))
        }
        _ if wants.mimicry == Mimicry::Refuse && wants.mimics => {
            Some(Verdict::Unwanted(State::Refused, Reason::Mimicry))
        }
        _ if wants.no_account => Some(Verdict::Fail(Reason::Bounced)),
        // The contact may block just this. Their server knows, and applies it to the room's own invitation.
        _ if wants.unreadable && wants.can_go_back => Some(Verdict::HandBack(Reason::Unsure)),
        _ if wants.unreadable => Some(Verdict::Fail(Reason::Unsure)),
        AcceptFrom::Server if wants.can_go_back => Some(Verdict::HandBack(Reason::OptedOut)),
        // What can't go back is relayed: the contact may use another client later.
        _ if wants.unsupported && wants.can_go_back => Some(Verdict::HandBack(Reason::Unsupported)),
        AcceptFrom::Everybody | AcceptFrom::Contacts | AcceptFrom::Server => None,
    }
}

/// Whether the inviter may invite to the room. If nobody vouches for them, the rules of XEP-0045 are applied to what is
/// known; what is not known counts against them.
pub(in crate::relay) fn may_invite(facts: &Facts) -> bool {
    match facts.inviter {
        // Also if somebody vouches: the ban may be newer.
        Some(Affiliation::Outcast) => false,
        _ if facts.vouched => true,
        Some(Affiliation::Owner | Affiliation::Admin) => true,
        Some(Affiliation::Member) => facts.allows_invites == Some(true),
        Some(Affiliation::None) => {
            facts.members_only == Some(false)
                && facts.allows_invites == Some(true)
                && facts.inviter_speaks == Some(true)
        }
        None => false,
    }
}

/// Whether this refusal means that the contact may not come in.
pub(in crate::relay) fn bars_the_contact(reason: Reason) -> bool {
    matches!(reason, Reason::Outcast | Reason::NotMember)
}

/// Whether somebody vouches that this inviter may have members made in a members-only room, so that the relay's own
/// rights may be used for it. What is not known does not vouch.
fn may_add(facts: &Facts) -> bool {
    // The room made the relay address a member when it passed this invitation on.
    (facts.vouched && facts.room_added_address)
        || match facts.inviter {
            Some(Affiliation::Owner | Affiliation::Admin) => true,
            Some(Affiliation::Member) => facts.allows_invites == Some(true),
            Some(Affiliation::Outcast | Affiliation::None) | None => false,
        }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An invitation that nothing stands against: a trusted open room, a contact outside.
    const FINE: Facts = Facts {
        trusted: true,
        members_only: Some(false),
        affiliation: Some(Affiliation::None),
        occupant: Some(false),
        vouched: true,
        inviter_speaks: Some(true),
        inviter: Some(Affiliation::Admin),
        lists_domain: false,
        room_added_address: false,
        allows_invites: Some(false),
        membership: Membership::Add,
        wants: WELCOME,
    };
    const WELCOME: Wants = Wants {
        accept_from: AcceptFrom::Everybody,
        blocked: false,
        stranger: Some(false),
        strangers: Strangers::Relay,
        mimics: false,
        mimicry: Mimicry::Warn,
        unsupported: false,
        no_account: false,
        unreadable: false,
        can_go_back: false,
    };
    const MEMBERS_ONLY: Facts = Facts { members_only: Some(true), ..FINE };
    const RELAY: Verdict = Verdict::Relay { add_member: Adding::No };
    const ADD_AND_RELAY: Verdict = Verdict::Relay { add_member: Adding::ByAnyRight };
    const ADD_IF_INVITER_MAY: Verdict = Verdict::Relay { add_member: Adding::ByInviter };

    #[test]
    #[rustfmt::skip]
    fn the_rules() {
        use {Affiliation as A, Membership as M, Reason as R, State as S, AcceptFrom as T};
        use Verdict::{Fail, HandBack, Unwanted, Refuse, Suppress};
        let wants = |wants| Facts { wants, ..FINE };
        let direct = |facts| Facts { vouched: false, ..facts };
        let strange = Wants { stranger: Some(true), ..WELCOME };
        let unknown = Wants { stranger: None, ..WELCOME };
        let table = [
            ("an open room, the contact outside",       FINE,                                                        RELAY),
            ("nothing is known of the room",            Facts { members_only: None, affiliation: None, occupant: None, ..FINE }, RELAY),
            ("from somewhere untrusted",                Facts { trusted: false, ..FINE },                            Refuse(R::Untrusted)),
            ("the inviter is banned",                   Facts { inviter: Some(A::Outcast), ..FINE },                 Refuse(R::MayNotInvite)),
            ("the contact is inside",                   Facts { occupant: Some(true), ..FINE },                      Suppress(R::Occupant)),
            ("the contact is banned",                   Facts { affiliation: Some(A::Outcast), ..FINE },             Refuse(R::Outcast)),
            ("banned, in a members-only room",          Facts { affiliation: Some(A::Outcast), ..MEMBERS_ONLY },     Refuse(R::Outcast)),
            ("members-only, not yet a member",          MEMBERS_ONLY,                                                ADD_AND_RELAY),
            ("the inviter has no affiliation",      Facts { inviter: Some(A::None), ..MEMBERS_ONLY },            ADD_IF_INVITER_MAY),
            ("who the inviter is can't be known",       Facts { inviter: None, ..MEMBERS_ONLY },                     ADD_IF_INVITER_MAY),
            ("a member, and members may not invite",       Facts { inviter: Some(A::Member), ..MEMBERS_ONLY },          ADD_IF_INVITER_MAY),
            ("a member, unknown whether members may invite", Facts { inviter: Some(A::Member), allows_invites: None, ..MEMBERS_ONLY }, ADD_IF_INVITER_MAY),
            ("a member, and members may invite",           Facts { inviter: Some(A::Member), allows_invites: Some(true), ..MEMBERS_ONLY }, ADD_AND_RELAY),
            ("no affiliation, and members may invite",   Facts { inviter: Some(A::None), allows_invites: Some(true), ..MEMBERS_ONLY }, ADD_IF_INVITER_MAY),
            ("the room made the relay address a member", Facts { inviter: None, room_added_address: true, ..MEMBERS_ONLY }, ADD_AND_RELAY),
            ("the room did so, nobody vouches",      direct(Facts { inviter: Some(A::Admin), room_added_address: true, ..MEMBERS_ONLY }), ADD_AND_RELAY),
            ("membership = require, their domain is one", Facts { membership: M::Require, lists_domain: true, ..MEMBERS_ONLY }, RELAY),
            ("a domain that the server does not count", Facts { lists_domain: true, ..MEMBERS_ONLY },                ADD_AND_RELAY),
            ("nobody vouches, an open room",            Facts { inviter: None, ..FINE },                             RELAY),
            ("members-only, already a member",          Facts { affiliation: Some(A::Member), ..MEMBERS_ONLY },      RELAY),
            ("members-only, an admin",                  Facts { affiliation: Some(A::Admin), ..MEMBERS_ONLY },       RELAY),
            ("members-only, an owner",                  Facts { affiliation: Some(A::Owner), ..MEMBERS_ONLY },       RELAY),
            ("members-only, nobody tells who is one",   Facts { affiliation: None, ..MEMBERS_ONLY },                 RELAY),
            ("membership = require, a member",          Facts { affiliation: Some(A::Member), membership: M::Require, ..MEMBERS_ONLY }, RELAY),
            ("membership = require, not a member",      Facts { membership: M::Require, ..MEMBERS_ONLY },            Refuse(R::NotMember)),
            ("membership = require, an open room",      Facts { membership: M::Require, ..FINE },                    RELAY),
            ("membership = ignore, not a member",       Facts { membership: M::Ignore, ..MEMBERS_ONLY },             RELAY),
            ("directly, by an owner",                   direct(Facts { inviter: Some(A::Owner), ..FINE }),           RELAY),
            ("directly, by an admin",                   direct(FINE),                                                RELAY),
            ("directly, by a member who may",           direct(Facts { inviter: Some(A::Member), allows_invites: Some(true), ..FINE }), RELAY),
            ("directly, by a member who may not",       direct(Facts { inviter: Some(A::Member), ..FINE }),          Refuse(R::MayNotInvite)),
            ("directly, by a member who may, nobody tells", direct(Facts { inviter: Some(A::Member), allows_invites: None, ..FINE }), Refuse(R::MayNotInvite)),
            ("directly, by one inside who may",         direct(Facts { inviter: Some(A::None), allows_invites: Some(true), ..FINE }), RELAY),
            ("directly, by one inside who may not",     direct(Facts { inviter: Some(A::None), ..FINE }),            Refuse(R::MayNotInvite)),
            ("directly, by one inside, members only",   direct(Facts { inviter: Some(A::None), allows_invites: Some(true), ..MEMBERS_ONLY }), Refuse(R::MayNotInvite)),
            ("directly, by one outside",                direct(Facts { inviter: Some(A::None), inviter_speaks: Some(false), allows_invites: Some(true), ..FINE }), Refuse(R::MayNotInvite)),
            ("directly, nobody tells who is inside",    direct(Facts { inviter: Some(A::None), inviter_speaks: None, allows_invites: Some(true), ..FINE }), Refuse(R::MayNotInvite)),
            ("directly, nothing is known of the room",  direct(Facts { inviter: None, members_only: None, allows_invites: None, inviter_speaks: None, ..FINE }), Refuse(R::MayNotInvite)),
            ("directly, the room let in somebody else's guest", direct(Facts { inviter: Some(A::None), room_added_address: true, allows_invites: Some(true), ..MEMBERS_ONLY }), Refuse(R::MayNotInvite)),
            ("directly, by an admin, not yet a member", direct(MEMBERS_ONLY),                                        ADD_AND_RELAY),
            ("untrusted goes before all else",          Facts { trusted: false, occupant: Some(true), ..FINE }, Refuse(R::Untrusted)),
            ("blocked",                                 wants(Wants { blocked: true, ..WELCOME }),                   Unwanted(S::Suppressed, R::Blocked)),
            ("opted out",                           wants(Wants { accept_from: T::Nobody, ..WELCOME }),          Unwanted(S::Suppressed, R::OptedOut)),
            ("opted out, and not a member",        Facts { wants: Wants { accept_from: T::Nobody, ..WELCOME }, ..MEMBERS_ONLY }, Unwanted(S::Suppressed, R::OptedOut)),
            ("from contacts, the inviter is one",       wants(Wants { accept_from: T::Contacts, ..WELCOME }),        RELAY),
            ("from contacts, the inviter is a stranger", wants(Wants { accept_from: T::Contacts, ..strange }),       Unwanted(S::Suppressed, R::Stranger)),
            ("from contacts, nobody tells who is one",  wants(Wants { accept_from: T::Contacts, ..unknown }),        Unwanted(S::Suppressed, R::Stranger)),
            ("strangers = relay, a stranger",           wants(strange),                                              RELAY),
            ("strangers = refuse, a stranger",          wants(Wants { strangers: Strangers::Refuse, ..strange }),         Unwanted(S::Refused, R::Stranger)),
            ("strangers = refuse, a contact",           wants(Wants { strangers: Strangers::Refuse, ..WELCOME }),         RELAY),
            ("strangers = refuse, nobody tells",        wants(Wants { strangers: Strangers::Refuse, ..unknown }),         RELAY),
            ("mimicry = warn, a look-alike",            wants(Wants { mimics: true, ..WELCOME }),                   RELAY),
            ("mimicry = refuse, a look-alike",          wants(Wants { mimics: true, mimicry: Mimicry::Refuse, ..WELCOME }), Unwanted(S::Refused, R::Mimicry)),
            ("mimicry = refuse, none",                  wants(Wants { mimicry: Mimicry::Refuse, ..WELCOME }),           RELAY),
            ("a look-alike that is blocked",            wants(Wants { mimics: true, mimicry: Mimicry::Refuse, blocked: true, ..WELCOME }), Unwanted(S::Suppressed, R::Blocked)),
            ("clients that can't show it",              wants(Wants { unsupported: true, ..WELCOME }),                  RELAY),
            ("clients that can't, and it can go back",  wants(Wants { unsupported: true, can_go_back: true, ..WELCOME }), HandBack(R::Unsupported)),
            ("clients that can't, and opted out",           wants(Wants { unsupported: true, can_go_back: true, accept_from: T::Nobody, ..WELCOME }), Unwanted(S::Suppressed, R::OptedOut)),
            ("a look-alike, and the server could deliver it", wants(Wants { accept_from: T::Server, mimics: true, mimicry: Mimicry::Refuse, can_go_back: true, ..WELCOME }), Unwanted(S::Refused, R::Mimicry)),
            ("the server is to deliver it, and can",         wants(Wants { accept_from: T::Server, can_go_back: true, ..WELCOME }), HandBack(R::OptedOut)),
            ("the server is to deliver it, and can't",       wants(Wants { accept_from: T::Server, ..WELCOME }),          RELAY),
            ("blocked, and the server could deliver it",       wants(Wants { accept_from: T::Server, blocked: true, can_go_back: true, ..WELCOME }), Unwanted(S::Suppressed, R::Blocked)),
            ("there is no such contact",                wants(Wants { no_account: true, ..WELCOME }),                   Fail(R::Bounced)),
            ("there is none, and it could go back",     wants(Wants { no_account: true, can_go_back: true, ..WELCOME }), Fail(R::Bounced)),
            ("there is none, who is banned",            Facts { affiliation: Some(A::Outcast), wants: Wants { no_account: true, ..WELCOME }, ..FINE }, Refuse(R::Outcast)),
            ("there is none, whose address an admin blocks", wants(Wants { no_account: true, blocked: true, ..WELCOME }), Unwanted(S::Suppressed, R::Blocked)),
            ("a block list that can't be read",         wants(Wants { unreadable: true, ..WELCOME }),                   Fail(R::Unsure)),
            ("the same, and it can go back",            wants(Wants { unreadable: true, can_go_back: true, ..WELCOME }), HandBack(R::Unsure)),
            ("the same, and opted out",                 wants(Wants { unreadable: true, can_go_back: true, accept_from: T::Nobody, ..WELCOME }), Unwanted(S::Suppressed, R::OptedOut)),
            ("opted out, and banned", Facts { affiliation: Some(A::Outcast), wants: Wants { accept_from: T::Nobody, ..WELCOME }, ..FINE }, Refuse(R::Outcast)),
            ("opted out, and membership = require", Facts { membership: M::Require, wants: Wants { accept_from: T::Nobody, ..WELCOME }, ..MEMBERS_ONLY }, Refuse(R::NotMember)),
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
        let flags = any::<(bool, Option<bool>, Option<bool>, bool, Option<bool>, Option<bool>)>();
        let affiliations = (affiliation.clone(), affiliation);
        let lists = any::<(bool, bool)>();
        (flags, affiliations, membership, wants(), lists).prop_map(
            |(flags, affiliations, membership, wants, lists)| Facts {
                trusted: flags.0,
                members_only: flags.1,
                occupant: flags.2,
                vouched: flags.3,
                allows_invites: flags.4,
                inviter_speaks: flags.5,
                affiliation: affiliations.0,
                inviter: affiliations.1,
                lists_domain: lists.0,
                room_added_address: lists.1,
                membership,
                wants,
            },
        )
    }

    fn wants() -> impl Strategy<Value = Wants> {
        let flags = any::<(bool, Option<bool>, bool, bool, bool, bool, bool, bool)>();
        let mimicry = prop::sample::select(&[Mimicry::Refuse, Mimicry::Warn, Mimicry::Off][..]);
        (flags, prop::sample::select(AcceptFrom::ALL), mimicry).prop_map(|(flags, accept_from, mimicry)| {
            Wants {
                accept_from,
                blocked: flags.0,
                stranger: flags.1,
                strangers: if flags.2 { Strangers::Refuse } else { Strangers::Relay },
                can_go_back: flags.3,
                mimics: flags.4,
                unsupported: flags.5,
                no_account: flags.6,
                unreadable: flags.7,
                mimicry,
            }
        })
    }

    proptest! {
        #[test]
        fn never_more_than_allowed(facts in facts()) {
            match judge(facts) {
                Verdict::Relay { add_member } => {
                    prop_assert!(facts.trusted);
                    prop_assert_ne!(facts.inviter, Some(Affiliation::Outcast));
                    if !facts.vouched {
                        let rank = [Affiliation::Owner, Affiliation::Admin].map(Some).contains(&facts.inviter);
                        prop_assert!(facts.inviter.is_some() && (rank || facts.allows_invites == Some(true)));
                    }
                    prop_assert_ne!(facts.affiliation, Some(Affiliation::Outcast));
                    prop_assert_ne!(facts.occupant, Some(true));
                    let room_did_it = facts.vouched && facts.room_added_address;
                    if add_member == Adding::ByAnyRight && !room_did_it {
                        let known = [Affiliation::Owner, Affiliation::Admin, Affiliation::Member].map(Some);
                        prop_assert!(known.contains(&facts.inviter), "more than the inviter may");
                    }
                    if add_member != Adding::No {
                        prop_assert_eq!(facts.affiliation, Some(Affiliation::None), "never a demotion");
                        prop_assert_eq!(facts.membership, Membership::Add);
                        prop_assert_eq!(facts.members_only, Some(true));
                    }
                }
                Verdict::Suppress(reason) => prop_assert!(reason == Reason::Occupant),
                Verdict::Refuse(reason) => prop_assert!(reason != Reason::Occupant),
                Verdict::Unwanted(_, reason) => {
                    let reasons = [Reason::Blocked, Reason::OptedOut, Reason::Stranger, Reason::Mimicry];
                    prop_assert!(reasons.contains(&reason));
                }
                Verdict::HandBack(reason) => {
                    prop_assert!(facts.wants.can_go_back);
                    let may_be = match reason {
                        Reason::OptedOut => true,
                        Reason::Unsupported => facts.wants.unsupported,
                        Reason::Unsure => facts.wants.unreadable,
                        _ => false,
                    };
                    prop_assert!(may_be);
                }
                Verdict::Fail(Reason::Bounced) => prop_assert!(facts.wants.no_account),
                Verdict::Fail(reason) => {
                    prop_assert_eq!(reason, Reason::Unsure);
                    prop_assert!(facts.wants.unreadable && !facts.wants.can_go_back);
                }
            }
        }

        #[test]
        fn never_against_the_contacts_wish(facts in facts()) {
            let Wants {
                accept_from, blocked, stranger, strangers, mimics, mimicry, unsupported, no_account, unreadable, can_go_back
            } = facts.wants;
            let unwanted = blocked
                || no_account
                || unreadable
                || (mimics && mimicry == Mimicry::Refuse)
                || accept_from == AcceptFrom::Nobody
                || (accept_from == AcceptFrom::Contacts && stranger != Some(false))
                || (strangers == Strangers::Refuse && stranger == Some(true))
                || ((accept_from == AcceptFrom::Server || unsupported) && can_go_back);
            let relayed = matches!(judge(facts), Verdict::Relay { .. });
            prop_assert!(!(unwanted && relayed));
        }

        #[test]
        fn what_the_inviter_is_told_does_not_depend_on_wishes(facts in facts()) {
            let told = |verdict| matches!(verdict, Verdict::Refuse(_));
            let welcome = Facts { wants: WELCOME, ..facts };
            prop_assert_eq!(told(judge(facts)), told(judge(welcome)));
        }
    }
}
