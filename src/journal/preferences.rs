//! What people want of the relay, and what its admins have blocked for everybody: kept until they change it.
//! Knows what a wish looks like, not what it does to an invitation.

use std::collections::{BTreeSet, HashMap};

use sqlx::query_builder::QueryBuilder;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqliteConnection};

use super::batch::{chunks, push_rows};
use super::handle::{Closed, Journal};
use super::in_memory::BlockedForAll;
use super::op::{EVERYBODY, Op, Whose};
use super::rows::column;
use crate::model::{Change, Preferences, TooMany};
#[cfg(doc)]
use crate::model::{MAX_BLOCKS, MAX_BLOCKS_FOR_ALL};

impl Journal {
    /// What somebody wants.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn wishes(&self, person: &str) -> Result<Preferences, Closed> {
        let whose = Whose::Person(person.to_owned());
        self.ask(|answer| Op::Preferences { whose, answer }).await
    }

    /// Makes all of these changes or none. Returns what the person wants now.
    ///
    /// # Errors
    /// [`Closed`]; the inner one where they would block more than [`MAX_BLOCKS`].
    pub async fn change_wishes(
        &self,
        person: &str,
        changes: Vec<Change>,
    ) -> Result<Result<Preferences, TooMany>, Closed> {
        let whose = Whose::Person(person.to_owned());
        self.ask(|answer| Op::Change { whose, changes, answer }).await
    }

    /// What is blocked for everybody.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn blocks_for_all(&self) -> Result<BTreeSet<String>, Closed> {
        Ok(self.ask(|answer| Op::Preferences { whose: Whose::Everybody, answer }).await?.blocks)
    }

    /// Changes what is blocked for everybody, and tells what is now.
    ///
    /// # Errors
    /// [`Closed`]; the inner one where it would be more than [`MAX_BLOCKS_FOR_ALL`].
    pub async fn change_blocks_for_all(
        &self,
        changes: Vec<Change>,
    ) -> Result<Result<BTreeSet<String>, TooMany>, Closed> {
        let whose = Whose::Everybody;
        let wishes = self.ask(|answer| Op::Change { whose, changes, answer }).await?;
        Ok(wishes.map(|wishes| wishes.blocks))
    }

    /// Whether one of these is blocked for everybody.
    #[must_use]
    pub fn is_blocked_for_all(&self, jids: &[String]) -> bool {
        self.blocked_for_all.any(jids)
    }
}

/// The wishes of these people, as far as they have any.
pub(super) async fn read(
    db: &mut SqliteConnection,
    people: &[&str],
) -> sqlx::Result<HashMap<String, Preferences>> {
    let mut found = HashMap::new();
    for chunk in chunks(people) {
        let mut sql =
            QueryBuilder::<Sqlite>::new("SELECT person, takes, blocks FROM wishes WHERE person IN (");
        push_rows(&mut sql, chunk, 1, |mut row, person| {
            row.push_bind(*person);
        });
        sql.push(")");
        for row in sql.build().fetch_all(&mut *db).await? {
            found.insert(row.try_get(0)?, read_row(&row)?);
        }
    }
    Ok(found)
}

fn read_row(row: &SqliteRow) -> sqlx::Result<Preferences> {
    let blocks: &str = row.try_get(2)?;
    Ok(Preferences { takes: column(row, 1)?, blocks: blocks.lines().map(str::to_owned).collect() })
}

/// Changes somebody's wishes, or nothing.
pub(super) async fn change(
    db: &mut SqliteConnection,
    whose: &Whose,
    changes: &[Change],
) -> sqlx::Result<Result<Preferences, TooMany>> {
    let person = whose.key();
    let before = read(db, &[person]).await?.remove(person).unwrap_or_default();
    let known = before.blocks.len();
    let wishes = before.changed(changes);
    // Somebody who is over the limit already can still lift.
    if wishes.blocks.len() > whose.limit().max(known) {
        return Ok(Err(TooMany(whose.limit())));
    }
    if wishes == Preferences::default() {
        forget(db, person).await?;
    } else {
        let blocks: Vec<&str> = wishes.blocks.iter().map(String::as_str).collect();
        sqlx::query("INSERT OR REPLACE INTO wishes (person, takes, blocks) VALUES (?, ?, ?)")
            .bind(person)
            .bind(wishes.takes.as_str())
            .bind(blocks.join("\n"))
            .execute(db)
            .await?;
    }
    Ok(Ok(wishes))
}

/// Forgets what somebody wants; `false` where they wanted nothing.
pub(super) async fn forget(db: &mut SqliteConnection, person: &str) -> sqlx::Result<bool> {
    let done = sqlx::query("DELETE FROM wishes WHERE person = ?").bind(person).execute(db).await?;
    Ok(done.rows_affected() > 0)
}

/// What is blocked for everybody, as an earlier run has left it.
pub(super) async fn blocked_for_all(db: &mut SqliteConnection) -> sqlx::Result<BlockedForAll> {
    let blocked = BlockedForAll::default();
    if let Some(wishes) = read(db, &[EVERYBODY]).await?.remove(EVERYBODY) {
        blocked.replace(&wishes.blocks);
    }
    Ok(blocked)
}
