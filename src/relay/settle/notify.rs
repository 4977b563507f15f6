//! Tells an inviter what became of their invitation, through the room or by an error. Knows nothing of why it ended so.

use super::words::Told;
use crate::link::{AskError, DeliverError};
use crate::model::Pending;
use crate::model::address;
use crate::relay::context::Context;
use crate::relay::parties::relay_address_of;
use crate::wire::{Message, Stanza, StanzaError, muc};

/// Tells the inviter. A direct invitation that failed is answered with an error; else the room is sent a decline, since only
/// the room can reach an inviter who is known by nick (XEP-0045 §7.8.2). Nothing is sent for a part: the fan-out ends with
/// a summary.
///
/// # Errors
/// [`AskError::Lost`]: the link was lost, and it is unknown whether they have been told.
pub(in crate::relay) async fn notify(cx: &Context, row: &Pending, told: &Told) -> Result<(), AskError> {
    let arrival = &row.arrival;
    // An address that stands for nobody is answered from as it was written.
    let ours = address::domain_of(&arrival.contact) == cx.link.component();
    let from = relay_address_of(cx, arrival).map(|address| address.to_string());
    let Some(from) = from.or_else(|| ours.then(|| arrival.contact.clone())) else { return Ok(()) };
    if arrival.parent.is_some() {
        return Ok(());
    }
    let message = if let (Some(origin), Some(condition)) = (&arrival.payload.origin, told.condition) {
        Message {
            from: Some(from),
            to: Some(origin.sender.clone()),
            id: origin.message.clone(),
            type_: Some("error".to_owned()),
            error: StanzaError::new(condition, Some(&told.text)).into(),
            ..Message::default()
        }
    } else {
        let Ok(room) = address::own(&arrival.room) else { return Ok(()) };
        let id = cx.message_id(row.id);
        muc::decline(&from, &room, &arrival.inviter, &told.text, &id)
    };
    match cx.link.deliver(Stanza::Message(message)).await {
        Err(DeliverError::Lost) => Err(AskError::Lost),
        // The room is gone, or the inviter: nobody is left to be told.
        Ok(()) | Err(DeliverError::Bounced(_) | DeliverError::Unsendable) => Ok(()),
    }
}
