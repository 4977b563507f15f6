//! Messages, IQs and presences on a component's stream (RFC 6120 §8, XEP-0114), and the elements that hold a stanza in
//! their turn: `<forwarded/>` (XEP-0297), `<privilege/>` and `<privileged_iq/>` (XEP-0356), and `<handover/>`, which is our
//! own. They share a file because each of them contains the others. Knows which element may stand where, not what
//! it means.

use xso::{AsXml, FromXml};

use super::body::Body;
use super::came_back::CameBack;
use super::caps::Caps;
use super::command::Command;
use super::conference::Conference;
use super::disco::{DiscoInfo, DiscoItems};
use super::error::{Condition, StanzaError};
use super::fate::HandOverFate;
use super::hint::Hint;
use super::muc_admin::MucAdmin;
use super::muc_owner::{Join, MucOwner};
use super::muc_user::MucUser;
use super::ns;
use super::permission::Perm;
use super::query::{BlockList, Roster, Version};
use super::xml::{First, Translated, Translation, words};
use crate::model::Language;

/// `<message/>`.
#[derive(AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::COMPONENT, name = "message")]
pub struct Message {
    /// The sender.
    #[xml(attribute(default))]
    pub from: Option<String>,
    /// The addressee.
    #[xml(attribute(default))]
    pub to: Option<String>,
    /// The sender's id for it; often absent.
    #[xml(attribute(default))]
    pub id: Option<String>,
    /// `normal` if absent.
    #[xml(attribute(name = "type", default))]
    pub type_: Option<String>,
    /// The language of what its sender reads and writes (BCP 47); often absent.
    #[xml(attribute(namespace = ns::XML, name = "lang", default))]
    pub lang: Option<String>,
    /// XEP-0045: mediated invitations and declines.
    #[xml(child(n = ..))]
    pub muc_user: Vec<MucUser>,
    /// XEP-0249. Stands before the hints, for clients that look at the first child only.
    #[xml(child(n = ..))]
    pub conference: Vec<Conference>,
    /// What it says to people.
    #[xml(child(n = ..))]
    pub body: First<Body>,
    /// XEP-0334.
    #[xml(child(n = ..))]
    pub hints: Vec<Hint>,
    /// XEP-0356: an advertisement, or a message in a user's name.
    #[xml(child(n = ..))]
    pub privilege: First<Privilege>,
    /// The error, in a message of type `error`.
    #[xml(child(n = ..))]
    pub error: First<StanzaError>,
}

impl Message {
    /// The language of its sender, as far as it tells. Of a body's language nothing is read: ejabberd's rooms write `en`
    /// whatever language the body is in.
    #[must_use]
    pub fn language(&self) -> Option<Language> {
        self.lang.as_deref().and_then(Language::of_tag)
    }
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
    /// The id, which the answer repeats.
    #[xml(attribute(default))]
    pub id: Option<String>,
    /// See [`Iq::kind`].
    #[xml(attribute(name = "type", default))]
    pub type_: Option<String>,
    /// The language of what its sender reads and writes (BCP 47); often absent.
    #[xml(attribute(namespace = ns::XML, name = "lang", default))]
    pub lang: Option<String>,
    /// The first known child; none in an empty result, and none if the payload is unknown here.
    #[xml(child(n = ..))]
    pub payload: First<IqPayload>,
    /// The error, in an IQ of type `error`.
    #[xml(child(n = ..))]
    pub error: First<StanzaError>,
}

words! {
    /// The type of an IQ (RFC 6120 §8.2.3).
    pub enum IqType {
        Get = "get",
        Set = "set",
        Result = "result",
        Error = "error",
    }
}

impl Iq {
    /// A request of type `get`. The link fills in `from`.
    pub fn get(to: impl Into<String>, id: impl Into<String>, payload: IqPayload) -> Self {
        Self::request(IqType::Get, to.into(), id.into(), payload)
    }

    /// A request of type `set`. The link fills in `from`.
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

    /// The empty result of a request: to its sender, from its addressee, with its id.
    #[must_use]
    pub fn result_to(request: &Iq) -> Self {
        Self::answer_to(request, IqType::Result)
    }

    /// The error that answers a request.
    #[must_use]
    pub fn error_to(request: &Iq, condition: Condition) -> Self {
        Self::error_with(request, StanzaError::new(condition, None))
    }

    /// The error that answers a request, with more in it than the condition.
    #[must_use]
    pub fn error_with(request: &Iq, error: StanzaError) -> Self {
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

    /// The type; `None` if it is absent or unknown.
    #[must_use]
    pub fn kind(&self) -> Option<IqType> {
        self.type_.as_deref().and_then(IqType::from_word)
    }

    /// The language of its sender, as far as it or its command tells; English for all others.
    #[must_use]
    pub fn language(&self) -> Language {
        let of_command = self.command().and_then(|command| command.lang.as_deref());
        of_command.or(self.lang.as_deref()).and_then(Language::of_tag).unwrap_or_default()
    }

    /// The ad-hoc command (XEP-0050) in a request of type `set`.
    #[must_use]
    pub fn command(&self) -> Option<&Command> {
        match self.payload.as_ref() {
            Some(IqPayload::Command(command)) if self.kind() == Some(IqType::Set) => Some(command),
            _ => None,
        }
    }
}

/// The payload of an IQ.
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
    /// XEP-0045 §10.
    #[xml(transparent)]
    MucOwner(MucOwner),
    /// RFC 6121 §2.
    #[xml(transparent)]
    Roster(Roster),
    /// XEP-0191.
    #[xml(transparent)]
    BlockList(BlockList),
    /// XEP-0050.
    #[xml(transparent)]
    Command(Command),
    /// Our own: a server module hands over an invitation.
    #[xml(transparent)]
    HandOver(HandOver),
    /// Our own: a server module is asked what became of a hand-over.
    #[xml(transparent)]
    HandOverFate(HandOverFate),
    /// Our own: a server module tells of an error that went to an inviter.
    #[xml(transparent)]
    CameBack(CameBack),
    /// XEP-0356: an IQ in a user's name.
    #[xml(transparent)]
    PrivilegedIq(PrivilegedIq),
    /// XEP-0356: the answer to an IQ in a user's name.
    #[xml(transparent)]
    PrivilegeReply(PrivilegeContent),
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
    /// The sender's id for it.
    #[xml(attribute(default))]
    pub id: Option<String>,
    /// Available if absent.
    #[xml(attribute(name = "type", default))]
    pub type_: Option<String>,
    /// XEP-0115: what the client supports.
    #[xml(child(n = ..))]
    pub caps: First<Caps>,
    /// XEP-0045 §7.2: it enters a room.
    #[xml(child(n = ..))]
    pub join: First<Join>,
    /// The error, in a presence of type `error`.
    #[xml(child(n = ..))]
    pub error: First<StanzaError>,
}

/// The translation of a client's stanza: it is written in `jabber:client`, and read as if it stood on the component's
/// stream.
#[derive(Debug, Clone, PartialEq)]
pub struct FromClient;

impl Translation for FromClient {
    const WIRE: &'static str = ns::CLIENT;
    const OURS: &'static str = ns::COMPONENT;
}

/// A stanza of `jabber:client` inside another one. A further one inside it is ignored.
pub type Inner<T> = Translated<T, FromClient>;

/// `<forwarded/>` (XEP-0297).
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::FORWARD, name = "forwarded", discard(text))]
pub struct Forwarded {
    /// The message, if a message is forwarded.
    #[xml(child(n = ..))]
    pub message: First<Inner<Message>>,
    /// The IQ, if an IQ is forwarded.
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

/// The translation of version 1 of XEP-0356: the same elements in an older namespace.
#[derive(Debug, Clone, PartialEq)]
pub struct FromVersion1;

impl Translation for FromVersion1 {
    const WIRE: &'static str = ns::PRIVILEGE_1;
    const OURS: &'static str = ns::PRIVILEGE_2;
}

/// `<privilege/>` (XEP-0356), in either version.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq)]
#[xml()]
pub enum Privilege {
    /// `urn:xmpp:privilege:2`.
    #[xml(transparent)]
    V2(PrivilegeContent),
    /// `urn:xmpp:privilege:1`.
    #[xml(transparent)]
    V1(Translated<PrivilegeContent, FromVersion1>),
}

impl Privilege {
    pub(super) fn content_mut(&mut self) -> &mut PrivilegeContent {
        match self {
            Self::V1(content) => content,
            Self::V2(content) => content,
        }
    }
}

/// The content of `<privilege/>`: permissions, or a stanza.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::PRIVILEGE_2, name = "privilege", discard(text))]
pub struct PrivilegeContent {
    /// What the server permits the component.
    #[xml(child(n = ..))]
    pub perms: Vec<Perm>,
    /// The stanza in a user's name, or the answer to it.
    #[xml(child(n = ..))]
    pub forwarded: First<Forwarded>,
}

/// `<privileged_iq/>` (XEP-0356), in version 2 only.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::PRIVILEGE_2, name = "privileged_iq", discard(text))]
pub struct PrivilegedIq {
    /// The IQ in the user's name.
    #[xml(child(n = ..))]
    pub iq: First<Inner<Iq>>,
}

/// `<handover/>`. Without an invitation it asks a server module whether it is there, and is the module's answer.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::HAND_OVER, name = "handover", discard(text))]
pub struct HandOver {
    /// When the server will deliver the invitation itself: RFC 3339, UTC.
    #[xml(attribute(default))]
    pub deadline: Option<String>,
    /// The mediated invitation as the room would have sent it.
    #[xml(child(n = ..))]
    pub forwarded: First<Forwarded>,
    /// `true` if the room has made the contact a member because of it.
    #[xml(attribute(name = "made-member", default))]
    pub made_member: Option<String>,
    /// In a module's answer: what it can do, a number; absent in the first version.
    #[xml(attribute(default))]
    pub version: Option<String>,
    /// In a module's answer: for how many seconds it waits for the relay's answer.
    #[xml(attribute(default))]
    pub timeout: Option<String>,
    /// In a hand-over and in a module's answer: the time on its clock, RFC 3339, UTC. Older modules don't tell it with hand-overs.
    #[xml(attribute(default))]
    pub now: Option<String>,
    /// In a module's answer: name and version of its server.
    #[xml(attribute(default))]
    pub server: Option<String>,
    /// In a module's answer: the node of a cluster on which it answers, as it says.
    #[xml(attribute(default))]
    pub node: Option<String>,
}

/// The version of modules that tell of errors.
const VERSION_THAT_TELLS_OF_ERRORS: u32 = 2;

/// The longest name of a node that is believed. Erlang's have 255 characters at most.
const MAX_NODE_NAME_BYTES: usize = 255;

impl HandOver {
    /// In a module's answer: whether it tells of errors that went to inviters.
    #[must_use]
    pub fn tells_of_errors(&self) -> bool {
        let version = self.version.as_deref().and_then(|version| version.parse::<u32>().ok());
        version.is_some_and(|version| version >= VERSION_THAT_TELLS_OF_ERRORS)
    }

    /// In a module's answer: the node of a cluster on which it answers, such as `ejabberd@a.example.org`. `None` if it names
    /// none, or one that is no name: empty, longer than 255 bytes, or with control characters.
    #[must_use]
    pub fn node(&self) -> Option<&str> {
        let is_name =
            |node: &&str| (1..=MAX_NODE_NAME_BYTES).contains(&node.len()) && !node.contains(char::is_control);
        self.node.as_deref().filter(is_name)
    }
}
