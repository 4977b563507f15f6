//! One line of `history`, what is looked for among them, and words as they are read from the database.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use jid::BareJid;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::model::words::UnknownWord;
use crate::model::{Id, Reason, Route, State};

/// One line of `history`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The journal's id.
    pub id: Id,
    /// When it arrived.
    pub received: DateTime<Utc>,
    /// When it ended; `None` while it is under way.
    pub settled: Option<DateTime<Utc>>,
    /// How it came.
    pub route: Route,
    /// The room's bare JID.
    pub room: String,
    /// The inviter's bare JID, or `ROOM/NICK` where the room masks it.
    pub inviter: String,
    /// The contact's bare JID.
    pub contact: String,
    /// Where it stands.
    pub state: State,
    /// Why.
    pub reason: Option<Reason>,
    /// The `from` of the direct invitation, or the room that it went through.
    pub sent_as: Option<String>,
    /// The invitation of which this one is a part.
    pub parent: Option<Id>,
}

/// What to look for in the journal; all that is set must hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The room.
    pub room: Option<BareJid>,
    /// The contact.
    pub contact: Option<BareJid>,
    /// The inviter.
    pub inviter: Option<BareJid>,
    /// The state.
    pub state: Option<State>,
    /// Received at this time or later.
    pub since: Option<DateTime<Utc>>,
    /// At most so many, the newest.
    pub limit: u32,
}

/// A word from the database, where there is one.
pub(super) fn nullable<T: FromStr<Err = UnknownWord>>(
    row: &SqliteRow,
    index: usize,
) -> sqlx::Result<Option<T>> {
    let word: Option<&str> = row.try_get(index)?;
    word.map(|_| column(row, index)).transpose()
}

/// A word from the database.
pub(super) fn column<T: FromStr<Err = UnknownWord>>(row: &SqliteRow, index: usize) -> sqlx::Result<T> {
    let word: &str = row.try_get(index)?;
    word.parse()
        .map_err(|e: UnknownWord| sqlx::Error::ColumnDecode { index: index.to_string(), source: Box::new(e) })
}
