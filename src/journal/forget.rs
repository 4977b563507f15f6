//! `forget`: removes a person or a room from the journal, beside a relay that may be running. Knows nothing of who asked
//! for it.

use jid::BareJid;
use sqlx::query_builder::QueryBuilder;
use sqlx::{Connection, Row, Sqlite, SqliteConnection};

use super::open_error::OpenError;
use super::reader::JournalReader;
use super::{claim_keys, confusables, groups, preferences};
use crate::model::Id;

/// How many ids are examined in one transaction: few, so that a running relay never waits long.
const IDS_PER_TRANSACTION: Id = 5000;

/// What was forgotten of a person or a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten {
    /// How many invitations.
    pub invitations: u64,
    /// Whether there were preferences.
    pub preferences: bool,
}

/// What to forget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forget {
    /// The invitations.
    Invitations,
    /// The invitations, the person's preferences, and their places in groups.
    Everything,
}

impl JournalReader {
    /// Removes what the journal holds about a person or a room, pending invitations included, and empties the WAL. The
    /// preferences of other people stay as they are.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read; each variant says what to do.
    pub async fn forget(&self, jid: &BareJid, what: Forget) -> Result<Forgotten, OpenError> {
        let mut db = self.open().await?;
        let jid = jid.to_string();
        let mut forgotten = Forgotten { invitations: 0, preferences: false };
        if what == Forget::Everything {
            forgotten.preferences = preferences::forget(&mut db, &jid).await.map_err(|e| self.failed(e))?;
            groups::forget(&mut db, &jid).await.map_err(|e| self.failed(e))?;
        }
        for table in ["pending", "history"] {
            forgotten.invitations += forget_in(&mut db, table, &jid).await.map_err(|e| self.failed(e))?;
        }
        forget_claims(&mut db, &jid).await.map_err(|e| self.failed(e))?;
        confusables::forget(&mut db, &jid).await.map_err(|e| self.failed(e))?;
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut db).await.map_err(|e| self.failed(e))?;
        db.close().await.map_err(|e| self.failed(e))?;
        Ok(forgotten)
    }
}

async fn forget_in(db: &mut SqliteConnection, table: &'static str, jid: &str) -> sqlx::Result<u64> {
    let mut removed = 0;
    let mut sql = QueryBuilder::<Sqlite>::new("SELECT coalesce(min(id), 0), coalesce(max(id), -1) FROM ");
    let row = sql.push(table).build().fetch_one(&mut *db).await?;
    let (mut from, last): (Id, Id) = (row.try_get(0)?, row.try_get(1)?);
    while from <= last {
        let mut tx = db.begin_with("BEGIN IMMEDIATE").await?;
        let mut sql = QueryBuilder::<Sqlite>::new("DELETE FROM ");
        sql.push(table)
            .push(" WHERE id >= ")
            .push_bind(from)
            .push(" AND id < ")
            .push_bind(from + IDS_PER_TRANSACTION);
        sql.push(" AND (contact = ").push_bind(jid).push(" OR inviter = ").push_bind(jid);
        sql.push(" OR room = ").push_bind(jid).push(")");
        removed += sql.build().execute(&mut *tx).await?.rows_affected();
        tx.commit().await?;
        from += IDS_PER_TRANSACTION;
    }
    Ok(removed)
}

/// Claims outlive the rows of their invitations if the window is longer than the retention. The claims of an inviter's
/// invitations stay: being forgotten must not let them invite the same contact again.
async fn forget_claims(db: &mut SqliteConnection, jid: &str) -> sqlx::Result<()> {
    let half = claim_keys::half(jid).to_vec();
    // They are searched for outside of a transaction, so that the writer does not wait.
    for (find, delete) in [
        (
            "SELECT CAST(id AS BLOB) FROM claims WHERE substr(key, 1, 8) = ?1 OR substr(key, 9) = ?1",
            "DELETE FROM claims WHERE id = CAST(? AS INTEGER)",
        ),
        (
            "SELECT key FROM older_claims WHERE substr(key, 1, 8) = ?1 OR substr(key, 9) = ?1",
            "DELETE FROM older_claims WHERE key = ?",
        ),
    ] {
        let rows: Vec<Vec<u8>> = sqlx::query_scalar(find).bind(&half).fetch_all(&mut *db).await?;
        for row in rows {
            sqlx::query(delete).bind(row).execute(&mut *db).await?;
        }
    }
    Ok(())
}
