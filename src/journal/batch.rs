//! The statements of a group commit: a whole batch of rows in a few statements each.
//! Knows nothing of tasks, retries or time.
//!
//! Each statement is handed to another thread and back, which costs as much as writing several rows. So rows go in as few
//! statements as can be. A statement's text depends on its number of rows, and is to be prepared once: there are texts for
//! some numbers of rows, and rows that are left over are NULL, which every statement here passes over.
//!
//! `OR FAIL`: a statement that fails leaves what it has done so far, which the whole batch's rollback undoes. Without it
//! `SQLite` keeps a journal of each statement, in a file of its own when it changes many pages.

use sqlx::query_builder::{QueryBuilder, Separated};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqliteConnection};

use super::rows::{column, nullable};
use crate::model::{Arrival, Id, Language, Origin, Outcome, Payload, Pending};

/// 256 rows of 15 values stay far below `SQLite`'s limit of 32766 parameters.
const MAX_ROWS_PER_STATEMENT: usize = 256;

/// What holds a claim: see [`super::Journal::claim`].
pub(super) type Key = [u8; 16];

/// When something that was noted no longer counts: older than the window, or from a future that is further off than the
/// window (the clock was set back, and nobody must wait for it to come round again).
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// ms since 1970, UTC.
    pub(super) now: i64,
    /// ms.
    pub(super) length: i64,
}

/// Cuts `items` into pieces for one statement each.
pub(super) fn chunks<T>(items: &[T]) -> impl Iterator<Item = &[T]> {
    items.chunks(MAX_ROWS_PER_STATEMENT)
}

/// For how many rows a statement is that takes so many: 1, 2, 3, 4, 6, 8, 12, 16, …
fn places(rows: usize) -> usize {
    let upper = rows.next_power_of_two();
    let between = upper / 4 * 3;
    if between >= rows { between } else { upper }
}

/// `VALUES` of these rows and of those that are left over: `SQLite` takes for NULL what is bound to nothing, so nothing
/// may be bound behind them.
pub(super) fn push_rows<T>(
    sql: &mut QueryBuilder<Sqlite>,
    rows: &[T],
    columns: usize,
    bind: impl FnMut(Separated<'_, Sqlite, &'static str>, &T),
) {
    sql.push_values(rows, bind);
    for _ in rows.len()..places(rows.len()) {
        sql.push(", (?").push(", ?".repeat(columns - 1)).push(")");
    }
}

/// Writes arrivals into `pending`: id, time, what arrived, and whether the room has made the contact a member for it.
pub(super) async fn admit(db: &mut SqliteConnection, rows: &[(Id, i64, &Arrival, bool)]) -> sqlx::Result<()> {
    for chunk in chunks(rows) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "INSERT OR FAIL INTO pending (id, received, route, room, inviter, contact, reason, password, thread, continues, \
             origin, parent, hand_over, addressed, language, added) SELECT * FROM (",
        );
        push_rows(&mut sql, chunk, 16, |mut row, (id, received, a, added)| {
            row.push_bind(*id)
                .push_bind(*received)
                .push_bind(a.route.as_str())
                .push_bind(a.room.as_str())
                .push_bind(a.inviter.as_str())
                .push_bind(a.contact.as_str())
                .push_bind(a.payload.reason.as_deref())
                .push_bind(a.payload.password.as_deref())
                .push_bind(a.payload.thread.as_deref())
                .push_bind(a.payload.continues)
                .push_bind(a.payload.origin.as_ref().map(Origin::to_text))
                .push_bind(a.parent)
                .push_bind(a.payload.hand_over.as_deref().map(Origin::to_text))
                .push_bind(a.payload.addressed.as_deref())
                .push_bind(to_column(a.payload.language))
                .push_bind(*added);
        });
        sql.push(") WHERE column1 IS NOT NULL");
        sql.build().execute(&mut *db).await?;
    }
    Ok(())
}

/// Notes that the contacts of these invitations are about to be made members.
pub(super) async fn note_added(db: &mut SqliteConnection, ids: &[Id]) -> sqlx::Result<()> {
    for_each(db, "UPDATE pending SET added = 1", ids).await
}

/// Takes invitations under way out, without a trace in `history`.
pub(super) async fn discard(db: &mut SqliteConnection, ids: &[Id]) -> sqlx::Result<()> {
    for_each(db, "DELETE FROM pending", ids).await
}

/// Does this to the rows with these ids.
pub(super) async fn for_each(
    db: &mut SqliteConnection,
    change: &'static str,
    ids: &[Id],
) -> sqlx::Result<()> {
    for chunk in chunks(ids) {
        let mut sql = QueryBuilder::<Sqlite>::new(change);
        sql.push(" WHERE id IN (");
        push_rows(&mut sql, chunk, 1, |mut row, id| {
            row.push_bind(*id);
        });
        sql.push(")");
        sql.build().execute(&mut *db).await?;
    }
    Ok(())
}

/// Moves settled invitations from `pending` to `history`, without their payload.
pub(super) async fn settle(db: &mut SqliteConnection, outcomes: &[&Outcome], now: i64) -> sqlx::Result<()> {
    for chunk in chunks(outcomes) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "INSERT OR FAIL INTO history (id, received, settled, route, room, inviter, contact, state, reason, sent_as, \
             added, parent, language, declined) \
             SELECT p.id, p.received, ",
        );
        sql.push_bind(now);
        sql.push(
            ", p.route, p.room, coalesce(o.column4, p.inviter), p.contact, o.column2, o.column3, o.column5, p.added, p.parent, p.language, \
             iif(o.column5 <> coalesce(o.column4, p.inviter) AND o.column5 <> p.room, 0, NULL) FROM (",
        );
        push_rows(&mut sql, chunk, 5, |mut row, o| {
            row.push_bind(o.id)
                .push_bind(o.state.as_str())
                .push_bind(o.reason.map(crate::model::Reason::as_str))
                .push_bind(o.inviter.as_deref())
                .push_bind(o.sent_as.as_deref());
        });
        sql.push(") AS o CROSS JOIN pending AS p ON p.id = o.column1");
        sql.build().execute(&mut *db).await?;
    }
    discard(db, &outcomes.iter().map(|outcome| outcome.id).collect::<Vec<_>>()).await
}

/// What stands first in a question for invitations under way: the columns that [`pending`] reads, in its order.
macro_rules! select_pending {
    ($rest:literal) => {
        concat!(
            "SELECT id, received, route, room, inviter, contact, reason, password, thread, continues, origin, parent, added, \
             hand_over, addressed, language FROM pending ",
            $rest
        )
    };
}

/// The oldest invitations under way behind `after`, `limit` at most, without those whose parent is under way.
pub(super) async fn backlog(db: &mut SqliteConnection, after: Id, limit: u32) -> sqlx::Result<Vec<Pending>> {
    let rows = sqlx::query(select_pending!(
        "WHERE id > ? AND NOT EXISTS (SELECT 1 FROM pending AS above WHERE above.id = pending.parent) \
         ORDER BY id LIMIT ?"
    ))
    .bind(after)
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.iter().map(pending).collect()
}

/// The children of one that are under way. A child is always younger than its parent.
pub(super) async fn children(db: &mut SqliteConnection, parent: Id) -> sqlx::Result<Vec<Pending>> {
    let rows = sqlx::query(select_pending!("WHERE id > ? AND parent = ? ORDER BY id"))
        .bind(parent)
        .bind(parent)
        .fetch_all(db)
        .await?;
    rows.iter().map(pending).collect()
}

fn pending(row: &SqliteRow) -> sqlx::Result<Pending> {
    Ok(Pending {
        id: row.try_get(0)?,
        received: row.try_get(1)?,
        arrival: Arrival {
            route: column(row, 2)?,
            room: row.try_get(3)?,
            inviter: row.try_get(4)?,
            contact: row.try_get(5)?,
            payload: Payload {
                reason: row.try_get(6)?,
                password: row.try_get(7)?,
                thread: row.try_get(8)?,
                continues: row.try_get(9)?,
                origin: row.try_get::<Option<&str>, _>(10)?.map(Origin::from_text),
                hand_over: row.try_get::<Option<&str>, _>(13)?.map(Origin::from_text).map(Box::new),
                addressed: row.try_get::<Option<&str>, _>(14)?.map(Box::from),
                language: nullable(row, 15)?.unwrap_or_default(),
            },
            parent: row.try_get(11)?,
        },
        added: row.try_get(12)?,
    })
}

/// Nothing for most people.
fn to_column(language: Language) -> Option<&'static str> {
    (language != Language::default()).then(|| language.as_str())
}

impl Origin {
    /// A line break stands in no JID.
    fn to_text(&self) -> String {
        let Self { sender, message } = self;
        message.as_ref().map_or_else(|| sender.clone(), |message| format!("{sender}\n{message}"))
    }

    fn from_text(text: &str) -> Self {
        let (sender, message) = match text.split_once('\n') {
            Some((sender, message)) => (sender, Some(message.to_owned())),
            None => (text, None),
        };
        Self { sender: sender.to_owned(), message }
    }
}

/// Between whom a direct invitation went.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) contact: String,
    pub(super) sent_as: String,
}

/// For how long after it was relayed an invitation may come back, in ms. Servers give up on each other within minutes.
const MAX_BOUNCE_AGE: i64 = 60 * 60 * 1000;

/// Changes a relayed invitation's outcome in `history`, if that is not too long ago.
pub(super) async fn bounce(
    db: &mut SqliteConnection,
    outcome: &Outcome,
    sent: &Sent,
    now: i64,
) -> sqlx::Result<Option<Pending>> {
    let row = sqlx::query(
        "UPDATE history SET state = ?, reason = ?, settled = ? \
         WHERE id = ? AND state = 'relayed' AND contact = ? AND sent_as = ? AND settled > ? \
         RETURNING id, received, route, room, inviter, contact, parent, added, language",
    )
    .bind(outcome.state.as_str())
    .bind(outcome.reason.map(crate::model::Reason::as_str))
    .bind(now)
    .bind(outcome.id)
    .bind(&sent.contact)
    .bind(&sent.sent_as)
    .bind(now - MAX_BOUNCE_AGE)
    .fetch_optional(db)
    .await?;
    row.as_ref().map(ended).transpose()
}

/// An invitation that has ended, so that its payload is gone.
pub(super) fn ended(row: &SqliteRow) -> sqlx::Result<Pending> {
    Ok(Pending {
        id: row.try_get(0)?,
        received: row.try_get(1)?,
        arrival: Arrival {
            route: column(row, 2)?,
            room: row.try_get(3)?,
            inviter: row.try_get(4)?,
            contact: row.try_get(5)?,
            payload: Payload { language: nullable(row, 8)?.unwrap_or_default(), ..Payload::default() },
            parent: row.try_get(6)?,
        },
        added: row.try_get(7)?,
    })
}
