//! What stands against an invitation from the contact's side, gathered from where he may have said it: his settings
//! here, the admins' orders, his server's block list and roster. Knows nothing of what follows from it.

use futures::future::{join, try_join};
use jid::BareJid;

use super::Relay;
use super::judge::Wants;
use super::life::Setback;
use super::mimicry::{self, Seen};
use crate::config::{Mimicry, Strangers, Support};
use crate::journal::{Takes, Wishes};
use crate::wire::address;
use crate::wire::muc::Inviter;

/// What the contact wants of this invitation, and what room and inviter are to him.
///
/// # Errors
/// The link was lost, his server did not answer, or the journal is closed.
pub(super) async fn of(
    relay: &Relay,
    room: &BareJid,
    contact: &BareJid,
    inviter: &Inviter,
    wishes: &Wishes,
) -> Result<(Wants, Seen), Setback> {
    let names = names(relay.link.component(), room, inviter);
    let (strangers, mimicry, support) = {
        let config = relay.config.load();
        (config.relay.strangers, config.relay.mimicry, config.relay.support)
    };
    let blocked = async {
        let here =
            names.iter().any(|name| wishes.blocks.contains(name)) || relay.journal.is_blocked_for_all(&names);
        Ok::<_, Setback>(here || relay.contacts.blocks_any(contact, &names).await? == Some(true))
    };
    // One after the other, as both may need the roster: it is asked for once.
    let known = async {
        let stranger = match inviter {
            Inviter::Person(person) if strangers == Strangers::Refuse || wishes.takes == Takes::Contacts => {
                relay.contacts.knows(contact, person).await?.map(|known| !known)
            }
            _ => None,
        };
        let seen = match mimicry {
            Mimicry::Off => Seen::default(),
            Mimicry::Refuse | Mimicry::Warn => mimicry::of(relay, room, contact, inviter).await?,
        };
        Ok((stranger, seen))
    };
    let unsupported =
        async { support == Support::Ask && relay.contacts.shows_direct(contact).await == Some(false) };
    // Side by side: each may be a question to the contact's server. On the heap, as it is soon over.
    let (lists, unsupported) = Box::pin(join(try_join(blocked, known), unsupported)).await;
    let (blocked, (stranger, seen)) = lists?;
    let wants = Wants {
        takes: wishes.takes,
        blocked,
        stranger,
        strangers,
        mimics: !seen.mimics.is_empty(),
        mimicry,
        unsupported,
        can_go_back: false,
    };
    Ok((wants, seen))
}

/// All that the contact can mean who blocks something: the room, its service, the inviter, his domain, the address
/// under which the relay would send it if it may not use the inviter's, and the relay itself.
fn names(component: &str, room: &BareJid, inviter: &Inviter) -> Vec<String> {
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
    use super::*;

    #[test]
    fn what_can_be_blocked() {
        let jid = |text| BareJid::new(text).unwrap();
        let room = jid("tea@conference.example.org");
        assert_eq!(
            names("invites.example.org", &room, &Inviter::Person(jid("alice@example.net"))),
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
            names("invites.example.org", &room, &Inviter::Occupant("Alice".into()))[3..],
            ["tea@conference.example.org/Alice", r"tea\40conference.example.org\2falice@invites.example.org",]
        );
    }
}
