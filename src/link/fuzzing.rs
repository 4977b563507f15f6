//! For `fuzz/`: reads stanzas from bytes, without a server.

use futures::executor::block_on;

use super::answer::Answer;
use super::reader::{Read, Reader};
use crate::wire::Stanza;

/// What was read from a stream.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    /// The stanzas, until the stream ended.
    pub stanzas: Vec<Stanza>,
    /// The server closed the stream, or did not send an XML stream.
    pub ended: bool,
    /// The end of the input is between two elements.
    pub between: bool,
}

/// Reads a stream that comes in these pieces.
#[must_use]
pub fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Outcome {
    let mut reader = Reader::new();
    let mut stanzas = Vec::new();
    for piece in pieces {
        reader.buffer().extend_from_slice(piece);
        loop {
            match reader.next() {
                Ok(Some(Read::Stanza(stanza))) => stanzas.push(stanza),
                Ok(Some(Read::LongAnswer(long))) => {
                    stanzas.extend(block_on(Answer::Long(long).read()).map(Stanza::Iq));
                }
                Ok(Some(Read::LeftOut { .. })) => {}
                Ok(None) => break,
                Ok(Some(Read::Footer)) | Err(_) => return Outcome { stanzas, ended: true, between: false },
            }
        }
    }
    let between = reader.is_between();
    Outcome { stanzas, ended: false, between }
}
