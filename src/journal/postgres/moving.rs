//! Reads and writes a whole journal in a database of `PostgreSQL`, for moving. Knows nothing of where it goes.

use sqlx::{AssertSqlSafe, Row};

use super::forget::LOCK_OUT_THE_WRITER;
use super::text::clean;
use super::{PostgresStore, rows};
use crate::journal::claim_memory::Memory;
use crate::journal::moving::{Cursor, Ended, Look, Movable, ROWS_PER_PAGE, RowCounts, SeenHash};
use crate::journal::nouns::Key;
use crate::journal::rows::preferences;
use crate::journal::store::{Opened, Stored};
use crate::model::{Pending, Preferences};

impl Movable for PostgresStore {
    async fn begin_reading(&mut self) -> sqlx::Result<()> {
        let look = self.lead.look();
        let db = self.db()?;
        sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ").execute(&mut *db).await?;
        // `forget` neither: who is forgotten must not come back in the other database.
        sqlx::raw_sql(LOCK_OUT_THE_WRITER).execute(&mut *db).await?;
        // Nor does a relay hand anything on.
        sqlx::raw_sql("LOCK TABLE late IN SHARE MODE").execute(&mut *db).await?;
        // Nobody takes the lead until then, though it is not renewed.
        sqlx::raw_sql(AssertSqlSafe(look)).fetch_one(db).await?;
        Ok(())
    }

    async fn end_reading(&mut self) -> sqlx::Result<()> {
        sqlx::raw_sql("ROLLBACK").execute(self.db()?).await?;
        Ok(())
    }

    async fn allow_long_statements(&mut self) -> sqlx::Result<()> {
        // One session is silent while the other works.
        let long = "SET statement_timeout = '1h'; SET idle_in_transaction_session_timeout = '1h'; \
                    SET idle_session_timeout = '1h'";
        sqlx::raw_sql(long).execute(self.db()?).await?;
        Ok(())
    }

    async fn row_counts(&mut self) -> sqlx::Result<RowCounts> {
        let row = sqlx::query(
            "SELECT (SELECT count(*) FROM pending), (SELECT count(*) FROM history), (SELECT count(*) FROM claims), \
             (SELECT count(*) FROM wishes), (SELECT count(*) FROM groups), (SELECT count(*) FROM looks), \
             (SELECT count(*) FROM hashes)",
        );
        let row = row.fetch_one(self.db()?).await?;
        Ok(RowCounts {
            pending: row.try_get(0)?,
            history: row.try_get(1)?,
            claims: row.try_get(2)?,
            people: row.try_get(3)?,
            groups: row.try_get(4)?,
            looks: row.try_get(5)?,
            hashes: row.try_get(6)?,
        })
    }

    async fn pending_page(&mut self, after: &mut Cursor) -> sqlx::Result<Vec<Pending>> {
        let db = self.db.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        let page = rows::under_way_after(db, &self.sealer, after.number, ROWS_PER_PAGE).await?;
        after.number = page.last().map_or(after.number, |it| it.id);
        Ok(page)
    }

    async fn history_page(&mut self, after: &mut Cursor) -> sqlx::Result<Vec<Ended>> {
        let rows = sqlx::query(
            "SELECT id, received, settled, route, room, inviter, contact, state, reason, sent_as, added, parent, language, \
             declined FROM history WHERE id > $1 ORDER BY id LIMIT $2",
        );
        let rows = rows.bind(after.number).bind(ROWS_PER_PAGE).fetch_all(self.db()?).await?;
        let page = rows.iter().map(|row| {
            Ok(Ended {
                id: row.try_get(0)?,
                received: row.try_get(1)?,
                settled: row.try_get(2)?,
                route: row.try_get(3)?,
                room: row.try_get(4)?,
                inviter: row.try_get(5)?,
                contact: row.try_get(6)?,
                state: row.try_get(7)?,
                reason: row.try_get(8)?,
                sent_as: row.try_get(9)?,
                added: row.try_get(10)?,
                parent: row.try_get(11)?,
                language: row.try_get(12)?,
                declined: row.try_get(13)?,
            })
        });
        let page = page.collect::<sqlx::Result<Vec<_>>>()?;
        after.number = page.last().map_or(after.number, |it| it.id);
        Ok(page)
    }

    async fn claims_page(&mut self, after: &mut Cursor) -> sqlx::Result<Vec<(Key, Stored)>> {
        let rows = sqlx::query("SELECT key, at, memory FROM claims WHERE key > $1 ORDER BY key LIMIT $2")
            .bind(&after.bytes[..])
            .bind(ROWS_PER_PAGE)
            .fetch_all(self.db()?)
            .await?;
        if let Some(last) = rows.last() {
            after.bytes = last.try_get(0)?;
        }
        let mut page = Vec::with_capacity(rows.len());
        for row in &rows {
            let memory = Memory::from_bytes(row.try_get(2)?, row.try_get(1)?);
            page.extend(
                Key::try_from(row.try_get::<&[u8], _>(0)?)
                    .ok()
                    .map(|key| (key, Stored { row: None, memory })),
            );
        }
        Ok(page)
    }

    async fn people_page(&mut self, after: &mut Cursor) -> sqlx::Result<Vec<(String, Preferences)>> {
        // The admins' key is the empty text.
        let rows = sqlx::query(
            "SELECT person, takes, blocks FROM wishes WHERE person > $1 OR (person = '' AND $2) ORDER BY person LIMIT $3",
        );
        let first = after.number == 0;
        after.number = 1;
        let rows = rows.bind(&after.text).bind(first).bind(ROWS_PER_PAGE).fetch_all(self.db()?).await?;
        let page = rows.iter().map(preferences).collect::<sqlx::Result<Vec<_>>>()?;
        if let Some((last, _)) = page.last() {
            after.text.clone_from(last);
        }
        Ok(page)
    }

    async fn looks_page(&mut self, after: &mut Cursor) -> sqlx::Result<Vec<Look>> {
        let rows = sqlx::query(
            "SELECT key, jid, at FROM looks WHERE (key, jid) > ($1, $2) ORDER BY key, jid LIMIT $3",
        )
        .bind(&after.bytes[..])
        .bind(&after.text)
        .bind(ROWS_PER_PAGE)
        .fetch_all(self.db()?)
        .await?;
        let page = rows
            .iter()
            .map(|row| Ok(Look { key: row.try_get(0)?, jid: row.try_get(1)?, at: row.try_get(2)? }));
        let page = page.collect::<sqlx::Result<Vec<_>>>()?;
        if let Some(last) = page.last() {
            (after.bytes, after.text) = (last.key.clone(), last.jid.clone());
        }
        Ok(page)
    }

    async fn hashes_page(&mut self, after: &mut Cursor) -> sqlx::Result<Vec<SeenHash>> {
        let rows =
            sqlx::query("SELECT hash, shows_direct, at FROM hashes WHERE hash > $1 ORDER BY hash LIMIT $2")
                .bind(&after.text)
                .bind(ROWS_PER_PAGE)
                .fetch_all(self.db()?)
                .await?;
        let page = rows.iter().map(|row| {
            Ok(SeenHash { hash: row.try_get(0)?, shows_direct: row.try_get(1)?, at: row.try_get(2)? })
        });
        let page = page.collect::<sqlx::Result<Vec<_>>>()?;
        if let Some(last) = page.last() {
            after.text.clone_from(&last.hash);
        }
        Ok(page)
    }

    async fn write_history(&mut self, rows: &[Ended]) -> sqlx::Result<()> {
        let numbers = |of: fn(&Ended) -> i64| rows.iter().map(of).collect::<Vec<_>>();
        let maybe = |of: fn(&Ended) -> Option<i64>| rows.iter().map(of).collect::<Vec<_>>();
        sqlx::query(
            "INSERT INTO history (id, received, settled, route, room, inviter, contact, state, reason, sent_as, added, parent, \
             language, declined) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], \
             $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::boolean[], $12::bigint[], $13::text[], \
             $14::bigint[])",
        )
        .bind(numbers(|it| it.id))
        .bind(numbers(|it| it.received))
        .bind(numbers(|it| it.settled))
        .bind(rows.iter().map(|it| clean(&it.route)).collect::<Vec<_>>())
        .bind(rows.iter().map(|it| clean(&it.room)).collect::<Vec<_>>())
        .bind(rows.iter().map(|it| clean(&it.inviter)).collect::<Vec<_>>())
        .bind(rows.iter().map(|it| clean(&it.contact)).collect::<Vec<_>>())
        .bind(rows.iter().map(|it| clean(&it.state)).collect::<Vec<_>>())
        .bind(rows.iter().map(|it| it.reason.as_deref().map(clean)).collect::<Vec<_>>())
        .bind(rows.iter().map(|it| it.sent_as.as_deref().map(clean)).collect::<Vec<_>>())
        .bind(rows.iter().map(|it| it.added).collect::<Vec<_>>())
        .bind(maybe(|it| it.parent))
        .bind(rows.iter().map(|it| it.language.as_deref().map(clean)).collect::<Vec<_>>())
        .bind(maybe(|it| it.declined))
        .execute(self.db()?)
        .await?;
        Ok(())
    }

    async fn write_looks(&mut self, rows: &[Look]) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO looks (key, jid, at) SELECT * FROM unnest($1::bytea[], $2::text[], $3::bigint[])",
        )
        .bind(rows.iter().map(|it| &it.key[..]).collect::<Vec<_>>())
        .bind(rows.iter().map(|it| clean(&it.jid)).collect::<Vec<_>>())
        .bind(rows.iter().map(|it| it.at).collect::<Vec<_>>())
        .execute(self.db()?)
        .await?;
        Ok(())
    }

    async fn write_hashes(&mut self, rows: &[SeenHash]) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO hashes (hash, shows_direct, at) SELECT * FROM unnest($1::text[], $2::boolean[], $3::bigint[])",
        )
        .bind(rows.iter().map(|it| clean(&it.hash)).collect::<Vec<_>>())
        .bind(rows.iter().map(|it| it.shows_direct).collect::<Vec<_>>())
        .bind(rows.iter().map(|it| it.at).collect::<Vec<_>>())
        .execute(self.db()?)
        .await?;
        Ok(())
    }

    /// The first id that was never given is written where the transaction begins.
    async fn write_identity(&mut self, of: &Opened) -> sqlx::Result<()> {
        sqlx::query("UPDATE journal SET instance = $1, salt = $2, looked = $3")
            .bind(&of.instance)
            .bind(&of.salt[..])
            .bind(of.looked)
            .execute(self.db()?)
            .await?;
        Ok(())
    }
}
