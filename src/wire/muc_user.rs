//! The elements of XEP-0045 muc#user: mediated invitations (§7.8.2) and declines. Knows their shape; [`super::muc`] reads
//! and writes them.

use xso::{AsXml, FromXml};

use super::ns;
use super::password::Password;
use super::xml::First;

/// `<x/>` of muc#user.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::MUC_USER, name = "x", discard(text))]
pub struct MucUser {
    /// Invitations; usually one, but clients may send several.
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
    /// The inviter: a real JID, or the occupant's address.
    #[xml(attribute(default))]
    pub from: Option<String>,
    /// The contact, on the way to the room.
    #[xml(attribute(default))]
    pub to: Option<String>,
    /// The inviter's reason.
    #[xml(extract(n = .., name = "reason", fields(text(type_ = String))))]
    pub reason: First<String>,
    /// The room continues a one-to-one chat.
    #[xml(child(n = ..))]
    pub continues: First<Continue>,
}

/// `<continue/>` (§7.9).
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::MUC_USER, name = "continue", discard(text))]
pub struct Continue {
    /// The thread of that chat.
    #[xml(attribute(default))]
    pub thread: Option<String>,
}

/// `<decline/>`.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::MUC_USER, name = "decline", discard(text))]
pub struct Decline {
    /// The contact, on the way from the room.
    #[xml(attribute(default))]
    pub from: Option<String>,
    /// The inviter, on the way to the room.
    #[xml(attribute(default))]
    pub to: Option<String>,
    /// The contact's reason.
    #[xml(extract(n = .., name = "reason", fields(text(type_ = String))))]
    pub reason: First<String>,
}
