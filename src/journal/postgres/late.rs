//! What a relay had read and could not write down before another one took the lead: it puts it here, and the one that leads takes it
//! in. Knows nothing of who leads.

use sqlx::PgConnection;

use super::rows::{pending, sealed_payload, to_column};
use super::sealed::Sealer;
use super::text::clean;
use crate::model::{LateArrival, Pending};

/// Puts them here. Where the answer was lost that can be repeated; those that were taken out meanwhile are duplicates then.
pub(super) async fn hand_on(
    db: &mut PgConnection,
    sealer: &Sealer,
    late: &[LateArrival],
) -> sqlx::Result<()> {
    let payloads = late.iter().map(|it| sealed_payload(sealer, it.number, &it.arrival));
    let payloads = payloads.collect::<sqlx::Result<Vec<_>>>()?;
    sqlx::query(
        "INSERT INTO late (id, received, route, room, inviter, contact, language, payload) \
         SELECT unnest($1::bigint[]), unnest($2::bigint[]), unnest($3::text[]), unnest($4::text[]), unnest($5::text[]), \
         unnest($6::text[]), unnest($7::text[]), unnest($8::bytea[]) ON CONFLICT DO NOTHING",
    )
    .bind(late.iter().map(|it| it.number).collect::<Vec<_>>())
    .bind(late.iter().map(|it| it.received).collect::<Vec<_>>())
    .bind(late.iter().map(|it| it.arrival.route.as_str()).collect::<Vec<_>>())
    .bind(late.iter().map(|it| clean(&it.arrival.room)).collect::<Vec<_>>())
    .bind(late.iter().map(|it| clean(&it.arrival.inviter)).collect::<Vec<_>>())
    .bind(late.iter().map(|it| clean(&it.arrival.contact)).collect::<Vec<_>>())
    .bind(late.iter().map(|it| to_column(it.arrival.payload.language)).collect::<Vec<_>>())
    .bind(payloads)
    .execute(db)
    .await?;
    Ok(())
}

/// Whether there is anything.
pub(super) async fn is_there(db: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM late)").fetch_one(db).await
}

/// Takes the oldest out, `limit` at most. They have the numbers of [`LateArrival`] for ids.
pub(super) async fn take(db: &mut PgConnection, sealer: &Sealer, limit: i64) -> sqlx::Result<Vec<Pending>> {
    let rows = sqlx::query(
        "WITH oldest AS (DELETE FROM late WHERE id IN (SELECT id FROM late ORDER BY received, id LIMIT $1) RETURNING *) \
         SELECT id, received, route, room, inviter, contact, NULL::bigint, language, false, payload FROM oldest \
         ORDER BY received, id",
    )
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.iter().map(|row| pending(sealer, row)).collect()
}

/// Removes those of a person or a room; returns how many.
pub(super) async fn forget(db: &mut PgConnection, jid: &str) -> sqlx::Result<u64> {
    let delete = sqlx::query("DELETE FROM late WHERE contact = $1 OR inviter = $1 OR room = $1").bind(jid);
    Ok(delete.execute(db).await?.rows_affected())
}
