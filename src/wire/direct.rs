//! XEP-0249: reads and writes direct invitations. Knows the one shape that all clients accept, not whether to send it.

use jid::BareJid;

use super::conference::Conference;
use super::hint::Hint;
use super::muc::{self, Details, Malformed, Password};
use super::stanza::Message;
use super::xml::{is_invisible, non_blank, without_forbidden};

/// A direct invitation, checked for shape.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectInvitation {
    /// The room.
    pub room: BareJid,
    /// Reason, password and thread.
    pub details: Details,
}

/// The direct invitation in a message: of several the first that names a room. None beside a mediated one from a bare
/// address (a room's: that one is to be believed), and none in errors and groupchat messages.
///
/// # Errors
///
/// If none names a room: what is wrong with the first.
pub fn direct(message: &Message) -> Result<Option<DirectInvitation>, Malformed> {
    let mediated = message.muc_user.iter().any(|x| !x.invites.is_empty())
        && !message.from.as_deref().unwrap_or_default().contains('/');
    if mediated || matches!(message.type_.as_deref(), Some("error" | "groupchat")) {
        return Ok(None);
    }
    let mut wrong = None;
    for x in &message.conference {
        match room_meant(x.jid.as_deref().unwrap_or_default()) {
            Ok((room, password)) => {
                let details = Details {
                    reason: non_blank(x.reason.clone()),
                    password: x.password.clone().or(password),
                    thread: x.thread.clone(),
                    continues: x.continue_,
                    language: message.language().unwrap_or_default(),
                };
                return Ok(Some(DirectInvitation { room, details }));
            }
            Err(error) => {
                wrong.get_or_insert(error);
            }
        }
    }
    wrong.map_or(Ok(None), Err)
}

/// The room that somebody means who writes an occupant's address, a link (RFC 5122) or spaces in place of the room's
/// address; and the password that stands in a link (XEP-0045 §17).
fn room_meant(text: &str) -> Result<(BareJid, Option<Password>), Malformed> {
    let not_a_room = || Malformed::NotARoom(text.to_owned());
    let text = text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c));
    let link = text.get(..URI_SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(URI_SCHEME));
    let (address, query) = if link {
        let link = text[URI_SCHEME.len()..].split('#').next().unwrap_or_default();
        link.split_once('?').unwrap_or((link, ""))
    } else {
        (text, "")
    };
    let address = if link { without_authority(address) } else { address };
    let decode = |part: &str| {
        // Somebody may have encoded all of an address that is no link.
        if link || !text.contains('@') { percent_decoded(part) } else { Some(part.to_owned()) }
    };
    let (localpart, domain) = if let Some((localpart, rest)) = address.split_once('@') {
        let domain = rest.split(['/', '?', '#']).next().unwrap_or_default();
        (decode(localpart), decode(domain))
    } else {
        let decoded = decode(address.split('/').next().unwrap_or_default()).ok_or_else(not_a_room)?;
        let (localpart, domain) = decoded.split_once('@').ok_or_else(not_a_room)?;
        (Some(localpart.to_owned()), Some(domain.to_owned()))
    };
    let (Some(localpart), Some(domain)) = (localpart, domain) else { return Err(not_a_room()) };
    let room = muc::room(&format!("{localpart}@{}", domain.trim_end()))?;
    let password = query.split(';').find_map(|pair| pair.strip_prefix("password="));
    Ok((room, password.and_then(percent_decoded).and_then(Password::new)))
}

/// The scheme of an address that is written as a link (RFC 5122).
const URI_SCHEME: &str = "xmpp:";

/// The address in a link, without the account that is to be used for it (RFC 5122 §2.3: `//me@example.org/room@…`).
fn without_authority(link: &str) -> &str {
    let address = link.trim_start_matches('/');
    match address.split_once('/') {
        Some((_, path)) if link.starts_with("//") && path.contains('@') => path,
        _ => address,
    }
}

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
