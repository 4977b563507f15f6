//! Declines of invitations that came from a relay address: the contact's client answers through the room, which passes it
//! on to that address. Knows nothing of the invitations that were sent.

use jid::BareJid;

use super::parse::is_served;
use crate::relay::context::Context;
use crate::relay::limits::Answer;
use crate::relay::payload::readable;
use crate::wire::{Message, muc};

/// A decline, as the room passes it on. Whether the contact was invited is not known yet.
#[derive(Debug)]
pub(in crate::relay) struct Declined {
    pub(in crate::relay) room: BareJid,
    pub(in crate::relay) contact: BareJid,
    /// The address that it was sent to.
    pub(in crate::relay) relay_address: BareJid,
    pub(in crate::relay) reason: Option<String>,
}

/// The decline in a message. `None` if it comes from a MUC service that is not trusted, which could name anybody as the
/// contact, and if the contact sends too many.
pub(in crate::relay) fn declined(cx: &Context, message: &Message) -> Option<Declined> {
    let muc::Declined { room, to, contact, reason } = muc::declined(message)?;
    let ours = to.domain().as_str() == cx.link.component() && to.node().is_some();
    if !ours || !is_served(cx, room.as_str()) || cx.limits.load().answered(contact.as_str()) != Answer::Pass {
        return None;
    }
    let max_reason = cx.config.load().relay.max_reason;
    let reason = reason.and_then(|reason| readable(&reason, max_reason));
    Some(Declined { room, contact, relay_address: to, reason })
}
