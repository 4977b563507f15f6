//! Messages, IQs and presences on a component's stream (RFC 6120 §8, XEP-0114), with those of their children that
//! concern us. Knows where each extension may stand, not what it means.

use xso::error::Error;
use xso::{AsXml, FromXml};

use super::caps::Caps;
use super::command::Command;
use super::direct::{Conference, Hint};
use super::disco::{DiscoInfo, DiscoItems};
use super::error::{Condition, StanzaError, StreamError};
use super::handover::{FateOf, HandOver};
use super::muc::{MucAdmin, MucUser};
use super::ns;
use super::privileged::{Content, Privilege, PrivilegedIq};
use super::query::{BlockList, Roster, Version};
use super::xml::{First, words};

pub use super::xml::{is_xml_text, strip_forbidden, without_forbidden};

/// Whatever may come or go on the stream once it is open.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq)]
#[xml()]
pub enum Stanza {
    /// A message.
    #[xml(transparent)]
    Message(Message),
    /// A question or an answer.
    #[xml(transparent)]
    Iq(Iq),
    /// A presence.
    #[xml(transparent)]
    Presence(Presence),
    /// The server's answer to our handshake (XEP-0114 §3).
    #[xml(namespace = ns::COMPONENT, name = "handshake", discard(text))]
    Handshake,
    /// The server's last words.
    #[xml(transparent)]
    StreamError(StreamError),
}

/// `<message/>`.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::COMPONENT, name = "message", discard(text))]
pub struct Message {
    /// The sender.
    #[xml(attribute(default))]
    pub from: Option<String>,
    /// The addressee.
    #[xml(attribute(default))]
    pub to: Option<String>,
    /// The sender's name for it; often absent.
    #[xml(attribute(default))]
    pub id: Option<String>,
    /// `normal` if absent.
    #[xml(attribute(name = "type", default))]
    pub type_: Option<String>,
    /// XEP-0045: mediated invitations and declines.
    #[xml(child(n = ..))]
    pub muc_user: Vec<MucUser>,
    /// XEP-0249. Before the hints, for clients that look at the first child only.
    #[xml(child(n = ..))]
    pub conference: Vec<Conference>,
    /// XEP-0334.
    #[xml(child(n = ..))]
    pub hints: Vec<Hint>,
    /// XEP-0356: an advertisement, or a message in a user's name.
    #[xml(child(n = ..))]
    pub privilege: First<Privilege>,
    /// Why it failed, in a message of type `error`.
    #[xml(child(n = ..))]
    pub error: First<StanzaError>,
}

/// `<iq/>`.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::COMPONENT, name = "iq", discard(text))]
pub struct Iq {
    /// The sender.
    #[xml(attribute(default))]
    pub from: Option<String>,
    /// The addressee.
    #[xml(attribute(default))]
    pub to: Option<String>,
    /// What the answer is known by.
    #[xml(attribute(default))]
    pub id: Option<String>,
    /// See [`Iq::kind`].
    #[xml(attribute(name = "type", default))]
    pub type_: Option<String>,
    /// The first child we know; none in an acknowledgement, and none if the question is foreign to us.
    #[xml(child(n = ..))]
    pub payload: First<IqPayload>,
    /// Why it failed, in an IQ of type `error`.
    #[xml(child(n = ..))]
    pub error: First<StanzaError>,
}

words! {
    /// What an IQ is (RFC 6120 §8.2.3).
    pub enum IqType {
        Get = "get",
        Set = "set",
        Result = "result",
        Error = "error",
    }
}

impl Iq {
    /// A question. The link fills in `from`.
    pub fn get(to: impl Into<String>, id: impl Into<String>, payload: IqPayload) -> Self {
        Self::request(IqType::Get, to.into(), id.into(), payload)
    }

    /// An order. The link fills in `from`.
    pub fn set(to: impl Into<String>, id: impl Into<String>, payload: IqPayload) -> Self {
        Self::request(IqType::Set, to.into(), id.into(), payload)
    }

    fn request(type_: IqType, to: String, id: String, payload: IqPayload) -> Self {
        Self {
            to: Some(to),
            id: Some(id),
            type_: Some(type_.as_str().to_owned()),
            payload: payload.into(),
            ..Self::default()
        }
    }

    /// The empty result of a request: back to its sender, from where it was sent to, with its id.
    #[must_use]
    pub fn result_to(request: &Iq) -> Self {
        Self::answer_to(request, IqType::Result)
    }

    /// The failure of a request.
    #[must_use]
    pub fn error_to(request: &Iq, condition: Condition) -> Self {
        Self::failure_of(request, StanzaError::new(condition, None))
    }

    /// The failure of a request, with more to say about it than the condition.
    #[must_use]
    pub fn failure_of(request: &Iq, error: StanzaError) -> Self {
        Self { error: error.into(), ..Self::answer_to(request, IqType::Error) }
    }

    fn answer_to(request: &Iq, type_: IqType) -> Self {
        Self {
            from: request.to.clone(),
            to: request.from.clone(),
            id: request.id.clone(),
            type_: Some(type_.as_str().to_owned()),
            ..Self::default()
        }
    }

    /// What it is; `None` if its type is absent or none that exists.
    #[must_use]
    pub fn kind(&self) -> Option<IqType> {
        self.type_.as_deref().and_then(IqType::from_word)
    }
}

/// What an IQ is about.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq)]
#[xml()]
pub enum IqPayload {
    /// XEP-0030.
    #[xml(transparent)]
    DiscoInfo(DiscoInfo),
    /// XEP-0030.
    #[xml(transparent)]
    DiscoItems(DiscoItems),
    /// XEP-0199.
    #[xml(namespace = ns::PING, name = "ping", discard(text))]
    Ping,
    /// XEP-0092.
    #[xml(transparent)]
    Version(Version),
    /// XEP-0045 §9.
    #[xml(transparent)]
    MucAdmin(MucAdmin),
    /// RFC 6121 §2.
    #[xml(transparent)]
    Roster(Roster),
    /// XEP-0191.
    #[xml(transparent)]
    BlockList(BlockList),
    /// XEP-0050.
    #[xml(transparent)]
    Command(Command),
    /// A server module hands an invitation over.
    #[xml(transparent)]
    HandOver(HandOver),
    /// A server module is asked what became of one.
    #[xml(transparent)]
    FateOf(FateOf),
    /// XEP-0356: an IQ in a user's name.
    #[xml(transparent)]
    PrivilegedIq(PrivilegedIq),
    /// XEP-0356: the answer to an IQ in a user's name.
    #[xml(transparent)]
    PrivilegeReply(Content),
}

/// `<presence/>`.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::COMPONENT, name = "presence", discard(text))]
pub struct Presence {
    /// The sender.
    #[xml(attribute(default))]
    pub from: Option<String>,
    /// The addressee.
    #[xml(attribute(default))]
    pub to: Option<String>,
    /// The sender's name for it.
    #[xml(attribute(default))]
    pub id: Option<String>,
    /// Available if absent.
    #[xml(attribute(name = "type", default))]
    pub type_: Option<String>,
    /// XEP-0115: what the client can do.
    #[xml(child(n = ..))]
    pub caps: First<Caps>,
    /// Why it failed, in a presence of type `error`.
    #[xml(child(n = ..))]
    pub error: First<StanzaError>,
}

/// Reads one stanza as it stands on a component's stream, that is without namespace declarations for what the
/// stream header has declared.
///
/// # Errors
///
/// If it is not well-formed, or none of ours.
pub fn parse(xml: &[u8]) -> Result<Stanza, Error> {
    #[derive(FromXml)]
    #[xml(namespace = ns::STREAM, name = "stream", discard(text))]
    struct Stream {
        #[xml(child(n = ..))]
        stanza: First<Stanza>,
    }

    let mut document =
        format!("<stream:stream xmlns:stream='{}' xmlns='{}'>", ns::STREAM, ns::COMPONENT).into_bytes();
    document.extend_from_slice(xml);
    document.extend_from_slice(b"</stream:stream>");
    let Stream { stanza } = xso::from_bytes(&document)?;
    stanza.0.ok_or(Error::TypeMismatch)
}
