//! Makes a consistent copy of the journal beside a relay that may be running. Either the whole copy appears or none. Knows
//! nothing of the tables.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::access::folder_of;
use super::history::Status;
use super::open_error::OpenError;
use super::reader::JournalReader;
use super::schema;

/// Why there is no backup. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The journal can't be read.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// The target exists already.
    #[error("{path:?} is there already, and a backup overwrites nothing: name another file")]
    Exists {
        /// Where the backup should go.
        path: PathBuf,
    },
    /// The backup can't be written.
    #[error(
        "the backup {path:?} can't be written: {detail}. Name a file in a folder that exists, that this user may \
         write, and on whose disk there is room for it"
    )]
    Target {
        /// Where the backup should go.
        path: PathBuf,
        /// What the system said.
        detail: String,
    },
}

/// Copies the journal to `to`, which must not exist. The copy has mode 0600 and is on the disk when this returns. A relay that
/// is running goes on meanwhile. If the future is dropped, nothing is left behind.
///
/// # Errors
/// [`BackupError::Journal`]: the journal can't be read. [`BackupError::Exists`]: `to` exists. [`BackupError::Target`]: `to`
/// can't be written.
pub async fn backup(journal: &Path, to: &Path) -> Result<Status, BackupError> {
    let exists = || BackupError::Exists { path: to.to_owned() };
    let target = |e: io::Error| BackupError::Target { path: to.to_owned(), detail: e.to_string() };
    if to.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let mut db = schema::of_any_version(journal).await?;
    let folder = folder_of(to);
    // A folder for the copy and for `SQLite`'s temporary files; only its owner can use it, and it is deleted when dropped.
    let room = tempfile::Builder::new()
        .prefix(".muc-invite-relay-backup-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(folder)
        .map_err(target)?;
    let part = NamedTempFile::new_in(room.path()).map_err(target)?;
    sqlx::query("VACUUM INTO ?").bind(name(&part, to)?).execute(&mut db).await.map_err(|e| {
        match schema::primary_code(&e) {
            // Read-only, I/O error, disk full, can't be opened: these concern the file that is written.
            Some(8 | 10 | 13 | 14) => BackupError::Target { path: to.to_owned(), detail: e.to_string() },
            _ => schema::database_error(journal, e).into(),
        }
    })?;
    let status = JournalReader::new(part.path()).status().await?;
    part.as_file().sync_all().map_err(target)?;
    part.persist_noclobber(to).map_err(|e| match e.error.kind() {
        io::ErrorKind::AlreadyExists => exists(),
        _ => target(e.error),
    })?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(target)?;
    Ok(status)
}

fn name<'a>(part: &'a NamedTempFile, to: &Path) -> Result<&'a str, BackupError> {
    let detail = || "its name is not UTF-8".to_owned();
    part.path().to_str().ok_or_else(|| BackupError::Target { path: to.to_owned(), detail: detail() })
}
