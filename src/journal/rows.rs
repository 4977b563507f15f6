//! The records of `history`, the filter for them, and what rows of either database stand for. Knows nothing of queries.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use jid::BareJid;
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

use crate::model::group::KeptGroup;
use crate::model::words::UnknownWord;
use crate::model::{Arrival, Id, Payload, Pending, Preferences, Reason, Route, State};

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

/// What is read from a row of either database.
pub(super) trait Columns {
    fn text(&self, column: usize) -> sqlx::Result<Option<&str>>;
    fn number(&self, column: usize) -> sqlx::Result<Option<i64>>;
    fn boolean(&self, column: usize) -> sqlx::Result<bool>;
}

macro_rules! columns_of {
    ($row:ty) => {
        impl Columns for $row {
            fn text(&self, column: usize) -> sqlx::Result<Option<&str>> {
                self.try_get(column)
            }

            fn number(&self, column: usize) -> sqlx::Result<Option<i64>> {
                self.try_get(column)
            }

            fn boolean(&self, column: usize) -> sqlx::Result<bool> {
                self.try_get(column)
            }
        }
    };
}

columns_of!(SqliteRow);
columns_of!(PgRow);

/// The error for NULL where there must be a value.
fn present<T>(value: Option<T>, column: usize) -> sqlx::Result<T> {
    value.ok_or_else(|| sqlx::Error::ColumnDecode { index: column.to_string(), source: "NULL".into() })
}

/// A text that is not NULL.
pub(super) fn text(row: &impl Columns, column: usize) -> sqlx::Result<&str> {
    present(row.text(column)?, column)
}

/// A number that is not NULL.
pub(super) fn number(row: &impl Columns, column: usize) -> sqlx::Result<i64> {
    present(row.number(column)?, column)
}

/// The value of a column that holds a word or NULL.
pub(super) fn nullable<T: FromStr<Err = UnknownWord>>(
    row: &impl Columns,
    at: usize,
) -> sqlx::Result<Option<T>> {
    row.text(at)?.map(|_| column(row, at)).transpose()
}

/// The value of a column that holds a word.
pub(super) fn column<T: FromStr<Err = UnknownWord>>(row: &impl Columns, column: usize) -> sqlx::Result<T> {
    let decode =
        |e: UnknownWord| sqlx::Error::ColumnDecode { index: column.to_string(), source: Box::new(e) };
    text(row, column)?.parse().map_err(decode)
}

/// A record: id, received, settled, route, room, inviter, contact, state, reason, `sent_as`, parent.
pub(super) fn record(row: &impl Columns) -> sqlx::Result<Record> {
    let owned = |column| text(row, column).map(str::to_owned);
    Ok(Record {
        id: number(row, 0)?,
        received: time(number(row, 1)?),
        settled: row.number(2)?.map(time),
        route: column(row, 3)?,
        room: owned(4)?,
        inviter: owned(5)?,
        contact: owned(6)?,
        state: column(row, 7)?,
        reason: nullable(row, 8)?,
        sent_as: row.text(9)?.map(str::to_owned),
        parent: row.number(10)?,
    })
}

/// An invitation that has ended, so that its payload is gone: id, received, route, room, inviter, contact, parent, added, language.
pub(super) fn ended(row: &impl Columns) -> sqlx::Result<Pending> {
    let owned = |column| text(row, column).map(str::to_owned);
    Ok(Pending {
        id: number(row, 0)?,
        received: number(row, 1)?,
        arrival: Arrival {
            route: column(row, 2)?,
            room: owned(3)?,
            inviter: owned(4)?,
            contact: owned(5)?,
            payload: Payload { language: nullable(row, 8)?.unwrap_or_default(), ..Payload::default() },
            parent: row.number(6)?,
        },
        added: row.boolean(7)?,
    })
}

/// A person and their preferences: person, takes, blocks.
pub(super) fn preferences(row: &impl Columns) -> sqlx::Result<(String, Preferences)> {
    let blocks = text(row, 2)?.lines().map(str::to_owned).collect();
    Ok((text(row, 0)?.to_owned(), Preferences { accept_from: column(row, 1)?, blocks }))
}

/// A group: name, `may_use`, users, entries.
pub(super) fn group(row: &impl Columns) -> sqlx::Result<KeptGroup> {
    let lines = |column| Ok::<_, sqlx::Error>(text(row, column)?.lines().map(str::to_owned).collect());
    Ok(KeptGroup {
        name: text(row, 0)?.to_owned(),
        may_use: column(row, 1)?,
        users: lines(2)?,
        entries: lines(3)?,
    })
}

fn time(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::UNIX_EPOCH)
}
