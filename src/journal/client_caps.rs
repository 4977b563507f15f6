//! What clients can do that have this or that hash. Knows nothing of hashes, they are strings here, nor of who has them.

use sqlx::{Row, SqliteConnection};

use super::handle::{Closed, Journal};
use super::op::{Hash, Op};
use super::reader::JournalReader;
use super::retention::DAY_MS;
use super::schema::{self, OpenError};

/// More are not kept; those that were not seen for the longest time go first.
pub const MAX_CLIENT_CAPS: u32 = 10_000;

impl Journal {
    /// Notes that a hash was seen, and whether it stands for clients that show direct invitations.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn note_hash(&self, hash: String, shows_direct: bool) -> Result<(), Closed> {
        let hash = Hash { hash, shows_direct };
        self.ask(|answer| Op::Hash { hash, answer }).await
    }
}

/// See [`Journal::note_hash`]. `now`: ms since 1970, UTC.
pub(super) async fn note(db: &mut SqliteConnection, seen: &Hash, now: i64) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO hashes (hash, shows_direct, at) VALUES (?, ?, ?) \
         ON CONFLICT (hash) DO UPDATE SET shows_direct = excluded.shows_direct, at = excluded.at \
         WHERE at <= ? OR shows_direct <> excluded.shows_direct",
    )
    .bind(&seen.hash)
    .bind(seen.shows_direct)
    .bind(now)
    .bind(now - DAY_MS)
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "DELETE FROM hashes WHERE hash IN \
         (SELECT hash FROM hashes ORDER BY at LIMIT max(0, (SELECT count(*) FROM hashes) - ?))",
    )
    .bind(MAX_CLIENT_CAPS)
    .execute(db)
    .await?;
    Ok(())
}

impl JournalReader {
    /// All hashes that are known, and whether they stand for clients that show direct invitations.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn hashes(&self) -> Result<Vec<(String, bool)>, OpenError> {
        let path = &self.path;
        let mut db = schema::beside(path).await?;
        let failed = |e| schema::database_error(path, e);
        let rows =
            sqlx::query("SELECT hash, shows_direct FROM hashes").fetch_all(&mut db).await.map_err(failed)?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<sqlx::Result<_>>()
            .map_err(failed)
    }
}
