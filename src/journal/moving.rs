//! Moves a journal from one database to another, whole or not at all, while no relay runs: both are locked, and counted when all is
//! written. Knows nothing of SQL, nor of the configuration.

use std::time::Duration;

use tokio::time::sleep;

use super::connection::Connection;
use super::nouns::Key;
use super::open_error::OpenError;
use super::postgres::PostgresStore;
use super::postgres::session::within;
use super::sqlite_store::SqliteStore;
use super::store::{Begun, Opened, Store, Stored, Trouble};
use crate::config::JournalPlace;
use crate::model::group::KeptGroup;
use crate::model::{Id, Pending, Preferences};

/// How many rows are read and written at a time.
pub(super) const ROWS_PER_PAGE: i64 = 500;

/// How long a page may take, and how long it may take to count all rows. The whole may take as long as it needs.
const PAGE_TIMEOUT: Duration = Duration::from_secs(5 * 60);
const COUNT_TIMEOUT: Duration = Duration::from_secs(3600);

/// How often it is asked whether all was written, where the answer to that was lost, and the pause between.
const MAX_QUESTIONS: usize = 5;
const PAUSE_BETWEEN_QUESTIONS: Duration = Duration::from_secs(1);

/// Why a journal was not moved. Nothing was written then, but for [`MoveError::Unknown`].
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
    /// It is empty, and its ids were in messages: the same ones would be given again.
    #[error(
        "{target} was a relay's journal before: it is empty, but has given ids to invitations. Name a database that was never used, \
         or a file that does not exist"
    )]
    UsedBefore {
        /// Where it is.
        target: String,
    },
    /// It holds what a relay has handed on.
    #[error(
        "{from} has invitations that a relay handed on when another one took the lead, and none has taken them in: start the relay \
         once, and move the journal then"
    )]
    HandedOn {
        /// Where it is.
        from: String,
    },
    /// The answer to the last question was lost, and nobody can be asked now.
    #[error(
        "it is not known whether the journal was moved to {target}: {detail}. Look there with `history` before you start a relay. \
         If the invitations are there, it was moved; if not, move it again"
    )]
    Unknown {
        /// Where it is.
        target: String,
        /// What was said.
        detail: String,
    },
    /// Both are the same kind: another command does that.
    #[error("both journals are in {0}: copy it with that database's own means")]
    SameKind(&'static str),
    /// What was written is not what was read: an error in the relay.
    #[error(
        "internal fault: not as many rows were written as were read ({there:?}, {read:?} and {written:?}). Nothing was moved. Please \
         report this"
    )]
    Different {
        /// In the source.
        there: Box<RowCounts>,
        /// Of the pages.
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
    /// From now on nobody else writes.
    async fn begin_reading(&mut self) -> sqlx::Result<()>;
    /// From now on others may write.
    async fn end_reading(&mut self) -> sqlx::Result<()>;
    /// From now on a statement may take as long as moving needs.
    async fn allow_long_statements(&mut self) -> sqlx::Result<()>;
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
/// [`MoveError`]: nothing was written, but for [`MoveError::Unknown`].
pub async fn move_journal(from: &JournalPlace, to: &JournalPlace) -> Result<RowCounts, MoveError> {
    // Opening it for writing would make one that is not there, and bring one of an older version up to date.
    drop(Connection::beside(from).await?);
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
    // Ids that were given there and are gone have been in messages.
    let used_before = target_opened.first > 1;
    let counts = match copy(&mut source, &mut target, &opened, used_before, to).await {
        Ok(counts) => counts,
        Err(stop) => {
            let e = match stop {
                Stop::Source(e) => failed(&source, to, e),
                Stop::Target(e) => failed(&target, to, e),
                Stop::Refused(e) => {
                    close(source, target).await;
                    return Err(e);
                }
            };
            target.rollback().await;
            return Err(e);
        }
    };
    // If its session has gone, a relay may have worked with it meanwhile.
    if let Err(e) = within(PAGE_TIMEOUT, source.row_counts()).await {
        target.rollback().await;
        return Err(failed(&source, to, e));
    }
    if let Err(e) = within(PAGE_TIMEOUT, target.commit()).await {
        match is_committed(&mut target, opened.first).await {
            Some(true) => {}
            Some(false) => return Err(failed(&target, to, e)),
            None => return Err(MoveError::Unknown { target: to.to_string(), detail: e.to_string() }),
        }
    }
    close(source, target).await;
    Ok(counts)
}

/// Closes both, between two transactions of the target. All is written or nothing: what fails now does not change that.
async fn close(mut source: impl Movable, target: impl Movable) {
    let _ = target.close().await;
    let _ = within(PAGE_TIMEOUT, source.end_reading()).await;
    let _ = source.close().await;
}

/// Whether a transaction was committed whose answer was lost; `None` if that can't be found out.
async fn is_committed(target: &mut impl Movable, first: Id) -> Option<bool> {
    for _ in 0..MAX_QUESTIONS {
        target.rollback().await;
        match within(PAGE_TIMEOUT, target.begin(first)).await {
            Ok(Begun::CommittedBefore) => return Some(true),
            Ok(Begun::Open) => {
                target.rollback().await;
                return Some(false);
            }
            Err(_) => sleep(PAUSE_BETWEEN_QUESTIONS).await,
        }
    }
    None
}

/// Why nothing is moved.
enum Stop {
    Source(sqlx::Error),
    Target(sqlx::Error),
    Refused(MoveError),
}

/// Writes all into an open transaction. Returns what the target has then.
async fn copy<S: Movable, T: Movable>(
    source: &mut S,
    target: &mut T,
    opened: &Opened,
    used_before: bool,
    to: &JournalPlace,
) -> Result<RowCounts, Stop> {
    within(PAGE_TIMEOUT, source.allow_long_statements()).await.map_err(Stop::Source)?;
    within(PAGE_TIMEOUT, target.allow_long_statements()).await.map_err(Stop::Target)?;
    within(PAGE_TIMEOUT, source.begin_reading()).await.map_err(Stop::Source)?;
    let found = within(COUNT_TIMEOUT, target.row_counts()).await.map_err(Stop::Target)?;
    if found != RowCounts::default() {
        return Err(Stop::Refused(MoveError::NotEmpty { target: to.to_string() }));
    }
    if used_before {
        return Err(Stop::Refused(MoveError::UsedBefore { target: to.to_string() }));
    }
    if source.has_late().await {
        return Err(Stop::Refused(MoveError::HandedOn { from: source.name() }));
    }
    let there = within(COUNT_TIMEOUT, source.row_counts()).await.map_err(Stop::Source)?;
    let begun = within(PAGE_TIMEOUT, target.begin(opened.first)).await.map_err(Stop::Target)?;
    if begun != Begun::Open {
        return Err(Stop::Target(sqlx::Error::PoolClosed));
    }
    within(PAGE_TIMEOUT, target.write_identity(opened)).await.map_err(Stop::Target)?;
    let mut read = RowCounts::default();
    copy_invitations(source, target, &mut read).await?;
    copy_people(source, target, &mut read).await?;
    let written = within(COUNT_TIMEOUT, target.row_counts()).await.map_err(Stop::Target)?;
    if there == read && read == written {
        return Ok(written);
    }
    target.rollback().await;
    let [there, read, written] = [there, read, written].map(Box::new);
    Err(Stop::Refused(MoveError::Different { there, read, written }))
}

/// Copies what is under way, what has ended, and claims.
async fn copy_invitations<S: Movable, T: Movable>(
    source: &mut S,
    target: &mut T,
    read: &mut RowCounts,
) -> Result<(), Stop> {
    read.pending = copy_pages(
        async |after| source.pending_page(after).await,
        async |page| {
            let rows: Vec<_> = page.iter().map(|it| (it.id, it.received, &it.arrival, it.added)).collect();
            target.admit(&rows).await
        },
    )
    .await?;
    read.history = copy_pages(
        async |after| source.history_page(after).await,
        async |page| target.write_history(&page).await,
    )
    .await?;
    read.claims = copy_pages(
        async |after| source.claims_page(after).await,
        async |page| {
            // A row in the source is none in the target.
            let stored = page.into_iter().map(|(key, it)| (key, Stored { row: None, ..it }));
            let stored: Vec<_> = stored.collect();
            let rows: Vec<_> = stored.iter().map(|(key, stored)| (*key, stored)).collect();
            target.write_claims(&rows).await
        },
    )
    .await?;
    Ok(())
}

/// Copies a table, page by page. Returns how many rows there were.
async fn copy_pages<R>(
    mut read: impl AsyncFnMut(&mut Cursor) -> sqlx::Result<Vec<R>>,
    mut write: impl AsyncFnMut(Vec<R>) -> sqlx::Result<()>,
) -> Result<i64, Stop> {
    let (mut after, mut rows) = (Cursor::default(), 0);
    loop {
        let page = within(PAGE_TIMEOUT, read(&mut after)).await.map_err(Stop::Source)?;
        if page.is_empty() {
            return Ok(rows);
        }
        rows += count(&page);
        within(PAGE_TIMEOUT, write(page)).await.map_err(Stop::Target)?;
    }
}

/// Copies what people have set, groups, and what is known of addresses and clients.
async fn copy_people<S: Movable, T: Movable>(
    source: &mut S,
    target: &mut T,
    read: &mut RowCounts,
) -> Result<(), Stop> {
    let mut after = Cursor::default();
    loop {
        let page = within(PAGE_TIMEOUT, source.people_page(&mut after)).await.map_err(Stop::Source)?;
        if page.is_empty() {
            break;
        }
        read.people += count(&page);
        for (person, preferences) in page {
            let writing = target.write_preferences(&person, &preferences);
            within(PAGE_TIMEOUT, writing).await.map_err(Stop::Target)?;
        }
    }
    let groups: Vec<KeptGroup> = within(PAGE_TIMEOUT, source.groups()).await.map_err(Stop::Source)?;
    read.groups += count(&groups);
    for group in groups {
        within(PAGE_TIMEOUT, target.write_group(&group)).await.map_err(Stop::Target)?;
    }
    read.looks = copy_pages(
        async |after| source.looks_page(after).await,
        async |page| target.write_looks(&page).await,
    )
    .await?;
    read.hashes = copy_pages(
        async |after| source.hashes_page(after).await,
        async |page| target.write_hashes(&page).await,
    )
    .await?;
    Ok(())
}

fn count<T>(rows: &[T]) -> i64 {
    i64::try_from(rows.len()).unwrap_or(i64::MAX)
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
