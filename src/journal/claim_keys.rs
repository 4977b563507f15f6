//! The keys of claims: digests of contact and room, which are short and hold no names. Knows nothing of when a claim holds.

use blake2::digest::Mac;
use blake2::digest::consts::U2;
use blake2::{Blake2s256, Blake2sMac, Digest};
use sqlx::{Connection, SqliteConnection};
use tracing::info;

use super::nouns::Key;

/// How many bytes of a key stand for the contact, and how many for the room.
pub(super) const HALF_KEY_BYTES: usize = 8;

/// The version of how keys are computed.
const CLAIM_KEY_FORM: i64 = 1;

/// How many claims of an older version are read at a time.
const CLAIMS_PER_STEP: i64 = 1000;

/// The key for a contact and a room. Half of it stands for each, so that either can be forgotten.
pub(super) fn key(contact: &str, room: &str) -> Key {
    let mut key = Key::default();
    let (first, second) = key.split_at_mut(HALF_KEY_BYTES);
    first.copy_from_slice(&half(contact));
    second.copy_from_slice(&half(room));
    key
}

/// The half of a key that stands for this contact, or this room.
pub(super) fn half(jid: &str) -> [u8; HALF_KEY_BYTES] {
    let mut half = [0; HALF_KEY_BYTES];
    half.copy_from_slice(&Blake2s256::digest(jid)[..HALF_KEY_BYTES]);
    half
}

/// A digest of a room's password. Of 16 bits: enough to see that it is another one, and too few to find it by trying.
pub(super) fn of_password(salt: &[u8], room: &str, password: &str) -> u16 {
    let mut digest = [0; 2];
    // A journal's salt is 16 bytes, so there is a digest.
    if let Ok(mac) = Blake2sMac::<U2>::new_from_slice(salt) {
        let digested = mac.chain_update(room).chain_update([0]).chain_update(password).finalize();
        digest.copy_from_slice(&digested.into_bytes());
    }
    u16::from_le_bytes(digest)
}

/// Key, time, invitation, contact, room.
type OldClaim = (Vec<u8>, i64, i64, Option<String>, Option<String>);

/// Computes keys of an older version anew, all of them or none. Claims whose invitation is not kept any more are deleted.
pub(super) async fn convert_old_keys(db: &mut SqliteConnection) -> sqlx::Result<()> {
    let form: i64 = sqlx::query_scalar("SELECT claim_keys FROM journal").fetch_one(&mut *db).await?;
    if form >= CLAIM_KEY_FORM {
        return Ok(());
    }
    // No other relay can have done this meanwhile: the file is locked.
    let mut db = db.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query(
        "CREATE TABLE new_claims (key BLOB PRIMARY KEY, at INTEGER NOT NULL, invitation INTEGER NOT NULL, \
         memory BLOB) STRICT, WITHOUT ROWID",
    )
    .execute(&mut *db)
    .await?;
    let (mut done, mut last) = (0_u64, Vec::new());
    loop {
        let claims: Vec<OldClaim> = sqlx::query_as(
            "SELECT key, at, invitation, coalesce(p.contact, h.contact), coalesce(p.room, h.room) FROM older_claims \
             LEFT JOIN pending p ON p.id = invitation LEFT JOIN history h ON h.id = invitation \
             WHERE key > ? ORDER BY key LIMIT ?",
        )
        .bind(last)
        .bind(CLAIMS_PER_STEP)
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
    for change in ["DROP TABLE older_claims", "ALTER TABLE new_claims RENAME TO older_claims"] {
        sqlx::query(change).execute(&mut *db).await?;
    }
    sqlx::query("UPDATE journal SET claim_keys = ?").bind(CLAIM_KEY_FORM).execute(&mut *db).await?;
    db.commit().await?;
    if done > 0 {
        info!(claims = done, "the journal's claims are brought up to date");
    }
    Ok(())
}
