//! `forget`: removes a person or a room from the journal, beside a relay that may be running. Knows nothing of who asked
//! for it.

use jid::BareJid;
use sqlx::query_builder::QueryBuilder;
use sqlx::{Connection as _, Row, Sqlite, SqliteConnection};

use super::connection::{self, Connection};
use super::nouns::{Forget, Forgotten};
use super::open_error::OpenError;
use super::postgres;
use super::reader::JournalReader;
use super::{claim_keys, confusables, groups, preferences};
use crate::model::Id;

/// How many ids are examined in one transaction: few, so that a running relay never waits long.
const IDS_PER_TRANSACTION: Id = 5000;

impl JournalReader {
    /// Removes what the journal holds about a person or a room, pending invitations included, and empties the WAL. The
    /// preferences of other people stay as they are.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read; each variant says what to do.
    pub async fn forget(&self, jid: &BareJid, what: Forget) -> Result<Forgotten, OpenError> {
        let jid = jid.to_string();
        let failed = |e| connection::failed(&self.place, e);
        let mut db = Connection::beside(&self.place).await?;
        let forgotten = match &mut db {
            Connection::Sqlite(db) => forget(db, &jid, what).await,
            Connection::Postgres(db) => Box::pin(postgres::forget(db, &jid, what)).await,
        };
        let forgotten = forgotten.map_err(failed)?;
        db.close().await.map_err(failed)?;
        Ok(forgotten)
    }
}

async fn forget(db: &mut SqliteConnection, jid: &str, what: Forget) -> sqlx::Result<Forgotten> {
    let mut forgotten = Forgotten { invitations: 0, preferences: false };
    if what == Forget::Everything {
        forgotten.preferences = preferences::forget(db, jid).await?;
        groups::forget(db, jid).await?;
    }
    for table in ["pending", "history"] {
        forgotten.invitations += forget_in(db, table, jid).await?;
    }
    forget_claims(db, jid).await?;
    confusables::forget(db, jid).await?;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(db).await?;
    Ok(forgotten)
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
