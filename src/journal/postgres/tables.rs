//! The statements for preferences, groups, look-alikes and capability hashes. Knows nothing of what they mean.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::text::clean;
use crate::journal::client_caps::MAX_CLIENT_CAPS;
use crate::journal::groups::text;
use crate::journal::nouns::Window;
use crate::journal::op::{Address, Hash};
use crate::journal::retention::DAY_MS;
use crate::journal::rows::{group, preferences};
use crate::model::Preferences;
use crate::model::group::KeptGroup;

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
