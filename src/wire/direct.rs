//! XEP-0249: a direct invitation, read and written, and the XEP-0334 hints that go with it.
//! Knows the one shape that all clients accept, not whether to send it.

use jid::BareJid;
use rxml::{AttrMap, QName};
use xso::error::FromEventsError;
use xso::fromxml::XmlNameMatcher;
use xso::{AsXml, Context, FromXml, TextCodec};

use super::muc::{self, Details, Malformed, Password};
use super::ns;
use super::stanza::{Message, without_forbidden};
use super::xml::{Flag, HeadOnly, is_named, named_element, take_attribute, words};

/// `<x/>` of `jabber:x:conference`. Read under the early draft's name `<invitation/>` too; text inside is passed over.
#[derive(AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::CONFERENCE, name = "x")]
pub struct Conference {
    /// The room.
    #[xml(attribute)]
    pub jid: Option<String>,
    /// Why one should come.
    #[xml(attribute)]
    pub reason: Option<String>,
    /// The room's password.
    #[xml(attribute)]
    pub password: Option<Password>,
    /// Whether a one-to-one chat goes on in the room.
    #[xml(attribute(name = "continue", codec = Flag))]
    pub continue_: bool,
    /// The thread of that chat.
    #[xml(attribute)]
    pub thread: Option<String>,
}

// By hand because of its two names. All it says stands in the start tag.
impl FromXml for Conference {
    type Builder = HeadOnly<Self>;

    fn from_events(
        name: QName,
        mut attrs: AttrMap,
        _: &Context<'_>,
    ) -> Result<Self::Builder, FromEventsError> {
        if !is_named(&name, ns::CONFERENCE, &["x", "invitation"]) {
            return Err(FromEventsError::Mismatch { name, attrs });
        }
        let continue_ = match take_attribute(&mut attrs, "continue") {
            Some(text) => Flag.decode(text)?,
            None => false,
        };
        Ok(HeadOnly::new(Self {
            jid: take_attribute(&mut attrs, "jid"),
            reason: take_attribute(&mut attrs, "reason"),
            password: take_attribute(&mut attrs, "password").and_then(Password::new),
            continue_,
            thread: take_attribute(&mut attrs, "thread"),
        }))
    }

    fn xml_name_matcher() -> XmlNameMatcher<'static> {
        XmlNameMatcher::InNamespace(ns::CONFERENCE)
    }
}

words! {
    /// What a server's archive should do with a message (XEP-0334).
    pub enum Hint {
        Store = "store",
        NoStore = "no-store",
        NoPermanentStore = "no-permanent-store",
        NoCopy = "no-copy",
    }
}

named_element!(Hint, ns::HINTS, Hint::from_word);

/// A direct invitation, already checked for shape.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectInvitation {
    /// Where to.
    pub room: BareJid,
    /// All else.
    pub details: Details,
}

/// The direct invitation in a message. None if a mediated one stands beside it (that is the one to believe), and
/// none in errors and groupchat messages.
///
/// # Errors
///
/// If it names no room.
pub fn direct(message: &Message) -> Result<Option<DirectInvitation>, Malformed> {
    let mediated = message.muc_user.iter().any(|x| !x.invites.is_empty());
    if mediated || matches!(message.type_.as_deref(), Some("error" | "groupchat")) {
        return Ok(None);
    }
    let Some(x) = message.conference.first() else {
        return Ok(None);
    };
    Ok(Some(DirectInvitation {
        room: muc::room(x.jid.as_deref().unwrap_or_default())?,
        details: Details {
            reason: muc::non_empty(x.reason.as_deref()),
            password: x.password.clone(),
            thread: x.thread.clone(),
            continues: x.continue_,
        },
    }))
}

/// The one shape of a direct invitation that all clients accept: type `normal`, the `<x/>` first, no body.
///
/// Characters that XML forbids are taken out of the texts. `from` and `to` are bare JIDs.
#[must_use]
pub fn compose(
    from: &str,
    to: &str,
    id: &str,
    room: &BareJid,
    details: &Details,
    hint: Option<Hint>,
) -> Message {
    let password = details.password.as_ref().map(|it| without_forbidden(it.expose()));
    let x = Conference {
        jid: Some(room.to_string()),
        reason: details.reason.as_deref().map(without_forbidden),
        password: password.and_then(Password::new),
        continue_: details.continues,
        thread: details.thread.as_deref().map(without_forbidden),
    };
    Message {
        from: Some(from.to_owned()),
        to: Some(to.to_owned()),
        id: Some(id.to_owned()),
        type_: Some("normal".to_owned()),
        conference: vec![x],
        hints: hint.into_iter().collect(),
        ..Message::default()
    }
}
