//! XEP-0249: reads and writes direct invitations. Knows the one shape that all clients accept, not whether to send it.

use jid::BareJid;

use super::conference::Conference;
use super::hint::Hint;
use super::muc::{self, Details, Malformed, Password};
use super::stanza::Message;
use super::xml::{non_blank, without_forbidden};

/// A direct invitation, checked for shape.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectInvitation {
    /// The room.
    pub room: BareJid,
    /// Reason, password and thread.
    pub details: Details,
}

/// The direct invitation in a message. `None` if a mediated one stands beside it, which counts then, and in messages of
/// type `error` and `groupchat`.
///
/// # Errors
///
/// [`Malformed::NotARoom`] or [`Malformed::Address`]: it does not name a room.
pub fn direct(message: &Message) -> Result<Option<DirectInvitation>, Malformed> {
    let mediated = message.muc_user.iter().any(|x| !x.invites.is_empty());
    if mediated || matches!(message.type_.as_deref(), Some("error" | "groupchat")) {
        return Ok(None);
    }
    let Some(x) = message.conference.first() else {
        return Ok(None);
    };
    Ok(Some(DirectInvitation {
        room: room_meant(x.jid.as_deref().unwrap_or_default())?,
        details: Details {
            reason: non_blank(x.reason.clone()),
            password: x.password.clone(),
            thread: x.thread.clone(),
            continues: x.continue_,
        },
    }))
}

/// The room of an invitation. Some clients write an occupant's address, a link (RFC 5122) or spaces around the address.
fn room_meant(text: &str) -> Result<BareJid, Malformed> {
    let not_a_room = || Malformed::NotARoom(text.to_owned());
    let text = text.trim();
    let scheme = text.get(..URI_SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(URI_SCHEME));
    let address = if scheme { text[URI_SCHEME.len()..].trim_start_matches('/') } else { text };
    let (localpart, rest) = address.split_once('@').ok_or_else(not_a_room)?;
    let domain = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let [localpart, domain] =
        [localpart, domain].map(|part| if scheme { percent_decoded(part) } else { Some(part.to_owned()) });
    let (Some(localpart), Some(domain)) = (localpart, domain) else { return Err(not_a_room()) };
    muc::room(&format!("{localpart}@{}", domain.trim_end()))
}

/// The scheme of an address that is written as a link (RFC 5122).
const URI_SCHEME: &str = "xmpp:";

/// Decodes percent-encoding (RFC 3986 §2.1); `None` if the result is not UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// A direct invitation in the one shape that all clients accept: type `normal`, the `<x/>` first, no body.
///
/// Characters that XML forbids are removed from the texts. `from` and `to` are bare JIDs.
#[must_use]
pub fn compose(
    from: &str,
    to: &str,
    id: &str,
    room: &BareJid,
    details: &Details,
    hint: Option<Hint>,
) -> Message {
    let password = details.password.as_ref().map(|it| without_forbidden(it.expose()));
    let x = Conference {
        jid: Some(room.to_string()),
        reason: details.reason.as_deref().map(without_forbidden),
        password: password.and_then(Password::new),
        continue_: details.continues,
        thread: details.thread.as_deref().map(without_forbidden),
    };
    Message {
        from: Some(from.to_owned()),
        to: Some(to.to_owned()),
        id: Some(id.to_owned()),
        type_: Some("normal".to_owned()),
        conference: vec![x],
        hints: hint.into_iter().collect(),
        ..Message::default()
    }
}
