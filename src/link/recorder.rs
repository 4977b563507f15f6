//! Records the bytes that are read through it: the stream header is read by the handshake, and again by the reader that
//! follows, which needs its namespaces. Writing passes through.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, BufReader, ReadBuf};

/// How many bytes may be read through it; a handshake takes some hundreds.
const MAX_RECORDED_BYTES: usize = 64 << 10;

/// A socket, and the bytes that were read from it.
pub(super) struct Recorder<Socket> {
    socket: BufReader<Socket>,
    read: Vec<u8>,
}

impl<Socket: AsyncRead + Unpin> Recorder<Socket> {
    pub(super) fn new(socket: Socket) -> Self {
        Self { socket: BufReader::new(socket), read: Vec::new() }
    }

    /// The socket, and all bytes that were read from it, those included that were not consumed yet.
    pub(super) fn into_parts(mut self) -> (Socket, Vec<u8>) {
        self.read.extend_from_slice(self.socket.buffer());
        (self.socket.into_inner(), self.read)
    }
}

impl<Socket: AsyncRead + Unpin> AsyncBufRead for Recorder<Socket> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.read.len() > MAX_RECORDED_BYTES {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "it talks without end")));
        }
        Pin::new(&mut this.socket).poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.get_mut();
        this.read.extend_from_slice(&this.socket.buffer()[..amount]);
        Pin::new(&mut this.socket).consume(amount);
    }
}

impl<Socket: AsyncRead + Unpin> AsyncRead for Recorder<Socket> {
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

impl<Socket: AsyncWrite + AsyncRead + Unpin> AsyncWrite for Recorder<Socket> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
