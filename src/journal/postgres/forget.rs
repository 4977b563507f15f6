//! `forget`: removes a person or a room, beside a relay that may be running. Knows nothing of who asked for it.

use std::ops::Range;

use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres, Transaction};

use super::session::{READ_TIMEOUT, within};
use super::{late, tables, text::clean};
use crate::journal::claim_keys;
use crate::journal::nouns::{Forget, Forgotten};
use crate::model::Id;

/// Nobody else writes until the transaction ends: neither the relay nor another `forget`, since both read what they then write.
pub(super) const LOCK_OUT_THE_WRITER: &str = "LOCK TABLE batches IN SHARE ROW EXCLUSIVE MODE";

/// How many ids are examined in one transaction: few, so that a running relay never waits long.
const IDS_PER_TRANSACTION: Id = 5000;

/// Removes what the journal holds about a person or a room, pending invitations included.
///
/// # Errors
/// That of a statement. Each step has a time of its own: a long history takes many.
pub(in crate::journal) async fn forget(
    db: &mut PgConnection,
    jid: &str,
    what: Forget,
) -> sqlx::Result<Forgotten> {
    let mut forgotten = Forgotten { invitations: 0, preferences: false };
    if what == Forget::Everything {
        forgotten.preferences = within(READ_TIMEOUT, forget_preferences(db, jid)).await?;
    }
    let jid = clean(jid);
    // One that is taken in meanwhile is found below.
    forgotten.invitations += within(READ_TIMEOUT, late::forget(db, &jid)).await?;
    for table in ["pending", "history"] {
        let span = format!("SELECT coalesce(min(id), 0), coalesce(max(id), -1) FROM {table}");
        let span = sqlx::query_as(AssertSqlSafe(span));
        let (mut from, last): (Id, Id) = within(READ_TIMEOUT, span.fetch_one(&mut *db)).await?;
        while from <= last {
            let forgetting = forget_between(db, table, from..from + IDS_PER_TRANSACTION, &jid);
            forgotten.invitations += within(READ_TIMEOUT, forgetting).await?;
            from += IDS_PER_TRANSACTION;
        }
    }
    within(READ_TIMEOUT, forget_claims(db, &jid)).await?;
    Ok(forgotten)
}

/// Preferences, and places in groups.
async fn forget_preferences(db: &mut PgConnection, jid: &str) -> sqlx::Result<bool> {
    let mut alone = alone(db).await?;
    let forgotten = tables::forget_preferences(&mut alone, jid).await?;
    for mut group in tables::groups(&mut alone).await? {
        if group.entries.remove(jid) | group.users.remove(jid) {
            tables::write_group(&mut alone, &group).await?;
        }
    }
    alone.commit().await?;
    Ok(forgotten)
}

/// How many claims or looks are deleted in one transaction.
const KEYS_PER_TRANSACTION: usize = 500;

async fn forget_between(db: &mut PgConnection, table: &str, ids: Range<Id>, jid: &str) -> sqlx::Result<u64> {
    let mut alone = alone(db).await?;
    let delete = format!(
        "DELETE FROM {table} WHERE id >= $1 AND id < $2 AND (contact = $3 OR inviter = $3 OR room = $3)"
    );
    let delete = sqlx::query(AssertSqlSafe(delete)).bind(ids.start).bind(ids.end).bind(jid);
    let done = delete.execute(&mut *alone).await?;
    alone.commit().await?;
    Ok(done.rows_affected())
}

/// The claims of an inviter's invitations stay: being forgotten must not let them invite the same contact again.
async fn forget_claims(db: &mut PgConnection, jid: &str) -> sqlx::Result<()> {
    // They are searched for outside of a transaction, so that the writer does not wait.
    let find = "SELECT key FROM claims WHERE substr(key, 1, 8) = $1 OR substr(key, 9) = $1";
    let claims: Vec<Vec<u8>> =
        sqlx::query_scalar(find).bind(claim_keys::half(jid).to_vec()).fetch_all(&mut *db).await?;
    let find = "SELECT key FROM looks WHERE jid = $1";
    let looks: Vec<Vec<u8>> = sqlx::query_scalar(find).bind(jid).fetch_all(&mut *db).await?;
    for keys in claims.chunks(KEYS_PER_TRANSACTION) {
        let mut alone = alone(db).await?;
        sqlx::query("DELETE FROM claims WHERE key = ANY($1)").bind(keys).execute(&mut *alone).await?;
        alone.commit().await?;
    }
    for keys in looks.chunks(KEYS_PER_TRANSACTION) {
        let mut alone = alone(db).await?;
        let delete = sqlx::query("DELETE FROM looks WHERE key = ANY($1) AND jid = $2").bind(keys).bind(jid);
        delete.execute(&mut *alone).await?;
        alone.commit().await?;
    }
    Ok(())
}

/// A transaction beside which nobody else writes: what is deleted here must not come back.
async fn alone(db: &mut PgConnection) -> sqlx::Result<Transaction<'_, Postgres>> {
    let mut alone = db.begin().await?;
    sqlx::raw_sql(LOCK_OUT_THE_WRITER).execute(&mut *alone).await?;
    Ok(alone)
}
