//! A scripted server for one component (XEP-0114): accepts it, answers its questions, sends invitations, and measures what
//! the component sends.
//!
//! One task and one socket. Stanzas of the component are handled in order, so the answer to a ping means what a real server's
//! answer means: everything before it was taken. Invitations are written little by little, so that an answer never waits
//! behind more than [`MAX_OUTBOX_BYTES`] of them.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until, timeout};

use crate::words;

/// The most bytes of invitations that wait for the socket.
const MAX_OUTBOX_BYTES: usize = 16 << 10;

/// The measurement fails if the component sends nothing for this time.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// How invitations are sent.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// As fast as the component reads, with at most this many unanswered.
    Unanswered(usize),
    /// This many a second, answered or not.
    PerSecond(f64),
}

/// What was measured of one load.
pub struct Measured {
    /// From the first invitation sent to the last one received.
    pub took: Duration,
    /// From sent to received, for each invitation, in the order in which they were received.
    pub latencies: Vec<Duration>,
}

pub struct Server {
    socket: TcpStream,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    /// The number of the next contact: nobody is invited twice.
    next: usize,
    /// How many members the large room has.
    members: usize,
    /// How many of them have got an invitation.
    reached: usize,
    /// Whether the inviter of all members has got the summary.
    summary_received: bool,
}

/// Waits for a component, which may send messages in the name of users if it is `privileged`.
pub async fn accept(listener: &TcpListener, privileged: bool) -> Result<Server> {
    let (socket, _) = timeout(RESPONSE_TIMEOUT, listener.accept()).await.context("nobody connects")??;
    socket.set_nodelay(true)?;
    let mut server = Server {
        socket,
        inbox: Vec::new(),
        outbox: Vec::new(),
        next: 0,
        members: 0,
        reached: 0,
        summary_received: false,
    };
    server.read_past(b"<stream:stream", b">").await?;
    server.outbox.extend_from_slice(words::STREAM_HEADER.as_bytes());
    server.write().await?;
    server.read_past(b"<handshake", b"</handshake>").await?;
    server.outbox.extend_from_slice(words::HANDSHAKE.as_bytes());
    if privileged {
        server.outbox.extend_from_slice(words::PRIVILEGE.as_bytes());
    }
    server.write().await?;
    Ok(server)
}

impl Server {
    /// Reads until `end` has come after `begin`, and drops everything up to there.
    async fn read_past(&mut self, begin: &[u8], end: &[u8]) -> Result<()> {
        let find = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).position(|window| window == part);
        loop {
            if let Some(from) = find(&self.inbox, begin)
                && let Some(to) = find(&self.inbox[from..], end)
            {
                self.inbox.drain(..from + to + end.len());
                return Ok(());
            }
            let read = timeout(RESPONSE_TIMEOUT, self.socket.read_buf(&mut self.inbox)).await??;
            ensure!(read > 0, "the component closed the connection");
        }
    }

    async fn write(&mut self) -> Result<()> {
        while !self.outbox.is_empty() {
            self.socket.writable().await?;
            self.write_some()?;
        }
        Ok(())
    }

    fn write_some(&mut self) -> Result<()> {
        match self.socket.try_write(&self.outbox) {
            Ok(written) => drop(self.outbox.drain(..written)),
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e.into()),
        }
        Ok(())
    }

    fn read_some(&mut self) -> Result<()> {
        self.inbox.reserve(MAX_OUTBOX_BYTES);
        match self.socket.try_read_buf(&mut self.inbox) {
            Ok(0) => bail!("the component closed the connection"),
            Ok(_) => Ok(()),
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Invites `count` contacts, and waits until each has got their invitation.
    ///
    /// # Errors
    /// A contact got two invitations, or none in time.
    pub async fn invite(&mut self, count: usize, pace: Pace) -> Result<Measured> {
        let first = self.next;
        self.next += count;
        let start = Instant::now();
        let mut sent: Vec<Instant> = Vec::with_capacity(count);
        let mut latencies: Vec<Option<Duration>> = vec![None; count];
        let mut order = Vec::with_capacity(count);
        let mut progress = start;
        while order.len() < count {
            let now = Instant::now();
            ensure!(
                now - progress < RESPONSE_TIMEOUT,
                "nothing came out for {} s: {} of {} invitations are missing",
                RESPONSE_TIMEOUT.as_secs(),
                sent.len() - order.len(),
                sent.len()
            );
            let allowed = match pace {
                Pace::Unanswered(limit) => order.len() + limit,
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "small and positive"
                )]
                Pace::PerSecond(rate) => ((now - start).as_secs_f64() * rate) as usize + 1,
            };
            while sent.len() < allowed.min(count) && self.outbox.len() < MAX_OUTBOX_BYTES {
                words::invitation(first + sent.len(), &mut self.outbox);
                sent.push(now);
            }
            let next = match pace {
                Pace::PerSecond(rate) if sent.len() < count => {
                    #[expect(clippy::cast_precision_loss, reason = "small")]
                    let due = start + Duration::from_secs_f64(sent.len() as f64 / rate);
                    due
                }
                _ => now + Duration::from_secs(1),
            };
            tokio::select! {
                writable = self.socket.writable(), if !self.outbox.is_empty() => {
                    writable?;
                    self.write_some()?;
                }
                readable = self.socket.readable() => {
                    readable?;
                    self.read_some()?;
                    let now = Instant::now();
                    for number in self.handle()? {
                        let at = number.checked_sub(first).filter(|at| *at < sent.len());
                        let at = at.with_context(|| format!("contact {number} was not invited"))?;
                        ensure!(latencies[at].is_none(), "contact {number} got two invitations");
                        latencies[at] = Some(now - sent[at]);
                        order.push(at);
                        progress = now;
                    }
                }
                () = sleep_until(next) => {}
            }
        }
        let latencies = order.into_iter().filter_map(|at| latencies[at]).collect();
        Ok(Measured { took: progress - start, latencies })
    }

    /// Sends one invitation for all members of the large room.
    pub fn invite_all(&mut self, members: usize) {
        self.members = members;
        self.reached = 0;
        self.summary_received = false;
        words::invitation_of_all(&mut self.outbox);
    }

    /// How many members have got an invitation; `None` until the inviter has got the summary.
    pub fn all_reached(&self) -> Option<usize> {
        self.summary_received.then_some(self.reached)
    }

    /// Waits for the summary, and returns how many members have got an invitation.
    pub async fn until_all_reached(&mut self) -> Result<usize> {
        loop {
            self.write().await?;
            self.handle()?;
            if let Some(reached) = self.all_reached() {
                return Ok(reached);
            }
            if self.outbox.is_empty() {
                let read = timeout(RESPONSE_TIMEOUT, self.socket.read_buf(&mut self.inbox)).await??;
                ensure!(read > 0, "the component closed the connection");
            }
        }
    }

    /// Handles what has been read, and returns the numbers of the contacts who got an invitation.
    fn handle(&mut self) -> Result<Vec<usize>> {
        let mut contacts = Vec::new();
        let mut at = 0;
        while let Some(length) = words::element(&self.inbox[at..]) {
            let element = self.inbox[at..at + length].trim_ascii_start();
            if element.starts_with(b"<iq") {
                words::answer(element, self.members, &mut self.outbox);
            } else if words::is_to_a_member(element) {
                self.reached += 1;
            } else if words::is_summary(element) {
                self.summary_received = true;
            } else if element.starts_with(b"<message") {
                let contact = words::contact(element);
                contacts.push(contact.with_context(|| {
                    format!("a message that is no invitation: {}", String::from_utf8_lossy(element))
                })?);
            } else {
                bail!("an unknown stanza: {}", String::from_utf8_lossy(element));
            }
            at += length;
        }
        self.inbox.drain(..at);
        Ok(contacts)
    }

    /// Answers until the component closes the stream, then closes it as well.
    pub async fn close(&mut self) -> Result<()> {
        loop {
            if self.inbox.windows(16).any(|window| window == b"</stream:stream>") {
                self.outbox.extend_from_slice(b"</stream:stream>");
                return self.write().await;
            }
            self.handle()?;
            self.write().await?;
            if timeout(RESPONSE_TIMEOUT, self.socket.read_buf(&mut self.inbox)).await?? == 0 {
                return Ok(());
            }
        }
    }
}
