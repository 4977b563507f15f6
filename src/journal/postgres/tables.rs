//! The statements for claims, preferences, groups, look-alikes and capability hashes. Knows nothing of what they mean.

use std::collections::HashMap;

use sqlx::{PgConnection, Row};

use super::text::clean;
use crate::journal::claim_memory::Memory;
use crate::journal::client_caps::MAX_CLIENT_CAPS;
use crate::journal::groups::text;
use crate::journal::nouns::{Key, Window};
use crate::journal::op::{Address, Hash};
use crate::journal::retention::DAY_MS;
use crate::journal::rows::{group, preferences};
use crate::journal::store::Stored;
use crate::model::group::KeptGroup;
use crate::model::{Id, Preferences};

/// What is remembered of these contacts and rooms.
pub(super) async fn read_claims(db: &mut PgConnection, keys: &[Key]) -> sqlx::Result<HashMap<Key, Stored>> {
    let mut found = HashMap::new();
    if keys.is_empty() {
        return Ok(found);
    }
    let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
    let rows = sqlx::query("SELECT key, at, memory FROM claims WHERE key = ANY($1)");
    for row in rows.bind(keys).fetch_all(db).await? {
        if let Ok(key) = Key::try_from(row.try_get::<&[u8], _>(0)?) {
            let memory = Memory::from_bytes(row.try_get(2)?, row.try_get(1)?);
            found.insert(key, Stored { row: None, memory });
        }
    }
    Ok(found)
}

/// Writes what has changed; where nothing is remembered any more the row goes.
pub(super) async fn write_claims(db: &mut PgConnection, changed: &[(Key, &Stored)]) -> sqlx::Result<()> {
    let gone: Vec<&[u8]> = changed
        .iter()
        .filter(|(_, stored)| stored.memory.newest().is_none())
        .map(|(key, _)| &key[..])
        .collect();
    if !gone.is_empty() {
        sqlx::query("DELETE FROM claims WHERE key = ANY($1)").bind(gone).execute(&mut *db).await?;
    }
    let kept: Vec<(&[u8], i64, &Memory)> = changed
        .iter()
        .filter_map(|(key, Stored { memory, .. })| Some((&key[..], memory.newest()?, memory)))
        .collect();
    if kept.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO claims (key, at, invitation, memory) \
         SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bytea[]) \
         ON CONFLICT (key) DO UPDATE SET at = excluded.at, invitation = excluded.invitation, memory = excluded.memory",
    )
    .bind(kept.iter().map(|(key, ..)| *key).collect::<Vec<_>>())
    .bind(kept.iter().map(|(_, at, _)| *at).collect::<Vec<_>>())
    .bind(kept.iter().map(|(.., memory)| memory.another(Id::MIN).unwrap_or(0)).collect::<Vec<_>>())
    .bind(kept.iter().map(|(_, at, memory)| memory.to_bytes(*at)).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// The preferences of these people; those who have the default are left out.
pub(super) async fn read_preferences(
    db: &mut PgConnection,
    people: &[&str],
) -> sqlx::Result<HashMap<String, Preferences>> {
    if people.is_empty() {
        return Ok(HashMap::new());
    }
    let people: Vec<_> = people.iter().copied().map(clean).collect();
    let rows = sqlx::query("SELECT person, takes, blocks FROM wishes WHERE person = ANY($1)");
    rows.bind(people).fetch_all(db).await?.iter().map(preferences).collect()
}

/// Writes a person's preferences; who has the default has no row.
pub(super) async fn write_preferences(
    db: &mut PgConnection,
    person: &str,
    preferences: &Preferences,
) -> sqlx::Result<()> {
    if *preferences == Preferences::default() {
        return forget_preferences(db, person).await.map(drop);
    }
    sqlx::query(
        "INSERT INTO wishes (person, takes, blocks) VALUES ($1, $2, $3) \
         ON CONFLICT (person) DO UPDATE SET takes = excluded.takes, blocks = excluded.blocks",
    )
    .bind(clean(person))
    .bind(preferences.accept_from.as_str())
    .bind(clean(&text(&preferences.blocks)))
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets a person's preferences; `false` if there were none.
pub(super) async fn forget_preferences(db: &mut PgConnection, person: &str) -> sqlx::Result<bool> {
    let done = sqlx::query("DELETE FROM wishes WHERE person = $1").bind(clean(person)).execute(db).await?;
    Ok(done.rows_affected() > 0)
}

/// All kept groups, ordered by name.
pub(super) async fn groups(db: &mut PgConnection) -> sqlx::Result<Vec<KeptGroup>> {
    let rows = sqlx::query("SELECT name, may_use, users, entries FROM groups ORDER BY name");
    rows.fetch_all(db).await?.iter().map(group).collect()
}

pub(super) async fn write_group(db: &mut PgConnection, group: &KeptGroup) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO groups (name, may_use, users, entries) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO UPDATE \
         SET may_use = excluded.may_use, users = excluded.users, entries = excluded.entries",
    )
    .bind(clean(&group.name))
    .bind(group.may_use.as_str())
    .bind(clean(&text(&group.users)))
    .bind(clean(&text(&group.entries)))
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn delete_group(db: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM groups WHERE name = $1").bind(clean(name)).execute(db).await?;
    Ok(())
}

/// Remembers an address. Returns another one with the same skeleton.
pub(super) async fn note_look(
    db: &mut PgConnection,
    address: &Address,
    remembered: Window,
) -> sqlx::Result<Option<String>> {
    let Address { key, jid } = address;
    let jid = clean(jid);
    sqlx::query(
        "INSERT INTO looks (key, jid, at) VALUES ($1, $2, $3) \
         ON CONFLICT (key, jid) DO UPDATE SET at = excluded.at WHERE looks.at <= $4",
    )
    .bind(&key[..])
    .bind(&*jid)
    .bind(remembered.now)
    .bind(remembered.now - DAY_MS)
    .execute(&mut *db)
    .await?;
    sqlx::query_scalar("SELECT jid FROM looks WHERE key = $1 AND jid <> $2 AND at > $3 ORDER BY jid LIMIT 1")
        .bind(&key[..])
        .bind(&*jid)
        .bind(remembered.now - remembered.length)
        .fetch_optional(db)
        .await
}

/// Notes that a hash was seen.
pub(super) async fn note_hash(db: &mut PgConnection, seen: &Hash, now: i64) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO hashes (hash, shows_direct, at) VALUES ($1, $2, $3) \
         ON CONFLICT (hash) DO UPDATE SET shows_direct = excluded.shows_direct, at = excluded.at \
         WHERE hashes.at <= $4 OR hashes.shows_direct <> excluded.shows_direct",
    )
    .bind(clean(&seen.hash))
    .bind(seen.shows_direct)
    .bind(now)
    .bind(now - DAY_MS)
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "DELETE FROM hashes WHERE hash IN \
         (SELECT hash FROM hashes ORDER BY at LIMIT greatest(0, (SELECT count(*) FROM hashes) - $1))",
    )
    .bind(i64::from(MAX_CLIENT_CAPS))
    .execute(db)
    .await?;
    Ok(())
}
