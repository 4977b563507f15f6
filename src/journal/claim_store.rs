//! The stored claims: read by key, and appended. What is written goes to the end of the table, so a batch of claims changes a few
//! pages, however many there are. Which rows there are for a key is known in memory ([`super::claim_index`]), and stored as well,
//! a block of rows at a time, so that the start is quick. Knows nothing of what a claim says, nor of the writer's queue.
//!
//! Claims that an older version wrote stand in `older_claims`, sorted by key. They are asked there until they are swept.

use std::collections::HashMap;

use futures::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::batch;
use super::claim_index::{self, ClaimIndex, Digest, RowId};
use super::claim_memory::Memory;
use super::nouns::Key;
use super::statement::{Statement, Values};
use super::store::Stored;
use crate::model::Id;

/// Rows whose digests are stored together: with 4 bytes each they fill some pages. Few in tests, which pass many blocks.
const ROWS_PER_BLOCK: usize = if cfg!(test) { 16 } else { 4096 };

static READ: Statement =
    Statement::new("SELECT key, at, invitation, memory, id FROM claims WHERE id IN (", 1, ")");

static READ_OLDER: Statement =
    Statement::new("SELECT key, at, invitation, memory FROM older_claims WHERE key IN (", 1, ")");

static DELETE: Statement = Statement::new("DELETE FROM claims WHERE id IN (", 1, ")");

static APPEND: Statement = Statement::new(
    "INSERT OR FAIL INTO claims (id, key, at, invitation, memory) SELECT * FROM (",
    5,
    ") WHERE column1 IS NOT NULL",
);

/// The stored claims.
#[derive(Debug)]
pub(super) struct ClaimStore {
    salt: Vec<u8>,
    /// Whether everything below is that of the file: not before the first transaction.
    loaded: bool,
    index: ClaimIndex,
    /// The next row.
    next: RowId,
    /// Rows from this one on are those of a transaction that has not been committed.
    committed: RowId,
    /// The digests of the rows in front of `next` that were not stored when the transaction began.
    tail: Vec<Digest>,
    /// How many of them are stored since.
    stored: usize,
    /// The rows that this transaction has deleted: the index knows of them until it is committed.
    gone: Vec<(Digest, RowId)>,
    /// Whether there are claims of an older version.
    older: bool,
}

impl ClaimStore {
    pub(super) fn new(salt: Vec<u8>) -> Self {
        let index = ClaimIndex::new(0, 0);
        let (tail, gone) = (Vec::new(), Vec::new());
        Self { salt, loaded: false, index, next: 1, committed: 1, tail, stored: 0, gone, older: false }
    }

    /// From now on digests are made with another salt. Only while there are no claims.
    pub(super) fn use_salt(&mut self, salt: &[u8]) {
        self.salt = salt.to_vec();
    }

    /// Begins a transaction. What the last one has appended is no more, unless it was committed.
    pub(super) async fn begin(&mut self, db: &mut SqliteConnection) -> sqlx::Result<()> {
        if !self.loaded {
            self.load(db).await?;
            self.loaded = true;
        }
        // The index may keep what it knows of those rows: it names too many rather than too few.
        let undone = usize::try_from(self.next - self.committed).unwrap_or(0);
        self.tail.truncate(self.tail.len().saturating_sub(undone));
        (self.next, self.stored) = (self.committed, 0);
        self.gone.clear();
        Ok(())
    }

    /// The transaction is committed.
    pub(super) fn commit(&mut self) {
        self.committed = self.next;
        self.tail.drain(..self.stored);
        self.stored = 0;
        for (digest, row) in self.gone.drain(..) {
            self.index.remove(digest, row);
        }
    }

    /// Reads where the rows are.
    async fn load(&mut self, db: &mut SqliteConnection) -> sqlx::Result<()> {
        let (oldest, last, blocks): (Option<RowId>, Option<RowId>, i64) = sqlx::query_as(
            "SELECT (SELECT min(id) FROM claims), (SELECT max(id) FROM claims), (SELECT count(*) FROM claim_digests)",
        )
        .fetch_one(&mut *db)
        .await?;
        let rows = (blocks + 1) * i64::try_from(ROWS_PER_BLOCK).unwrap_or(0);
        self.index = ClaimIndex::new(usize::try_from(rows).unwrap_or(0), oldest.unwrap_or(0));
        let mut behind = 1;
        let mut blocks =
            sqlx::query("SELECT first, digests FROM claim_digests ORDER BY first").fetch(&mut *db);
        while let Some(block) = blocks.try_next().await? {
            let (first, digests): (RowId, &[u8]) = (block.try_get(0)?, block.try_get(1)?);
            behind = first;
            for digest in digests.as_chunks().0 {
                self.index.insert(Digest::from_le_bytes(*digest), behind);
                behind += 1;
            }
        }
        drop(blocks);
        self.tail.clear();
        self.next = last.map_or(behind, |last| behind.max(last + 1));
        let unstored = sqlx::query("SELECT id, key FROM claims WHERE id >= ? ORDER BY id").bind(behind);
        for row in unstored.fetch_all(&mut *db).await? {
            let id = row.try_get(0)?;
            let digest = self.digest_of(row.try_get(1)?);
            self.index.insert(digest, id);
            // Any digest does for a row that is gone.
            let at = usize::try_from(self.next - id).unwrap_or(0);
            self.tail.resize(self.tail.len().max(at), digest);
            let at = self.tail.len() - at;
            self.tail[at] = digest;
        }
        self.committed = self.next;
        self.older = has_older(db).await?;
        Ok(())
    }

    fn digest_of(&self, key: &[u8]) -> Digest {
        Key::try_from(key).map_or(0, |key| claim_index::digest(&self.salt, &key))
    }

    /// What is remembered of these contacts and rooms. Those of whom nothing is have no entry.
    pub(super) async fn read(
        &self,
        db: &mut SqliteConnection,
        keys: &[Key],
    ) -> sqlx::Result<HashMap<Key, Stored>> {
        let mut found = HashMap::new();
        let digests = keys.iter().map(|key| claim_index::digest(&self.salt, key));
        let rows: Vec<RowId> = digests.flat_map(|digest| self.index.rows(digest)).collect();
        for piece in Statement::pieces(&rows) {
            let sql = READ.of(piece, Values::default(), |row, id| row.push(*id).map(drop));
            for row in sql?.fetch_all(&mut *db).await? {
                found.extend(stored(&row, Some(row.try_get(4)?))?);
            }
        }
        if self.older {
            let missing: Vec<Key> = keys.iter().filter(|key| !found.contains_key(*key)).copied().collect();
            for piece in Statement::pieces(&missing) {
                let sql = READ_OLDER.of(piece, Values::default(), |row, key| row.push(&key[..]).map(drop));
                for row in sql?.fetch_all(&mut *db).await? {
                    found.extend(stored(&row, None)?);
                }
            }
        }
        Ok(found)
    }

    /// Writes what has changed since it was read; where nothing is remembered any more the row goes.
    pub(super) async fn write(
        &mut self,
        db: &mut SqliteConnection,
        changed: &[(Key, &Stored)],
    ) -> sqlx::Result<()> {
        let gone: Vec<RowId> = changed.iter().filter_map(|(_, stored)| stored.row).collect();
        batch::for_each(db, &DELETE, &gone).await?;
        let digests = changed
            .iter()
            .filter_map(|(key, stored)| Some((claim_index::digest(&self.salt, key), stored.row?)));
        self.gone.extend(digests);
        if self.older {
            for (key, _) in changed.iter().filter(|(_, stored)| stored.row.is_none()) {
                sqlx::query("DELETE FROM older_claims WHERE key = ?")
                    .bind(&key[..])
                    .execute(&mut *db)
                    .await?;
            }
        }
        let kept: Vec<_> = changed
            .iter()
            .filter_map(|(key, Stored { memory, .. })| Some((key, memory.newest()?, memory)))
            .zip(self.next..)
            .collect();
        for piece in Statement::pieces(&kept) {
            let sql = APPEND.of(piece, Values::default(), |row, ((key, at, memory), id)| {
                row.push(*id)?.push(&key[..])?.push(*at)?;
                row.push(memory.another(Id::MIN).unwrap_or(0))?.push(memory.to_bytes(*at))?;
                Ok(())
            });
            sql?.execute(&mut *db).await?;
        }
        for ((key, ..), id) in kept {
            let digest = claim_index::digest(&self.salt, key);
            self.index.insert(digest, id);
            self.tail.push(digest);
            self.next = id + 1;
        }
        self.store_blocks(db).await
    }

    async fn store_blocks(&mut self, db: &mut SqliteConnection) -> sqlx::Result<()> {
        while let Some(block) = self.tail[self.stored..].first_chunk::<ROWS_PER_BLOCK>() {
            let behind = self.tail.len() - self.stored;
            let first = self.next - RowId::try_from(behind).unwrap_or(0);
            let digests: Vec<u8> = block.iter().flat_map(|digest| digest.to_le_bytes()).collect();
            sqlx::query("INSERT OR FAIL INTO claim_digests (first, digests) VALUES (?, ?)")
                .bind(first)
                .bind(digests)
                .execute(&mut *db)
                .await?;
            self.stored += ROWS_PER_BLOCK;
        }
        Ok(())
    }

    /// Gives back what belonged to rows that were swept.
    pub(super) async fn sweep(&mut self, db: &mut SqliteConnection) -> sqlx::Result<()> {
        if !self.loaded {
            return Ok(());
        }
        let oldest: Option<RowId> =
            sqlx::query_scalar("SELECT min(id) FROM claims").fetch_one(&mut *db).await?;
        let oldest = oldest.unwrap_or(self.committed);
        sqlx::query("DELETE FROM claim_digests WHERE first <= ?")
            .bind(oldest - RowId::try_from(ROWS_PER_BLOCK).unwrap_or(0))
            .execute(&mut *db)
            .await?;
        self.index.forget_before(oldest);
        self.older = has_older(db).await?;
        Ok(())
    }
}

async fn has_older(db: &mut SqliteConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM older_claims)").fetch_one(db).await
}

/// Key, time, invitation, memory.
pub(super) fn stored(columns: &SqliteRow, row: Option<RowId>) -> sqlx::Result<Option<(Key, Stored)>> {
    let at = columns.try_get(1)?;
    let memory = match columns.try_get::<Option<&[u8]>, _>(3)? {
        Some(bytes) => Memory::from_bytes(bytes, at),
        None => Memory::of_older(at, columns.try_get(2)?),
    };
    Ok(Key::try_from(columns.try_get::<&[u8], _>(0)?).ok().map(|key| (key, Stored { row, memory })))
}
