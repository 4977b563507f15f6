//! Groups that admins keep: a row for each, with its name, who may use it, and its entries. Knows nothing of what the
//! entries mean; [`crate::model::group`] does.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Connection, SqliteConnection};

use super::connection::on_either;
use super::handle::{Journal, JournalClosed};
use super::in_memory::Names;
use super::op::Op;
use super::open_error::OpenError;
use super::reader::JournalReader;
use super::rows::group;
use super::store::Store;
use crate::model::group::{
    Book, Entry, GroupChange, GroupError, KeptGroup, MAX_GROUP_ENTRIES, MAX_GROUPS, Nesting,
};

impl Journal {
    /// Whether a group of this name is kept.
    #[must_use]
    pub fn keeps_group(&self, name: &str) -> bool {
        self.group_names.contains(name)
    }

    /// Makes the whole change or none of it.
    ///
    /// # Errors
    /// [`JournalClosed`]: the writer has ended. The inner [`GroupError`] says why nothing was changed.
    pub async fn change_group(
        &self,
        name: &str,
        change: GroupChange,
    ) -> Result<Result<(), GroupError>, JournalClosed> {
        let name = name.to_owned();
        self.ask(|answer| Op::Group { name, change, answer }).await
    }
}

impl JournalReader {
    /// All kept groups, ordered by name.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read; each variant says what to do.
    pub async fn kept_groups(&self) -> Result<Vec<KeptGroup>, OpenError> {
        self.read(async |db| on_either!(db, db => sqlx::query(ALL).fetch_all(db).await?.iter().map(group).collect())).await
    }
}

/// Name by name.
const ALL: &str = "SELECT name, may_use, users, entries FROM groups ORDER BY name";

pub(super) async fn all(db: &mut SqliteConnection) -> sqlx::Result<Vec<KeptGroup>> {
    sqlx::query(ALL).fetch_all(db).await?.iter().map(group).collect()
}

/// The names of all kept groups.
pub(super) async fn names(db: &mut SqliteConnection) -> sqlx::Result<Names> {
    let names: Vec<String> = sqlx::query_scalar("SELECT name FROM groups").fetch_all(db).await?;
    Ok(Names::of(names))
}

/// Makes the whole change or none of it.
pub(super) async fn change(
    store: &mut impl Store,
    name: &str,
    change: &GroupChange,
) -> sqlx::Result<Result<(), GroupError>> {
    let groups = store.groups().await?;
    let before = groups.iter().find(|group| group.name == name).cloned();
    let after = match (before, change) {
        (Some(_), GroupChange::Create(_)) => return Ok(Err(GroupError::Exists)),
        (None, GroupChange::Create(_)) if groups.len() >= MAX_GROUPS => {
            return Ok(Err(GroupError::TooManyGroups));
        }
        (None, GroupChange::Create(group)) => group.clone(),
        (None, _) => return Ok(Err(GroupError::Unknown)),
        (Some(_), GroupChange::Delete) => return store.delete_group(name).await.map(Ok),
        (Some(mut group), GroupChange::Add(entries)) => {
            group.entries.extend(entries.iter().cloned());
            group
        }
        (Some(mut group), GroupChange::Remove(entries)) => {
            group.entries.retain(|entry| !entries.contains(entry));
            group
        }
        (Some(group), GroupChange::Allow(may_use, users)) => {
            KeptGroup { may_use: *may_use, users: users.clone(), ..group }
        }
    };
    if after.entries.len().max(after.users.len()) > MAX_GROUP_ENTRIES {
        return Ok(Err(GroupError::TooManyEntries));
    }
    // Checked here, where changes come one after the other: two changes may form a circle only together.
    if matches!(change, GroupChange::Create(_) | GroupChange::Add(_)) {
        let entries: Vec<_> = after.entries.iter().filter_map(|text| Entry::read(text)).collect();
        if let Err(Nesting::Circle(_) | Nesting::TooDeep) =
            Book::new(&BTreeMap::new(), groups).check(name, &entries)
        {
            return Ok(Err(GroupError::Circle));
        }
    }
    store.write_group(&after).await.map(Ok)
}

/// The lines of a column.
pub(super) fn text(lines: &BTreeSet<String>) -> String {
    lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
}

pub(super) async fn write(db: &mut SqliteConnection, group: &KeptGroup) -> sqlx::Result<()> {
    sqlx::query("INSERT OR REPLACE INTO groups (name, may_use, users, entries) VALUES (?, ?, ?, ?)")
        .bind(&group.name)
        .bind(group.may_use.as_str())
        .bind(text(&group.users))
        .bind(text(&group.entries))
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn delete(db: &mut SqliteConnection, name: &str) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM groups WHERE name = ?").bind(name).execute(db).await?;
    Ok(())
}

/// Removes a person from all groups. The running relay changes groups as well, so reading and writing are one transaction:
/// otherwise a row that was read before could undo an admin's change.
pub(super) async fn forget(db: &mut SqliteConnection, jid: &str) -> sqlx::Result<()> {
    let mut db = db.begin_with("BEGIN IMMEDIATE").await?;
    for mut group in all(&mut db).await? {
        if group.entries.remove(jid) | group.users.remove(jid) {
            write(&mut db, &group).await?;
        }
    }
    db.commit().await
}
