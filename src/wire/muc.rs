//! XEP-0045: reads mediated invitations (§7.8.2), writes invitations, declines and the requests for affiliation and role
//! lists (§9). Knows their shape, not who may invite whom.

use jid::BareJid;
use thiserror::Error;

use super::data_form::Form;
use super::hint::Hint;
use super::muc_owner::{Destroy, Join, MucOwner};
use super::muc_user::{Decline, Invite, MucUser};
use super::stanza::{IqPayload, Message, Presence};
use super::xml::{non_blank, without_forbidden};
use crate::model::Language;
use crate::model::address::{self, AddressError};

pub use super::muc_admin::{AdminItem, Affiliation, MucAdmin, Role};
pub use super::password::Password;

/// A mediated invitation as a room sends it (§7.8.2), checked for shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Mediated {
    /// The room that sent it.
    pub room: BareJid,
    /// The bare address that it was sent to, as received; [`address::contact_of`] reads it.
    pub relay_address: String,
    /// The one of their devices that it was sent to, by its resource (§7.9).
    pub device: Option<String>,
    /// The inviter.
    pub inviter: Inviter,
    /// Reason, password and thread.
    pub details: Details,
}

/// What an invitation holds besides room, contact and inviter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// The inviter's reason; never blank.
    pub reason: Option<String>,
    /// The room's password; never empty.
    pub password: Option<Password>,
    /// The thread of the one-to-one chat that the room continues.
    pub thread: Option<String>,
    /// Whether the room continues a one-to-one chat.
    pub continues: bool,
    /// The language of the inviter, as far as their stanza tells.
    pub language: Language,
}

/// The inviter, as a room names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inviter {
    /// A person whose real JID the room tells.
    Person(BareJid),
    /// An occupant of whom the room tells only the nickname.
    Occupant(String),
}

/// Why an invitation or a hand-over can't be read.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// The sender is an occupant, a user or a domain: only a room sends mediated invitations.
    #[error("`{0}` is not the address of a room")]
    NotARoom(String),
    /// No `to`.
    #[error("it is addressed to nobody")]
    NoAddressee,
    /// No `from` in `<invite/>`, or the room itself.
    #[error("it does not tell who invites")]
    NoInviter,
    /// An address is invalid.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A hand-over without an invitation.
    #[error("it holds no invitation")]
    Empty,
    /// A hand-over with several invitations.
    #[error("it holds more than one invitation")]
    Several,
    /// A hand-over whose inviter is known by their nickname only.
    #[error("it tells the inviter's nick only, not their address")]
    Masked,
    /// A hand-over without a deadline.
    #[error("it has no deadline")]
    NoDeadline,
}

/// The mediated invitations in a message, usually one; empty if it has none.
///
/// The room is the sender of the stanza; a conference element beside the invitation does not count. Messages of type
/// `error` and `groupchat` are never invitations.
///
/// # Errors
///
/// [`Malformed`]: there are invitations, and none of them can be read; it says what is wrong with the first.
pub fn mediated(message: &Message) -> Result<Vec<Mediated>, Malformed> {
    if matches!(message.type_.as_deref(), Some("error" | "groupchat")) {
        return Ok(Vec::new());
    }
    let invites = || {
        let all = message.muc_user.iter();
        all.flat_map(|x| x.invites.iter().map(move |invite| (x, invite)))
    };
    if invites().next().is_none() {
        return Ok(Vec::new());
    }
    let room = room(message.from.as_deref().unwrap_or_default())?;
    let Some(to) = &message.to else {
        return Err(Malformed::NoAddressee);
    };
    let (relay_address, device) = address::split_resource(to);

    let mut found = Vec::new();
    let mut wrong = None;
    for (x, invite) in invites() {
        match inviter(invite, &room) {
            Ok(by) => found.push(Mediated {
                room: room.clone(),
                relay_address: relay_address.to_owned(),
                device: device.map(str::to_owned),
                inviter: by,
                details: details(message, x, invite),
            }),
            Err(error) => {
                wrong.get_or_insert(error);
            }
        }
    }
    match wrong {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}

/// A decline as a room passes it on (§7.8.2), already checked for shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Declined {
    /// The room that passes it on.
    pub room: BareJid,
    /// To whom: the address that the invitation came from.
    pub to: BareJid,
    /// Who declines.
    pub contact: BareJid,
    /// Why; never empty.
    pub reason: Option<String>,
}

/// The decline that a room passes on; `None` for all else, and beside an invitation.
#[must_use]
pub fn declined(message: &Message) -> Option<Declined> {
    let invites = message.muc_user.iter().any(|x| !x.invites.is_empty());
    if invites || matches!(message.type_.as_deref(), Some("error" | "groupchat")) {
        return None;
    }
    let decline = message.muc_user.iter().flat_map(|x| &x.declines).next()?;
    let room = room(message.from.as_deref()?).ok()?;
    let contact = address::own(decline.from.as_deref()?).ok().filter(|contact| *contact != room)?;
    Some(Declined {
        to: address::bare(message.to.as_deref()?).ok()?,
        reason: non_blank(decline.reason.0.clone()),
        room,
        contact,
    })
}

/// The address of a room: it has a localpart, and no resource, with which it would be an occupant's.
pub(super) fn room(jid: &str) -> Result<BareJid, Malformed> {
    match address::own(jid) {
        Ok(room) if room.node().is_some() && !jid.contains('/') => Ok(room),
        Err(error @ AddressError::SomebodyElse { .. }) => Err(error.into()),
        _ => Err(Malformed::NotARoom(jid.to_owned())),
    }
}

fn inviter(invite: &Invite, room: &BareJid) -> Result<Inviter, Malformed> {
    let Some(from) = invite.from.as_deref().filter(|from| !from.is_empty()) else {
        return Err(Malformed::NoInviter);
    };
    let person = address::own(from)?;
    if person != *room {
        return Ok(Inviter::Person(person));
    }
    match address::split_resource(from) {
        (_, Some(nick)) if !nick.is_empty() => Ok(Inviter::Occupant(nick.to_owned())),
        _ => Err(Malformed::NoInviter),
    }
}

fn details(message: &Message, x: &MucUser, invite: &Invite) -> Details {
    let password = x.password.as_ref().map(Password::expose);
    let thread = invite.continues.as_ref().and_then(|it| it.thread.clone());
    Details {
        reason: non_blank(invite.reason.0.clone()),
        password: password.map(str::to_owned).and_then(Password::new),
        thread,
        continues: invite.continues.is_some(),
        language: message.language().unwrap_or_default(),
    }
}

/// A mediated invitation on its way to the room (§7.8.2). `from` is the inviter's bare JID.
#[must_use]
pub fn invite(
    from: &BareJid,
    room: &BareJid,
    contact: &str,
    reason: Option<&str>,
    id: &str,
    hint: Option<Hint>,
) -> Message {
    let reason = reason.map(without_forbidden);
    let invite = Invite { to: Some(contact.to_owned()), reason: reason.into(), ..Invite::default() };
    Message {
        from: Some(from.to_string()),
        to: Some(room.to_string()),
        id: Some(id.to_owned()),
        muc_user: vec![MucUser { invites: vec![invite], ..MucUser::default() }],
        hints: hint.into_iter().collect(),
        ..Message::default()
    }
}

/// A decline (§7.8.2), which reaches even an inviter whom the room masks. `from` is the relay address that was
/// invited, `to` the inviter as the room named them.
#[must_use]
pub fn decline(from: &str, room: &BareJid, to: &str, reason: &str, id: &str) -> Message {
    let decline = Decline { from: None, to: Some(to.to_owned()), reason: without_forbidden(reason).into() };
    Message {
        from: Some(from.to_owned()),
        to: Some(room.to_string()),
        id: Some(id.to_owned()),
        muc_user: vec![MucUser { declines: vec![decline], ..MucUser::default() }],
        ..Message::default()
    }
}

/// The request for the list of an affiliation (§9.5).
#[must_use]
pub fn list_affiliation(affiliation: Affiliation) -> IqPayload {
    one_item(AdminItem { affiliation: Some(affiliation), ..AdminItem::default() })
}

/// The request for the occupants of a role (§9.8).
#[must_use]
pub fn list_role(role: Role) -> IqPayload {
    one_item(AdminItem { role: Some(role), ..AdminItem::default() })
}

/// The request that changes a person's affiliation (§9.3). One person for each request: of two items some servers apply
/// only the first, and answer with a result.
#[must_use]
pub fn set_affiliation(person: &BareJid, affiliation: Affiliation, reason: Option<&str>) -> IqPayload {
    let reason = reason.map(without_forbidden);
    one_item(AdminItem {
        affiliation: Some(affiliation),
        jid: Some(person.to_string()),
        reason: reason.into(),
        ..AdminItem::default()
    })
}

/// The presence by which `from` enters a room, and makes it if there is none.
#[must_use]
pub fn join_room(from: &str, room: &BareJid, nick: &str) -> Presence {
    Presence {
        from: Some(from.to_owned()),
        to: Some(format!("{room}/{nick}")),
        join: Some(Join).into(),
        ..Presence::default()
    }
}

/// The request that opens a new room as the service configures it (§10.1.2).
#[must_use]
pub fn open_room() -> IqPayload {
    let form = Form { type_: Some("submit".to_owned()), ..Form::default() };
    IqPayload::MucOwner(MucOwner { form: form.into(), ..MucOwner::default() })
}

/// The request that destroys a room (§10.9).
#[must_use]
pub fn destroy_room() -> IqPayload {
    IqPayload::MucOwner(MucOwner { destroy: Some(Destroy).into(), ..MucOwner::default() })
}

fn one_item(item: AdminItem) -> IqPayload {
    IqPayload::MucAdmin(MucAdmin { items: vec![item] })
}
