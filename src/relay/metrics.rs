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

/// How invitations usually end: these counters are there from the start, with 0, so that a monitoring system sees the first
/// ending of each kind as an increase.
const USUAL_ENDINGS: [(State, &[Option<Reason>]); 5] = [
    (State::Relayed, &[None]),
    (
        State::Suppressed,
        &[
            Some(Reason::Duplicate),
            Some(Reason::Occupant),
            Some(Reason::OptedOut),
            Some(Reason::Blocked),
            Some(Reason::Nobody),
        ],
    ),
    (
        State::Refused,
        &[
            Some(Reason::Outcast),
            Some(Reason::NotMember),
            Some(Reason::MayNotInvite),
            Some(Reason::NoRights),
            Some(Reason::Untrusted),
            Some(Reason::Malformed),
            Some(Reason::RateLimited),
            Some(Reason::TooMany),
            Some(Reason::NoList),
            Some(Reason::AnotherRelay),
            Some(Reason::MayNotUse),
            Some(Reason::Stranger),
            Some(Reason::Mimicry),
            Some(Reason::Unsendable),
        ],
    ),
    (
        State::Failed,
        &[
            Some(Reason::Bounced),
            Some(Reason::NotPermitted),
            Some(Reason::Unsure),
            Some(Reason::Unsendable),
            Some(Reason::Nobody),
        ],
    ),
    (State::Expired, &[None]),
];

/// The same for invitations that go back to the server.
const USUAL_REASONS_TO_HAND_BACK: [Reason; 8] = [
    Reason::NotLocal,
    Reason::NotPermitted,
    Reason::Unsure,
    Reason::TooLate,
    Reason::RateLimited,
    Reason::OptedOut,
    Reason::Unsupported,
    Reason::Unsendable,
];

type Label = (&'static str, &'static str);

#[derive(Debug)]
pub(crate) struct Metrics {
    ended: Family<[Label; 3], Counter>,
    took: Family<[Label; 1], Histogram, fn() -> Histogram>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let ended = Family::default();
        let begin = |route: Route, state: State, reason: Option<Reason>| {
            drop(ended.get_or_create(&labels(route, state, reason)));
        };
        for route in Route::ALL {
            for (state, reasons) in USUAL_ENDINGS {
                for reason in reasons {
                    begin(*route, state, *reason);
                }
            }
        }
        for reason in USUAL_REASONS_TO_HAND_BACK {
            begin(Route::HandedOver, State::HandedBack, Some(reason));
        }
        Self { ended, took: Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS)) }
    }

    /// Counts an invitation that has ended; `took` is `None` if it ended before it was admitted.
    pub(crate) fn ended(&self, route: Route, state: State, reason: Option<Reason>, took: Option<Duration>) {
        self.ended.get_or_create(&labels(route, state, reason)).inc();
        if let Some(took) = took {
            self.took.get_or_create(&[("state", state.as_str())]).observe(took.as_secs_f64());
        }
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Invitations that have ended, by the way they came, what became of them, and why";
        registry.register("invitations", help, self.ended.clone());
        let help = "Time from an invitation's arrival to its end";
        registry.register_with_unit("invitation_duration", help, Unit::Seconds, self.took.clone());
    }
}

fn labels(route: Route, state: State, reason: Option<Reason>) -> [Label; 3] {
    let reason = reason.map_or(NO_REASON, Reason::as_str);
    [("route", route.as_str()), ("state", state.as_str()), ("reason", reason)]
}
