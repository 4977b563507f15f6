//! What the page shows of the journal: the last 24 hours, counted, and the latest invitations. Read at most every few
//! seconds, however many look, and less often where it costs much.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::journal::{JournalReader, OpenError, Record, Tally};

/// The bars of the plot: each an hour, the last one not yet full.
pub(super) const HOURS: usize = 24;
const HOUR: Duration = Duration::from_secs(60 * 60);
/// From the beginning of the first hour to that of the last.
const PERIOD_SHOWN: Duration = Duration::from_secs(60 * 60 * (HOURS as u64 - 1));

/// Invitations that are listed.
const MAX_LISTED: u32 = 20;

/// It is read again after this time, or after so many times the time that reading took.
const CACHED_FOR: Duration = Duration::from_secs(5);
const MAX_SHARE_OF_TIME: u32 = 20;

/// What the journal says.
#[derive(Debug)]
pub(super) struct Day {
    /// The beginning of the first hour.
    pub(super) begin: DateTime<Utc>,
    /// What has ended, by hours.
    pub(super) ended: Vec<Tally>,
    /// The newest first.
    pub(super) latest: Vec<Record>,
    /// Those under way.
    pub(super) pending: i64,
}

/// The journal, as it was a moment ago.
#[derive(Debug)]
pub(super) struct Recent {
    path: PathBuf,
    read: Mutex<Option<(Instant, Arc<Day>)>>,
}

impl Recent {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, read: Mutex::default() }
    }

    /// What it says. Many who ask at once cause one look.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub(super) async fn day(&self) -> Result<Arc<Day>, OpenError> {
        let mut read = self.read.lock().await;
        if let Some((until, day)) = &*read
            && Instant::now() < *until
        {
            return Ok(Arc::clone(day));
        }
        let began = Instant::now();
        let day = Arc::new(self.look(Utc::now()).await?);
        *read =
            Some((Instant::now() + CACHED_FOR.max(began.elapsed() * MAX_SHARE_OF_TIME), Arc::clone(&day)));
        Ok(day)
    }

    async fn look(&self, now: DateTime<Utc>) -> Result<Day, OpenError> {
        let this_hour = now.duration_trunc(TimeDelta::hours(1)).unwrap_or(now);
        let begin = this_hour - PERIOD_SHOWN;
        Ok(Day {
            begin,
            ended: JournalReader::new(&self.path).tally(begin, HOUR).await?,
            latest: JournalReader::new(&self.path).recent(MAX_LISTED).await?,
            pending: JournalReader::new(&self.path).status().await?.pending,
        })
    }
}
