//! What is asked of the stored claims, a batch at a time. What they mean: [`super::claim_memory`]; how they are stored:
//! [`super::store`]. Knows nothing of the writer's queue.

use std::collections::{HashMap, HashSet};

use super::claim::{Claim, Claimed, Held, Inviter, RoomPassword};
use super::claim_memory::Windows;
use super::nouns::{Key, Release};
use super::store::{Store, Stored};
use crate::model::Id;

/// Asks for contact and room for each invitation, in this order. One answer for each.
pub(super) async fn ask(
    store: &mut impl Store,
    claims: &[Claim],
    windows: Windows,
) -> sqlx::Result<Vec<Claimed>> {
    if claims.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<Key> = claims.iter().map(|claim| claim.key).collect();
    let mut stored = store.read_claims(&keys).await?;
    let mut under_way = store.under_way(&ids(&stored)).await?;
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
    store.write_claims(&changed).await?;
    Ok(answers)
}

/// The invitations that are remembered.
fn ids(stored: &HashMap<Key, Stored>) -> Vec<Id> {
    stored.values().flat_map(|stored| stored.memory.ids()).collect()
}

/// Which of these contacts and rooms are held against this inviter.
pub(super) async fn held(
    store: &mut impl Store,
    keys: &[Key],
    inviter: Inviter,
    password: RoomPassword,
    windows: Windows,
) -> sqlx::Result<Vec<Held>> {
    let stored = store.read_claims(keys).await?;
    let held = |key| {
        stored.get(key).map_or(Held::default(), |stored| stored.memory.holds(inviter, password, windows))
    };
    Ok(keys.iter().map(held).collect())
}

/// Gives up a claim, if this invitation still has it.
pub(super) async fn release(store: &mut impl Store, release: Release) -> sqlx::Result<()> {
    let Some(mut stored) = store.read_claims(&[release.key]).await?.remove(&release.key) else {
        return Ok(());
    };
    let before = stored.memory.clone();
    stored.memory.release(release.id);
    if stored.memory != before {
        store.write_claims(&[(release.key, &stored)]).await?;
    }
    Ok(())
}

/// Another invitation that reached the contact of this one, or is on its way there, takes over the membership that was added:
/// it is taken back only when none is left that needs it. Whether there is another.
pub(super) async fn pass_membership_on(store: &mut impl Store, from: Release) -> sqlx::Result<bool> {
    let stored = store.read_claims(&[from.key]).await?.remove(&from.key);
    let Some(heir) = stored.and_then(|stored| stored.memory.another(from.id)) else { return Ok(false) };
    store.pass_membership(from.id, heir).await?;
    Ok(true)
}
