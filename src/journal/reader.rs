//! Reads a journal beside a relay that may be running. The queries are in the files of what they read. Knows none of them.

use std::path::{Path, PathBuf};

use sqlx::SqliteConnection;

use super::open_error::OpenError;
use super::schema;

/// Reads a journal beside a relay that may be running. Each call opens a connection of its own.
#[derive(Debug, Clone)]
pub struct JournalReader {
    pub(super) path: PathBuf,
}

impl JournalReader {
    /// A reader of this file, which need not exist yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// See [`OpenError`]: the file is missing, can't be used, is damaged, or has another schema than this program's.
    pub(super) async fn open(&self) -> Result<SqliteConnection, OpenError> {
        schema::beside(&self.path).await
    }

    /// What an error of a statement means.
    pub(super) fn failed(&self, error: sqlx::Error) -> OpenError {
        schema::database_error(&self.path, error)
    }
}
