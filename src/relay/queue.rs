//! Runs the invitations that are in the journal, which is the queue; what comes in gets there by `intake`.
//!
//! A bounded number of invitations runs at a time, of one room, inviter, contact or service fewer, and some more are ready in memory, or
//! wait there because their room did not answer. All others are on the disk only, and are fetched in the order of their ids when there is
//! space. What an earlier run left is fetched in the same way. One task does all of this, so no row is fetched twice: while any row waits
//! on the disk, new arrivals wait there too. Only hand-overs and invitations by command are taken in elsewhere, and run at once.
//!
//! Knows nothing of how an invitation is decided about.

mod intake;
mod late;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info};

use self::late::Late;
use super::attempt::{self, Ran};
use super::by_command;
use super::context::Context;
use super::inbound::parse::parse;
use super::job::{Job, MAX_ATTEMPTS};
use super::settle::second_look;
use super::shares::{self, Shares};
use crate::commands::{AskedToInvite, Commands};
use crate::journal::JournalClosed;
use crate::link::Incoming;
use crate::model::{Arrival, Id, LateArrival, Route, address};
use crate::wire::Stanza;

/// Invitations that are run at the same time.
const MAX_RUNNING: usize = 1024;
/// Invitations in memory that run next: they are smaller than running ones, and need not be read from the disk again.
const MAX_READY: usize = 2048;
/// Invitations whose room or server did not answer, in memory until they are run again. With more than these, some are given
/// up earlier.
const MAX_LATER: usize = 4096;
/// Stanzas taken from the link at a time: one commit for all the invitations among them.
const MAX_STANZAS_AT_ONCE: usize = 256;
/// Looks ahead at a time. They take places, and at a room that does not answer nobody has to share.
const MAX_LOOKS_AHEAD: usize = 64;
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
    late: Late,
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
            late: Late::new(),
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
                        close.cancel();
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
        while self.incoming.recv_many(&mut taken, MAX_STANZAS_AT_ONCE).await > 0 {
            let invitations = taken.drain(..).filter_map(|(_, stanza)| match stanza {
                Stanza::Message(message) if message.type_.as_deref() != Some("error") => Some(message),
                _ => None,
            });
            for message in invitations {
                self.late.keep(&self.cx, parse(&self.cx, &message));
            }
        }
        self.late.into_arrivals()
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
                    while let Some(first) = self.cx.journal.take_late().await? {
                        info!(first, "takes in what a relay had read when another one took the lead");
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
}
