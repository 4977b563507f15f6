//! Whether the connection is up, and what is counted of it, for those who wait and those who watch. Knows nothing of
//! sockets.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;

use crate::ops::count::Registry;

/// What is counted.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    been_up: AtomicBool,
    /// Since when it is up; `None` while it is down.
    since: Mutex<Option<DateTime<Utc>>>,
    up: Gauge,
    reconnects: Counter,
    unconfirmed: Gauge,
    waiting: Gauge,
}

/// Says whether the connection is up.
#[derive(Debug)]
pub(super) struct Up {
    told: watch::Sender<bool>,
    pub(super) numbers: Arc<Numbers>,
}

impl Up {
    /// It is down; also returns what it says.
    pub(super) fn new(numbers: Arc<Numbers>) -> (Self, watch::Receiver<bool>) {
        let (told, up) = watch::channel(false);
        (Self { told, numbers }, up)
    }

    pub(super) fn came(&self) {
        self.numbers.came_up();
        self.told.send_replace(true);
    }

    pub(super) fn went(&self) {
        self.numbers.went_down();
        self.told.send_replace(false);
    }
}

impl Numbers {
    fn came_up(&self) {
        if self.been_up.swap(true, Ordering::Relaxed) {
            self.reconnects.inc();
        }
        self.up.set(1);
        self.set_since(Some(Utc::now()));
    }

    fn went_down(&self) {
        for gauge in [&self.up, &self.unconfirmed, &self.waiting] {
            gauge.set(0);
        }
        self.set_since(None);
    }

    /// Stanzas that are sent and not confirmed, and those that wait to be sent. Looked at once a second.
    pub(super) fn look(&self, unconfirmed: usize, waiting: usize) {
        self.unconfirmed.set(i64::try_from(unconfirmed).unwrap_or(i64::MAX));
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    pub(super) fn since(&self) -> Option<DateTime<Utc>> {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_since(&self, since: Option<DateTime<Utc>>) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
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
