//! What is due on a connection at regular intervals: pings while it is idle, and whether the server hangs. Knows nothing of how a
//! connection ends.

use std::time::Duration;

use tokio::time::Instant;
use tracing::error;

use super::patience::Patience;
use super::session::{Connection, ping};

/// If this is called so late, the machine or this process has stood still.
const STANDS_STILL_AFTER: Duration = Duration::from_secs(3);

/// How much later than with nothing before it an answer to a ping may be, for each unconfirmed stanza and for all.
const MAX_TIME_FOR_A_STANZA: Duration = Duration::from_millis(20);
const MAX_TIME_FOR_ALL: Duration = Duration::from_secs(20);

/// How long an answer to a ping may take while stanzas come in: it may wait behind them.
const PING_TIMEOUT_WHILE_READING: Duration = Duration::from_secs(300);

impl Connection<'_> {
    /// What is due at each interval. Returns the time for which a ping had no answer, if that is too long.
    pub(super) fn pulse(&mut self) -> Option<Duration> {
        let is_up = self.barrier().is_up();
        let patience = Patience::with_others(is_up && self.siblings.are_several());
        self.siblings.pending_iqs().prune();
        let unconfirmed = self.barrier().unconfirmed();
        self.up.metrics.set_queue_lengths(unconfirmed, self.queue.len() + self.commands.len());
        self.go_up(false);
        self.privileges.shared().expire(&self.up.trouble);
        // A machine that stood still may have stood still with the server on it.
        let stood_still =
            std::mem::replace(&mut self.last_pulse, Instant::now()).elapsed() > STANDS_STILL_AFTER;
        if self.paused || stood_still {
            self.barrier().not_reading();
            self.last_read = Instant::now();
        }
        let silent = self.last_read.elapsed();
        // A node that stores messages for those who are away takes its time for each that stands before the ping.
        let work =
            (MAX_TIME_FOR_A_STANZA * u32::try_from(unconfirmed).unwrap_or(u32::MAX)).min(MAX_TIME_FOR_ALL);
        let (slow, hangs) = (patience.slow + work, patience.hangs + work);
        self.queue_pings(silent > patience.idle, patience.again);
        let waiting = self.barrier().waiting_since().map(|since| since.elapsed()).unwrap_or_default();
        self.up.is_slow(waiting > slow && silent > slow);
        let reading = is_up && silent <= hangs;
        let timeout = if reading { PING_TIMEOUT_WHILE_READING } else { hangs };
        let has_no_answer = waiting > timeout;
        if has_no_answer && !is_up {
            error!(
                "none of the server's hosts answers a ping. Is the parent domain of the component, or one of \
                 muc.services, a host of this server?"
            );
        }
        has_no_answer.then_some(timeout)
    }

    fn queue_pings(&mut self, idle: bool, again: Duration) {
        let mut barrier = self.siblings.barrier(self.epoch);
        let mut due: Vec<_> = idle.then(|| barrier.ping(|| self.ids.next())).flatten().into_iter().collect();
        due.extend(barrier.probe_again(|| self.ids.next()));
        due.extend(barrier.again(again, || self.ids.next()));
        self.queue.extend(due.into_iter().map(|(id, to)| ping(self.component, id, to).into()));
    }
}
