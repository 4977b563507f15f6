//! What inviters are told: short, and no more than they may know. Knows nothing of how it is sent, nor of the words of any
//! language.

use crate::model::address::printable;
use crate::model::{Language, Reason};
use crate::texts::{Id, Value, text, text_with};
use crate::wire::Condition;

/// A longer address is cut in a text.
const MAX_ADDRESS_CHARACTERS: usize = 300;

/// What the inviter is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::relay) enum Told {
    /// It was refused, or has failed.
    Refused(Reason),
    /// It has expired.
    Expired,
    /// It is a direct invitation that names no room.
    NoRoom,
    /// The contact was invited to this room before.
    InvitedBefore,
    /// It went to several people: how many of them were invited, had been invited before, were already there, or can't be
    /// reached; `elsewhere`: how many of those invited are on other servers, which may still send the invitations back.
    Sum { invited: usize, before: usize, already: usize, failed: usize, elsewhere: usize },
    /// The contact has declined it, and may have said why.
    Declined { reason: Option<String> },
}

/// What an invitation is about, as its inviter knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    /// The contact's own address, or a group's.
    pub(super) contact: &'a str,
    pub(super) room: &'a str,
    pub(super) component: &'a str,
}

/// An invitation that was refused or has failed.
pub(in crate::relay) fn for_inviter(reason: Reason) -> Told {
    Told::Refused(reason)
}

/// A direct invitation that names no room.
pub(in crate::relay) fn no_room() -> Told {
    Told::NoRoom
}

/// The contact was invited to this room before. It is the same whether they have that invitation, don't want it or are inside.
pub(in crate::relay) fn invited_before() -> Told {
    Told::InvitedBefore
}

/// An invitation that has expired.
pub(in crate::relay) fn expired() -> Told {
    Told::Expired
}

/// A fan-out.
pub(in crate::relay) fn sum(
    invited: usize,
    before: usize,
    already: usize,
    failed: usize,
    elsewhere: usize,
) -> Told {
    Told::Sum { invited, before, already, failed, elsewhere }
}

impl Told {
    /// The condition of an error about it; `None`: the invitation was carried out, which is no error.
    pub(super) fn condition(&self) -> Option<Condition> {
        use Condition as C;
        let reason = match self {
            Self::Refused(reason) => reason,
            Self::Expired => return Some(C::RemoteServerTimeout),
            Self::NoRoom => return Some(C::JidMalformed),
            Self::InvitedBefore | Self::Sum { .. } | Self::Declined { .. } => return None,
        };
        Some(match reason {
            Reason::Outcast | Reason::NotMember | Reason::NoRights | Reason::NoList => C::NotAllowed,
            Reason::MayNotInvite => C::Forbidden,
            Reason::Untrusted | Reason::Unsendable | Reason::AnotherRelay => C::NotAcceptable,
            Reason::Malformed | Reason::MayNotUse => C::ItemNotFound,
            Reason::RateLimited | Reason::TooMany => C::PolicyViolation,
            _ => C::ServiceUnavailable,
        })
    }

    /// Whether a decline may say it, if the inviter can't be reached otherwise.
    pub(super) fn may_be_a_decline(&self) -> bool {
        !matches!(self, Self::Sum { .. } | Self::InvitedBefore)
    }

    /// All that a message says, since nothing beside it tells what it is about.
    pub(super) fn notice(&self, language: Language, about: About<'_>) -> String {
        let what = self.text(language, about);
        let [contact, room] = [about.contact, about.room].map(readable);
        let (id, arguments) = match self {
            Self::Declined { .. } => return what,
            Self::NoRoom => (Id::ToldAboutContact, vec![("contact", contact.into())]),
            _ => (Id::ToldAbout, vec![("contact", contact.into()), ("room", room.into())]),
        };
        text_with(language, id, &[arguments, vec![("what", what.into())]].concat())
    }

    /// What an error or a decline says, which belongs to an invitation.
    pub(super) fn text(&self, language: Language, about: About<'_>) -> String {
        let text = |id| text(language, id);
        match self {
            Self::Refused(reason) => refused(language, *reason, about.component),
            Self::Expired => text(Id::ToldExpired),
            Self::NoRoom => text(Id::ToldNoRoom),
            Self::InvitedBefore => text(Id::ToldInvitedBefore),
            Self::Sum { invited, before, already, failed, elsewhere } => {
                let part = |id, count: usize| text_with(language, id, &[("count", count.into())]);
                let mut parts = vec![part(Id::SumInvited, *invited)];
                parts.extend((*before > 0).then(|| part(Id::SumBefore, *before)));
                parts.extend((*already > 0).then(|| part(Id::SumAlready, *already)));
                parts.extend((*failed > 0).then(|| part(Id::SumFailed, *failed)));
                parts.extend((*elsewhere > 0).then(|| part(Id::SumElsewhere, *elsewhere)));
                parts.join(", ")
            }
            Self::Declined { reason } => {
                let [contact, room] = [about.contact, about.room].map(|it| Value::from(readable(it)));
                let mut arguments = vec![("contact", contact), ("room", room)];
                match reason {
                    None => text_with(language, Id::ToldDeclined, &arguments),
                    Some(reason) => {
                        arguments.push(("reason", reason.as_str().into()));
                        text_with(language, Id::ToldDeclinedBecause, &arguments)
                    }
                }
            }
        }
    }
}

fn refused(language: Language, reason: Reason, component: &str) -> String {
    let id = match reason {
        Reason::Outcast => Id::ToldOutcast,
        Reason::NotMember => Id::ToldNotMember,
        Reason::NoRights => Id::ToldNoRights,
        Reason::MayNotInvite => Id::ToldMayNotInvite,
        Reason::Untrusted => Id::ToldUntrusted,
        // The same for both, so that nobody learns which groups exist.
        Reason::Malformed | Reason::MayNotUse => {
            return text_with(language, Id::ToldNobody, &[("component", component.into())]);
        }
        Reason::AnotherRelay => Id::ToldAnotherRelay,
        Reason::RateLimited => Id::ToldRateLimited,
        Reason::Unsendable => Id::ToldUnsendable,
        Reason::TooMany => Id::ToldTooMany,
        Reason::NoList => Id::ToldNoList,
        Reason::Bounced | Reason::NotPermitted => Id::ToldNotDelivered,
        _ => Id::ToldNotPassedOn,
    };
    text(language, id)
}

/// An address for people to read, of a bounded length.
fn readable(address: &str) -> String {
    let printable = printable(address);
    let mut characters = printable.chars();
    let mut text: String = characters.by_ref().take(MAX_ADDRESS_CHARACTERS).collect();
    if characters.next().is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: About<'_> = About {
        contact: "bob@example.org",
        room: "tea@conference.example.org",
        component: "invites.example.org",
    };

    #[test]
    fn a_sum_leaves_out_zeros() {
        let text = |invited, before, already, failed| {
            sum(invited, before, already, failed, 0).text(Language::English, ABOUT)
        };
        assert_eq!(text(12, 4, 3, 1), "12 invited, 4 invited before, 3 already there, 1 can't be reached");
        assert_eq!(text(0, 0, 2, 0), "0 invited, 2 already there");
        assert_eq!(text(5, 0, 0, 0), "5 invited");
        assert_eq!(
            sum(5, 0, 0, 0, 2).text(Language::English, ABOUT),
            "5 invited, 2 of those invited not confirmed yet (on other servers)"
        );
    }

    #[test]
    fn a_message_names_what_it_is_about() {
        let notice = |told: Told, language| told.notice(language, ABOUT);
        let sum = || sum(2, 0, 0, 1, 0);
        assert_eq!(
            notice(sum(), Language::English),
            "Your invitation of bob@example.org to tea@conference.example.org: 2 invited, 1 can't be reached"
        );
        assert_eq!(
            notice(sum(), Language::German),
            "Ihre Einladung an bob@example.org in den Raum tea@conference.example.org: 2 eingeladen, 1 nicht erreichbar"
        );
        assert_eq!(
            notice(Told::Declined { reason: Some("No time".to_owned()) }, Language::English),
            "bob@example.org declined your invitation to tea@conference.example.org: No time"
        );
    }

    #[test]
    fn what_is_told_is_bounded_and_harmless() {
        let contact = format!("\u{202e}{}", "ä".repeat(3000));
        let all = [
            Told::NoRoom,
            Told::Expired,
            Told::InvitedBefore,
            sum(1, 1, 1, 1, 1),
            Told::Declined { reason: None },
        ];
        for told in all.into_iter().chain(Reason::ALL.iter().map(|reason| for_inviter(*reason))) {
            for language in Language::ALL {
                let text = told.notice(*language, About { contact: &contact, room: &contact, ..ABOUT });
                assert!(text.chars().count() < 1000, "{text}");
                assert!(!text.contains('\u{202e}'), "{text}");
            }
        }
    }
}
