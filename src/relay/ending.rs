//! The endings that an invitation can have. What each one entails is in `settle/`.

use jid::BareJid;

use super::decide::lookalikes::Lookalikes;
use super::fan_out::summary::Summary;
use super::limits::Answer;
use crate::model::{Reason, State};

/// How an invitation ends.
#[derive(Debug)]
pub(super) enum Ending {
    /// The contact has it.
    Relayed {
        /// The address that the contact sees it come from.
        sent_as: BareJid,
        /// Of whom room and inviter remind the contact.
        lookalikes: Lookalikes,
    },
    /// Nobody is told: the contact is inside, has been invited already, or the inviter knows of the limit.
    Silent(State, Reason),
    /// The contact does not want it. The inviter sees what they would see of a contact who does not answer.
    Unwanted {
        /// As the history shows it.
        state: State,
        /// As the history shows it.
        reason: Reason,
        /// Of whom room and inviter remind the contact.
        lookalikes: Lookalikes,
    },
    /// The inviter is told why it was not sent.
    Refused(Reason),
    /// The inviter is told why it did not reach the contact.
    Failed(Reason),
    /// It did not reach the contact in `relay.expiry`.
    Expired,
    /// The server had delivered it, or has passed on the direct one, before the relay could know.
    DeliveredByServer(State, Option<Reason>),
    /// Everybody for whom it stands has been dealt with.
    Summarized(Summary),
    /// The inviter is over their limit and has been told so: no trace of it is kept, a flood must not fill the disk.
    Discarded,
}

/// Passes on what is within a limit. The first that is over it is refused, `later` is the ending of those behind it.
///
/// # Errors
/// The ending of what is over the limit.
pub(super) fn within(answer: Answer, later: Ending) -> Result<(), Ending> {
    match answer {
        Answer::Pass => Ok(()),
        Answer::Over => Err(Ending::Refused(Reason::RateLimited)),
        Answer::StillOver => Err(later),
    }
}
