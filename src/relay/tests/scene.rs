//! A relay beside a server with three rooms, of which alice is the owner: an open "tea" and "den", and a "cave" for members
//! only. Knows nothing of what a test tries.

use std::time::Duration;

use tempfile::TempDir;

use super::running::{Running, at_once, config, folder, runtime};
use super::world::{World, person, room};
use crate::journal::{Filter, JournalReader, Record};
use crate::wire::muc::Affiliation;

pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) struct Scene {
    folder: TempDir,
    pub(super) world: World,
    pub(super) running: Running,
    pub(super) count: usize,
}

impl Scene {
    pub(super) async fn new(more: &str) -> Self {
        let folder = folder();
        let mut world = World::default();
        for (name, members_only) in [("tea", false), ("den", false), ("cave", true)] {
            let host = world.rooms.entry(room(name)).or_default();
            host.members_only = members_only;
            host.affiliations.insert(person("alice"), Affiliation::Owner);
        }
        let mut running = Running::start(config(&folder, more)).await;
        World::connects(&mut running.server);
        let mut scene = Self { folder, world, running, count: 0 };
        scene.settles().await;
        scene
    }

    /// It is killed, and starts again.
    pub(super) async fn restarts(self, more: &str) -> Self {
        let Self { folder, mut world, running, count } = self;
        running.kill(&mut world).await;
        Self::starts(folder, world, count, more).await
    }

    /// It is stopped, and starts again.
    pub(super) async fn stops_and_starts(self, more: &str) -> Self {
        let Self { folder, mut world, running, count } = self;
        running.stop(&mut world).await;
        Self::starts(folder, world, count, more).await
    }

    async fn starts(folder: TempDir, world: World, count: usize, more: &str) -> Self {
        let mut running = Running::start(config(&folder, more)).await;
        World::connects(&mut running.server);
        Self { folder, world, running, count }
    }

    pub(super) fn sends(&mut self, inviter: &str, contact: &str, name: &str) {
        self.count += 1;
        let reason = format!("a{}", self.count);
        self.world.invite(&self.running.server, inviter, contact, name, &reason);
    }

    pub(super) async fn invites(&mut self, inviter: &str, contact: &str, name: &str) -> Record {
        self.sends(&person(inviter), contact, name);
        self.settles().await;
        self.last().await
    }

    pub(super) async fn settles(&mut self) {
        self.running.settles(&mut self.world).await;
    }

    pub(super) async fn passes(&mut self, time: Duration) {
        self.running.passes(&mut self.world, time).await;
        self.world.time_passes();
    }

    pub(super) async fn rows(&self) -> Vec<Record> {
        let reader = JournalReader::new(&self.folder.path().join("journal.db"));
        at_once(reader.history(&Filter { limit: 10_000, ..Filter::default() })).await.unwrap()
    }

    pub(super) async fn last(&self) -> Record {
        self.rows().await.swap_remove(0)
    }

    /// How often the contact has got one.
    pub(super) fn got(&self, contact: &str) -> usize {
        self.world.reached.iter().filter(|it| it.contact == person(contact)).count()
    }

    pub(super) async fn ends(mut self) {
        self.running.kill(&mut self.world).await;
    }
}

pub(super) fn plays(play: impl Future<Output = ()>) {
    runtime().block_on(play);
}
