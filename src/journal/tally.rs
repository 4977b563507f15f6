//! Counts how invitations ended, by spans of time. Reads in small steps, because a connection that reads for long keeps the
//! writer from emptying the WAL. Knows nothing of how the counts are shown.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{Row, SqliteConnection};

use super::open_error::OpenError;
use super::reader::JournalReader;
use super::rows::{column, nullable};
use crate::model::{Id, Reason, State};

/// How many rows are read at a time; it takes some milliseconds.
pub(super) const ROWS_PER_TALLY_STEP: i64 = 10_000;

/// How many invitations that were received in one span of time have ended in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// The number of the span; 0 is the first.
    pub span: usize,
    /// How they ended.
    pub state: State,
    /// Why.
    pub reason: Option<Reason>,
    /// How many.
    pub count: u64,
}

impl JournalReader {
    /// Counts the invitations that were received since a time and have ended, by spans of `width`. The cost depends on how
    /// many were received since then, not on how many are older.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read; each variant says what to do.
    pub async fn tally(&self, since: DateTime<Utc>, width: Duration) -> Result<Vec<Tally>, OpenError> {
        let mut db = self.open().await?;
        let width = i64::try_from(width.as_millis()).unwrap_or(i64::MAX).max(1);
        read(&mut db, since.timestamp_millis(), width).await.map_err(|e| self.failed(e))
    }
}

/// As [`JournalReader::tally`], on an open connection; times in ms.
pub(super) async fn read(db: &mut SqliteConnection, since: i64, width: i64) -> sqlx::Result<Vec<Tally>> {
    let mut tallies: Vec<Tally> = Vec::new();
    let mut next = first_since(db, since).await?;
    loop {
        let rows = sqlx::query(
            "SELECT max(0, (received - ?) / ?) AS span, state, reason, count(*) AS count, max(id) AS last \
             FROM (SELECT id, received, state, reason FROM history WHERE id >= ? ORDER BY id LIMIT ?) \
             GROUP BY 1, 2, 3",
        )
        .bind(since)
        .bind(width)
        .bind(next)
        .bind(ROWS_PER_TALLY_STEP)
        .fetch_all(&mut *db)
        .await?;
        if rows.is_empty() {
            return Ok(tallies);
        }
        for row in rows {
            next = next.max(row.try_get::<Id, _>("last")? + 1);
            let tally = Tally {
                span: usize::try_from(row.try_get::<i64, _>("span")?).unwrap_or(0),
                state: column(&row, "state")?,
                reason: nullable(&row, "reason")?,
                count: row.try_get::<i64, _>("count")?.unsigned_abs(),
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

/// The first id that was received since then, by bisection: ids ascend with time closely enough, and there is no index.
pub(super) async fn first_since(db: &mut SqliteConnection, since: i64) -> sqlx::Result<Id> {
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
