//! The top-level elements of a component's stream: stanzas, the answer to the handshake, the error that ends the stream. Knows which
//! there are, not what may stand in them: that is [`super::stanza`]'s.

use rxml::{AttrMap, Event, QName};
use xso::error::{Error, FromEventsError};
use xso::{AsXml, Context, FromEventsBuilder, FromXml};

use super::error::StreamError;
use super::ns;
use super::stanza::{Iq, Message, Presence};
use super::xml::{First, HeadOnly};

/// A top-level element of the stream, behind the stream header.
#[derive(AsXml, Debug, Clone, PartialEq)]
#[xml()]
pub enum Stanza {
    /// A message.
    #[xml(transparent)]
    Message(Message),
    /// An IQ.
    #[xml(transparent)]
    Iq(Iq),
    /// A presence.
    #[xml(transparent)]
    Presence(Presence),
    /// The server's answer to our handshake (XEP-0114 §3).
    #[xml(namespace = ns::COMPONENT, name = "handshake")]
    Handshake,
    /// The error with which the server ends the stream.
    #[xml(transparent)]
    StreamError(StreamError),
}

// Not derived: a derived builder moves itself for every tag and text, and the largest has some kilobytes.
impl FromXml for Stanza {
    type Builder = StanzaBuilder;

    fn from_events(
        name: QName,
        attrs: AttrMap,
        context: &Context<'_>,
    ) -> Result<Self::Builder, FromEventsError> {
        let element: &str = if name.0 == ns::COMPONENT { &name.1 } else { "" };
        Ok(match element {
            "message" => StanzaBuilder::Message(Box::new(Message::from_events(name, attrs, context)?)),
            "iq" => StanzaBuilder::Iq(Box::new(Iq::from_events(name, attrs, context)?)),
            "presence" => StanzaBuilder::Presence(Box::new(Presence::from_events(name, attrs, context)?)),
            "handshake" => StanzaBuilder::Handshake(HeadOnly::new(())),
            _ => StanzaBuilder::StreamError(Box::new(StreamError::from_events(name, attrs, context)?)),
        })
    }
}

/// Builder of a [`Stanza`].
pub enum StanzaBuilder {
    #[doc(hidden)]
    Message(Box<<Message as FromXml>::Builder>),
    #[doc(hidden)]
    Iq(Box<<Iq as FromXml>::Builder>),
    #[doc(hidden)]
    Presence(Box<<Presence as FromXml>::Builder>),
    #[doc(hidden)]
    Handshake(HeadOnly<()>),
    #[doc(hidden)]
    StreamError(Box<<StreamError as FromXml>::Builder>),
}

impl FromEventsBuilder for StanzaBuilder {
    type Output = Stanza;

    fn feed(&mut self, event: Event, context: &Context<'_>) -> Result<Option<Stanza>, Error> {
        Ok(match self {
            Self::Message(builder) => builder.feed(event, context)?.map(Stanza::Message),
            Self::Iq(builder) => builder.feed(event, context)?.map(Stanza::Iq),
            Self::Presence(builder) => builder.feed(event, context)?.map(Stanza::Presence),
            Self::Handshake(builder) => builder.feed(event, context)?.map(|()| Stanza::Handshake),
            Self::StreamError(builder) => builder.feed(event, context)?.map(Stanza::StreamError),
        })
    }
}

/// Reads one stanza as it stands on a component's stream, without declarations of the namespaces that the stream header
/// has declared.
///
/// # Errors
///
/// If the XML is not well-formed, or is not a [`Stanza`].
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
