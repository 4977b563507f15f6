//! The journal in a file: `SQLite` behind [`Store`]. Hands each operation to the file that has its statements. Knows nothing of the
//! writer's queue, nor of what an operation means.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::{Connection, SqliteConnection};

use super::claim_store::ClaimStore;
use super::maintenance::Maintenance;
use super::nouns::{Key, Sent, Until, Window};
use super::op::{Address, Hash};
use super::open_error::OpenError;
use super::store::{Begun, Opened, Store, Stored, Trouble};
use super::{batch, claim_keys, client_caps, confusables, declines, groups, preferences, schema};
use crate::model::group::KeptGroup;
use crate::model::{Arrival, Id, Lease, Outcome, Pending, Preferences};

/// The file, opened for the one connection that writes.
#[derive(Debug)]
pub(super) struct SqliteStore {
    db: SqliteConnection,
    /// Dropped after the connection.
    _lock: File,
    path: PathBuf,
    claims: ClaimStore,
    maintenance: Maintenance,
}

impl SqliteStore {
    /// Opens the file, or creates it.
    ///
    /// # Errors
    /// See [`schema::for_writing`].
    pub(super) async fn open(path: &Path) -> Result<(Self, Opened), OpenError> {
        let (mut db, lock) = schema::for_writing(path).await?;
        let opened = Self::read_opened(&mut db).await.map_err(|e| schema::database_error(path, e))?;
        let claims = ClaimStore::new(opened.salt.clone());
        let store =
            Self { db, _lock: lock, path: path.to_owned(), claims, maintenance: Maintenance::default() };
        Ok((store, opened))
    }

    pub(super) fn db(&mut self) -> &mut SqliteConnection {
        &mut self.db
    }

    /// From now on digests are made with the salt of another journal. Only while there are no claims.
    pub(super) fn use_salt(&mut self, salt: &[u8]) {
        self.claims.use_salt(salt);
    }

    async fn read_opened(db: &mut SqliteConnection) -> sqlx::Result<Opened> {
        claim_keys::convert_old_keys(db).await?;
        let (instance, salt, looked) =
            sqlx::query_as("SELECT instance, salt, looked FROM journal").fetch_one(&mut *db).await?;
        let last: Option<Id> = sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'pending'")
            .fetch_optional(&mut *db)
            .await?;
        let blocked_for_all = preferences::blocked_for_all(db).await?;
        let group_names = groups::names(db).await?;
        Ok(Opened { instance, salt, looked, first: last.unwrap_or(0) + 1, blocked_for_all, group_names })
    }
}

impl Store for SqliteStore {
    /// A disk that does not answer is waited for.
    fn within<T>(work: impl Future<Output = sqlx::Result<T>>) -> impl Future<Output = sqlx::Result<T>> {
        work
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn trouble(&self, error: sqlx::Error) -> Trouble {
        if schema::is_damage(&error) || schema::is_fault(&error) {
            Trouble::Final(schema::database_error(&self.path, error))
        } else {
            Trouble::MayPass(remedy(&error))
        }
    }

    /// The file is locked.
    fn lease(&self) -> Lease {
        Lease::for_ever()
    }

    async fn stay_leader(&mut self) -> Result<Duration, OpenError> {
        Ok(Duration::MAX)
    }

    /// Does not use sqlx's transactions: `SQLite` ends a transaction by itself when the disk is full, and sqlx, which does not
    /// notice, would not begin another one.
    async fn begin(&mut self, _next: Id) -> sqlx::Result<Begun> {
        self.claims.begin(&mut self.db).await?;
        sqlx::query("BEGIN IMMEDIATE").execute(&mut self.db).await?;
        Ok(Begun::Open)
    }

    async fn commit(&mut self) -> sqlx::Result<()> {
        sqlx::query("COMMIT").execute(&mut self.db).await?;
        self.claims.commit();
        Ok(())
    }

    async fn rollback(&mut self) {
        // If this fails, the transaction has ended already.
        let _ = sqlx::query("ROLLBACK").execute(&mut self.db).await;
    }

    async fn admit(&mut self, rows: &[(Id, i64, &Arrival, bool)]) -> sqlx::Result<()> {
        batch::admit(&mut self.db, rows).await
    }

    async fn note_added(&mut self, ids: &[Id]) -> sqlx::Result<()> {
        batch::note_added(&mut self.db, ids).await
    }

    async fn discard(&mut self, ids: &[Id]) -> sqlx::Result<()> {
        batch::discard(&mut self.db, ids).await
    }

    async fn settle(&mut self, outcomes: &[&Outcome], now: i64) -> sqlx::Result<()> {
        batch::settle(&mut self.db, outcomes, now).await
    }

    async fn backlog(&mut self, after: Id, limit: u32) -> sqlx::Result<Vec<Pending>> {
        batch::backlog(&mut self.db, after, limit).await
    }

    async fn children(&mut self, parent: Id) -> sqlx::Result<Vec<Pending>> {
        batch::children(&mut self.db, parent).await
    }

    async fn under_way(&mut self, ids: &[Id]) -> sqlx::Result<HashSet<Id>> {
        batch::under_way(&mut self.db, ids).await
    }

    async fn bounce(&mut self, outcome: &Outcome, sent: &Sent, now: i64) -> sqlx::Result<Option<Pending>> {
        batch::bounce(&mut self.db, outcome, sent, now).await
    }

    async fn decline(&mut self, room: &str, sent: &Sent, now: i64) -> sqlx::Result<Option<Pending>> {
        declines::decline(&mut self.db, room, sent, now).await
    }

    async fn pass_membership(&mut self, from: Id, heir: Id) -> sqlx::Result<()> {
        batch::pass_membership(&mut self.db, from, heir).await
    }

    async fn read_claims(&mut self, keys: &[Key]) -> sqlx::Result<HashMap<Key, Stored>> {
        self.claims.read(&mut self.db, keys).await
    }

    async fn write_claims(&mut self, changed: &[(Key, &Stored)]) -> sqlx::Result<()> {
        self.claims.write(&mut self.db, changed).await
    }

    async fn read_preferences(&mut self, people: &[&str]) -> sqlx::Result<HashMap<String, Preferences>> {
        preferences::read(&mut self.db, people).await
    }

    async fn write_preferences(&mut self, person: &str, preferences: &Preferences) -> sqlx::Result<()> {
        preferences::write(&mut self.db, person, preferences).await
    }

    async fn groups(&mut self) -> sqlx::Result<Vec<KeptGroup>> {
        groups::all(&mut self.db).await
    }

    async fn write_group(&mut self, group: &KeptGroup) -> sqlx::Result<()> {
        groups::write(&mut self.db, group).await
    }

    async fn delete_group(&mut self, name: &str) -> sqlx::Result<()> {
        groups::delete(&mut self.db, name).await
    }

    async fn note_look(&mut self, address: &Address, remembered: Window) -> sqlx::Result<Option<String>> {
        confusables::note(&mut self.db, address, remembered).await
    }

    async fn note_hash(&mut self, hash: &Hash, now: i64) -> sqlx::Result<()> {
        client_caps::note(&mut self.db, hash, now).await
    }

    async fn note_looked(&mut self, until: i64) -> sqlx::Result<()> {
        sqlx::query("UPDATE journal SET looked = ?").bind(until).execute(&mut self.db).await?;
        Ok(())
    }

    fn note_write(&mut self) {
        self.maintenance.note_write();
    }

    async fn maintain(&mut self, until: Until, idle: bool) -> Duration {
        self.maintenance.step(&mut self.db, &mut self.claims, until, idle).await
    }

    async fn close(mut self) -> Result<(), OpenError> {
        self.maintenance.last(&mut self.db).await;
        self.db.close().await.map_err(|e| schema::database_error(&self.path, e))
    }
}

/// What the operator should do about an error that may pass.
fn remedy(error: &sqlx::Error) -> &'static str {
    match schema::primary_code(error) {
        Some(13) => "The disk is full: free some space",
        Some(5 | 6) => "Another process holds the database: let it finish, or stop it",
        Some(8 | 14) => "The file can't be written: give it and its folder back to the relay's user",
        _ => "Look at the disk and at the file's folder",
    }
}
