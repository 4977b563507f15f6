//! A connection that reads beside the writer, to either database. Knows nothing of single questions.

use std::future::Future;

use sqlx::{Connection as _, PgConnection, SqliteConnection};

use super::open_error::OpenError;
use super::postgres::session;
use super::schema;
use crate::config::JournalPlace;

/// A connection to either database.
#[derive(Debug)]
pub(super) enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Puts the same question to either database. Its text is the same: both know `$1`.
macro_rules! on_either {
    ($connection:expr, $db:ident => $question:expr) => {
        match $connection {
            $crate::journal::connection::Connection::Sqlite($db) => $question,
            $crate::journal::connection::Connection::Postgres($db) => $question,
        }
    };
}
pub(super) use on_either;

impl Connection {
    /// Opens a connection beside a relay that may be running. Creates nothing.
    ///
    /// # Errors
    /// [`OpenError`]: among others, there is no journal yet, or its schema has another version.
    pub(super) async fn beside(place: &JournalPlace) -> Result<Self, OpenError> {
        match place {
            JournalPlace::File(path) => schema::beside(path).await.map(Self::Sqlite),
            JournalPlace::Server(server) => Box::pin(session::beside(server)).await.map(Self::Postgres),
        }
    }

    /// Closes it; a server is not waited for as long as a disk.
    ///
    /// # Errors
    /// That of the closing.
    pub(super) async fn close(self) -> sqlx::Result<()> {
        match self {
            Self::Sqlite(db) => db.close().await,
            Self::Postgres(db) => session::within(session::READ_TIMEOUT, db.close()).await,
        }
    }

    /// Reads within the time that a database on a network may take. A disk is waited for.
    ///
    /// # Errors
    /// That of the reading.
    pub(super) async fn within<T>(
        place: &JournalPlace,
        reading: impl Future<Output = sqlx::Result<T>>,
    ) -> sqlx::Result<T> {
        match place {
            JournalPlace::File(_) => reading.await,
            JournalPlace::Server(_) => session::within(session::READ_TIMEOUT, reading).await,
        }
    }
}

/// What an error of a statement means.
pub(super) fn failed(place: &JournalPlace, error: sqlx::Error) -> OpenError {
    match place {
        JournalPlace::File(path) => schema::database_error(path, error),
        JournalPlace::Server(server) => session::open_error(server, error),
    }
}
