//! Queries for operators and users: what became of invitations, and how many there were. Knows nothing of how it is shown.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sqlx::query_builder::QueryBuilder;
use sqlx::{Database, Encode, FromRow, Type};

use super::connection::{self, Connection, on_either};
use super::open_error::OpenError;
use super::reader::JournalReader;
use super::rows::{Columns, Filter, Record, column, nullable, record, text};
use super::schema;
use super::tally;
use crate::config::JournalPlace;
use crate::model::{Id, Reason, State};

impl JournalReader {
    /// The records that match, newest first.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read; each variant says what to do.
    pub async fn history(&self, filter: &Filter) -> Result<Vec<Record>, OpenError> {
        self.read(async |db| records(db, filter, &[Ids::All], " ORDER BY id DESC LIMIT ").await).await
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
        let ids = [Ids::Above(after), Ids::Waiting { up_to: after, waiting }];
        self.read(async |db| records(db, filter, &ids, " ORDER BY id LIMIT ").await).await
    }

    /// The parts of a fan-out that have ended: contact, state, reason.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read; each variant says what to do.
    pub async fn ended_children(
        &self,
        parent: Id,
    ) -> Result<Vec<(String, State, Option<Reason>)>, OpenError> {
        // A part is always younger than its parent, so older rows need not be read.
        const CHILDREN: &str =
            "SELECT contact, state, reason FROM history WHERE id > $1 AND parent = $1 ORDER BY id";
        self.read(async |db| {
            on_either!(db, db => {
                sqlx::query(CHILDREN).bind(parent).fetch_all(db).await?.iter().map(child).collect()
            })
        })
        .await
    }
}

/// Contact, state, reason.
fn child(row: &impl Columns) -> sqlx::Result<(String, State, Option<Reason>)> {
    Ok((text(row, 0)?.to_owned(), column(row, 1)?, nullable(row, 2)?))
}

/// The records that match.
async fn records(
    db: &mut Connection,
    filter: &Filter,
    ids: &[Ids<'_>],
    order: &str,
) -> sqlx::Result<Vec<Record>> {
    on_either!(db, db => {
        let mut sql = matching(filter, ids);
        sql.push(order).push_bind(i64::from(filter.limit));
        sql.build().fetch_all(db).await?.iter().map(record).collect()
    })
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
fn matching<D: Database>(filter: &Filter, ids: &[Ids<'_>]) -> QueryBuilder<D>
where
    for<'v> i64: Encode<'v, D> + Type<D>,
    for<'v> String: Encode<'v, D> + Type<D>,
    for<'v> &'static str: Encode<'v, D> + Type<D>,
{
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
        const STATUS: &str = "SELECT (SELECT max(version) FROM _sqlx_migrations) AS schema, (SELECT count(*) FROM pending) AS pending";
        let JournalPlace::File(path) = &self.place else {
            return self
                .read(async |db| on_either!(db, db => sqlx::query_as(STATUS).fetch_one(db).await))
                .await;
        };
        let mut db = schema::of_any_version(path).await?;
        sqlx::query_as(STATUS).fetch_one(&mut db).await.map_err(|e| connection::failed(&self.place, e))
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
        self.read(async |db| count(db, since.timestamp_millis()).await).await
    }
}

async fn count(db: &mut Connection, since: i64) -> sqlx::Result<Statistics> {
    const PENDING_AND_PEOPLE: &str =
        "SELECT (SELECT count(*) FROM pending), (SELECT count(*) FROM wishes WHERE person <> '')";
    let (pending, people): (i64, i64) =
        on_either!(db, db => sqlx::query_as(PENDING_AND_PEOPLE).fetch_one(db).await)?;
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

    use sqlx::{AssertSqlSafe, QueryBuilder, Row, Sqlite};

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
                let mut sql: QueryBuilder<Sqlite> = matching(&filter, ids);
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
