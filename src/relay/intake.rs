//! What comes in: invitations go into the journal before anything else happens to them, questions are answered.
//!
//! The journal is the queue. So many invitations live at a time, and some more stand ready in memory; when there are
//! more, the others wait on the disk alone and are fetched in their order as room becomes free. Start-up is the same
//! case: whatever an earlier run left waits on the disk. One task does all of this, so no row can be fetched twice: while
//! anything waits on the disk, new arrivals wait there too. Only what is handed over is taken in elsewhere, and lives at
//! once.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::bounce::{self, Bounce};
use super::buckets::Answer;
use super::life::{self, Life};
use super::reading::{self, Read};
use super::tell::tell;
use super::{Relay, answers, handover, invitation_id, words};
use crate::journal::{Closed, Id, Outcome, Pending, Reason, Route, State};
use crate::link::{Epoch, Incoming, Received};
use crate::service::{self, Commands};
use crate::wire::{self, address};
use crate::wire::{Iq, Message, Stanza};

/// Invitations that live at the same time.
const LIVES: usize = 1024;
/// Invitations in memory whose turn comes next: they are smaller than those that live, and on the disk they would have to
/// be read again.
const READY: usize = 2048;
/// Stanzas taken from the link at a time: one commit for all the invitations among them.
const TAKEN: usize = 256;
/// Invitations taken in together whose rooms are asked before the journal has them.
const AHEAD: usize = 8;
/// Rows fetched from the disk at a time.
const FETCHED: u32 = 256;

pub(super) struct Intake {
    relay: Arc<Relay>,
    incoming: Incoming,
    lives: JoinSet<()>,
    ready: VecDeque<Life>,
    /// Rows behind this id wait on the disk; `None` when none does.
    waiting: Option<Id>,
}

impl Intake {
    pub(super) fn new(relay: Arc<Relay>, incoming: Incoming) -> Self {
        Self { relay, incoming, lives: JoinSet::new(), ready: VecDeque::new(), waiting: Some(0) }
    }

    /// Until `last_orders` is cancelled and what lives has settled, or the journal is closed.
    pub(super) async fn run(mut self, last_orders: CancellationToken) {
        if self.take_in(&last_orders).await.is_err() {
            debug!("the journal is closed");
            return;
        }
        // What still comes in is journaled and waits for the next start, as does what stands ready.
        self.ready.clear();
        self.waiting.get_or_insert(Id::MAX);
        let mut taken = Vec::with_capacity(TAKEN);
        while !self.lives.is_empty() {
            tokio::select! {
                _ = self.lives.join_next() => {}
                count = self.incoming.recv_many(&mut taken, TAKEN) => {
                    if count == 0 || self.handle(taken.drain(..)).await.is_err() {
                        break;
                    }
                }
            }
        }
    }

    async fn take_in(&mut self, last_orders: &CancellationToken) -> Result<(), Closed> {
        let mut taken = Vec::with_capacity(TAKEN);
        loop {
            // All that have ended: one in a round, and they would fill the room of those that are to come.
            while self.lives.try_join_next().is_some() {}
            while self.lives.len() < LIVES
                && let Some(life) = self.ready.pop_front()
            {
                self.start(life);
            }
            let room = self.ready.is_empty();
            tokio::select! {
                () = last_orders.cancelled() => return Ok(()),
                Some(_) = self.lives.join_next() => {}
                count = self.incoming.recv_many(&mut taken, TAKEN) => {
                    if count == 0 {
                        return Ok(());
                    }
                    self.handle(taken.drain(..)).await?;
                }
                () = std::future::ready(()), if room && self.waiting.is_some() => self.fetch().await?,
            }
        }
    }

    /// Fetches what waits on the disk, the oldest first.
    async fn fetch(&mut self) -> Result<(), Closed> {
        let Some(after) = self.waiting else { return Ok(()) };
        let rows = self.relay.journal.backlog(after, FETCHED).await?;
        if after == 0 && !rows.is_empty() {
            info!("picking up what was under way when the relay stopped");
        }
        self.waiting = rows.last().map(|row| row.id);
        for row in rows {
            // One that was handed over in this run lives already: it is answered for, and never waits on the disk alone.
            let lives = row.arrival.route == Route::HandedOver && row.id >= self.relay.journal.first();
            if !lives {
                self.ready.push_back(Life::resumed(row));
            }
        }
        Ok(())
    }

    fn start(&mut self, life: Life) {
        let relay = Arc::clone(&self.relay);
        self.lives.spawn(async move { drop(life::live(relay, life).await) });
    }

    /// Handles what has come. Never waits for the link: it reads no further while it waits for us.
    async fn handle(&mut self, stanzas: impl Iterator<Item = Received>) -> Result<(), Closed> {
        let (mut read, mut bounces) = (Vec::new(), Vec::new());
        for (connection, stanza) in stanzas {
            match stanza {
                Stanza::Iq(question) => self.answer(question, connection),
                Stanza::Message(message) if message.type_.as_deref() == Some("error") => {
                    bounces.extend(self.bounce(&message));
                }
                Stanza::Message(message) => {
                    self.send_back(answers::to_message(&self.relay, &message));
                    read.extend(reading::read(&self.relay, &message));
                }
                Stanza::Presence(presence) => self.send_back(answers::to_presence(&self.relay, &presence)),
                _ => {}
            }
        }
        self.came_back(bounces).await?;
        self.admit(read).await
    }

    fn send_back(&self, answer: Option<Stanza>) {
        if let Some(answer) = answer {
            self.relay.link.send_or_drop(answer);
        }
    }

    fn answer(&mut self, question: Iq, connection: Epoch) {
        if let Some(read) = wire::handover::hand_over(&question) {
            if self.waiting.is_none() && self.lives.len() < LIVES {
                self.lives.spawn(handover::take(Arc::clone(&self.relay), question, read, connection));
            } else {
                self.relay.link.send_or_drop(Stanza::Iq(handover::too_busy(&question)));
            }
        } else if wire::command::command(&question).is_some() {
            self.obey(question);
        } else if service::asks_for_groups(&question) {
            self.list_groups(question);
        } else if let Some(answer) = service::answer(&question, &self.relay.commands.listed(&question)) {
            self.relay.link.send_or_drop(Stanza::Iq(answer));
        }
    }

    /// Whether somebody has not given too many commands; else he is told.
    fn may_command(&self, question: &Iq) -> bool {
        let person = address::split_resource(question.from.as_deref().unwrap_or_default()).0;
        let passes = self.relay.limits.load().commanded(person) == Answer::Pass;
        if !passes {
            self.relay.link.send_or_drop(Stanza::Iq(Commands::too_many(question)));
        }
        passes
    }

    /// The groups that somebody may use; counted as a command.
    fn list_groups(&mut self, question: Iq) {
        if !self.may_command(&question) {
            return;
        }
        let relay = Arc::clone(&self.relay);
        self.lives.spawn(async move {
            let answer = match relay.commands.groups_for(&question).await {
                Some(answer) => Some(answer),
                None => service::answer(&question, &[]),
            };
            if let Some(answer) = answer {
                relay.link.post(Stanza::Iq(answer)).await;
            }
        });
    }

    /// A command of somebody who has not given too many.
    fn obey(&mut self, question: Iq) {
        if !self.may_command(&question) {
            return;
        }
        let relay = Arc::clone(&self.relay);
        self.lives.spawn(async move {
            let answer = relay.commands.answer(&question).await;
            relay.link.post(Stanza::Iq(answer)).await;
        });
    }

    /// All of them in one commit, then each on its way; what will be asked of their rooms is asked meanwhile.
    async fn admit(&mut self, read: Vec<Read>) -> Result<(), Closed> {
        let read_at = Instant::now();
        self.look_ahead(&read, read_at);
        let journal = &self.relay.journal;
        let admissions = read.iter().map(|Read { arrival, refused }| async {
            let arrival = arrival.clone();
            let Some(reason) = *refused else { return journal.admit(arrival).await.map(Ok) };
            let (state, reason) = (State::Refused, Some(reason));
            let id = journal.note(arrival.clone(), state, reason).await?;
            let outcome = Outcome { id, state, reason, inviter: None, sent_as: None };
            life::report(&self.relay, &outcome, &arrival, None);
            Ok(Err(Pending { id, received: 0, arrival, added: false }))
        });
        let admitted = futures::future::try_join_all(admissions).await?;
        let mut under_way = Vec::new();
        for (Read { arrival, refused }, admitted) in read.into_iter().zip(admitted) {
            match admitted {
                Ok(admitted) => under_way.push((arrival, admitted)),
                Err(ended) => match refused {
                    // Whoever could be lying is not answered.
                    Some(Reason::Untrusted) if ended.arrival.payload.origin.is_none() => {}
                    Some(reason) => self.tell(ended, reason),
                    None => {}
                },
            }
        }
        // The journal may have taken them in another order, and what waits on the disk is fetched in the order of ids.
        under_way.sort_unstable_by_key(|(_, admitted)| admitted.id);
        for (arrival, admitted) in under_way {
            if self.waiting.is_some() || self.ready.len() >= READY {
                self.waiting.get_or_insert(admitted.id - 1);
            } else {
                self.ready.push_back(Life::new(admitted, arrival).read_at(read_at));
            }
        }
        Ok(())
    }

    /// Asks the rooms of those that will live at once. With many at a time the commit is no matter, and answers would grow
    /// old.
    fn look_ahead(&mut self, read: &[Read], read_at: Instant) {
        if self.waiting.is_some() || !self.ready.is_empty() || read.len() > AHEAD || self.lives.len() >= LIVES
        {
            return;
        }
        for Read { arrival, .. } in read.iter().filter(|read| read.refused.is_none()) {
            let (relay, arrival) = (Arc::clone(&self.relay), arrival.clone());
            self.lives.spawn(async move { life::look_ahead(&relay, &arrival, read_at).await });
        }
    }

    /// What may be one of ours that came back.
    fn bounce(&self, message: &Message) -> Option<Bounce> {
        let (from, to, id) = (message.from.as_deref()?, message.to.as_deref()?, message.id.as_deref()?);
        let id = invitation_id(self.relay.journal.instance(), id)?;
        let [contact, sent_as] = [from, to].map(|jid| address::split_resource(jid).0.to_owned());
        Some(Bounce { id, contact, sent_as })
    }

    /// Direct invitations that were confirmed and came back later all the same.
    async fn came_back(&mut self, bounces: Vec<Bounce>) -> Result<(), Closed> {
        let came_back = bounces.into_iter().map(|bounce| bounce::came_back(&self.relay, bounce));
        for bounced in futures::future::try_join_all(came_back).await?.into_iter().flatten() {
            let relay = Arc::clone(&self.relay);
            self.lives.spawn(async move { bounce::undo(&relay, bounced).await });
        }
        Ok(())
    }

    /// Tells the inviter of an invitation that has ended. Should that fail, it has ended all the same.
    fn tell(&mut self, ended: Pending, reason: Reason) {
        let relay = Arc::clone(&self.relay);
        self.lives.spawn(async move {
            let told = match address::own(&ended.arrival.room) {
                Ok(room) if room.node().is_some() => words::for_inviter(reason),
                _ => words::no_room(),
            };
            let _ = tell(&relay, &ended, &told).await;
        });
    }
}
