//! What the server's module knows of an invitation that it has handed over.
//! Knows nothing of how it is asked.

use crate::link::Epoch;

/// What the module has heard.
#[derive(Debug, Default)]
pub(in crate::relay) struct Module {
    /// The connection by which it learned that the invitation is the relay's, or by which it was asked.
    heard_by: Option<Epoch>,
    /// How often it did not answer.
    unanswered: u8,
}

impl Module {
    /// The module hears of the invitation by this connection.
    pub(in crate::relay) fn hears_by(&mut self, connection: Epoch) {
        self.heard_by = Some(connection);
    }

    /// The connection by which it has heard last.
    pub(in crate::relay) fn heard_by(&self) -> Option<Epoch> {
        self.heard_by
    }

    pub(super) fn has_heard_by(&self, connection: Epoch) -> bool {
        self.heard_by == Some(connection)
    }

    /// Records that it did not answer. Returns how often by now.
    pub(super) fn has_not_answered(&mut self) -> u8 {
        self.unanswered = self.unanswered.saturating_add(1);
        self.unanswered
    }
}
