//! Orders that operators give by the control socket: bounded, with a limit for each wait, and answered line by line in JSON.
//! Who gives an order may go at any time. Knows nothing of sockets' paths, nor of how an order is carried out.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

#[cfg(doc)]
use crate::commands::ShellCommand;
use crate::commands::{self, AskedToInvite, Commands};
use crate::config::{Config, Live};
use crate::model::address;
use crate::model::invite::{InviteEvent, InviteRequest, InvitedContact, Obstacle, Step, Text, Trial};
use crate::model::{Id, Language};

/// The word that an order to invite begins with.
pub const INVITE_WORD: &str = "invite\n";

/// The word that a command of [`ShellCommand`] begins with.
pub const SHELL_WORD: &str = "shell\n";

/// The most bytes of an order: 10,000 contacts with long addresses.
const MAX_ORDER_BYTES: u64 = 4 << 20;
/// For the order to arrive, and for each line of the answer to be taken.
const ORDER_TIMEOUT: Duration = Duration::from_secs(10);
/// For a command to be carried out: the disk may be slow.
const SHELL_TIMEOUT: Duration = Duration::from_secs(60);
/// How many events may wait to be written.
const MAX_WAITING_EVENTS: usize = 64;

/// An order to invite. Addresses are as the operator wrote them.
#[derive(Clone, Serialize, Deserialize)]
pub struct InviteOrder {
    /// The room; empty for a test in a room that the relay makes.
    pub room: String,
    /// In whose name.
    pub inviter: String,
    /// Who: addresses; or `@members`, or a group's `@name`.
    pub contacts: Vec<String>,
    /// The reason.
    pub reason: Option<String>,
    /// Only tell what would become of each.
    pub dry_run: bool,
    /// It is a test, which is told step by step.
    #[serde(default)]
    pub test: bool,
}

/// A line of the answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InviteAnswer {
    /// Nothing was done.
    Refused {
        /// Why, and what to do.
        why: String,
        /// The order is wrong: trying again does not help.
        in_the_order: bool,
    },
    /// So many contacts are about to be invited.
    Begun(usize),
    /// What became of one of them.
    Contact(ContactLine),
    /// A step of a test.
    Step {
        /// What it is about, in a word.
        what: String,
        /// It is as it should be.
        well: bool,
        /// What was found or done.
        found: String,
    },
}

/// What became of one contact, in the words of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactLine {
    /// The contact's bare JID.
    pub contact: String,
    /// Its number in the journal, if something was written.
    pub id: Option<Id>,
    /// The state.
    pub state: String,
    /// Why.
    pub reason: Option<String>,
    /// The `from` that the contact sees.
    pub sent_as: Option<String>,
    /// For a dry run: they would be made a member.
    pub adds_member: bool,
}

/// What orders are carried out with.
#[derive(Debug, Clone)]
pub(super) struct Orders {
    pub(super) config: Live,
    pub(super) commands: Arc<Commands>,
    /// Where requests to invite go.
    pub(super) invite: mpsc::Sender<AskedToInvite>,
}

impl Orders {
    /// Carries out one order. An order that begins with an unknown word has no answer.
    ///
    /// # Errors
    /// The socket failed, or the other side is too slow.
    pub(super) async fn carry_out(
        self: Arc<Self>,
        word: String,
        stream: BufReader<UnixStream>,
    ) -> io::Result<()> {
        match word.as_str() {
            INVITE_WORD => self.invite(stream).await,
            SHELL_WORD => self.shell(stream).await,
            _ => Ok(()),
        }
    }

    async fn invite(&self, mut stream: BufReader<UnixStream>) -> io::Result<()> {
        let order = read(&mut stream).await?;
        let request = order.ok_or(Obstacle::TooMany).and_then(|order| request(&self.config.load(), order));
        let request = match request {
            Ok(request) => request,
            Err(obstacle) => return write(&mut stream, &self.refused(&obstacle)).await,
        };
        let by = by(&stream);
        let (events, mut told) = mpsc::channel(MAX_WAITING_EVENTS);
        // It fails only if the relay is stopping.
        let _ = self.invite.send(AskedToInvite { request, by, events }).await;
        let mut nothing = [0];
        loop {
            let event = tokio::select! {
                event = told.recv() => event,
                // The other side has nothing more to say: it has gone.
                _ = stream.read(&mut nothing) => return Ok(()),
            };
            let answer = match event {
                None => return stream.shutdown().await,
                Some(InviteEvent::Obstacle(obstacle)) => self.refused(&obstacle),
                Some(InviteEvent::Begun(count)) => InviteAnswer::Begun(count),
                Some(InviteEvent::Contact(contact)) => InviteAnswer::Contact(line(contact)),
                Some(InviteEvent::Step(Step { what, well, found })) => {
                    InviteAnswer::Step { what: what.to_owned(), well, found }
                }
            };
            write(&mut stream, &answer).await?;
        }
    }

    async fn shell(&self, mut stream: BufReader<UnixStream>) -> io::Result<()> {
        // One that is too long has no answer: no command needs as much.
        let Some(command) = read(&mut stream).await? else { return Ok(()) };
        let answer = timeout(SHELL_TIMEOUT, self.commands.by_shell(&by(&stream), command)).await?;
        write(&mut stream, &answer).await?;
        stream.shutdown().await
    }

    fn refused(&self, obstacle: &Obstacle) -> InviteAnswer {
        let why = commands::obstacle(Language::English, &self.config.load(), obstacle);
        InviteAnswer::Refused { why, in_the_order: obstacle.is_in_the_request() }
    }
}

/// Reads an order; `None` if it is too long.
async fn read<T: for<'a> Deserialize<'a>>(stream: &mut BufReader<UnixStream>) -> io::Result<Option<T>> {
    let mut text = Vec::new();
    timeout(ORDER_TIMEOUT, stream.take(MAX_ORDER_BYTES).read_until(b'\n', &mut text)).await??;
    if !text.ends_with(b"\n") && u64::try_from(text.len()).is_ok_and(|length| length >= MAX_ORDER_BYTES) {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&text)?))
}

/// Who gives an order, for the log.
fn by(stream: &BufReader<UnixStream>) -> String {
    let user = stream.get_ref().peer_cred().map_or_else(|_| "?".to_owned(), |peer| peer.uid().to_string());
    format!("user {user} of this machine")
}

async fn write(stream: &mut BufReader<UnixStream>, answer: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    timeout(ORDER_TIMEOUT, stream.write_all(&line)).await?
}

fn request(config: &Config, mut order: InviteOrder) -> Result<InviteRequest, Obstacle> {
    let trial = match (order.test, order.room.is_empty()) {
        (true, true) => Some(Trial::InNewRoom),
        (true, false) => Some(Trial::InRoom),
        (false, _) => None,
    };
    if trial == Some(Trial::InNewRoom)
        && let Some(service) = config.muc.services.first()
    {
        order.room = format!("invitation-test-{:08x}@{service}", fastrand::u32(..));
    }
    let bare = |word: String| {
        let jid = address::bare(&word).ok().filter(|_| !word.contains('/'));
        jid.ok_or(Obstacle::NoAddress(word))
    };
    Ok(InviteRequest {
        room: bare(order.room)?,
        inviter: bare(order.inviter)?,
        whom: commands::whom(order.contacts.iter().map(String::as_str))?,
        reason: order.reason.map(Text),
        trial,
        dry_run: order.dry_run,
    })
}

fn line(contact: InvitedContact) -> ContactLine {
    let InvitedContact { contact, id, state, reason, sent_as, adds_member } = contact;
    let (state, reason) = (state.to_string(), reason.map(|reason| reason.to_string()));
    ContactLine { contact, id, state, reason, sent_as, adds_member }
}
