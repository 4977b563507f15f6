//! `forget`: takes a person or a room out of the journal, beside a relay that may be running.
//! Knows nothing of who asked for it.

use jid::BareJid;
use sqlx::query_builder::QueryBuilder;
use sqlx::{Connection, Row, Sqlite, SqliteConnection};

use super::reader::JournalReader;
use super::schema::{self, OpenError};
use super::{claim_keys, confusables, groups, preferences};
use crate::model::Id;

/// Ids that `forget` looks at in one transaction, so that a running relay never waits long.
const ROWS_PER_STEP: Id = 5000;

/// What was forgotten of a person or a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten {
    /// So many invitations.
    pub invitations: u64,
    /// Their preferences as well.
    pub wishes: bool,
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
    /// Removes what the journal holds of a person or a room, what is under way included, and empties the WAL of it. What
    /// others want of the relay stays as they want it.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn forget(&self, jid: &BareJid, what: Forget) -> Result<Forgotten, OpenError> {
        let path = &self.path;
        let mut db = schema::beside(path).await?;
        let failed = |e| schema::database_error(path, e);
        let jid = jid.to_string();
        let mut forgotten = Forgotten { invitations: 0, wishes: false };
        if what == Forget::Everything {
            forgotten.wishes = preferences::forget(&mut db, &jid).await.map_err(failed)?;
            groups::forget(&mut db, &jid).await.map_err(failed)?;
        }
        for table in ["pending", "history"] {
            forgotten.invitations += forget_in(&mut db, table, &jid).await.map_err(failed)?;
        }
        forget_claims(&mut db, &jid).await.map_err(failed)?;
        confusables::forget(&mut db, &jid).await.map_err(failed)?;
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut db).await.map_err(failed)?;
        db.close().await.map_err(failed)?;
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
            .push_bind(from + ROWS_PER_STEP);
        sql.push(" AND (contact = ").push_bind(jid).push(" OR inviter = ").push_bind(jid);
        sql.push(" OR room = ").push_bind(jid).push(")");
        removed += sql.build().execute(&mut *tx).await?.rows_affected();
        tx.commit().await?;
        from += ROWS_PER_STEP;
    }
    Ok(removed)
}

/// Claims outlive the rows of their invitations where the window is longer than the retention. Those of an inviter stay:
/// somebody who has themselves forgotten may not invite once more by that.
async fn forget_claims(db: &mut SqliteConnection, jid: &str) -> sqlx::Result<()> {
    let half = claim_keys::half(jid).to_vec();
    // Looked for without holding up the writer.
    let keys: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT key FROM claims WHERE substr(key, 1, 8) = ? OR substr(key, 9) = ?")
            .bind(&half)
            .bind(&half)
            .fetch_all(&mut *db)
            .await?;
    for key in keys {
        sqlx::query("DELETE FROM claims WHERE key = ?").bind(key).execute(&mut *db).await?;
    }
    Ok(())
}
