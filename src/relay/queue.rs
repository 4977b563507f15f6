//! Takes in what arrives: invitations go into the journal before anything else is done with them, IQs are answered.
//!
//! The journal is the queue. A bounded number of invitations runs at a time, of one room, inviter, contact or service fewer, and some
//! more are ready in memory, or wait there because their room did not answer. All others are on the disk only, and are fetched in the order of their ids when there is space. What an earlier run left is
//! fetched in the same way. One task does all of this, so no row is fetched twice: while any row waits on the disk, new
//! arrivals wait there too. Only hand-overs and invitations by command are taken in elsewhere, and run at once.
//!
//! Knows nothing of how an invitation is decided about.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info};

use super::attempt::{self, Ran};
use super::by_command;
use super::context::Context;
use super::inbound::declined::declined;
use super::inbound::parse::{Parsed, WhoIsTold, parse};
use super::inbound::{answers, came_back, hand_over};
use super::job::{Job, MAX_ATTEMPTS};
use super::limits::Answer;
use super::parties::nick_of;
use super::settle::bounce::{self, Bounce};
use super::settle::declined::pass_on;
use super::settle::notify::{answer_room, notify};
use super::settle::report::report;
use super::settle::second_look;
use super::settle::words;
use super::shares::{self, Shares};
use crate::commands::{self, AskedToInvite, Commands};
use crate::journal::JournalClosed;
use crate::link::{Epoch, Incoming, Received};
use crate::model::{Arrival, Id, LateArrival, Outcome, Pending, Reason, Route, State};
use crate::model::{address, clock};
use crate::wire::{self};
use crate::wire::{Iq, Message, Stanza};

/// Invitations that are run at the same time.
const MAX_RUNNING: usize = 1024;
/// Invitations in memory that run next: they are smaller than running ones, and need not be read from the disk again.
const MAX_READY: usize = 2048;
/// Invitations whose room or server did not answer, in memory until they are run again. With more than these, some are given
/// up earlier.
const MAX_LATER: usize = 4096;
/// Stanzas taken from the link at a time: one commit for all the invitations among them.
const MAX_STANZAS_AT_ONCE: usize = 256;
/// Invitations taken in together whose rooms are asked before the journal has them.
const MAX_LOOKED_AHEAD: usize = 8;
/// Looks ahead at a time. They take places, and at a room that does not answer nobody has to share.
const MAX_LOOKS_AHEAD: usize = 64;
/// Invitations that are kept for another relay that leads.
const MAX_LATE: usize = 4096;
/// Rows fetched from the disk at a time.
const ROWS_PER_FETCH: u32 = 256;

pub(crate) struct Queue {
    cx: Arc<Context>,
    commands: Arc<Commands>,
    incoming: Incoming,
    /// Requests to invite that operators and admins make by command.
    asked: mpsc::Receiver<AskedToInvite>,
    running: JoinSet<Ran>,
    looks_ahead: Arc<Semaphore>,
    shares: Shares,
    /// Jobs that wait for a share of this room or inviter.
    held: HashMap<shares::Key, VecDeque<Box<Job>>>,
    held_count: usize,
    /// Rooms and inviters that have shares again.
    freed: VecDeque<shares::Key>,
    ready: VecDeque<Box<Job>>,
    /// Jobs whose room or server did not answer, by when they are run again; they take no place meanwhile.
    later: BTreeMap<(Instant, Id), Box<Job>>,
    /// Rows behind this id wait on the disk; `None` when none does.
    waiting: Option<Id>,
    /// What the journal does not take any more.
    late: Vec<LateArrival>,
}

impl Queue {
    pub(crate) fn new(
        cx: Arc<Context>,
        commands: Arc<Commands>,
        incoming: Incoming,
        asked: mpsc::Receiver<AskedToInvite>,
    ) -> Self {
        Self {
            cx,
            commands,
            incoming,
            asked,
            running: JoinSet::new(),
            looks_ahead: Arc::new(Semaphore::new(MAX_LOOKS_AHEAD)),
            shares: Shares::default(),
            held: HashMap::new(),
            held_count: 0,
            freed: VecDeque::new(),
            ready: VecDeque::new(),
            later: BTreeMap::new(),
            waiting: Some(0),
            late: Vec::new(),
        }
    }

    /// Runs until `stopping` is cancelled, all running invitations have ended, and the link has ended as well; or until the
    /// journal is closed. `close` is cancelled when the link is needed no more: what comes in until it has ended is journaled.
    ///
    /// Returns what had come in, and is not in the journal, if that is closed because another relay leads.
    pub(crate) async fn run(
        mut self,
        stopping: CancellationToken,
        close: CancellationToken,
    ) -> Vec<LateArrival> {
        // Beside the others, so that it takes no place.
        let mut second_look = AbortOnDropHandle::new(tokio::spawn(second_look::run(Arc::clone(&self.cx))));
        if self.take_in(&stopping).await.is_err() {
            return self.read_the_rest().await;
        }
        // What still comes in is journaled and waits for the next start, as does what stands ready.
        self.ready.clear();
        self.held.clear();
        self.later.clear();
        self.waiting.get_or_insert(Id::MAX);
        let mut taken = Vec::with_capacity(MAX_STANZAS_AT_ONCE);
        loop {
            if self.running.is_empty() && second_look.is_finished() {
                close.cancel();
            }
            tokio::select! {
                Some(_) = self.running.join_next() => {}
                _ = &mut second_look, if !second_look.is_finished() => {}
                count = self.incoming.recv_many(&mut taken, MAX_STANZAS_AT_ONCE) => {
                    if count == 0 {
                        break;
                    }
                    if self.handle(taken.drain(..)).await.is_err() {
                        return self.read_the_rest().await;
                    }
                }
            }
        }
        close.cancel();
        Vec::new()
    }

    /// The journal is closed. If another relay leads, reads the invitations that come in until the link has ended: that one is to have
    /// them.
    async fn read_the_rest(mut self) -> Vec<LateArrival> {
        debug!("the journal is closed");
        self.running.abort_all();
        if self.cx.journal.lease().is_sure() {
            return Vec::new();
        }
        let mut taken = Vec::with_capacity(MAX_STANZAS_AT_ONCE);
        while self.late.len() < MAX_LATE && self.incoming.recv_many(&mut taken, MAX_STANZAS_AT_ONCE).await > 0
        {
            for (_, stanza) in taken.drain(..) {
                match stanza {
                    Stanza::Message(message) if message.type_.as_deref() != Some("error") => {
                        let read = parse(&self.cx, &message);
                        self.keep(read);
                    }
                    _ => {}
                }
            }
        }
        self.late
    }

    /// Keeps what the journal has not taken, as if it had come in while this relay led.
    fn keep(&mut self, read: Vec<Parsed>) {
        let ended_for = i64::try_from(self.cx.journal.lease().ended_for().as_millis()).unwrap_or(i64::MAX);
        let received = clock::now().timestamp_millis().saturating_sub(ended_for);
        let admitted = read.into_iter().filter(|parsed| parsed.refused.is_none());
        self.late.extend(admitted.map(|Parsed { arrival, .. }| LateArrival {
            number: fastrand::i64(i64::MIN..0),
            received,
            arrival,
        }));
    }

    async fn take_in(&mut self, stopping: &CancellationToken) -> Result<(), JournalClosed> {
        let mut taken = Vec::with_capacity(MAX_STANZAS_AT_ONCE);
        loop {
            // Removes all that have ended: one in each round would be too slow under load.
            while let Some(ended) = self.running.try_join_next() {
                self.ended(ended);
            }
            self.again();
            self.freed.extend(self.shares.freed());
            while self.running.len() < MAX_RUNNING
                && let Some(job) = self.next()
            {
                self.start(job);
            }
            let none_ready = self.ready.is_empty() && self.held_count < MAX_READY;
            let again = self.later.first_key_value().map(|((moment, _), _)| *moment);
            tokio::select! {
                () = stopping.cancelled() => return Ok(()),
                Some(ended) = self.running.join_next() => self.ended(ended),
                () = self.shares.changed() => {}
                Some(asked) = self.asked.recv() => {
                    let cx = Arc::clone(&self.cx);
                    self.beside(by_command::carry_out(cx, asked));
                }
                () = sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => {}
                count = self.incoming.recv_many(&mut taken, MAX_STANZAS_AT_ONCE) => {
                    if count == 0 {
                        return Ok(());
                    }
                    self.handle(taken.drain(..)).await?;
                }
                () = self.cx.journal.late_arrives() => {
                    if let Some(first) = self.cx.journal.take_late().await? {
                        info!("takes in what another relay had read when this one took the lead");
                        self.waiting.get_or_insert(first - 1);
                    }
                }
                () = std::future::ready(()), if none_ready && self.waiting.is_some() => self.fetch().await?,
            }
        }
    }

    /// Fetches what waits on the disk, the oldest first.
    async fn fetch(&mut self) -> Result<(), JournalClosed> {
        let Some(after) = self.waiting else { return Ok(()) };
        let rows = self.cx.journal.backlog(after, ROWS_PER_FETCH).await?;
        if after == 0 && !rows.is_empty() {
            info!("picking up what was under way when the relay stopped");
        }
        self.waiting = rows.last().map(|row| row.id);
        for row in rows {
            // One that was taken in elsewhere in this run of the relay is under way: it never waits on the disk alone.
            let elsewhere = matches!(row.arrival.route, Route::HandedOver | Route::Command);
            let under_way = elsewhere && row.id >= self.cx.journal.first();
            if !under_way {
                self.ready.push_back(Job::resumed(row));
            }
        }
        Ok(())
    }

    /// The next job that runs: one that waited for a share that is free now, else the first that is ready.
    fn next(&mut self) -> Option<Box<Job>> {
        while let Some(key) = self.freed.front() {
            let job =
                self.held.get_mut(key).filter(|_| self.shares.has_left(key)).and_then(VecDeque::pop_front);
            if let Some(job) = job {
                self.held_count -= 1;
                return Some(job);
            }
            self.held.retain(|held, jobs| held != key || !jobs.is_empty());
            self.freed.pop_front();
        }
        self.ready.pop_front()
    }

    /// Runs a job, or has it wait until its room or inviter has a share left.
    fn start(&mut self, mut job: Box<Job>) {
        let Arrival { room, inviter, contact, .. } = &job.row.arrival;
        // A group address stands for others each time.
        let person = Some(&**contact).filter(|it| address::domain_of(it) != self.cx.link.component());
        match self.shares.take(room, inviter, person) {
            Ok(share) => {
                job.share = Some(share);
                self.running.spawn(attempt::run(Arc::clone(&self.cx), job));
            }
            Err(full) => {
                self.held.entry(full).or_default().push_back(job);
                self.held_count += 1;
            }
        }
    }

    /// Runs something that is no job.
    fn beside(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.running.spawn(async move {
            work.await;
            Ran::Ended(None)
        });
    }

    /// A task has ended; its job may have to be run again.
    fn ended(&mut self, ended: Result<Ran, JoinError>) {
        if let Ok(Ran::Again(mut job, moment)) = ended {
            if self.later.len() < MAX_LATER {
                self.later.insert((moment, job.row.id), job);
            } else {
                job.unanswered = MAX_ATTEMPTS;
                self.ready.push_back(job);
            }
        }
    }

    /// Makes those ready that are to be run again by now.
    fn again(&mut self) {
        let now = Instant::now();
        while let Some(first) = self.later.first_entry()
            && first.key().0 <= now
        {
            self.ready.push_back(first.remove());
        }
    }

    /// Handles what has come. Never waits for the link, which reads no further while the queue is full.
    async fn handle(&mut self, stanzas: impl Iterator<Item = Received>) -> Result<(), JournalClosed> {
        let (mut read, mut bounces, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        for (connection, stanza) in stanzas {
            match stanza {
                Stanza::Iq(question) => match came_back::parse(&self.cx, &question) {
                    Some(told) => {
                        bounces.extend(told.bounce);
                        answers.push((connection, told.answer));
                    }
                    None => self.answer(question, connection),
                },
                Stanza::Message(message) if message.type_.as_deref() == Some("error") => {
                    bounces.extend(self.bounce(&message));
                }
                Stanza::Message(message) => {
                    self.send_back(answers::to_message(&self.cx, &message));
                    read.extend(parse(&self.cx, &message));
                    self.decline(&message);
                }
                Stanza::Presence(presence) => self.send_back(answers::to_presence(&self.cx, &presence)),
                _ => {}
            }
        }
        if let Err(closed) = self.came_back(bounces).await {
            self.keep(read);
            return Err(closed);
        }
        for (connection, answer) in answers {
            // The module of that node waits for it.
            self.cx.link.send_or_drop_on(connection, Stanza::Iq(answer));
        }
        self.admit(read).await
    }

    fn send_back(&self, answer: Option<Stanza>) {
        if let Some(answer) = answer {
            self.cx.link.send_or_drop(answer);
        }
    }

    fn answer(&mut self, question: Iq, connection: Epoch) {
        if let Some(read) = wire::handover::hand_over(&question) {
            if self.waiting.is_none() && self.running.len() < MAX_RUNNING {
                self.running.spawn(hand_over::take(Arc::clone(&self.cx), question, read, connection));
            } else {
                let answer = Stanza::Iq(hand_over::too_busy(&question));
                self.cx.link.send_or_drop_on(connection, answer);
            }
        } else if question.command().is_some() {
            self.run_command(question);
        } else if commands::asks_for_groups(&question) {
            self.list_groups(question);
        } else if let Some(answer) = commands::answer(&question, &self.commands.listed(&question)) {
            self.cx.link.send_or_drop(Stanza::Iq(answer));
        }
    }

    /// Whether a person is within the limit for commands; if not, they are told.
    fn may_command(&self, question: &Iq) -> bool {
        let person = address::split_resource(question.from.as_deref().unwrap_or_default()).0;
        let passes = self.cx.limits.load().commanded(person) == Answer::Pass;
        if !passes {
            self.cx.link.send_or_drop(Stanza::Iq(Commands::too_many(question)));
        }
        passes
    }

    /// The groups that somebody may use; counted as a command.
    fn list_groups(&mut self, question: Iq) {
        if !self.may_command(&question) {
            return;
        }
        let (cx, commands) = (Arc::clone(&self.cx), Arc::clone(&self.commands));
        self.beside(async move {
            let answer = match commands.groups_for(&question).await {
                Some(answer) => Some(answer),
                None => commands::answer(&question, &[]),
            };
            if let Some(answer) = answer {
                cx.link.post(Stanza::Iq(answer)).await;
            }
        });
    }

    /// Runs an ad-hoc command if its sender is within the limit.
    fn run_command(&mut self, question: Iq) {
        if !self.may_command(&question) {
            return;
        }
        let (cx, commands) = (Arc::clone(&self.cx), Arc::clone(&self.commands));
        self.beside(async move {
            let answer = commands.answer(&question).await;
            cx.link.post(Stanza::Iq(answer)).await;
        });
    }

    /// Writes all of them in one commit, then makes them ready. Meanwhile their rooms are asked.
    async fn admit(&mut self, parsed: Vec<Parsed>) -> Result<(), JournalClosed> {
        let read_at = Instant::now();
        self.look_ahead(&parsed, read_at);
        let journal = &self.cx.journal;
        let admissions = parsed.iter().map(|Parsed { arrival, refused, .. }| async {
            let arrival = arrival.clone();
            let Some(reason) = *refused else { return journal.admit(arrival).await.map(Ok) };
            let (state, reason) = (State::Refused, Some(reason));
            let id = journal.note(arrival.clone(), state, reason).await?;
            let outcome = Outcome { id, state, reason, inviter: None, sent_as: None };
            report(&self.cx, &outcome, &arrival, None);
            Ok(Err(Pending { id, received: 0, arrival, added: false }))
        });
        let admitted = futures::future::join_all(admissions).await;
        if admitted.iter().any(Result::is_err) {
            let not_taken = parsed.into_iter().zip(admitted).filter(|(_, admitted)| admitted.is_err());
            let not_taken = not_taken.map(|(parsed, _)| parsed).collect();
            self.keep(not_taken);
            return Err(JournalClosed);
        }
        let admitted = admitted.into_iter().flatten();
        let mut under_way = Vec::new();
        for (Parsed { arrival, parties, refused, told }, admitted) in parsed.into_iter().zip(admitted) {
            match (admitted, refused) {
                (Ok(admitted), _) => under_way.push((arrival, parties, admitted)),
                (Err(ended), Some(reason)) => self.tell(ended, reason, told, read_at),
                (Err(_), None) => {}
            }
        }
        // The journal may have taken them in another order, and what waits on the disk is fetched in the order of ids.
        under_way.sort_unstable_by_key(|(.., admitted)| admitted.id);
        for (arrival, parties, admitted) in under_way {
            if self.waiting.is_some() || self.ready.len().max(self.held_count) >= MAX_READY {
                self.waiting.get_or_insert(admitted.id - 1);
            } else {
                self.ready.push_back(Job::new(admitted, arrival).between(parties).read_at(read_at));
            }
        }
        Ok(())
    }

    /// Asks the rooms of those that will run at once. Not done for many at a time: the answers would be too old when they
    /// run.
    fn look_ahead(&mut self, read: &[Parsed], read_at: Instant) {
        if self.waiting.is_some()
            || !self.ready.is_empty()
            || read.len() > MAX_LOOKED_AHEAD
            || self.running.len() >= MAX_RUNNING
        {
            return;
        }
        for Parsed { arrival, .. } in read.iter().filter(|read| read.refused.is_none()) {
            let Ok(place) = Arc::clone(&self.looks_ahead).try_acquire_owned() else { return };
            let (cx, arrival) = (Arc::clone(&self.cx), arrival.clone());
            self.beside(async move {
                attempt::look_ahead(&cx, &arrival, read_at).await;
                drop(place);
            });
        }
    }

    /// Passes on the decline in a message, if there is one.
    fn decline(&mut self, message: &Message) {
        if let Some(declined) = declined(&self.cx, message) {
            let cx = Arc::clone(&self.cx);
            self.beside(async move { pass_on(&cx, declined).await });
        }
    }

    /// The bounce in an error message, if its id is one of this journal's.
    fn bounce(&self, message: &Message) -> Option<Bounce> {
        let (from, to, id) = (message.from.as_deref()?, message.to.as_deref()?, message.id.as_deref()?);
        let id = self.cx.invitation_of(id)?;
        // Some servers write the capitals with which somebody has logged in.
        let [contact, sent_as] = [from, to].map(|jid| address::own(jid).ok());
        Some(Bounce { id, contact: contact?.to_string(), sent_as: sent_as?.to_string() })
    }

    /// Direct invitations that were confirmed and came back later all the same.
    async fn came_back(&mut self, bounces: Vec<Bounce>) -> Result<(), JournalClosed> {
        let came_back = bounces.into_iter().map(|bounce| bounce::came_back(&self.cx, bounce));
        for bounced in futures::future::try_join_all(came_back).await?.into_iter().flatten() {
            let cx = Arc::clone(&self.cx);
            self.beside(async move { bounce::undo(&cx, bounced).await });
        }
        Ok(())
    }

    /// Tells of an invitation that was refused when it was read. Should that fail, it has ended all the same.
    fn tell(&mut self, ended: Pending, reason: Reason, whom: WhoIsTold, read_at: Instant) {
        let cx = Arc::clone(&self.cx);
        self.beside(async move {
            match whom {
                WhoIsTold::Inviter => {}
                WhoIsTold::Room => return answer_room(&cx, &ended, &words::for_inviter(reason)).await,
                WhoIsTold::Nobody => return,
            }
            let room = address::own(&ended.arrival.room).ok().filter(|room| room.node().is_some());
            let told = if room.is_some() { words::for_inviter(reason) } else { words::no_room() };
            let person = match (room, nick_of(&ended.arrival.inviter)) {
                (Some(room), Some(nick)) => cx.rooms.occupant(&room, nick, read_at).await.ok().flatten(),
                _ => None,
            };
            let _ = notify(&cx, &ended, person.as_ref(), &told).await;
        });
    }
}
