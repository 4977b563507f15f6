//! The claims that a batch is about: read once, changed in memory in the order of its operations, and written once. What they mean:
//! [`super::claim_memory`]; how they are stored: [`super::store`]. Knows nothing of the writer's queue.

use std::collections::{HashMap, HashSet};
use std::mem;

use super::claim::{Claim, Claimed, Held, Inviter, RoomPassword};
use super::claim_keys::key;
use super::claim_memory::Windows;
use super::nouns::{Key, Release, Sent};
use super::store::{Store, Stored};
use crate::model::{Arrival, Id, Outcome, Pending};

/// What is remembered of some contacts and rooms.
#[derive(Debug, Default)]
pub(super) struct Claims {
    stored: HashMap<Key, Stored>,
    /// Those that differ from what is stored; some more than once.
    changed: Vec<Key>,
}

impl Claims {
    /// As they are stored.
    pub(super) fn new(stored: HashMap<Key, Stored>) -> Self {
        Self { stored, changed: Vec::new() }
    }

    /// The invitations that are in the way of these, or may be.
    pub(super) fn in_the_way_of(&self, claims: &[Claim]) -> Vec<Id> {
        let stored = claims.iter().filter_map(|claim| self.stored.get(&claim.key));
        stored.flat_map(|stored| stored.memory.ids()).collect()
    }

    /// Asks for contact and room for each invitation, in this order. One answer for each. `under_way`: those of
    /// [`Self::in_the_way_of`] that have not ended.
    pub(super) fn ask(
        &mut self,
        claims: &[Claim],
        windows: Windows,
        mut under_way: HashSet<Id>,
    ) -> Vec<Claimed> {
        // Those that ask now have not ended either.
        under_way.extend(claims.iter().map(|claim| claim.id));
        let mut answers = Vec::with_capacity(claims.len());
        for claim in claims {
            let memory = &mut self.stored.entry(claim.key).or_default().memory;
            let before = memory.clone();
            answers.push(memory.ask(claim, windows, &under_way));
            if *memory != before {
                self.changed.push(claim.key);
            }
        }
        answers
    }

    /// Which of these contacts and rooms are held against this inviter.
    pub(super) fn held(
        &self,
        keys: &[Key],
        inviter: Inviter,
        password: RoomPassword,
        windows: Windows,
    ) -> Vec<Held> {
        let held = |key| {
            let stored: Option<&Stored> = self.stored.get(key);
            stored.map_or(Held::default(), |stored| stored.memory.holds(inviter, password, windows))
        };
        keys.iter().map(held).collect()
    }

    /// Gives up a claim, if this invitation still has it.
    pub(super) fn release(&mut self, release: Release) {
        let Some(Stored { memory, .. }) = self.stored.get_mut(&release.key) else { return };
        let before = memory.clone();
        memory.release(release.id);
        if *memory != before {
            self.changed.push(release.key);
        }
    }

    /// Another invitation that reached the contact of this one, or is on its way there, takes over the membership that was added:
    /// it is taken back only when none is left that needs it. Whether there is another.
    pub(super) async fn pass_membership_on(
        &self,
        store: &mut impl Store,
        from: Release,
    ) -> sqlx::Result<bool> {
        let stored = self.stored.get(&from.key);
        let Some(heir) = stored.and_then(|stored| stored.memory.another(from.id)) else { return Ok(false) };
        store.pass_membership(from.id, heir).await?;
        Ok(true)
    }

    /// What has come back. Another invitation takes over the membership that was added for it, and its claim is given up.
    pub(super) async fn bounce(
        &mut self,
        store: &mut impl Store,
        outcome: &Outcome,
        sent: &Sent,
        now: i64,
    ) -> sqlx::Result<Option<Pending>> {
        let Some(mut bounced) = store.bounce(outcome, sent, now).await? else { return Ok(None) };
        let Arrival { contact, room, .. } = &bounced.arrival;
        let release = Release { key: key(contact, room), id: outcome.id };
        // Whose it is was not known before.
        if !self.stored.contains_key(&release.key) {
            self.stored.extend(store.read_claims(&[release.key]).await?);
        }
        bounced.added = bounced.added && !self.pass_membership_on(store, release).await?;
        self.release(release);
        Ok(Some(bounced))
    }

    /// What is to be written, once: it counts as written from now on, and none of these may change any more.
    pub(super) fn take_changed(&mut self) -> Vec<(Key, &Stored)> {
        let mut changed = mem::take(&mut self.changed);
        // In the order of PostgreSQL's index.
        changed.sort_unstable();
        changed.dedup();
        changed.into_iter().filter_map(|key| Some((key, self.stored.get(&key)?))).collect()
    }
}
