//! The stream of a component after its handshake: reads and writes stanzas through a socket. Knows nothing of what they mean.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::poll_read_buf;

use super::reader::{Read, Reader};
use super::writer::Writer;
use crate::wire::Stanza;

/// How many bytes are read at a time.
const MAX_BYTES_PER_READ: usize = 64 << 10;

/// While this many bytes wait for the socket, no stanza is added.
const MAX_UNWRITTEN_BYTES: usize = 64 << 10;

/// An open stream.
pub(super) struct Stream<Socket> {
    socket: Socket,
    reader: Reader,
    writer: Writer,
    /// The end of the stream has been written.
    ended: bool,
    /// Nothing more can be read.
    exhausted: bool,
}

impl<Socket: AsyncRead + AsyncWrite + Unpin> Stream<Socket> {
    /// A stream of which these bytes have been read already, beginning with its header.
    pub(super) fn new(socket: Socket, read: &[u8]) -> Self {
        let mut reader = Reader::new();
        reader.buffer().extend_from_slice(read);
        Self { socket, reader, writer: Writer::new(), ended: false, exhausted: false }
    }

    /// The next stanza, or why one is left out.
    ///
    /// # Errors
    ///
    /// The connection is lost (any I/O error), or the bytes are not an XML stream (`InvalidData`).
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Read>> {
        if self.exhausted {
            return Poll::Ready(Err(closed()));
        }
        let read = ready!(self.poll_read(cx));
        self.exhausted = matches!(read, Ok(Read::Footer) | Err(_));
        Poll::Ready(read)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Read>> {
        loop {
            if let Some(read) = self.reader.next()? {
                return Poll::Ready(Ok(read));
            }
            let buffer = self.reader.buffer();
            buffer.reserve(MAX_BYTES_PER_READ);
            if ready!(poll_read_buf(Pin::new(&mut self.socket), cx, buffer))? == 0 {
                return Poll::Ready(Err(closed()));
            }
        }
    }

    /// Ready if a stanza may be added; otherwise writes what waits.
    ///
    /// # Errors
    ///
    /// The connection is lost.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.writer.buffer.len() < MAX_UNWRITTEN_BYTES { Poll::Ready(Ok(())) } else { self.poll_flush(cx) }
    }

    /// Adds a stanza to what is written next.
    ///
    /// # Errors
    ///
    /// `InvalidInput`: this stanza can't be sent, because it is too large or has forbidden characters. Others can.
    pub(super) fn push(&mut self, stanza: &Stanza) -> io::Result<()> {
        self.writer.push(stanza)
    }

    /// Writes everything that waits.
    ///
    /// # Errors
    ///
    /// The connection is lost.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.complete();
        while self.writer.buffer.has_remaining() {
            let written = ready!(Pin::new(&mut self.socket).poll_write(cx, &self.writer.buffer))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.writer.buffer.advance(written);
        }
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    /// Ends the stream, and closes the relay's side of the connection.
    ///
    /// # Errors
    ///
    /// The connection is lost.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.ended {
            self.writer.end();
            self.ended = true;
        }
        ready!(self.poll_flush(cx))?;
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    /// Closes the relay's side of the connection; what waits is not written.
    ///
    /// # Errors
    ///
    /// The connection is lost.
    pub(super) fn poll_hang_up(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")
}
