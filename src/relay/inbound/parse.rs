//! Parses the invitations in a message, and checks whether their sender is trusted and within the limits.
//! Knows nothing of what becomes of them.

use jid::BareJid;
use tracing::debug;

use crate::model::address;
use crate::model::{Arrival, Origin, Payload, Reason, Route};
use crate::relay::context::Context;
use crate::relay::fan_out::recipients;
use crate::relay::limits::Answer;
use crate::relay::payload;
use crate::wire::Message;
use crate::wire::direct::{self, DirectInvitation};
use crate::wire::muc::{self, Inviter, Mediated};

/// Longer ids of messages are not kept, so that they can't fill the journal.
const MAX_MESSAGE_ID_BYTES: usize = 256;

/// A longer text in place of a room's address is not kept.
const MAX_WRONG_ROOM_CHARACTERS: usize = 256;

/// An invitation as it was parsed.
#[derive(Debug)]
pub(in crate::relay) struct Parsed {
    pub(in crate::relay) arrival: Arrival,
    /// Why it is refused at once; `None` if it is admitted.
    pub(in crate::relay) refused: Option<Reason>,
}

/// The invitations in a message. Those over a limit of which the inviter has been told are left out.
pub(in crate::relay) fn parse(cx: &Context, message: &Message) -> Vec<Parsed> {
    let trusted = is_served(cx, message.from.as_deref().unwrap_or_default());
    let arrivals = match muc::mediated(message) {
        Ok(invitations) if invitations.is_empty() => return sent_to_us(cx, message).into_iter().collect(),
        Ok(invitations) => invitations.into_iter().map(|it| mediated(cx, it)).collect(),
        Err(malformed) => {
            debug!("a malformed invitation: {malformed}");
            vec![unreadable(message)]
        }
    };
    let read = |arrival: Arrival| {
        let answer = if trusted {
            cx.limits.load().received(&arrival.inviter, &arrival.room)
        } else {
            cx.limits.load().forged(address::domain_of(&arrival.room))
        };
        within_limits(cx, arrival, answer, trusted)
    };
    arrivals.into_iter().filter_map(read).collect()
}

/// A direct invitation from its inviter to a relay address. The inviter's server vouches for their identity, not for their
/// rights in the room.
fn sent_to_us(cx: &Context, message: &Message) -> Option<Parsed> {
    let Ok(invitation) = direct::direct(message) else {
        debug!(from = message.from, "a direct invitation that names no room");
        return nowhere(cx, message);
    };
    let arrival = direct(cx, message, invitation?)?;
    let trusted = is_served(cx, &arrival.room);
    let answer = if trusted {
        cx.limits.load().received_from(&arrival.inviter)
    } else {
        cx.limits.load().forged(address::domain_of(&arrival.inviter))
    };
    within_limits(cx, arrival, answer, trusted)
}

/// A direct invitation that names no valid room. It is recorded in the history, and its sender is told.
fn nowhere(cx: &Context, message: &Message) -> Option<Parsed> {
    let named = message.conference.first()?.jid.as_deref().unwrap_or_default().trim();
    // What is too long for any address is not a typing error.
    let room =
        if named.chars().count() > MAX_WRONG_ROOM_CHARACTERS { String::new() } else { named.to_owned() };
    let arrival = sent_by(cx, message, room, Payload::default())?;
    let answer = cx.limits.load().forged(address::domain_of(&arrival.inviter));
    (answer == Answer::Pass).then_some(Parsed { arrival, refused: Some(Reason::Malformed) })
}

fn within_limits(cx: &Context, arrival: Arrival, answer: Answer, trusted: bool) -> Option<Parsed> {
    if trusted && answer != Answer::Pass {
        cx.leftovers.note(&arrival, None);
    }
    match (answer, trusted) {
        (Answer::Pass, true) => Some(Parsed { arrival, refused: None }),
        (Answer::Over, true) => Some(Parsed { arrival, refused: Some(Reason::RateLimited) }),
        (Answer::Pass, false) => Some(Parsed { arrival, refused: Some(Reason::Untrusted) }),
        (Answer::StillOver, _) | (Answer::Over, false) => None,
    }
}

/// Whether a JID is a configured MUC service or an address on one. Only those are trusted to name the inviter: anybody else
/// could forge that.
pub(in crate::relay) fn is_served(cx: &Context, jid: &str) -> bool {
    cx.config.load().muc.serves(address::domain_of(jid))
}

/// What the journal keeps of a mediated invitation. If the relay address stands for nobody, it is kept as the contact.
fn mediated(cx: &Context, invitation: Mediated) -> Arrival {
    let (route, contact) = match address::contact_of(&invitation.relay_address) {
        Ok(contact) => (Route::Addressed, contact.to_string()),
        Err(_) => match several(cx, &invitation.relay_address) {
            Some(address) => (Route::FanOut, address.to_string()),
            None => (Route::Addressed, invitation.relay_address),
        },
    };
    Arrival {
        route,
        inviter: match invitation.inviter {
            Inviter::Person(person) => person.to_string(),
            Inviter::Occupant(nick) => format!("{}/{nick}", invitation.room),
        },
        room: invitation.room.to_string(),
        contact,
        payload: payload::taken(invitation.details, &cx.config.load().relay),
        parent: None,
    }
}

/// The relay address, normalised, if it stands for several people.
fn several(cx: &Context, relay_address: &str) -> Option<BareJid> {
    let address = address::bare(relay_address).ok()?;
    recipients::is_known(cx, address.node()?.as_str()).then_some(address)
}

/// What the journal keeps of a direct invitation; `None` as for [`sent_by`].
fn direct(cx: &Context, message: &Message, invitation: DirectInvitation) -> Option<Arrival> {
    let payload = payload::taken(invitation.details, &cx.config.load().relay);
    sent_by(cx, message, invitation.room.to_string(), payload)
}

/// What the journal keeps of a message from a person to a relay address; `None` if its sender is not a person, or its
/// recipient is not a relay address.
fn sent_by(cx: &Context, message: &Message, room: String, payload: Payload) -> Option<Arrival> {
    let (from, to) = (message.from.as_deref()?, message.to.as_deref()?);
    let inviter = address::own(from).ok()?;
    let ours = inviter.domain().as_str() == cx.link.component();
    if inviter.node().is_none() || ours || is_served(cx, inviter.as_str()) {
        return None;
    }
    let relay_address = address::bare(to).ok().filter(|to| to.node().is_some())?;
    // A relay address of a relay address is kept as it is: it stands for nobody.
    let contact = address::contact_of(relay_address.as_str())
        .ok()
        .filter(|contact| contact.domain().as_str() != cx.link.component());
    let message = message.id.clone().filter(|id| id.len() <= MAX_MESSAGE_ID_BYTES);
    let origin = Some(Origin { sender: from.to_owned(), message });
    Some(Arrival {
        route: Route::Direct,
        room,
        inviter: inviter.to_string(),
        contact: contact.unwrap_or(relay_address).to_string(),
        payload: Payload { origin, ..payload },
        parent: None,
    })
}

/// What the journal keeps of a malformed invitation.
fn unreadable(message: &Message) -> Arrival {
    let bare =
        |jid: &Option<String>| address::split_resource(jid.as_deref().unwrap_or_default()).0.to_owned();
    let inviter = message.muc_user.iter().flat_map(|x| &x.invites).find_map(|invite| invite.from.clone());
    Arrival {
        route: Route::Addressed,
        room: bare(&message.from),
        inviter: inviter.unwrap_or_default(),
        contact: bare(&message.to),
        payload: Payload::default(),
        parent: None,
    }
}
