//! The journal in a database of `PostgreSQL`, behind [`Store`]: one session that writes, which is made anew where it was lost. Hands
//! each operation to the file that has its statements. Knows nothing of the writer's queue, nor of what an operation means.
//!
//! A connection can be lost while a transaction is committed. Each transaction therefore inserts its number into `batches`: the next
//! attempt inserts the same number, and where it is there already the lost one was committed. In the same statement it looks whether
//! this relay leads still, so that one that stood still while another took the lead writes nothing.

mod batch;
mod candidate;
mod forget;
mod late;
mod lead;
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
use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

pub(super) use self::candidate::Candidate;
pub(super) use self::forget::forget;
use self::lead::Lead;
pub(super) use self::lead::leader;
use self::sealed::Sealer;
use self::session::{Purpose, TRANSACTION_TIMEOUT, open_error};
use self::sweep::Sweep;
use super::in_memory::{BlockedForAll, Names};
use super::nouns::{Key, Sent, Until, Window};
use super::op::{Address, EVERYBODY_KEY, Hash};
use super::open_error::OpenError;
use super::store::{Begun, Opened, Store, Stored, Trouble};
use crate::config::JournalServer;
use crate::model::group::KeptGroup;
use crate::model::{Arrival, Id, Lease, Outcome, Pending, Preferences};

/// For a step of the maintenance: it must not cost the lead.
const MAINTENANCE_TIMEOUT: Duration = Duration::from_secs(2);

/// The pause between two looks whether a lead that has to end has ended, and how much longer than it is waited.
const POLL_PAUSE: Duration = Duration::from_secs(2);

/// For giving the lead up at the end: it ends by itself soon.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// The pause before the lead is renewed again where that has failed.
const RENEWAL_RETRY_PAUSE: Duration = Duration::from_millis(200);

/// The database, with the session that writes.
#[derive(Debug)]
pub(super) struct PostgresStore {
    server: JournalServer,
    sealer: Sealer,
    /// `None` after an error, until the next transaction.
    db: Option<PgConnection>,
    /// Which of the servers is asked first.
    from: usize,
    lead: Lead,
    /// When a transaction was begun that has not ended, as far as is known; and whether it renews the lead.
    open: Option<(Instant, bool)>,
    /// COMMIT was sent, and its answer has not come.
    unsure: bool,
    /// The number of the last transaction that was committed.
    batch: i64,
    sweep: Sweep,
    /// Whether the last step of the maintenance has succeeded.
    maintained: bool,
    /// Whether the lead was renewed when that was tried last.
    renewed: bool,
}

impl PostgresStore {
    /// Takes the lead, makes the tables where there are none, and reads what is needed from the start.
    ///
    /// # Errors
    /// [`OpenError::ServerInUse`]: another relay leads. [`OpenError::WrongKey`], and the others of [`Candidate::open`].
    pub(super) async fn open(server: &JournalServer) -> Result<(Self, Opened), OpenError> {
        let mut candidate = Candidate::open(server).await?;
        // A relay that crashed may have it for so long.
        let give_up = Instant::now() + server.lease + POLL_PAUSE;
        loop {
            if let Some(opened) = Self::lead(server, &mut candidate, false).await? {
                return Ok(opened);
            }
            let leader = candidate.leader().await?;
            if (leader.holds && leader.name != server.relay) || Instant::now() >= give_up {
                return Err(OpenError::ServerInUse { server: server.shown.clone(), leader: leader.name });
            }
            sleep(POLL_PAUSE).await;
        }
    }

    /// The same for one that stands by; `None` while another relay leads. `again`: see [`Candidate::take`].
    ///
    /// # Errors
    /// [`OpenError`]: the database can't be used, or its payloads were sealed with another key.
    pub(super) async fn lead(
        server: &JournalServer,
        candidate: &mut Candidate,
        again: bool,
    ) -> Result<Option<(Self, Opened)>, OpenError> {
        let Some((mut db, lead)) = candidate.take(again).await? else { return Ok(None) };
        let sealer = Sealer::new(&server.key);
        let read = session::within(TRANSACTION_TIMEOUT, read_opened(&mut db, &sealer)).await;
        let (opened, batch) = match read {
            Ok((opened, batch, true)) => (opened, batch),
            found => {
                // So that one that can work need not wait.
                let _ = session::within(CLOSE_TIMEOUT, lead.give_up(&mut db)).await;
                return Err(found.map_or_else(|e| open_error(server, e), |_| candidate::wrong_key(server)));
            }
        };
        let store = Self {
            server: server.clone(),
            sealer,
            db: Some(db),
            from: 0,
            lead,
            open: None,
            unsure: false,
            batch,
            sweep: Sweep::default(),
            maintained: true,
            renewed: true,
        };
        Ok(Some((store, opened)))
    }

    /// The session; there is one while a transaction is open.
    fn db(&mut self) -> sqlx::Result<&mut PgConnection> {
        self.db.as_mut().ok_or(sqlx::Error::PoolClosed)
    }

    /// The session, made anew where it was lost.
    async fn connected(&mut self) -> sqlx::Result<()> {
        let db = self.take_session().await?;
        self.db = Some(db);
        Ok(())
    }

    /// The same, for work that loses it if it is dropped half done.
    async fn take_session(&mut self) -> sqlx::Result<PgConnection> {
        match self.db.take() {
            Some(db) => Ok(db),
            None => session::connect(&self.server, &mut self.from, Purpose::Write).await,
        }
    }

    fn lead_lost(&self) -> OpenError {
        self.lead.lease.end();
        OpenError::LeadLost { server: self.server.shown.clone() }
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
        let has_lost_the_lead = matches!(error, sqlx::Error::RowNotFound);
        if has_lost_the_lead {
            Trouble::Final(self.lead_lost())
        } else if session::is_damage(&error) || session::is_fault(&error) {
            Trouble::Final(open_error(&self.server, error))
        } else if session::is_too_slow(&error) {
            Trouble::TooSlow(session::remedy(&error))
        } else {
            Trouble::MayPass(session::remedy(&error))
        }
    }

    fn lease(&self) -> Lease {
        self.lead.lease.clone()
    }

    async fn stay_leader(&mut self) -> Result<Duration, OpenError> {
        if !self.lead.is_due() {
            return Ok(self.lead.renew_after());
        }
        if self.open.take().is_some() {
            // What became of its transaction is not known: a renewal in it may be undone.
            self.db = None;
        }
        let asked = Instant::now();
        let (renewal, limit) = (AssertSqlSafe(self.lead.renewal()), self.lead.renewal_timeout());
        let renewing = async {
            let mut db = self.take_session().await?;
            let renewed = sqlx::raw_sql(renewal).execute(&mut db).await?.rows_affected();
            self.db = Some(db);
            Ok(renewed > 0)
        };
        // Where the way to the database is gone, another session may find one while the lead lasts.
        match session::within(limit, renewing).await {
            Ok(true) => {
                self.renewed = true;
                self.lead.renewed(asked);
                Ok(self.lead.renew_after())
            }
            Ok(false) => Err(self.lead_lost()),
            Err(e) => {
                debug!("the lead is not renewed: {e}");
                self.renewed = false;
                Ok(RENEWAL_RETRY_PAUSE)
            }
        }
    }

    async fn has_late(&mut self) -> bool {
        // The lead comes first.
        if self.open.is_some() || !self.renewed {
            return false;
        }
        let limit = self.lead.renew_after();
        let asking = async {
            let mut db = self.take_session().await?;
            let has_late = late::is_there(&mut db).await?;
            self.db = Some(db);
            Ok(has_late)
        };
        let found = session::within(limit, asking).await;
        found.inspect_err(|e| debug!("late arrivals are not looked for: {e}")).unwrap_or(false)
    }

    async fn take_late(&mut self, limit: i64) -> sqlx::Result<Vec<Pending>> {
        let db = self.db.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        late::take(db, &self.sealer, limit).await
    }

    async fn begin(&mut self, next: Id) -> sqlx::Result<Begun> {
        if self.open.is_some() {
            // What became of it is not known: its session can't be used.
            self.db = None;
        }
        let (asked, is_due) = (Instant::now(), self.lead.is_due());
        self.open = Some((asked, is_due));
        let number = self.batch + 1;
        let lead = if is_due { self.lead.renewal() + " RETURNING epoch" } else { self.lead.look() };
        let sql = format!(
            "BEGIN; WITH lead AS ({lead}) INSERT INTO batches (number, next) SELECT {number}, {next} FROM lead \
             ON CONFLICT DO NOTHING"
        );
        self.connected().await?;
        let begun = sqlx::raw_sql(AssertSqlSafe(sql)).execute(self.db()?).await?;
        if begun.rows_affected() == 1 {
            self.unsure = false;
            return Ok(Begun::Open);
        }
        let db = self.db.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        sqlx::raw_sql("ROLLBACK").execute(&mut *db).await?;
        // Nobody else writes while this relay leads, so a row that is there is its own.
        let is_committed = self.unsure && self.lead.is_ours(db).await?;
        self.open = None;
        if !is_committed {
            return Err(sqlx::Error::RowNotFound);
        }
        (self.unsure, self.batch) = (false, number);
        Ok(Begun::CommittedBefore)
    }

    async fn commit(&mut self) -> sqlx::Result<()> {
        self.unsure = true;
        sqlx::raw_sql("COMMIT").execute(self.db()?).await?;
        if let Some((asked, true)) = self.open.take() {
            self.renewed = true;
            self.lead.renewed(asked);
        }
        self.unsure = false;
        self.batch += 1;
        Ok(())
    }

    /// The server undoes what was not committed when the session ends.
    async fn rollback(&mut self) {
        self.db = None;
        self.open = None;
    }

    async fn look_up(
        &mut self,
        keys: &[Key],
        people: &[&str],
    ) -> sqlx::Result<(HashMap<Key, Stored>, HashMap<String, Preferences>)> {
        batch::look_up(self.db()?, keys, people).await
    }

    async fn write(
        &mut self,
        settled: &[&Outcome],
        admitted: &[(Id, i64, &Arrival, bool)],
        claims: &[(Key, &Stored)],
        now: i64,
    ) -> sqlx::Result<()> {
        let db = self.db.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        batch::write(db, &self.sealer, settled, admitted, claims, now).await?;
        batch::change_claims(db, claims).await
    }

    async fn admit(&mut self, rows: &[(Id, i64, &Arrival, bool)]) -> sqlx::Result<()> {
        self.write(&[], rows, &[], 0).await
    }

    async fn note_added(&mut self, ids: &[Id]) -> sqlx::Result<()> {
        rows::note_added(self.db()?, ids).await
    }

    async fn discard(&mut self, ids: &[Id]) -> sqlx::Result<()> {
        rows::discard(self.db()?, ids).await
    }

    async fn settle(&mut self, outcomes: &[&Outcome], now: i64) -> sqlx::Result<()> {
        self.write(outcomes, &[], &[], now).await
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
        Ok(self.look_up(keys, &[]).await?.0)
    }

    async fn write_claims(&mut self, changed: &[(Key, &Stored)]) -> sqlx::Result<()> {
        self.write(&[], &[], changed, 0).await
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
            let mut db = self.take_session().await?;
            let pause = self.sweep.step(&mut db, until, batch).await?;
            self.db = Some(db);
            Ok(pause)
        };
        match session::within(MAINTENANCE_TIMEOUT, step).await {
            Ok(pause) => {
                self.maintained = true;
                pause
            }
            Err(e) => {
                // Once: it is tried again and again.
                if std::mem::replace(&mut self.maintained, false) {
                    let remedy = session::remedy(&e);
                    warn!("what is too old is not deleted from the journal for now: {e}. {remedy}");
                }
                sweep::PAUSE
            }
        }
    }

    /// All is committed. A server that is away now changes nothing.
    async fn close(mut self) -> Result<(), OpenError> {
        if self.open.is_some() {
            self.db = None;
        }
        let closing = async {
            let mut db = self.take_session().await?;
            self.lead.give_up(&mut db).await?;
            db.close().await
        };
        if let Err(e) = session::within(CLOSE_TIMEOUT, closing).await {
            debug!("the journal's session: {e}");
        }
        Ok(())
    }
}
