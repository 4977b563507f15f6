//! Counts what became of invitations, for operators: by how they ended and came, by room and by day. Reads in small steps, as
//! `tally` does. Knows nothing of how the counts are shown.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, Utc};

use super::connection::{Connection, on_either};
use super::open_error::OpenError;
use super::reader::JournalReader;
use super::rows::{Columns, column, nullable, number, text};
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
        self.read(async |db| counts(db, since.timestamp_millis(), rooms).await).await
    }
}

async fn counts(db: &mut Connection, since: i64, rooms: usize) -> sqlx::Result<Counts> {
    const STEP: &str = "SELECT state, reason, route, room, received / $1 AS day, count(*) AS count, max(id) AS last \
        FROM (SELECT id, received, state, reason, route, room FROM history WHERE id >= $2 ORDER BY id LIMIT $3) AS step \
        GROUP BY 1, 2, 3, 4, 5";
    let pending: i64 = on_either!(&mut *db, db => {
        sqlx::query_scalar("SELECT count(*) FROM pending").fetch_one(db).await
    })?;
    let mut sums = Sums::default();
    let mut next = first_since(db, since).await?;
    loop {
        let step: Vec<Id> = on_either!(&mut *db, db => {
            let rows = sqlx::query(STEP).bind(DAY).bind(next).bind(ROWS_PER_TALLY_STEP);
            rows.fetch_all(db).await?.iter().map(|row| sums.add(row)).collect::<sqlx::Result<_>>()
        })?;
        let Some(last) = step.into_iter().max() else { break };
        next = next.max(last + 1);
    }
    Ok(sums.counts(pending.unsigned_abs(), rooms))
}

impl Sums {
    /// Adds a row: state, reason, route, room, day, count. Returns the last id in it.
    fn add(&mut self, row: &impl Columns) -> sqlx::Result<Id> {
        let count = number(row, 5)?.unsigned_abs();
        let state: State = column(row, 0)?;
        *self.outcomes.entry((state, nullable(row, 1)?)).or_default() += count;
        *self.routes.entry(column(row, 2)?).or_default() += count;
        *self.rooms.entry(text(row, 3)?.to_owned()).or_default() += count;
        let (all, relayed) = self.days.entry(number(row, 4)?).or_default();
        *all += count;
        *relayed += if state == State::Relayed { count } else { 0 };
        number(row, 6)
    }

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
