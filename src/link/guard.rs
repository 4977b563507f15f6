//! Stands in front of the XML parser: lets whole, harmless top-level elements pass and drops the others.
//!
//! An ordinary user can send a component, through his server, well-formed XML that kills the connection or burns
//! CPU: a long attribute is past a limit of the parser, whose error ends the stream, and deep nesting costs the square
//! of its depth. Such an element is counted and left out here, and the stream stays well-formed for the parser.
//! `design/02-hostile-input.md` says why this is not a parser of our own.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tracing::warn;

use super::filter::Filter;
use super::sparing::Sparing;

pin_project! {
    /// The guard around a connection; writing passes through.
    #[derive(Debug)]
    pub(super) struct Guard<Io> {
        #[pin]
        io: Io,
        filter: Filter,
        warnings: Sparing,
    }
}

impl<Io> Guard<Io> {
    pub(super) fn new(io: Io) -> Self {
        Self { io, filter: Filter::new(), warnings: Sparing::default() }
    }
}

impl<Io: AsyncBufRead> AsyncBufRead for Guard<Io> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let mut this = self.project();
        while this.filter.output().is_empty() {
            let chunk = ready!(this.io.as_mut().poll_fill_buf(cx))?;
            if chunk.is_empty() {
                break;
            }
            let length = chunk.len();
            if let Some(hostile) = this.filter.feed(chunk)
                && let Some(times) = this.warnings.due(Instant::now())
            {
                warn!(times, "left out a stanza with {}", hostile.why());
            }
            this.io.as_mut().consume(length);
        }
        Poll::Ready(Ok(this.filter.output()))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.project().filter.consume(amount);
    }
}

impl<Io: AsyncBufRead> AsyncRead for Guard<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let available = ready!(self.as_mut().poll_fill_buf(cx))?;
        let length = available.len().min(buf.remaining());
        buf.put_slice(&available[..length]);
        self.consume(length);
        Poll::Ready(Ok(()))
    }
}

impl<Io: AsyncWrite> AsyncWrite for Guard<Io> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.project().io.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_shutdown(cx)
    }
}
