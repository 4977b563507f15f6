//! What is said about invitations by command, in the shell and to admins: what stands against them, and what became of each.
//! Knows nothing of how they are carried out.

use super::outcome::shortened;
use crate::config::Config;
use crate::model::address::{self, printable};
use crate::model::group::MEMBERS;
use crate::model::invite::{InvitedContact, MAX_CONTACTS_OF_COMMAND, Obstacle, Whom};
use crate::model::{Language, Reason, State};
use crate::texts::{Id, text, text_with};

/// Whom these words name: contacts; or `@members` alone, for the room's own members; or a group's `@name` alone.
///
/// # Errors
/// [`Obstacle`]: a word is no address, nobody is named, or others beside members or a group, or there are too many.
pub fn whom<'a>(words: impl Iterator<Item = &'a str>) -> Result<Whom, Obstacle> {
    let words: Vec<&str> = words.map(|word| word.trim_start_matches("xmpp:")).collect();
    if let [word] = words[..]
        && let Some(name) = word.strip_prefix('@')
    {
        return Ok(if name == MEMBERS { Whom::Members } else { Whom::Group(name.to_owned()) });
    }
    if words.is_empty() || words.iter().any(|word| word.starts_with('@')) {
        return Err(Obstacle::Whom);
    }
    if words.len() > MAX_CONTACTS_OF_COMMAND {
        return Err(Obstacle::TooMany);
    }
    let bare = |word: &&str| address::typed(word).map_err(|_| Obstacle::NoAddress((*word).to_owned()));
    words.iter().map(bare).collect::<Result<_, _>>().map(Whom::Contacts)
}

/// Why a request is not carried out, and what to do.
#[must_use]
pub fn obstacle(language: Language, config: &Config, obstacle: &Obstacle) -> String {
    let about =
        |id, name: &'static str, word: &str| text_with(language, id, &[(name, shortened(word).into())]);
    match obstacle {
        Obstacle::NoAddress(word) => about(Id::WrongInviteAddress, "word", word),
        Obstacle::NoRoom(room) => {
            let services = config.muc.services.join(", ");
            let arguments = [("room", shortened(room).into()), ("services", services.into())];
            text_with(language, Id::WrongInviteRoom, &arguments)
        }
        Obstacle::NoSuchRoom(room) => about(Id::WrongInviteNoSuchRoom, "room", room),
        Obstacle::NoUser(inviter) => {
            let hosts = config.own_hosts().into_iter().filter(|host| !config.muc.serves(host));
            let hosts = hosts.collect::<Vec<_>>().join(", ");
            let arguments = [("hosts", hosts.into()), ("inviter", shortened(inviter).into())];
            text_with(language, Id::WrongInviter, &arguments)
        }
        Obstacle::NoPerson(contact) => about(Id::WrongInviteContact, "contact", contact),
        Obstacle::Whom => text(language, Id::WrongInviteWhom),
        Obstacle::TooMany => {
            text_with(language, Id::WrongInviteTooMany, &[("count", MAX_CONTACTS_OF_COMMAND.into())])
        }
        Obstacle::NoGroup(name) => about(Id::WrongInviteGroup, "name", name),
        Obstacle::MayNotUse(name) => about(Id::WrongInviteMayNotUse, "name", name),
        Obstacle::NoList => text(language, Id::WrongInviteNoList),
        Obstacle::Silent => text(language, Id::WrongInviteSilent),
        Obstacle::NotConnected => text(language, Id::WrongInviteNotConnected),
        Obstacle::Busy => text(language, Id::WrongInviteBusy),
        Obstacle::Journal => text(language, Id::WrongInviteJournal),
    }
}

/// State and reason of an invitation, in the words of the history.
pub(super) fn state(state: State, reason: Option<Reason>) -> String {
    match reason {
        Some(reason) => format!("{state} ({reason})"),
        None => state.to_string(),
    }
}

/// What became of one contact, in a line.
pub(super) fn line(contact: &InvitedContact) -> String {
    format!("{}: {}", printable(&contact.contact), state(contact.state, contact.reason))
}
