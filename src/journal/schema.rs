//! Opens the database file: its permissions, its settings, whether it is undamaged and of this program's version. Knows
//! nothing of what is in the tables.

use std::cmp::Ordering;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Row, SqliteConnection};
use tracing::warn;

use super::access;
use super::open_error::OpenError;

static MIGRATIONS: Migrator = sqlx::migrate!();

/// How long a statement waits for another process that holds the write lock (`forget`, a backup).
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Journals up to this size are checked page by page at start; larger ones only in the part that is read then.
const MAX_SMALL_FILE_BYTES: u64 = 64 << 20;

/// The connection that writes, and the lock that excludes other relays until it is dropped. Creates the file if it is missing
/// (mode 0600), and updates its schema.
///
/// # Errors
/// [`OpenError`]: among others, the journal is damaged, readable by others, newer than this program, or in use; it is left as
/// it was then.
pub(super) async fn for_writing(path: &Path) -> Result<(SqliteConnection, File), OpenError> {
    let file_error = |source| file_error(path, source);
    // Before it is opened: to open a device may do something.
    refuse_no_file(path)?;
    // Opened before SQLite opens it, and closed after: a process that closes a file loses all its locks on it, SQLite's as
    // well, and another process could then reset the WAL while it is in use.
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(file_error)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { path: path.to_owned() }),
        // Some file systems don't support such locks.
        Err(TryLockError::Error(e)) => warn!("the journal can't be kept from other relays: {e}"),
    }
    refuse_wide_mode(path)?;
    let size = fs::metadata(path).map_err(file_error)?.len();

    let mut db = options(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("secure_delete", "ON")
        // Checkpoints are made by maintenance and, under load, at this many pages: each writes a page once, however often it was
        // changed since the last.
        .pragma("wal_autocheckpoint", "4000")
        // The page cache stays at SQLite's 2 MB: a larger one made nothing faster, with ten million rows neither.
        .connect()
        .await
        .map_err(|e| database_error(path, e))?;
    check_whole(path, size, &mut db).await?;
    MIGRATIONS.run(&mut db).await.map_err(|e| match e {
        MigrateError::VersionMissing(found) | MigrateError::VersionTooNew(found, _) => {
            OpenError::Newer { path: path.to_owned(), found }
        }
        MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => {
            database_error(path, source)
        }
        other => database_error(path, sqlx::Error::Migrate(Box::new(other))),
    })?;
    Ok((db, file))
}

/// A second connection beside a relay that may be running. Creates nothing.
///
/// # Errors
/// As [`of_any_version`]; [`OpenError::Older`] or [`OpenError::Newer`] if the schema has another version.
pub(super) async fn beside(path: &Path) -> Result<SqliteConnection, OpenError> {
    let mut db = of_any_version(path).await?;
    let found: i64 = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
        .fetch_one(&mut db)
        .await
        .map_err(|e| database_error(path, e))?;
    let ours = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    match found.cmp(&ours) {
        Ordering::Less => Err(OpenError::Older { path: path.to_owned(), found }),
        Ordering::Equal => Ok(db),
        Ordering::Greater => Err(OpenError::Newer { path: path.to_owned(), found }),
    }
}

/// A second connection, for what does not depend on the version of the schema.
///
/// # Errors
/// [`OpenError::Missing`], [`OpenError::TooOpen`], or another [`OpenError`] if the file can't be used.
pub(super) async fn of_any_version(path: &Path) -> Result<SqliteConnection, OpenError> {
    if !path.try_exists().map_err(|source| file_error(path, source))? {
        return Err(OpenError::Missing { path: path.to_owned() });
    }
    refuse_no_file(path)?;
    refuse_wide_mode(path)?;
    options(path).pragma("secure_delete", "ON").connect().await.map_err(|e| database_error(path, e))
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(128)
        .disable_statement_logging()
}

fn refuse_no_file(path: &Path) -> Result<(), OpenError> {
    match access::no_file(path) {
        Some(why) => Err(OpenError::Denied { path: path.to_owned(), why }),
        None => Ok(()),
    }
}

fn refuse_wide_mode(path: &Path) -> Result<(), OpenError> {
    let metadata = fs::metadata(path).map_err(|source| file_error(path, source))?;
    let mode = metadata.permissions().mode() & 0o777;
    let for_others = mode & 0o077;
    if for_others == 0 { Ok(()) } else { Err(OpenError::TooOpen { path: path.to_owned(), mode }) }
}

/// Finds a truncated or overwritten file. Damage in old rows of a large journal is found only when they are read.
async fn check_whole(path: &Path, size: u64, db: &mut SqliteConnection) -> Result<(), OpenError> {
    let query = if size <= MAX_SMALL_FILE_BYTES {
        "PRAGMA quick_check(1)"
    } else {
        "SELECT CASE WHEN page_count <= 0 THEN 'no pages' ELSE 'ok' END FROM pragma_page_count"
    };
    let row = sqlx::query(query).fetch_one(&mut *db).await.map_err(|e| database_error(path, e))?;
    let verdict: String = row.try_get(0).map_err(|e| database_error(path, e))?;
    if verdict == "ok" { Ok(()) } else { Err(OpenError::Corrupt { path: path.to_owned(), detail: verdict }) }
}

/// The error for a file that can't be opened; says what prevents it, if that can be found out.
fn file_error(path: &Path, source: io::Error) -> OpenError {
    use io::ErrorKind::{IsADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem};
    let path = path.to_owned();
    match access::obstacle(&path) {
        Some(why) if matches!(source.kind(), PermissionDenied | ReadOnlyFilesystem | IsADirectory) => {
            OpenError::Denied { path, why }
        }
        Some(why) if source.kind() == NotFound && access::dangling(&path).is_some() => {
            OpenError::Denied { path, why }
        }
        _ => OpenError::File { path, source },
    }
}

/// The error for a statement that failed: damage, an error in the relay, missing permissions, or anything else.
pub(super) fn database_error(path: &Path, source: sqlx::Error) -> OpenError {
    if is_damage(&source) {
        OpenError::Corrupt { path: path.to_owned(), detail: source.to_string() }
    } else if is_fault(&source) {
        OpenError::Fault { path: path.to_owned(), source }
    } else if is_refusal(&source)
        && let Some(why) = access::obstacle(path)
    {
        OpenError::Denied { path: path.to_owned(), why }
    } else {
        OpenError::Database { path: path.to_owned(), source }
    }
}

/// `SQLITE_CONSTRAINT` (19), `SQLITE_MISMATCH` (20), `SQLITE_MISUSE` (21) and `SQLITE_RANGE` (25), extended codes included:
/// the same statement would fail each time.
pub(super) fn is_fault(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(19 | 20 | 21 | 25))
}

/// `SQLITE_PERM` (3), `SQLITE_READONLY` (8), `SQLITE_CANTOPEN` (14) and `SQLITE_AUTH` (23), extended codes included.
fn is_refusal(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(3 | 8 | 14 | 23))
}

/// `SQLITE_CORRUPT` (11) and `SQLITE_NOTADB` (26), extended codes included; and a row that holds what this version never
/// writes: it would be read again and again.
pub(super) fn is_damage(error: &sqlx::Error) -> bool {
    let unreadable = matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_));
    unreadable || matches!(primary_code(error), Some(11 | 26))
}

/// `SQLite`'s primary result code.
pub(super) fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code)?;
    Some(code.parse::<i32>().ok()? & 0xff)
}
