//! Queries a room, everything at once: disco#info (XEP-0030), affiliation lists (XEP-0045 §9.5), role lists (§9.6).
//! Knows nothing of how long the answers are kept.

use std::collections::HashMap;
use std::sync::RwLock;

use futures::future::{try_join, try_join_all, try_join3};
use jid::BareJid;
use tokio::task::yield_now;
use tokio::time::Instant;

use super::Rooms;
use super::asker::Asker;
use super::relay_addresses::RelayAddresses;
use super::snapshot::{Kind, Occupants, Share, Snapshot};
use crate::link::{AskError, Epoch};
use crate::model::address;
use crate::wire::disco::DiscoInfo;
use crate::wire::muc::{self, AdminItem, Affiliation, Role};
use crate::wire::{IqPayload, IqType};

/// Prosody's own setting of rooms, by which its rooms are recognised: it counts only bans of domains.
const PROSODYS_FIELD: &str = "{http://prosody.im/protocol/muc}roomconfig_allowmemberinvites";
/// How many items of a list are taken over before other tasks run.
const ITEMS_PER_PIECE: usize = 128;
/// In an open room the ban list is the only list that matters for a single contact, unless a domain is banned: then those of
/// its people who have an affiliation of their own may come in.
const BANNED: &[Affiliation] = &[Affiliation::Outcast];
const ALL_BUT_BANNED: &[Affiliation] = &[Affiliation::Member, Affiliation::Admin, Affiliation::Owner];

/// Queries the room on the connection `on`. An open room is asked for its owners, admins and members only if `everybody` is
/// true, or if it bans a domain. What it refuses to tell stays unknown. `before`: the previous snapshot; a room that was
/// asked for all lists then is expected to need it still, which saves a round trip.
///
/// # Errors
/// [`AskError::Lost`]: the link was lost. [`AskError::Unanswered`]: the room did not answer.
pub(super) async fn survey(
    rooms: &Rooms,
    room: &BareJid,
    asker: &Asker,
    on: Epoch,
    everybody: bool,
    before: Option<&Snapshot>,
) -> Result<Snapshot, AskError> {
    let taken = Instant::now();
    let needed_all = |view: &Snapshot| view.kind.members_only == Some(true) || view.bans_a_domain();
    let ahead = everybody || before.is_some_and(needed_all);
    let ask = |affiliations: &'static [Affiliation]| lists(rooms, room, asker, affiliations);
    let first = try_join(ask(BANNED), ask(if ahead { ALL_BUT_BANNED } else { &[] }));
    let ((kind, domains_rank), occupants, (banned, mut others)) =
        try_join3(kind(rooms, room, asker), occupants(rooms, room, asker), first).await?;
    let complete = ahead || kind.members_only != Some(false) || has_a_domain(&banned);
    if complete && !ahead {
        others = ask(ALL_BUT_BANNED).await?;
    }
    let mut whole = kind.members_only.is_some() && occupants.is_some();
    let mut known = Some(HashMap::new());
    let mut ours = Vec::new();
    for (affiliation, items) in banned.into_iter().chain(others) {
        whole &= items.is_some();
        match (items, &mut known) {
            (Some(items), Some(known)) => {
                let people = items.into_iter().filter_map(|item| address::own(&item.jid?).ok());
                for (number, jid) in (1..).zip(people) {
                    if number % ITEMS_PER_PIECE == 0 {
                        yield_now().await;
                    }
                    if affiliation == Affiliation::Member && is_ours(rooms, &jid) {
                        ours.push(jid.clone());
                    }
                    known.insert(jid.to_string(), affiliation);
                }
            }
            // An admin may not see the owners, nor change them. The other lists are complete all the same.
            (None, _) if matches!(affiliation, Affiliation::Owner | Affiliation::Admin) => {}
            _ => known = None,
        }
    }
    let share = Share::new(&rooms.people, Snapshot::size(known.as_ref(), occupants.as_ref()));
    let affiliations = known.map(RwLock::new);
    let relay_addresses = {
        let before = before.filter(|view| view.on == on && view.complete && view.affiliations.is_some());
        let earlier = before.map(|view| (view.ours(), view.taken));
        let earlier = earlier.as_ref().map(|(addresses, at)| (&**addresses, *at));
        RwLock::new(RelayAddresses::found(ours.into_iter(), taken, earlier))
    };
    Ok(Snapshot {
        taken,
        took: taken.elapsed(),
        on,
        asker: asker.clone(),
        kind,
        domains_rank,
        complete,
        whole,
        share,
        affiliations,
        occupants,
        relay_addresses,
    })
}

/// The addresses on the component that a members-only room has as members; none of any other room, which is not asked for
/// its list.
///
/// # Errors
/// See [`survey`].
pub(super) async fn relay_addresses(
    rooms: &Rooms,
    room: &BareJid,
    asker: &Asker,
) -> Result<Vec<BareJid>, AskError> {
    if kind(rooms, room, asker).await?.0.members_only != Some(true) {
        return Ok(Vec::new());
    }
    let members = list(rooms, room, asker, || muc::list_affiliation(Affiliation::Member)).await?;
    let members = members.into_iter().flatten().filter_map(|item| address::own(&item.jid?).ok());
    Ok(members.filter(|jid| is_ours(rooms, jid)).collect())
}

fn is_ours(rooms: &Rooms, jid: &BareJid) -> bool {
    jid.domain().as_str() == rooms.link.component()
}

/// Whether one of these lists names a domain.
fn has_a_domain(lists: &[(Affiliation, Option<Vec<AdminItem>>)]) -> bool {
    let items = lists.iter().filter_map(|(_, items)| items.as_ref()).flatten();
    items.filter_map(|item| item.jid.as_deref()).any(|jid| !jid.contains('@'))
}

async fn lists(
    rooms: &Rooms,
    room: &BareJid,
    asker: &Asker,
    affiliations: &[Affiliation],
) -> Result<Vec<(Affiliation, Option<Vec<AdminItem>>)>, AskError> {
    try_join_all(affiliations.iter().map(|affiliation| async {
        Ok((*affiliation, list(rooms, room, asker, || muc::list_affiliation(*affiliation)).await?))
    }))
    .await
}

/// True or false by which of two opposite features is announced; `None` if neither or both are.
fn either(info: &DiscoInfo, yes: &str, no: &str) -> Option<bool> {
    match (info.has(yes), info.has(no)) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        _ => None,
    }
}

/// What the room tells everybody of itself, and whether affiliations of domains above none count there. Everybody may ask
/// this, so it is asked in the inviter's name only if the server swallows the relay's own questions.
async fn kind(rooms: &Rooms, room: &BareJid, asker: &Asker) -> Result<(Kind, bool), AskError> {
    let question = || IqPayload::DiscoInfo(DiscoInfo::default());
    let inviter = match asker {
        Asker::Inviter(inviter) => Some(inviter),
        Asker::Relay => None,
    };
    match rooms.link.ask_in_any_name(inviter, room.as_str(), question).await {
        Ok(answer) => Ok(match answer.payload.0 {
            Some(IqPayload::DiscoInfo(info)) => {
                let kind = Kind {
                    members_only: Some(info.has("muc_membersonly")),
                    allows_invites: info
                        .field("muc#roomconfig_allowinvites")
                        .map(|it| matches!(it, "1" | "true")),
                    moderated: either(&info, "muc_moderated", "muc_unmoderated"),
                    has_password: either(&info, "muc_passwordprotected", "muc_unsecured"),
                };
                (kind, info.field(PROSODYS_FIELD).is_none())
            }
            _ => Default::default(),
        }),
        Err(AskError::Refused(_) | AskError::Swallowed) => Ok(Default::default()),
        Err(e) => Err(e),
    }
}

async fn occupants(rooms: &Rooms, room: &BareJid, asker: &Asker) -> Result<Option<Occupants>, AskError> {
    let role = |role| list(rooms, room, asker, move || muc::list_role(role));
    let (moderators, (participants, visitors)) =
        try_join(role(Role::Moderator), try_join(role(Role::Participant), role(Role::Visitor))).await?;
    let (Some(moderators), Some(participants), Some(visitors)) = (moderators, participants, visitors) else {
        return Ok(None);
    };
    let mut occupants = Occupants::default();
    let roles = [(Role::Moderator, moderators), (Role::Participant, participants), (Role::Visitor, visitors)];
    for (role, items) in roles {
        for item in items {
            if let Some(jid) = item.jid {
                occupants.add(item.nick, &jid, role);
            }
        }
    }
    Ok(Some(occupants))
}

async fn list(
    rooms: &Rooms,
    room: &BareJid,
    asker: &Asker,
    question: impl Fn() -> IqPayload,
) -> Result<Option<Vec<AdminItem>>, AskError> {
    match rooms.ask(room, asker, IqType::Get, question).await {
        Ok(answer) => Ok(match answer.payload.0 {
            Some(IqPayload::MucAdmin(list)) => Some(list.items),
            _ => None,
        }),
        Err(AskError::Refused(_) | AskError::Swallowed) => Ok(None),
        Err(e) => Err(e),
    }
}
