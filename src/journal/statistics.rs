//! Counts what became of invitations, for operators: by how they ended and came, by room and by day. Reads in small steps, as
//! `tally` does. Knows nothing of how the counts are shown.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{Row, SqliteConnection};

use super::open_error::OpenError;
use super::reader::JournalReader;
use super::rows::{column, nullable};
use super::tally::{ROWS_PER_TALLY_STEP, first_since};
use crate::model::{Id, Reason, Route, State};

/// Milliseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// What became of the invitations that were received since a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many are under way, whenever they were received.
    pub pending: u64,
    /// How many have ended.
    pub ended: u64,
    /// By how they ended, the most frequent first.
    pub outcomes: Vec<(State, Option<Reason>, u64)>,
    /// By how they came, the most frequent first.
    pub routes: Vec<(Route, u64)>,
    /// The rooms that most were to, the most frequent first.
    pub rooms: Vec<(String, u64)>,
    /// By the day on which they were received (UTC): all, and those that were relayed. Days without any are left out.
    pub days: Vec<(NaiveDate, u64, u64)>,
}

#[derive(Default)]
struct Sums {
    outcomes: BTreeMap<(State, Option<Reason>), u64>,
    routes: BTreeMap<Route, u64>,
    rooms: HashMap<String, u64>,
    days: BTreeMap<i64, (u64, u64)>,
}

impl JournalReader {
    /// Counts the invitations that were received since a time; `rooms`: of how many rooms at most.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read; each variant says what to do.
    pub async fn counts(&self, since: DateTime<Utc>, rooms: usize) -> Result<Counts, OpenError> {
        let mut db = self.open().await?;
        counts(&mut db, since.timestamp_millis(), rooms).await.map_err(|e| self.failed(e))
    }
}

async fn counts(db: &mut SqliteConnection, since: i64, rooms: usize) -> sqlx::Result<Counts> {
    let pending: i64 = sqlx::query_scalar("SELECT count(*) FROM pending").fetch_one(&mut *db).await?;
    let mut sums = Sums::default();
    let mut next = first_since(db, since).await?;
    loop {
        let rows = sqlx::query(
            "SELECT state, reason, route, room, received / ? AS day, count(*) AS count, max(id) AS last \
             FROM (SELECT id, received, state, reason, route, room FROM history WHERE id >= ? ORDER BY id LIMIT ?) \
             GROUP BY 1, 2, 3, 4, 5",
        )
        .bind(DAY)
        .bind(next)
        .bind(ROWS_PER_TALLY_STEP)
        .fetch_all(&mut *db)
        .await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            next = next.max(row.try_get::<Id, _>("last")? + 1);
            let count = row.try_get::<i64, _>("count")?.unsigned_abs();
            let state: State = column(&row, "state")?;
            *sums.outcomes.entry((state, nullable(&row, "reason")?)).or_default() += count;
            *sums.routes.entry(column(&row, "route")?).or_default() += count;
            *sums.rooms.entry(row.try_get("room")?).or_default() += count;
            let (all, relayed) = sums.days.entry(row.try_get("day")?).or_default();
            *all += count;
            *relayed += if state == State::Relayed { count } else { 0 };
        }
    }
    Ok(sums.counts(pending.unsigned_abs(), rooms))
}

impl Sums {
    fn counts(self, pending: u64, rooms: usize) -> Counts {
        let mut outcomes: Vec<_> =
            self.outcomes.into_iter().map(|((state, reason), count)| (state, reason, count)).collect();
        outcomes.sort_by_key(|(.., count)| std::cmp::Reverse(*count));
        let mut routes: Vec<_> = self.routes.into_iter().collect();
        routes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let mut most: Vec<_> = self.rooms.into_iter().collect();
        most.sort_by(|(room, count), (other, others)| others.cmp(count).then_with(|| room.cmp(other)));
        most.truncate(rooms);
        let date = |day: i64| DateTime::from_timestamp_millis(day * DAY).map(|at| at.date_naive());
        let days = self.days.into_iter().filter_map(|(day, (all, relayed))| Some((date(day)?, all, relayed)));
        Counts {
            pending,
            ended: outcomes.iter().map(|(.., count)| count).sum(),
            outcomes,
            routes,
            rooms: most,
            days: days.collect(),
        }
    }
}
