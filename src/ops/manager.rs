//! What the service manager is told, where there is one that wants to know (systemd's `Type=notify`). Elsewhere nothing
//! happens. Knows nothing of what any of it means.

use std::time::Duration;

use sd_notify::NotifyState;
use tracing::debug;

/// The service is up.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The service reads its configuration again; [`ready`] follows when it has.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(e) => debug!("no monotonic clock: {e}"),
    }
}

/// How it goes, in a line for people.
pub fn status(line: &str) {
    tell(&[NotifyState::Status(line)]);
}

/// The service is ending.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// The service is alive.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// In which time the service manager must hear [`alive`], or it kills the process; `None`: it does not watch.
#[must_use]
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(e) = sd_notify::notify(state) {
        debug!("the service manager can't be told: {e}");
    }
}
