//! What the page shows of the journal: the invitations of the last 24 hours, counted, and the latest ones. Read every few
//! seconds at most, however many requests come, and less often where reading takes long.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::journal::{JournalReader, OpenError, Record, Tally};

/// The hours that the plot shows; the last one is not over yet.
pub(super) const HOURS_SHOWN: usize = 24;
const ONE_HOUR: Duration = Duration::from_secs(60 * 60);
/// From the beginning of the first hour to that of the last.
const FIRST_TO_LAST_HOUR: Duration = Duration::from_secs(60 * 60 * (HOURS_SHOWN as u64 - 1));

/// The most invitations that are listed.
const MAX_INVITATIONS_LISTED: u32 = 20;

/// The journal is read again after this time at the earliest.
const MIN_CACHE_TIME: Duration = Duration::from_secs(5);
/// The journal is not read again before this many times the duration of the last reading.
const CACHE_TIME_IN_READINGS: u32 = 20;

/// What the journal has of the last 24 hours.
#[derive(Debug)]
pub(super) struct Day {
    /// The beginning of the first hour.
    pub(super) begin: DateTime<Utc>,
    /// The invitations that have ended, by hour.
    pub(super) ended: Vec<Tally>,
    /// The latest invitations, the newest first.
    pub(super) latest: Vec<Record>,
    /// How many invitations are in progress.
    pub(super) pending: i64,
}

/// Reads the journal, and remembers what it read for some seconds.
#[derive(Debug)]
pub(super) struct Recent {
    reader: JournalReader,
    read: Mutex<Option<(Instant, Arc<Day>)>>,
}

impl Recent {
    pub(super) fn new(reader: JournalReader) -> Self {
        Self { reader, read: Mutex::default() }
    }

    /// The last 24 hours. Requests at the same time cause one reading.
    ///
    /// # Errors
    /// [`OpenError`] if the journal can't be read: it is missing, locked, damaged, or of another version.
    pub(super) async fn day(&self) -> Result<Arc<Day>, OpenError> {
        let mut read = self.read.lock().await;
        if let Some((until, day)) = &*read
            && Instant::now() < *until
        {
            return Ok(Arc::clone(day));
        }
        let began = Instant::now();
        let day = Arc::new(self.read_journal(Utc::now()).await?);
        *read = Some((
            Instant::now() + MIN_CACHE_TIME.max(began.elapsed() * CACHE_TIME_IN_READINGS),
            Arc::clone(&day),
        ));
        Ok(day)
    }

    async fn read_journal(&self, now: DateTime<Utc>) -> Result<Day, OpenError> {
        let this_hour = now.duration_trunc(TimeDelta::hours(1)).unwrap_or(now);
        let begin = this_hour - FIRST_TO_LAST_HOUR;
        Ok(Day {
            begin,
            ended: self.reader.tally(begin, ONE_HOUR).await?,
            latest: self.reader.recent(MAX_INVITATIONS_LISTED).await?,
            pending: self.reader.status().await?.pending,
        })
    }
}
