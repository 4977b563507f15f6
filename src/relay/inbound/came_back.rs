//! A server's module tells of an error that went to an inviter: the relay had sent the invitation in their name, so the
//! error does not come to the relay by itself. Knows nothing of what becomes of a bounce.

use tracing::debug;

use crate::model::address;
use crate::relay::context::Context;
use crate::relay::settle::bounce::Bounce;
use crate::wire::handover;
use crate::wire::{Condition, Iq};

/// What a module has told.
pub(in crate::relay) struct Told {
    /// `None` if it is not about a message of this journal, or the sender is not believed.
    pub(in crate::relay) bounce: Option<Bounce>,
    /// The answer for the module, to be sent when the bounce is on the disk.
    pub(in crate::relay) answer: Iq,
}

/// What a module tells; `None` if the IQ is something else. Believed is the inviter's own host, if it is a host of this
/// server: what was granted on this connection does not matter, since a module tells at once when the relay connects.
pub(in crate::relay) fn parse(cx: &Context, question: &Iq) -> Option<Told> {
    let came_back = handover::came_back(question)?;
    let (host, _) = address::split_resource(question.from.as_deref().unwrap_or_default());
    if !cx.config.load().is_own_host(host) {
        debug!(host, "somebody else tells of an error");
        return Some(Told { bounce: None, answer: Iq::error_to(question, Condition::Forbidden) });
    }
    let bounce = || {
        let id = cx.invitation_of(came_back.id.as_deref()?)?;
        let contact = address::bare(came_back.from.as_deref()?).ok()?;
        let inviter = address::bare(came_back.to.as_deref()?).ok()?;
        (inviter.domain().as_str() == host).then(|| Bounce {
            id,
            contact: contact.to_string(),
            sent_as: inviter.to_string(),
        })
    };
    Some(Told { bounce: bounce(), answer: Iq::result_to(question) })
}
