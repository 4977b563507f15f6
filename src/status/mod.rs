//! What one sees of the relay from outside: metrics for monitoring systems, whether it is well, a page for people. It
//! only looks, and holds nobody up. Knows nothing of how an invitation is judged.

mod gauges;
mod mask;
mod page;
mod plot;
mod recent;

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

pub(crate) use self::gauges::own;

use self::gauges::Gauges;
use self::recent::Recent;
use crate::config::Live;
use crate::journal::WriterHealth;
use crate::link::Link;
use crate::telemetry::http::{Answer, Question};
use crate::telemetry::metrics::Registry;

/// No disk that is well is at one piece of work for so long.
const JOURNAL_TIMEOUT: Duration = Duration::from_secs(5);

/// What the looks need.
#[derive(Debug)]
pub struct StatusPage {
    config: Live,
    link: Link,
    pulse: WriterHealth,
    numbers: Gauges,
    recent: Recent,
    started: DateTime<Utc>,
}

impl StatusPage {
    /// Shows these. `registry`: what the other folders count, as they have registered it.
    #[must_use]
    pub fn new(config: Live, link: Link, pulse: WriterHealth, registry: Registry) -> Self {
        let path = config.load().journal.path.clone();
        Self {
            numbers: Gauges::new(registry, path.clone()),
            recent: Recent::new(path),
            config,
            link,
            pulse,
            started: Utc::now(),
        }
    }

    /// What stands at a path; `None` if nothing does.
    pub async fn answer(self: Arc<Self>, question: Question) -> Option<Answer> {
        Some(match question.path.as_str() {
            "/" => self.page().await,
            "/metrics" => self.numbers.text(&question, self.pulse.refused().is_none()).await,
            "/healthz" => Answer::text(true, "alive\n".to_owned()),
            "/readyz" => self.ready(),
            _ => return None,
        })
    }

    fn ready(&self) -> Answer {
        let mut wrong = String::new();
        for trouble in [self.link_trouble(), self.journal_trouble()].into_iter().flatten() {
            // Writing to a text does not fail.
            let _ = writeln!(wrong, "{trouble}");
        }
        if wrong.is_empty() { Answer::text(true, "ready\n".to_owned()) } else { Answer::text(false, wrong) }
    }

    /// Why nothing can be relayed, on the server's side.
    fn link_trouble(&self) -> Option<String> {
        let why = self.link.not_ready()?;
        Some(if self.link.is_up() { why } else { format!("no link to the server: {why}") })
    }

    /// Why nothing can be relayed, on the disk's side.
    fn journal_trouble(&self) -> Option<String> {
        let busy = self.pulse.busy();
        let hangs = (busy > JOURNAL_TIMEOUT)
            .then(|| format!("the journal's disk has not answered for {} s", busy.as_secs()));
        self.pulse.refused().or(hangs)
    }
}
