//! Finds the contacts of a command, and what stands against the whole of it, before anybody is invited.
//! Knows nothing of how they are invited.

use std::collections::BTreeSet;
use std::time::Duration;

use jid::BareJid;
use tokio::time::timeout;
use tracing::warn;

use crate::journal::JournalReader;
use crate::link::{AskError, Lost};
use crate::model::address;
use crate::model::group::{Book, NotUsable};
use crate::model::invite::{InviteRequest, MAX_CONTACTS_OF_COMMAND, Obstacle, Trial, Whom};
use crate::relay::context::Context;
use crate::relay::parties::is_a_person;
use crate::rooms::MaxAge;
use crate::wire::disco::DiscoInfo;
use crate::wire::{Condition, IqPayload};

/// How long the service may take to say whether there is such a room.
const ROOM_TIMEOUT: Duration = Duration::from_secs(3);

/// The contacts, each once.
///
/// # Errors
/// [`Obstacle`]: nobody is to be invited.
pub(super) async fn recipients(cx: &Context, request: &InviteRequest) -> Result<Vec<String>, Obstacle> {
    let InviteRequest { room, inviter, whom, .. } = request;
    if room.node().is_none() || !cx.config.load().muc.serves(room.domain().as_str()) {
        return Err(Obstacle::NoRoom(room.to_string()));
    }
    if !is_user_here(cx, inviter) {
        return Err(Obstacle::NoUser(inviter.to_string()));
    }
    let people: BTreeSet<String> = match whom {
        Whom::Contacts(contacts) => {
            contacts.iter().map(|contact| person(cx, contact)).collect::<Result<_, _>>()?
        }
        Whom::Members => others(cx, inviter, members(cx, room, inviter).await?),
        Whom::Group(name) => others(cx, inviter, group(cx, inviter, name).await?),
    };
    if people.is_empty() && matches!(whom, Whom::Contacts(_)) {
        return Err(Obstacle::Whom);
    }
    if people.len() > MAX_CONTACTS_OF_COMMAND {
        return Err(Obstacle::TooMany);
    }
    cx.link.epoch().map_err(|Lost| Obstacle::NotConnected)?;
    if request.trial != Some(Trial::InNewRoom) && is_no_room(cx, room, inviter).await {
        return Err(Obstacle::NoSuchRoom(room.to_string()));
    }
    // Whoever can't be asked about counts as a user.
    if cx.contacts.has_no_account(inviter).await.is_ok_and(|it| it) {
        return Err(Obstacle::NoUser(inviter.to_string()));
    }
    Ok(people.into_iter().collect())
}

/// Whether the service says that there is no such room. Anything else is found out as for any invitation.
async fn is_no_room(cx: &Context, room: &BareJid, inviter: &BareJid) -> bool {
    let question = || IqPayload::DiscoInfo(DiscoInfo::default());
    let answer = timeout(ROOM_TIMEOUT, cx.link.ask_in_any_name(Some(inviter), room.as_str(), question)).await;
    matches!(answer, Ok(Err(AskError::Refused(error))) if error.condition.0 == Some(Condition::ItemNotFound))
}

/// Whether somebody is a user of a host that belongs to this server: the relay could speak for nobody else, and nothing says
/// that the operator may.
fn is_user_here(cx: &Context, inviter: &BareJid) -> bool {
    let host = inviter.domain().as_str();
    let config = cx.config.load();
    let ours = config.is_own_host(host) || cx.link.grants(host).is_some();
    inviter.node().is_some() && ours && !config.muc.serves(host) && host != cx.link.component()
}

/// The person whom an address means: itself, or who is behind it if it is a relay address.
fn person(cx: &Context, written: &BareJid) -> Result<String, Obstacle> {
    let no_person = || Obstacle::NoPerson(written.to_string());
    let person = if written.domain().as_str() == cx.link.component() {
        address::contact_of(written.as_str()).map_err(|_| no_person())?
    } else {
        written.clone()
    };
    if is_a_person(cx, &person) { Ok(person.to_string()) } else { Err(no_person()) }
}

/// Those who can be invited, without the inviter.
fn others(cx: &Context, inviter: &BareJid, people: Vec<BareJid>) -> BTreeSet<String> {
    let others = people.into_iter().filter(|person| person != inviter && is_a_person(cx, person));
    others.map(|person| person.to_string()).collect()
}

async fn members(cx: &Context, room: &BareJid, inviter: &BareJid) -> Result<Vec<BareJid>, Obstacle> {
    match cx.rooms.look_at_all(room, Some(inviter), MaxAge::Fresh).await {
        Ok(view) => view.members().ok_or(Obstacle::NoList),
        Err(AskError::Lost) => Err(Obstacle::NotConnected),
        Err(_) => Err(Obstacle::Silent),
    }
}

async fn group(cx: &Context, inviter: &BareJid, name: &str) -> Result<Vec<BareJid>, Obstacle> {
    let config = cx.config.load_full();
    let kept = JournalReader::new(&config.journal.place).kept_groups().await.map_err(|e| {
        warn!("the groups can't be read: {e}");
        Obstacle::Journal
    })?;
    Book::new(&config.groups, kept).people(name, Some(inviter)).map_err(|not_usable| match not_usable {
        NotUsable::Nobody => Obstacle::NoGroup(name.to_owned()),
        NotUsable::MayNotUse => Obstacle::MayNotUse(name.to_owned()),
    })
}
