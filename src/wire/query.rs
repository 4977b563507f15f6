//! Three small queries: software version (XEP-0092), roster (RFC 6121 §2), block list (XEP-0191). Knows their shape only.

use xso::{AsXml, FromXml};

use super::ns;
use super::xml::First;

/// `<query/>` of `jabber:iq:version`; empty to ask.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::VERSION, name = "query", discard(text))]
pub struct Version {
    /// The name of the software.
    #[xml(extract(n = .., name = "name", fields(text(type_ = String))))]
    pub name: First<String>,
    /// Its version.
    #[xml(extract(n = .., name = "version", fields(text(type_ = String))))]
    pub version: First<String>,
    /// The operating system.
    #[xml(extract(n = .., name = "os", fields(text(type_ = String))))]
    pub os: First<String>,
}

/// `<query/>` of `jabber:iq:roster`; empty to ask.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::ROSTER, name = "query", discard(text))]
pub struct Roster {
    /// The contacts.
    #[xml(child(n = ..))]
    pub items: Vec<RosterItem>,
}

/// A contact in a roster.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::ROSTER, name = "item", discard(text))]
pub struct RosterItem {
    /// The contact's bare JID.
    #[xml(attribute(default))]
    pub jid: Option<String>,
    /// The subscription state: `none`, `to`, `from`, `both`.
    #[xml(attribute(default))]
    pub subscription: Option<String>,
}

impl RosterItem {
    /// Whether one of the two is subscribed to the other's presence. An entry without that needs nobody's consent.
    #[must_use]
    pub fn is_subscribed(&self) -> bool {
        matches!(self.subscription.as_deref(), Some("to" | "from" | "both"))
    }
}

/// `<blocklist/>`; empty to ask.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::BLOCKING, name = "blocklist", discard(text))]
pub struct BlockList {
    /// The addresses that are blocked.
    #[xml(child(n = ..))]
    pub items: Vec<BlockItem>,
}

/// An address that is blocked: a person, a whole domain, or one resource.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::BLOCKING, name = "item", discard(text))]
pub struct BlockItem {
    /// The address.
    #[xml(attribute(default))]
    pub jid: Option<String>,
}
