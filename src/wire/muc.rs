//! XEP-0045: what a room tells somebody it invites (§7.8.2), the decline that goes back, and affiliation and role
//! lists (§9). Knows their shape; who may invite whom is not its business.

use jid::BareJid;
use thiserror::Error;
use xso::{AsXml, FromXml};

use super::direct::Hint;
use super::ns;
use super::stanza::{IqPayload, Message, without_forbidden};
use super::xml::{First, Word, words};
use crate::model::address::{self, AddressError};

pub use super::xml::Password;

/// `<x/>` of muc#user.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::MUC_USER, name = "x", discard(text))]
pub struct MucUser {
    /// Invitations; one, or a client's several.
    #[xml(child(n = ..))]
    pub invites: Vec<Invite>,
    /// Declines of invitations.
    #[xml(child(n = ..))]
    pub declines: Vec<Decline>,
    /// The room's password.
    #[xml(extract(n = .., name = "password", fields(text(type_ = Password))))]
    pub password: First<Password>,
}

/// `<invite/>`.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::MUC_USER, name = "invite", discard(text))]
pub struct Invite {
    /// The inviter: a real JID, or the occupant's.
    #[xml(attribute(default))]
    pub from: Option<String>,
    /// Whom to invite, on the way to the room.
    #[xml(attribute(default))]
    pub to: Option<String>,
    /// Why one should come.
    #[xml(extract(n = .., name = "reason", fields(text(type_ = String))))]
    pub reason: First<String>,
    /// A one-to-one chat goes on in the room.
    #[xml(child(n = ..))]
    pub continues: First<Continue>,
}

/// `<continue/>` (§7.9).
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::MUC_USER, name = "continue", discard(text))]
pub struct Continue {
    /// The thread of the chat that goes on.
    #[xml(attribute(default))]
    pub thread: Option<String>,
}

/// `<decline/>`.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::MUC_USER, name = "decline", discard(text))]
pub struct Decline {
    /// Who declines, on the way from the room.
    #[xml(attribute(default))]
    pub from: Option<String>,
    /// The inviter, on the way to the room.
    #[xml(attribute(default))]
    pub to: Option<String>,
    /// Why.
    #[xml(extract(n = .., name = "reason", fields(text(type_ = String))))]
    pub reason: First<String>,
}

/// What a room tells somebody it invites (§7.8.2), already checked for shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Mediated {
    /// The room that sent it.
    pub room: BareJid,
    /// Whom it was sent to: the bare address as received, which [`address::contact_of`] reads.
    pub relay_address: String,
    /// Who invites.
    pub inviter: Inviter,
    /// All else.
    pub details: Details,
}

/// What an invitation says besides who, whom and where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// Why one should come; never empty.
    pub reason: Option<String>,
    /// The room's password; never empty.
    pub password: Option<Password>,
    /// The thread of the one-to-one chat that goes on.
    pub thread: Option<String>,
    /// Whether a one-to-one chat goes on in the room.
    pub continues: bool,
}

/// Who invites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inviter {
    /// Somebody whose real address the room tells.
    Person(BareJid),
    /// An occupant of whom the room tells the nick only.
    Occupant(String),
}

/// Why something that looks like an invitation is none.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// An occupant's private message, say, or one from a user or a bare domain: only a room itself invites.
    #[error("`{0}` is not the address of a room")]
    NotARoom(String),
    /// No `to`.
    #[error("it is addressed to nobody")]
    NoAddressee,
    /// No `from` in `<invite/>`, or the room itself.
    #[error("it does not tell who invites")]
    NoInviter,
    /// An address that can't be one.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A hand-over without its message.
    #[error("it holds no invitation")]
    Empty,
    /// A hand-over with more than one.
    #[error("it holds more than one invitation")]
    Several,
    /// A hand-over whose inviter is an occupant, not a person.
    #[error("it tells the inviter's nick only, not their address")]
    Masked,
    /// A hand-over without its deadline.
    #[error("it has no deadline")]
    NoDeadline,
}

/// The invitations in a message, most often one; none if it is not an invitation at all.
///
/// The room is the stanza's sender, whatever a conference element says. Errors and groupchat messages never invite.
///
/// # Errors
///
/// If there are invitations and none of them is well-shaped: what is wrong with the first.
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
    let (relay_address, _) = address::split_resource(to);

    let mut found = Vec::new();
    let mut wrong = None;
    for (x, invite) in invites() {
        match inviter(invite, &room) {
            Ok(by) => found.push(Mediated {
                room: room.clone(),
                relay_address: relay_address.to_owned(),
                inviter: by,
                details: details(x, invite),
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

/// A room's address: with a localpart, and without a resource, which would be an occupant's.
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

fn details(x: &MucUser, invite: &Invite) -> Details {
    let password = x.password.as_ref().map(Password::expose);
    let thread = invite.continues.as_ref().and_then(|it| it.thread.clone());
    Details {
        reason: non_blank(invite.reason.0.clone()),
        password: password.map(str::to_owned).and_then(Password::new),
        thread,
        continues: invite.continues.is_some(),
    }
}

/// A blank `<reason/>` or attribute is as good as none.
pub(super) fn non_blank(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// An invitation (§7.8.2) on its way to the room. `from` is the inviter's bare JID.
#[must_use]
pub fn invite(
    from: &BareJid,
    room: &BareJid,
    contact: &BareJid,
    reason: Option<&str>,
    id: &str,
    hint: Option<Hint>,
) -> Message {
    let reason = reason.map(without_forbidden);
    let invite = Invite { to: Some(contact.to_string()), reason: reason.into(), ..Invite::default() };
    Message {
        from: Some(from.to_string()),
        to: Some(room.to_string()),
        id: Some(id.to_owned()),
        muc_user: vec![MucUser { invites: vec![invite], ..MucUser::default() }],
        hints: hint.into_iter().collect(),
        ..Message::default()
    }
}

/// A decline (§7.8.2), the one thing that reaches an inviter, a masked one too. `from` is the relay address that was
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

/// `<query/>` of muc#admin: a list, or a change of one.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::MUC_ADMIN, name = "query", discard(text))]
pub struct MucAdmin {
    /// What is asked for, or what there is.
    #[xml(child(n = ..))]
    pub items: Vec<AdminItem>,
}

/// `<item/>` of muc#admin.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::MUC_ADMIN, name = "item", discard(text))]
pub struct AdminItem {
    /// What somebody is to the room, in it or not; `None` here: not told.
    #[xml(attribute(default, codec = Word))]
    pub affiliation: Option<Affiliation>,
    /// What somebody may do while in it; `None` here: not told.
    #[xml(attribute(default, codec = Word))]
    pub role: Option<Role>,
    /// The real address, bare in affiliation lists, full in role lists.
    #[xml(attribute(default))]
    pub jid: Option<String>,
    /// The nick in the room.
    #[xml(attribute(default))]
    pub nick: Option<String>,
    /// Why, as the one who changed it said.
    #[xml(extract(n = .., name = "reason", fields(text(type_ = String))))]
    pub reason: First<String>,
}

words! {
    /// What somebody is to a room, for good (§5.2).
    pub enum Affiliation {
        Owner = "owner",
        Admin = "admin",
        Member = "member",
        Outcast = "outcast",
        None = "none",
    }
}

words! {
    /// What an occupant may do for now (§5.1).
    pub enum Role {
        Moderator = "moderator",
        Participant = "participant",
        Visitor = "visitor",
        None = "none",
    }
}

/// Asks for everyone of an affiliation (§9.5).
#[must_use]
pub fn list_affiliation(affiliation: Affiliation) -> IqPayload {
    one_item(AdminItem { affiliation: Some(affiliation), ..AdminItem::default() })
}

/// Asks for every occupant of a role (§9.8).
#[must_use]
pub fn list_role(role: Role) -> IqPayload {
    one_item(AdminItem { role: Some(role), ..AdminItem::default() })
}

/// Changes one affiliation (§9.3). One person a request: of two items some servers apply the first and answer well.
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

fn one_item(item: AdminItem) -> IqPayload {
    IqPayload::MucAdmin(MucAdmin { items: vec![item] })
}
