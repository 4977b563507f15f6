//! Reads one top-level element, at once or little by little. Knows nothing of the stream around it.

use rxml::{Event, Parse, Parser};
use xso::error::FromEventsError;
use xso::{Context, FromEventsBuilder, FromXml};

use crate::wire::Stanza;
use crate::wire::top_level::StanzaBuilder;

/// Reads exactly one element. After an error the parser can't be used any more.
pub(super) fn parse(parser: &mut Parser, bytes: &[u8]) -> Result<Stanza, String> {
    let mut reading = Reading::of(parser, bytes)?;
    loop {
        if let Some(stanza) = reading.some(usize::MAX)? {
            return Ok(stanza);
        }
    }
}

/// One element that is being read.
pub(super) struct Reading<'a> {
    parser: &'a mut Parser,
    bytes: &'a [u8],
    builder: StanzaBuilder,
}

impl<'a> Reading<'a> {
    /// Reads the start tag. `parser` has read the stream's header, `bytes` are exactly one element.
    ///
    /// # Errors
    /// Why it can't be read, also if it is no stanza. The parser can't be used any more then.
    pub(super) fn of(parser: &'a mut Parser, mut bytes: &'a [u8]) -> Result<Self, String> {
        let builder = match event(parser, &mut bytes)? {
            Event::StartElement(_, name, attributes) => {
                match Stanza::from_events(name, attributes, &Context::empty()) {
                    Ok(builder) => builder,
                    Err(FromEventsError::Mismatch { .. }) => return Err("it is no stanza".to_owned()),
                    Err(FromEventsError::Invalid(e)) => return Err(e.to_string()),
                }
            }
            _ => return Err("it is no element".to_owned()),
        };
        Ok(Self { parser, bytes, builder })
    }

    /// Reads some more tags and texts. The stanza, once it is complete.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub(super) fn some(&mut self, count: usize) -> Result<Option<Stanza>, String> {
        let context = Context::empty();
        for _ in 0..count {
            let event = event(self.parser, &mut self.bytes)?;
            if let Some(stanza) = self.builder.feed(event, &context).map_err(|e| e.to_string())? {
                // The framer counts tags, the parser matches their names: they disagree only if the element is not
                // well-formed.
                let all = self.bytes.is_empty();
                return if all { Ok(Some(stanza)) } else { Err("it ends before its end".to_owned()) };
            }
        }
        Ok(None)
    }
}

fn event(parser: &mut Parser, bytes: &mut &[u8]) -> Result<Event, String> {
    match parser.parse(bytes, false) {
        Ok(Some(event)) => Ok(event),
        Ok(None) => Err("it ends too early".to_owned()),
        Err(rxml::error::EndOrError::NeedMoreData) => Err("it does not end".to_owned()),
        Err(rxml::error::EndOrError::Error(e)) => Err(e.to_string()),
    }
}
