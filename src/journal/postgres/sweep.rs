//! Deletes in small steps what is older than retention and window. Vacuuming is the server's own work. Knows nothing of who waits.

use std::time::Duration;

use sqlx::PgConnection;
use tokio::time::Instant;

use crate::journal::nouns::Until;
use crate::model::Id;

/// How many rows are examined in one step.
const ROWS_PER_SWEEP: i64 = 500;

/// The pause between steps: while rows are deleted, while a table is not finished, and otherwise. A session is used in each, so
/// that the server does not end it.
const PAUSE_WHILE_SWEEPING: Duration = Duration::from_millis(200);
const PAUSE_WITHIN_A_TABLE: Duration = Duration::from_secs(1);
pub(super) const PAUSE: Duration = Duration::from_secs(10);

/// How often small tables are swept, as a whole.
const SMALL_TABLES_EVERY: Duration = Duration::from_secs(3600);

/// The progress of a walk through the large tables, which begins anew at their end.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    history: Option<Id>,
    claims: Option<Vec<u8>>,
    small_tables: Option<Instant>,
}

impl Sweep {
    /// Makes one step and returns the pause until the next one. `batch`: the number of the writer's last transaction.
    pub(super) async fn step(
        &mut self,
        db: &mut PgConnection,
        until: Until,
        batch: i64,
    ) -> sqlx::Result<Duration> {
        sqlx::query("DELETE FROM batches WHERE number < $1").bind(batch).execute(&mut *db).await?;
        let swept = self.history(db, until).await? | self.claims(db, until).await?;
        if self.small_tables.is_none_or(|at| at.elapsed() >= SMALL_TABLES_EVERY) {
            for table in [
                "DELETE FROM looks WHERE at <= $1 OR at > $2",
                "DELETE FROM hashes WHERE at <= $1 OR at > $2",
            ] {
                let (oldest, newest) = (until.now - until.retention, until.now + until.retention);
                sqlx::query(table).bind(oldest).bind(newest).execute(&mut *db).await?;
            }
            self.small_tables = Some(Instant::now());
        }
        Ok(if swept {
            PAUSE_WHILE_SWEEPING
        } else if self.history.is_some() || self.claims.is_some() {
            PAUSE_WITHIN_A_TABLE
        } else {
            PAUSE
        })
    }

    /// The whole table in turn, not only its oldest rows: a clock that was wrong once has left rows out of order. Rows from the
    /// future stay, because a clock that is behind for a moment must not delete them.
    async fn history(&mut self, db: &mut PgConnection, until: Until) -> sqlx::Result<bool> {
        let from = self.history.unwrap_or(Id::MIN);
        self.history = sqlx::query_scalar(
            "SELECT max(id) FROM (SELECT id FROM history WHERE id > $1 ORDER BY id LIMIT $2) AS step",
        )
        .bind(from)
        .bind(ROWS_PER_SWEEP)
        .fetch_one(&mut *db)
        .await?;
        let Some(to) = self.history else { return Ok(false) };
        let delete = sqlx::query("DELETE FROM history WHERE id > $1 AND id <= $2 AND settled <= $3");
        let oldest = until.now - until.retention;
        Ok(delete.bind(from).bind(to).bind(oldest).execute(db).await?.rows_affected() > 0)
    }

    /// The claim of one that is under way holds for as long as that takes: a relay that was down for days resumes what may have
    /// been sent.
    async fn claims(&mut self, db: &mut PgConnection, until: Until) -> sqlx::Result<bool> {
        let from = self.claims.take().unwrap_or_default();
        self.claims = sqlx::query_scalar(
            "SELECT key FROM (SELECT key FROM claims WHERE key > $1 ORDER BY key LIMIT $2) AS step ORDER BY key DESC LIMIT 1",
        )
        .bind(&from[..])
        .bind(ROWS_PER_SWEEP)
        .fetch_optional(&mut *db)
        .await?;
        let Some(to) = &self.claims else { return Ok(false) };
        let delete = sqlx::query(
            "DELETE FROM claims WHERE key > $1 AND key <= $2 AND (at <= $3 OR at > $4) \
             AND NOT EXISTS (SELECT 1 FROM pending WHERE id = invitation)",
        );
        let (oldest, newest) = (until.now - until.window, until.now + until.window);
        let done = delete.bind(from).bind(to).bind(oldest).bind(newest).execute(db).await?;
        Ok(done.rows_affected() > 0)
    }
}
