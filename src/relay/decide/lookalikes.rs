//! The look-alikes among an invitation's addresses (XEP-0249 §5, the third attack), and the warning about them.
//! Knows nothing of how they are found.

use tracing::warn;

use crate::model::Pending;
use crate::wire::confusable::for_log;

/// An address, and the one that it looks like, which the contact knows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Lookalike {
    jid: String,
    known: String,
}

/// The look-alikes among an invitation's addresses.
#[derive(Debug, Clone, Default)]
pub(in crate::relay) struct Lookalikes(Vec<Lookalike>);

impl Lookalikes {
    /// Records that `jid` looks like `known`, which the contact knows.
    pub(super) fn push(&mut self, jid: String, known: String) {
        self.0.push(Lookalike { jid, known });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Warns of look-alikes in an invitation that was passed on.
    pub(in crate::relay) fn warn_of_relayed(&self, invitation: &Pending) {
        self.warn(invitation, "it was passed on");
    }

    /// Warns of look-alikes in an invitation that was dropped.
    pub(in crate::relay) fn warn_of_dropped(&self, invitation: &Pending) {
        self.warn(invitation, "it was dropped");
    }

    fn warn(&self, invitation: &Pending, what: &str) {
        for Lookalike { jid, known } in &self.0 {
            let [jid, known] = [jid, known].map(|jid| for_log(jid));
            warn!(
                id = invitation.id,
                contact = invitation.arrival.contact,
                "{jid} looks like {known}, which the contact knows: {what}",
            );
        }
    }
}
