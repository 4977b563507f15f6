//! Whether the connection is up, and what is counted of it, for those who wait and those who watch. Knows nothing of
//! sockets.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;
use tokio::time::Instant;

use super::bare_iq_support::BareIqSupport;
use super::epoch::Epoch;
use super::trouble::Trouble;
use crate::model::address;
use crate::telemetry::metrics::Registry;

/// What is counted.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    been_up: AtomicBool,
    /// Since when it is up; `None` while it is down.
    since: Mutex<Option<(DateTime<Utc>, Instant)>>,
    up: Gauge,
    reconnects: Counter,
    unconfirmed: Gauge,
    waiting: Gauge,
}

/// Says how the connection is.
#[derive(Debug)]
pub(super) struct Up {
    told: watch::Sender<Option<Epoch>>,
    pub(super) trouble: watch::Sender<Option<Trouble>>,
    pub(super) plain: watch::Sender<BareIqSupport>,
    begun: AtomicU64,
    /// The MUC services.
    services: Vec<String>,
    pub(super) numbers: Arc<Metrics>,
}

impl Up {
    /// It is down.
    pub(super) fn new(numbers: Arc<Metrics>, services: Vec<String>) -> Self {
        Self {
            told: watch::Sender::new(None),
            trouble: watch::Sender::new(None),
            plain: watch::Sender::new(BareIqSupport::Unknown),
            begun: AtomicU64::new(0),
            services,
            numbers,
        }
    }

    /// The connection that is up.
    pub(super) fn told(&self) -> watch::Receiver<Option<Epoch>> {
        self.told.subscribe()
    }

    /// An address answered a question of ours: if it is a service or one of its rooms, ordinary questions pass.
    pub(super) fn plain_answer(&self, from: &str) {
        if !from.contains('/') && self.services.iter().any(|service| service == address::domain_of(from)) {
            self.plain.send_if_modified(|plain| {
                std::mem::replace(plain, BareIqSupport::Passes) != BareIqSupport::Passes
            });
        }
    }

    /// A connection begins, and is not up yet.
    pub(super) fn begins(&self) -> Epoch {
        Epoch::numbered(self.begun.fetch_add(1, Ordering::Relaxed) + 1)
    }

    pub(super) fn came(&self, epoch: Epoch) {
        self.numbers.came_up();
        // What was wrong with the last connection is not with this one, unless it was that it did not last.
        self.trouble.send_if_modified(|trouble| trouble.take_if(|it| !it.outlives_a_connection()).is_some());
        self.told.send_replace(Some(epoch));
    }

    /// It ends: nothing new is to be begun on it.
    pub(super) fn ends(&self) {
        self.told.send_replace(None);
    }

    /// It is down; how long it was up, if it was.
    pub(super) fn went(&self) -> Option<Duration> {
        let lived = self.numbers.went_down();
        self.told.send_replace(None);
        lived
    }

    /// Waits until it is up.
    pub(super) async fn waits(&self) {
        // It does not fail as long as the sender is here.
        let _ = self.told().wait_for(Option::is_some).await;
    }
}

impl Metrics {
    fn came_up(&self) {
        if self.been_up.swap(true, Ordering::Relaxed) {
            self.reconnects.inc();
        }
        self.up.set(1);
        *self.locked() = Some((Utc::now(), Instant::now()));
    }

    fn went_down(&self) -> Option<Duration> {
        for gauge in [&self.up, &self.unconfirmed, &self.waiting] {
            gauge.set(0);
        }
        self.locked().take().map(|(_, since)| since.elapsed())
    }

    /// Stanzas that are sent and not confirmed, and those that wait to be sent. Looked at once a second.
    pub(super) fn look(&self, unconfirmed: usize, waiting: usize) {
        self.unconfirmed.set(i64::try_from(unconfirmed).unwrap_or(i64::MAX));
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    pub(super) fn since(&self) -> Option<DateTime<Utc>> {
        self.locked().map(|(since, _)| since)
    }

    fn locked(&self) -> MutexGuard<'_, Option<(DateTime<Utc>, Instant)>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn unconfirmed(&self) -> i64 {
        self.unconfirmed.get()
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("link_up", "Whether the connection to the server is up", self.up.clone());
        registry.register(
            "link_reconnects",
            "How often the connection to the server came up again",
            self.reconnects.clone(),
        );
        registry.register(
            "link_unconfirmed_stanzas",
            "Stanzas that were sent, and that the server has not confirmed",
            self.unconfirmed.clone(),
        );
        registry.register("link_waiting_stanzas", "Stanzas that wait to be sent", self.waiting.clone());
    }
}
