//! What is stored is what is read, across blocks, restarts, transactions that were not committed, and rows that are deleted by
//! others.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;

use proptest::prelude::*;
use sqlx::SqliteConnection;
use tempfile::TempDir;

use super::claim::Claim;
use super::claim_memory::{Memory, Windows};
use super::claim_store::ClaimStore;
use super::nouns::Key;
use super::schema;
use super::store::Stored;
use crate::model::Id;

/// A journal, of which only the claims are used.
struct Scene {
    db: SqliteConnection,
    store: ClaimStore,
    _lock: File,
    _folder: TempDir,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (db, lock) = schema::for_writing(&folder.path().join("journal.db")).await.unwrap();
        Self { db, store: ClaimStore::new(vec![7; 16]), _lock: lock, _folder: folder }
    }

    async fn sql(&mut self, sql: &'static str) {
        sqlx::query(sql).execute(&mut self.db).await.unwrap();
    }

    async fn begin(&mut self) {
        self.store.begin(&mut self.db).await.unwrap();
        self.sql("BEGIN IMMEDIATE").await;
    }

    async fn commit(&mut self) {
        self.sql("COMMIT").await;
        self.store.commit();
    }

    async fn read(&mut self, key: Key) -> Stored {
        self.store.read(&mut self.db, &[key]).await.unwrap().remove(&key).unwrap_or_default()
    }

    async fn put(&mut self, keys: &[Key], id: Id) {
        let mut found = self.store.read(&mut self.db, keys).await.unwrap();
        for key in keys {
            found.entry(*key).or_default().memory = memory(*key, id);
        }
        let changed: Vec<_> = keys.iter().map(|key| (*key, &found[key])).collect();
        self.store.write(&mut self.db, &changed).await.unwrap();
    }

    async fn release(&mut self, key: Key) {
        let mut stored = self.read(key).await;
        stored.memory = Memory::default();
        self.store.write(&mut self.db, &[(key, &stored)]).await.unwrap();
    }

    /// As the sweep of the maintenance does it.
    async fn sweep(&mut self, rows: i64) {
        sqlx::query("DELETE FROM claims WHERE id IN (SELECT id FROM claims ORDER BY id LIMIT ?)")
            .bind(rows)
            .execute(&mut self.db)
            .await
            .unwrap();
        self.store.sweep(&mut self.db).await.unwrap();
    }

    async fn ids(&mut self) -> BTreeMap<Key, Id> {
        let rows: Vec<(Vec<u8>, Id)> = sqlx::query_as(
            "SELECT key, invitation FROM claims UNION ALL SELECT key, invitation FROM older_claims",
        )
        .fetch_all(&mut self.db)
        .await
        .unwrap();
        let count = rows.len();
        let ids: BTreeMap<_, _> =
            rows.into_iter().map(|(key, id)| (Key::try_from(key).unwrap(), id)).collect();
        assert_eq!(ids.len(), count, "two rows of one key");
        ids
    }
}

/// A memory of one invitation.
fn memory(key: Key, id: Id) -> Memory {
    let mut memory = Memory::default();
    let claim = Claim::ordinary(key, id, [1; 8]);
    memory.ask(&claim, Windows { now: 1_800_000_000_000, first: 1 }, &HashSet::new());
    memory
}

fn key(number: u32) -> Key {
    let mut key = [3; 16];
    key[4..8].copy_from_slice(&number.to_le_bytes());
    key[8..12].copy_from_slice(&(number % 7).to_le_bytes());
    key
}

#[derive(Debug, Clone)]
enum Step {
    /// Writes these, in one transaction, which is committed or not.
    Put(Vec<u32>, bool),
    Release(u32, bool),
    /// Another process deletes it.
    Forget(u32),
    Sweep(i64),
    /// The process is killed, and another one begins.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let committed = prop::bool::weighted(0.8);
    let step = prop_oneof![
        6 => (prop::collection::btree_set(0..60_u32, 1..40), committed)
            .prop_map(|(keys, committed)| Step::Put(keys.into_iter().collect(), committed)),
        2 => (0..60_u32, committed).prop_map(|(key, committed)| Step::Release(key, committed)),
        1 => (0..60_u32).prop_map(Step::Forget),
        2 => (0..50_i64).prop_map(Step::Sweep),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..30)
}

/// What is remembered is what was written last and committed. Older claims are those of the keys below `older`.
async fn agree(steps: &[Step], older: u32) -> Result<(), TestCaseError> {
    let mut scene = Scene::new().await;
    let mut model = BTreeMap::new();
    for number in 0..older {
        sqlx::query("INSERT INTO older_claims (key, at, invitation) VALUES (?, 1800000000000, 1)")
            .bind(&key(number)[..])
            .execute(&mut scene.db)
            .await
            .unwrap();
        model.insert(key(number), 1);
    }
    for (id, step) in (2..).zip(steps) {
        match step {
            Step::Put(numbers, committed) => {
                let keys: Vec<Key> = numbers.iter().map(|number| key(*number)).collect();
                scene.begin().await;
                scene.put(&keys, id).await;
                prop_assert_eq!(
                    scene.read(keys[0]).await.memory.another(0),
                    Some(id),
                    "within the transaction"
                );
                if *committed {
                    scene.commit().await;
                    model.extend(keys.iter().map(|key| (*key, id)));
                } else {
                    scene.sql("ROLLBACK").await;
                }
            }
            Step::Release(number, committed) => {
                scene.begin().await;
                scene.release(key(*number)).await;
                if *committed {
                    scene.commit().await;
                    model.remove(&key(*number));
                } else {
                    scene.sql("ROLLBACK").await;
                }
            }
            Step::Forget(number) => {
                for sql in ["DELETE FROM claims WHERE key = ?", "DELETE FROM older_claims WHERE key = ?"] {
                    sqlx::query(sql).bind(&key(*number)[..]).execute(&mut scene.db).await.unwrap();
                }
                model.remove(&key(*number));
            }
            Step::Sweep(rows) => {
                scene.sweep(*rows).await;
                let left = scene.ids().await;
                model.retain(|key, _| left.contains_key(key));
            }
            Step::Restart => scene.store = ClaimStore::new(vec![7; 16]),
        }
        prop_assert_eq!(&scene.ids().await, &model);
        scene.begin().await;
        for number in 0..60 {
            let found = scene.read(key(number)).await.memory.another(0);
            prop_assert_eq!(found, model.get(&key(number)).copied(), "{} after {:?}", number, step);
        }
        scene.commit().await;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_was_committed_last_is_remembered(steps in steps(), older in prop_oneof![Just(0_u32), 0..60_u32]) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(agree(&steps, older))?;
    }
}

#[tokio::test]
async fn a_batch_of_claims_changes_few_pages_however_many_there_are() {
    let mut scene = Scene::new().await;
    let all: Vec<Key> = (0..20_000).map(key).collect();
    scene.begin().await;
    scene.put(&all, 1).await;
    scene.commit().await;
    scene.sql("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let batch: Vec<Key> = (20_000..20_200).map(key).collect();
    scene.begin().await;
    scene.put(&batch, 2).await;
    scene.commit().await;
    let (_, pages, _): (i64, i64, i64) =
        sqlx::query_as("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(&mut scene.db).await.unwrap();
    assert!(pages < 20, "{pages} pages for 200 claims");
}

#[tokio::test]
async fn what_was_swept_leaves_nothing_behind() {
    let mut scene = Scene::new().await;
    for round in 0..5 {
        let keys: Vec<Key> = (0..100).map(|number| key(round * 100 + number)).collect();
        scene.begin().await;
        scene.put(&keys, 1).await;
        scene.commit().await;
        scene.sweep(100).await;
    }
    let left: i64 =
        sqlx::query_scalar("SELECT (SELECT count(*) FROM claims) + (SELECT count(*) FROM claim_digests)")
            .fetch_one(&mut scene.db)
            .await
            .unwrap();
    assert_eq!(left, 0);
}
