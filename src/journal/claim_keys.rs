//! The keys of claims: digests, so that the journal need not be searched for names, and so that they are short.
//! Knows nothing of when a claim holds.

use blake2::{Blake2s256, Digest};
use sqlx::{Connection, SqliteConnection};
use tracing::info;

use super::batch::Key;

/// Bytes of a claim's key that stand for the contact, and for the room.
pub(super) const HALF_KEY_BYTES: usize = 8;

/// How keys are made now.
const FORM: i64 = 1;

/// Claims of an older form that are read at a time.
const ROWS_PER_STEP: i64 = 1000;

/// What stands for a contact and a room in `claims`: half of it for each, so that both can be forgotten.
pub(super) fn key(contact: &str, room: &str) -> Key {
    let mut key = Key::default();
    let (first, second) = key.split_at_mut(HALF_KEY_BYTES);
    first.copy_from_slice(&half(contact));
    second.copy_from_slice(&half(room));
    key
}

/// The part of the key that stands for this contact, or this room.
pub(super) fn half(jid: &str) -> [u8; HALF_KEY_BYTES] {
    let mut half = [0; HALF_KEY_BYTES];
    half.copy_from_slice(&Blake2s256::digest(jid)[..HALF_KEY_BYTES]);
    half
}

/// Key, time, invitation, contact, room.
type OldClaim = (Vec<u8>, i64, i64, Option<String>, Option<String>);

/// Makes keys of an older form anew, all of them or none. Claims whose invitation is not kept any more are dropped.
pub(super) async fn bring_up_to_date(db: &mut SqliteConnection) -> sqlx::Result<()> {
    let form: i64 = sqlx::query_scalar("SELECT claim_keys FROM journal").fetch_one(&mut *db).await?;
    if form >= FORM {
        return Ok(());
    }
    // No other relay can have done it meanwhile: the file is locked.
    let mut db = db.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query(
        "CREATE TABLE new_claims (key BLOB PRIMARY KEY, at INTEGER NOT NULL, invitation INTEGER NOT NULL) \
         STRICT, WITHOUT ROWID",
    )
    .execute(&mut *db)
    .await?;
    let (mut done, mut last) = (0_u64, Vec::new());
    loop {
        let claims: Vec<OldClaim> = sqlx::query_as(
            "SELECT key, at, invitation, coalesce(p.contact, h.contact), coalesce(p.room, h.room) FROM claims \
             LEFT JOIN pending p ON p.id = invitation LEFT JOIN history h ON h.id = invitation \
             WHERE key > ? ORDER BY key LIMIT ?",
        )
        .bind(last)
        .bind(ROWS_PER_STEP)
        .fetch_all(&mut *db)
        .await?;
        let Some((newest, ..)) = claims.last() else { break };
        last = newest.clone();
        for (_, at, invitation, contact, room) in &claims {
            let (Some(contact), Some(room)) = (contact, room) else { continue };
            sqlx::query("INSERT OR REPLACE INTO new_claims (key, at, invitation) VALUES (?, ?, ?)")
                .bind(&key(contact, room)[..])
                .bind(at)
                .bind(invitation)
                .execute(&mut *db)
                .await?;
            done += 1;
        }
    }
    for change in ["DROP TABLE claims", "ALTER TABLE new_claims RENAME TO claims"] {
        sqlx::query(change).execute(&mut *db).await?;
    }
    sqlx::query("UPDATE journal SET claim_keys = ?").bind(FORM).execute(&mut *db).await?;
    db.commit().await?;
    if done > 0 {
        info!(claims = done, "the journal's claims are brought up to date");
    }
    Ok(())
}
