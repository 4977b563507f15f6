//! What can be seen of the relay from outside: metrics for monitoring systems, health, a page for people. It only reads, and
//! delays no invitation. Knows nothing of how an invitation is judged.

mod gauges;
mod mask;
mod page;
mod plot;
mod process;
mod recent;
mod standing_by;

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::timeout;

pub(crate) use self::gauges::relay_metrics;
pub use self::standing_by::standing_by;

use self::gauges::Gauges;
use self::page::PageData;
use self::recent::Recent;
use crate::config::Live;
use crate::journal::{JournalReader, WriterHealth};
use crate::link::Link;
use crate::telemetry::http::{Answer, Question};
use crate::telemetry::metrics::Registry;

/// A disk operation that takes longer is reported.
const DISK_SLOW_AFTER: Duration = Duration::from_secs(5);

/// How long the page waits for the names of the relays that stand by.
const STANDBYS_TIMEOUT: Duration = Duration::from_secs(2);

/// Answers requests for what can be seen of the relay.
#[derive(Debug)]
pub struct StatusPage {
    config: Live,
    link: Link,
    writer_health: WriterHealth,
    gauges: Gauges,
    recent: Recent,
    started: DateTime<Utc>,
}

impl StatusPage {
    /// For a relay that starts now. `registry`: the metrics that the other folders have registered.
    #[must_use]
    pub fn new(config: Live, link: Link, writer_health: WriterHealth, registry: Registry) -> Self {
        let place = config.load().journal.place.clone();
        Self {
            gauges: Gauges::new(registry, place.clone()),
            recent: Recent::new(JournalReader::new(place)),
            config,
            link,
            writer_health,
            started: Utc::now(),
        }
    }

    /// The answer for a path; `None` if there is none.
    pub async fn answer(self: Arc<Self>, question: Question) -> Option<Answer> {
        Some(match question.path.as_str() {
            "/" => self.page().await,
            "/metrics" => self.gauges.text(&question, self.writer_health.refused().is_none()).await,
            "/healthz" => Answer::text(true, "alive\n".to_owned()),
            "/readyz" => self.ready(),
            _ => return None,
        })
    }

    async fn page(&self) -> Answer {
        let config = self.config.load_full();
        page::render(&PageData {
            day: self.recent.day().await,
            standbys: self.standbys().await,
            config: &config,
            link: &self.link,
            link_trouble: self.link_trouble(),
            journal_trouble: self.journal_trouble(),
            started: self.started,
        })
    }

    /// The relays that stand by; `None` where there can be none, or that can't be found out soon.
    async fn standbys(&self) -> Option<Vec<String>> {
        let reader = JournalReader::new(&self.config.load().journal.place);
        let leader = timeout(STANDBYS_TIMEOUT, reader.leader()).await.ok()?;
        Some(leader.ok()??.standbys)
    }

    fn ready(&self) -> Answer {
        let mut wrong = String::new();
        for trouble in [self.link_trouble(), self.journal_trouble()].into_iter().flatten() {
            // Writing to a string does not fail.
            let _ = writeln!(wrong, "{trouble}");
        }
        if wrong.is_empty() { Answer::text(true, "ready\n".to_owned()) } else { Answer::text(false, wrong) }
    }

    /// Why the server's side prevents relaying; `None` if it does not.
    fn link_trouble(&self) -> Option<String> {
        let why = self.link.not_ready()?;
        Some(if self.link.is_up() {
            why
        } else {
            format!("no link to the server: {why}{}", self.link.next_attempt())
        })
    }

    /// Why the journal prevents relaying; `None` if it does not.
    fn journal_trouble(&self) -> Option<String> {
        let busy = self.writer_health.busy();
        let hangs = (busy > DISK_SLOW_AFTER)
            .then(|| format!("the journal's disk has not answered for {} s", busy.as_secs()));
        self.writer_health.refused().or(hangs)
    }
}
