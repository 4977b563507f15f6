//! What is asked of the stored claims, a batch at a time. What they mean: [`super::claim_memory`]; how they are stored:
//! [`super::claim_store`]. Knows nothing of the writer's queue.

use std::collections::{HashMap, HashSet};

use sqlx::{Row, SqliteConnection};

use super::batch::Key;
use super::claim::{Claim, Claimed, Held, Inviter, RoomPassword};
use super::claim_memory::Windows;
use super::claim_store::{ClaimStore, Stored};
use super::statement::{Statement, Values};
use crate::model::Id;

/// The invitation that gives a claim up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Release {
    pub(super) key: Key,
    pub(super) id: Id,
}

/// Asks for contact and room for each invitation, in this order. One answer for each.
pub(super) async fn ask(
    store: &mut ClaimStore,
    db: &mut SqliteConnection,
    claims: &[Claim],
    windows: Windows,
) -> sqlx::Result<Vec<Claimed>> {
    if claims.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<Key> = claims.iter().map(|claim| claim.key).collect();
    let mut stored = store.read(db, &keys).await?;
    let mut under_way = under_way(db, &stored).await?;
    // Those that ask now have not ended either.
    under_way.extend(claims.iter().map(|claim| claim.id));
    let mut changed = HashSet::new();
    let mut answers = Vec::with_capacity(claims.len());
    for claim in claims {
        let memory = &mut stored.entry(claim.key).or_default().memory;
        let before = memory.clone();
        answers.push(memory.ask(claim, windows, &under_way));
        if *memory != before {
            changed.insert(claim.key);
        }
    }
    let changed: Vec<_> = changed.into_iter().map(|key| (key, &stored[&key])).collect();
    store.write(db, &changed).await?;
    Ok(answers)
}

/// Which of these contacts and rooms are held against this inviter.
pub(super) async fn held(
    store: &ClaimStore,
    db: &mut SqliteConnection,
    keys: &[Key],
    inviter: Inviter,
    password: RoomPassword,
    windows: Windows,
) -> sqlx::Result<Vec<Held>> {
    let stored = store.read(db, keys).await?;
    let held = |key| {
        stored.get(key).map_or(Held::default(), |stored| stored.memory.holds(inviter, password, windows))
    };
    Ok(keys.iter().map(held).collect())
}

/// Gives up a claim, if this invitation still has it.
pub(super) async fn release(
    store: &mut ClaimStore,
    db: &mut SqliteConnection,
    release: Release,
) -> sqlx::Result<()> {
    let Some(mut stored) = store.read(db, &[release.key]).await?.remove(&release.key) else { return Ok(()) };
    let before = stored.memory.clone();
    stored.memory.release(release.id);
    if stored.memory != before {
        store.write(db, &[(release.key, &stored)]).await?;
    }
    Ok(())
}

/// Another invitation that reached the contact of this one, or is on its way there, takes over the membership that was added:
/// it is taken back only when none is left that needs it. Whether there is another.
pub(super) async fn pass_membership_on(
    store: &ClaimStore,
    db: &mut SqliteConnection,
    from: Release,
) -> sqlx::Result<bool> {
    let stored = store.read(db, &[from.key]).await?.remove(&from.key);
    let Some(heir) = stored.and_then(|stored| stored.memory.another(from.id)) else { return Ok(false) };
    for (change, id) in [
        ("UPDATE pending SET added = 1 WHERE id = ?", heir),
        ("UPDATE history SET added = 1 WHERE id = ?", heir),
        ("UPDATE pending SET added = 0 WHERE id = ?", from.id),
    ] {
        sqlx::query(change).bind(id).execute(&mut *db).await?;
    }
    Ok(true)
}

static UNDER_WAY: Statement = Statement::new("SELECT id FROM pending WHERE id IN (", 1, ")");

/// Which of the invitations that are remembered have not ended.
async fn under_way(db: &mut SqliteConnection, stored: &HashMap<Key, Stored>) -> sqlx::Result<HashSet<Id>> {
    let ids: Vec<Id> = stored.values().flat_map(|stored| stored.memory.ids()).collect();
    let mut under_way = HashSet::new();
    for piece in Statement::pieces(&ids) {
        let sql = UNDER_WAY.of(piece, Values::default(), |row, id| row.push(*id).map(drop));
        for row in sql?.fetch_all(&mut *db).await? {
            under_way.insert(row.try_get(0)?);
        }
    }
    Ok(under_way)
}
