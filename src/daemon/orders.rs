//! Orders that operators give by the control socket, answered line by line in JSON. Who gives an order may go at any time.
//! Knows nothing of sockets, nor of how an order is carried out.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};

use super::order::{ALIVE_EVERY, Order};
#[cfg(doc)]
use crate::commands::ShellCommand;
use crate::commands::{self, AskedToInvite, Commands, ShellAnswer};
use crate::config::{Config, Live};
use crate::model::address;
use crate::model::invite::{InviteEvent, InviteRequest, InvitedContact, Obstacle, Step, Text, Trial};
use crate::model::{Id, Language};

/// The word that an order to invite begins with. Earlier versions took `invite`, and began at once.
pub const INVITE_WORD: &str = "order: invite\n";

/// The word that a command of [`ShellCommand`] begins with.
pub const SHELL_WORD: &str = "order: shell\n";

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
    /// The socket failed, or the other side is too slow, or has gone.
    pub(super) async fn carry_out(self: Arc<Self>, order: Order) -> io::Result<()> {
        match order.word.as_str() {
            INVITE_WORD => self.invite(order).await,
            SHELL_WORD => self.shell(order).await,
            _ => Ok(()),
        }
    }

    async fn invite(&self, mut order: Order) -> io::Result<()> {
        let request = match request(&self.config.load(), serde_json::from_slice(&order.text)?) {
            Ok(request) => request,
            Err(obstacle) => return write(&mut order, &self.refused(&obstacle)).await,
        };
        // It fails only if the relay is stopping.
        let Ok(place) = self.invite.reserve().await else { return Ok(()) };
        order.still_wanted()?;
        let (events, mut told) = mpsc::channel(MAX_WAITING_EVENTS);
        place.send(AskedToInvite { request, by: order.by(), events });
        let mut alive = alive();
        loop {
            let event = tokio::select! {
                event = told.recv() => event,
                () = order.given_up() => return Ok(()),
                _ = alive.tick() => {
                    order.alive().await?;
                    continue;
                }
            };
            let answer = match event {
                None => return order.done().await,
                Some(InviteEvent::Obstacle(obstacle)) => self.refused(&obstacle),
                Some(InviteEvent::Begun(count)) => InviteAnswer::Begun(count),
                Some(InviteEvent::Contact(contact)) => InviteAnswer::Contact(line(contact)),
                Some(InviteEvent::Step(Step { what, well, found })) => {
                    InviteAnswer::Step { what: what.to_owned(), well, found }
                }
            };
            write(&mut order, &answer).await?;
        }
    }

    async fn shell(&self, mut order: Order) -> io::Result<()> {
        let command = serde_json::from_slice(&order.text)?;
        let by = order.by();
        let carried_out = timeout(SHELL_TIMEOUT, self.commands.by_shell(&by, command));
        tokio::pin!(carried_out);
        let mut alive = alive();
        let answer = loop {
            tokio::select! {
                answer = &mut carried_out => break answer.unwrap_or_else(|_| not_known()),
                // What is begun is done, also if nobody waits any more.
                _ = alive.tick() => drop(order.alive().await),
            }
        };
        write(&mut order, &answer).await?;
        order.done().await
    }

    fn refused(&self, obstacle: &Obstacle) -> InviteAnswer {
        let why = match obstacle {
            // In the shell a group is named in another way than in the admins' form.
            Obstacle::NoPerson(contact) => format!(
                "Nobody is invited: {} is not a person's address. Name a group with --group, the room's own members with \
                 --members",
                address::printable(contact)
            ),
            _ => commands::obstacle(Language::English, &self.config.load(), obstacle),
        };
        InviteAnswer::Refused { why, in_the_order: obstacle.is_in_the_request() }
    }
}

/// What the journal has been asked for can't be taken back; what the order had to ask it first has not been.
fn not_known() -> ShellAnswer {
    let seconds = SHELL_TIMEOUT.as_secs();
    let why = format!(
        "It is not known whether this is done: the journal could not be written for {seconds} s, and it may still be done when it \
         can be. See what `check` says, and look again"
    );
    ShellAnswer { done: false, lines: vec![why] }
}

/// Refuses an order, whatever it is: this relay stands by. `words`: who leads.
///
/// # Errors
/// As [`Orders::carry_out`].
pub(super) async fn refuse(mut order: Order, words: String) -> io::Result<()> {
    let why = format!("this relay {words}. Give the order there");
    match order.word.as_str() {
        INVITE_WORD => write(&mut order, &InviteAnswer::Refused { why, in_the_order: false }).await?,
        SHELL_WORD => write(&mut order, &ShellAnswer { done: false, lines: vec![why] }).await?,
        _ => {}
    }
    order.done().await
}

/// Ticks when the other side is to hear that the relay is alive.
fn alive() -> Interval {
    let mut alive = interval_at(Instant::now() + ALIVE_EVERY, ALIVE_EVERY);
    alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    alive
}

async fn write(order: &mut Order, answer: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    order.write(&line).await
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
        let jid = address::typed(&word).ok().filter(|_| !word.contains('/'));
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
