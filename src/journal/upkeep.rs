//! Forgetting in small steps: what is older than retention and window, and what the WAL still holds of payloads.
//! Knows nothing of who waits; the writer calls it between two transactions.

use std::time::Duration;

use sqlx::SqliteConnection;
use tokio::time::Instant;
use tracing::debug;

/// Rows looked at in one step: some milliseconds.
const STEP: u32 = 500;

/// The pause between steps while there is more to do, while the WAL holds something, and else.
const BUSY: Duration = Duration::from_millis(200);
const DIRTY: Duration = Duration::from_secs(1);
const CALM: Duration = Duration::from_secs(10);

/// The WAL is emptied after this time even when the writer is never idle.
const WAL_AGE: Duration = Duration::from_secs(30);

/// Until when things are kept; ms, the time since 1970, UTC.
#[derive(Debug, Clone, Copy)]
pub(super) struct Until {
    pub(super) now: i64,
    pub(super) window: i64,
    pub(super) retention: i64,
}

#[derive(Debug, Default)]
pub(super) struct Upkeep {
    /// Where the sweep through the claims stands.
    cursor: Vec<u8>,
    /// Since when the WAL holds something.
    dirty: Option<Instant>,
}

impl Upkeep {
    /// Something was written.
    pub(super) fn note_write(&mut self) {
        self.dirty.get_or_insert_with(Instant::now);
    }

    /// One small step; returns the time until the next. A failure here loses nothing: the next step tries again.
    pub(super) async fn step(&mut self, db: &mut SqliteConnection, until: Until, idle: bool) -> Duration {
        match self.try_step(db, until, idle).await {
            Ok(pause) => pause,
            Err(e) => {
                debug!("the journal's upkeep waits: {e}");
                CALM
            }
        }
    }

    async fn try_step(
        &mut self,
        db: &mut SqliteConnection,
        until: Until,
        idle: bool,
    ) -> sqlx::Result<Duration> {
        let history = sweep_history(db, until).await?;
        let claims = self.sweep_claims(db, until).await?;
        if history || claims {
            self.note_write();
        }
        if self.dirty.is_some_and(|since| idle || since.elapsed() > WAL_AGE) {
            self.empty_wal(db).await?;
        }
        Ok(if history || claims {
            BUSY
        } else if self.dirty.is_some() {
            DIRTY
        } else if self.cursor.is_empty() {
            CALM
        } else {
            DIRTY
        })
    }

    /// Walks through all claims, a step at a time, and begins again at the end.
    async fn sweep_claims(&mut self, db: &mut SqliteConnection, until: Until) -> sqlx::Result<bool> {
        let last: Option<Vec<u8>> = sqlx::query_scalar(
            "SELECT max(key) FROM (SELECT key FROM claims WHERE key > ? ORDER BY key LIMIT ?)",
        )
        .bind(&self.cursor[..])
        .bind(STEP)
        .fetch_one(&mut *db)
        .await?;
        let Some(last) = last else {
            self.cursor.clear();
            return Ok(false);
        };
        let swept = sqlx::query("DELETE FROM claims WHERE key > ? AND key <= ? AND (at <= ? OR at > ?)")
            .bind(&self.cursor[..])
            .bind(&last[..])
            .bind(until.now - until.window)
            .bind(until.now + until.window)
            .execute(db)
            .await?;
        self.cursor = last;
        Ok(swept.rows_affected() > 0)
    }

    /// Settled payloads are wiped in the pages (`secure_delete`), but the WAL keeps what was written before.
    async fn empty_wal(&mut self, db: &mut SqliteConnection) -> sqlx::Result<()> {
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(db).await?;
        self.dirty = None;
        Ok(())
    }

    /// Before the file is closed.
    pub(super) async fn last(&mut self, db: &mut SqliteConnection) {
        if let Err(e) = self.empty_wal(db).await {
            debug!("the journal's WAL stays as it is: {e}");
        }
    }
}

/// Ids ascend with time closely enough: the oldest ones are looked at.
async fn sweep_history(db: &mut SqliteConnection, until: Until) -> sqlx::Result<bool> {
    let swept = sqlx::query(
        "DELETE FROM history WHERE settled < ? AND id IN (SELECT id FROM history ORDER BY id LIMIT ?)",
    )
    .bind(until.now - until.retention)
    .bind(STEP)
    .execute(db)
    .await?;
    Ok(swept.rows_affected() > 0)
}
