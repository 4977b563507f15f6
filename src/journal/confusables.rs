//! Which addresses there are under each look, and which of them a contact has met first. Knows nothing of looks, they
//! are strings here, nor what they are good for.

use jid::BareJid;
use sha2::{Digest, Sha256};
use sqlx::SqliteConnection;

use super::batch::{Key, Window};
use super::handle::{Closed, Journal};
use super::op::{Address, Op};
use super::reader::JournalReader;
use super::retention::DAY_MS;
use super::schema::{self, OpenError};

/// So many of the newest invitations tell whom a contact knows: some ten milliseconds to read.
const MAX_INVITATIONS_SEARCHED: i64 = 200_000;

impl Journal {
    /// Remembers an address with this look; returns another one that has it, if there is any.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn look_alike(&self, jid: &str, look: &str) -> Result<Option<String>, Closed> {
        let address = Address { key: key(look), jid: jid.to_owned() };
        self.ask(|answer| Op::LookAlike { address, answer }).await
    }
}

fn key(look: &str) -> Key {
    let mut key = Key::default();
    key.copy_from_slice(&Sha256::digest(look)[..16]);
    key
}

/// See [`Journal::look_alike`].
pub(super) async fn note(
    db: &mut SqliteConnection,
    address: &Address,
    remembered: Window,
) -> sqlx::Result<Option<String>> {
    let Address { key, jid } = address;
    sqlx::query(
        "INSERT INTO looks (key, jid, at) VALUES (?, ?, ?) \
         ON CONFLICT (key, jid) DO UPDATE SET at = excluded.at WHERE at <= ?",
    )
    .bind(&key[..])
    .bind(jid)
    .bind(remembered.now)
    .bind(remembered.now - DAY_MS)
    .execute(&mut *db)
    .await?;
    sqlx::query_scalar("SELECT jid FROM looks WHERE key = ? AND jid <> ? AND at > ? LIMIT 1")
        .bind(&key[..])
        .bind(jid)
        .bind(remembered.now - remembered.length)
        .fetch_optional(db)
        .await
}

impl JournalReader {
    /// Which of the addresses with this look a contact has met first, be it as a room or as an inviter, of the newest 200,000
    /// invitations that reached anybody; `None`: none of them. The cost is bounded, so registering many
    /// look-alikes cannot hide the original.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn met_first(&self, contact: &BareJid, look: &str) -> Result<Option<String>, OpenError> {
        let path = &self.path;
        let mut db = schema::beside(path).await?;
        sqlx::query_scalar(
            "SELECT iif(EXISTS (SELECT 1 FROM looks WHERE key = ?1 AND jid = room), room, inviter) FROM history \
             WHERE id > (SELECT coalesce(max(id), 0) FROM history) - ?2 AND state = 'relayed' AND contact = ?3 \
             AND EXISTS (SELECT 1 FROM looks WHERE key = ?1 AND jid IN (room, inviter)) ORDER BY id LIMIT 1",
        )
        .bind(&key(look)[..])
        .bind(MAX_INVITATIONS_SEARCHED)
        .bind(contact.to_string())
        .fetch_optional(&mut db)
        .await
        .map_err(|e| schema::database_error(path, e))
    }
}

/// Forgets an address.
pub(super) async fn forget(db: &mut SqliteConnection, jid: &str) -> sqlx::Result<()> {
    // Addresses are as many as rooms and inviters, not as invitations.
    sqlx::query("DELETE FROM looks WHERE jid = ?").bind(jid).execute(db).await?;
    Ok(())
}
