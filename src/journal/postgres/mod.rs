//! The journal in a database of `PostgreSQL`, behind [`Store`]: one session that writes, which is made anew where it was lost. Hands
//! each operation to the file that has its statements. Knows nothing of the writer's queue, nor of what an operation means.
//!
//! A connection can be lost while a transaction is committed. Each transaction therefore inserts its number into `batches`: the next
//! attempt inserts the same number, and where it is there already the lost one was committed.

mod forget;
mod moving;
mod rows;
mod sealed;
pub(super) mod session;
mod sweep;
mod tables;
mod text;

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tracing::debug;

pub(super) use self::forget::forget;
use self::sealed::Sealer;
use self::session::{TRANSACTION_TIMEOUT, open_error};
use self::sweep::Sweep;
use super::in_memory::{BlockedForAll, Names};
use super::nouns::{Key, Sent, Until, Window};
use super::op::{Address, EVERYBODY_KEY, Hash};
use super::open_error::OpenError;
use super::store::{Begun, Opened, Store, Stored, Trouble};
use crate::config::JournalServer;
use crate::model::group::KeptGroup;
use crate::model::{Arrival, Id, Outcome, Pending, Preferences};

/// The database, with the session that writes.
#[derive(Debug)]
pub(super) struct PostgresStore {
    server: JournalServer,
    sealer: Sealer,
    /// `None` after an error, until the next transaction.
    db: Option<PgConnection>,
    /// A transaction was begun and has not ended, as far as is known.
    open: bool,
    /// COMMIT was sent, and its answer has not come.
    unsure: bool,
    /// The number of the last transaction that was committed.
    batch: i64,
    sweep: Sweep,
}

impl PostgresStore {
    /// Opens the database, and makes its tables where there are none.
    ///
    /// # Errors
    /// See [`session::for_writing`]; [`OpenError::WrongKey`].
    pub(super) async fn open(server: &JournalServer) -> Result<(Self, Opened), OpenError> {
        let mut db = session::for_writing(server).await?;
        let sealer = Sealer::new(&server.key);
        let reading = session::within(TRANSACTION_TIMEOUT, read_opened(&mut db, &sealer));
        let (opened, batch, same_key) = reading.await.map_err(|e| open_error(server, e))?;
        if !same_key {
            let (server, key_file) = (server.shown.clone(), server.key_file.clone());
            return Err(OpenError::WrongKey { server, key_file });
        }
        let store = Self {
            server: server.clone(),
            sealer,
            db: Some(db),
            open: false,
            unsure: false,
            batch,
            sweep: Sweep::default(),
        };
        Ok((store, opened))
    }

    /// The session; there is one while a transaction is open.
    fn db(&mut self) -> sqlx::Result<&mut PgConnection> {
        self.db.as_mut().ok_or(sqlx::Error::PoolClosed)
    }

    /// The session, made anew where it was lost.
    async fn connected(&mut self) -> sqlx::Result<&mut PgConnection> {
        let db = match self.db.take() {
            Some(db) => db,
            None => session::connect_alone(&self.server).await?,
        };
        Ok(self.db.insert(db))
    }
}

async fn read_opened(db: &mut PgConnection, sealer: &Sealer) -> sqlx::Result<(Opened, i64, bool)> {
    let [instance, salt] = [sealed::random::<4>().to_vec(), sealed::random::<16>().to_vec()];
    sqlx::query(
        "INSERT INTO journal (instance, salt, key_check) SELECT encode($1, 'hex'), $2, $3 \
         WHERE NOT EXISTS (SELECT 1 FROM journal)",
    )
    .bind(instance)
    .bind(salt)
    .bind(sealer.key_check()?)
    .execute(&mut *db)
    .await?;
    let (instance, salt, looked, key_check): (String, Vec<u8>, i64, Vec<u8>) =
        sqlx::query_as("SELECT instance, salt, looked, key_check FROM journal").fetch_one(&mut *db).await?;
    let (batch, first) = sqlx::query_as("SELECT number, next FROM batches ORDER BY number DESC LIMIT 1")
        .fetch_one(&mut *db)
        .await?;
    let blocked_for_all = BlockedForAll::default();
    if let Some(preferences) = tables::read_preferences(db, &[EVERYBODY_KEY]).await?.remove(EVERYBODY_KEY) {
        blocked_for_all.replace(&preferences.blocks);
    }
    let group_names = Names::of(tables::groups(db).await?.into_iter().map(|group| group.name));
    let opened = Opened { instance, salt, looked, first, blocked_for_all, group_names };
    Ok((opened, batch, sealer.is_key_of(&key_check)))
}

impl Store for PostgresStore {
    fn within<T>(work: impl Future<Output = sqlx::Result<T>>) -> impl Future<Output = sqlx::Result<T>> {
        session::within(TRANSACTION_TIMEOUT, work)
    }

    fn name(&self) -> String {
        self.server.shown.clone()
    }

    fn trouble(&self, error: sqlx::Error) -> Trouble {
        let is_another_writer = matches!(error, sqlx::Error::RowNotFound);
        if is_another_writer {
            Trouble::Final(OpenError::ServerInUse { server: self.server.shown.clone() })
        } else if session::is_damage(&error) || session::is_fault(&error) {
            Trouble::Final(open_error(&self.server, error))
        } else {
            Trouble::MayPass(session::remedy(&error))
        }
    }

    async fn begin(&mut self, next: Id) -> sqlx::Result<Begun> {
        if self.open {
            // What became of it is not known: its session can't be used.
            self.db = None;
        }
        self.open = true;
        let number = self.batch + 1;
        let sql = format!(
            "BEGIN; INSERT INTO batches (number, next) VALUES ({number}, {next}) ON CONFLICT DO NOTHING"
        );
        let db = self.connected().await?;
        let begun = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *db).await?;
        if begun.rows_affected() == 1 {
            self.unsure = false;
            return Ok(Begun::Open);
        }
        sqlx::raw_sql("ROLLBACK").execute(db).await?;
        self.open = false;
        if !self.unsure {
            // No row could be inserted, and it was not ours: somebody else writes.
            return Err(sqlx::Error::RowNotFound);
        }
        (self.unsure, self.batch) = (false, number);
        Ok(Begun::CommittedBefore)
    }

    async fn commit(&mut self) -> sqlx::Result<()> {
        self.unsure = true;
        sqlx::raw_sql("COMMIT").execute(self.db()?).await?;
        (self.open, self.unsure) = (false, false);
        self.batch += 1;
        Ok(())
    }

    /// The server undoes what was not committed when the session ends.
    async fn rollback(&mut self) {
        self.db = None;
        self.open = false;
    }

    async fn admit(&mut self, rows: &[(Id, i64, &Arrival, bool)]) -> sqlx::Result<()> {
        let db = self.db.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        rows::admit(db, &self.sealer, rows).await
    }

    async fn note_added(&mut self, ids: &[Id]) -> sqlx::Result<()> {
        rows::note_added(self.db()?, ids).await
    }

    async fn discard(&mut self, ids: &[Id]) -> sqlx::Result<()> {
        rows::discard(self.db()?, ids).await
    }

    async fn settle(&mut self, outcomes: &[&Outcome], now: i64) -> sqlx::Result<()> {
        rows::settle(self.db()?, outcomes, now).await
    }

    async fn backlog(&mut self, after: Id, limit: u32) -> sqlx::Result<Vec<Pending>> {
        let db = self.db.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        rows::backlog(db, &self.sealer, after, limit).await
    }

    async fn children(&mut self, parent: Id) -> sqlx::Result<Vec<Pending>> {
        let db = self.db.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        rows::children(db, &self.sealer, parent).await
    }

    async fn under_way(&mut self, ids: &[Id]) -> sqlx::Result<HashSet<Id>> {
        rows::under_way(self.db()?, ids).await
    }

    async fn bounce(&mut self, outcome: &Outcome, sent: &Sent, now: i64) -> sqlx::Result<Option<Pending>> {
        rows::bounce(self.db()?, outcome, sent, now).await
    }

    async fn decline(&mut self, room: &str, sent: &Sent, now: i64) -> sqlx::Result<Option<Pending>> {
        rows::decline(self.db()?, room, sent, now).await
    }

    async fn pass_membership(&mut self, from: Id, heir: Id) -> sqlx::Result<()> {
        rows::pass_membership(self.db()?, from, heir).await
    }

    async fn read_claims(&mut self, keys: &[Key]) -> sqlx::Result<HashMap<Key, Stored>> {
        tables::read_claims(self.db()?, keys).await
    }

    async fn write_claims(&mut self, changed: &[(Key, &Stored)]) -> sqlx::Result<()> {
        tables::write_claims(self.db()?, changed).await
    }

    async fn read_preferences(&mut self, people: &[&str]) -> sqlx::Result<HashMap<String, Preferences>> {
        tables::read_preferences(self.db()?, people).await
    }

    async fn write_preferences(&mut self, person: &str, preferences: &Preferences) -> sqlx::Result<()> {
        tables::write_preferences(self.db()?, person, preferences).await
    }

    async fn groups(&mut self) -> sqlx::Result<Vec<KeptGroup>> {
        tables::groups(self.db()?).await
    }

    async fn write_group(&mut self, group: &KeptGroup) -> sqlx::Result<()> {
        tables::write_group(self.db()?, group).await
    }

    async fn delete_group(&mut self, name: &str) -> sqlx::Result<()> {
        tables::delete_group(self.db()?, name).await
    }

    async fn note_look(&mut self, address: &Address, remembered: Window) -> sqlx::Result<Option<String>> {
        tables::note_look(self.db()?, address, remembered).await
    }

    async fn note_hash(&mut self, hash: &Hash, now: i64) -> sqlx::Result<()> {
        tables::note_hash(self.db()?, hash, now).await
    }

    async fn note_looked(&mut self, until: i64) -> sqlx::Result<()> {
        sqlx::query("UPDATE journal SET looked = $1").bind(until).execute(self.db()?).await?;
        Ok(())
    }

    fn note_write(&mut self) {}

    async fn maintain(&mut self, until: Until, _idle: bool) -> Duration {
        let step = async {
            let batch = self.batch;
            self.connected().await?;
            let db = self.db.as_mut().ok_or(sqlx::Error::PoolClosed)?;
            self.sweep.step(db, until, batch).await
        };
        match session::within(TRANSACTION_TIMEOUT, step).await {
            Ok(pause) => pause,
            Err(e) => {
                debug!("the maintenance of the journal is put off: {e}");
                // It may still be at work there.
                self.db = None;
                sweep::PAUSE
            }
        }
    }

    async fn close(self) -> Result<(), OpenError> {
        // All is committed. A server that is away now changes nothing.
        if let Some(db) = self.db
            && let Err(e) = session::within(TRANSACTION_TIMEOUT, db.close()).await
        {
            debug!("the journal's session: {e}");
        }
        Ok(())
    }
}
