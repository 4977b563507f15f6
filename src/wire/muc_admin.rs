//! The elements of XEP-0045 muc#admin (§9): affiliation and role lists, and changes of them. Knows their shape;
//! [`super::muc`] writes the requests.

use xso::{AsXml, FromXml};

use super::ns;
use super::xml::{First, Word, words};

/// `<query/>` of muc#admin: a list, or a change of one.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::MUC_ADMIN, name = "query", discard(text))]
pub struct MucAdmin {
    /// In a request: what to list or change. In an answer: the list.
    #[xml(child(n = ..))]
    pub items: Vec<AdminItem>,
}

/// `<item/>` of muc#admin.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::MUC_ADMIN, name = "item", discard(text))]
pub struct AdminItem {
    /// The affiliation; `None` if it is absent or unknown.
    #[xml(attribute(default, codec = Word))]
    pub affiliation: Option<Affiliation>,
    /// The role; `None` if it is absent or unknown.
    #[xml(attribute(default, codec = Word))]
    pub role: Option<Role>,
    /// The real JID: bare in affiliation lists, full in role lists.
    #[xml(attribute(default))]
    pub jid: Option<String>,
    /// The nickname in the room.
    #[xml(attribute(default))]
    pub nick: Option<String>,
    /// The reason that was given for the change.
    #[xml(extract(n = .., name = "reason", fields(text(type_ = String))))]
    pub reason: First<String>,
}

words! {
    /// A person's long-lived relation to a room (§5.2).
    pub enum Affiliation {
        Owner = "owner",
        Admin = "admin",
        Member = "member",
        Outcast = "outcast",
        None = "none",
    }
}

words! {
    /// An occupant's privileges until they leave the room (§5.1).
    pub enum Role {
        Moderator = "moderator",
        Participant = "participant",
        Visitor = "visitor",
        None = "none",
    }
}
