//! Which capability hashes (XEP-0115) stand for clients that show direct invitations. Hashes are strings here; knows nothing
//! of how they are computed, nor of whose clients have them.

use sqlx::SqliteConnection;

use super::connection::on_either;
use super::handle::{Journal, JournalClosed};
use super::op::{Hash, Op};
use super::open_error::OpenError;
use super::reader::JournalReader;
use super::retention::DAY_MS;

/// How many hashes are kept; with more, those that were not seen for the longest time are deleted.
pub const MAX_CLIENT_CAPS: u32 = 10_000;

impl Journal {
    /// Notes that a hash was seen, and whether it stands for clients that show direct invitations.
    ///
    /// # Errors
    /// [`JournalClosed`]: the writer has ended.
    pub async fn note_hash(&self, hash: String, shows_direct: bool) -> Result<(), JournalClosed> {
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
    /// All known hashes, and whether they stand for clients that show direct invitations.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read; each variant says what to do.
    pub async fn hashes(&self) -> Result<Vec<(String, bool)>, OpenError> {
        self.read(async |db| {
            // In their order in SQLite's table.
            let hashes = "SELECT hash, shows_direct FROM hashes ORDER BY hash";
            on_either!(db, db => sqlx::query_as(hashes).fetch_all(db).await)
        })
        .await
    }
}
