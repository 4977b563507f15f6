//! What a message says to people (RFC 6121 §5.2.3). Knows nothing of who sends it, nor what it is about.

use rxml::{AttrMap, QName};
use xso::error::FromEventsError;
use xso::fromxml::XmlNameMatcher;
use xso::{AsXml, Context, FromXml};

use super::ns;
use super::xml::{HeadOnly, is_named, without_forbidden};

/// `<body/>`. Its text is written only: what a room writes there can hold the room's password, so it is not kept.
#[derive(AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::COMPONENT, name = "body")]
pub struct Body {
    #[xml(text)]
    text: String,
}

impl Body {
    /// A text, without what XML can't carry.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: without_forbidden(text) }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

// By hand because its text is passed over.
impl FromXml for Body {
    type Builder = HeadOnly<Self>;

    fn from_events(name: QName, attrs: AttrMap, _: &Context<'_>) -> Result<Self::Builder, FromEventsError> {
        if is_named(&name, ns::COMPONENT, &["body"]) {
            return Ok(HeadOnly::new(Self::default()));
        }
        Err(FromEventsError::Mismatch { name, attrs })
    }

    fn xml_name_matcher() -> XmlNameMatcher<'static> {
        XmlNameMatcher::Specific(ns::COMPONENT, "body")
    }
}
