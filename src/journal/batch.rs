//! The statements of a group commit: a whole batch of rows in a few statements each.
//! Knows nothing of tasks, retries or time.
//!
//! Each statement is handed to another thread and back, which costs as much as writing several rows. So rows go in as few
//! statements as can be: see [`Statement`].
//!
//! `OR FAIL`: a statement that fails leaves what it has done so far, which the whole batch's rollback undoes. Without it
//! `SQLite` keeps a journal of each statement, in a file of its own when it changes many pages.

use std::collections::HashSet;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::nouns::{MAX_BOUNCE_AGE, Sent};
use super::rows::{column, ended, nullable};
use super::statement::{Statement, Values};
use crate::model::{Arrival, Id, Language, Origin, Outcome, Payload, Pending};

/// Writes arrivals into `pending`: id, time, what arrived, and whether the room has made the contact a member for it.
pub(super) async fn admit(db: &mut SqliteConnection, rows: &[(Id, i64, &Arrival, bool)]) -> sqlx::Result<()> {
    static ADMIT: Statement = Statement::new(
        "INSERT OR FAIL INTO pending (id, received, route, room, inviter, contact, reason, password, thread, continues, \
         origin, parent, hand_over, addressed, language, added) SELECT * FROM (",
        16,
        ") WHERE column1 IS NOT NULL",
    );
    for piece in Statement::pieces(rows) {
        let sql = ADMIT.of(piece, Values::default(), |row, (id, received, a, added)| {
            row.push(*id)?
                .push(*received)?
                .text(a.route.as_str())?
                .text(a.room.as_str())?
                .text(a.inviter.as_str())?
                .text(a.contact.as_str())?
                .text(a.payload.reason.as_deref())?
                .text(a.payload.password.as_deref())?
                .text(a.payload.thread.as_deref())?
                .push(a.payload.continues)?
                .push(a.payload.origin.as_ref().map(Origin::to_text))?
                .push(a.parent)?
                .push(a.payload.hand_over.as_deref().map(Origin::to_text))?
                .text(a.payload.addressed.as_deref())?
                .text(to_column(a.payload.language))?
                .push(*added)?;
            Ok(())
        });
        sql?.execute(&mut *db).await?;
    }
    Ok(())
}

/// Notes that the contacts of these invitations are about to be made members.
pub(super) async fn note_added(db: &mut SqliteConnection, ids: &[Id]) -> sqlx::Result<()> {
    static NOTE_ADDED: Statement = Statement::new("UPDATE pending SET added = 1 WHERE id IN (", 1, ")");
    for_each(db, &NOTE_ADDED, ids).await
}

/// Takes invitations under way out, without a trace in `history`.
pub(super) async fn discard(db: &mut SqliteConnection, ids: &[Id]) -> sqlx::Result<()> {
    static DISCARD: Statement = Statement::new("DELETE FROM pending WHERE id IN (", 1, ")");
    for_each(db, &DISCARD, ids).await
}

/// Does this to the rows with these ids.
pub(super) async fn for_each(db: &mut SqliteConnection, change: &Statement, ids: &[Id]) -> sqlx::Result<()> {
    for piece in Statement::pieces(ids) {
        let sql = change.of(piece, Values::default(), |row, id| row.push(*id).map(drop));
        sql?.execute(&mut *db).await?;
    }
    Ok(())
}

/// Moves settled invitations from `pending` to `history`, without their payload.
pub(super) async fn settle(db: &mut SqliteConnection, outcomes: &[&Outcome], now: i64) -> sqlx::Result<()> {
    static SETTLE: Statement = Statement::new(
        "INSERT OR FAIL INTO history (id, received, settled, route, room, inviter, contact, state, reason, sent_as, \
         added, parent, language, declined) \
         SELECT p.id, p.received, ?, p.route, p.room, coalesce(o.column4, p.inviter), p.contact, o.column2, o.column3, \
         o.column5, p.added, p.parent, p.language, \
         iif(o.column5 <> coalesce(o.column4, p.inviter) AND o.column5 <> p.room, 0, NULL) FROM (",
        5,
        ") AS o CROSS JOIN pending AS p ON p.id = o.column1",
    );
    for piece in Statement::pieces(outcomes) {
        let mut values = Values::default();
        values.push(now)?;
        let sql = SETTLE.of(piece, values, |row, o| {
            row.push(o.id)?
                .text(o.state.as_str())?
                .text(o.reason.map(crate::model::Reason::as_str))?
                .text(o.inviter.as_deref())?
                .text(o.sent_as.as_deref())?;
            Ok(())
        });
        sql?.execute(&mut *db).await?;
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

/// The oldest invitations under way behind `after`, `limit` at most.
pub(super) async fn under_way_after(
    db: &mut SqliteConnection,
    after: Id,
    limit: i64,
) -> sqlx::Result<Vec<Pending>> {
    let rows = sqlx::query(select_pending!("WHERE id > ? ORDER BY id LIMIT ?"))
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

/// Which of these are under way.
pub(super) async fn under_way(db: &mut SqliteConnection, ids: &[Id]) -> sqlx::Result<HashSet<Id>> {
    static UNDER_WAY: Statement = Statement::new("SELECT id FROM pending WHERE id IN (", 1, ")");
    let mut under_way = HashSet::new();
    for piece in Statement::pieces(ids) {
        let sql = UNDER_WAY.of(piece, Values::default(), |row, id| row.push(*id).map(drop));
        for row in sql?.fetch_all(&mut *db).await? {
            under_way.insert(row.try_get(0)?);
        }
    }
    Ok(under_way)
}

/// `heir` takes over the membership that was added for `from`.
pub(super) async fn pass_membership(db: &mut SqliteConnection, from: Id, heir: Id) -> sqlx::Result<()> {
    for (change, id) in [
        ("UPDATE pending SET added = 1 WHERE id = ?", heir),
        ("UPDATE history SET added = 1 WHERE id = ?", heir),
        ("UPDATE pending SET added = 0 WHERE id = ?", from),
    ] {
        sqlx::query(change).bind(id).execute(&mut *db).await?;
    }
    Ok(())
}
