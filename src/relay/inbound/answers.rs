//! Error answers to unexpected stanzas: chat messages and subscription requests to relay addresses. Without them the sender
//! would wait for somebody (RFC 6121 §8.1). Knows nothing of what becomes of invitations.

use tracing::debug;

use super::parse;
use crate::model::address;
use crate::relay::context::Context;
use crate::relay::limits::Answer;
use crate::wire::stanza::Presence;
use crate::wire::{Condition, Message, Stanza, StanzaError};

/// The answer to a message without an invitation. `None` for invitations, errors, messages of types that expect no answer,
/// senders on MUC services, and senders over the limit.
pub(in crate::relay) fn to_message(cx: &Context, message: &Message) -> Option<Stanza> {
    let from = message.from.as_deref()?;
    if is_parsed(cx, message, from) || matches!(message.type_.as_deref(), Some("error" | "headline")) {
        return None;
    }
    may_answer(cx, from, "a message without an invitation")?;
    Some(Stanza::Message(Message {
        from: message.to.clone(),
        to: message.from.clone(),
        id: message.id.clone(),
        type_: Some("error".to_owned()),
        error: error().into(),
        ..Message::default()
    }))
}

/// Whether [`parse()`](parse::parse) takes it, or it is a decline.
fn is_parsed(cx: &Context, message: &Message, from: &str) -> bool {
    let groupchat = message.type_.as_deref() == Some("groupchat");
    // What a user of ours sends in the place of a room is answered, since no room will. Elsewhere it may be a room.
    let user = from.contains('/') && cx.config.load().is_own_host(address::domain_of(from));
    let of_a_room = !user && message.muc_user.iter().any(|x| !x.invites.is_empty() || !x.declines.is_empty());
    // A direct invitation is not parsed if its sender's address is not canonical, or it names nobody.
    let names_somebody = || {
        let to = message.to.as_deref().and_then(|to| address::bare(to).ok());
        to.is_some_and(|to| to.node().is_some())
    };
    let direct = !message.conference.is_empty() && address::own(from).is_ok() && names_somebody();
    !groupchat && (of_a_room || direct)
}

/// The answer to a subscription request; `None` for other presences, and senders over the limit.
pub(in crate::relay) fn to_presence(cx: &Context, presence: &Presence) -> Option<Stanza> {
    if presence.type_.as_deref() != Some("subscribe") {
        return None;
    }
    may_answer(cx, presence.from.as_deref()?, "a subscription request")?;
    Some(Stanza::Presence(Presence {
        from: presence.to.clone(),
        to: presence.from.clone(),
        id: presence.id.clone(),
        type_: Some("error".to_owned()),
        error: error().into(),
        ..Presence::default()
    }))
}

fn error() -> StanzaError {
    StanzaError::new(Condition::ServiceUnavailable, None)
}

fn may_answer(cx: &Context, from: &str, what: &str) -> Option<()> {
    let (person, _) = address::split_resource(from);
    if address::domain_of(person) == cx.link.component() || parse::is_served(cx, person) {
        return None;
    }
    let answer = cx.limits.load().answered(person);
    debug!(from, answered = answer == Answer::Pass, "{what}: service-unavailable");
    (answer == Answer::Pass).then_some(())
}
