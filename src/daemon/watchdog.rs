//! Tells the service manager and the command `healthy` how the relay is: ready, connected or not, alive. Knows nothing of
//! invitations.

use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tracing::error;

use super::control::Health;
use super::systemd;
use crate::journal::WriterHealth;
use crate::link::Link;

/// How many signs of life are sent in the time that the service manager allows for one, so that a late one does no harm.
const SIGNS_PER_PERIOD: u32 = 3;

/// After this time in one disk operation the relay counts as not alive.
const DISK_DEAD_AFTER: Duration = Duration::from_secs(20);

/// Notifies the service manager until dropped.
///
/// The relay is ready when its first attempt to connect has ended, even if nothing listens there yet: a server that starts
/// later must not make the unit fail. A refusal ends the relay before it is ready, so an operator who starts a unit with a
/// wrong secret sees it fail.
///
/// A sign of life means: the runtime runs tasks (this one runs), no main task has ended (this one is dropped then), and no
/// disk operation of the journal takes longer than a sign may. A server that is away or a full disk does not stop the signs:
/// killing the relay would not help.
pub(super) async fn run(link: Link, writer_health: WriterHealth) {
    let mut link_state = link.watch();
    let allowed = systemd::watchdog();
    let mut next_sign = Instant::now();
    let mut ready = false;
    loop {
        tokio::select! {
            state = link_state.changed() => {
                // The link has ended, and the relay will end too.
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
                if writer_health.busy() < allowed / SIGNS_PER_PERIOD {
                    systemd::alive();
                } else {
                    error!("the journal's disk has not answered for {} s", writer_health.busy().as_secs());
                }
            }
        }
    }
}

/// Sends signs of life until dropped, for a relay that stands by.
pub(super) async fn alive() {
    let Some(allowed) = systemd::watchdog() else { return pending().await };
    let mut next_sign = Instant::now();
    loop {
        sleep_until(next_sign).await;
        systemd::alive();
        next_sign += allowed / SIGNS_PER_PERIOD;
    }
}

/// The state as the command `healthy` gets it.
pub(super) fn health(link: &Link, writer_health: &WriterHealth) -> Health {
    let connection = match (link.is_up(), link.trouble()) {
        (true, Some(trouble)) => format!("connected, but {trouble}"),
        (true, None) => "connected".to_owned(),
        (false, Some(trouble)) => format!("no connection: {trouble}"),
        (false, None) => "not yet connected".to_owned(),
    };
    let busy = writer_health.busy();
    if busy >= DISK_DEAD_AFTER {
        let found = format!("the journal's disk has not answered for {} s; {connection}", busy.as_secs());
        return Health { alive: false, found };
    }
    let refused = writer_health.refused().map(|refused| format!("; {refused}"));
    Health { alive: true, found: connection + &refused.unwrap_or_default() }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}
