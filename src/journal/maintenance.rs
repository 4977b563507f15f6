//! Forgetting in small steps: what is older than retention and window, and what the WAL still holds of payloads.
//! Knows nothing of who waits; the writer calls it between two transactions.

use std::time::Duration;

use sqlx::{AssertSqlSafe, SqliteConnection};
use tokio::time::Instant;
use tracing::debug;

use super::schema;

/// Rows looked at in one step: some milliseconds.
const ROWS_PER_SWEEP: u32 = 500;

/// The pause between steps while there is more to do, while the WAL holds something, and else.
const PAUSE_WHILE_SWEEPING: Duration = Duration::from_millis(200);
const PAUSE_WITH_WRITES: Duration = Duration::from_secs(1);
const PAUSE_WITHOUT_WRITES: Duration = Duration::from_secs(10);

/// The WAL is emptied after this time even when the writer is never idle.
const MAX_WAL_AGE: Duration = Duration::from_secs(30);

/// Until when things are kept; ms, the time since 1970, UTC.
#[derive(Debug, Clone, Copy)]
pub(super) struct Until {
    pub(super) now: i64,
    pub(super) window: i64,
    pub(super) retention: i64,
}

#[derive(Debug)]
pub(super) struct Upkeep {
    history: Sweep,
    claims: Sweep,
    looks: Sweep,
    hashes: Sweep,
    /// Since when the WAL holds something.
    dirty: Option<Instant>,
}

/// A walk through all of a table, a step at a time and from the start again at its end.
#[derive(Debug)]
struct Sweep {
    /// The last key of the step behind a key.
    step: &'static str,
    /// What lies from a key to another one and was not written between two times.
    delete: &'static str,
    cursor: Vec<u8>,
}

impl Sweep {
    /// Takes out what is older than `oldest`, ms, or from a future that is further off than that. Whether there was any.
    async fn step(&mut self, db: &mut SqliteConnection, now: i64, oldest: i64) -> sqlx::Result<bool> {
        let last: Option<Vec<u8>> = sqlx::query_scalar(self.step)
            .bind(&self.cursor[..])
            .bind(ROWS_PER_SWEEP)
            .fetch_one(&mut *db)
            .await?;
        let Some(last) = last else {
            self.cursor.clear();
            return Ok(false);
        };
        let swept = sqlx::query(self.delete)
            .bind(&self.cursor[..])
            .bind(&last[..])
            .bind(now - oldest)
            .bind(now + oldest)
            .execute(db)
            .await?;
        self.cursor = last;
        Ok(swept.rows_affected() > 0)
    }
}

impl Default for Upkeep {
    fn default() -> Self {
        // All of it, in turn: a clock that was wrong once has left rows that stay for long in front of others. And what is
        // from the future stays: a clock that is behind for a moment must not cost what happened.
        let history = Sweep {
            step: "SELECT CAST(max(id) AS BLOB) FROM (SELECT id FROM history WHERE id > CAST(? AS INTEGER) ORDER BY id LIMIT ?)",
            delete: "DELETE FROM history WHERE id > CAST(? AS INTEGER) AND id <= CAST(? AS INTEGER) AND settled <= min(?, ?)",
            cursor: Vec::new(),
        };
        let claims = Sweep {
            step: "SELECT max(key) FROM (SELECT key FROM claims WHERE key > ? ORDER BY key LIMIT ?)",
            delete: "DELETE FROM claims WHERE key > ? AND key <= ? AND (at <= ? OR at > ?)",
            cursor: Vec::new(),
        };
        let looks = Sweep {
            step: "SELECT max(key) FROM (SELECT key FROM looks WHERE key > ? ORDER BY key LIMIT ?)",
            delete: "DELETE FROM looks WHERE key > ? AND key <= ? AND (at <= ? OR at > ?)",
            cursor: Vec::new(),
        };
        // Its key is a text, which sorts before any blob.
        let hashes = Sweep {
            step: "SELECT max(hash) FROM (SELECT hash FROM hashes WHERE hash > CAST(? AS TEXT) ORDER BY hash LIMIT ?)",
            delete: "DELETE FROM hashes WHERE hash > CAST(? AS TEXT) AND hash <= CAST(? AS TEXT) AND (at <= ? OR at > ?)",
            cursor: Vec::new(),
        };
        Self { history, claims, looks, hashes, dirty: None }
    }
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
                PAUSE_WITHOUT_WRITES
            }
        }
    }

    async fn sweep(
        &mut self,
        db: &mut SqliteConnection,
        now: i64,
        window: i64,
        retention: i64,
    ) -> sqlx::Result<bool> {
        Ok(self.history.step(db, now, retention).await?
            | self.claims.step(db, now, window).await?
            | self.looks.step(db, now, retention).await?
            | self.hashes.step(db, now, retention).await?)
    }

    async fn try_step(
        &mut self,
        db: &mut SqliteConnection,
        until: Until,
        idle: bool,
    ) -> sqlx::Result<Duration> {
        let Until { now, window, retention } = until;
        let swept = self.sweep(db, now, window, retention).await;
        if matches!(swept, Ok(true)) {
            self.note_write();
        }
        // Also where a sweep fails again and again, say for damage in an old row: passwords would stay in the WAL.
        if self.dirty.is_some_and(|since| idle || since.elapsed() > MAX_WAL_AGE) {
            self.empty_wal(db).await?;
        }
        let swept = swept?;
        let through = [&self.history, &self.claims, &self.looks, &self.hashes]
            .iter()
            .all(|sweep| sweep.cursor.is_empty());
        Ok(if swept {
            PAUSE_WHILE_SWEEPING
        } else if self.dirty.is_some() || !through {
            PAUSE_WITH_WRITES
        } else {
            PAUSE_WITHOUT_WRITES
        })
    }

    /// Settled payloads are wiped in the pages (`secure_delete`), but the WAL keeps what was written before. Somebody who
    /// reads (a backup, `history`) is not waited for, because relaying would wait with us: the next step tries again.
    async fn empty_wal(&mut self, db: &mut SqliteConnection) -> sqlx::Result<()> {
        sqlx::query("PRAGMA busy_timeout = 0").execute(&mut *db).await?;
        let emptied = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *db).await;
        let waiting = format!("PRAGMA busy_timeout = {}", schema::BUSY_TIMEOUT.as_millis());
        sqlx::query(AssertSqlSafe(waiting)).execute(db).await?;
        let in_use: i64 = emptied?;
        if in_use == 0 {
            self.dirty = None;
        }
        Ok(())
    }

    /// Before the file is closed.
    pub(super) async fn last(&mut self, db: &mut SqliteConnection) {
        if let Err(e) = self.empty_wal(db).await {
            debug!("the journal's WAL stays as it is: {e}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: Until = Until { now: 0, window: 1, retention: 1 };

    #[tokio::test]
    async fn who_reads_is_not_waited_for_and_the_wal_is_emptied_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let (mut db, _lock) = schema::for_writing(&path).await.unwrap();
        let mut upkeep = Upkeep::default();
        let mut reader = schema::beside(&path).await.unwrap();
        sqlx::query("BEGIN").execute(&mut reader).await.unwrap();
        sqlx::query("SELECT * FROM journal").fetch_all(&mut reader).await.unwrap();
        sqlx::query("CREATE TABLE scratch (x)").execute(&mut db).await.unwrap();
        upkeep.note_write();

        let began = Instant::now();
        upkeep.step(&mut db, NEVER, true).await;

        assert!(began.elapsed() < schema::BUSY_TIMEOUT, "it waited for the reader");
        assert!(upkeep.dirty.is_some(), "the WAL still holds what the reader looks at");
        let waits: i64 = sqlx::query_scalar("PRAGMA busy_timeout").fetch_one(&mut db).await.unwrap();
        assert_eq!(u128::try_from(waits).unwrap(), schema::BUSY_TIMEOUT.as_millis());

        sqlx::query("ROLLBACK").execute(&mut reader).await.unwrap();
        upkeep.step(&mut db, NEVER, true).await;
        assert!(upkeep.dirty.is_none());
        assert_eq!(std::fs::metadata(folder.path().join("journal.db-wal")).unwrap().len(), 0);
    }
}
