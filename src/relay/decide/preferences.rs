//! Collects what speaks against an invitation from the contact's side: their preferences, blocks that admins set for
//! everybody, their block list and roster on their server. None of it is older than a second when it is sent.
//! Knows nothing of what follows from it.

use std::time::Duration;

use futures::future::{join, try_join3};

use super::facts::Invitation;
use super::judge::Wants;
use super::lookalikes::Lookalikes;
use crate::config::{Mimicry, Strangers, Support};
use crate::link::AskError;
use crate::model::{AcceptFrom, Preferences};
use crate::relay::context::Context;
use crate::relay::parties::Parties;
use crate::relay::stop::Stop;
use crate::wire::muc::Inviter;

/// How old a contact's preferences may be when an invitation is judged by them, and how long after that it may be sent
/// without another look: no block is older than a second and missed.
pub(super) const MAX_AGE: Duration = Duration::from_millis(500);

/// What speaks against an invitation from the contact's side.
pub(super) struct Found {
    pub(super) wants: Wants,
    /// The look-alikes among its addresses.
    pub(super) lookalikes: Lookalikes,
    /// The contact's server did not say whom they block, though the relay may ask.
    pub(super) unanswered: bool,
}

/// Has the contact's server asked for what [`of`] will need; see [`super::ask_ahead`].
pub(super) fn ask_ahead(cx: &Context, parties: &Parties, part: bool) {
    let roster = {
        let config = cx.config.load();
        config.relay.strangers == Strangers::Refuse || config.relay.mimicry != Mimicry::Off
    };
    cx.contacts.ask_ahead(&parties.contact, parties.person().filter(|_| roster), !part);
}

/// What speaks against this invitation from the contact's side.
///
/// # Errors
/// [`Stop::Retry`]: the link was lost, or the contact's server did not answer. [`Stop::Suspend`]: the journal is closed.
pub(super) async fn of(
    cx: &Context,
    invitation: &Invitation<'_>,
    preferences: &Preferences,
) -> Result<Found, Stop> {
    let Parties { room, contact, inviter, .. } = invitation.parties;
    let names = names(cx.link.component(), invitation.parties);
    let (strangers, mimicry, support) = {
        let config = cx.config.load();
        (config.relay.strangers, config.relay.mimicry, config.relay.support)
    };
    let blocked_here =
        names.iter().any(|name| preferences.blocks.contains(name)) || cx.journal.is_blocked_for_all(&names);
    let blocked = async {
        // Their server need not be asked about what is decided already.
        if blocked_here || preferences.accept_from == AcceptFrom::Nobody {
            return Ok::<_, Stop>(Ok(blocked_here));
        }
        match cx.contacts.blocks_any(contact, &names).await {
            Err(AskError::Lost) => Err(AskError::Lost.into()),
            blocks => Ok(blocks.map(|blocks| blocks == Some(true))),
        }
    };
    // One after the other, as both may need the roster: it is asked for once.
    let known = async {
        let stranger = match inviter {
            Inviter::Person(person)
                if strangers == Strangers::Refuse || preferences.accept_from == AcceptFrom::Contacts =>
            {
                cx.contacts.knows(contact, person).await?.map(|known| !known)
            }
            _ => None,
        };
        let lookalikes = match mimicry {
            Mimicry::Off => Lookalikes::default(),
            Mimicry::Refuse | Mimicry::Warn => cx.lookalikes.of(&cx.contacts, room, contact, inviter).await?,
        };
        Ok((stranger, lookalikes))
    };
    // The people on a room's lists or in a group are not looked up one by one.
    let no_account = async { Ok(!invitation.part && cx.contacts.has_no_account(contact).await?) };
    let unsupported =
        async { support == Support::Ask && cx.contacts.shows_direct(contact).await == Some(false) };
    // Side by side: each may be a question to the contact's server. On the heap, as it is soon over.
    let (lists, unsupported) = Box::pin(join(try_join3(blocked, known, no_account), unsupported)).await;
    let (blocked, (stranger, lookalikes), no_account) = lists?;
    let wants = Wants {
        accept_from: preferences.accept_from,
        blocked: blocked == Ok(true),
        stranger,
        strangers,
        mimics: !lookalikes.is_empty(),
        mimicry,
        unsupported,
        no_account,
        unreadable: blocked == Err(AskError::Unreadable),
        can_go_back: invitation.can_go_back,
    };
    let unanswered = blocked.is_err() && !wants.unreadable;
    Ok(Found { wants, lookalikes, unanswered })
}

/// Everything that a contact can block to keep this invitation away: the room, its service, the inviter, the inviter's
/// domain, the address from which the relay would send it if it may not use the inviter's, and the relay itself.
fn names(component: &str, parties: &Parties) -> Vec<String> {
    let Parties { room, inviter, .. } = parties;
    let mut names = vec![component.to_owned(), room.to_string(), room.domain().to_string()];
    match inviter {
        Inviter::Person(person) => names.extend([person.to_string(), person.domain().to_string()]),
        Inviter::Occupant(nick) => names.push(format!("{room}/{nick}")),
    }
    names.extend(parties.relay_address(component).map(ToString::to_string));
    names
}

#[cfg(test)]
mod tests {
    use jid::BareJid;

    use super::*;

    #[test]
    fn what_can_be_blocked() {
        let jid = |text| BareJid::new(text).unwrap();
        let names = |inviter| {
            let (room, contact) = (jid("tea@conference.example.org"), jid("bob@example.org"));
            names("invites.example.org", &Parties::new(room, contact, inviter))
        };
        assert_eq!(
            names(Inviter::Person(jid("alice@example.net"))),
            [
                "invites.example.org",
                "tea@conference.example.org",
                "conference.example.org",
                "alice@example.net",
                "example.net",
                r"alice\40example.net@invites.example.org",
            ]
        );
        assert_eq!(
            names(Inviter::Occupant("Alice".into()))[3..],
            ["tea@conference.example.org/Alice", r"tea\40conference.example.org\2falice@invites.example.org",]
        );
    }
}
