//! The `<x/>` element of XEP-0249. Knows its shape and its older names; [`super::direct`] reads and writes invitations.

use std::mem;

use rxml::{AttrMap, Event, QName};
use xso::error::{Error, FromEventsError};
use xso::fromxml::XmlNameMatcher;
use xso::{AsXml, Context, FromEventsBuilder, FromXml, TextCodec};

use super::ns;
use super::password::Password;
use super::xml::{Flag, HeadOnly, is_named, non_blank, take_attribute};

/// `<x/>` of `jabber:x:conference`. The name `<invitation/>` of an early draft is read as well. If the attribute `reason`
/// is absent, the text inside is the reason.
#[derive(AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::CONFERENCE, name = "x")]
pub struct Conference {
    /// The room.
    #[xml(attribute)]
    pub jid: Option<String>,
    /// The inviter's reason.
    #[xml(attribute)]
    pub reason: Option<String>,
    /// The room's password.
    #[xml(attribute)]
    pub password: Option<Password>,
    /// Whether the room continues a one-to-one chat.
    #[xml(attribute(name = "continue", codec = Flag))]
    pub continue_: bool,
    /// The thread of that chat.
    #[xml(attribute)]
    pub thread: Option<String>,
}

// Not derived, because of the two names.
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

/// Builder of a [`Conference`]: collects the text directly inside the element.
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
            reason: non_blank(x.reason).or(non_blank(Some(mem::take(&mut self.text)))),
            ..x
        }))
    }
}
