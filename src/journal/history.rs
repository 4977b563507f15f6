//! What became of invitations, as operators and people look at it. Knows nothing of how it is printed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::query_builder::QueryBuilder;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqliteConnection};

use super::reader::JournalReader;
use super::rows::{Filter, Record, column, nullable};
use super::schema::{self, OpenError};
use super::tally;
use crate::model::{Id, Reason, State};

impl JournalReader {
    /// What became of invitations, newest first.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn history(&self, filter: &Filter) -> Result<Vec<Record>, OpenError> {
        let path = &self.path;
        let mut db = schema::beside(path).await?;
        let failed = |e| schema::database_error(path, e);
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
        sql.push(" ORDER BY id DESC LIMIT ").push_bind(filter.limit);
        let rows = sql.build().fetch_all(&mut db).await.map_err(failed)?;
        rows.iter().map(record).collect::<sqlx::Result<_>>().map_err(failed)
    }

    /// What became of the children of an invitation that have ended: of whom, how, why.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn ended_children(
        &self,
        parent: Id,
    ) -> Result<Vec<(String, State, Option<Reason>)>, OpenError> {
        let path = &self.path;
        let mut db = schema::beside(path).await?;
        let failed = |e| schema::database_error(path, e);
        // A child is always younger: nothing of what was there before is read.
        let rows = sqlx::query("SELECT contact, state, reason FROM history WHERE id > ? AND parent = ?")
            .bind(parent)
            .bind(parent)
            .fetch_all(&mut db)
            .await
            .map_err(failed)?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, column(row, 1)?, nullable(row, 2)?)))
            .collect::<sqlx::Result<_>>()
            .map_err(failed)
    }
}

/// How a journal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// The version of its schema: the last migration.
    pub schema: i64,
    /// Invitations under way.
    pub pending: i64,
}

impl JournalReader {
    /// Looks at a journal beside a relay that may be running.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn status(&self) -> Result<Status, OpenError> {
        let path = &self.path;
        let mut db = schema::of_any_version(path).await?;
        let failed = |e| schema::database_error(path, e);
        let row =
            sqlx::query("SELECT (SELECT max(version) FROM _sqlx_migrations), (SELECT count(*) FROM pending)")
                .fetch_one(&mut db)
                .await
                .map_err(failed)?;
        Ok(Status { schema: row.try_get(0).map_err(failed)?, pending: row.try_get(1).map_err(failed)? })
    }

    /// The newest of all, `count` at most: what a relay that starts needs to know of the last minutes.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn recent(&self, count: u32) -> Result<Vec<Record>, OpenError> {
        self.history(&Filter { limit: count, ..Filter::default() }).await
    }
}

fn record(row: &SqliteRow) -> sqlx::Result<Record> {
    Ok(Record {
        id: row.try_get(0)?,
        received: time(row.try_get(1)?),
        settled: row.try_get::<Option<i64>, _>(2)?.map(time),
        route: column(row, 3)?,
        room: row.try_get(4)?,
        inviter: row.try_get(5)?,
        contact: row.try_get(6)?,
        state: column(row, 7)?,
        reason: nullable(row, 8)?,
        sent_as: row.try_get(9)?,
        parent: row.try_get(10)?,
    })
}

fn time(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::UNIX_EPOCH)
}

/// How many invitations there were, by what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Those that are under way.
    pub pending: u64,
    /// Those that were received since, and have ended: how, why, and how many.
    pub ended: Vec<(State, Option<Reason>, u64)>,
    /// People who want something else than what the relay does by itself.
    pub people: u64,
}

impl JournalReader {
    /// Counts what was received since a time.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn statistics(&self, since: DateTime<Utc>) -> Result<Statistics, OpenError> {
        let path = &self.path;
        let mut db = schema::beside(path).await?;
        count(&mut db, since.timestamp_millis()).await.map_err(|e| schema::database_error(path, e))
    }
}

async fn count(db: &mut SqliteConnection, since: i64) -> sqlx::Result<Statistics> {
    let number = |row: SqliteRow| row.try_get::<i64, _>(0).map(i64::unsigned_abs);
    let pending = sqlx::query("SELECT count(*) FROM pending").fetch_one(&mut *db).await.and_then(number)?;
    let people = sqlx::query("SELECT count(*) FROM wishes WHERE person <> ''")
        .fetch_one(&mut *db)
        .await
        .and_then(number)?;
    let mut ended: BTreeMap<(State, Option<Reason>), u64> = BTreeMap::new();
    for tally in tally::read(db, since, i64::MAX).await? {
        *ended.entry((tally.state, tally.reason)).or_default() += tally.count;
    }
    let ended = ended.into_iter().map(|((state, reason), count)| (state, reason, count)).collect();
    Ok(Statistics { pending, ended, people })
}
