//! Which addresses share a skeleton (they look alike), and which of them a contact has met first. Skeletons are strings
//! here; knows nothing of how they are computed, nor of what follows.

use jid::BareJid;
use sha2::{Digest, Sha256};
use sqlx::SqliteConnection;

use super::connection::on_either;
use super::handle::{Journal, JournalClosed};
use super::nouns::{Key, Window};
use super::op::{Address, Op};
use super::open_error::OpenError;
use super::reader::JournalReader;
use super::retention::DAY_MS;

/// How many of the newest invitations are searched for whom a contact has met; it takes some ten milliseconds.
const MAX_INVITATIONS_SEARCHED: i64 = 200_000;

impl Journal {
    /// Remembers an address with this skeleton. Returns another address with the same skeleton, if there is one.
    ///
    /// # Errors
    /// [`JournalClosed`]: the writer has ended.
    pub async fn look_alike(&self, jid: &str, skeleton: &str) -> Result<Option<String>, JournalClosed> {
        let address = Address { key: key(skeleton), jid: jid.to_owned() };
        self.ask(|answer| Op::LookAlike { address, answer }).await
    }
}

fn key(skeleton: &str) -> Key {
    let mut key = Key::default();
    key.copy_from_slice(&Sha256::digest(skeleton)[..16]);
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
    /// Which of the addresses with this skeleton a contact has met first, as a room or as an inviter; `None` if they have
    /// met none. Only the newest 200,000 invitations are searched, so registering many look-alikes cannot make this slow.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read; each variant says what to do.
    pub async fn met_first(&self, contact: &BareJid, skeleton: &str) -> Result<Option<String>, OpenError> {
        const MET_FIRST: &str = "SELECT CASE WHEN EXISTS (SELECT 1 FROM looks WHERE key = $1 AND jid = room) THEN room \
             ELSE inviter END FROM history \
             WHERE id > (SELECT coalesce(max(id), 0) FROM history) - $2 AND state = 'relayed' AND contact = $3 \
             AND EXISTS (SELECT 1 FROM looks WHERE key = $1 AND jid IN (room, inviter)) ORDER BY id LIMIT 1";
        let (key, contact) = (key(skeleton), contact.to_string());
        self.read(async |db| {
            on_either!(db, db => {
                let met = sqlx::query_scalar(MET_FIRST).bind(&key[..]).bind(MAX_INVITATIONS_SEARCHED);
                met.bind(contact).fetch_optional(db).await
            })
        })
        .await
    }
}

/// Forgets an address.
pub(super) async fn forget(db: &mut SqliteConnection, jid: &str) -> sqlx::Result<()> {
    // There are as many rows as rooms and inviters, far fewer than invitations, so no index is needed.
    sqlx::query("DELETE FROM looks WHERE jid = ?").bind(jid).execute(db).await?;
    Ok(())
}
