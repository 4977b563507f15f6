//! XEP-0356 in both its versions: what a server grants us, and messages and IQs in a user's name.
//! Knows their shape, not whom we may speak for.

use jid::BareJid;
use rxml::{AttrMap, Event, QName};
use xso::error::{Error, FromEventsError};
use xso::fromxml::{Discard, XmlNameMatcher};
use xso::{AsXml, Context, FromEventsBuilder, FromXml};

use super::forward::{Forwarded, Inner};
use super::ns;
use super::stanza::{Iq, IqPayload, IqType, Message};
use super::xml::{First, Translated, Translation, is_named, take_attribute};

/// The version of the protocol, which the server's advertisement tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// `urn:xmpp:privilege:1`: no IQs.
    V1,
    /// `urn:xmpp:privilege:2`.
    V2,
}

/// The translation of version 1: the same elements in an older namespace.
#[derive(Debug, Clone, PartialEq)]
pub struct FromVersion1;

impl Translation for FromVersion1 {
    const WIRE: &'static str = ns::PRIVILEGE_1;
    const OURS: &'static str = ns::PRIVILEGE_2;
}

/// `<privilege/>`.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq)]
#[xml()]
pub enum Privilege {
    /// Of version 2.
    #[xml(transparent)]
    V2(Content),
    /// Of version 1.
    #[xml(transparent)]
    V1(Translated<Content, FromVersion1>),
}

impl Privilege {
    fn new(version: Version, content: Content) -> Self {
        match version {
            Version::V1 => Self::V1(Translated::new(content)),
            Version::V2 => Self::V2(content),
        }
    }

    fn parts(&self) -> (Version, &Content) {
        match self {
            Self::V1(content) => (Version::V1, content),
            Self::V2(content) => (Version::V2, content),
        }
    }

    pub(super) fn content_mut(&mut self) -> &mut Content {
        match self {
            Self::V1(content) => content,
            Self::V2(content) => content,
        }
    }
}

/// What stands in `<privilege/>`: grants, or a stanza.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::PRIVILEGE_2, name = "privilege", discard(text))]
pub struct Content {
    /// What the server says we may do.
    #[xml(child(n = ..))]
    pub perms: Vec<Perm>,
    /// The stanza.
    #[xml(child(n = ..))]
    pub forwarded: First<Forwarded>,
}

/// `<perm/>`.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::PRIVILEGE_2, name = "perm", discard(text))]
pub struct Perm {
    /// `message`, `roster`, `iq`, `presence`.
    #[xml(attribute(default))]
    pub access: Option<String>,
    /// Which of its permissions; absent or `none`: none.
    #[xml(attribute(name = "type", default))]
    pub type_: Option<String>,
    /// With `iq`: for which payloads.
    #[xml(child(n = ..))]
    pub namespaces: Vec<Namespaces>,
}

/// A `<namespace/>` and those that stand inside it, as one server nests what it should put side by side.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Namespaces(Vec<Namespace>);

/// `<namespace/>`.
#[derive(AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::PRIVILEGE_2, name = "namespace")]
struct Namespace {
    #[xml(attribute)]
    ns: Option<String>,
    #[xml(attribute = "type")]
    type_: Option<String>,
}

impl Namespace {
    fn from_head(name: &QName, mut attrs: AttrMap) -> Result<Self, AttrMap> {
        if !is_named(name, ns::PRIVILEGE_2, &["namespace"]) {
            return Err(attrs);
        }
        Ok(Self { ns: take_attribute(&mut attrs, "ns"), type_: take_attribute(&mut attrs, "type") })
    }
}

impl FromXml for Namespaces {
    type Builder = NamespacesBuilder;

    fn from_events(name: QName, attrs: AttrMap, _: &Context<'_>) -> Result<Self::Builder, FromEventsError> {
        match Namespace::from_head(&name, attrs) {
            Ok(outermost) => Ok(NamespacesBuilder { found: vec![outermost], content: Discard::new() }),
            Err(attrs) => Err(FromEventsError::Mismatch { name, attrs }),
        }
    }

    fn xml_name_matcher() -> XmlNameMatcher<'static> {
        XmlNameMatcher::Specific(ns::PRIVILEGE_2, "namespace")
    }
}

/// Builder of [`Namespaces`]: collects them at any depth, in a flat list, so that depth costs nothing.
pub struct NamespacesBuilder {
    found: Vec<Namespace>,
    content: Discard,
}

impl FromEventsBuilder for NamespacesBuilder {
    type Output = Namespaces;

    fn feed(&mut self, event: Event, context: &Context<'_>) -> Result<Option<Namespaces>, Error> {
        if let Event::StartElement(_, name, attrs) = &event
            && let Ok(namespace) = Namespace::from_head(name, attrs.clone())
        {
            self.found.push(namespace);
        }
        let ended = self.content.feed(event, context)?.is_some();
        Ok(ended.then(|| Namespaces(std::mem::take(&mut self.found))))
    }
}

impl AsXml for Namespaces {
    type ItemIter<'x> = Box<dyn Iterator<Item = Result<xso::Item<'x>, Error>> + 'x>;

    fn as_xml_iter(&self) -> Result<Self::ItemIter<'_>, Error> {
        let each: Result<Vec<_>, _> = self.0.iter().map(AsXml::as_xml_iter).collect();
        Ok(Box::new(each?.into_iter().flatten()))
    }
}

/// `<privileged_iq/>`, version 2 only.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::PRIVILEGE_2, name = "privileged_iq", discard(text))]
pub struct PrivilegedIq {
    /// The IQ in the user's name.
    #[xml(child(n = ..))]
    pub iq: First<Inner<Iq>>,
}

/// What a server grants us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertisement {
    /// The version to answer in.
    pub version: Version,
    /// We may send messages in its users' names.
    pub outgoing_messages: bool,
    /// We may read its users' rosters.
    pub roster_get: bool,
    /// We are sent its users' presences.
    pub presence: bool,
    /// IQs that we may send in its users' names: the payload's namespace, and which.
    pub iq: Vec<(String, Access)>,
}

/// Which kinds of IQ are granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Access {
    /// To ask.
    pub get: bool,
    /// To change.
    pub set: bool,
}

impl Access {
    fn from_word(word: Option<&str>) -> Self {
        Self { get: matches!(word, Some("get" | "both")), set: matches!(word, Some("set" | "both")) }
    }
}

impl Advertisement {
    /// What is granted for an IQ with this payload.
    #[must_use]
    pub fn access(&self, namespace: &str) -> Access {
        let mut granted = Access::from_word(None);
        for (_, access) in self.iq.iter().filter(|(ns, _)| ns == namespace) {
            granted.get |= access.get;
            granted.set |= access.set;
        }
        granted
    }
}

/// What a message from a server advertises (XEP-0356 §4.2). A new one replaces what that server granted before.
///
/// None if it comes from a user or a room (a server speaks without a localpart), or grants nothing in any word:
/// servers send an empty `<privilege/>` to people, and one that carries a stanza is not an advertisement.
#[must_use]
pub fn advertisement(message: &Message) -> Option<Advertisement> {
    let from_server = message.from.as_deref()?;
    if from_server.contains(['@', '/']) || message.type_.as_deref() == Some("error") {
        return None;
    }
    let (version, content) = message.privilege.as_ref()?.parts();
    if content.perms.is_empty() || content.forwarded.is_some() {
        return None;
    }
    let perms = |access: &'static str| {
        let all = content.perms.iter();
        all.filter(move |perm| perm.access.as_deref() == Some(access))
    };
    let namespaces = perms("iq").flat_map(|perm| &perm.namespaces);
    Some(Advertisement {
        version,
        outgoing_messages: perms("message").any(|perm| perm.type_.as_deref() == Some("outgoing")),
        roster_get: perms("roster").any(|perm| Access::from_word(perm.type_.as_deref()).get),
        presence: perms("presence")
            .any(|perm| matches!(perm.type_.as_deref(), Some("managed_entity" | "roster"))),
        iq: namespaces
            .flat_map(|nested| &nested.0)
            .filter_map(|it| Some((it.ns.clone()?, Access::from_word(it.type_.as_deref()))))
            .collect(),
    })
}

/// A message in a user's name (XEP-0356 §5.3): what the server is told to send as if `inner.from` had.
/// `host` is the bare domain of that user, `id` what an error about the wrapper comes back with.
#[must_use]
pub fn wrap_message(version: Version, component: &str, host: &str, id: &str, inner: Message) -> Message {
    let content = Content { forwarded: Forwarded::from(inner).into(), ..Content::default() };
    Message {
        from: Some(component.to_owned()),
        to: Some(host.to_owned()),
        id: Some(id.to_owned()),
        privilege: Privilege::new(version, content).into(),
        ..Message::default()
    }
}

/// An IQ in a user's name (XEP-0356, IQ permission), version 2. The inner id must be one of its own as long as it is under way.
/// The link fills in the outer `from`.
#[must_use]
pub fn wrap_iq(user: &BareJid, id: &str, inner_id: &str, type_: IqType, to: &str, payload: IqPayload) -> Iq {
    let type_ = Some(type_.as_str().to_owned());
    let inner = Iq {
        to: Some(to.to_owned()),
        id: Some(inner_id.to_owned()),
        type_: type_.clone(),
        payload: payload.into(),
        ..Iq::default()
    };
    let wrapper = PrivilegedIq { iq: Inner::new(inner).into() };
    Iq {
        to: Some(user.to_string()),
        id: Some(id.to_owned()),
        type_,
        payload: IqPayload::PrivilegedIq(wrapper).into(),
        ..Iq::default()
    }
}

/// The answer to an IQ in a user's name. To be looked at whatever the outer type is: a server may put an inner error
/// into an outer result, or into an outer error that says nothing.
#[must_use]
pub fn unwrap_iq(reply: &Iq) -> Option<Iq> {
    let Some(IqPayload::PrivilegeReply(content)) = reply.payload.as_ref() else {
        return None;
    };
    let inner = content.forwarded.as_ref()?.iq.clone();
    inner.0.map(Inner::into_inner)
}
