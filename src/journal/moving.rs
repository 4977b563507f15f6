//! Moves a journal from one database to another, whole or not at all, while no relay runs: both are locked, and counted when all is
//! written. Knows nothing of SQL, nor of the configuration.

use super::nouns::Key;
use super::open_error::OpenError;
use super::postgres::PostgresStore;
use super::reader::JournalReader;
use super::sqlite_store::SqliteStore;
use super::store::{Begun, Opened, Store, Stored, Trouble};
use crate::config::JournalPlace;
use crate::model::group::KeptGroup;
use crate::model::{Id, Pending, Preferences};

/// How many rows are read and written at a time.
pub(super) const ROWS_PER_PAGE: i64 = 500;

/// Why a journal was not moved. Nothing was written then.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// One of the two can't be used.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// There is something in the target already.
    #[error(
        "{target} has a journal with something in it: name an empty database, or a file that does not exist"
    )]
    NotEmpty {
        /// Where it is.
        target: String,
    },
    /// Both are the same kind: another command does that.
    #[error("both journals are in {0}: copy it with that database's own means")]
    SameKind(&'static str),
    /// What was written is not what was read: an error in the relay.
    #[error(
        "internal fault: not as many rows were written as were read ({read:?} and {written:?}). Nothing was moved. Please report \
         this"
    )]
    Different {
        /// In the source.
        read: Box<RowCounts>,
        /// In the target.
        written: Box<RowCounts>,
    },
}

/// How many rows there are of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowCounts {
    /// Invitations under way.
    pub pending: i64,
    /// Those that have ended.
    pub history: i64,
    /// Contacts and rooms that are held.
    pub claims: i64,
    /// People with preferences.
    pub people: i64,
    /// Groups that admins keep.
    pub groups: i64,
    /// Addresses, with what they look like.
    pub looks: i64,
    /// Capability hashes.
    pub hashes: i64,
}

/// An invitation that has ended, as it stands in `history`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) id: Id,
    pub(super) received: i64,
    pub(super) settled: i64,
    pub(super) route: String,
    pub(super) room: String,
    pub(super) inviter: String,
    pub(super) contact: String,
    pub(super) state: String,
    pub(super) reason: Option<String>,
    pub(super) sent_as: Option<String>,
    pub(super) added: bool,
    pub(super) parent: Option<Id>,
    pub(super) language: Option<String>,
    pub(super) declined: Option<i64>,
}

/// An address under its skeleton.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) key: Vec<u8>,
    pub(super) jid: String,
    pub(super) at: i64,
}

/// A capability hash.
#[derive(Debug, Clone)]
pub(super) struct SeenHash {
    pub(super) hash: String,
    pub(super) shows_direct: bool,
    pub(super) at: i64,
}

/// Up to where a table has been read: what its last row has in its key.
#[derive(Debug, Clone, Default)]
pub(super) struct Cursor {
    pub(super) number: i64,
    pub(super) bytes: Vec<u8>,
    pub(super) text: String,
}

/// A database whose journal can be read as a whole, or be written into as a whole. A page without rows is the last.
pub(super) trait Movable: Store {
    async fn row_counts(&mut self) -> sqlx::Result<RowCounts>;
    async fn pending_page(&mut self, after: &mut Cursor) -> sqlx::Result<Vec<Pending>>;
    async fn history_page(&mut self, after: &mut Cursor) -> sqlx::Result<Vec<Ended>>;
    async fn claims_page(&mut self, after: &mut Cursor) -> sqlx::Result<Vec<(Key, Stored)>>;
    async fn people_page(&mut self, after: &mut Cursor) -> sqlx::Result<Vec<(String, Preferences)>>;
    async fn looks_page(&mut self, after: &mut Cursor) -> sqlx::Result<Vec<Look>>;
    async fn hashes_page(&mut self, after: &mut Cursor) -> sqlx::Result<Vec<SeenHash>>;
    async fn write_history(&mut self, rows: &[Ended]) -> sqlx::Result<()>;
    async fn write_looks(&mut self, rows: &[Look]) -> sqlx::Result<()>;
    async fn write_hashes(&mut self, rows: &[SeenHash]) -> sqlx::Result<()>;
    /// Takes over what names a journal, what its digests are made with, and the first id that was never given.
    async fn write_identity(&mut self, of: &Opened) -> sqlx::Result<()>;
}

/// Moves the journal. The source stays as it is.
///
/// # Errors
/// [`MoveError`]: nothing was written.
pub async fn move_journal(from: &JournalPlace, to: &JournalPlace) -> Result<RowCounts, MoveError> {
    // Opening it for writing would make one that is not there.
    JournalReader::new(from).status().await?;
    match (from, to) {
        (JournalPlace::File(path), JournalPlace::Server(server)) => {
            let source = SqliteStore::open(path).await?;
            moved(source, PostgresStore::open(server).await?, to).await
        }
        (JournalPlace::Server(server), JournalPlace::File(path)) => {
            let source = PostgresStore::open(server).await?;
            moved(source, SqliteStore::open(path).await?, to).await
        }
        (JournalPlace::File(_), JournalPlace::File(_)) => Err(MoveError::SameKind("files")),
        (JournalPlace::Server(_), JournalPlace::Server(_)) => Err(MoveError::SameKind("PostgreSQL")),
    }
}

async fn moved<S: Movable, T: Movable>(
    (mut source, opened): (S, Opened),
    (mut target, target_opened): (T, Opened),
    to: &JournalPlace,
) -> Result<RowCounts, MoveError> {
    let read = source.row_counts().await.map_err(|e| failed(&source, to, e))?;
    let there = target.row_counts().await.map_err(|e| failed(&target, to, e))?;
    // Ids that were given there and are gone have been in messages.
    if there != RowCounts::default() || target_opened.first > 1 {
        return Err(MoveError::NotEmpty { target: to.to_string() });
    }
    let written = match copy(&mut source, &mut target, &opened).await {
        Ok(written) if written == read => {
            target.commit().await.map(|()| written).map_err(|e| failed(&target, to, e))?
        }
        Ok(written) => {
            target.rollback().await;
            return Err(MoveError::Different { read: read.into(), written: written.into() });
        }
        Err(Side::Source(e)) => {
            target.rollback().await;
            return Err(failed(&source, to, e));
        }
        Err(Side::Target(e)) => {
            target.rollback().await;
            return Err(failed(&target, to, e));
        }
    };
    target.close().await?;
    source.close().await?;
    Ok(written)
}

/// Which of the two has failed.
enum Side {
    Source(sqlx::Error),
    Target(sqlx::Error),
}

/// Writes all into an open transaction. Returns what the target has then.
async fn copy<S: Movable, T: Movable>(
    source: &mut S,
    target: &mut T,
    opened: &Opened,
) -> Result<RowCounts, Side> {
    if target.begin(opened.first).await.map_err(Side::Target)? != Begun::Open {
        return Err(Side::Target(sqlx::Error::PoolClosed));
    }
    target.write_identity(opened).await.map_err(Side::Target)?;
    let mut after = Cursor::default();
    loop {
        let page = source.pending_page(&mut after).await.map_err(Side::Source)?;
        let rows: Vec<_> = page.iter().map(|it| (it.id, it.received, &it.arrival, it.added)).collect();
        if rows.is_empty() {
            break;
        }
        target.admit(&rows).await.map_err(Side::Target)?;
    }
    let mut after = Cursor::default();
    loop {
        let page = source.history_page(&mut after).await.map_err(Side::Source)?;
        if page.is_empty() {
            break;
        }
        target.write_history(&page).await.map_err(Side::Target)?;
    }
    let mut after = Cursor::default();
    loop {
        let page = source.claims_page(&mut after).await.map_err(Side::Source)?;
        if page.is_empty() {
            break;
        }
        // A row in the source is none in the target.
        let stored = page.into_iter().map(|(key, it)| (key, Stored { row: None, ..it }));
        let stored: Vec<_> = stored.collect();
        let rows: Vec<_> = stored.iter().map(|(key, stored)| (*key, stored)).collect();
        target.write_claims(&rows).await.map_err(Side::Target)?;
    }
    let mut after = Cursor::default();
    loop {
        let page = source.people_page(&mut after).await.map_err(Side::Source)?;
        if page.is_empty() {
            break;
        }
        for (person, preferences) in page {
            target.write_preferences(&person, &preferences).await.map_err(Side::Target)?;
        }
    }
    let groups: Vec<KeptGroup> = source.groups().await.map_err(Side::Source)?;
    for group in groups {
        target.write_group(&group).await.map_err(Side::Target)?;
    }
    let mut after = Cursor::default();
    loop {
        let page = source.looks_page(&mut after).await.map_err(Side::Source)?;
        if page.is_empty() {
            break;
        }
        target.write_looks(&page).await.map_err(Side::Target)?;
    }
    let mut after = Cursor::default();
    loop {
        let page = source.hashes_page(&mut after).await.map_err(Side::Source)?;
        if page.is_empty() {
            break;
        }
        target.write_hashes(&page).await.map_err(Side::Target)?;
    }
    target.row_counts().await.map_err(Side::Target)
}

fn failed(of: &impl Store, to: &JournalPlace, error: sqlx::Error) -> MoveError {
    let said = error.to_string();
    match of.trouble(error) {
        Trouble::Final(e) => MoveError::Journal(e),
        Trouble::MayPass(remedy) | Trouble::TooSlow(remedy) => MoveError::Journal(OpenError::Interrupted {
            journal: of.name(),
            target: to.to_string(),
            detail: said,
            remedy,
        }),
    }
}
