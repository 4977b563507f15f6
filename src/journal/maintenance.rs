//! Deletes in small steps what is older than retention and window, and empties the WAL, which still holds payloads. The
//! writer calls it between two transactions. Knows nothing of who waits.

use std::time::Duration;

use sqlx::{AssertSqlSafe, SqliteConnection};
use tokio::time::Instant;
use tracing::debug;

use super::claim_store::ClaimStore;
use super::nouns::Until;
use super::schema;

/// How many rows are examined in one step; it takes some milliseconds.
const ROWS_PER_SWEEP: u32 = 500;

/// The pause between steps: while rows are deleted, while the WAL or a table is not finished, and otherwise.
const PAUSE_WHILE_SWEEPING: Duration = Duration::from_millis(200);
const PAUSE_WITH_WRITES: Duration = Duration::from_secs(1);
const PAUSE_WITHOUT_WRITES: Duration = Duration::from_secs(10);

/// The WAL is emptied after this time even if the writer is never idle.
const MAX_WAL_AGE: Duration = Duration::from_secs(30);

/// After more commits than this between two steps, emptying the WAL is put off: it would keep those waiting that come next.
const FEW_COMMITS: u32 = 100;

/// The progress of the maintenance.
#[derive(Debug)]
pub(super) struct Maintenance {
    history: Sweep,
    claims: Sweep,
    older_claims: Sweep,
    confusables: Sweep,
    hashes: Sweep,
    /// Since when the WAL is not empty.
    dirty: Option<Instant>,
    /// Commits since the last step.
    commits: u32,
}

/// A walk through a whole table in steps, which begins anew at its end.
#[derive(Debug)]
struct Sweep {
    /// Selects the last key of the step that begins behind a key.
    step: &'static str,
    /// Deletes the rows between two keys that were not written between two times.
    delete: &'static str,
    /// Old rows stand in front of all others: where a step deletes none, there are none behind it.
    oldest_first: bool,
    cursor: Vec<u8>,
}

impl Sweep {
    /// Deletes what is older than `oldest`, in ms, or further than that in the future. Returns whether there was any.
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
        let swept = swept.rows_affected() > 0;
        self.cursor = if self.oldest_first && !swept { Vec::new() } else { last };
        Ok(swept)
    }
}

impl Default for Maintenance {
    fn default() -> Self {
        // The whole table in turn, not only its oldest rows: a clock that was wrong once has left rows out of order. Rows of
        // `history` from the future stay, because a clock that is behind for a moment must not delete them.
        let history = Sweep {
            step: "SELECT CAST(max(id) AS BLOB) FROM (SELECT id FROM history WHERE id > CAST(? AS INTEGER) ORDER BY id LIMIT ?)",
            delete: "DELETE FROM history WHERE id > CAST(? AS INTEGER) AND id <= CAST(? AS INTEGER) AND settled <= min(?, ?)",
            oldest_first: false,
            cursor: Vec::new(),
        };
        // The claim of one that is under way holds for as long as that takes: a relay that was down for days resumes what may
        // have been sent.
        let claims = Sweep {
            step: "SELECT CAST(max(id) AS BLOB) FROM (SELECT id FROM claims WHERE id > CAST(? AS INTEGER) ORDER BY id LIMIT ?)",
            delete: "DELETE FROM claims WHERE id > CAST(? AS INTEGER) AND id <= CAST(? AS INTEGER) AND (at <= ? OR at > ?) \
                     AND NOT EXISTS (SELECT 1 FROM pending WHERE id = invitation)",
            oldest_first: true,
            cursor: Vec::new(),
        };
        let older_claims = Sweep {
            step: "SELECT max(key) FROM (SELECT key FROM older_claims WHERE key > ? ORDER BY key LIMIT ?)",
            delete: "DELETE FROM older_claims WHERE key > ? AND key <= ? AND (at <= ? OR at > ?) \
                     AND NOT EXISTS (SELECT 1 FROM pending WHERE id = invitation)",
            oldest_first: false,
            cursor: Vec::new(),
        };
        let confusables = Sweep {
            step: "SELECT max(key) FROM (SELECT key FROM looks WHERE key > ? ORDER BY key LIMIT ?)",
            delete: "DELETE FROM looks WHERE key > ? AND key <= ? AND (at <= ? OR at > ?)",
            oldest_first: false,
            cursor: Vec::new(),
        };
        // Its key is a text, which is less than any blob.
        let hashes = Sweep {
            step: "SELECT max(hash) FROM (SELECT hash FROM hashes WHERE hash > CAST(? AS TEXT) ORDER BY hash LIMIT ?)",
            delete: "DELETE FROM hashes WHERE hash > CAST(? AS TEXT) AND hash <= CAST(? AS TEXT) AND (at <= ? OR at > ?)",
            oldest_first: false,
            cursor: Vec::new(),
        };
        Self { history, claims, older_claims, confusables, hashes, dirty: None, commits: 0 }
    }
}

impl Maintenance {
    /// Notes a commit.
    pub(super) fn note_write(&mut self) {
        self.commits = self.commits.saturating_add(1);
        self.dirty.get_or_insert_with(Instant::now);
    }

    /// Makes one step and returns the pause until the next one. A failure does no harm: the next step tries again.
    pub(super) async fn step(
        &mut self,
        db: &mut SqliteConnection,
        store: &mut ClaimStore,
        until: Until,
        idle: bool,
    ) -> Duration {
        match self.try_step(db, store, until, idle).await {
            Ok(pause) => pause,
            Err(e) => {
                debug!("the maintenance of the journal is put off: {e}");
                PAUSE_WITHOUT_WRITES
            }
        }
    }

    async fn sweep(
        &mut self,
        db: &mut SqliteConnection,
        store: &mut ClaimStore,
        until: Until,
    ) -> sqlx::Result<bool> {
        let Until { now, window, retention } = until;
        let claims =
            self.claims.step(db, now, window).await? | self.older_claims.step(db, now, window).await?;
        if claims {
            store.sweep(db).await?;
        }
        Ok(claims
            | self.history.step(db, now, retention).await?
            | self.confusables.step(db, now, retention).await?
            | self.hashes.step(db, now, retention).await?)
    }

    async fn try_step(
        &mut self,
        db: &mut SqliteConnection,
        store: &mut ClaimStore,
        until: Until,
        idle: bool,
    ) -> sqlx::Result<Duration> {
        // Under load nothing waits to be written for a moment as well.
        let few_commits = std::mem::take(&mut self.commits) <= FEW_COMMITS;
        let swept = self.sweep(db, store, until).await;
        if matches!(swept, Ok(true)) {
            self.note_write();
        }
        // Also if a sweep fails each time, such as because of a damaged row: passwords must not stay in the WAL.
        if self.dirty.is_some_and(|since| idle && few_commits || since.elapsed() > MAX_WAL_AGE) {
            self.empty_wal(db).await?;
        }
        let swept = swept?;
        let through = [&self.history, &self.claims, &self.older_claims, &self.confusables, &self.hashes]
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

    /// Empties the WAL. Settled payloads are wiped in the pages (`secure_delete`), but the WAL keeps what was written before.
    /// It does not wait for readers (a backup, `history`), because relaying would wait as well: the next step tries again.
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

    /// Empties the WAL before the file is closed.
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

    /// More rows than two steps look at, of which the newer half has ended lately.
    #[tokio::test]
    async fn all_that_ended_long_ago_is_swept_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (mut db, _lock) = schema::for_writing(&folder.path().join("journal.db")).await.unwrap();
        sqlx::query(
            "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 2400) \
             INSERT INTO history (id, received, settled, route, room, inviter, contact, state) \
             SELECT id, 10, CASE WHEN id % 2 THEN 20 ELSE 990 END, 'addressed', 'r', 'i', 'c', 'relayed' FROM n",
        )
        .execute(&mut db)
        .await
        .unwrap();
        let (mut maintenance, mut store) = (Maintenance::default(), ClaimStore::new(Vec::new()));
        let until = Until { now: 1000, window: 1, retention: 100 };
        let mut pauses = Vec::new();
        while pauses.last() != Some(&PAUSE_WITHOUT_WRITES) && pauses.len() < 20 {
            pauses.push(maintenance.step(&mut db, &mut store, until, true).await);
        }
        let left: (i64, i64) =
            sqlx::query_as("SELECT count(*), min(settled) FROM history").fetch_one(&mut db).await.unwrap();
        assert_eq!(left, (1200, 990));
        assert_eq!(pauses.iter().filter(|pause| **pause == PAUSE_WHILE_SWEEPING).count(), 5, "{pauses:?}");
    }

    /// What may have been sent before a relay was down for days must not be sent beside another one.
    #[tokio::test]
    async fn a_claim_lasts_as_long_as_its_invitation_is_under_way() {
        let folder = tempfile::tempdir().unwrap();
        let (mut db, _lock) = schema::for_writing(&folder.path().join("journal.db")).await.unwrap();
        for sql in [
            "INSERT INTO pending (id, received, route, room, inviter, contact, continues) \
             VALUES (7, 0, 'addressed', 'r', 'i', 'c', 0)",
            "INSERT INTO claims (key, at, invitation) VALUES (x'01', 10, 7), (x'02', 10, 6)",
        ] {
            sqlx::query(sql).execute(&mut db).await.unwrap();
        }
        let mut store = ClaimStore::new(Vec::new());
        let until = Until { now: 1000, window: 100, retention: 1000 };
        Maintenance::default().step(&mut db, &mut store, until, true).await;
        let left: Vec<i64> =
            sqlx::query_scalar("SELECT invitation FROM claims").fetch_all(&mut db).await.unwrap();
        assert_eq!(left, [7]);
    }

    #[tokio::test(start_paused = true)]
    async fn while_many_write_the_wal_is_emptied_only_now_and_then() {
        let folder = tempfile::tempdir().unwrap();
        let (mut db, _lock) = schema::for_writing(&folder.path().join("journal.db")).await.unwrap();
        let (mut maintenance, mut store) = (Maintenance::default(), ClaimStore::new(Vec::new()));
        let mut emptied = async |commits: u32, passes: Duration, idle: bool| {
            for _ in 0..commits {
                maintenance.note_write();
            }
            tokio::time::advance(passes).await;
            maintenance.step(&mut db, &mut store, NEVER, idle).await;
            maintenance.dirty.is_none()
        };
        assert!(emptied(FEW_COMMITS, Duration::ZERO, true).await);
        assert!(!emptied(FEW_COMMITS + 1, Duration::ZERO, true).await);
        assert!(emptied(1, Duration::ZERO, true).await, "it is quiet again");
        assert!(!emptied(FEW_COMMITS + 1, Duration::ZERO, false).await);
        assert!(emptied(1, Duration::ZERO, true).await, "it is quiet again, and was not idle before");
        assert!(!emptied(FEW_COMMITS + 1, MAX_WAL_AGE, true).await);
        assert!(emptied(FEW_COMMITS + 1, Duration::from_secs(1), true).await, "it is too old");
    }

    #[tokio::test]
    async fn who_reads_is_not_waited_for_and_the_wal_is_emptied_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let (mut db, _lock) = schema::for_writing(&path).await.unwrap();
        let (mut maintenance, mut store) = (Maintenance::default(), ClaimStore::new(Vec::new()));
        let mut reader = schema::beside(&path).await.unwrap();
        sqlx::query("BEGIN").execute(&mut reader).await.unwrap();
        sqlx::query("SELECT * FROM journal").fetch_all(&mut reader).await.unwrap();
        sqlx::query("CREATE TABLE scratch (x)").execute(&mut db).await.unwrap();
        maintenance.note_write();

        let began = Instant::now();
        maintenance.step(&mut db, &mut store, NEVER, true).await;

        assert!(began.elapsed() < schema::BUSY_TIMEOUT, "it waited for the reader");
        assert!(maintenance.dirty.is_some(), "the WAL still holds what the reader looks at");
        let waits: i64 = sqlx::query_scalar("PRAGMA busy_timeout").fetch_one(&mut db).await.unwrap();
        assert_eq!(u128::try_from(waits).unwrap(), schema::BUSY_TIMEOUT.as_millis());

        sqlx::query("ROLLBACK").execute(&mut reader).await.unwrap();
        maintenance.step(&mut db, &mut store, NEVER, true).await;
        assert!(maintenance.dirty.is_none());
        assert_eq!(std::fs::metadata(folder.path().join("journal.db-wal")).unwrap().len(), 0);
    }
}
