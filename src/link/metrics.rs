//! The state of the connection to each node for the rest of the program, and its metrics. Knows nothing of sockets.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
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

/// The metrics of the connections to all nodes.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    /// How many connections are up.
    connections: Mutex<u32>,
    up: Gauge,
    nodes_up: Gauge,
    reconnects: Counter,
    unconfirmed: Gauge,
    waiting: Gauge,
}

/// What the connection to one node adds to the metrics.
#[derive(Debug, Default)]
pub(super) struct NodeMetrics {
    of_all: Arc<Metrics>,
    been_up: AtomicBool,
    /// Since when it is up; `None` while it is down.
    since: Mutex<Option<(DateTime<Utc>, Instant)>>,
    unconfirmed: AtomicI64,
    waiting: AtomicI64,
}

/// Publishes the state of the connection to one node.
#[derive(Debug)]
pub(super) struct ConnectionState {
    up: watch::Sender<Option<Epoch>>,
    pub(super) trouble: watch::Sender<Option<Trouble>>,
    /// When the next attempt to connect follows, while the link pauses before it.
    pub(super) next_attempt: watch::Sender<Option<Instant>>,
    pub(super) bare_iq_support: watch::Sender<BareIqSupport>,
    /// Nothing has come in for a while, also no answer to a ping.
    pub(super) slow: watch::Sender<bool>,
    node: usize,
    begun: AtomicU64,
    /// The MUC services.
    services: RwLock<Vec<String>>,
    pub(super) metrics: Arc<NodeMetrics>,
}

impl ConnectionState {
    /// A connection to this node that is down.
    pub(super) fn new(node: usize, metrics: Arc<NodeMetrics>, services: Vec<String>) -> Self {
        Self {
            up: watch::Sender::new(None),
            trouble: watch::Sender::new(None),
            next_attempt: watch::Sender::new(None),
            bare_iq_support: watch::Sender::new(BareIqSupport::Unknown),
            slow: watch::Sender::new(false),
            node,
            begun: AtomicU64::new(0),
            services: RwLock::new(services),
            metrics,
        }
    }

    /// Watches which connection is up.
    pub(super) fn watch(&self) -> watch::Receiver<Option<Epoch>> {
        self.up.subscribe()
    }

    /// Notes that an address answered a request. If it is a MUC service or one of its rooms, ordinary IQs are answered.
    pub(super) fn bare_iq_answered(&self, from: &str) {
        let serves = |domain| {
            self.services.read().unwrap_or_else(PoisonError::into_inner).iter().any(|it| it == domain)
        };
        if !from.contains('/') && serves(address::domain_of(from)) {
            self.bare_iq_support.send_if_modified(|support| {
                std::mem::replace(support, BareIqSupport::Passes) != BareIqSupport::Passes
            });
        }
    }

    /// These are the MUC services from now on.
    pub(super) fn serves(&self, services: Vec<String>) {
        *self.services.write().unwrap_or_else(PoisonError::into_inner) = services;
    }

    /// A connection begins; it is not up yet. Returns its number.
    pub(super) fn begins(&self) -> Epoch {
        Epoch::numbered(self.node, self.begun.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// The connection is up.
    pub(super) fn came_up(&self, epoch: Epoch) {
        self.metrics.came_up();
        self.is_slow(false);
        // Troubles end with the connection, except that connections don't last.
        self.trouble.send_if_modified(|trouble| trouble.take_if(|it| !it.outlives_a_connection()).is_some());
        self.up.send_replace(Some(epoch));
    }

    /// The connection is about to end: nothing new is to be begun on it.
    pub(super) fn ending(&self) {
        self.up.send_replace(None);
    }

    /// The connection is down. Returns how long it was up, if it was.
    pub(super) fn went_down(&self) -> Option<Duration> {
        let lived = self.metrics.went_down();
        self.up.send_replace(None);
        lived
    }

    /// Whether nothing has come in for a while, also no answer to a ping.
    pub(super) fn is_slow(&self, slow: bool) {
        self.slow.send_if_modified(|it| std::mem::replace(it, slow) != slow);
    }

    /// Waits until a connection is up.
    pub(super) async fn wait_until_up(&self) {
        // This can't fail while the sender exists.
        let _ = self.watch().wait_for(Option::is_some).await;
    }
}

impl NodeMetrics {
    pub(super) fn new(of_all: Arc<Metrics>) -> Self {
        Self { of_all, ..Self::default() }
    }

    fn came_up(&self) {
        let again = self.been_up.swap(true, Ordering::Relaxed);
        *self.locked() = Some((Utc::now(), Instant::now()));
        self.of_all.one_came_up(again);
    }

    fn went_down(&self) -> Option<Duration> {
        self.set_queue_lengths(0, 0);
        let (_, since) = self.locked().take()?;
        self.of_all.one_went_down();
        Some(since.elapsed())
    }

    /// Notes how many stanzas are sent and not confirmed, and how many wait to be sent. Called at each interval.
    pub(super) fn set_queue_lengths(&self, unconfirmed: usize, waiting: usize) {
        for (length, mine, of_all) in [
            (unconfirmed, &self.unconfirmed, &self.of_all.unconfirmed),
            (waiting, &self.waiting, &self.of_all.waiting),
        ] {
            let length = i64::try_from(length).unwrap_or(i64::MAX);
            of_all.inc_by(length.saturating_sub(mine.swap(length, Ordering::Relaxed)));
        }
    }

    pub(super) fn since(&self) -> Option<DateTime<Utc>> {
        self.locked().map(|(since, _)| since)
    }

    fn locked(&self) -> MutexGuard<'_, Option<(DateTime<Utc>, Instant)>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Metrics {
    fn one_came_up(&self, again: bool) {
        if again {
            self.reconnects.inc();
        }
        self.count(1);
    }

    fn one_went_down(&self) {
        self.count(-1);
    }

    fn count(&self, more: i32) {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        *connections = connections.saturating_add_signed(more);
        self.up.set(i64::from(*connections > 0));
        self.nodes_up.set(i64::from(*connections));
    }

    pub(super) fn unconfirmed(&self) -> i64 {
        self.unconfirmed.get()
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("link_up", "Whether the connection to the server is up", self.up.clone());
        registry.register(
            "link_nodes_up",
            "To how many nodes of the server a connection is up",
            self.nodes_up.clone(),
        );
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
