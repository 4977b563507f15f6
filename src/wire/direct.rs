//! XEP-0249: a direct invitation, read and written, and the XEP-0334 hints that go with it.
//! Knows the one shape that all clients accept, not whether to send it.

use std::mem;

use jid::BareJid;
use rxml::{AttrMap, Event, QName};
use xso::error::{Error, FromEventsError};
use xso::fromxml::XmlNameMatcher;
use xso::{AsXml, Context, FromEventsBuilder, FromXml, TextCodec};

use super::muc::{self, Details, Malformed, Password};
use super::ns;
use super::stanza::{Message, without_forbidden};
use super::xml::{Flag, HeadOnly, is_named, named_element, take_attribute, words};

/// `<x/>` of `jabber:x:conference`. Read under the early draft's name `<invitation/>` too; text inside is the reason where
/// there is no attribute for it.
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

// By hand because of its two names.
impl FromXml for Conference {
    type Builder = ConferenceBuilder;

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
        let head = Self {
            jid: take_attribute(&mut attrs, "jid"),
            reason: take_attribute(&mut attrs, "reason"),
            password: take_attribute(&mut attrs, "password").and_then(Password::new),
            continue_,
            thread: take_attribute(&mut attrs, "thread"),
        };
        Ok(ConferenceBuilder { head: HeadOnly::new(head), depth: 0, text: String::new() })
    }

    fn xml_name_matcher() -> XmlNameMatcher<'static> {
        XmlNameMatcher::InNamespace(ns::CONFERENCE)
    }
}

/// Builder of a [`Conference`]: gathers the text that stands directly inside.
pub struct ConferenceBuilder {
    head: HeadOnly<Conference>,
    depth: usize,
    text: String,
}

impl FromEventsBuilder for ConferenceBuilder {
    type Output = Conference;

    fn feed(&mut self, event: Event, context: &Context<'_>) -> Result<Option<Conference>, Error> {
        match &event {
            Event::StartElement(..) => self.depth += 1,
            Event::EndElement(_) => self.depth = self.depth.saturating_sub(1),
            Event::Text(_, text) if self.depth == 0 => self.text.push_str(text),
            _ => {}
        }
        let read = self.head.feed(event, context)?;
        Ok(read.map(|x| Conference {
            reason: muc::non_blank(x.reason).or(muc::non_blank(Some(mem::take(&mut self.text)))),
            ..x
        }))
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
        room: room_meant(x.jid.as_deref().unwrap_or_default())?,
        details: Details {
            reason: muc::non_blank(x.reason.clone()),
            password: x.password.clone(),
            thread: x.thread.clone(),
            continues: x.continue_,
        },
    }))
}

/// The room that somebody means who writes an occupant's address, a link (RFC 5122) or spaces in place of the room's
/// address.
fn room_meant(text: &str) -> Result<BareJid, Malformed> {
    let not_a_room = || Malformed::NotARoom(text.to_owned());
    let text = text.trim();
    let scheme = text.get(..URI.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(URI));
    let address = if scheme { text[URI.len()..].trim_start_matches('/') } else { text };
    let (localpart, rest) = address.split_once('@').ok_or_else(not_a_room)?;
    let domain = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let [localpart, domain] =
        [localpart, domain].map(|part| if scheme { percent_decoded(part) } else { Some(part.to_owned()) });
    let (Some(localpart), Some(domain)) = (localpart, domain) else { return Err(not_a_room()) };
    muc::room(&format!("{localpart}@{}", domain.trim_end()))
}

/// What stands before an address that is written as a link.
const URI: &str = "xmpp:";

/// Undoes RFC 3986 §2.1; `None` for what is no text then.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
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
