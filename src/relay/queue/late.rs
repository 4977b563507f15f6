//! What comes in when another relay has taken the lead: it is kept, and goes to that one. Knows nothing of how it gets there.

use tracing::debug;

use super::{MAX_STANZAS_AT_ONCE, Queue};
use crate::model::{LateArrival, clock};
use crate::relay::inbound::parse::{Parsed, parse};
use crate::wire::Stanza;

/// Invitations that are kept.
const MAX_LATE: usize = 4096;

impl Queue {
    /// The journal is closed. If another relay leads, reads the invitations that come in until the link has ended: that one is to have
    /// them.
    pub(super) async fn read_the_rest(mut self) -> Vec<LateArrival> {
        debug!("the journal is closed");
        self.running.abort_all();
        if self.cx.journal.lease().is_sure() {
            return Vec::new();
        }
        let mut taken = Vec::with_capacity(MAX_STANZAS_AT_ONCE);
        while self.late.len() < MAX_LATE && self.incoming.recv_many(&mut taken, MAX_STANZAS_AT_ONCE).await > 0
        {
            for (_, stanza) in taken.drain(..) {
                match stanza {
                    Stanza::Message(message) if message.type_.as_deref() != Some("error") => {
                        let read = parse(&self.cx, &message);
                        self.keep(read);
                    }
                    _ => {}
                }
            }
        }
        self.late
    }

    /// Keeps what the journal has not taken, as if it had come in while this relay led.
    pub(super) fn keep(&mut self, read: Vec<Parsed>) {
        let ended_for = i64::try_from(self.cx.journal.lease().ended_for().as_millis()).unwrap_or(i64::MAX);
        let received = clock::now().timestamp_millis().saturating_sub(ended_for);
        let admitted = read.into_iter().filter(|parsed| parsed.refused.is_none());
        self.late.extend(admitted.map(|Parsed { arrival, .. }| LateArrival {
            number: fastrand::i64(i64::MIN..0),
            received,
            arrival,
        }));
    }
}
