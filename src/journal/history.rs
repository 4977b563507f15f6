//! Queries for operators and users: what became of invitations, and how many there were. Knows nothing of how it is shown.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sqlx::query_builder::QueryBuilder;
use sqlx::{FromRow, Row, Sqlite, SqliteConnection};

use super::reader::JournalReader;
use super::rows::{Filter, Record, column, nullable};
use super::schema::{self, OpenError};
use super::tally;
use crate::model::{Id, Reason, State};

impl JournalReader {
    /// The records that match, newest first.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read; each variant says what to do.
    pub async fn history(&self, filter: &Filter) -> Result<Vec<Record>, OpenError> {
        let mut db = self.open().await?;
        let mut sql = matching(filter);
        sql.push(" ORDER BY id DESC LIMIT ").push_bind(filter.limit);
        sql.build_query_as().fetch_all(&mut db).await.map_err(|e| self.failed(e))
    }

    /// The records that match and have an id above `after`, or one of `waiting`; oldest first, `filter.limit` at most.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read; each variant says what to do.
    pub async fn history_after(
        &self,
        filter: &Filter,
        after: Id,
        waiting: &BTreeSet<Id>,
    ) -> Result<Vec<Record>, OpenError> {
        let mut db = self.open().await?;
        let mut sql = matching(filter);
        sql.push(" AND (id > ").push_bind(after).push(" OR id IN (");
        let mut ids = sql.separated(", ");
        ids.push("NULL");
        for id in waiting {
            ids.push_bind(*id);
        }
        sql.push(")) ORDER BY id LIMIT ").push_bind(filter.limit);
        sql.build_query_as().fetch_all(&mut db).await.map_err(|e| self.failed(e))
    }

    /// The parts of a fan-out that have ended: contact, state, reason.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read; each variant says what to do.
    pub async fn ended_children(
        &self,
        parent: Id,
    ) -> Result<Vec<(String, State, Option<Reason>)>, OpenError> {
        let mut db = self.open().await?;
        // A part is always younger than its parent, so older rows need not be read.
        sqlx::query("SELECT contact, state, reason FROM history WHERE id > ? AND parent = ?")
            .bind(parent)
            .bind(parent)
            .try_map(|row| Ok((row.try_get("contact")?, column(&row, "state")?, nullable(&row, "reason")?)))
            .fetch_all(&mut db)
            .await
            .map_err(|e| self.failed(e))
    }
}

/// The records that match, in no order.
fn matching(filter: &Filter) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::<Sqlite>::new(
        "SELECT * FROM (\
             SELECT id, received, settled, route, room, inviter, contact, state, reason, sent_as, parent FROM history \
             UNION ALL \
             SELECT id, received, NULL, route, room, inviter, contact, 'pending', NULL, NULL, parent FROM pending) WHERE true",
    );
    if let Some(room) = &filter.room {
        sql.push(" AND room = ").push_bind(room.to_string());
    }
    if let Some(contact) = &filter.contact {
        sql.push(" AND contact = ").push_bind(contact.to_string());
    }
    if let Some(inviter) = &filter.inviter {
        sql.push(" AND inviter = ").push_bind(inviter.to_string());
    }
    if let Some(state) = filter.state {
        sql.push(" AND state = ").push_bind(state.as_str());
    }
    if let Some(since) = filter.since {
        sql.push(" AND received >= ").push_bind(since.timestamp_millis());
    }
    sql
}

/// The state of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct Status {
    /// The version of its schema, which is that of the last migration.
    pub schema: i64,
    /// How many invitations are pending.
    pub pending: i64,
}

impl JournalReader {
    /// The state of a journal of any version.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read; each variant says what to do.
    pub async fn status(&self) -> Result<Status, OpenError> {
        let mut db = schema::of_any_version(&self.path).await?;
        let status = sqlx::query_as(
            "SELECT (SELECT max(version) FROM _sqlx_migrations) AS schema, (SELECT count(*) FROM pending) AS pending",
        );
        status.fetch_one(&mut db).await.map_err(|e| self.failed(e))
    }

    /// The newest records, `count` at most.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read; each variant says what to do.
    pub async fn recent(&self, count: u32) -> Result<Vec<Record>, OpenError> {
        self.history(&Filter { limit: count, ..Filter::default() }).await
    }
}

/// How many invitations there were, by how they ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    /// How many are pending.
    pub pending: u64,
    /// Those that were received in the period and have ended: state, reason, how many.
    pub ended: Vec<(State, Option<Reason>, u64)>,
    /// How many people have preferences other than the default.
    pub people: u64,
}

impl JournalReader {
    /// Counts the invitations that were received since a time.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read; each variant says what to do.
    pub async fn statistics(&self, since: DateTime<Utc>) -> Result<Statistics, OpenError> {
        let mut db = self.open().await?;
        count(&mut db, since.timestamp_millis()).await.map_err(|e| self.failed(e))
    }
}

async fn count(db: &mut SqliteConnection, since: i64) -> sqlx::Result<Statistics> {
    let pending: i64 = sqlx::query_scalar("SELECT count(*) FROM pending").fetch_one(&mut *db).await?;
    let people: i64 =
        sqlx::query_scalar("SELECT count(*) FROM wishes WHERE person <> ''").fetch_one(&mut *db).await?;
    let mut ended: BTreeMap<(State, Option<Reason>), u64> = BTreeMap::new();
    for tally in tally::read(db, since, i64::MAX).await? {
        *ended.entry((tally.state, tally.reason)).or_default() += tally.count;
    }
    let ended = ended.into_iter().map(|((state, reason), count)| (state, reason, count)).collect();
    Ok(Statistics { pending: pending.unsigned_abs(), ended, people: people.unsigned_abs() })
}
