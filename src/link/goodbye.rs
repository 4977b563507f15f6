//! Runs a session to its end: whoever ends it, nothing that was sent or received before is lost if it can be helped. Knows
//! nothing of what stanzas mean.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::unconstrained;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::end::End;
use super::session::{Connection, ping};
use super::settings::Settings;

/// What is waited for while a connection ends is counted in steps of this length, not in time: a machine that stands still for
/// seconds, with the server on it, takes one step.
const STEP: Duration = Duration::from_millis(500);

/// For so many steps the server may be silent before the relay closes its side, though it has not confirmed all that was sent.
const STEPS_UNCONFIRMED: u32 = 4;

/// For so many steps it may be silent then before it has closed its own side; and after a third of so many the relay closes its
/// side, after all of them the connection ends, also if the server goes on sending. A relay that stops has less time.
const OTHERWISE: (u32, u32) = (20, 60);
const AT_STOP: (u32, u32) = (4, 9);

/// The same for a relay that has lost the lead, and reads only.
const LEAD_LOST: (u32, u32) = (4, 8);

/// In so much time what had been received when the connection was lost is read. While the journal takes nothing at all, that time
/// does not pass; a server that hangs, and sends all the same, has it a few times.
const READ_THE_REST_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_TIMES_TO_READ: u32 = 3;

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
        tokio::select! {
            () = self.lease.sure() => {}
            () = close.cancelled() => {}
        }
        self.begin_to_end();
        self.say_goodbye(close).await;
        end
    }

    fn begin_to_end(&mut self) {
        self.ending = true;
        self.up.ending();
    }

    /// Handles what the server had sent before the connection was lost: the server believes that the relay has these
    /// invitations. Answers to pings count as well.
    async fn read_the_rest(&mut self) {
        self.begin_to_end();
        let mut times = 0;
        while times < MAX_TIMES_TO_READ {
            let (mut has_read, end) = (false, Instant::now() + READ_THE_REST_TIMEOUT);
            // Unconstrained: else "nothing is ready" may mean that this task has done enough for now.
            let rest = unconstrained(poll_fn(|cx| {
                // Commands are dropped, which tells the senders that the connection is lost.
                while let Poll::Ready(Some(_)) = self.commands.poll_recv(cx) {}
                loop {
                    match self.poll_read(cx) {
                        Poll::Ready(Ok(())) if Instant::now() < end => has_read = true,
                        Poll::Pending if self.waits_for_the_journal() => return Poll::Pending,
                        Poll::Ready(_) | Poll::Pending => return Poll::Ready(()),
                    }
                }
            }));
            if timeout_at(end, rest).await.is_ok() || !self.waits_for_the_journal() {
                return;
            }
            times += u32::from(has_read);
        }
    }

    /// Whether nothing is read because the journal takes nothing at present.
    fn waits_for_the_journal(&self) -> bool {
        self.paused && self.intake_is_open()
    }

    /// Whether incoming stanzas will be taken, now or later.
    fn intake_is_open(&self) -> bool {
        self.incoming.get_ref().is_some_and(|incoming| !incoming.is_closed())
    }

    /// Waits until all that was sent is confirmed, closes the relay's side, and reads until the server has closed its own, or is
    /// silent for some steps: fewer if the relay stops. While nothing is read because the journal takes nothing, the server is not silent: it waits as
    /// well, and what it holds back would be lost.
    async fn say_goodbye(&mut self, close: &CancellationToken) {
        let last = self.barrier().last(|| self.ids.next());
        if let Some((id, to)) = last {
            self.queue.push_back(ping(self.component, id, to).into());
        }
        let mut step = interval_at(Instant::now() + STEP, STEP);
        step.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut steps, mut silent, mut given_up, mut has_read) = (0, 0, false, false);
        // Unconstrained: else "nothing is taken in" may mean that this task has done enough for now.
        let server_has_closed = unconstrained(poll_fn(|cx| {
            loop {
                if !self.lease.is_sure() {
                    return Poll::Ready(false);
                }
                while let Some(stanza) = self.queue.pop_front() {
                    self.write(stanza);
                }
                // Some servers answer nothing once the stream has ended.
                let may_close = given_up || self.barrier().unconfirmed() == 0;
                let closed = if may_close {
                    self.stream.poll_end(cx).is_ready()
                } else {
                    let _ = self.stream.poll_flush(cx);
                    false
                };
                loop {
                    match self.poll_read(cx) {
                        Poll::Ready(Ok(())) => (silent, has_read) = (0, true),
                        Poll::Ready(Err(_)) => return Poll::Ready(true),
                        Poll::Pending if self.paused && closed && !self.intake_is_open() => {
                            return Poll::Ready(true);
                        }
                        Poll::Pending => break,
                    }
                }
                if step.poll_tick(cx).is_ready() {
                    if std::mem::take(&mut has_read) || !self.waits_for_the_journal() {
                        (steps, silent) = (steps + 1, silent + 1);
                    }
                    let (max_unclosed, max) = if close.is_cancelled() { AT_STOP } else { OTHERWISE };
                    if steps >= max || may_close && silent >= max_unclosed {
                        return Poll::Ready(false);
                    }
                    if !may_close && (silent >= STEPS_UNCONFIRMED || steps >= max / 3) {
                        (given_up, silent) = (true, 0);
                    }
                } else if may_close || self.barrier().unconfirmed() > 0 {
                    return Poll::Pending;
                }
            }
        }));
        if !server_has_closed.await {
            debug!("the server did not close its side of the stream");
        }
        if !self.lease.is_sure() {
            self.read_out().await;
        }
    }

    /// Another relay may work by now: nothing more is sent. Reads what the server has written, which believes that it was taken; closes
    /// the relay's side when nothing has come for a step, since a server may drop what it has not written by then; and reads on until the
    /// server has closed its own, or is silent for some steps.
    async fn read_out(&mut self) {
        let mut step = interval_at(Instant::now() + STEP, STEP);
        step.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (max_silent, max) = LEAD_LOST;
        let (mut steps, mut silent) = (0, 0);
        unconstrained(poll_fn(|cx| {
            loop {
                if silent > 0 || steps >= max / 2 {
                    let _ = self.stream.poll_hang_up(cx);
                }
                loop {
                    match self.poll_read(cx) {
                        Poll::Ready(Ok(())) => silent = 0,
                        Poll::Ready(Err(_)) => return Poll::Ready(()),
                        Poll::Pending => break,
                    }
                }
                if step.poll_tick(cx).is_pending() {
                    return Poll::Pending;
                }
                (steps, silent) = (steps + 1, silent + 1);
                if steps >= max || silent >= max_silent || !self.intake_is_open() {
                    return Poll::Ready(());
                }
            }
        }))
        .await;
    }
}
