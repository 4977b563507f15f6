//! Connects to one node, and connects again: what is dropped with a connection, when the next attempt follows, when it gives
//! up. Knows nothing of what is sent through a connection, nor of other nodes.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, debug, info, warn};

use super::end::End;
use super::first_attempts::FirstAttempts;
use super::handshake::Refused;
use super::ids::Ids;
use super::metrics::ConnectionState;
use super::node_link::NodeLink;
use super::privileges::Privileges;
use super::session::Connection;
use super::settings::Settings;
use super::siblings::Siblings;
use super::spellings::Spellings;
use super::traffic::{Command, Received};
use super::trouble::{Backoff, Ended, Trouble};
use super::{handshake, iq_probe, privilege_probe};
use crate::config::Server;
use crate::model::Lease;

/// The task that owns the connection to one node.
#[derive(Debug)]
pub(super) struct NodeTask {
    pub(super) server: Server,
    pub(super) settings: Settings,
    /// The settings for the next connection, whenever they change.
    pub(super) changes: watch::Receiver<Settings>,
    pub(super) outgoing: mpsc::Receiver<Command>,
    pub(super) incoming: mpsc::Sender<Received>,
    pub(super) up: ConnectionState,
    pub(super) link: NodeLink,
    pub(super) privileges: Arc<Privileges>,
    pub(super) spellings: Spellings,
    pub(super) siblings: Arc<Siblings>,
    pub(super) ids: Arc<Ids>,
    pub(super) first: Arc<FirstAttempts>,
    pub(super) lease: Lease,
}

impl NodeTask {
    /// Connects, and connects again whenever the connection is lost, until `close` is cancelled.
    ///
    /// # Errors
    /// [`Refused::Secret`] or [`Refused::UnknownHost`]: every node has refused its first connection of this run, and only a
    /// change of the configuration can help. Later refusals are tried again.
    pub(super) async fn run(mut self, close: CancellationToken) -> Result<(), Refused> {
        let link = self.link.clone();
        let _asking = AbortOnDropHandle::new(tokio::spawn(iq_probe::watch(link.clone()).in_current_span()));
        let _trying = AbortOnDropHandle::new(tokio::spawn(privilege_probe::watch(link).in_current_span()));
        let mut backoff = Backoff::new();
        loop {
            self.take_over_settings();
            let lease = self.lease.clone();
            let several = self.siblings.are_several();
            let (server, settings, spellings) = (&self.server, &self.settings, &self.spellings);
            let connecting = async {
                loop {
                    lease.sure().await;
                    tokio::select! {
                        biased;
                        connected = handshake::connect_and_shake_hands(server, settings, spellings, several) => {
                            return connected;
                        }
                        // Late, it would take the place of the relay that leads then.
                        () = lease.unsure() => {}
                    }
                }
            };
            let connected = tokio::select! {
                connected = connecting => connected,
                () = reject_all(&mut self.outgoing), if self.siblings.are_several() => return Ok(()),
                () = close.cancelled() => return Ok(()),
            };
            let before = self.up.trouble.borrow().clone();
            let pause = match connected {
                Ok(stream) => {
                    self.first.accepted();
                    let connection = Connection::new(
                        stream,
                        &self.settings,
                        &mut self.outgoing,
                        self.incoming.clone(),
                        &self.up,
                        &self.siblings,
                        (&self.privileges, &self.spellings, &self.ids, &self.lease),
                    );
                    let settled = settled(&self.up, &mut backoff);
                    let end = tokio::select! {
                        end = connection.run(&close, self.changes.clone()) => end,
                        never = settled => match never {},
                    };
                    let lived = self.up.went_down();
                    self.privileges.clear(lived.is_some());
                    match end {
                        End::Closed => {
                            info!("link is closed");
                            return Ok(());
                        }
                        End::Renewed => continue,
                        end => self.ended(&end, lived, &mut backoff),
                    }
                }
                Err(handshake::Failure::Refused(refused))
                    if refused.is_final() && self.first.refused_by(self.server.to_string()) =>
                {
                    self.trouble(Trouble::Down(refused.to_string()));
                    return Err(refused);
                }
                Err(failure) => self.failed(&failure, &mut backoff),
            };
            if !pause.is_zero() {
                let seconds = pause.as_secs_f64();
                if *self.up.trouble.borrow() == before {
                    debug!("the next attempt follows in {seconds:.1} s");
                } else {
                    info!("the next attempt follows in {seconds:.1} s");
                }
            }
            self.up.next_attempt.send_replace(Some(Instant::now() + pause));
            let stops = self.reject_for(pause, &close).await;
            self.up.next_attempt.send_replace(None);
            if stops {
                return Ok(());
            }
        }
    }

    /// Takes over settings that have changed.
    fn take_over_settings(&mut self) {
        if !self.changes.has_changed().unwrap_or(false) {
            return;
        }
        let mut settings = self.changes.borrow_and_update().clone();
        self.spellings.take_in(&mut settings);
        self.privileges.belong_to(settings.hosts.clone());
        self.up.serves(settings.services.clone());
        self.settings = settings;
    }

    /// A connection has ended, which was up for this time, if it ever was. Returns the pause before the next attempt.
    fn ended(&self, end: &End, lived: Option<Duration>, backoff: &mut Backoff) -> Duration {
        let known = backoff.in_conflict();
        let why = end.to_string();
        let Some(lived) = lived else {
            warn!("link is down: {why}");
            self.trouble(Trouble::Down(why));
            return backoff.after(Ended::NotUp);
        };
        if end.is_conflict() {
            let pause = backoff.after(Ended::Replaced(lived));
            let trouble = Trouble::Conflict(why);
            if known && backoff.in_conflict() {
                debug!("link is down: {trouble}");
            } else {
                warn!("link is down: {trouble}. This one waits for minutes before it comes back");
            }
            self.trouble(trouble);
            return pause;
        }
        warn!("link is down: {why}");
        let pause = backoff.after(Ended::Lived(lived));
        self.trouble(if backoff.is_flapping() { Trouble::Flapping(why) } else { Trouble::Down(why) });
        pause
    }

    /// An attempt has failed. Returns the pause before the next one.
    fn failed(&self, failure: &handshake::Failure, backoff: &mut Backoff) -> Duration {
        let why = failure.to_string();
        let said = matches!(&*self.up.trouble.borrow(), Some(Trouble::Down(said) | Trouble::Flapping(said)) if *said == why);
        // Each attempt until then fails for the same reason, perhaps for days.
        if said {
            debug!("no link: {why}");
        } else {
            warn!("no link: {why}");
        }
        self.trouble(if backoff.is_flapping() { Trouble::Flapping(why) } else { Trouble::Down(why) });
        backoff.after(Ended::NotUp)
    }

    fn trouble(&self, trouble: Trouble) {
        self.up.trouble.send_replace(Some(trouble));
    }

    /// Rejects everything that is to be sent, as there is no connection. Returns `true` when the link is to stop.
    async fn reject_for(&mut self, pause: Duration, close: &CancellationToken) -> bool {
        let pause = sleep(pause);
        tokio::pin!(pause);
        // A clone, so that the change is still seen when it is taken over.
        let mut changes = self.changes.clone();
        loop {
            tokio::select! {
                biased;
                () = close.cancelled() => return true,
                // The command is dropped, which tells the caller that it is lost.
                command = self.outgoing.recv() => if command.is_none() { return true },
                () = &mut pause => return false,
                Ok(()) = changes.changed() => return false,
            }
        }
    }
}

/// Rejects everything that is to be sent: it is dropped, which tells the senders that it is lost. Returns when nothing will
/// follow.
async fn reject_all(outgoing: &mut mpsc::Receiver<Command>) {
    while outgoing.recv().await.is_some() {}
}

/// Waits until the connection is up and stable, and notes that.
async fn settled(up: &ConnectionState, backoff: &mut Backoff) -> Infallible {
    up.wait_until_up().await;
    sleep(backoff.settles_after()).await;
    backoff.settled();
    up.trouble.send_if_modified(|trouble| {
        trouble.take_if(|it| matches!(it, Trouble::Flapping(_) | Trouble::Conflict(_))).is_some()
    });
    pending().await
}
