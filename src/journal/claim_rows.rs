//! The rows of claims: read, asked, written back, a batch at a time. What they mean: [`super::claim_memory`].
//! Knows nothing of the writer's queue.

use std::collections::{HashMap, HashSet};

use sqlx::query_builder::QueryBuilder;
use sqlx::{Row, Sqlite, SqliteConnection};

use super::batch::{Key, chunks, push_rows};
use super::claim::{Claim, Claimed, Held, Inviter};
use super::claim_memory::{Memory, Windows};
use crate::model::Id;

/// The invitation that gives a claim up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Release {
    pub(super) key: Key,
    pub(super) id: Id,
}

/// Asks for contact and room for each invitation, in this order. One answer for each.
pub(super) async fn ask(
    db: &mut SqliteConnection,
    claims: &[Claim],
    windows: Windows,
) -> sqlx::Result<Vec<Claimed>> {
    if claims.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<Key> = claims.iter().map(|claim| claim.key).collect();
    let mut memories = read(db, &keys).await?;
    let mut under_way = under_way(db, &memories).await?;
    // Those that ask now have not ended either.
    under_way.extend(claims.iter().map(|claim| claim.id));
    let mut changed = HashSet::new();
    let mut answers = Vec::with_capacity(claims.len());
    for claim in claims {
        let memory = memories.entry(claim.key).or_default();
        let before = memory.clone();
        answers.push(memory.ask(claim, windows, &under_way));
        if *memory != before {
            changed.insert(claim.key);
        }
    }
    let changed: Vec<_> = changed.into_iter().map(|key| (key, &memories[&key])).collect();
    write(db, &changed).await?;
    Ok(answers)
}

/// Which of these contacts and rooms are held against this inviter.
pub(super) async fn held(
    db: &mut SqliteConnection,
    keys: &[Key],
    inviter: Inviter,
    windows: Windows,
) -> sqlx::Result<Vec<Held>> {
    let memories = read(db, keys).await?;
    let held = |key| memories.get(key).map_or(Held::default(), |memory| memory.holds(inviter, windows));
    Ok(keys.iter().map(held).collect())
}

/// Gives up a claim, if this invitation still has it.
pub(super) async fn release(db: &mut SqliteConnection, release: Release) -> sqlx::Result<()> {
    let Some(mut memory) = read(db, &[release.key]).await?.remove(&release.key) else { return Ok(()) };
    let before = memory.clone();
    memory.release(release.id);
    if memory != before {
        write(db, &[(release.key, &memory)]).await?;
    }
    Ok(())
}

/// Another invitation that reached the contact of this one, or is on its way there, takes over the membership that was added:
/// it is taken back only when none is left that needs it. Whether there is another.
pub(super) async fn pass_membership_on(db: &mut SqliteConnection, from: Release) -> sqlx::Result<bool> {
    let memory = read(db, &[from.key]).await?.remove(&from.key);
    let Some(heir) = memory.and_then(|memory| memory.another(from.id)) else { return Ok(false) };
    for (change, id) in [
        ("UPDATE pending SET added = 1 WHERE id = ?", heir),
        ("UPDATE history SET added = 1 WHERE id = ?", heir),
        ("UPDATE pending SET added = 0 WHERE id = ?", from.id),
    ] {
        sqlx::query(change).bind(id).execute(&mut *db).await?;
    }
    Ok(true)
}

async fn read(db: &mut SqliteConnection, keys: &[Key]) -> sqlx::Result<HashMap<Key, Memory>> {
    let mut memories = HashMap::new();
    for chunk in chunks(keys) {
        let mut sql =
            QueryBuilder::<Sqlite>::new("SELECT key, at, invitation, memory FROM claims WHERE key IN (");
        push_rows(&mut sql, chunk, 1, |mut row, key| {
            row.push_bind(&key[..]);
        });
        sql.push(")");
        for row in sql.build().fetch_all(&mut *db).await? {
            let (key, at): (&[u8], i64) = (row.try_get(0)?, row.try_get(1)?);
            let memory = match row.try_get::<Option<&[u8]>, _>(3)? {
                Some(bytes) => Memory::from_bytes(bytes, at),
                None => Memory::of_older(at, row.try_get(2)?),
            };
            if let Ok(key) = Key::try_from(key) {
                memories.insert(key, memory);
            }
        }
    }
    Ok(memories)
}

/// Which of the invitations that are remembered have not ended.
async fn under_way(db: &mut SqliteConnection, memories: &HashMap<Key, Memory>) -> sqlx::Result<HashSet<Id>> {
    let ids: Vec<Id> = memories.values().flat_map(Memory::ids).collect();
    let mut under_way = HashSet::new();
    for chunk in chunks(&ids) {
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT id FROM pending WHERE id IN (");
        push_rows(&mut sql, chunk, 1, |mut row, id| {
            row.push_bind(*id);
        });
        sql.push(")");
        for row in sql.build().fetch_all(&mut *db).await? {
            under_way.insert(row.try_get(0)?);
        }
    }
    Ok(under_way)
}

/// Writes them back; where nothing is remembered any more the row goes.
async fn write(db: &mut SqliteConnection, changed: &[(Key, &Memory)]) -> sqlx::Result<()> {
    let kept: Vec<_> = changed
        .iter()
        .filter_map(|(key, memory)| {
            let newest = memory.newest()?;
            Some((key, newest, memory.another(Id::MIN).unwrap_or(0), memory.to_bytes(newest)))
        })
        .collect();
    for chunk in chunks(&kept) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "INSERT OR REPLACE INTO claims (key, at, invitation, memory) SELECT * FROM (",
        );
        push_rows(&mut sql, chunk, 4, |mut row, (key, at, id, memory)| {
            row.push_bind(&key[..]).push_bind(*at).push_bind(*id).push_bind(&memory[..]);
        });
        sql.push(") WHERE column1 IS NOT NULL");
        sql.build().execute(&mut *db).await?;
    }
    for (key, _) in changed.iter().filter(|(_, memory)| memory.newest().is_none()) {
        sqlx::query("DELETE FROM claims WHERE key = ?").bind(&key[..]).execute(&mut *db).await?;
    }
    Ok(())
}
