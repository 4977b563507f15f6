//! People's preferences, and what admins have blocked for everybody; kept until they change it. Knows nothing of what a
//! preference does to an invitation.

use std::collections::{BTreeSet, HashMap};

use sqlx::SqliteConnection;

use super::connection::on_either;
use super::handle::{Journal, JournalClosed};
use super::in_memory::BlockedForAll;
use super::op::{EVERYBODY_KEY, Op, Whose};
use super::open_error::OpenError;
use super::reader::JournalReader;
use super::rows::preferences;
use super::statement::{Statement, Values};
use super::store::Store;
use crate::model::{Change, Preferences, TooMany};
#[cfg(doc)]
use crate::model::{MAX_BLOCKS, MAX_BLOCKS_FOR_ALL};

impl Journal {
    /// A person's preferences.
    ///
    /// # Errors
    /// [`JournalClosed`]: the writer has ended.
    pub async fn preferences(&self, person: &str) -> Result<Preferences, JournalClosed> {
        let whose = Whose::Person(person.to_owned());
        self.ask(|answer| Op::Preferences { whose, answer }).await
    }

    /// Makes all of these changes or none. Returns the person's new preferences.
    ///
    /// # Errors
    /// [`JournalClosed`]: the writer has ended. The inner [`TooMany`]: they would block more than [`MAX_BLOCKS`].
    pub async fn change_preferences(
        &self,
        person: &str,
        changes: Vec<Change>,
    ) -> Result<Result<Preferences, TooMany>, JournalClosed> {
        let whose = Whose::Person(person.to_owned());
        self.ask(|answer| Op::Change { whose, changes, answer }).await
    }

    /// What is blocked for everybody.
    ///
    /// # Errors
    /// [`JournalClosed`]: the writer has ended.
    pub async fn blocks_for_all(&self) -> Result<BTreeSet<String>, JournalClosed> {
        Ok(self.ask(|answer| Op::Preferences { whose: Whose::Everybody, answer }).await?.blocks)
    }

    /// Changes what is blocked for everybody. Returns what is blocked now.
    ///
    /// # Errors
    /// [`JournalClosed`]: the writer has ended. The inner [`TooMany`]: it would be more than [`MAX_BLOCKS_FOR_ALL`].
    pub async fn change_blocks_for_all(
        &self,
        changes: Vec<Change>,
    ) -> Result<Result<BTreeSet<String>, TooMany>, JournalClosed> {
        let whose = Whose::Everybody;
        let preferences = self.ask(|answer| Op::Change { whose, changes, answer }).await?;
        Ok(preferences.map(|preferences| preferences.blocks))
    }

    /// Whether one of these is blocked for everybody.
    #[must_use]
    pub fn is_blocked_for_all(&self, jids: &[String]) -> bool {
        self.blocked_for_all.any(jids)
    }
}

impl JournalReader {
    /// What is blocked for everybody.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read; each variant says what to do.
    pub async fn blocks_for_all(&self) -> Result<BTreeSet<String>, OpenError> {
        self.read(async |db| {
            let found = on_either!(db, db => {
                let row = sqlx::query("SELECT person, takes, blocks FROM wishes WHERE person = $1").bind(EVERYBODY_KEY);
                row.fetch_optional(db).await?.as_ref().map(preferences).transpose()
            })?;
            Ok(found.map(|(_, it)| it.blocks).unwrap_or_default())
        })
        .await
    }
}

/// The preferences of these people; those who have the default are left out.
pub(super) async fn read(
    db: &mut SqliteConnection,
    people: &[&str],
) -> sqlx::Result<HashMap<String, Preferences>> {
    // Joined, so that the names need not be sorted first.
    static READ: Statement =
        Statement::new("SELECT person, takes, blocks FROM (", 1, ") CROSS JOIN wishes ON person = column1");
    let mut found = HashMap::new();
    for piece in Statement::pieces(people) {
        let sql = READ.of(piece, Values::default(), |row, person| row.text(*person).map(drop));
        for row in sql?.fetch_all(&mut *db).await? {
            let (person, preferences) = preferences(&row)?;
            found.insert(person, preferences);
        }
    }
    Ok(found)
}

/// Makes all of these changes or none.
pub(super) async fn change(
    store: &mut impl Store,
    whose: &Whose,
    changes: &[Change],
) -> sqlx::Result<Result<Preferences, TooMany>> {
    let person = whose.key();
    let before = store.read_preferences(&[person]).await?.remove(person).unwrap_or_default();
    let known = before.blocks.len();
    let preferences = before.changed(changes);
    // A person who is over the limit already can still unblock.
    if preferences.blocks.len() > whose.limit().max(known) {
        return Ok(Err(TooMany(whose.limit())));
    }
    store.write_preferences(person, &preferences).await?;
    Ok(Ok(preferences))
}

/// Writes a person's preferences; who has the default has no row.
pub(super) async fn write(
    db: &mut SqliteConnection,
    person: &str,
    preferences: &Preferences,
) -> sqlx::Result<()> {
    if *preferences == Preferences::default() {
        return forget(db, person).await.map(drop);
    }
    let blocks: Vec<&str> = preferences.blocks.iter().map(String::as_str).collect();
    sqlx::query("INSERT OR REPLACE INTO wishes (person, takes, blocks) VALUES (?, ?, ?)")
        .bind(person)
        .bind(preferences.accept_from.as_str())
        .bind(blocks.join("\n"))
        .execute(db)
        .await?;
    Ok(())
}

/// Forgets a person's preferences; `false` if there were none.
pub(super) async fn forget(db: &mut SqliteConnection, person: &str) -> sqlx::Result<bool> {
    let done = sqlx::query("DELETE FROM wishes WHERE person = ?").bind(person).execute(db).await?;
    Ok(done.rows_affected() > 0)
}

/// Reads what is blocked for everybody.
pub(super) async fn blocked_for_all(db: &mut SqliteConnection) -> sqlx::Result<BlockedForAll> {
    let blocked = BlockedForAll::default();
    if let Some(preferences) = read(db, &[EVERYBODY_KEY]).await?.remove(EVERYBODY_KEY) {
        blocked.replace(&preferences.blocks);
    }
    Ok(blocked)
}
