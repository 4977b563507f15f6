//! The statements about invitations, but for what each batch writes ([`super::batch`]). Knows nothing of tasks, retries or time.

use std::collections::HashSet;

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::sealed::{Owner, Sealer};
use super::text::clean;
use crate::journal::nouns::{MAX_BOUNCE_AGE, Sent};
use crate::journal::rows::{column, ended, nullable};
use crate::model::{Arrival, Id, Language, Outcome, Pending, Reason};

/// Nothing for most people.
pub(super) fn to_column(language: Language) -> Option<&'static str> {
    (language != Language::default()).then(|| language.as_str())
}

/// The payload of a row, sealed for it: for its room and contact as they stand there.
pub(super) fn sealed_payload(sealer: &Sealer, id: Id, arrival: &Arrival) -> sqlx::Result<Vec<u8>> {
    let (room, contact) = (clean(&arrival.room), clean(&arrival.contact));
    sealer.payload(Owner { id, room: &room, contact: &contact }, &arrival.payload)
}

/// Notes that the contacts of these invitations are about to be made members.
pub(super) async fn note_added(db: &mut PgConnection, ids: &[Id]) -> sqlx::Result<()> {
    if !ids.is_empty() {
        sqlx::query("UPDATE pending SET added = true WHERE id = ANY($1)").bind(ids).execute(db).await?;
    }
    Ok(())
}

/// Takes invitations under way out, without a trace in `history`.
pub(super) async fn discard(db: &mut PgConnection, ids: &[Id]) -> sqlx::Result<()> {
    if !ids.is_empty() {
        sqlx::query("DELETE FROM pending WHERE id = ANY($1)").bind(ids).execute(db).await?;
    }
    Ok(())
}

/// The columns that [`pending`] reads, in its order, before the rest of a question.
macro_rules! select_pending {
    ($rest:literal) => {
        concat!(
            "SELECT id, received, route, room, inviter, contact, parent, language, added, payload FROM pending ",
            $rest
        )
    };
}

/// The oldest invitations under way behind `after`, `limit` at most, without those whose parent is under way.
pub(super) async fn backlog(
    db: &mut PgConnection,
    sealer: &Sealer,
    after: Id,
    limit: u32,
) -> sqlx::Result<Vec<Pending>> {
    let rows = sqlx::query(select_pending!(
        "WHERE id > $1 AND NOT EXISTS (SELECT 1 FROM pending AS above WHERE above.id = pending.parent) \
         ORDER BY id LIMIT $2"
    ))
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(db)
    .await?;
    rows.iter().map(|row| pending(sealer, row)).collect()
}

/// The oldest invitations under way behind `after`, `limit` at most.
pub(super) async fn under_way_after(
    db: &mut PgConnection,
    sealer: &Sealer,
    after: Id,
    limit: i64,
) -> sqlx::Result<Vec<Pending>> {
    let rows = sqlx::query(select_pending!("WHERE id > $1 ORDER BY id LIMIT $2"))
        .bind(after)
        .bind(limit)
        .fetch_all(db)
        .await?;
    rows.iter().map(|row| pending(sealer, row)).collect()
}

/// The children of one that are under way. A child is always younger than its parent.
pub(super) async fn children(
    db: &mut PgConnection,
    sealer: &Sealer,
    parent: Id,
) -> sqlx::Result<Vec<Pending>> {
    let rows = sqlx::query(select_pending!("WHERE id > $1 AND parent = $1 ORDER BY id"))
        .bind(parent)
        .fetch_all(db)
        .await?;
    rows.iter().map(|row| pending(sealer, row)).collect()
}

/// An invitation under way, from the columns of [`backlog`].
pub(super) fn pending(sealer: &Sealer, row: &PgRow) -> sqlx::Result<Pending> {
    let id = row.try_get(0)?;
    let language = nullable(row, 7)?.unwrap_or_default();
    let (room, contact): (String, String) = (row.try_get(3)?, row.try_get(5)?);
    let owner = Owner { id, room: &room, contact: &contact };
    let payload = sealer.open_payload(owner, row.try_get(9)?, language)?;
    Ok(Pending {
        id,
        received: row.try_get(1)?,
        arrival: Arrival {
            route: column(row, 2)?,
            room,
            inviter: row.try_get(4)?,
            contact,
            payload,
            parent: row.try_get(6)?,
        },
        added: row.try_get(8)?,
    })
}

/// Which of these are under way.
pub(super) async fn under_way(db: &mut PgConnection, ids: &[Id]) -> sqlx::Result<HashSet<Id>> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let rows: Vec<Id> =
        sqlx::query_scalar("SELECT id FROM pending WHERE id = ANY($1)").bind(ids).fetch_all(db).await?;
    Ok(rows.into_iter().collect())
}

/// `heir` takes over the membership that was added for `from`.
pub(super) async fn pass_membership(db: &mut PgConnection, from: Id, heir: Id) -> sqlx::Result<()> {
    for (change, id) in [
        ("UPDATE pending SET added = true WHERE id = $1", heir),
        ("UPDATE history SET added = true WHERE id = $1", heir),
        ("UPDATE pending SET added = false WHERE id = $1", from),
    ] {
        sqlx::query(change).bind(id).execute(&mut *db).await?;
    }
    Ok(())
}

/// Changes a relayed invitation's outcome in `history`, if that is not too long ago.
pub(super) async fn bounce(
    db: &mut PgConnection,
    outcome: &Outcome,
    sent: &Sent,
    now: i64,
) -> sqlx::Result<Option<Pending>> {
    let row = sqlx::query(
        "UPDATE history SET state = $1, reason = $2, settled = $3 \
         WHERE id = $4 AND state = 'relayed' AND contact = $5 AND sent_as = $6 AND settled > $7 \
         RETURNING id, received, route, room, inviter, contact, parent, added, language",
    )
    .bind(outcome.state.as_str())
    .bind(outcome.reason.map(Reason::as_str))
    .bind(now)
    .bind(outcome.id)
    .bind(clean(&sent.contact))
    .bind(clean(&sent.sent_as))
    .bind(now - MAX_BOUNCE_AGE)
    .fetch_optional(db)
    .await?;
    row.as_ref().map(ended).transpose()
}

/// Notes that the contact has declined the newest relayed invitation that was sent from this relay address.
pub(super) async fn decline(
    db: &mut PgConnection,
    room: &str,
    sent: &Sent,
    now: i64,
) -> sqlx::Result<Option<Pending>> {
    let row = sqlx::query(
        "UPDATE history SET declined = $1 WHERE id = (SELECT id FROM history WHERE \
         hashtextextended(contact, hashtextextended(room, 0)) = hashtextextended($2, hashtextextended($3, 0)) \
         AND contact = $2 AND room = $3 \
         AND sent_as = $4 AND state = 'relayed' AND declined = 0 ORDER BY id DESC LIMIT 1) \
         RETURNING id, received, route, room, inviter, contact, parent, added, language",
    )
    .bind(now)
    .bind(clean(&sent.contact))
    .bind(clean(room))
    .bind(clean(&sent.sent_as))
    .fetch_optional(db)
    .await?;
    row.as_ref().map(ended).transpose()
}
