//! Parses the invitations in a message, and checks whether their sender is trusted and within the limits.
//! Knows nothing of what becomes of them.

use jid::BareJid;
use tracing::debug;

use crate::model::address;
use crate::model::{Arrival, Origin, Payload, Reason, Route};
use crate::relay::context::Context;
use crate::relay::fan_out::recipients;
use crate::relay::limits::Answer;
use crate::relay::parties::Parties;
use crate::relay::payload;
use crate::wire::Message;
use crate::wire::direct::{self, DirectInvitation};
use crate::wire::muc::{self, Inviter, Mediated};

/// Longer ids of messages are not kept, so that they can't fill the journal.
const MAX_MESSAGE_ID_BYTES: usize = 256;

/// A longer text in place of a room's address is not kept.
const MAX_WRONG_ROOM_CHARACTERS: usize = 256;

/// No address is longer (RFC 7622 §3.1: three parts of 1023 bytes); what is longer is cut.
const MAX_ADDRESS_BYTES: usize = 3071;

/// An invitation as it was parsed.
#[derive(Debug)]
pub(in crate::relay) struct Parsed {
    pub(in crate::relay) arrival: Arrival,
    /// Who invites whom to which room, where the message tells it all.
    pub(in crate::relay) parties: Option<Parties>,
    /// Why it is refused at once; `None` if it is admitted.
    pub(in crate::relay) refused: Option<Reason>,
    /// Who is told of a refusal.
    pub(in crate::relay) told: WhoIsTold,
}

/// Who is told that an invitation is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::relay) enum WhoIsTold {
    /// The inviter, for whom the sender vouches.
    Inviter,
    /// The room that sent it: it is not trusted, and may name anybody as the inviter.
    Room,
    /// Nobody: its sender is not trusted and no room.
    Nobody,
}

/// The invitations in a message. Those over a limit of which the inviter has been told are left out.
pub(in crate::relay) fn parse(cx: &Context, message: &Message) -> Vec<Parsed> {
    let trusted = is_served(cx, message.from.as_deref().unwrap_or_default());
    let (arrivals, untrusted): (Vec<_>, _) = match muc::mediated(message) {
        Ok(invitations) if invitations.is_empty() => return sent_to_us(cx, message).into_iter().collect(),
        Ok(invitations) => (invitations.into_iter().map(|it| mediated(cx, it)).collect(), WhoIsTold::Room),
        // A person's client that sends both kinds in one: only a room can send the mediated one.
        Err(_) if !trusted && is_from_a_person(message) => {
            return sent_to_us(cx, message).into_iter().collect();
        }
        Err(malformed) => {
            debug!("a malformed invitation: {malformed}");
            (vec![Taken { arrival: unreadable(message), parties: None, fits: true }], WhoIsTold::Nobody)
        }
    };
    let read = |taken: Taken| {
        let Arrival { inviter, room, .. } = &taken.arrival;
        let answer =
            if trusted { cx.limits.load().received(inviter, room) } else { cx.limits.load().forged(room) };
        within_limits(cx, taken, answer, trusted, if trusted { WhoIsTold::Inviter } else { untrusted })
    };
    arrivals.into_iter().filter_map(read).collect()
}

/// What the journal keeps of an invitation.
struct Taken {
    arrival: Arrival,
    /// See [`Parsed::parties`].
    parties: Option<Parties>,
    /// See [`payload::fits`].
    fits: bool,
}

/// Whether a direct invitation came from a full JID. Rooms send from bare ones.
fn is_from_a_person(message: &Message) -> bool {
    !message.conference.is_empty() && message.from.as_deref().is_some_and(|from| from.contains('/'))
}

/// A direct invitation from its inviter to a relay address. The inviter's server vouches for their identity, not for their
/// rights in the room.
fn sent_to_us(cx: &Context, message: &Message) -> Option<Parsed> {
    let Ok(invitation) = direct::direct(message) else {
        debug!(from = message.from, "a direct invitation that names no room");
        return nowhere(cx, message);
    };
    let taken = direct(cx, message, invitation?)?;
    let Arrival { inviter, room, .. } = &taken.arrival;
    let trusted = is_served(cx, room);
    let answer = cx.limits.load().received_from(inviter);
    within_limits(cx, taken, answer, trusted, WhoIsTold::Inviter)
}

/// A direct invitation that names no valid room. It is recorded in the history, and its sender is told.
fn nowhere(cx: &Context, message: &Message) -> Option<Parsed> {
    let named = message.conference.first()?.jid.as_deref().unwrap_or_default().trim();
    // What is too long for any address is not a typing error.
    let room =
        if named.chars().count() > MAX_WRONG_ROOM_CHARACTERS { String::new() } else { named.to_owned() };
    let arrival = sent_by(cx, message, room, unread(message))?;
    let answer = cx.limits.load().received_from(&arrival.inviter);
    let (refused, told) = (Some(Reason::Malformed), WhoIsTold::Inviter);
    (answer == Answer::Pass).then_some(Parsed { arrival, parties: None, refused, told })
}

fn within_limits(
    cx: &Context,
    Taken { arrival, parties, fits }: Taken,
    answer: Answer,
    trusted: bool,
    told: WhoIsTold,
) -> Option<Parsed> {
    // No job looks at its room.
    if trusted && (answer != Answer::Pass || !fits) {
        cx.leftovers.note(&arrival.room, &arrival.contact, &arrival.inviter, None);
    }
    let refused = match (answer, trusted) {
        (Answer::Pass, true) => (!fits).then_some(Reason::Unsendable),
        (Answer::Over, true) => Some(Reason::RateLimited),
        (Answer::Pass, false) => Some(Reason::Untrusted),
        (Answer::StillOver, _) | (Answer::Over, false) => return None,
    };
    Some(Parsed { arrival, parties, refused, told })
}

/// Whether a JID is a configured MUC service or an address on one. Only those are trusted to name the inviter: anybody else
/// could forge that.
pub(in crate::relay) fn is_served(cx: &Context, jid: &str) -> bool {
    cx.config.load().muc.serves(address::domain_of(jid))
}

/// What the journal keeps of a mediated invitation. If the relay address stands for nobody, it is kept as the contact.
fn mediated(cx: &Context, invitation: Mediated) -> Taken {
    let Mediated { room, relay_address, device, inviter, details } = invitation;
    let config = cx.config.load();
    let fits = payload::fits(&details, &config.relay);
    let mut payload = payload::taken(details, &config.relay);
    let written = address::own(&relay_address).ok();
    let person = written.as_ref().and_then(|written| address::contact_behind(written).ok());
    let (route, contact) = match (written, &person) {
        (Some(written), Some(person)) => {
            payload.addressed = addressed_as(cx, person, &written, device.as_deref());
            (Route::Addressed, person.to_string())
        }
        (Some(written), None) if stands_for_several(cx, &written) => (Route::FanOut, written.to_string()),
        _ => (Route::Addressed, cut(relay_address)),
    };
    let named = cut(match &inviter {
        Inviter::Person(person) => person.to_string(),
        Inviter::Occupant(nick) => format!("{room}/{nick}"),
    });
    let arrival = Arrival { route, inviter: named, room: room.to_string(), contact, payload, parent: None };
    let parties = match (person, inviter) {
        (Some(contact), inviter @ Inviter::Person(_)) => Some(Parties::new(room, contact, inviter)),
        _ => None,
    };
    Taken { arrival, parties, fits }
}

/// The relay address of one contact, normalised, if it says more than who they are.
fn addressed_as(
    cx: &Context,
    contact: &BareJid,
    written: &BareJid,
    device: Option<&str>,
) -> Option<Box<str>> {
    if let Some(device) = device.filter(|device| address::is_resource(device)) {
        return Some(format!("{written}/{device}").into());
    }
    let usual = address::is_relay_address_of(written, contact, cx.link.component());
    (!usual).then(|| written.as_str().into())
}

/// Whether a relay address stands for several people.
fn stands_for_several(cx: &Context, relay_address: &BareJid) -> bool {
    relay_address.node().is_some_and(|name| recipients::is_known(cx, name.as_str()))
}

/// What the journal keeps of a direct invitation; `None` as for [`sent_by`].
fn direct(cx: &Context, message: &Message, invitation: DirectInvitation) -> Option<Taken> {
    let config = cx.config.load();
    let fits = payload::fits(&invitation.details, &config.relay);
    let payload = payload::taken(invitation.details, &config.relay);
    let arrival = sent_by(cx, message, invitation.room.to_string(), payload)?;
    Some(Taken { arrival, parties: None, fits })
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
    // One that normalising changes stands for nobody, and is kept to be refused.
    let relay_address = address::bare(to).ok().filter(|to| to.node().is_some())?;
    let (written, device) = address::split_resource(to);
    // A relay address of a relay address is kept as it is: it stands for nobody.
    let own = address::own(written).ok();
    let contact = own
        .as_ref()
        .and_then(|own| address::contact_behind(own).ok())
        .filter(|contact| contact.domain().as_str() != cx.link.component());
    let addressed = contact.as_ref().zip(own.as_ref());
    let addressed = addressed.and_then(|(contact, own)| addressed_as(cx, contact, own, device));
    let contact = match contact {
        Some(contact) => contact.to_string(),
        None if own.is_some() => relay_address.to_string(),
        None => written.to_owned(),
    };
    let message = message.id.clone().filter(|id| id.len() <= MAX_MESSAGE_ID_BYTES);
    let origin = Some(Origin { sender: from.to_owned(), message });
    Some(Arrival {
        route: Route::Direct,
        room,
        inviter: inviter.to_string(),
        contact,
        payload: Payload { origin, addressed, ..payload },
        parent: None,
    })
}

/// What the journal keeps of a malformed invitation.
fn unreadable(message: &Message) -> Arrival {
    let bare =
        |jid: &Option<String>| cut(address::split_resource(jid.as_deref().unwrap_or_default()).0.to_owned());
    let inviter = message.muc_user.iter().flat_map(|x| &x.invites).find_map(|invite| invite.from.clone());
    Arrival {
        route: Route::Addressed,
        room: bare(&message.from),
        inviter: cut(inviter.unwrap_or_default()),
        contact: bare(&message.to),
        payload: unread(message),
        parent: None,
    }
}

/// At most [`MAX_ADDRESS_BYTES`] of a text that stands in the place of an address.
fn cut(mut address: String) -> String {
    address.truncate(address.floor_char_boundary(MAX_ADDRESS_BYTES));
    address
}

/// The payload where only the language can be read.
fn unread(message: &Message) -> Payload {
    Payload { language: message.language().unwrap_or_default(), ..Payload::default() }
}
