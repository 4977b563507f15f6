//! Runs a session to its end: whoever ends it, nothing that was sent or received before is lost if it can be helped. Knows
//! nothing of what stanzas mean.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::end::End;
use super::session::{Connection, ping};
use super::settings::Settings;

/// How long the server may be silent before it has closed its side of the stream.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long it may take until all stanzas that the server had sent when the connection ended are taken.
const READ_THE_REST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the end of the stream may take to be written, if the server did not confirm what was sent before.
const LAST_WRITE_TIMEOUT: Duration = Duration::from_millis(100);

impl Connection<'_> {
    /// Runs until the connection ends, or is to be closed.
    pub(super) async fn run(
        mut self,
        close: &CancellationToken,
        mut changes: watch::Receiver<Settings>,
    ) -> End {
        let (renewal, epoch) = (&self.privileges.renewal, self.epoch);
        let end = tokio::select! {
            end = poll_fn(|cx| self.poll(cx)) => {
                self.read_the_rest().await;
                self.look_for_the_cause(&end);
                return end;
            }
            () = close.cancelled() => End::Closed,
            () = renewal.requested(epoch) => End::Renewed,
            Ok(()) = changes.changed() => {
                info!("link: connecting again, with what the new configuration says");
                End::Renewed
            }
        };
        self.begin_to_end();
        self.say_goodbye().await;
        end
    }

    fn begin_to_end(&mut self) {
        self.ending = true;
        self.up.ending();
    }

    /// Handles what the server had sent before the connection ended: the server believes that the relay has these
    /// invitations. Answers to pings count as well.
    async fn read_the_rest(&mut self) {
        self.begin_to_end();
        let end = Instant::now() + READ_THE_REST_TIMEOUT;
        // Unconstrained: else "nothing is ready" may mean that this task has done enough for now.
        let rest = unconstrained(poll_fn(|cx| {
            // Commands are dropped, which tells the senders that the connection is lost.
            while let Poll::Ready(Some(_)) = self.commands.poll_recv(cx) {}
            loop {
                match self.poll_read(cx) {
                    // A server that was to close its side may go on sending.
                    Poll::Ready(Ok(())) if Instant::now() < end => {}
                    Poll::Pending if self.paused && self.intake_is_open() => return Poll::Pending,
                    Poll::Ready(_) | Poll::Pending => return Poll::Ready(()),
                }
            }
        }));
        if timeout(READ_THE_REST_TIMEOUT, rest).await.is_err() {
            warn!(
                "the journal takes nothing: what the server had sent before the connection ended may be lost"
            );
        }
    }

    /// Whether incoming stanzas will be taken, now or later.
    fn intake_is_open(&self) -> bool {
        self.incoming.get_ref().is_some_and(|incoming| !incoming.is_closed())
    }

    /// Waits until all that was sent is confirmed, closes the relay's side, and reads until the server has closed its own,
    /// or is silent. While nothing is read because the journal takes nothing, the server is not silent: it waits as well,
    /// and what it holds back would be lost.
    async fn say_goodbye(&mut self) {
        let last = self.barrier().last(|| self.ids.next());
        if let Some((id, to)) = last {
            self.queue.push_back(ping(self.component, id, to).into());
        }
        let mut end = Instant::now() + READ_THE_REST_TIMEOUT;
        let mut silent = pin!(sleep(GOODBYE_TIMEOUT));
        let server_has_closed = poll_fn(|cx| {
            if self.paused && self.intake_is_open() {
                end = Instant::now() + READ_THE_REST_TIMEOUT;
                silent.as_mut().reset(Instant::now() + GOODBYE_TIMEOUT);
            }
            loop {
                while let Some(stanza) = self.queue.pop_front() {
                    self.write(stanza);
                }
                // Some servers answer nothing once the stream has ended.
                let confirmed = self.barrier().unconfirmed() == 0;
                let closed = if confirmed {
                    self.stream.poll_end(cx).is_ready()
                } else {
                    let _ = self.stream.poll_flush(cx);
                    false
                };
                loop {
                    match self.poll_read(cx) {
                        Poll::Ready(Ok(())) => {
                            silent.as_mut().reset(end.min(Instant::now() + GOODBYE_TIMEOUT));
                        }
                        Poll::Ready(Err(_)) => return Poll::Ready(true),
                        Poll::Pending if self.paused && self.intake_is_open() => return Poll::Pending,
                        Poll::Pending if self.paused && closed => return Poll::Ready(true),
                        Poll::Pending => break,
                    }
                }
                if silent.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(false);
                }
                if confirmed || self.barrier().unconfirmed() > 0 {
                    return Poll::Pending;
                }
            }
        });
        if !server_has_closed.await {
            debug!("the server did not close its side of the stream");
            let _ = timeout(LAST_WRITE_TIMEOUT, poll_fn(|cx| self.stream.poll_end(cx))).await;
        }
    }
}
