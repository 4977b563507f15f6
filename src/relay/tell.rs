//! Tells an inviter what became of his invitation, by the one way that reaches him. Knows nothing of why.

use super::words::Told;
use super::{Relay, case, message_id};
use crate::journal::Pending;
use crate::link::{AskError, DeliverError};
use crate::wire::{Message, Stanza, StanzaError, address, muc};

/// Tells the inviter: through the room, which alone knows a masked one (XEP-0045 §7.8.2), or, of what he has sent to us
/// himself and is not done, by an error. Of a part nothing is told: the whole is summed up.
///
/// # Errors
/// The link was lost: nobody knows whether he has been told.
pub(super) async fn tell(relay: &Relay, pending: &Pending, told: &Told) -> Result<(), AskError> {
    let arrival = &pending.arrival;
    let Ok(contact) = address::own(&arrival.contact) else { return Ok(()) };
    let Some(from) = case::relay_address_of(relay, &contact).filter(|_| arrival.parent.is_none()) else {
        return Ok(());
    };
    let message = if let (Some(origin), Some(condition)) = (&arrival.payload.origin, told.condition) {
        Message {
            from: Some(from.to_string()),
            to: Some(origin.sender.clone()),
            id: origin.message.clone(),
            type_: Some("error".to_owned()),
            error: StanzaError::new(condition, Some(&told.text)).into(),
            ..Message::default()
        }
    } else {
        let Ok(room) = address::own(&arrival.room) else { return Ok(()) };
        let id = message_id(relay.journal.instance(), pending.id);
        muc::decline(from.as_str(), &room, &arrival.inviter, &told.text, &id)
    };
    match relay.link.deliver(Stanza::Message(message)).await {
        Err(DeliverError::Lost) => Err(AskError::Lost),
        // The room is gone, or the inviter: nobody is left to be told.
        Ok(()) | Err(DeliverError::Bounced(_)) => Ok(()),
    }
}
