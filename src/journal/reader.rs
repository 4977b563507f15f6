//! Reads a journal beside a relay that may be running. The queries are in the files of what they read. Knows none of them.

use super::connection::{self, Connection};
use super::open_error::OpenError;
use crate::config::JournalPlace;

/// Reads a journal beside a relay that may be running. Each call opens a connection of its own.
#[derive(Debug, Clone)]
pub struct JournalReader {
    pub(super) place: JournalPlace,
}

impl JournalReader {
    /// A reader of this journal, which need not exist yet.
    #[must_use]
    pub fn new(place: impl Into<JournalPlace>) -> Self {
        Self { place: place.into() }
    }

    /// Reads on a connection of its own.
    ///
    /// # Errors
    /// See [`OpenError`]: the journal is missing, can't be used, is damaged, or has another schema than this program's.
    pub(super) async fn read<T>(
        &self,
        reading: impl AsyncFnOnce(&mut Connection) -> sqlx::Result<T>,
    ) -> Result<T, OpenError> {
        let mut db = Connection::beside(&self.place).await?;
        Connection::within(&self.place, reading(&mut db))
            .await
            .map_err(|e| connection::failed(&self.place, e))
    }
}
