//! What a batch reads and writes: one statement for each, since a round trip costs as much as several rows. Knows nothing of tasks,
//! retries or time.
//!
//! `unnest` stands in the list of columns, not in FROM: there the server would first put all rows aside. Claims that are new are
//! inserted without ON CONFLICT, which costs as much again: they were looked for in the same transaction, and nobody else writes.

use std::borrow::Cow;
use std::collections::HashMap;

use sqlx::{PgConnection, Row};

use super::rows::{sealed_payload, to_column};
use super::sealed::Sealer;
use super::text::clean;
use crate::journal::claim_memory::Memory;
use crate::journal::nouns::Key;
use crate::journal::rows::preferences;
use crate::journal::store::Stored;
use crate::model::{Arrival, Id, Outcome, Preferences, Reason};

/// What is remembered of these contacts and rooms, and the preferences of these people.
pub(super) async fn look_up(
    db: &mut PgConnection,
    keys: &[Key],
    people: &[&str],
) -> sqlx::Result<(HashMap<Key, Stored>, HashMap<String, Preferences>)> {
    let (mut claims, mut wishes) = (HashMap::new(), HashMap::new());
    if keys.is_empty() && people.is_empty() {
        return Ok((claims, wishes));
    }
    let rows = sqlx::query(
        "SELECT NULL AS person, NULL AS takes, NULL AS blocks, c.key, c.at, c.memory \
         FROM (SELECT unnest($1::bytea[]) AS key) AS asked JOIN claims AS c ON c.key = asked.key \
         UNION ALL SELECT person, takes, blocks, NULL, NULL, NULL FROM wishes WHERE person = ANY($2)",
    )
    .bind(keys.iter().map(|key| &key[..]).collect::<Vec<_>>())
    .bind(people.iter().copied().map(clean).collect::<Vec<_>>())
    .fetch_all(db)
    .await?;
    for row in rows {
        match row.try_get::<Option<&[u8]>, _>(3)? {
            Some(key) => {
                let memory = Memory::from_bytes(row.try_get(5)?, row.try_get(4)?);
                claims.extend(Key::try_from(key).ok().map(|key| (key, Stored { row: Some(0), memory })));
            }
            None => wishes.extend([preferences(&row)?]),
        }
    }
    Ok((claims, wishes))
}

/// Moves settled invitations from `pending` to `history`, writes arrivals, and claims that have no row yet.
pub(super) async fn write(
    db: &mut PgConnection,
    sealer: &Sealer,
    settled: &[&Outcome],
    admitted: &[(Id, i64, &Arrival, bool)],
    claims: &[(Key, &Stored)],
    now: i64,
) -> sqlx::Result<()> {
    let claims = claims.iter().filter(|(_, stored)| stored.row.is_none());
    let claims: Vec<(&[u8], i64, &Memory)> = claims
        .filter_map(|(key, Stored { memory, .. })| Some((&key[..], memory.newest()?, memory)))
        .collect();
    if settled.is_empty() && admitted.is_empty() && claims.is_empty() {
        return Ok(());
    }
    let text = |of: fn(&Arrival) -> &str| -> Vec<Cow<'_, str>> {
        admitted.iter().map(|(_, _, arrival, _)| clean(of(arrival))).collect()
    };
    let payloads = admitted.iter().map(|(id, _, arrival, _)| sealed_payload(sealer, *id, arrival));
    let payloads = payloads.collect::<sqlx::Result<Vec<_>>>()?;
    sqlx::query(
        "WITH gone AS (DELETE FROM pending WHERE id = ANY($2)), \
         settled AS (INSERT INTO history (id, received, settled, route, room, inviter, contact, state, reason, sent_as, \
         added, parent, language, declined) SELECT p.id, p.received, $1, p.route, p.room, coalesce(o.inviter, p.inviter), \
         p.contact, o.state, o.reason, o.sent_as, p.added, p.parent, p.language, \
         CASE WHEN o.sent_as <> coalesce(o.inviter, p.inviter) AND o.sent_as <> p.room THEN 0 END \
         FROM (SELECT unnest($2::bigint[]) AS id, unnest($3::text[]) AS state, unnest($4::text[]) AS reason, \
         unnest($5::text[]) AS inviter, unnest($6::text[]) AS sent_as) AS o JOIN pending AS p ON p.id = o.id), \
         admitted AS (INSERT INTO pending (id, received, route, room, inviter, contact, parent, language, added, payload) \
         SELECT unnest($7::bigint[]), unnest($8::bigint[]), unnest($9::text[]), unnest($10::text[]), unnest($11::text[]), \
         unnest($12::text[]), unnest($13::bigint[]), unnest($14::text[]), unnest($15::boolean[]), unnest($16::bytea[])) \
         INSERT INTO claims (key, at, invitation, memory) \
         SELECT unnest($17::bytea[]), unnest($18::bigint[]), unnest($19::bigint[]), unnest($20::bytea[])",
    )
    .bind(now)
    .bind(settled.iter().map(|o| o.id).collect::<Vec<_>>())
    .bind(settled.iter().map(|o| o.state.as_str()).collect::<Vec<_>>())
    .bind(settled.iter().map(|o| o.reason.map(Reason::as_str)).collect::<Vec<_>>())
    .bind(settled.iter().map(|o| o.inviter.as_deref().map(clean)).collect::<Vec<_>>())
    .bind(settled.iter().map(|o| o.sent_as.as_deref().map(clean)).collect::<Vec<_>>())
    .bind(admitted.iter().map(|(id, ..)| *id).collect::<Vec<_>>())
    .bind(admitted.iter().map(|(_, received, ..)| *received).collect::<Vec<_>>())
    .bind(admitted.iter().map(|(_, _, arrival, _)| arrival.route.as_str()).collect::<Vec<_>>())
    .bind(text(|arrival| &arrival.room))
    .bind(text(|arrival| &arrival.inviter))
    .bind(text(|arrival| &arrival.contact))
    .bind(admitted.iter().map(|(_, _, arrival, _)| arrival.parent).collect::<Vec<_>>())
    .bind(admitted.iter().map(|(_, _, arrival, _)| to_column(arrival.payload.language)).collect::<Vec<_>>())
    .bind(admitted.iter().map(|(.., added)| *added).collect::<Vec<_>>())
    .bind(payloads)
    .bind(claims.iter().map(|(key, ..)| *key).collect::<Vec<_>>())
    .bind(claims.iter().map(|(_, at, _)| *at).collect::<Vec<_>>())
    .bind(claims.iter().map(|(.., memory)| newest_id(memory)).collect::<Vec<_>>())
    .bind(claims.iter().map(|(_, at, memory)| memory.to_bytes(*at)).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// Writes claims that have a row; where nothing is remembered any more it goes.
pub(super) async fn change_claims(db: &mut PgConnection, claims: &[(Key, &Stored)]) -> sqlx::Result<()> {
    let stored = || claims.iter().filter(|(_, stored)| stored.row.is_some());
    let gone: Vec<&[u8]> =
        stored().filter(|(_, stored)| stored.memory.newest().is_none()).map(|(key, _)| &key[..]).collect();
    if !gone.is_empty() {
        sqlx::query("DELETE FROM claims WHERE key = ANY($1)").bind(gone).execute(&mut *db).await?;
    }
    let kept: Vec<(&[u8], i64, &Memory)> = stored()
        .filter_map(|(key, Stored { memory, .. })| Some((&key[..], memory.newest()?, memory)))
        .collect();
    if kept.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE claims SET at = new.at, invitation = new.invitation, memory = new.memory \
         FROM (SELECT unnest($1::bytea[]) AS key, unnest($2::bigint[]) AS at, unnest($3::bigint[]) AS invitation, \
         unnest($4::bytea[]) AS memory) AS new WHERE claims.key = new.key",
    )
    .bind(kept.iter().map(|(key, ..)| *key).collect::<Vec<_>>())
    .bind(kept.iter().map(|(_, at, _)| *at).collect::<Vec<_>>())
    .bind(kept.iter().map(|(.., memory)| newest_id(memory)).collect::<Vec<_>>())
    .bind(kept.iter().map(|(_, at, memory)| memory.to_bytes(*at)).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// The invitation that keeps the sweep from a claim while it is under way.
fn newest_id(memory: &Memory) -> Id {
    memory.another(Id::MIN).unwrap_or(0)
}
