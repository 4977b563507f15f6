//! Tells an inviter what became of their invitation, by the one way that reaches them. Knows nothing of why.

use super::words::Told;
use crate::link::{AskError, DeliverError};
use crate::model::Pending;
use crate::model::address;
use crate::relay::context::Context;
use crate::relay::parties::relay_address_of;
use crate::wire::{Message, Stanza, StanzaError, muc};

/// Tells the inviter: through the room, which alone knows an occupant by their nick (XEP-0045 §7.8.2), or, of what they have
/// sent to the relay themselves and is not done, by an error. Of a part nothing is told: the whole is summed up.
///
/// # Errors
/// The link was lost: nobody knows whether they have been told.
pub(in crate::relay) async fn notify(cx: &Context, row: &Pending, told: &Told) -> Result<(), AskError> {
    let arrival = &row.arrival;
    let Ok(contact) = address::own(&arrival.contact) else { return Ok(()) };
    let Some(from) = relay_address_of(cx, &contact).filter(|_| arrival.parent.is_none()) else {
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
        let id = cx.message_id(row.id);
        muc::decline(from.as_str(), &room, &arrival.inviter, &told.text, &id)
    };
    match cx.link.deliver(Stanza::Message(message)).await {
        Err(DeliverError::Lost) => Err(AskError::Lost),
        // The room is gone, or the inviter: nobody is left to be told.
        Ok(()) | Err(DeliverError::Bounced(_)) => Ok(()),
    }
}
