//! Collects what speaks against an invitation from the contact's side: their preferences, blocks that admins set for
//! everybody, their block list and roster on their server. Knows nothing of what follows from it.

use futures::future::{join, try_join};

use super::judge::Wants;
use super::lookalikes::Lookalikes;
use crate::config::{Mimicry, Strangers, Support};
use crate::model::address;
use crate::model::{AcceptFrom, Preferences};
use crate::relay::context::Context;
use crate::relay::parties::Parties;
use crate::relay::stop::Stop;
use crate::wire::muc::Inviter;

/// What speaks against this invitation from the contact's side, and which of its addresses are look-alikes.
///
/// # Errors
/// [`Stop::Retry`]: the link was lost, or the contact's server did not answer. [`Stop::Suspend`]: the journal is closed.
pub(super) async fn of(
    cx: &Context,
    parties: &Parties,
    preferences: &Preferences,
    can_go_back: bool,
) -> Result<(Wants, Lookalikes), Stop> {
    let Parties { room, contact, inviter } = parties;
    let names = names(cx.link.component(), parties);
    let (strangers, mimicry, support) = {
        let config = cx.config.load();
        (config.relay.strangers, config.relay.mimicry, config.relay.support)
    };
    let blocked = async {
        let here = names.iter().any(|name| preferences.blocks.contains(name))
            || cx.journal.is_blocked_for_all(&names);
        Ok::<_, Stop>(here || cx.contacts.blocks_any(contact, &names).await? == Some(true))
    };
    // One after the other, as both may need the roster: it is asked for once.
    let known = async {
        let stranger = match inviter {
            Inviter::Person(person)
                if strangers == Strangers::Refuse || preferences.takes == AcceptFrom::Contacts =>
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
    let unsupported =
        async { support == Support::Ask && cx.contacts.shows_direct(contact).await == Some(false) };
    // Side by side: each may be a question to the contact's server. On the heap, as it is soon over.
    let (lists, unsupported) = Box::pin(join(try_join(blocked, known), unsupported)).await;
    let (blocked, (stranger, lookalikes)) = lists?;
    let wants = Wants {
        takes: preferences.takes,
        blocked,
        stranger,
        strangers,
        mimics: !lookalikes.is_empty(),
        mimicry,
        unsupported,
        can_go_back,
    };
    Ok((wants, lookalikes))
}

/// Everything that a contact can block to keep this invitation away: the room, its service, the inviter, the inviter's
/// domain, the address from which the relay would send it if it may not use the inviter's, and the relay itself.
fn names(component: &str, parties: &Parties) -> Vec<String> {
    let Parties { room, inviter, .. } = parties;
    let mut names = vec![component.to_owned(), room.to_string(), room.domain().to_string()];
    let sender = match inviter {
        Inviter::Person(person) => {
            names.extend([person.to_string(), person.domain().to_string()]);
            address::relay_address(person, component)
        }
        Inviter::Occupant(nick) => {
            names.push(format!("{room}/{nick}"));
            address::relay_address_of_occupant(room, nick, component)
        }
    };
    names.extend(sender.map(|sender| sender.to_string()));
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
            names("invites.example.org", &Parties { room, contact, inviter })
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
