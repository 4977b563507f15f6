//! Connecting, again and again: what is lost with a connection, when the next attempt follows, when there is none.
//! Knows nothing of what goes over a connection.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use super::connection::{Connection, End};
use super::numbers::Up;
use super::plain::{self, Plain};
use super::privileges::Privileges;
use super::{Command, Ids, Link, Refused, Settings, dial};
use crate::wire::Stanza;

/// However often it failed, the next attempt follows after no more than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The task that owns the connection.
#[derive(Debug)]
pub struct Task {
    pub(super) settings: Settings,
    pub(super) outgoing: mpsc::Receiver<Command>,
    pub(super) incoming: mpsc::Sender<Stanza>,
    pub(super) up: Up,
    pub(super) plain: (Link, watch::Sender<Plain>),
    pub(super) trouble: watch::Sender<Option<String>>,
    pub(super) privileges: Arc<Privileges>,
    pub(super) ids: Arc<Ids>,
}

impl Task {
    /// Connects, and connects again whenever the connection is lost, until `close` is cancelled.
    ///
    /// # Errors
    /// The server refused the secret or the domain and has never let us in.
    pub async fn run(mut self, close: CancellationToken) -> Result<(), Refused> {
        let (link, plain) = self.plain.clone();
        let services = self.settings.services.clone();
        let _watching = AbortOnDropHandle::new(tokio::spawn(plain::watch(link, services, plain)));
        let mut been_in = false;
        let mut pauses = pauses();
        loop {
            let dialled = tokio::select! {
                dialled = dial::dial(&self.settings) => dialled,
                () = close.cancelled() => return Ok(()),
            };
            match dialled {
                Ok(stream) => {
                    been_in = true;
                    let connection = Connection::new(
                        stream,
                        &self.settings,
                        &mut self.outgoing,
                        self.incoming.clone(),
                        &self.up,
                        &self.privileges,
                        &self.ids,
                    );
                    let (end, was_up) = connection.drive(&close).await;
                    self.up.went();
                    self.privileges.clear();
                    if matches!(end, End::Closed) {
                        info!("link is closed");
                        return Ok(());
                    }
                    warn!("link is down: {end}");
                    self.trouble.send_replace(Some(end.to_string()));
                    if was_up {
                        pauses = self::pauses();
                    }
                }
                Err(dial::Failure::Refused(refused)) if !been_in && refused.is_final() => {
                    self.trouble.send_replace(Some(refused.to_string()));
                    return Err(refused);
                }
                Err(failure) => {
                    warn!("no link: {failure}");
                    self.trouble.send_replace(Some(failure.to_string()));
                }
            }
            let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
            if !pause.is_zero() {
                info!("the next attempt follows in {:.1} s", pause.as_secs_f64());
            }
            if self.reject_for(pause, &close).await {
                return Ok(());
            }
        }
    }

    /// While there is no connection everything is lost at once. Returns `true` when it is time to stop.
    async fn reject_for(&mut self, pause: Duration, close: &CancellationToken) -> bool {
        let pause = sleep(pause);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                biased;
                () = close.cancelled() => return true,
                // Dropped with its answer: whoever waits learns that it is lost.
                command = self.outgoing.recv() => if command.is_none() { return true },
                () = &mut pause => return false,
            }
        }
    }
}

/// At once, then 1 s to 60 s with jitter, so that many components don't come back in step.
fn pauses() -> impl Iterator<Item = Duration> {
    let growing = ExponentialBuilder::default()
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(LONGEST_PAUSE)
        .without_max_times()
        .with_jitter()
        .build();
    std::iter::once(Duration::ZERO).chain(growing).map(|pause| pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_begin_at_once_and_stay_bounded() {
        let pauses: Vec<_> = pauses().take(50).collect();
        assert_eq!(pauses[0], Duration::ZERO);
        assert!(pauses[1] >= Duration::from_secs(1) && pauses[1] <= Duration::from_secs(2));
        assert!(pauses.iter().all(|pause| *pause <= LONGEST_PAUSE));
        assert!(pauses[40] >= Duration::from_secs(30));
    }
}
