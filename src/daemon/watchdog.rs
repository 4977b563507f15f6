//! Tells the service manager, and all who ask, how the relay is: ready, connected or not, alive. Knows nothing of
//! invitations.

use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tracing::error;

use super::control::Health;
use super::systemd;
use crate::journal::WriterHealth;
use crate::link::Link;

/// Signs of life in the time that the service manager allows for one: a late one does no harm.
const SIGNS_PER_PERIOD: u32 = 3;

/// No disk that is well is at one piece of work for so long.
const MAX_DISK_OPERATION: Duration = Duration::from_secs(20);

/// Until dropped.
///
/// The relay is ready when its first attempt to connect has come to something, be it that nobody listens there yet: a
/// server that starts later must not make the unit fail. Only a refusal that ends the relay comes before that, so an
/// operator who starts a unit with a wrong secret sees it fail.
///
/// A sign of life means: the tasks get their turn (this one does), none of the main ones has ended (this one is dropped
/// then), and the database has not been at the same piece of work for longer than a sign may take. A server that is
/// away, or a disk that is full, can't be mended by killing the relay, so neither keeps the signs back.
pub(super) async fn keep(link: Link, pulse: WriterHealth) {
    let mut link_state = link.watch();
    let allowed = systemd::watchdog();
    let mut next_sign = Instant::now();
    let mut ready = false;
    loop {
        tokio::select! {
            state = link_state.changed() => {
                // The link has ended, and the relay is about to.
                let Some(state) = state else { return pending().await };
                if !ready {
                    systemd::ready();
                    ready = true;
                }
                systemd::status(&match state {
                    Ok(()) => format!("connected as {}", link.component()),
                    Err(trouble) if link.is_up() => format!("connected as {}, but {trouble}", link.component()),
                    Err(trouble) => format!("no connection: {trouble}"),
                });
            }
            () = at(allowed.map(|_| next_sign)) => {
                let allowed = allowed.unwrap_or_default();
                next_sign += allowed / SIGNS_PER_PERIOD;
                if pulse.busy() < allowed / SIGNS_PER_PERIOD {
                    systemd::alive();
                } else {
                    error!("the journal's disk has not answered for {} s", pulse.busy().as_secs());
                }
            }
        }
    }
}

/// The same, for callers other than the service manager.
pub(super) fn health(link: &Link, pulse: &WriterHealth) -> Health {
    let connection = match (link.is_up(), link.trouble()) {
        (true, Some(trouble)) => format!("connected, but {trouble}"),
        (true, None) => "connected".to_owned(),
        (false, Some(trouble)) => format!("no connection: {trouble}"),
        (false, None) => "not yet connected".to_owned(),
    };
    let busy = pulse.busy();
    if busy >= MAX_DISK_OPERATION {
        let found = format!("the journal's disk has not answered for {} s; {connection}", busy.as_secs());
        return Health { alive: false, found };
    }
    let refused = pulse.refused().map(|refused| format!("; {refused}"));
    Health { alive: true, found: connection + &refused.unwrap_or_default() }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}
