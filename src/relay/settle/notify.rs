//! Tells an inviter what became of their invitation. Knows nothing of why it ended so.

use jid::BareJid;
use tracing::debug;

use super::words::{About, Told};
use crate::link::{AskError, DeliverError};
use crate::model::address;
use crate::model::{Arrival, Language, Origin, Pending};
use crate::relay::context::Context;
use crate::relay::parties::{is_a_person, nick_of, reaches_the_inviter, relay_address_of};
use crate::wire::body::Body;
use crate::wire::hint::Hint;
use crate::wire::{Condition, Message, Stanza, StanzaError, muc};

/// Servers keep it for an inviter who is away, but in no archive, from which each new client would show it again.
const ARCHIVE_HINT: Hint = Hint::NoPermanentStore;

/// Tells the inviter by an ordinary message from the relay address that they invited. `person`: their address, if the room
/// names them by nick alone and it was found out.
///
/// - If it was not, a refusal goes to the room as a decline, since only the room can reach them (XEP-0045 §7.8.2). Some
///   clients can't take declines, so nothing else does.
/// - The sender of a direct invitation that was refused gets an error as well, for programs.
/// - Nothing is sent where it would not reach them: see [`reaches_the_inviter`].
///
/// # Errors
/// [`AskError::Lost`]: the link was lost, and it is unknown whether they have been told.
pub(in crate::relay) async fn notify(
    cx: &Context,
    row: &Pending,
    person: Option<&BareJid>,
    told: &Told,
) -> Result<(), AskError> {
    if reaches_the_inviter(&row.arrival) { tell(cx, row, person, told).await } else { Ok(()) }
}

/// [`notify`], for a part as well.
///
/// # Errors
/// See [`notify`].
pub(super) async fn tell(
    cx: &Context,
    row: &Pending,
    person: Option<&BareJid>,
    told: &Told,
) -> Result<(), AskError> {
    let arrival = &row.arrival;
    let Some(from) = from(cx, arrival) else { return Ok(()) };
    let (language, about) = (arrival.payload.language, about(cx, arrival));
    if let (Some(origin), Some(condition)) = (&arrival.payload.origin, told.condition()) {
        let error = error(&from, origin, condition, &told.text(language, about));
        cx.link.post(in_language(language, error)).await;
    }
    let message = match inviter(arrival, person) {
        Some(person) if is_a_person(cx, &person) => {
            Some(notice(&from, &person, &told.notice(language, about), id(cx, row)))
        }
        None if told.may_be_a_decline() => decline(&from, arrival, &told.text(language, about), &id(cx, row)),
        Some(_) | None => None,
    };
    let Some(message) = message else {
        debug!(
            id = row.id,
            inviter = arrival.inviter,
            "there is no way to tell the inviter what became of it"
        );
        return Ok(());
    };
    match cx.link.deliver(in_language(language, message)).await {
        Err(DeliverError::Lost) => Err(AskError::Lost),
        // The room is gone, or the inviter: nobody is left to be told.
        Ok(()) | Err(DeliverError::Bounced(_) | DeliverError::Unsendable) => Ok(()),
    }
}

/// Answers a room that is not trusted, by a decline. It may name anybody as the inviter, so nobody but the room itself is
/// sent anything.
pub(in crate::relay) async fn answer_room(cx: &Context, row: &Pending, told: &Told) {
    let Some(from) = from(cx, &row.arrival) else { return };
    let language = row.arrival.payload.language;
    let text = told.text(language, about(cx, &row.arrival));
    if let Some(decline) = decline(&from, &row.arrival, &text, &id(cx, row)) {
        cx.link.post(in_language(language, decline)).await;
    }
}

/// The relay address that was invited; `None` if its contact's address is none, or too long. An address that stands for
/// nobody answers as it was written.
fn from(cx: &Context, arrival: &Arrival) -> Option<String> {
    let ours = address::domain_of(&arrival.contact) == cx.link.component();
    let address = relay_address_of(cx, arrival).map(|address| address.to_string());
    address.or_else(|| ours.then(|| arrival.contact.clone()))
}

fn about<'a>(cx: &'a Context, arrival: &'a Arrival) -> About<'a> {
    About { contact: &arrival.contact, room: &arrival.room, component: cx.link.component() }
}

fn in_language(language: Language, message: Message) -> Stanza {
    Stanza::Message(Message { lang: Some(language.as_str().to_owned()), ..message })
}

/// Differs from that of the invitation, so that an error about it is none about the invitation.
fn id(cx: &Context, row: &Pending) -> String {
    format!("{}-told", cx.message_id(row.id))
}

/// The inviter's address, if it is known.
fn inviter(arrival: &Arrival, found_out: Option<&BareJid>) -> Option<BareJid> {
    match nick_of(&arrival.inviter) {
        Some(_) => found_out.cloned(),
        None => address::own(&arrival.inviter).ok(),
    }
}

fn notice(from: &str, to: &BareJid, text: &str, id: String) -> Message {
    Message {
        from: Some(from.to_string()),
        to: Some(to.to_string()),
        id: Some(id),
        type_: Some("normal".to_owned()),
        body: Body::new(text).into(),
        hints: vec![ARCHIVE_HINT],
        ..Message::default()
    }
}

fn error(from: &str, origin: &Origin, condition: Condition, text: &str) -> Message {
    Message {
        from: Some(from.to_string()),
        to: Some(origin.sender.clone()),
        id: origin.message.clone(),
        type_: Some("error".to_owned()),
        error: StanzaError::new(condition, Some(text)).into(),
        ..Message::default()
    }
}

fn decline(from: &str, arrival: &Arrival, text: &str, id: &str) -> Option<Message> {
    let room = address::own(&arrival.room).ok().filter(|_| !arrival.inviter.is_empty())?;
    Some(muc::decline(from, &room, &arrival.inviter, text, id))
}
