//! XEP-0356 in both versions: reads what a server grants, writes messages and IQs in a user's name, reads the answers.
//! Knows their shape, not in whose name something may be sent.

use jid::BareJid;

use super::stanza::{
    Forwarded, Inner, Iq, IqPayload, IqType, Message, Privilege, PrivilegeContent, PrivilegedIq,
};
use super::xml::Translated;

/// The version of the protocol, which is the namespace of the server's advertisement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// `urn:xmpp:privilege:1`, which has no IQ permission.
    V1,
    /// `urn:xmpp:privilege:2`.
    V2,
}

fn version_and_content(privilege: &Privilege) -> (Version, &PrivilegeContent) {
    match privilege {
        Privilege::V1(content) => (Version::V1, content),
        Privilege::V2(content) => (Version::V2, content),
    }
}

/// What a server grants the component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertisement {
    /// The version to use with this server.
    pub version: Version,
    /// Messages may be sent in the names of its users.
    pub outgoing_messages: bool,
    /// The rosters of its users may be read.
    pub roster_get: bool,
    /// The server sends the presences of its users.
    pub presence: bool,
    /// IQs that may be sent in the names of its users: the payload's namespace, and the types.
    pub iq: Vec<(String, Access)>,
}

/// Which types of IQ are granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Access {
    /// IQs of type `get`.
    pub get: bool,
    /// IQs of type `set`.
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

/// What a message advertises (XEP-0356 §4.2). A new advertisement replaces what that server granted before.
///
/// `None` if its sender is a user or a room (a server's address has no localpart), if it lists no permission (servers send
/// an empty `<privilege/>` to users), or if it carries a stanza.
#[must_use]
pub fn advertisement(message: &Message) -> Option<Advertisement> {
    let from_server = message.from.as_deref()?;
    if from_server.contains(['@', '/']) || message.type_.as_deref() == Some("error") {
        return None;
    }
    let (version, content) = version_and_content(message.privilege.as_ref()?);
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

/// A message in a user's name (XEP-0356 §5.3): the server sends `inner` as if `inner.from` had sent it. `host` is the
/// domain of that user, `id` the id of the outer message, which an error about it repeats.
#[must_use]
pub fn wrap_message(version: Version, component: &str, host: &str, id: &str, inner: Message) -> Message {
    let content =
        PrivilegeContent { forwarded: Forwarded::from(inner).into(), ..PrivilegeContent::default() };
    let privilege = match version {
        Version::V1 => Privilege::V1(Translated::new(content)),
        Version::V2 => Privilege::V2(content),
    };
    Message {
        from: Some(component.to_owned()),
        to: Some(host.to_owned()),
        id: Some(id.to_owned()),
        privilege: privilege.into(),
        ..Message::default()
    }
}

/// An IQ in a user's name (XEP-0356, IQ permission), version 2. The two ids must differ from those of all other IQs
/// without an answer. The link fills in the outer `from`.
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

/// As [`unwrap_iq`]; the reply itself if there is no inner answer. Copies nothing: it may be a long list.
#[must_use]
pub fn inner_or_itself(mut reply: Iq) -> Iq {
    let inner = match &mut reply.payload.0 {
        Some(IqPayload::PrivilegeReply(content)) => {
            content.forwarded.0.as_mut().and_then(|it| it.iq.0.take())
        }
        _ => None,
    };
    inner.map_or(reply, Inner::into_inner)
}

/// The inner answer to an IQ in a user's name. It counts whatever the outer type is: a server may put an inner error into
/// an outer result, or into an outer error without a condition.
#[must_use]
pub fn unwrap_iq(reply: &Iq) -> Option<Iq> {
    let Some(IqPayload::PrivilegeReply(content)) = reply.payload.as_ref() else {
        return None;
    };
    let inner = content.forwarded.as_ref()?.iq.clone();
    inner.0.map(Inner::into_inner)
}
