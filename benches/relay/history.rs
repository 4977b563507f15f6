//! Fills a journal as years of use would: settled invitations spread over the last 90 days, and the claims of those that
//! came in the last day. Knows the schema, nothing of what runs on it.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use chrono::Utc;
use muc_invite_relay::journal::{Journal, Retention};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// The age of the oldest invitation.
const HISTORY_DAYS: i64 = 90;

/// Claims whose digests are in one row.
const CLAIMS_PER_BLOCK: i64 = 4096;

/// How many claims there are.
#[derive(Debug, Clone, Copy)]
pub enum Claims {
    /// Those of the last of the 90 days.
    OfTheDay,
    /// One for each row, as if all had come within the window.
    All,
}

impl Claims {
    /// How many there are in a journal with so many invitations.
    pub fn of(self, rows: i64) -> i64 {
        match self {
            Self::OfTheDay => rows / HISTORY_DAYS,
            Self::All => rows,
        }
    }
}

/// Removes everything but the first `rows` invitations and their claims, so that each round begins with the same journal.
pub async fn restore(path: &Path, rows: i64, claims: Claims) -> Result<()> {
    let mut db = open(path).await?;
    for (behind, delete) in [
        (rows, "DELETE FROM history WHERE id > ?"),
        (claims.of(rows), "DELETE FROM claims WHERE id > ?"),
        (claims.of(rows) - CLAIMS_PER_BLOCK + 1, "DELETE FROM claim_digests WHERE first > ?"),
    ] {
        sqlx::query(delete).bind(behind).execute(&mut db).await?;
    }
    db.close().await?;
    std::fs::File::open(path)?.sync_all()?;
    Ok(())
}

/// Opens the journal without any safety, as the relay never does: this file can be made again.
async fn open(path: &Path) -> Result<SqliteConnection> {
    let db = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Off)
        .pragma("cache_size", "-1000000")
        .disable_statement_logging()
        .connect()
        .await?;
    Ok(db)
}

/// Creates a journal at `path` with `rows` settled invitations.
pub async fn fill(path: &Path, rows: i64, claims: Claims) -> Result<()> {
    let retention = Retention { window: Duration::from_secs(1), retention: Duration::from_secs(1) };
    let (journal, writer) = Journal::open(path, retention).await?;
    drop(journal);
    writer.run().await?;

    let mut db = open(path).await?;
    // Ids from 1 on, the newest last; the next invitation gets the id after them.
    sqlx::query(
        "INSERT INTO history (id, received, settled, route, room, inviter, contact, state, reason, sent_as, declined) \
         WITH RECURSIVE n(i) AS (SELECT 1 WHERE ?1 > 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
         SELECT i, ?2 + (i * ?3) / ?1, ?2 + (i * ?3) / ?1 + 20, 'addressed', \
                'room' || (i % 1000) || '@conference.example.org', 'user' || (i % 50000) || '@example.org', \
                'friend' || (i % 70001) || '@example.org', iif(i % 10, 'relayed', 'suppressed'), \
                iif(i % 10, NULL, 'duplicate'), \
                iif(i % 10, 'user' || (i % 50000) || '\\40example.org@invites.example.org', NULL), iif(i % 10, 0, NULL) FROM n",
    )
    .bind(rows)
    .bind(Utc::now().timestamp_millis() - HISTORY_DAYS * DAY_MILLIS)
    .bind(HISTORY_DAYS * DAY_MILLIS)
    .execute(&mut db)
    .await?;
    sqlx::query("INSERT INTO sqlite_sequence (name, seq) VALUES ('pending', ?)")
        .bind(rows)
        .execute(&mut db)
        .await?;
    let claimed = claims.of(rows);
    // Keys are digests, so any random ones do, and random digests of them. The newest has the highest id.
    sqlx::query(
        "INSERT INTO claims (id, key, at, invitation, memory) \
         WITH RECURSIVE n(i) AS (SELECT 1 WHERE ?1 > 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
         SELECT i, randomblob(16), ?2 - ((?1 - i) * ?3) / ?1, ?4 - ?1 + i, zeroblob(25) FROM n",
    )
    .bind(claimed)
    .bind(Utc::now().timestamp_millis())
    .bind(DAY_MILLIS)
    .bind(rows)
    .execute(&mut db)
    .await?;
    sqlx::query(
        "INSERT INTO claim_digests (first, digests) \
         WITH RECURSIVE n(i) AS (SELECT 0 WHERE ?1 > 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 - 1) \
         SELECT 1 + i * ?2, randomblob(4 * ?2) FROM n",
    )
    .bind(claimed / CLAIMS_PER_BLOCK)
    .bind(CLAIMS_PER_BLOCK)
    .execute(&mut db)
    .await?;
    db.close().await?;
    // Measured is a journal on the disk, not one in the cache of its writer.
    std::fs::File::open(path)?.sync_all()?;
    Ok(())
}
