//! Reads and writes a whole journal in a file, for moving. Knows nothing of where it goes.

use sqlx::{Row, SqliteConnection};

use super::batch;
use super::moving::{Cursor, Ended, Look, Movable, ROWS_PER_PAGE, RowCounts, SeenHash};
use super::nouns::Key;
use super::rows::preferences;
use super::sqlite_store::SqliteStore;
use super::statement::{Statement, Values};
use super::store::{Opened, Stored};
use crate::model::{Pending, Preferences};

impl Movable for SqliteStore {
    async fn begin_reading(&mut self) -> sqlx::Result<()> {
        sqlx::query("BEGIN IMMEDIATE").execute(self.db()).await?;
        Ok(())
    }

    async fn end_reading(&mut self) -> sqlx::Result<()> {
        sqlx::query("ROLLBACK").execute(self.db()).await?;
        Ok(())
    }

    async fn allow_long_statements(&mut self) -> sqlx::Result<()> {
        Ok(())
    }

    async fn row_counts(&mut self) -> sqlx::Result<RowCounts> {
        let db = self.db();
        let count = async |db: &mut SqliteConnection, sql: &'static str| -> sqlx::Result<i64> {
            sqlx::query_scalar(sql).fetch_one(db).await
        };
        Ok(RowCounts {
            pending: count(db, "SELECT count(*) FROM pending").await?,
            history: count(db, "SELECT count(*) FROM history").await?,
            claims: count(db, "SELECT (SELECT count(*) FROM claims) + (SELECT count(*) FROM older_claims)")
                .await?,
            people: count(db, "SELECT count(*) FROM wishes").await?,
            groups: count(db, "SELECT count(*) FROM groups").await?,
            looks: count(db, "SELECT count(*) FROM looks").await?,
            hashes: count(db, "SELECT count(*) FROM hashes").await?,
        })
    }

    async fn pending_page(&mut self, after: &mut Cursor) -> sqlx::Result<Vec<Pending>> {
        let page = batch::under_way_after(self.db(), after.number, ROWS_PER_PAGE).await?;
        after.number = page.last().map_or(after.number, |it| it.id);
        Ok(page)
    }

    async fn history_page(&mut self, after: &mut Cursor) -> sqlx::Result<Vec<Ended>> {
        // What an older version left without a mark, and can be declined, gets one.
        let rows = sqlx::query(
            "SELECT id, received, settled, route, room, inviter, contact, state, reason, sent_as, added, parent, language, \
             CASE WHEN declined IS NULL AND sent_as <> inviter AND sent_as <> room THEN 0 ELSE declined END \
             FROM history WHERE id > ? ORDER BY id LIMIT ?",
        );
        let rows = rows.bind(after.number).bind(ROWS_PER_PAGE).fetch_all(self.db()).await?;
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

    /// Those of an older version after the others.
    async fn claims_page(&mut self, after: &mut Cursor) -> sqlx::Result<Vec<(Key, Stored)>> {
        let rows = sqlx::query(
            "SELECT key, at, invitation, memory, id FROM claims WHERE id > ? ORDER BY id LIMIT ?",
        )
        .bind(after.number)
        .bind(ROWS_PER_PAGE)
        .fetch_all(self.db())
        .await?;
        if let Some(last) = rows.last() {
            after.number = last.try_get(4)?;
            return rows.iter().filter_map(|row| super::claim_store::stored(row, None).transpose()).collect();
        }
        let older = "SELECT key, at, invitation, memory FROM older_claims WHERE key > ? ORDER BY key LIMIT ?";
        let rows = sqlx::query(older).bind(&after.bytes[..]).bind(ROWS_PER_PAGE).fetch_all(self.db()).await?;
        if let Some(last) = rows.last() {
            after.bytes = last.try_get(0)?;
        }
        rows.iter().filter_map(|row| super::claim_store::stored(row, None).transpose()).collect()
    }

    async fn people_page(&mut self, after: &mut Cursor) -> sqlx::Result<Vec<(String, Preferences)>> {
        // The admins' key is the empty text.
        let rows = sqlx::query(
            "SELECT person, takes, blocks FROM wishes WHERE person > ? OR (person = '' AND ?) ORDER BY person LIMIT ?",
        );
        let first = after.number == 0;
        after.number = 1;
        let rows = rows.bind(&after.text).bind(first).bind(ROWS_PER_PAGE).fetch_all(self.db()).await?;
        let page = rows.iter().map(preferences).collect::<sqlx::Result<Vec<_>>>()?;
        if let Some((last, _)) = page.last() {
            after.text.clone_from(last);
        }
        Ok(page)
    }

    async fn looks_page(&mut self, after: &mut Cursor) -> sqlx::Result<Vec<Look>> {
        let rows =
            sqlx::query("SELECT key, jid, at FROM looks WHERE (key, jid) > (?, ?) ORDER BY key, jid LIMIT ?")
                .bind(&after.bytes[..])
                .bind(&after.text)
                .bind(ROWS_PER_PAGE)
                .fetch_all(self.db())
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
            sqlx::query("SELECT hash, shows_direct, at FROM hashes WHERE hash > ? ORDER BY hash LIMIT ?")
                .bind(&after.text)
                .bind(ROWS_PER_PAGE)
                .fetch_all(self.db())
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
        static HISTORY: Statement = Statement::new(
            "INSERT OR FAIL INTO history (id, received, settled, route, room, inviter, contact, state, reason, sent_as, added, \
             parent, language, declined) SELECT * FROM (",
            14,
            ") WHERE column1 IS NOT NULL",
        );
        for piece in Statement::pieces(rows) {
            let sql = HISTORY.of(piece, Values::default(), |row, it| {
                row.push(it.id)?
                    .push(it.received)?
                    .push(it.settled)?
                    .text(it.route.as_str())?
                    .text(it.room.as_str())?
                    .text(it.inviter.as_str())?
                    .text(it.contact.as_str())?
                    .text(it.state.as_str())?
                    .text(it.reason.as_deref())?
                    .text(it.sent_as.as_deref())?
                    .push(it.added)?
                    .push(it.parent)?
                    .text(it.language.as_deref())?
                    .push(it.declined)?;
                Ok(())
            });
            sql?.execute(self.db()).await?;
        }
        Ok(())
    }

    async fn write_looks(&mut self, rows: &[Look]) -> sqlx::Result<()> {
        for Look { key, jid, at } in rows {
            let insert = sqlx::query("INSERT INTO looks (key, jid, at) VALUES (?, ?, ?)");
            insert.bind(&key[..]).bind(jid).bind(at).execute(self.db()).await?;
        }
        Ok(())
    }

    async fn write_hashes(&mut self, rows: &[SeenHash]) -> sqlx::Result<()> {
        for SeenHash { hash, shows_direct, at } in rows {
            let insert = sqlx::query("INSERT INTO hashes (hash, shows_direct, at) VALUES (?, ?, ?)");
            insert.bind(hash).bind(shows_direct).bind(at).execute(self.db()).await?;
        }
        Ok(())
    }

    async fn write_identity(&mut self, of: &Opened) -> sqlx::Result<()> {
        sqlx::query("UPDATE journal SET instance = ?, salt = ?, looked = ?")
            .bind(&of.instance)
            .bind(&of.salt[..])
            .bind(of.looked)
            .execute(self.db())
            .await?;
        sqlx::query("INSERT OR REPLACE INTO sqlite_sequence (rowid, name, seq) VALUES (1, 'pending', ?)")
            .bind(of.first - 1)
            .execute(self.db())
            .await?;
        self.use_salt(&of.salt);
        Ok(())
    }
}
