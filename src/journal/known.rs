//! Which rooms and people somebody knows from the invitations that reached him, each under its look: of all addresses
//! that look alike he knows the first. Knows nothing of looks, they are strings here, nor what they are good for.

use std::collections::HashMap;
use std::path::Path;

use jid::BareJid;
use sha2::{Digest, Sha256};
use sqlx::query_builder::QueryBuilder;
use sqlx::{Connection, Row, Sqlite, SqliteConnection};

use super::Outcome;
use super::batch::{Key, chunks};
use super::handle::{Closed, Journal, Op};
use super::open::{self, OpenError};

/// Rows that `forget` looks at in one transaction, so that a running relay never waits long.
const STEP: u32 = 5000;

/// A row is not written again for an invitation of the same day: ms.
const DAY: i64 = 24 * 3600 * 1000;

/// Bytes of a key that stand for the contact.
const CONTACTS: usize = 8;

/// A room or a person, and the look of the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acquaintance {
    /// The bare JID.
    pub jid: String,
    /// The same for all that look alike.
    pub look: String,
}

/// What is kept of an [`Acquaintance`].
#[derive(Debug)]
pub(super) struct Known {
    key: Key,
    jid: String,
}

impl Journal {
    /// Whom somebody knows under each of these looks.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn known(&self, contact: &str, looks: &[&str]) -> Result<Vec<Option<String>>, Closed> {
        let keys = looks.iter().map(|look| key(contact, look)).collect();
        self.ask(|answer| Op::Known { keys, answer }).await
    }

    /// Like [`Self::settle`]; and from now on the contact knows these, under looks under which he knew nobody.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn settle_known(
        &self,
        outcome: Outcome,
        contact: &str,
        acquaintances: Vec<Acquaintance>,
    ) -> Result<(), Closed> {
        let known = |Acquaintance { jid, look }| Known { key: key(contact, &look), jid };
        let known = acquaintances.into_iter().map(known).collect();
        self.ask(|answer| Op::Settle { outcome, release: None, known, answer }).await
    }
}

/// For how long somebody is known: ms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory {
    pub(super) now: i64,
    pub(super) retention: i64,
}

/// Whom these keys stand for.
pub(super) async fn read(
    db: &mut SqliteConnection,
    keys: &[Key],
    memory: Memory,
) -> sqlx::Result<HashMap<Key, String>> {
    let mut found = HashMap::new();
    for chunk in chunks(keys) {
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT key, jid FROM known WHERE at > ");
        sql.push_bind(memory.now - memory.retention).push(" AND key IN (");
        let mut list = sql.separated(", ");
        for key in chunk {
            list.push_bind(&key[..]);
        }
        sql.push(")");
        for row in sql.build().fetch_all(&mut *db).await? {
            let key: &[u8] = row.try_get(0)?;
            if let Ok(key) = Key::try_from(key) {
                found.insert(key, row.try_get(1)?);
            }
        }
    }
    Ok(found)
}

/// Remembers these, where nobody else has the place.
pub(super) async fn learn(db: &mut SqliteConnection, known: &[&Known], memory: Memory) -> sqlx::Result<()> {
    for chunk in chunks(known) {
        let mut sql = QueryBuilder::<Sqlite>::new("INSERT INTO known (key, jid, at) ");
        sql.push_values(chunk, |mut row, known| {
            row.push_bind(&known.key[..]).push_bind(known.jid.as_str()).push_bind(memory.now);
        });
        sql.push(" ON CONFLICT (key) DO UPDATE SET jid = excluded.jid, at = excluded.at WHERE at <= ");
        sql.push_bind(memory.now - memory.retention);
        sql.push(" OR (jid = excluded.jid AND at <= ").push_bind(memory.now - DAY).push(")");
        sql.build().execute(&mut *db).await?;
    }
    Ok(())
}

/// Forgets whom somebody knows, and that others know him.
pub(super) async fn forget(db: &mut SqliteConnection, jid: &str) -> sqlx::Result<()> {
    let [first, last] = keys_of(jid);
    sqlx::query("DELETE FROM known WHERE key BETWEEN ? AND ?")
        .bind(&first[..])
        .bind(&last[..])
        .execute(&mut *db)
        .await?;
    let mut cursor = Vec::new();
    loop {
        let mut tx = db.begin_with("BEGIN IMMEDIATE").await?;
        let last: Option<Vec<u8>> = sqlx::query_scalar(
            "SELECT max(key) FROM (SELECT key FROM known WHERE key > ? ORDER BY key LIMIT ?)",
        )
        .bind(&cursor[..])
        .bind(STEP)
        .fetch_one(&mut *tx)
        .await?;
        let Some(last) = last else { return tx.rollback().await };
        sqlx::query("DELETE FROM known WHERE key > ? AND key <= ? AND jid = ?")
            .bind(&cursor[..])
            .bind(&last[..])
            .bind(jid)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        cursor = last;
    }
}

/// Whom somebody knows, those who invited him last first; at most so many.
///
/// # Errors
/// See [`OpenError`].
pub async fn acquaintances(path: &Path, contact: &BareJid, limit: u32) -> Result<Vec<String>, OpenError> {
    let mut db = open::beside(path).await?;
    let [first, last] = keys_of(contact.as_str());
    sqlx::query_scalar("SELECT jid FROM known WHERE key BETWEEN ? AND ? ORDER BY at DESC, jid LIMIT ?")
        .bind(&first[..])
        .bind(&last[..])
        .bind(limit)
        .fetch_all(&mut db)
        .await
        .map_err(|e| open::database_error(path, e))
}

fn key(contact: &str, look: &str) -> Key {
    let mut key = Key::default();
    let (whose, whom) = key.split_at_mut(CONTACTS);
    whose.copy_from_slice(&Sha256::digest(contact)[..whose.len()]);
    whom.copy_from_slice(&Sha256::digest(look)[..whom.len()]);
    key
}

/// The smallest and the largest key of a contact.
fn keys_of(contact: &str) -> [Key; 2] {
    let mut keys = [[0; 16], [0xff; 16]];
    for key in &mut keys {
        key[..CONTACTS].copy_from_slice(&Sha256::digest(contact)[..CONTACTS]);
    }
    keys
}
