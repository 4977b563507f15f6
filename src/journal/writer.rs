//! The one writer: takes what waits, writes it in one transaction, answers. Holds on while the disk refuses.
//! Knows nothing of what an outcome means.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use sha2::{Digest, Sha256};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{error, info};

use super::batch::{self, Claim, Key, Sent, Window};
use super::known::{self, Known, Memory};
use super::open::{self, OpenError};
use super::pulse::Pulse;
use super::upkeep::{Until, Upkeep};
use super::wishes::{self, BlockedForAll, Change, TooMany, Whose, Wishes};
use super::{Arrival, Id, Outcome, Pending, Reason, State};

/// What one transaction takes at most. Larger ones gain nothing and make the first in them wait.
const MAX_BATCH: usize = 512;

/// What may wait for the writer; beyond that whoever asks waits himself.
const QUEUE: usize = 1024;

/// The pause before a transaction is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// How long things are kept.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// `relay.window`: one invitation per contact and room in this time.
    pub window: Duration,
    /// `journal.retention`: how long `history` goes back.
    pub retention: Duration,
}

/// The journal can't be written any more; the reason stands in the log and in what [`Writer::run`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal is closed")]
pub struct Closed;

/// What was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// The new invitation's id.
    pub id: Id,
    /// When it was received: ms since 1970, UTC.
    pub received: i64,
    /// Another invitation holds this contact and room.
    pub duplicate: bool,
    /// What the contact wants.
    pub wishes: Wishes,
}

/// The handle to the journal; cheap to clone. Every answer means: it is on the disk.
#[derive(Debug, Clone)]
pub struct Journal {
    ops: mpsc::Sender<Op>,
    instance: Arc<str>,
    first: Id,
    keep: Arc<watch::Sender<Keep>>,
    pulse: Pulse,
    pub(super) blocked_for_all: BlockedForAll,
}

/// What is asked of the writer.
#[derive(Debug)]
pub(super) enum Op {
    Admit { arrival: Arrival, key: Key, then: Then, answer: oneshot::Sender<Admitted> },
    Claim { claim: Claim, answer: oneshot::Sender<bool> },
    Adding { id: Id, answer: oneshot::Sender<()> },
    Discard { id: Id, answer: oneshot::Sender<()> },
    Settle { outcome: Outcome, release: Option<Claim>, known: Vec<Known>, answer: oneshot::Sender<()> },
    Bounce { outcome: Outcome, sent: Sent, answer: oneshot::Sender<Option<Pending>> },
    Backlog { after: Id, limit: u32, answer: oneshot::Sender<Vec<Pending>> },
    Wishes { whose: Whose, answer: oneshot::Sender<Wishes> },
    Known { keys: Vec<Key>, answer: oneshot::Sender<Vec<Option<String>>> },
    Change { whose: Whose, changes: Vec<Change>, answer: oneshot::Sender<Result<Wishes, TooMany>> },
}

/// What follows on an arrival in the very same transaction.
#[derive(Debug)]
pub(super) enum Then {
    /// Nothing: it is under way.
    Wait,
    /// It claims contact and room; if another one holds them it ends as suppressed.
    Claim,
    /// It ends.
    End { state: State, reason: Option<Reason> },
}

impl Journal {
    /// Opens the journal, or creates it. The writer does nothing until [`Writer::run`] is polled.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(path: &Path, keep: Keep) -> Result<(Self, Writer), OpenError> {
        let mut db = open::for_writing(path).await?;
        let failed = |e| open::database_error(path, e);
        let instance: String =
            sqlx::query_scalar("SELECT instance FROM journal").fetch_one(&mut db).await.map_err(failed)?;
        let last: Option<Id> = sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'pending'")
            .fetch_optional(&mut db)
            .await
            .map_err(failed)?;
        let blocked_for_all = wishes::blocked_for_all(&mut db).await.map_err(failed)?;
        let (ops, queue) = mpsc::channel(QUEUE);
        let first = last.unwrap_or(0) + 1;
        let (keep, keeping) = watch::channel(keep);
        let pulse = Pulse::default();
        let writer = Writer {
            db,
            pulse: pulse.clone(),
            blocked_for_all: blocked_for_all.clone(),
            path: path.to_owned(),
            queue,
            next: first,
            keep: keeping,
            upkeep: Upkeep::default(),
        };
        let journal =
            Self { ops, instance: instance.into(), first, keep: keep.into(), pulse, blocked_for_all };
        Ok((journal, writer))
    }

    /// A short word that no other journal has, for message ids.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// The first id of this run: smaller ones are an earlier run's.
    #[must_use]
    pub fn first(&self) -> Id {
        self.first
    }

    /// Keeps things for another time from now on.
    pub fn keep(&self, keep: Keep) {
        self.keep.send_replace(keep);
    }

    /// How the writer is.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Takes an invitation in; from here on it is not lost.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn admit(&self, arrival: Arrival) -> Result<Admitted, Closed> {
        self.take(arrival, Then::Wait).await
    }

    /// Takes an invitation in and claims contact and room for it, both or none: where the answer says `duplicate` it has
    /// ended as suppressed.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn admit_claimed(&self, arrival: Arrival) -> Result<Admitted, Closed> {
        self.take(arrival, Then::Claim).await
    }

    /// Notes an invitation that has ended before it began.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn note(&self, arrival: Arrival, state: State, reason: Option<Reason>) -> Result<Id, Closed> {
        Ok(self.take(arrival, Then::End { state, reason }).await?.id)
    }

    async fn take(&self, arrival: Arrival, then: Then) -> Result<Admitted, Closed> {
        let key = key(&arrival.contact, &arrival.room);
        self.ask(|answer| Op::Admit { arrival, key, then, answer }).await
    }

    /// Claims contact and room for this invitation: of all that ask inside the window only the first is told `true`
    /// (again and again, so that an interrupted one can go on).
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn claim(&self, id: Id, contact: &str, room: &str) -> Result<bool, Closed> {
        let claim = Claim { key: key(contact, room), id };
        self.ask(|answer| Op::Claim { claim, answer }).await
    }

    /// Notes with an invitation under way, for good, that the contact is about to be made a member for it.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn adding(&self, id: Id) -> Result<(), Closed> {
        self.ask(|answer| Op::Adding { id, answer }).await
    }

    /// Forgets an invitation under way, as if it had never come in.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn discard(&self, id: Id) -> Result<(), Closed> {
        self.ask(|answer| Op::Discard { id, answer }).await
    }

    /// Ends an invitation: its payload is wiped, `history` has the rest.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn settle(&self, outcome: Outcome) -> Result<(), Closed> {
        self.ask(|answer| Op::Settle { outcome, release: None, known: Vec::new(), answer }).await
    }

    /// Like [`Self::settle`], and gives up the claim, so that the contact can be invited to this room again.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn settle_unclaimed(&self, outcome: Outcome, contact: &str, room: &str) -> Result<(), Closed> {
        let release = Some(Claim { key: key(contact, room), id: outcome.id });
        self.ask(|answer| Op::Settle { outcome, release, known: Vec::new(), answer }).await
    }

    /// A relayed invitation came back after it had been settled: `history` gets the new outcome, the claim is given up.
    /// Returns the invitation (without its payload), or `None` where none with this id was sent to `contact` as
    /// `sent_as`.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn bounce(
        &self,
        outcome: Outcome,
        contact: &str,
        sent_as: &str,
    ) -> Result<Option<Pending>, Closed> {
        let sent = Sent { contact: contact.to_owned(), sent_as: sent_as.to_owned() };
        self.ask(|answer| Op::Bounce { outcome, sent, answer }).await
    }

    /// The oldest invitations under way behind `after`, `limit` at most.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn backlog(&self, after: Id, limit: u32) -> Result<Vec<Pending>, Closed> {
        self.ask(|answer| Op::Backlog { after, limit, answer }).await
    }

    pub(super) async fn ask<T>(&self, op: impl FnOnce(oneshot::Sender<T>) -> Op) -> Result<T, Closed> {
        let (answer, wait) = oneshot::channel();
        self.ops.send(op(answer)).await.map_err(|_| Closed)?;
        wait.await.map_err(|_| Closed)
    }
}

/// The task that writes.
#[derive(Debug)]
pub struct Writer {
    db: SqliteConnection,
    path: PathBuf,
    queue: mpsc::Receiver<Op>,
    next: Id,
    keep: watch::Receiver<Keep>,
    pulse: Pulse,
    blocked_for_all: BlockedForAll,
    upkeep: Upkeep,
}

/// What a transaction has to tell, in the order of its operations.
enum Answer {
    Admitted(Admitted),
    Claimed(bool),
    Done,
    Bounced(Option<Pending>),
    Backlog(Vec<Pending>),
    Wishes(Wishes),
    Known(Vec<Option<String>>),
    Changed(Result<Wishes, TooMany>),
}

impl Writer {
    /// Writes until every [`Journal`] handle is gone, then closes the file with nothing left in its WAL.
    ///
    /// # Errors
    /// The file turned out to be damaged. Anything that may pass (a full disk, a lock) is waited for instead.
    pub async fn run(mut self) -> Result<(), OpenError> {
        let mut ops = Vec::with_capacity(MAX_BATCH);
        let mut upkeep_at = Instant::now();
        loop {
            tokio::select! {
                taken = self.queue.recv_many(&mut ops, MAX_BATCH) => {
                    if taken == 0 {
                        break;
                    }
                    let answers = self.commit(&ops).await?;
                    for (op, answer) in ops.drain(..).zip(answers) {
                        op.answer(answer);
                    }
                    self.upkeep.note_write();
                }
                () = sleep_until(upkeep_at) => {
                    self.pulse.begins();
                    let pause = self.upkeep_step().await;
                    self.pulse.rests();
                    upkeep_at = Instant::now() + pause;
                }
            }
        }
        self.upkeep.last(&mut self.db).await;
        self.db.close().await.map_err(|e| open::database_error(&self.path, e))
    }

    async fn upkeep_step(&mut self) -> Duration {
        let keep = *self.keep.borrow();
        let until = Until { now: now(), window: millis(keep.window), retention: millis(keep.retention) };
        self.upkeep.step(&mut self.db, until, self.queue.is_empty()).await
    }

    /// Writes a batch, however long the disk refuses.
    async fn commit(&mut self, ops: &[Op]) -> Result<Vec<Answer>, OpenError> {
        let mut refused = false;
        loop {
            self.pulse.begins();
            let written = self.transaction(ops).await;
            self.pulse.rests();
            match written {
                Ok(answers) => {
                    if refused {
                        self.pulse.note(None);
                        info!("the journal can be written again: relaying goes on");
                    }
                    return Ok(answers);
                }
                Err(e) if open::is_damage(&e) => {
                    let e = open::database_error(&self.path, e);
                    error!("{e}");
                    return Err(e);
                }
                Err(e) => {
                    if !refused {
                        self.pulse.note(Some(format!("the journal can't be written: {e}. {}", remedy(&e))));
                        error!(
                            journal = %self.path.display(),
                            "the journal can't be written: {e}. {}. Nothing is taken in until it can, and nothing is lost",
                            remedy(&e),
                        );
                        refused = true;
                    }
                    sleep(RETRY).await;
                }
            }
        }
    }

    /// All of it or nothing. Not by sqlx's own transactions: `SQLite` ends one by itself when the disk is full, and sqlx,
    /// which believes to be in it still, would begin none again.
    async fn transaction(&mut self, ops: &[Op]) -> sqlx::Result<Vec<Answer>> {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut self.db).await?;
        let written = match self.write(ops).await {
            Ok(written) => sqlx::query("COMMIT").execute(&mut self.db).await.map(|_| written),
            Err(e) => Err(e),
        };
        match written {
            Ok((answers, next)) => {
                self.next = next;
                for (op, answer) in ops.iter().zip(&answers) {
                    if let (Op::Change { whose, .. }, Answer::Changed(Ok(wishes))) = (op, answer) {
                        self.blocked_for_all.note(whose, wishes);
                    }
                }
                Ok(answers)
            }
            Err(e) => {
                // If this fails it has ended already.
                let _ = sqlx::query("ROLLBACK").execute(&mut self.db).await;
                Err(e)
            }
        }
    }

    /// The answers, and the id of the next arrival.
    async fn write(&mut self, ops: &[Op]) -> sqlx::Result<(Vec<Answer>, Id)> {
        let db = &mut self.db;
        let now = now();
        let window = Window { now, length: millis(self.keep.borrow().window) };
        let memory = Memory { now, retention: millis(self.keep.borrow().retention) };

        settle(db, ops, memory).await?;

        // And whoever comes in by the same batch finds the wishes as they are now.
        let mut changed = Vec::new();
        for op in ops {
            if let Op::Change { whose, changes, .. } = op {
                changed.push(wishes::change(db, whose, changes).await?);
            }
        }

        let mut ids = self.next..;
        let mut arrivals = Vec::new();
        let mut people = Vec::new();
        let mut looked_up = Vec::new();
        let mut looks = Vec::new();
        let (mut adding, mut discarded) = (Vec::new(), Vec::new());
        let mut claims = Vec::new();
        for op in ops {
            match op {
                Op::Admit { arrival, key, then, .. } => {
                    let Some(id) = ids.next() else { break };
                    arrivals.push((id, now, arrival));
                    match then {
                        Then::Wait => looked_up.push(*key),
                        Then::Claim => claims.push(Claim { key: *key, id }),
                        Then::End { .. } => continue,
                    }
                    people.push(arrival.contact.as_str());
                }
                Op::Wishes { whose, .. } => people.push(whose.key()),
                Op::Known { keys, .. } => looks.extend(keys),
                Op::Claim { claim, .. } => claims.push(*claim),
                Op::Adding { id, .. } => adding.push(*id),
                Op::Discard { id, .. } => discarded.push(*id),
                _ => {}
            }
        }
        batch::admit(db, &arrivals).await?;
        let granted = batch::claim(db, &claims, window).await?;
        batch::note_added(db, &adding).await?;
        batch::discard(db, &discarded).await?;
        let held = batch::held(db, &looked_up, window).await?;
        let wishes = wishes::read(db, &people).await?;
        let known = known::read(db, &looks, memory).await?;
        let wishes_of = |person: &str| wishes.get(person).cloned().unwrap_or_default();

        let mut answers = Vec::with_capacity(ops.len());
        let mut ended = Vec::new();
        let mut admitted = arrivals.iter().map(|(id, ..)| *id);
        let mut changed = changed.into_iter();
        for op in ops {
            answers.push(match op {
                Op::Admit { arrival, key, then, .. } => {
                    let Some(id) = admitted.next() else { break };
                    let duplicate = match then {
                        Then::Wait => held.contains(key),
                        Then::Claim => !granted.contains(&id),
                        Then::End { .. } => false,
                    };
                    ended.extend(then.outcome(id, duplicate));
                    let wishes = wishes_of(&arrival.contact);
                    Answer::Admitted(Admitted { id, received: now, duplicate, wishes })
                }
                Op::Wishes { whose, .. } => Answer::Wishes(wishes_of(whose.key())),
                Op::Known { keys, .. } => {
                    Answer::Known(keys.iter().map(|key| known.get(key).cloned()).collect())
                }
                Op::Change { .. } => {
                    let Some(wishes) = changed.next() else { break };
                    Answer::Changed(wishes)
                }
                Op::Claim { claim, .. } => Answer::Claimed(granted.contains(&claim.id)),
                Op::Adding { .. } | Op::Discard { .. } | Op::Settle { .. } => Answer::Done,
                Op::Bounce { outcome, sent, .. } => {
                    let bounced = batch::bounce(db, outcome, sent, now).await?;
                    if let Some(pending) = &bounced {
                        let key = key(&pending.arrival.contact, &pending.arrival.room);
                        batch::release(db, Claim { key, id: outcome.id }).await?;
                    }
                    Answer::Bounced(bounced)
                }
                Op::Backlog { after, limit, .. } => {
                    Answer::Backlog(batch::backlog(db, *after, *limit).await?)
                }
            });
        }
        batch::settle(db, &ended.iter().collect::<Vec<_>>(), now).await?;
        Ok((answers, self.next + i64::try_from(arrivals.len()).unwrap_or(0)))
    }
}

/// What has ended. It goes first in a batch: a claim that is given up, and whoever is known now, is so for all of it.
async fn settle(db: &mut SqliteConnection, ops: &[Op], memory: Memory) -> sqlx::Result<()> {
    let (mut outcomes, mut released, mut newly_known) = (Vec::new(), Vec::new(), Vec::new());
    for op in ops {
        if let Op::Settle { outcome, release, known, .. } = op {
            outcomes.push(outcome);
            released.extend(*release);
            newly_known.extend(known);
        }
    }
    batch::settle(db, &outcomes, memory.now).await?;
    for claim in released {
        batch::release(db, claim).await?;
    }
    known::learn(db, &newly_known, memory).await
}

impl Then {
    /// How an arrival ends at once, if it does.
    fn outcome(&self, id: Id, duplicate: bool) -> Option<Outcome> {
        let (state, reason) = match self {
            Self::Claim if duplicate => (State::Suppressed, Some(Reason::Duplicate)),
            Self::Wait | Self::Claim => return None,
            Self::End { state, reason } => (*state, *reason),
        };
        Some(Outcome { id, state, reason, inviter: None, sent_as: None })
    }
}

impl Op {
    /// Whoever asked may be gone: that is his business.
    fn answer(self, with: Answer) {
        match (self, with) {
            (Self::Admit { answer, .. }, Answer::Admitted(admitted)) => drop(answer.send(admitted)),
            (Self::Claim { answer, .. }, Answer::Claimed(granted)) => drop(answer.send(granted)),
            (
                Self::Adding { answer, .. } | Self::Discard { answer, .. } | Self::Settle { answer, .. },
                Answer::Done,
            ) => {
                let _ = answer.send(());
            }
            (Self::Bounce { answer, .. }, Answer::Bounced(pending)) => drop(answer.send(pending)),
            (Self::Backlog { answer, .. }, Answer::Backlog(rows)) => drop(answer.send(rows)),
            (Self::Wishes { answer, .. }, Answer::Wishes(wishes)) => drop(answer.send(wishes)),
            (Self::Known { answer, .. }, Answer::Known(known)) => drop(answer.send(known)),
            (Self::Change { answer, .. }, Answer::Changed(wishes)) => drop(answer.send(wishes)),
            (op, _) => debug_assert!(false, "an answer to another question than {op:?}"),
        }
    }
}

/// The digest that stands for a contact and a room in `claims`.
pub(super) fn key(contact: &str, room: &str) -> Key {
    let mut digest = Sha256::new();
    digest.update(contact.as_bytes());
    // NUL stands in no JID.
    digest.update([0]);
    digest.update(room.as_bytes());
    let mut key = Key::default();
    key.copy_from_slice(&digest.finalize()[..16]);
    key
}

fn now() -> i64 {
    Utc::now().timestamp_millis()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

/// What the operator should do about an error that may pass.
fn remedy(error: &sqlx::Error) -> &'static str {
    match open::primary_code(error) {
        Some(13) => "The disk is full: free some space",
        Some(5 | 6) => "Another process holds the database: let it finish, or stop it",
        Some(8 | 14) => "The file can't be written: give it and its folder back to the relay's user",
        _ => "Look at the disk and at the file's folder",
    }
}
