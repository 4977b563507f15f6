//! For `fuzz/`: the way of bytes through guard and parser, without a server.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::StreamExt;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio_xmpp::xmlstream::{StreamHeader, XmlStream, initiate_stream};

use super::dial::NEVER;
use super::filter::Filter;
use super::guard::Guard;
use crate::wire::{Stanza, ns};

/// What the guard lets pass of a stream that comes in these pieces.
#[must_use]
pub fn passed<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut filter = Filter::new();
    let mut passed = Vec::new();
    for piece in pieces {
        filter.feed(piece);
        passed.extend_from_slice(filter.output());
        filter.consume(filter.output().len());
    }
    passed
}

/// The stanzas that are read from a stream that comes in these pieces, until it ends or breaks.
pub async fn read(pieces: VecDeque<Vec<u8>>) -> Vec<Stanza> {
    let header = StreamHeader { to: Some("invites.example.org".into()), ..StreamHeader::default() };
    let io = Guard::new(Pieces { pieces, taken: 0 });
    let Ok(mut opened) = initiate_stream(io, ns::COMPONENT, header, NEVER).await else { return Vec::new() };
    opened.take_header();
    let mut stream: XmlStream<_, Stanza> = opened.skip_features();
    let mut stanzas = Vec::new();
    loop {
        match stream.next().await {
            Some(Ok(stanza)) => stanzas.push(stanza),
            // A stanza that is none costs no more than itself.
            Some(Err(tokio_xmpp::xmlstream::ReadError::ParseError(_))) => {}
            _ => return stanzas,
        }
    }
}

/// A connection that brings these pieces one by one, and takes everything.
struct Pieces {
    pieces: VecDeque<Vec<u8>>,
    /// Bytes of the first one that have been taken.
    taken: usize,
}

impl AsyncBufRead for Pieces {
    fn poll_fill_buf(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        while this.pieces.front().is_some_and(|piece| piece.len() == this.taken) {
            this.pieces.pop_front();
            this.taken = 0;
        }
        Poll::Ready(Ok(this.pieces.front().map_or(&[], |piece| &piece[this.taken..])))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.get_mut().taken += amount;
    }
}

impl AsyncRead for Pieces {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
