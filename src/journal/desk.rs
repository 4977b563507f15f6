//! What an operator reads and clears, beside a relay that runs: `history` and `forget`.
//! Knows nothing of how it is printed.

use std::path::Path;

use chrono::{DateTime, Utc};
use jid::BareJid;
use sqlx::query_builder::QueryBuilder;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, Sqlite, SqliteConnection};

use super::batch::{self, Claim};
use super::open::{self, OpenError};
use super::record::column;
use super::{Filter, Id, Record, writer};

/// Ids that `forget` looks at in one transaction, so that a running relay never waits long.
const STEP: Id = 5000;

/// What became of invitations, newest first.
///
/// # Errors
/// See [`OpenError`].
pub async fn history(path: &Path, filter: &Filter) -> Result<Vec<Record>, OpenError> {
    let mut db = open::beside(path).await?;
    let failed = |e| open::database_error(path, e);
    let mut sql = QueryBuilder::<Sqlite>::new(
        "SELECT * FROM (\
         SELECT id, received, settled, route, room, inviter, contact, state, reason, sent_as FROM history \
         UNION ALL \
         SELECT id, received, NULL, route, room, inviter, contact, 'pending', NULL, NULL FROM pending) WHERE true",
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

/// How a journal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// The version of its schema: the last migration.
    pub schema: i64,
    /// Invitations under way.
    pub pending: i64,
}

/// Looks at a journal beside a relay that may be running.
///
/// # Errors
/// See [`OpenError`].
pub async fn status(path: &Path) -> Result<Status, OpenError> {
    let mut db = open::beside(path).await?;
    let failed = |e| open::database_error(path, e);
    let row =
        sqlx::query("SELECT (SELECT max(version) FROM _sqlx_migrations), (SELECT count(*) FROM pending)")
            .fetch_one(&mut db)
            .await
            .map_err(failed)?;
    Ok(Status { schema: row.try_get(0).map_err(failed)?, pending: row.try_get(1).map_err(failed)? })
}

/// The newest of all, for whoever starts and needs to know what has just been. `count` bounds the work.
///
/// # Errors
/// See [`OpenError`].
pub async fn recent(path: &Path, count: u32) -> Result<Vec<Record>, OpenError> {
    history(path, &Filter { limit: count, ..Filter::default() }).await
}

fn record(row: &SqliteRow) -> sqlx::Result<Record> {
    let reason: Option<&str> = row.try_get(8)?;
    Ok(Record {
        id: row.try_get(0)?,
        received: time(row.try_get(1)?),
        settled: row.try_get::<Option<i64>, _>(2)?.map(time),
        route: column(row, 3)?,
        room: row.try_get(4)?,
        inviter: row.try_get(5)?,
        contact: row.try_get(6)?,
        state: column(row, 7)?,
        reason: if reason.is_some() { Some(column(row, 8)?) } else { None },
        sent_as: row.try_get(9)?,
    })
}

fn time(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::UNIX_EPOCH)
}

/// Removes all that the journal holds of a person or a room, what is under way included, and empties the WAL of it.
/// Returns the number of invitations removed.
///
/// # Errors
/// See [`OpenError`].
pub async fn forget(path: &Path, jid: &BareJid) -> Result<u64, OpenError> {
    let mut db = open::beside(path).await?;
    let failed = |e| open::database_error(path, e);
    let jid = jid.to_string();
    let mut removed = 0;
    for table in ["pending", "history"] {
        removed += forget_in(&mut db, table, &jid).await.map_err(failed)?;
    }
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut db).await.map_err(failed)?;
    db.close().await.map_err(failed)?;
    Ok(removed)
}

async fn forget_in(db: &mut SqliteConnection, table: &'static str, jid: &str) -> sqlx::Result<u64> {
    let mut removed = 0;
    let mut sql = QueryBuilder::<Sqlite>::new("SELECT coalesce(min(id), 0), coalesce(max(id), -1) FROM ");
    let row = sql.push(table).build().fetch_one(&mut *db).await?;
    let (mut from, last): (Id, Id) = (row.try_get(0)?, row.try_get(1)?);
    while from <= last {
        let mut tx = db.begin_with("BEGIN IMMEDIATE").await?;
        let mut sql = QueryBuilder::<Sqlite>::new("DELETE FROM ");
        sql.push(table).push(" WHERE id >= ").push_bind(from).push(" AND id < ").push_bind(from + STEP);
        sql.push(" AND (contact = ").push_bind(jid).push(" OR inviter = ").push_bind(jid);
        sql.push(" OR room = ").push_bind(jid).push(") RETURNING id, contact, room");
        let rows = sql.build().fetch_all(&mut *tx).await?;
        for row in &rows {
            let key = writer::key(row.try_get(1)?, row.try_get(2)?);
            batch::release(&mut tx, Claim { key, id: row.try_get(0)? }).await?;
        }
        tx.commit().await?;
        removed += rows.len() as u64;
        from += STEP;
    }
    Ok(removed)
}
