//! The writer: takes the operations that wait, writes them in one transaction, answers. Waits while the disk refuses. Knows
//! nothing of what an outcome means.

mod operations;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{error, info};

use super::claim_memory::Windows;
use super::handle::Journal;
use super::health::WriterHealth;
use super::in_memory::{BlockedForAll, Names};
use super::nouns::Until;
use super::op::{Answer, Op};
use super::open_error::OpenError;
use super::postgres::PostgresStore;
use super::retention::Retention;
use super::sqlite_store::SqliteStore;
use super::store::{Begun, Opened, Store, Trouble};
use crate::config::JournalPlace;
use crate::model::{Id, clock};

/// How many operations one transaction takes. More would not be faster, and would delay the first answers.
const MAX_BATCH_OPERATIONS: usize = 512;

/// How many operations may wait for the writer; with more, the sender waits.
const MAX_QUEUED_OPERATIONS: usize = 1024;

/// How many late arrivals one transaction takes in.
const LATE_AT_A_TIME: i64 = 256;

/// The pause before a transaction is tried again.
const WRITE_RETRY_PAUSE: Duration = Duration::from_millis(500);

impl Journal {
    /// Opens the journal, or creates it. The writer does nothing until [`Writer::run`] is polled.
    ///
    /// # Errors
    /// [`OpenError`]: the database can't be used, is damaged, or in use by another relay; each variant says what to do.
    pub async fn open(
        place: impl Into<JournalPlace>,
        retention: Retention,
    ) -> Result<(Self, Writer), OpenError> {
        match place.into() {
            JournalPlace::File(path) => {
                let (store, opened) = SqliteStore::open(&path).await?;
                let (journal, writer) = with_store(store, opened, retention);
                Ok((journal, Writer(Kind::Sqlite(writer))))
            }
            JournalPlace::Server(server) => {
                // On the heap, so that opening a file needs no place for it.
                let (store, opened) = Box::pin(PostgresStore::open(&server)).await?;
                Ok(Writer::to_postgres(store, opened, retention))
            }
        }
    }
}

/// The handle and the writer of an opened database.
fn with_store<S: Store>(store: S, opened: Opened, retention: Retention) -> (Journal, WriterOf<S>) {
    let Opened { instance, salt, looked, first, blocked_for_all, group_names } = opened;
    let (ops, queue) = mpsc::channel(MAX_QUEUED_OPERATIONS);
    let (retention, retention_watch) = watch::channel(retention);
    let health = WriterHealth::default();
    let (lease, late) = (store.lease(), Arc::<Notify>::default());
    let writer = WriterOf {
        store,
        health: health.clone(),
        blocked_for_all: blocked_for_all.clone(),
        group_names: group_names.clone(),
        queue,
        next: first,
        retention: retention_watch,
        is_unsure: false,
        late: Arc::clone(&late),
    };
    let journal = Journal {
        ops,
        instance: instance.into(),
        salt: salt.into(),
        first,
        looked,
        retention: retention.into(),
        health,
        blocked_for_all,
        group_names,
        lease,
        late,
    };
    (journal, writer)
}

/// The task that writes.
#[derive(Debug)]
pub struct Writer(Kind);

/// The database that it writes to.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one, and it is moved a few times")]
enum Kind {
    Sqlite(WriterOf<SqliteStore>),
    Postgres(WriterOf<PostgresStore>),
}

impl Writer {
    /// The handle and the writer of a database of `PostgreSQL`.
    pub(super) fn to_postgres(store: PostgresStore, opened: Opened, retention: Retention) -> (Journal, Self) {
        let (journal, writer) = with_store(store, opened, retention);
        (journal, Self(Kind::Postgres(writer)))
    }

    /// Writes until every [`Journal`] handle is gone, then closes the database with nothing left in it that should be gone.
    ///
    /// # Errors
    /// [`OpenError::Corrupt`]: the database is damaged. [`OpenError::Fault`]: it rejects what is written, an error in the relay.
    /// What may pass, such as a full disk or a lock, is waited for instead.
    pub async fn run(self) -> Result<(), OpenError> {
        self.write_all(|batch| batch.into_iter().for_each(|(op, answer)| op.answer(answer))).await
    }

    /// As [`Self::run`]; operations and answers go to `give`, a batch at a time.
    pub(super) async fn write_all(self, give: impl Fn(Vec<(Op, Answer)>)) -> Result<(), OpenError> {
        match self.0 {
            Kind::Sqlite(writer) => writer.write_all(give).await,
            Kind::Postgres(writer) => Box::pin(writer.write_all(give)).await,
        }
    }

    /// Whether a thread of its own is of use: a connection to a server belongs to the thread that has made it, and waits for that
    /// server most of the time.
    pub(super) fn has_use_for_a_thread(&self) -> bool {
        matches!(self.0, Kind::Sqlite(_))
    }
}

/// The task that writes to one kind of database.
#[derive(Debug)]
struct WriterOf<S> {
    store: S,
    queue: mpsc::Receiver<Op>,
    next: Id,
    retention: watch::Receiver<Retention>,
    health: WriterHealth,
    blocked_for_all: BlockedForAll,
    group_names: Names,
    /// The lead was not renewed in time, which was told.
    is_unsure: bool,
    /// Told when another relay has handed something on.
    late: Arc<Notify>,
}

impl<S: Store> WriterOf<S> {
    async fn write_all(mut self, give: impl Fn(Vec<(Op, Answer)>)) -> Result<(), OpenError> {
        let mut ops = Vec::with_capacity(MAX_BATCH_OPERATIONS);
        let mut maintenance_at = Instant::now();
        let mut renewal_at = self.stay_leader().await?;
        loop {
            let lead_renewed = at(renewal_at);
            tokio::select! {
                taken = self.queue.recv_many(&mut ops, MAX_BATCH_OPERATIONS) => {
                    if taken == 0 {
                        break;
                    }
                    let answers = self.commit(&ops).await?;
                    give(ops.drain(..).zip(answers).collect());
                    self.store.note_write();
                }
                () = sleep_until(maintenance_at) => {
                    self.health.begins();
                    let pause = self.maintain().await;
                    self.health.rests();
                    maintenance_at = Instant::now() + pause;
                }
                () = lead_renewed => {
                    renewal_at = self.stay_leader().await?;
                    if self.store.has_late().await {
                        self.late.notify_one();
                    }
                }
            }
        }
        self.store.close().await
    }

    /// Renews the lead; returns when to do so again. A lead that is not sure is told: nothing else may be written meanwhile.
    async fn stay_leader(&mut self) -> Result<Option<Instant>, OpenError> {
        let pause = self.store.stay_leader().await?;
        match (self.store.lease().is_sure(), self.is_unsure) {
            (false, false) => {
                let found = "the journal can't be written: the lead could not be renewed. Look at the database server, and at the way to it";
                self.health.note(Some(found.to_owned()));
                error!(journal = %self.store.name(), "{found}. Nothing is taken in until it can, and nothing is lost");
            }
            (true, true) => {
                self.health.note(None);
                info!("the journal can be written again: relaying goes on");
            }
            _ => {}
        }
        self.is_unsure = !self.store.lease().is_sure();
        Ok(Instant::now().checked_add(pause))
    }

    async fn maintain(&mut self) -> Duration {
        let kept = *self.retention.borrow();
        let windows = Windows { now: now(), first: millis(kept.window) };
        let until = Until { now: windows.now, window: windows.longest(), retention: millis(kept.retention) };
        self.store.maintain(until, self.queue.is_empty()).await
    }

    /// Writes a batch; tries again as long as the database refuses, with less at a time where that took too long.
    async fn commit(&mut self, ops: &[Op]) -> Result<Vec<Answer>, OpenError> {
        let mut answers = Vec::new();
        let mut at_a_time = ops.len();
        let mut refused = false;
        let mut unsure = None;
        while answers.len() < ops.len() {
            let rest = &ops[answers.len()..];
            let part = &rest[..at_a_time.min(rest.len())];
            self.health.begins();
            let written = S::within(self.transaction(part, &mut unsure)).await;
            self.health.rests();
            let e = match written {
                Ok(written) if answers.is_empty() => {
                    answers = written;
                    continue;
                }
                Ok(written) => {
                    answers.extend(written);
                    continue;
                }
                Err(e) => e,
            };
            let said = e.to_string();
            let remedy = match self.store.trouble(e) {
                Trouble::Final(e @ OpenError::LeadLost { .. }) => {
                    return Err(self.ends(e, unsure.is_some() || !answers.is_empty()));
                }
                Trouble::Final(e) => {
                    error!("{e}");
                    return Err(e);
                }
                Trouble::MayPass(remedy) => remedy,
                Trouble::TooSlow(remedy) => {
                    // What may have been committed is tried again as it was.
                    if unsure.is_none() {
                        at_a_time = part.len().div_ceil(2);
                    }
                    remedy
                }
            };
            if !refused {
                self.health.note(Some(format!("the journal can't be written: {said}. {remedy}")));
                error!(
                    journal = %self.store.name(),
                    "the journal can't be written: {said}. {remedy}. Nothing is taken in until it can, and nothing is lost",
                );
                refused = true;
            }
            sleep(WRITE_RETRY_PAUSE).await;
            // What is refused need not cost the lead: another relay would not be let write it either.
            if let Err(e) = self.store.stay_leader().await {
                return Err(self.ends(e, unsure.is_some() || !answers.is_empty()));
            }
        }
        if refused {
            self.health.note(None);
            info!("the journal can be written again: relaying goes on");
        }
        Ok(answers)
    }

    /// It ends with this error; `unsure`: some of its last batch may be in the database.
    fn ends(&self, e: OpenError, unsure: bool) -> OpenError {
        if unsure {
            self.health.ends_unsure();
        }
        e
    }

    /// Writes the whole batch or nothing. `unsure`: the answers of an attempt that may have been committed, though the database did
    /// not say so.
    async fn transaction(
        &mut self,
        ops: &[Op],
        unsure: &mut Option<Vec<Answer>>,
    ) -> sqlx::Result<Vec<Answer>> {
        let arrivals = ops.iter().filter(|op| matches!(op, Op::Admit { .. })).count();
        // How many are late is known within the transaction.
        let handed_on = if takes_late(ops) { LATE_AT_A_TIME } else { 0 };
        let next = self.next + i64::try_from(arrivals).unwrap_or(0) + handed_on;
        if self.store.begin(next).await? == Begun::Open {
            *unsure = None;
            let written = match self.write(ops).await {
                // Kept while it is committed: this future may be dropped meanwhile.
                Ok(answers) => {
                    *unsure = Some(answers);
                    self.store.commit().await
                }
                Err(e) => Err(e),
            };
            if let Err(e) = written {
                self.store.rollback().await;
                return Err(e);
            }
        }
        let answers = unsure.take().unwrap_or_default();
        self.next = next;
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
}

fn takes_late(ops: &[Op]) -> bool {
    ops.iter().any(|op| matches!(op, Op::TakeLate { .. }))
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

fn now() -> i64 {
    clock::now().timestamp_millis()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}
