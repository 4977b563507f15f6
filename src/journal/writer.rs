//! The one writer: takes what waits, writes it in one transaction, answers. Holds on while the disk refuses.
//! Knows nothing of what an outcome means.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::Utc;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{error, info};

use super::batch::{self, Claim, Window};
use super::claim_keys::{self, key};
use super::client_caps;
use super::confusables;
use super::groups;
use super::handle::Journal;
use super::health::WriterHealth;
use super::in_memory::{BlockedForAll, Names};
use super::maintenance::{Until, Upkeep};
use super::op::{Admitted, AfterAdmit, Answer, Op};
use super::preferences;
use super::retention::Retention;
use super::schema::{self, OpenError};
use crate::model::TooMany;
use crate::model::{Id, Preferences};

/// What one transaction takes at most. Larger ones gain nothing and make the first in them wait.
const MAX_BATCH_OPERATIONS: usize = 512;

/// Operations that may wait for the writer. Beyond that the sender waits.
const MAX_QUEUED_OPERATIONS: usize = 1024;

/// The pause before a transaction is tried again.
const WRITE_RETRY_PAUSE: Duration = Duration::from_millis(500);

impl Journal {
    /// Opens the journal, or creates it. The writer does nothing until [`Writer::run`] is polled.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(path: &Path, keep: Retention) -> Result<(Self, Writer), OpenError> {
        let (mut db, lock) = schema::for_writing(path).await?;
        let failed = |e| schema::database_error(path, e);
        claim_keys::bring_up_to_date(&mut db).await.map_err(failed)?;
        let instance: String =
            sqlx::query_scalar("SELECT instance FROM journal").fetch_one(&mut db).await.map_err(failed)?;
        let last: Option<Id> = sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'pending'")
            .fetch_optional(&mut db)
            .await
            .map_err(failed)?;
        let blocked_for_all = preferences::blocked_for_all(&mut db).await.map_err(failed)?;
        let group_names = groups::names(&mut db).await.map_err(failed)?;
        let (ops, queue) = mpsc::channel(MAX_QUEUED_OPERATIONS);
        let first = last.unwrap_or(0) + 1;
        let (keep, keeping) = watch::channel(keep);
        let pulse = WriterHealth::default();
        let writer = Writer {
            db,
            _lock: lock,
            pulse: pulse.clone(),
            blocked_for_all: blocked_for_all.clone(),
            group_names: group_names.clone(),
            path: path.to_owned(),
            queue,
            next: first,
            keep: keeping,
            upkeep: Upkeep::default(),
        };
        let journal = Self {
            ops,
            instance: instance.into(),
            first,
            keep: keep.into(),
            pulse,
            blocked_for_all,
            group_names,
        };
        Ok((journal, writer))
    }
}

/// The task that writes.
#[derive(Debug)]
pub struct Writer {
    db: SqliteConnection,
    /// Dropped behind the connection.
    _lock: File,
    path: PathBuf,
    queue: mpsc::Receiver<Op>,
    next: Id,
    keep: watch::Receiver<Retention>,
    pulse: WriterHealth,
    blocked_for_all: BlockedForAll,
    group_names: Names,
    upkeep: Upkeep,
}

impl Writer {
    /// Writes until every [`Journal`] handle is gone, then closes the file with nothing left in its WAL.
    ///
    /// # Errors
    /// The file turned out to be damaged, or does not take what is written (a fault of ours). Anything that may pass (a full disk, a lock) is waited for instead.
    pub async fn run(self) -> Result<(), OpenError> {
        self.write_all(|batch| batch.into_iter().for_each(|(op, answer)| op.answer(answer))).await
    }

    /// What was asked and the answers go to `give`, a batch at a time.
    pub(super) async fn write_all(mut self, give: impl Fn(Vec<(Op, Answer)>)) -> Result<(), OpenError> {
        let mut ops = Vec::with_capacity(MAX_BATCH_OPERATIONS);
        let mut upkeep_at = Instant::now();
        loop {
            tokio::select! {
                taken = self.queue.recv_many(&mut ops, MAX_BATCH_OPERATIONS) => {
                    if taken == 0 {
                        break;
                    }
                    let answers = self.commit(&ops).await?;
                    give(ops.drain(..).zip(answers).collect());
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
        self.db.close().await.map_err(|e| schema::database_error(&self.path, e))
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
                Err(e) if schema::is_damage(&e) || schema::is_fault(&e) => {
                    let e = schema::database_error(&self.path, e);
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
                    sleep(WRITE_RETRY_PAUSE).await;
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
                    match (op, answer) {
                        (Op::Change { whose, .. }, Answer::Changed(Ok(wishes))) => {
                            self.blocked_for_all.note(whose, wishes);
                        }
                        (Op::Group { name, change, .. }, Answer::Group(Ok(()))) => {
                            self.group_names.note(name, change);
                        }
                        _ => {}
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
        let retention = Window { now, length: millis(self.keep.borrow().retention) };

        settle(db, ops, now).await?;
        let changed = change(db, ops).await?;

        let mut ids = self.next..;
        let mut arrivals = Vec::new();
        let mut people = Vec::new();
        let mut looked_up = Vec::new();
        let (mut adding, mut discarded) = (Vec::new(), Vec::new());
        let mut claims = Vec::new();
        for op in ops {
            match op {
                Op::Admit { arrival, key, then, .. } => {
                    let Some(id) = ids.next() else { break };
                    arrivals.push((id, now, arrival));
                    match then {
                        AfterAdmit::Wait => looked_up.push(*key),
                        AfterAdmit::Claim => claims.push(Claim { key: *key, id }),
                        AfterAdmit::End { .. } => continue,
                    }
                    people.push(arrival.contact.as_str());
                }
                Op::Preferences { whose, .. } => people.push(whose.key()),
                Op::Claim { claim, adding: adds, .. } => {
                    claims.push(*claim);
                    if *adds {
                        adding.push(claim.id);
                    }
                }
                Op::Discard { id, .. } => discarded.push(*id),
                _ => {}
            }
        }
        batch::admit(db, &arrivals).await?;
        let granted = batch::claim(db, &claims, window).await?;
        adding.retain(|id| granted.contains(id));
        batch::note_added(db, &adding).await?;
        batch::discard(db, &discarded).await?;
        let held = batch::held(db, &looked_up, window).await?;
        let wishes = preferences::read(db, &people).await?;
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
                        AfterAdmit::Wait => held.contains(key),
                        AfterAdmit::Claim => !granted.contains(&id),
                        AfterAdmit::End { .. } => false,
                    };
                    ended.extend(then.outcome(id, duplicate));
                    let wishes = wishes_of(&arrival.contact);
                    Answer::Admitted(Admitted { id, received: now, duplicate, wishes })
                }
                Op::Preferences { whose, .. } => Answer::Preferences(wishes_of(whose.key())),
                Op::LookAlike { address, .. } => {
                    Answer::LookAlike(confusables::note(db, address, retention).await?)
                }
                Op::Hash { hash, .. } => {
                    client_caps::note(db, hash, now).await?;
                    Answer::Done
                }
                Op::Change { .. } => {
                    let Some(wishes) = changed.next() else { break };
                    Answer::Changed(wishes)
                }
                Op::Claim { claim, .. } => Answer::Claimed(granted.contains(&claim.id)),
                Op::Discard { .. } | Op::Settle { .. } => Answer::Done,
                Op::Bounce { outcome, sent, .. } => {
                    let bounced = batch::bounce(db, outcome, sent, now).await?;
                    if let Some(pending) = &bounced {
                        let key = key(&pending.arrival.contact, &pending.arrival.room);
                        batch::release(db, Claim { key, id: outcome.id }).await?;
                    }
                    Answer::Ended(bounced)
                }
                Op::Decline { room, sent, .. } => Answer::Ended(batch::decline(db, room, sent, now).await?),
                Op::Group { name, change, .. } => Answer::Group(groups::change(db, name, change).await?),
                Op::Held { keys, .. } => {
                    let held = batch::held(db, keys, window).await?;
                    Answer::Held(keys.iter().map(|key| held.contains(key)).collect())
                }
                Op::Backlog { after, limit, .. } => {
                    Answer::Backlog(batch::backlog(db, *after, *limit).await?)
                }
                Op::Children { parent, .. } => Answer::Backlog(batch::children(db, *parent).await?),
            });
        }
        batch::settle(db, &ended.iter().collect::<Vec<_>>(), now).await?;
        Ok((answers, self.next + i64::try_from(arrivals.len()).unwrap_or(0)))
    }
}

/// What people have changed. What comes in by the same batch finds the wishes as they are now.
async fn change(db: &mut SqliteConnection, ops: &[Op]) -> sqlx::Result<Vec<Result<Preferences, TooMany>>> {
    let mut changed = Vec::new();
    for op in ops {
        if let Op::Change { whose, changes, .. } = op {
            changed.push(preferences::change(db, whose, changes).await?);
        }
    }
    Ok(changed)
}

/// What has ended. It goes first in a batch: a claim that is given up can be had by all of it.
async fn settle(db: &mut SqliteConnection, ops: &[Op], now: i64) -> sqlx::Result<()> {
    let (mut outcomes, mut released) = (Vec::new(), Vec::new());
    for op in ops {
        if let Op::Settle { outcome, release, .. } = op {
            outcomes.push(outcome);
            released.extend(*release);
        }
    }
    batch::settle(db, &outcomes, now).await?;
    for claim in released {
        batch::release(db, claim).await?;
    }
    Ok(())
}

fn now() -> i64 {
    Utc::now().timestamp_millis()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

/// What the operator should do about an error that may pass.
fn remedy(error: &sqlx::Error) -> &'static str {
    match schema::primary_code(error) {
        Some(13) => "The disk is full: free some space",
        Some(5 | 6) => "Another process holds the database: let it finish, or stop it",
        Some(8 | 14) => "The file can't be written: give it and its folder back to the relay's user",
        _ => "Look at the disk and at the file's folder",
    }
}
