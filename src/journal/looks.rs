//! Which addresses there are under each look, and which of them a contact has met first. Knows nothing of looks, they
//! are strings here, nor what they are good for.

use std::path::Path;

use jid::BareJid;
use sha2::{Digest, Sha256};
use sqlx::query_builder::QueryBuilder;
use sqlx::{Row, Sqlite, SqliteConnection};

use super::batch::{Key, Window};
use super::handle::{Closed, Journal, Op};
use super::open::{self, OpenError};

/// A row is not written again on the same day: ms.
const DAY: i64 = 24 * 3600 * 1000;

/// So many of those that look alike are compared. Nobody has more but by intent.
const MOST: u32 = 100;

/// So many of the newest invitations tell whom a contact knows: some ten milliseconds to read.
const NEWEST: i64 = 200_000;

/// An address, as the writer gets it.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) key: Key,
    pub(super) jid: String,
}

impl Journal {
    /// Remembers an address with this look; returns the others that have it, 100 at most.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn look_alikes(&self, jid: &str, look: &str) -> Result<Vec<String>, Closed> {
        let mut key = Key::default();
        key.copy_from_slice(&Sha256::digest(look)[..16]);
        let address = Address { key, jid: jid.to_owned() };
        self.ask(|answer| Op::LookAlikes { address, answer }).await
    }
}

/// See [`Journal::look_alikes`].
pub(super) async fn note(
    db: &mut SqliteConnection,
    address: &Address,
    remembered: Window,
) -> sqlx::Result<Vec<String>> {
    let Address { key, jid } = address;
    sqlx::query(
        "INSERT INTO looks (key, jid, at) VALUES (?, ?, ?) \
         ON CONFLICT (key, jid) DO UPDATE SET at = excluded.at WHERE at <= ?",
    )
    .bind(&key[..])
    .bind(jid)
    .bind(remembered.now)
    .bind(remembered.now - DAY)
    .execute(&mut *db)
    .await?;
    sqlx::query_scalar("SELECT jid FROM looks WHERE key = ? AND jid <> ? AND at > ? ORDER BY jid LIMIT ?")
        .bind(&key[..])
        .bind(jid)
        .bind(remembered.now - remembered.length)
        .bind(MOST)
        .fetch_all(db)
        .await
}

/// Which of these addresses a contact has met first, be it as a room or as an inviter, of the newest 200,000
/// invitations that reached anybody; `None`: none of them.
///
/// # Errors
/// See [`OpenError`].
pub async fn met_first(path: &Path, contact: &BareJid, jids: &[&str]) -> Result<Option<String>, OpenError> {
    let mut db = open::beside(path).await?;
    let mut sql = QueryBuilder::<Sqlite>::new(
        "SELECT room, inviter FROM history WHERE id > (SELECT coalesce(max(id), 0) FROM history) - ",
    );
    sql.push_bind(NEWEST).push(" AND state = 'relayed' AND contact = ").push_bind(contact.to_string());
    for (column, end) in [(" AND (room IN (", ") OR "), ("inviter IN (", ")) ORDER BY id LIMIT 1")] {
        sql.push(column);
        let mut list = sql.separated(", ");
        for jid in jids {
            list.push_bind((*jid).to_owned());
        }
        sql.push(end);
    }
    let failed = |e| open::database_error(path, e);
    let Some(row) = sql.build().fetch_optional(&mut db).await.map_err(failed)? else { return Ok(None) };
    let met = [row.try_get::<String, _>(0).map_err(failed)?, row.try_get(1).map_err(failed)?];
    Ok(met.into_iter().find(|met| jids.contains(&met.as_str())))
}

/// Forgets an address.
pub(super) async fn forget(db: &mut SqliteConnection, jid: &str) -> sqlx::Result<()> {
    // Addresses are as many as rooms and inviters, not as invitations.
    sqlx::query("DELETE FROM looks WHERE jid = ?").bind(jid).execute(db).await?;
    Ok(())
}
