//! What became of invitations, counted by time. Reads in small steps, because a connection that reads for long keeps the
//! writer from emptying the WAL, and it would wait. Knows nothing of who wants to know.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{Row, SqliteConnection};

use super::reader::JournalReader;
use super::rows::{column, nullable};
use super::schema::{self, OpenError};
use crate::model::{Id, Reason, State};

/// Rows read at a time: some milliseconds.
const ROWS_PER_STEP: i64 = 10_000;

/// So many of a kind, received in one span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Which span: 0 is the first.
    pub span: usize,
    /// How they ended.
    pub state: State,
    /// Why.
    pub reason: Option<Reason>,
    /// How many.
    pub count: u64,
}

impl JournalReader {
    /// Counts what was received since a time and has ended, by spans of `width`. Costs more the more there are, however many
    /// are older.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn tally(&self, since: DateTime<Utc>, width: Duration) -> Result<Vec<Tally>, OpenError> {
        let path = &self.path;
        let mut db = schema::beside(path).await?;
        let width = i64::try_from(width.as_millis()).unwrap_or(i64::MAX).max(1);
        read(&mut db, since.timestamp_millis(), width).await.map_err(|e| schema::database_error(path, e))
    }
}

/// The same on an open connection; times in ms.
pub(super) async fn read(db: &mut SqliteConnection, since: i64, width: i64) -> sqlx::Result<Vec<Tally>> {
    let mut tallies: Vec<Tally> = Vec::new();
    let mut next = first_since(db, since).await?;
    loop {
        let rows = sqlx::query(
            "SELECT max(0, (received - ?) / ?), state, reason, count(*), max(id) \
             FROM (SELECT id, received, state, reason FROM history WHERE id >= ? ORDER BY id LIMIT ?) \
             GROUP BY 1, 2, 3",
        )
        .bind(since)
        .bind(width)
        .bind(next)
        .bind(ROWS_PER_STEP)
        .fetch_all(&mut *db)
        .await?;
        if rows.is_empty() {
            return Ok(tallies);
        }
        for row in rows {
            next = next.max(row.try_get::<Id, _>(4)? + 1);
            let tally = Tally {
                span: usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0),
                state: column(&row, 1)?,
                reason: nullable(&row, 2)?,
                count: row.try_get::<i64, _>(3)?.unsigned_abs(),
            };
            let same =
                |it: &&mut Tally| (it.span, it.state, it.reason) == (tally.span, tally.state, tally.reason);
            match tallies.iter_mut().find(same) {
                Some(known) => known.count += tally.count,
                None => tallies.push(tally),
            }
        }
    }
}

/// The first id that was received since. Ids ascend with time closely enough to be halved, and there is no index.
async fn first_since(db: &mut SqliteConnection, since: i64) -> sqlx::Result<Id> {
    let row = sqlx::query("SELECT coalesce(min(id), 0), coalesce(max(id), -1) FROM history")
        .fetch_one(&mut *db)
        .await?;
    let (mut low, mut high): (Id, Id) = (row.try_get(0)?, row.try_get::<Id, _>(1)? + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let received: Option<i64> =
            sqlx::query_scalar("SELECT received FROM history WHERE id >= ? ORDER BY id LIMIT 1")
                .bind(middle)
                .fetch_optional(&mut *db)
                .await?;
        if received.is_some_and(|received| received < since) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}
