//! The answer to an IQ as it comes in. A short one has been read. A long one, as the list of a large room, is read by the task
//! that waits for it, piece by piece: until then other stanzas are read, and other tasks run. It keeps its place among the
//! stanzas, so the answer to a later ping never comes before it.
//! Knows nothing of sockets, nor of who waits.

use std::fmt;

use rxml::Parser;
use tokio::task::yield_now;

use super::element::Reading;
use crate::wire::spelling::{canonicalise, each_address};
use crate::wire::{Iq, Stanza};

/// How many tags and texts are read before other tasks run: they take about a tenth of a millisecond.
const EVENTS_PER_PIECE: usize = 128;

/// An answer to an IQ.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are whole, and each is handed on at once")]
pub(super) enum Answer {
    /// It has been read.
    Whole(Iq),
    /// It is long.
    Long(Box<LongAnswer>),
}

impl Answer {
    /// The answer, or what its start tag says: sender, id and type.
    pub(super) fn head(&self) -> &Iq {
        match self {
            Self::Whole(iq) => iq,
            Self::Long(long) => &long.head,
        }
    }

    /// The whole answer.
    ///
    /// # Errors
    /// Why it can't be read.
    pub(super) async fn read(self) -> Result<Iq, String> {
        match self {
            Self::Whole(iq) => Ok(iq),
            Self::Long(long) => long.read().await,
        }
    }
}

/// The bytes of an answer, and a parser that has read the stream's header.
pub(super) struct LongAnswer {
    pub(super) head: Iq,
    pub(super) bytes: Vec<u8>,
    pub(super) parser: Parser,
}

impl LongAnswer {
    async fn read(mut self: Box<Self>) -> Result<Iq, String> {
        let mut reading = Reading::of(&mut self.parser, &self.bytes)?;
        let mut stanza = loop {
            if let Some(stanza) = reading.some(EVENTS_PER_PIECE)? {
                break stanza;
            }
            yield_now().await;
        };
        // As the head was when it came in.
        each_address(&mut stanza, canonicalise);
        match stanza {
            Stanza::Iq(iq) => Ok(iq),
            _ => Err("it is no IQ".to_owned()),
        }
    }
}

impl fmt::Debug for LongAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LongAnswer").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}
