//! The endings that an invitation can have. Knows nothing of what each one entails: see `settle/`.

use jid::BareJid;

use super::decide::lookalikes::Lookalikes;
use super::fan_out::summary::Summary;
use super::limits::Answer;
use crate::model::{Outcome, Reason, State};

/// How an invitation ends.
#[derive(Debug)]
pub(super) enum Ending {
    /// The server has taken it for the contact.
    Relayed {
        /// The address that the contact sees it come from.
        sent_as: BareJid,
        /// The look-alikes among room and inviter.
        lookalikes: Lookalikes,
    },
    /// It goes no further: the contact is in the room or has been invited already, or the inviter has been told of the limit.
    Silent(State, Reason),
    /// The contact does not want it. To the inviter it looks as if the contact did not answer.
    Unwanted {
        /// As the history shows it.
        state: State,
        /// As the history shows it.
        reason: Reason,
        /// The look-alikes among room and inviter.
        lookalikes: Lookalikes,
    },
    /// The inviter is told why it was not sent.
    Refused(Reason),
    /// The inviter is told why it did not reach the contact.
    Failed(Reason),
    /// It did not reach the contact in `relay.expiry`.
    Expired,
    /// The server has delivered it, or has passed on the direct invitation, and the relay learned of it later.
    DeliveredByServer(State, Option<Reason>),
    /// A fan-out all of whose parts have ended.
    Summarized(Summary),
    /// The inviter is over their limit and has been told so. No trace of it is kept, so that a flood can't fill the disk.
    Discarded,
}

/// An invitation that was settled.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    /// As its inviter sees it, the contact had been invited already.
    pub(super) repeated: bool,
}

/// Checks the answer of a limit.
///
/// # Errors
/// The ending, if it is over the limit: refused for the first in a period, `later` for those after it.
pub(super) fn within(answer: Answer, later: Ending) -> Result<(), Ending> {
    match answer {
        Answer::Pass => Ok(()),
        Answer::Over => Err(Ending::Refused(Reason::RateLimited)),
        Answer::StillOver => Err(later),
    }
}
