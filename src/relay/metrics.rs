//! What is counted of invitations, for `/metrics`: how they came, how they ended, why, and how long it took. Never who
//! invited whom. Knows nothing of how they are judged.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Unit;

use crate::model::{Reason, Route, State};
use crate::telemetry::metrics::Registry;

/// Upper bounds in seconds: most invitations take milliseconds, some wait for a server that is down.
const DURATION_BUCKETS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3600.0];

/// The label of an outcome without a reason.
const NO_REASON: &str = "none";

type Label = (&'static str, &'static str);

#[derive(Debug)]
pub(crate) struct Metrics {
    ended: Family<[Label; 3], Counter>,
    took: Family<[Label; 1], Histogram, fn() -> Histogram>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            ended: Family::default(),
            took: Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS)),
        }
    }

    /// Counts an invitation that has ended; `took` is `None` if it ended before it was admitted.
    pub(crate) fn ended(&self, route: Route, state: State, reason: Option<Reason>, took: Option<Duration>) {
        let state = ("state", state.as_str());
        let reason = ("reason", reason.map_or(NO_REASON, Reason::as_str));
        self.ended.get_or_create(&[("route", route.as_str()), state, reason]).inc();
        if let Some(took) = took {
            self.took.get_or_create(&[state]).observe(took.as_secs_f64());
        }
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Invitations that have ended, by the way they came, what became of them, and why";
        registry.register("invitations", help, self.ended.clone());
        let help = "Time from an invitation's arrival to its end";
        registry.register_with_unit("invitation_duration", help, Unit::Seconds, self.took.clone());
    }
}
