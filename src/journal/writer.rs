//! The writer: takes the operations that wait, writes them in one transaction, answers. Waits while the disk refuses. Knows
//! nothing of what an outcome means.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{error, info};

use super::batch::{self, Window};
use super::claim::{Claim, Delivery};
use super::claim_keys::{self, key};
use super::claim_memory::Windows;
use super::claim_rows::{self, Release};
use super::claim_store::ClaimStore;
use super::client_caps;
use super::confusables;
use super::declines;
use super::groups;
use super::handle::Journal;
use super::health::WriterHealth;
use super::in_memory::{BlockedForAll, Names};
use super::maintenance::{Maintenance, Until};
use super::op::{Admission, Admitted, AfterAdmit, Answer, Op};
use super::preferences;
use super::retention::Retention;
use super::schema::{self, OpenError};
use crate::model::{Arrival, Id, Outcome, Pending, Preferences, TooMany, clock};

/// How many operations one transaction takes. More would not be faster, and would delay the first answers.
const MAX_BATCH_OPERATIONS: usize = 512;

/// How many operations may wait for the writer; with more, the sender waits.
const MAX_QUEUED_OPERATIONS: usize = 1024;

/// The pause before a transaction is tried again.
const WRITE_RETRY_PAUSE: Duration = Duration::from_millis(500);

impl Journal {
    /// Opens the journal, or creates it. The writer does nothing until [`Writer::run`] is polled.
    ///
    /// # Errors
    /// [`OpenError`]: the file can't be used, is damaged, or in use by another relay; each variant says what to do.
    pub async fn open(path: &Path, retention: Retention) -> Result<(Self, Writer), OpenError> {
        let (mut db, lock) = schema::for_writing(path).await?;
        let failed = |e| schema::database_error(path, e);
        claim_keys::convert_old_keys(&mut db).await.map_err(failed)?;
        let instance: String =
            sqlx::query_scalar("SELECT instance FROM journal").fetch_one(&mut db).await.map_err(failed)?;
        let salt: Vec<u8> =
            sqlx::query_scalar("SELECT salt FROM journal").fetch_one(&mut db).await.map_err(failed)?;
        let looked: i64 =
            sqlx::query_scalar("SELECT looked FROM journal").fetch_one(&mut db).await.map_err(failed)?;
        let last: Option<Id> = sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'pending'")
            .fetch_optional(&mut db)
            .await
            .map_err(failed)?;
        let blocked_for_all = preferences::blocked_for_all(&mut db).await.map_err(failed)?;
        let group_names = groups::names(&mut db).await.map_err(failed)?;
        let (ops, queue) = mpsc::channel(MAX_QUEUED_OPERATIONS);
        let first = last.unwrap_or(0) + 1;
        let (retention, retention_watch) = watch::channel(retention);
        let health = WriterHealth::default();
        let writer = Writer {
            db,
            _lock: lock,
            health: health.clone(),
            blocked_for_all: blocked_for_all.clone(),
            group_names: group_names.clone(),
            path: path.to_owned(),
            queue,
            next: first,
            retention: retention_watch,
            claims: ClaimStore::new(salt.clone()),
            maintenance: Maintenance::default(),
        };
        let journal = Self {
            ops,
            instance: instance.into(),
            salt: salt.into(),
            first,
            looked,
            retention: retention.into(),
            health,
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
    /// Dropped after the connection.
    _lock: File,
    path: PathBuf,
    queue: mpsc::Receiver<Op>,
    next: Id,
    retention: watch::Receiver<Retention>,
    health: WriterHealth,
    blocked_for_all: BlockedForAll,
    group_names: Names,
    claims: ClaimStore,
    maintenance: Maintenance,
}

impl Writer {
    /// Writes until every [`Journal`] handle is gone, then closes the file with nothing left in its WAL.
    ///
    /// # Errors
    /// [`OpenError::Corrupt`]: the file is damaged. [`OpenError::Fault`]: it rejects what is written, an error in the relay.
    /// What may pass, such as a full disk or a lock, is waited for instead.
    pub async fn run(self) -> Result<(), OpenError> {
        self.write_all(|batch| batch.into_iter().for_each(|(op, answer)| op.answer(answer))).await
    }

    /// As [`Self::run`]; operations and answers go to `give`, a batch at a time.
    pub(super) async fn write_all(mut self, give: impl Fn(Vec<(Op, Answer)>)) -> Result<(), OpenError> {
        let mut ops = Vec::with_capacity(MAX_BATCH_OPERATIONS);
        let mut maintenance_at = Instant::now();
        loop {
            tokio::select! {
                taken = self.queue.recv_many(&mut ops, MAX_BATCH_OPERATIONS) => {
                    if taken == 0 {
                        break;
                    }
                    let answers = self.commit(&ops).await?;
                    give(ops.drain(..).zip(answers).collect());
                    self.maintenance.note_write();
                }
                () = sleep_until(maintenance_at) => {
                    self.health.begins();
                    let pause = self.maintain().await;
                    self.health.rests();
                    maintenance_at = Instant::now() + pause;
                }
            }
        }
        self.maintenance.last(&mut self.db).await;
        self.db.close().await.map_err(|e| schema::database_error(&self.path, e))
    }

    async fn maintain(&mut self) -> Duration {
        let kept = *self.retention.borrow();
        let windows = Windows { now: now(), first: millis(kept.window) };
        let until = Until { now: windows.now, window: windows.longest(), retention: millis(kept.retention) };
        self.maintenance.step(&mut self.db, &mut self.claims, until, self.queue.is_empty()).await
    }

    /// Writes a batch; tries again as long as the disk refuses.
    async fn commit(&mut self, ops: &[Op]) -> Result<Vec<Answer>, OpenError> {
        let mut refused = false;
        loop {
            self.health.begins();
            let written = self.transaction(ops).await;
            self.health.rests();
            match written {
                Ok(answers) => {
                    if refused {
                        self.health.note(None);
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
                        self.health.note(Some(format!("the journal can't be written: {e}. {}", remedy(&e))));
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

    /// Writes the whole batch or nothing. Does not use sqlx's transactions: `SQLite` ends a transaction by itself when the disk
    /// is full, and sqlx, which does not notice, would not begin another one.
    async fn transaction(&mut self, ops: &[Op]) -> sqlx::Result<Vec<Answer>> {
        self.claims.begin(&mut self.db).await?;
        sqlx::query("BEGIN IMMEDIATE").execute(&mut self.db).await?;
        let written = match self.write(ops).await {
            Ok(written) => sqlx::query("COMMIT").execute(&mut self.db).await.map(|_| written),
            Err(e) => Err(e),
        };
        match written {
            Ok((answers, next)) => {
                self.next = next;
                self.claims.commit();
                for (op, answer) in ops.iter().zip(&answers) {
                    match (op, answer) {
                        (Op::Change { whose, .. }, Answer::Changed(Ok(preferences))) => {
                            self.blocked_for_all.note(whose, preferences);
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
                // If this fails, the transaction has ended already.
                let _ = sqlx::query("ROLLBACK").execute(&mut self.db).await;
                Err(e)
            }
        }
    }

    /// Executes the operations. Returns the answers, and the id of the next arrival.
    async fn write(&mut self, ops: &[Op]) -> sqlx::Result<(Vec<Answer>, Id)> {
        let (db, store) = (&mut self.db, &mut self.claims);
        let now = now();
        let windows = Windows { now, first: millis(self.retention.borrow().window) };
        let retention = Window { now, length: millis(self.retention.borrow().retention) };

        settle(db, store, ops, now).await?;
        let changed = change(db, ops).await?;

        let mut ids = self.next..;
        let mut arrivals = Vec::new();
        let mut people = Vec::new();
        let mut discarded = Vec::new();
        let mut claims = Vec::new();
        for op in ops {
            match op {
                Op::Admit { admission, .. } => {
                    let Admission { arrival, added, claim, then } = &**admission;
                    let Some(id) = ids.next() else { break };
                    arrivals.push((id, now, arrival, *added));
                    claims.extend(claim.as_deref().map(|claim| Claim { id, ..*claim }));
                    if !matches!(then, AfterAdmit::End { .. }) {
                        people.push(arrival.contact.as_str());
                    }
                }
                Op::Preferences { whose, .. } => people.push(whose.key()),
                Op::Claim { claim, .. } => claims.push(*claim),
                Op::Discard { release, .. } => discarded.push(release.id),
                _ => {}
            }
        }
        batch::admit(db, &arrivals).await?;
        let claimed = claim_rows::ask(store, db, &claims, windows).await?;
        let granted =
            claims.iter().zip(&claimed).filter(|(_, claimed)| claimed.delivery == Delivery::Granted);
        let adding: Vec<Id> = granted.filter(|(claim, _)| claim.adding).map(|(claim, _)| claim.id).collect();
        batch::note_added(db, &adding).await?;
        batch::discard(db, &discarded).await?;
        let preferences = preferences::read(db, &people).await?;
        let preferences_of = |person: &str| preferences.get(person).cloned().unwrap_or_default();

        let mut answers = Vec::with_capacity(ops.len());
        let mut ended = Vec::new();
        let mut admitted = arrivals.iter().map(|(id, ..)| *id);
        let mut changed = changed.into_iter();
        let mut claimed = claimed.into_iter();
        for op in ops {
            answers.push(match op {
                Op::Admit { admission, .. } => {
                    let Admission { arrival, claim, then, .. } = &**admission;
                    let Some(id) = admitted.next() else { break };
                    let claimed = claim.as_ref().and_then(|_| claimed.next());
                    ended.extend(then.outcome(id, claimed));
                    let preferences = preferences_of(&arrival.contact);
                    Answer::Admitted(Admitted { id, received: now, claimed, preferences })
                }
                Op::Preferences { whose, .. } => Answer::Preferences(preferences_of(whose.key())),
                Op::LookAlike { address, .. } => {
                    Answer::LookAlike(confusables::note(db, address, retention).await?)
                }
                Op::Hash { hash, .. } => {
                    client_caps::note(db, hash, now).await?;
                    Answer::Done
                }
                Op::Looked { until, .. } => {
                    sqlx::query("UPDATE journal SET looked = ?").bind(until).execute(&mut *db).await?;
                    Answer::Done
                }
                Op::Change { .. } => {
                    let Some(preferences) = changed.next() else { break };
                    Answer::Changed(preferences)
                }
                Op::Claim { .. } => {
                    let Some(claimed) = claimed.next() else { break };
                    Answer::Claimed(claimed)
                }
                Op::PassMembershipOn { from, .. } => {
                    Answer::PassedOn(claim_rows::pass_membership_on(store, db, *from).await?)
                }
                Op::Discard { release, .. } => {
                    claim_rows::release(store, db, *release).await?;
                    Answer::Done
                }
                Op::Settle { .. } => Answer::Done,
                Op::Bounce { outcome, sent, .. } => {
                    Answer::Ended(bounce(db, store, outcome, sent, now).await?)
                }
                Op::Decline { room, sent, .. } => {
                    Answer::Ended(declines::decline(db, room, sent, now).await?)
                }
                Op::Group { name, change, .. } => Answer::Group(groups::change(db, name, change).await?),
                Op::Held { keys, inviter, password, .. } => {
                    Answer::Held(claim_rows::held(store, db, keys, *inviter, *password, windows).await?)
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

/// What has come back. Another invitation takes over the membership that was added for it.
async fn bounce(
    db: &mut SqliteConnection,
    store: &mut ClaimStore,
    outcome: &Outcome,
    sent: &batch::Sent,
    now: i64,
) -> sqlx::Result<Option<Pending>> {
    let Some(mut bounced) = batch::bounce(db, outcome, sent, now).await? else { return Ok(None) };
    let Arrival { contact, room, .. } = &bounced.arrival;
    let release = Release { key: key(contact, room), id: outcome.id };
    bounced.added = bounced.added && !claim_rows::pass_membership_on(store, db, release).await?;
    claim_rows::release(store, db, release).await?;
    Ok(Some(bounced))
}

/// Changes preferences. Comes before the arrivals of the same batch, which get the new preferences.
async fn change(db: &mut SqliteConnection, ops: &[Op]) -> sqlx::Result<Vec<Result<Preferences, TooMany>>> {
    let mut changed = Vec::new();
    for op in ops {
        if let Op::Change { whose, changes, .. } = op {
            changed.push(preferences::change(db, whose, changes).await?);
        }
    }
    Ok(changed)
}

/// Writes what has ended. Comes first in a batch, so that claims that are given up can be claimed in the same batch.
async fn settle(db: &mut SqliteConnection, store: &mut ClaimStore, ops: &[Op], now: i64) -> sqlx::Result<()> {
    let (mut outcomes, mut released) = (Vec::new(), Vec::new());
    for op in ops {
        if let Op::Settle { outcome, release, .. } = op {
            outcomes.push(outcome);
            released.extend(*release);
        }
    }
    batch::settle(db, &outcomes, now).await?;
    for release in released {
        claim_rows::release(store, db, release).await?;
    }
    Ok(())
}

fn now() -> i64 {
    clock::now().timestamp_millis()
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
