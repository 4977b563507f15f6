//! For `fuzz/`: the way of bytes to stanzas, without a server.

use super::reader::{Read, Reader};
use crate::wire::Stanza;

/// What is read of a stream.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    /// The stanzas, until the stream ended.
    pub stanzas: Vec<Stanza>,
    /// The server closed the stream, or what it sent is no XML stream.
    pub ended: bool,
    /// The stream stands between two elements.
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
                Ok(Some(Read::LeftOut { .. })) => {}
                Ok(None) => break,
                Ok(Some(Read::Footer)) | Err(_) => return Outcome { stanzas, ended: true, between: false },
            }
        }
    }
    let between = reader.is_between();
    Outcome { stanzas, ended: false, between }
}
