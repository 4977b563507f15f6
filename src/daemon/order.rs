//! An order on its way from an operator's command to the running relay: bounded, and begun only after the command has said once
//! more that it still waits. So nothing is carried out for a command that has given up or was ended, however long the relay hung.
//! Knows nothing of what is ordered.

use std::io::{self, ErrorKind};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::RecvFlags;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// What the relay says when it has read an order.
pub(super) const READY: &str = "ready\n";
/// What the command answers: the order may be begun.
pub(super) const BEGIN: &str = "begin\n";

/// While an order is carried out, an empty line says this often that the relay is alive.
pub(super) const ALIVE_EVERY: Duration = Duration::from_secs(3);

/// What the relay says instead, with the reason behind it: nothing is begun, and the same order would be refused again.
pub(super) const REFUSED: &str = "refused: ";

/// The most bytes of an order: 10,000 contacts with long addresses.
pub(super) const MAX_ORDER_BYTES: u64 = 4 << 20;
/// What is said of an order that is longer.
pub(super) const TOO_LONG: &str = "an order may have at most 4 MiB";
/// For the order to arrive, and for each line to be taken.
const LINE_TIMEOUT: Duration = Duration::from_secs(10);

/// An order that may be begun.
#[derive(Debug)]
pub struct Order {
    /// Its first line: what kind of order it is.
    pub word: String,
    /// Its second line.
    pub(super) text: Vec<u8>,
    stream: BufReader<UnixStream>,
}

impl Order {
    /// Reads the order that begins with `word`, and waits until it may be begun.
    ///
    /// # Errors
    /// The order is too long, or who gave it is slow, or has gone.
    pub(super) async fn read(word: String, mut stream: BufReader<UnixStream>) -> io::Result<Self> {
        let mut text = Vec::new();
        timeout(LINE_TIMEOUT, (&mut stream).take(MAX_ORDER_BYTES).read_until(b'\n', &mut text)).await??;
        let too_long = u64::try_from(text.len()).is_ok_and(|length| length >= MAX_ORDER_BYTES);
        if !text.ends_with(b"\n") && too_long {
            // Who still writes would not read the answer.
            timeout(LINE_TIMEOUT, skip_line(&mut stream)).await??;
            timeout(LINE_TIMEOUT, stream.write_all(format!("{REFUSED}{TOO_LONG}\n").as_bytes())).await??;
            return Err(io::Error::new(ErrorKind::InvalidData, TOO_LONG));
        }
        if !text.ends_with(b"\n") {
            return Err(io::Error::new(ErrorKind::InvalidData, "an order without an end"));
        }
        let mut order = Self { word, text, stream };
        order.write(READY.as_bytes()).await?;
        let mut answer = String::new();
        let most = u64::try_from(BEGIN.len()).unwrap_or(u64::MAX);
        timeout(LINE_TIMEOUT, (&mut order.stream).take(most).read_line(&mut answer)).await??;
        if answer != BEGIN {
            return Err(ErrorKind::BrokenPipe.into());
        }
        order.still_wanted()?;
        Ok(order)
    }

    /// Asks the system whether who gave the order is still there: the runtime may not have noticed yet.
    ///
    /// # Errors
    /// They have gone.
    pub(super) fn still_wanted(&self) -> io::Result<()> {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        match rustix::net::recv(self.stream.get_ref(), &mut [0_u8], flags) {
            Ok((0, _)) => Err(ErrorKind::BrokenPipe.into()),
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Returns when who gave the order has gone: they have nothing more to say.
    pub(super) async fn given_up(&mut self) {
        let _ = self.stream.read(&mut [0]).await;
    }

    /// Who gives the order, for the log.
    pub(super) fn by(&self) -> String {
        let peer = self.stream.get_ref().peer_cred();
        let user = peer.map_or_else(|_| "?".to_owned(), |peer| peer.uid().to_string());
        format!("user {user} of this machine")
    }

    /// Says that the relay is alive.
    pub(super) async fn alive(&mut self) -> io::Result<()> {
        self.write(b"\n").await
    }

    /// Writes a part of the answer.
    pub(super) async fn write(&mut self, text: &[u8]) -> io::Result<()> {
        timeout(LINE_TIMEOUT, self.stream.write_all(text)).await?
    }

    /// The answer is complete.
    pub(super) async fn done(mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }
}

/// Reads what is left of a line, and keeps nothing of it.
async fn skip_line(stream: &mut BufReader<UnixStream>) -> io::Result<()> {
    loop {
        let read = stream.fill_buf().await?;
        let end = read.iter().position(|byte| *byte == b'\n');
        let (used, done) = (end.map_or(read.len(), |at| at + 1), end.is_some() || read.is_empty());
        stream.consume(used);
        if done {
            return Ok(());
        }
    }
}
