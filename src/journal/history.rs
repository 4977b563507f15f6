//! Queries for operators and users: what became of invitations, and how many there were. Knows nothing of how it is shown.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sqlx::query_builder::QueryBuilder;
use sqlx::{FromRow, Row, Sqlite, SqliteConnection};

use super::open_error::OpenError;
use super::reader::JournalReader;
use super::rows::{Filter, Record, column, nullable};
use super::schema;
use super::tally;
use crate::model::{Id, Reason, State};

impl JournalReader {
    /// The records that match, newest first.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read; each variant says what to do.
    pub async fn history(&self, filter: &Filter) -> Result<Vec<Record>, OpenError> {
        let mut db = self.open().await?;
        let mut sql = matching(filter, &[Ids::All]);
        sql.push(" ORDER BY id DESC LIMIT ").push_bind(filter.limit);
        sql.build_query_as().fetch_all(&mut db).await.map_err(|e| self.failed(e))
    }

    /// The records that match and have an id above `after`, or one of `waiting`; oldest first, `filter.limit` at most.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read; each variant says what to do.
    pub async fn history_after(
        &self,
        filter: &Filter,
        after: Id,
        waiting: &BTreeSet<Id>,
    ) -> Result<Vec<Record>, OpenError> {
        let mut db = self.open().await?;
        let mut sql = matching(filter, &[Ids::Above(after), Ids::Waiting { up_to: after, waiting }]);
        sql.push(" ORDER BY id LIMIT ").push_bind(filter.limit);
        sql.build_query_as().fetch_all(&mut db).await.map_err(|e| self.failed(e))
    }

    /// The parts of a fan-out that have ended: contact, state, reason.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read; each variant says what to do.
    pub async fn ended_children(
        &self,
        parent: Id,
    ) -> Result<Vec<(String, State, Option<Reason>)>, OpenError> {
        let mut db = self.open().await?;
        // A part is always younger than its parent, so older rows need not be read.
        sqlx::query("SELECT contact, state, reason FROM history WHERE id > ? AND parent = ?")
            .bind(parent)
            .bind(parent)
            .try_map(|row: sqlx::sqlite::SqliteRow| {
                Ok((row.try_get("contact")?, column(&row, "state")?, nullable(&row, "reason")?))
            })
            .fetch_all(&mut db)
            .await
            .map_err(|e| self.failed(e))
    }
}

/// Which records are looked at.
#[derive(Debug, Clone, Copy)]
enum Ids<'a> {
    All,
    Above(Id),
    /// Those of `waiting` that are not above `up_to`.
    Waiting {
        up_to: Id,
        waiting: &'a BTreeSet<Id>,
    },
}

/// What a record is made of, and its state: of those that have ended, and of the pending ones.
const SELECTS: [(&str, &str); 2] = [
    (
        "SELECT id, received, settled, route, room, inviter, contact, state, reason, sent_as, parent FROM history",
        "state",
    ),
    (
        "SELECT id, received, NULL, route, room, inviter, contact, 'pending', NULL, NULL, parent FROM pending",
        "'pending'",
    ),
];

/// The records that match, in no order. Every part of the query is a scan in the order of ids, which `SQLite` merges if they are
/// to be sorted by id. Around a subquery it would sort the whole journal first.
fn matching(filter: &Filter, ids: &[Ids<'_>]) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("");
    let mut between = "";
    for (ids, (select, state_column)) in ids.iter().flat_map(|ids| SELECTS.map(|select| (ids, select))) {
        sql.push(between).push(select);
        between = " UNION ALL ";
        match ids {
            Ids::All => sql.push(" WHERE true"),
            Ids::Above(after) => sql.push(" WHERE id > ").push_bind(*after),
            Ids::Waiting { up_to, waiting } => {
                sql.push(" WHERE id <= ").push_bind(*up_to).push(" AND id IN (");
                let mut list = sql.separated(", ");
                for id in *waiting {
                    list.push_bind(*id);
                }
                sql.push(")")
            }
        };
        if let Some(room) = &filter.room {
            sql.push(" AND room = ").push_bind(room.to_string());
        }
        if let Some(contact) = &filter.contact {
            sql.push(" AND contact = ").push_bind(contact.to_string());
        }
        if let Some(inviter) = &filter.inviter {
            sql.push(" AND inviter = ").push_bind(inviter.to_string());
        }
        if let Some(state) = filter.state {
            sql.push(" AND ").push(state_column).push(" = ").push_bind(state.as_str());
        }
        if let Some(since) = filter.since {
            sql.push(" AND received >= ").push_bind(since.timestamp_millis());
        }
    }
    sql
}

/// The state of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct Status {
    /// The version of its schema, which is that of the last migration.
    pub schema: i64,
    /// How many invitations are pending.
    pub pending: i64,
}

impl JournalReader {
    /// The state of a journal of any version.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read; each variant says what to do.
    pub async fn status(&self) -> Result<Status, OpenError> {
        let mut db = schema::of_any_version(&self.path).await?;
        let status = sqlx::query_as(
            "SELECT (SELECT max(version) FROM _sqlx_migrations) AS schema, (SELECT count(*) FROM pending) AS pending",
        );
        status.fetch_one(&mut db).await.map_err(|e| self.failed(e))
    }

    /// The newest records, `count` at most.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read; each variant says what to do.
    pub async fn recent(&self, count: u32) -> Result<Vec<Record>, OpenError> {
        self.history(&Filter { limit: count, ..Filter::default() }).await
    }
}

/// How many invitations there were, by how they ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    /// How many are pending.
    pub pending: u64,
    /// Those that were received in the period and have ended: state, reason, how many.
    pub ended: Vec<(State, Option<Reason>, u64)>,
    /// How many people have preferences other than the default.
    pub people: u64,
}

impl JournalReader {
    /// Counts the invitations that were received since a time.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read; each variant says what to do.
    pub async fn statistics(&self, since: DateTime<Utc>) -> Result<Statistics, OpenError> {
        let mut db = self.open().await?;
        count(&mut db, since.timestamp_millis()).await.map_err(|e| self.failed(e))
    }
}

async fn count(db: &mut SqliteConnection, since: i64) -> sqlx::Result<Statistics> {
    let pending: i64 = sqlx::query_scalar("SELECT count(*) FROM pending").fetch_one(&mut *db).await?;
    let people: i64 =
        sqlx::query_scalar("SELECT count(*) FROM wishes WHERE person <> ''").fetch_one(&mut *db).await?;
    let mut ended: BTreeMap<(State, Option<Reason>), u64> = BTreeMap::new();
    for tally in tally::read(db, since, i64::MAX).await? {
        *ended.entry((tally.state, tally.reason)).or_default() += tally.count;
    }
    let ended = ended.into_iter().map(|((state, reason), count)| (state, reason, count)).collect();
    Ok(Statistics { pending: pending.unsigned_abs(), ended, people: people.unsigned_abs() })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqlx::AssertSqlSafe;

    use super::super::{Journal, Retention};
    use super::*;

    #[tokio::test]
    async fn no_query_sorts_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let retention = Retention { window: Duration::from_secs(1), retention: Duration::from_secs(1) };
        drop(Journal::open(&path, retention).await.unwrap());
        let mut db = schema::of_any_version(&path).await.unwrap();
        let all = Filter {
            room: Some("room@a.test".parse().unwrap()),
            contact: Some("bob@a.test".parse().unwrap()),
            inviter: Some("alice@a.test".parse().unwrap()),
            state: Some(State::Relayed),
            since: Some(DateTime::UNIX_EPOCH),
            ..Filter::default()
        };
        let waiting = BTreeSet::from([1, 2, 3]);
        for filter in [Filter::default(), all] {
            for (ids, order) in [
                (&[Ids::All][..], "id DESC"),
                (&[Ids::Above(5), Ids::Waiting { up_to: 5, waiting: &waiting }], "id"),
            ] {
                let mut sql = matching(&filter, ids);
                sql.push(format_args!(" ORDER BY {order} LIMIT ")).push_bind(10);
                let explained = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", sql.into_sql().as_str()));
                let plan = sqlx::query(explained).fetch_all(&mut db).await.unwrap();
                let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
                assert!(
                    plan.iter().any(|step| step.contains("SCAN") || step.contains("SEARCH")),
                    "{plan:#?}"
                );
                assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:#?}");
            }
        }
    }
}
