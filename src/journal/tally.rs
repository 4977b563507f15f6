//! Counts how invitations ended, by spans of time. Reads in small steps, because a connection that reads for long keeps the
//! writer from emptying the WAL. Knows nothing of how the counts are shown.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::connection::{Connection, on_either};
use super::open_error::OpenError;
use super::reader::JournalReader;
use super::rows::{Columns, column, nullable, number};
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
        let width = i64::try_from(width.as_millis()).unwrap_or(i64::MAX).max(1);
        self.read(async |db| read(db, since.timestamp_millis(), width).await).await
    }
}

/// As [`JournalReader::tally`], on an open connection; times in ms.
pub(super) async fn read(db: &mut Connection, since: i64, width: i64) -> sqlx::Result<Vec<Tally>> {
    const STEP: &str = "SELECT CASE WHEN received < $1 THEN 0 ELSE (received - $1) / $2 END AS span, state, reason, \
        count(*) AS count, max(id) AS last \
        FROM (SELECT id, received, state, reason FROM history WHERE id >= $3 ORDER BY id LIMIT $4) AS step GROUP BY 1, 2, 3";
    let mut tallies: Vec<Tally> = Vec::new();
    let mut next = first_since(db, since).await?;
    loop {
        let step: Vec<(Tally, Id)> = on_either!(&mut *db, db => {
            let rows = sqlx::query(STEP).bind(since).bind(width).bind(next).bind(ROWS_PER_TALLY_STEP);
            rows.fetch_all(db).await?.iter().map(counted).collect::<sqlx::Result<_>>()
        })?;
        if step.is_empty() {
            return Ok(tallies);
        }
        for (tally, last) in step {
            next = next.max(last + 1);
            let same =
                |it: &&mut Tally| (it.span, it.state, it.reason) == (tally.span, tally.state, tally.reason);
            match tallies.iter_mut().find(same) {
                Some(known) => known.count += tally.count,
                None => tallies.push(tally),
            }
        }
    }
}

/// Span, state, reason, count; and the last id.
fn counted(row: &impl Columns) -> sqlx::Result<(Tally, Id)> {
    let tally = Tally {
        span: usize::try_from(number(row, 0)?).unwrap_or(0),
        state: column(row, 1)?,
        reason: nullable(row, 2)?,
        count: number(row, 3)?.unsigned_abs(),
    };
    Ok((tally, number(row, 4)?))
}

/// The first id that was received since then, by bisection: ids ascend with time closely enough, and there is no index.
pub(super) async fn first_since(db: &mut Connection, since: i64) -> sqlx::Result<Id> {
    let (mut low, last): (Id, Id) = on_either!(&mut *db, db => {
        sqlx::query_as("SELECT coalesce(min(id), 0), coalesce(max(id), -1) FROM history").fetch_one(db).await
    })?;
    let mut high = last + 1;
    while low < high {
        let middle = low + (high - low) / 2;
        let received: Option<i64> = on_either!(&mut *db, db => {
            let received = sqlx::query_scalar("SELECT received FROM history WHERE id >= $1 ORDER BY id LIMIT 1");
            received.bind(middle).fetch_optional(db).await
        })?;
        if received.is_some_and(|received| received < since) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}
