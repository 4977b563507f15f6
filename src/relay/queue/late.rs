//! What comes in when another relay has taken the lead: it is kept, and goes to that one. Knows nothing of how it gets there.

use tracing::warn;

use crate::model::{LateArrival, clock};
use crate::relay::context::Context;
use crate::relay::inbound::parse::Parsed;

/// Invitations that are kept.
const MAX_LATE: usize = 4096;

/// What is kept, in the order in which it came.
#[derive(Debug)]
pub(super) struct Late {
    arrivals: Vec<LateArrival>,
    /// The number of the next one.
    number: i64,
    /// When the lead ended: ms since 1970, UTC; the same for all, so that their numbers alone tell their order.
    ended: Option<i64>,
    /// How many were left out: refused, or too many.
    left_out: usize,
}

impl Late {
    pub(super) fn new() -> Self {
        // Random, so that no two relays give the same; and they count up, below zero.
        Self { arrivals: Vec::new(), number: fastrand::i64(i64::MIN..-(1 << 32)), ended: None, left_out: 0 }
    }

    /// Keeps what the journal was to write and has not confirmed. If it may have been written all the same, the relay that leads has sent
    /// it: for as long as the window lasts that one knows a duplicate, and later it is better lost than sent twice.
    pub(super) fn keep_unconfirmed(&mut self, cx: &Context, read: Vec<Parsed>) {
        let is_over = cx.journal.lease().ended_for() >= cx.config.load().relay.window;
        if is_over && cx.journal.writer_health().may_have_written() {
            warn!(
                count = read.len(),
                "it is not known whether these invitations were written down: not handed on"
            );
        } else {
            self.keep(cx, read);
        }
    }

    /// Keeps what has come in, as if it had when the lead ended.
    pub(super) fn keep(&mut self, cx: &Context, read: Vec<Parsed>) {
        let received = *self.ended.get_or_insert_with(|| {
            let ended_for = i64::try_from(cx.journal.lease().ended_for().as_millis()).unwrap_or(i64::MAX);
            clock::now().timestamp_millis().saturating_sub(ended_for)
        });
        for Parsed { arrival, refused, .. } in read {
            if refused.is_some() || self.arrivals.len() >= MAX_LATE {
                self.left_out += 1;
            } else {
                self.arrivals.push(LateArrival { number: self.number, received, arrival });
                self.number += 1;
            }
        }
    }

    /// What is to be handed on.
    pub(super) fn into_arrivals(self) -> Vec<LateArrival> {
        if self.left_out > 0 {
            let count = self.left_out;
            warn!(count, "invitations that came in late are lost: refused, over a limit, or too many");
        }
        self.arrivals
    }
}
