//! Queries a room, everything at once: disco#info (XEP-0030), affiliation lists (XEP-0045 §9.5), role lists (§9.6).
//! Knows nothing of how long the answers are kept.

use std::collections::HashMap;
use std::sync::RwLock;

use futures::future::{try_join, try_join_all, try_join3};
use jid::BareJid;
use tokio::time::Instant;

use super::snapshot::{Kind, Occupants, Share, Snapshot};
use super::{Asker, Rooms};
use crate::link::AskError;
use crate::model::address;
use crate::wire::disco::DiscoInfo;
use crate::wire::muc::{self, AdminItem, Affiliation, Role};
use crate::wire::{IqPayload, IqType};

/// In an open room the ban list is the only list that matters for a single contact.
const BANNED: &[Affiliation] = &[Affiliation::Outcast];
const ALL_BUT_BANNED: &[Affiliation] = &[Affiliation::Member, Affiliation::Admin, Affiliation::Owner];

/// Queries the room. An open room is asked for its owners, admins and members only if `everybody` is true. What it refuses
/// to tell stays unknown. `before`: the previous snapshot; a room that was members-only then is expected to be so still,
/// which saves a round trip.
///
/// # Errors
/// [`AskError::Lost`]: the link was lost. [`AskError::Unanswered`]: the room did not answer.
pub(super) async fn survey(
    rooms: &Rooms,
    room: &BareJid,
    asker: &Asker,
    everybody: bool,
    before: Option<&Snapshot>,
) -> Result<Snapshot, AskError> {
    let taken = Instant::now();
    let ahead = everybody || before.is_some_and(|view| view.kind.members_only == Some(true));
    let ask = |affiliations: &'static [Affiliation]| lists(rooms, room, asker, affiliations);
    let first = try_join(ask(BANNED), ask(if ahead { ALL_BUT_BANNED } else { &[] }));
    let (kind, occupants, (banned, mut others)) =
        try_join3(kind(rooms, room, asker), occupants(rooms, room, asker), first).await?;
    let complete = ahead || kind.members_only != Some(false);
    if complete && !ahead {
        others = ask(ALL_BUT_BANNED).await?;
    }
    let mut whole = kind.members_only.is_some() && occupants.is_some();
    let mut known = Some(HashMap::new());
    for (affiliation, items) in banned.into_iter().chain(others) {
        whole &= items.is_some();
        match (items, &mut known) {
            (Some(items), Some(known)) => {
                known.extend(items.into_iter().filter_map(|item| Some((bare(&item.jid?)?, affiliation))));
            }
            // An admin may not see the owners, nor change them. The other lists are complete all the same.
            (None, _) if matches!(affiliation, Affiliation::Owner | Affiliation::Admin) => {}
            _ => known = None,
        }
    }
    let share = Share::new(&rooms.people, Snapshot::size(known.as_ref(), occupants.as_ref()));
    let affiliations = known.map(RwLock::new);
    Ok(Snapshot { taken, kind, complete, whole, share, affiliations, occupants })
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

fn bare(jid: &str) -> Option<String> {
    address::own(jid).ok().map(|jid| jid.to_string())
}

/// Everybody may ask this, so it is asked in the inviter's name only if the server swallows the relay's own questions.
async fn kind(rooms: &Rooms, room: &BareJid, asker: &Asker) -> Result<Kind, AskError> {
    let question = || IqPayload::DiscoInfo(DiscoInfo::default());
    let inviter = match asker {
        Asker::Inviter(inviter) => Some(inviter),
        Asker::Relay => None,
    };
    match rooms.link.ask_anyhow(inviter, room.as_str(), question).await {
        Ok(answer) => Ok(match answer.payload.0 {
            Some(IqPayload::DiscoInfo(info)) => Kind {
                members_only: Some(info.has("muc_membersonly")),
                allows_invites: info
                    .field("muc#roomconfig_allowinvites")
                    .map(|it| matches!(it, "1" | "true")),
                moderated: either(&info, "muc_moderated", "muc_unmoderated"),
                has_password: either(&info, "muc_passwordprotected", "muc_unsecured"),
            },
            _ => Kind::default(),
        }),
        Err(AskError::Refused(_) | AskError::Swallowed) => Ok(Kind::default()),
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
