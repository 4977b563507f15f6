//! XEP-0297: a stanza inside another one.

use xso::{AsXml, FromXml};

use super::ns;
use super::stanza::{Iq, Message};
use super::xml::{First, Translated, Translation};

/// The translation of a client's stanza: `jabber:client` on the wire, read as if it stood on our stream.
#[derive(Debug, Clone, PartialEq)]
pub struct FromClient;

impl Translation for FromClient {
    const WIRE: &'static str = ns::CLIENT;
    const OURS: &'static str = ns::COMPONENT;
}

/// A stanza of `jabber:client` inside another one. It can't hold a further one.
pub type Inner<T> = Translated<T, FromClient>;

/// `<forwarded/>`.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::FORWARD, name = "forwarded", discard(text))]
pub struct Forwarded {
    /// The message, if it is one.
    #[xml(child(n = ..))]
    pub message: First<Inner<Message>>,
    /// The IQ, if it is one.
    #[xml(child(n = ..))]
    pub iq: First<Inner<Iq>>,
}

impl From<Message> for Forwarded {
    fn from(message: Message) -> Self {
        Self { message: Inner::new(message).into(), ..Self::default() }
    }
}

impl From<Iq> for Forwarded {
    fn from(iq: Iq) -> Self {
        Self { iq: Inner::new(iq).into(), ..Self::default() }
    }
}
