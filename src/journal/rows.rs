//! The records of `history`, the filter for them, and how words are read from columns. Knows nothing of queries.

use std::fmt::Display;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use jid::BareJid;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, FromRow, Row};

use crate::model::words::UnknownWord;
use crate::model::{Id, Reason, Route, State};

/// A record of `history`: an invitation that is pending or has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its id in the journal.
    pub id: Id,
    /// When it arrived.
    pub received: DateTime<Utc>,
    /// When it ended; `None` while it is pending.
    pub settled: Option<DateTime<Utc>>,
    /// How it arrived.
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
    /// The `from` of the direct invitation, or the room that it was sent through.
    pub sent_as: Option<String>,
    /// The invitation whose fan-out it belongs to.
    pub parent: Option<Id>,
}

/// Which records to read; all that is set must hold.
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
    /// How many records at most; the newest.
    pub limit: u32,
}

/// The value of a column that holds a word or NULL.
pub(super) fn nullable<T, I>(row: &SqliteRow, index: I) -> sqlx::Result<Option<T>>
where
    T: FromStr<Err = UnknownWord>,
    I: ColumnIndex<SqliteRow> + Display + Copy,
{
    let word: Option<&str> = row.try_get(index)?;
    word.map(|_| column(row, index)).transpose()
}

/// The value of a column that holds a word.
pub(super) fn column<T, I>(row: &SqliteRow, index: I) -> sqlx::Result<T>
where
    T: FromStr<Err = UnknownWord>,
    I: ColumnIndex<SqliteRow> + Display + Copy,
{
    let word: &str = row.try_get(index)?;
    word.parse()
        .map_err(|e: UnknownWord| sqlx::Error::ColumnDecode { index: index.to_string(), source: Box::new(e) })
}

impl FromRow<'_, SqliteRow> for Record {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            received: time(row.try_get("received")?),
            settled: row.try_get::<Option<i64>, _>("settled")?.map(time),
            route: column(row, "route")?,
            room: row.try_get("room")?,
            inviter: row.try_get("inviter")?,
            contact: row.try_get("contact")?,
            state: column(row, "state")?,
            reason: nullable(row, "reason")?,
            sent_as: row.try_get("sent_as")?,
            parent: row.try_get("parent")?,
        })
    }
}

fn time(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::UNIX_EPOCH)
}
